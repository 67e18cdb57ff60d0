/**
 * The blocks of all threads as Prometheus text, and as rows of stages for pages. The only door to prom-client, whose
 * metrics live as long as one rendering: the blocks are what counts, nothing is counted twice.
 *
 * Cost: some 2 ms for three threads; a scrape every few seconds.
 */

import { Counter, Gauge, type Metric, Registry } from 'prom-client'
import {
  M,
  METRICS,
  type MetricKey,
  type MetricRow,
  QUANTILES,
  STAGES,
  type StageName,
  WAIT_BOUNDS_MS,
  WAIT_SLOTS,
  WAIT_SUM,
} from './names.ts'

/** The numbers of one thread. */
export interface ThreadBlock {
  /** Its name, such as `core-0`. */
  readonly thread: string
  readonly pool: string
  readonly block: Float64Array
  /** The stages that it runs; all six when absent. */
  readonly stages?: readonly StageName[]
}

export const METRICS_TYPE = Registry.PROMETHEUS_CONTENT_TYPE

type Labels = Record<string, string>

/** One number with the labels that tell it apart. */
interface Sample {
  readonly labels: Labels
  readonly value: number
}

/** As prom-client's registry takes it from a metric: a histogram's numbers have names of their own. */
interface NamedSample extends Sample {
  readonly metricName: string
}

/** All metrics of all threads in Prometheus' text format. */
export async function renderMetrics(blocks: readonly ThreadBlock[]): Promise<string> {
  const registry = new Registry()
  for (const key of Object.keys(METRICS) as MetricKey[]) {
    register(registry, METRICS[key], M[key], blocks)
  }
  return registry.metrics()
}

function register(registry: Registry, row: MetricRow, slot: number, blocks: readonly ThreadBlock[]): void {
  const labelNames = row.label === 'none' ? ['pool', 'thread'] : [row.label, 'pool', 'thread']
  const shape = { name: row.name, help: row.help, labelNames, registers: [registry] }
  if (row.kind === 'counter') {
    new Counter({
      ...shape,
      collect() {
        for (const sample of samplesOf(row, slot, blocks)) this.inc(sample.labels, sample.value)
      },
    })
  } else if (row.kind === 'gauge') {
    new Gauge({
      ...shape,
      collect() {
        for (const sample of samplesOf(row, slot, blocks)) this.set(sample.labels, sample.value)
      },
    })
  } else {
    registry.registerMetric(weightedHistogram(row, slot, blocks))
  }
}

/** prom-client's Histogram takes one observation a call; ours are counted already, so this gives the registry the sums. */
function weightedHistogram(row: MetricRow, slot: number, blocks: readonly ThreadBlock[]): Metric {
  const histogram = {
    name: row.name,
    get: () =>
      Promise.resolve({
        name: row.name,
        help: row.help,
        type: 'histogram',
        aggregator: 'sum',
        values: waitSamplesOf(row.name, slot, blocks),
      }),
  }
  return histogram as unknown as Metric
}

function samplesOf(row: MetricRow, slot: number, blocks: readonly ThreadBlock[]): Sample[] {
  const samples: Sample[] = []
  for (const { thread, pool, block, stages = STAGES } of blocks) {
    if (row.label === 'none') {
      samples.push({ labels: { pool, thread }, value: numberAt(block, slot) })
    } else if (row.label === 'stage') {
      for (const stage of stages) {
        samples.push({ labels: { stage, pool, thread }, value: numberAt(block, slot + STAGES.indexOf(stage)) })
      }
    } else {
      for (const [index, quantile] of QUANTILES.entries()) {
        samples.push({ labels: { quantile, pool, thread }, value: numberAt(block, slot + index) })
      }
    }
  }
  return samples
}

function waitSamplesOf(name: string, slot: number, blocks: readonly ThreadBlock[]): NamedSample[] {
  const samples: NamedSample[] = []
  for (const { thread, pool, block, stages = STAGES } of blocks) {
    for (const stage of stages) {
      const labels = { stage, pool, thread }
      const first = slot + STAGES.indexOf(stage) * WAIT_SLOTS
      let count = 0
      for (const [index, boundMs] of WAIT_BOUNDS_MS.entries()) {
        count += numberAt(block, first + index)
        samples.push({ metricName: `${name}_bucket`, labels: { le: String(boundMs / 1_000), ...labels }, value: count })
      }
      count += numberAt(block, first + WAIT_BOUNDS_MS.length)
      samples.push({ metricName: `${name}_bucket`, labels: { le: '+Inf', ...labels }, value: count })
      samples.push({ metricName: `${name}_sum`, labels, value: numberAt(block, first + WAIT_SUM) })
      samples.push({ metricName: `${name}_count`, labels, value: count })
    }
  }
  return samples
}

/** One damaged number must not cost all the others: prom-client throws for what is not finite, or a counter below 0. */
function numberAt(block: Float64Array, slot: number): number {
  const value = block[slot]!
  return Number.isFinite(value) && value > 0 ? value : 0
}

/** One stage in one thread. */
export interface StageRow {
  readonly stage: StageName
  readonly thread: string
  readonly pool: string
  readonly queueBytes: number
  readonly queueRecords: number
  /** The bound of its queues, in the one unit or the other. */
  readonly queueCapacityBytes: number
  readonly queueCapacityRecords: number
  /** What happens when they are full. */
  readonly whenFull: string
  readonly records: number
  readonly batches: number
  readonly recordsPerBatch: number
  readonly refused: number
  readonly busySeconds: number
  readonly waitSecondsMean: number
}

/** The six stages in the order of the flow, a row for each thread that runs one. `whenFull` is pipeline.ts's policy. */
export function stageTable(
  blocks: readonly ThreadBlock[],
  whenFull: Readonly<Record<StageName, string>>,
): readonly StageRow[] {
  const rows: StageRow[] = []
  for (const [index, stage] of STAGES.entries()) {
    for (const { thread, pool, block, stages = STAGES } of blocks) {
      if (stages.includes(stage)) rows.push(stageRow(stage, index, thread, pool, block, whenFull[stage]))
    }
  }
  return rows
}

function stageRow(
  stage: StageName,
  index: number,
  thread: string,
  pool: string,
  block: Float64Array,
  whenFull: string,
): StageRow {
  const records = numberAt(block, M.stageRecords + index)
  const batches = numberAt(block, M.stageBatches + index)
  return {
    stage,
    thread,
    pool,
    queueBytes: numberAt(block, M.stageQueueBytes + index),
    queueRecords: numberAt(block, M.stageQueueRecords + index),
    queueCapacityBytes: numberAt(block, M.stageQueueCapacity + index),
    queueCapacityRecords: numberAt(block, M.stageQueueCapacityRecords + index),
    whenFull,
    records,
    batches,
    recordsPerBatch: batches === 0 ? 0 : records / batches,
    refused: numberAt(block, M.stageRefused + index),
    busySeconds: numberAt(block, M.stageBusy + index),
    waitSecondsMean: waitMean(block, M.stageWait + index * WAIT_SLOTS),
  }
}

function waitMean(block: Float64Array, first: number): number {
  let count = 0
  for (let i = 0; i <= WAIT_BOUNDS_MS.length; i++) count += numberAt(block, first + i)
  return count === 0 ? 0 : numberAt(block, first + WAIT_SUM) / count
}

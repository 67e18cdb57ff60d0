import test from 'ava'
import {
  ACCEPT,
  BATCH,
  BLOCK_SLOTS,
  CONFLATE,
  M,
  METRICS,
  type MetricKey,
  type MetricRow,
  PARSE,
  QUANTILES,
  ROUTE,
  STAGES,
  ThreadMetrics,
  WAIT_BOUNDS_MS,
  WAIT_SLOTS,
  WAIT_SUM,
  WRITE,
} from '#src/metrics/names.ts'

const rows: [MetricKey, MetricRow][] = Object.entries(METRICS) as [MetricKey, MetricRow][]

test('[M1] each metric has a name of its own, by the same pattern, and a sentence', t => {
  const names = rows.map(([, row]) => row.name)
  t.is(new Set(names).size, names.length)
  for (const [key, row] of rows) {
    t.regex(row.name, /^millrace_[a-z]+(_[a-z]+)*$/, key)
    t.is(row.name.endsWith('_total'), row.kind === 'counter', key)
    t.notRegex(row.name, /_(ms|kb|milliseconds)(_|$)/, key)
    t.regex(row.help, /^[A-Z].*[a-z0-9]\.$/, key)
  }
})

test('[M1] no two metrics share a slot, and a block holds them all in whole cache lines', t => {
  const owners = new Array<string | null>(BLOCK_SLOTS).fill(null)
  for (const [key, row] of rows) {
    const width = row.kind === 'histogram' ? WAIT_SLOTS : 1
    const count = row.label === 'stage' ? STAGES.length * width : row.label === 'quantile' ? QUANTILES.length : 1
    for (let slot = M[key]; slot < M[key] + count; slot++) {
      t.is(owners[slot], null, `${key} at ${slot}`)
      owners[slot] = key
    }
  }
  t.is(BLOCK_SLOTS % 16, 0)
  t.deepEqual(
    [ACCEPT, PARSE, ROUTE, CONFLATE, BATCH, WRITE].map(stage => STAGES[stage]),
    [...STAGES],
  )
})

test('[M2] counters add, gauges are set, each stage in its own slot', t => {
  const block = new Float64Array(BLOCK_SLOTS)
  const metrics = new ThreadMetrics(block)
  metrics.add(M.flushes, 2)
  metrics.add(M.flushes, 3)
  metrics.set(M.sessions, 9)
  metrics.set(M.sessions, 7)
  metrics.observeBatch(BATCH, 10, 2)
  metrics.observeBatch(BATCH, 20, -1)
  t.is(metrics.get(M.flushes), 5)
  t.is(metrics.get(M.sessions), 7)
  t.is(metrics.get(M.stageRecords + BATCH), 30)
  t.is(metrics.get(M.stageBatches + BATCH), 2)
  t.is(metrics.get(M.stageBusy + BATCH), 0.002)
  t.is(block.filter(value => value !== 0).length, 5)
  t.throws(() => new ThreadMetrics(new Float64Array(BLOCK_SLOTS - 1)))
})

test('[M3] a waiting time is counted once, in the first bucket whose bound it does not exceed', t => {
  const waits: [ms: number, bucket: number, seconds: number][] = [
    [0, 0, 0],
    [-5, 0, 0],
    [Number.NaN, 0, 0],
    [0.1, 0, 0.0001],
    [0.11, 1, 0.00011],
    [10_000, WAIT_BOUNDS_MS.length - 1, 10],
    [10_001, WAIT_BOUNDS_MS.length, 10.001],
  ]
  for (const [ms, bucket, seconds] of waits) {
    const block = new Float64Array(BLOCK_SLOTS)
    new ThreadMetrics(block).observeWait(WRITE, ms, 3)
    const first = M.stageWait + WRITE * WAIT_SLOTS
    const slots = [...block.subarray(first, first + WAIT_SLOTS)]
    t.is(slots[bucket], 3, `${ms} ms`)
    t.true(Math.abs(slots[WAIT_SUM]! - seconds * 3) < 1e-9, `${ms} ms`)
    t.is(
      block.reduce((sum, value) => sum + value, 0),
      3 + slots[WAIT_SUM]!,
    )
  }
})

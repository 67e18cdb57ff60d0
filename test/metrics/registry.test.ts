import test from 'ava'
import {
  BATCH,
  BLOCK_SLOTS,
  CONFLATE,
  M,
  METRICS,
  type MetricKey,
  STAGES,
  type StageName,
  ThreadMetrics,
  WAIT_BOUNDS_MS,
  WRITE,
} from '#src/metrics/names.ts'
import { METRICS_TYPE, renderMetrics, stageTable, type ThreadBlock } from '#src/metrics/registry.ts'

interface Parsed {
  readonly types: Map<string, string>
  readonly helps: Map<string, string>
  /** `name{label="value",…}`, labels in the order of their names, to the number. */
  readonly samples: Map<string, number>
}

/** Reads Prometheus' text format, by the book. */
function parse(text: string): Parsed {
  const parsed: Parsed = { types: new Map(), helps: new Map(), samples: new Map() }
  for (const line of text.split('\n')) {
    if (line === '') continue
    const comment = /^# (HELP|TYPE) (\w+) (.+)$/.exec(line)
    if (comment !== null) {
      const into = comment[1] === 'HELP' ? parsed.helps : parsed.types
      if (into.has(comment[2]!)) throw new Error(`told twice: ${line}`)
      into.set(comment[2]!, comment[3]!)
      continue
    }
    const sample = /^(\w+)\{((?:\w+="[^"]*",?)*)\} ([0-9.e+-]+)$/.exec(line)
    if (sample === null) throw new Error(`not a sample: ${line}`)
    const labels = [...sample[2]!.matchAll(/(\w+="[^"]*")/g)].map(match => match[1]!).sort()
    const key = `${sample[1]!}{${labels.join(',')}}`
    if (parsed.samples.has(key)) throw new Error(`stands twice: ${key}`)
    parsed.samples.set(key, Number(sample[3]))
  }
  return parsed
}

function thread(name: string, pool: string, stages?: readonly StageName[]): [ThreadMetrics, ThreadBlock] {
  const block = new Float64Array(BLOCK_SLOTS)
  const shown = stages === undefined ? { thread: name, pool, block } : { thread: name, pool, block, stages }
  return [new ThreadMetrics(block), shown]
}

test('[M4] every metric of every thread is rendered with its kind, help and labels, and parses back', async t => {
  const [core, coreBlock] = thread('core-0', 'core')
  const [edge, edgeBlock] = thread('edge-1', 'edge')
  core.add(M.flushes, 12)
  core.add(M.stageRecords + CONFLATE, 1e12)
  core.set(M.loopUtilisation, 0.25)
  edge.add(M.flushes, 5)
  edge.set(M.latency + 2, 0.0015)
  const { types, helps, samples } = parse(await renderMetrics([coreBlock, edgeBlock]))
  for (const row of Object.values(METRICS)) {
    t.is(types.get(row.name), row.kind)
    t.is(helps.get(row.name), row.help)
  }
  t.is(types.size, Object.keys(METRICS).length)
  t.is(samples.get('millrace_flushes_total{pool="core",thread="core-0"}'), 12)
  t.is(samples.get('millrace_flushes_total{pool="edge",thread="edge-1"}'), 5)
  t.is(samples.get('millrace_stage_records_total{pool="core",stage="conflate",thread="core-0"}'), 1e12)
  t.is(samples.get('millrace_stage_records_total{pool="core",stage="batch",thread="core-0"}'), 0)
  t.is(samples.get('millrace_loop_utilisation_ratio{pool="core",thread="core-0"}'), 0.25)
  t.is(samples.get('millrace_latency_seconds{pool="edge",quantile="0.99",thread="edge-1"}'), 0.0015)
  t.true(METRICS_TYPE.startsWith('text/plain; version=0.0.4'))
})

test('[M4] each slot shows where its metric says', async t => {
  for (const [key, row] of Object.entries(METRICS) as [MetricKey, (typeof METRICS)[MetricKey]][]) {
    if (row.kind === 'histogram') continue
    const [metrics, block] = thread('t', 'p')
    metrics.set(M[key], 3)
    const { samples } = parse(await renderMetrics([block]))
    const shown = [...samples].filter(([, value]) => value !== 0)
    t.is(shown.length, 1, key)
    t.true(shown[0]![0].startsWith(`${row.name}{`), key)
    t.is(shown[0]![1], 3, key)
  }
})

test('[M4] waiting times are a cumulative histogram, weighted', async t => {
  const [metrics, block] = thread('core-0', 'core', ['batch'])
  metrics.observeWait(BATCH, 0.3, 5)
  metrics.observeWait(BATCH, 700, 2)
  metrics.observeWait(BATCH, 20_000, 1)
  const { samples } = parse(await renderMetrics([block]))
  const bucket = (le: string) =>
    samples.get(`millrace_stage_wait_seconds_bucket{le="${le}",pool="core",stage="batch",thread="core-0"}`)
  t.is(bucket('0.00025'), 0)
  t.is(bucket('0.0005'), 5)
  t.is(bucket('0.5'), 5)
  t.is(bucket('1'), 7)
  t.is(bucket('10'), 7)
  t.is(bucket('+Inf'), 8)
  const labels = '{pool="core",stage="batch",thread="core-0"}'
  t.is(samples.get(`millrace_stage_wait_seconds_count${labels}`), 8)
  t.true(Math.abs(samples.get(`millrace_stage_wait_seconds_sum${labels}`)! - 21.4015) < 1e-9)
  const names = [...samples.keys()].filter(key => key.startsWith('millrace_stage_wait_seconds_bucket'))
  t.is(names.length, WAIT_BOUNDS_MS.length + 1, 'only the stages that the thread runs')
})

test('[M4] a damaged number is told as 0 and costs no other', async t => {
  const [metrics, block] = thread('core-0', 'core')
  metrics.add(M.flushes, Number.NaN)
  metrics.add(M.wakeups, -1)
  metrics.set(M.items, Number.POSITIVE_INFINITY)
  metrics.add(M.requests, 4)
  const { samples } = parse(await renderMetrics([block]))
  t.is(samples.get('millrace_flushes_total{pool="core",thread="core-0"}'), 0)
  t.is(samples.get('millrace_wakeups_total{pool="core",thread="core-0"}'), 0)
  t.is(samples.get('millrace_items{pool="core",thread="core-0"}'), 0)
  t.is(samples.get('millrace_requests_total{pool="core",thread="core-0"}'), 4)
})

test('[M4] two renderings at once do not mix, and none counts twice', async t => {
  const [one, oneBlock] = thread('core-0', 'core')
  const [two, twoBlock] = thread('core-1', 'core')
  one.add(M.flushes, 1)
  two.add(M.flushes, 2)
  const [first, second] = await Promise.all([renderMetrics([oneBlock]), renderMetrics([twoBlock])])
  t.true(first.includes('millrace_flushes_total{pool="core",thread="core-0"} 1\n'))
  t.false(first.includes('core-1'))
  t.true(second.includes('millrace_flushes_total{pool="core",thread="core-1"} 2\n'))
  t.is(await renderMetrics([oneBlock]), first)
  t.is(parse(await renderMetrics([])).samples.size, 0)
})

test('[M5] the table has a row for each stage of each thread, in the order of the flow', t => {
  const [core, coreBlock] = thread('core-0', 'core', ['conflate', 'batch'])
  const [edge, edgeBlock] = thread('edge-0', 'edge', ['accept', 'parse', 'route', 'write'])
  core.observeBatch(CONFLATE, 30, 5)
  core.observeBatch(CONFLATE, 10, 5)
  core.observeWait(CONFLATE, 2, 40)
  core.set(M.stageQueueBytes + CONFLATE, 100)
  core.set(M.stageQueueCapacity + CONFLATE, 4_096)
  edge.add(M.stageRefused + WRITE, 3)
  const whenFull = {
    accept: 'refuse',
    parse: 'block',
    route: 'block',
    conflate: 'conflate',
    batch: 'conflate',
    write: 'drop',
  }
  const rows = stageTable([coreBlock, edgeBlock], whenFull)
  t.deepEqual(
    rows.map(row => `${row.stage} ${row.thread}`),
    ['accept edge-0', 'parse edge-0', 'route edge-0', 'conflate core-0', 'batch core-0', 'write edge-0'],
  )
  t.deepEqual(rows[3], {
    stage: 'conflate',
    thread: 'core-0',
    pool: 'core',
    queueBytes: 100,
    queueRecords: 0,
    queueCapacityBytes: 4_096,
    queueCapacityRecords: 0,
    whenFull: 'conflate',
    records: 40,
    batches: 2,
    recordsPerBatch: 20,
    refused: 0,
    busySeconds: 0.01,
    waitSecondsMean: 0.002,
  })
  t.like(rows[5], { refused: 3, recordsPerBatch: 0, waitSecondsMean: 0, whenFull: 'drop' })
  const [, all] = thread('main', 'single')
  t.deepEqual(
    stageTable([all], whenFull).map(row => row.stage),
    [...STAGES],
  )
})

/** Every variant, small: that it runs, that nothing is wrong in it, and that it tells what only it can tell. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import test, { type ExecutionContext } from 'ava'
import { medianRun, type Run } from '#perf/result.ts'
import { VARIANTS } from '#perf/variants/all.ts'
import { slopeOf } from '#perf/variants/idle.ts'
import type { VariantContext } from '#perf/variants/variant.ts'
import type { Workload } from '#perf/workload.ts'
import { FakeTarget } from '#test/support/fake-target.ts'

function contextOf(changes: Partial<Workload> = {}): VariantContext {
  return {
    changes: { warmupSeconds: 0.1, seconds: 0.6, ...changes },
    settings: [],
    placement: 'single',
    peers: [],
    runs: 1,
    isSmall: true,
    progress: () => {},
    options: '--small',
  }
}

/** The rows' runs by their labels; none is void. */
async function runsOf(t: ExecutionContext, name: string, context = contextOf()): Promise<ReadonlyMap<string, Run>> {
  t.timeout(60_000)
  const { rows } = await VARIANTS.find(variant => variant.name === name)!.run(context)
  for (const { label, runs } of rows) for (const { faults } of runs) t.deepEqual(faults, [], label)
  return new Map(rows.map(row => [row.label, medianRun(row)]))
}

function extra(t: ExecutionContext, run: Run | undefined, name: string): number {
  const value = run?.extra[name]
  t.is(typeof value, 'number', name)
  return value!
}

for (const name of ['liberator', 'broadcast', 'keyed', 'broadcast-max', 'liberator-max']) {
  test.serial(`[PF20] ${name}: updates come, in time, and are paid for`, async t => {
    const run = (await runsOf(t, name)).get('single')!
    t.true(run.due > 0 && run.received > 0 && run.serverCpuSecondsPerMillion > 0)
    t.true(run.latencyMs!.count > 0 && run.ageMs!.p50 <= run.latencyMs!.max)
    t.true(run.samples.length >= 1 && run.threads.length > 0)
    t.true(run.residentBytes.empty > 0 && run.residentBytes.max > 0)
  })
}

test.serial('[P20] idle: holds as many connections as it says, and tells what each costs', async t => {
  const runs = await runsOf(t, 'idle')
  t.deepEqual([...runs.keys()], ['single, 0 idle', 'single, 40 idle'])
  const run = runs.get('single, 40 idle')
  t.is(extra(t, run, 'idle connections'), 40)
  t.true(Number.isFinite(extra(t, run, 'resident bytes per idle connection')))
  t.true(Number.isFinite(extra(t, run, 'CPU % of a core per 1,000 idle connections')))
})

test('[PF21] the cost of idle connections is the slope over all rows', t => {
  const points = [0, 4.5, 9, 18].map(x => ({ x, y: 7 + 0.25 * x }))
  t.true(Math.abs(slopeOf(points) - 0.25) < 1e-9)
})

test.serial(
  '[PF22] slow: clients that stalled get the newest value when they read again; nobody is cut off',
  async t => {
    const runs = await runsOf(t, 'slow')
    const run = runs.get('merge, 5 % stalled, 5 % slow')
    t.true(extra(t, run, 'stalled clients, reading again: age of the first new value max ms') >= 0)
    t.true(extra(t, run, 'p99 of the others, times that with nobody slow') > 0)
    t.true(Number.isFinite(extra(t, run, 'memory grown beside that with nobody slow MB')))
    const shareOf = (one: { received: number; due: number }) => one.received / one.due
    t.true(shareOf(run!) < shareOf(runs.get('merge, nobody slow')!), 'who stalls does not read')
  },
)

test.serial('[PF23] overload: what is offered is a multiple of what saturates the server', async t => {
  const runs = [...(await runsOf(t, 'overload')).values()]
  t.deepEqual(
    runs.map(run => extra(t, run, 'offered, times saturation')),
    [0.5, 2],
  )
  const [less, more] = runs.map(run => extra(t, run, 'offered updates/s'))
  t.true(Math.abs(more! / less! - 4) < 1e-9)
  t.true(runs[1]!.due > runs[0]!.due)
})

test.serial('[P21] ingest: lines are counted that the server has acknowledged, so merged', async t => {
  const runs = await runsOf(t, 'ingest')
  t.deepEqual([...runs.keys()], ['one feed', 'eight feeds, 24 clients'])
  for (const run of runs.values()) {
    t.true(extra(t, run, 'lines/s') > 0 && extra(t, run, 'CPU s per million lines') > 0)
    t.true(extra(t, run, 'feed process busy %') >= 0)
    t.is(run.latencyMs, null, 'lines that were made beforehand bear no time')
  }
  t.is(runs.get('one feed')!.received, 0)
  t.true(runs.get('eight feeds, 24 clients')!.received > 0)
})

test.serial('[PF24] connect: every client is served, the first time and when all come at once', async t => {
  const runs = await runsOf(t, 'connect')
  t.deepEqual([...runs.keys()], ['single, 200 at a time', 'single, at once'])
  for (const run of runs.values()) {
    t.is(extra(t, run, 'clients that came'), 60)
    t.true(extra(t, run, 'connections/s') > 0 && extra(t, run, 'longest wait ms') > 0)
    t.true(extra(t, run, 'first byte p50 ms') <= extra(t, run, 'first byte p99 ms'))
  }
  t.true(runs.get('single, at once')!.latencyMs !== null, 'the load beside it is measured')
})

test.serial('[PF44] books: whole tables and windows beside merge, whose rows are items', async t => {
  const runs = await runsOf(t, 'books')
  const [merge, whole, best] = [...runs.values()]
  t.deepEqual([...runs.keys()], ['merge, an item a row', 'whole tables', 'best 10 of a side'])
  for (const run of [merge!, whole!, best!]) t.true(run.received > 0 && run.latencyMs!.count > 0)
  t.is(best!.due, best!.ledger!.published, 'what a window shows, the server says')
  for (const run of [whole, best]) {
    t.true(extra(t, run, 'CPU s/M, times that of merge, an item a row') > 0)
    t.true(extra(t, run, 'p99, times that of merge, an item a row') > 0)
  }
})

test.serial('[PF45] trades: distinct beside merge and raw', async t => {
  const runs = await runsOf(t, 'trades')
  t.deepEqual([...runs.keys()], ['merge', 'raw', 'distinct'])
  t.is(runs.get('distinct')!.ledger!.conflated, 0)
  t.true(extra(t, runs.get('distinct'), 'CPU s/M, times that of merge') > 0)
})

test.serial('[PF46] filters: what passes comes, and is paid for', async t => {
  const runs = await runsOf(t, 'filters')
  t.deepEqual([...runs.keys()], ['no filter', 'all pass', 'half of the items pass', 'half pass, in turn'])
  for (const [label, run] of runs) {
    t.true(run.received > 0, label)
    if (label === 'no filter') continue
    t.is(run.due, run.ledger!.published)
    t.true(extra(t, run, 'CPU, times that of no filter') > 0)
  }
})

test.serial('[PF25] replay: a recording is played over and over, and everybody ends on its values', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-replay-'))
  const before = process.env.MILLRACE_DATA
  process.env.MILLRACE_DATA = folder
  try {
    const absent = await VARIANTS.find(({ name }) => name === 'replay')!.run(contextOf())
    t.deepEqual(absent.rows, [])
    t.regex(absent.missing[0]!.why, /the recording is not here/)
    const lines = Array.from({ length: 400 }, (_, i) => {
      const fields = { bid: String(i % 7), [i % 3 === 0 ? 'ask' : 'last']: String(i) }
      return JSON.stringify({ at: i * 10, item: `market.${(i * i) % 23}`, fields })
    })
    writeFileSync(join(folder, 'capture.ndjson.gz'), gzipSync(lines.join('\n')))
    const run = (await runsOf(t, 'replay')).get('single')!
    t.is(Math.round(extra(t, run, 'lines/s')), 2_000)
    t.true(run.received > 0 && run.latencyMs!.count > 0)
  } finally {
    if (before === undefined) delete process.env.MILLRACE_DATA
    else process.env.MILLRACE_DATA = before
    rmSync(folder, { recursive: true })
  }
})

test.serial('[PF26] soak: clients come and go beside others, and memory is told', async t => {
  const run = (await runsOf(t, 'soak')).get('single')!
  t.true(extra(t, run, 'connections renewed') > 0)
  const [second, last] = ['second', 'last'].map(name => extra(t, run, `memory of the ${name} quarter MB`))
  t.is(extra(t, run, 'memory grown between them MB'), last! - second!)
})

test.serial('[PF27] a peer that cannot run is named with the reason; the others run', async t => {
  t.timeout(60_000)
  const broken = new FakeTarget()
  broken.start = () => Promise.reject(new Error('it does not start'))
  const absent = new FakeTarget()
  const peers = [broken, Object.assign(absent, { whyMissing: () => 'it is not installed' }), new FakeTarget()]
  const context = { ...contextOf(), peers }
  const { rows, missing } = await VARIANTS.find(({ name }) => name === 'broadcast')!.run(context)
  t.deepEqual(
    rows.map(({ target }) => target),
    ['millrace', 'fake'],
  )
  t.deepEqual(missing, [
    { target: 'fake', why: 'it is not installed' },
    { target: 'fake', why: 'run 1: it does not start' },
  ])
})

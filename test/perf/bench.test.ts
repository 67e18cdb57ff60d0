/** A run of the harness against a server that can be told to do wrong: what is wrong must void the run. */

import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import test from 'ava'
import { Bench, type BenchOptions, runOnce } from '#perf/bench.ts'
import { BASE } from '#perf/variants/variant.ts'
import type { Workload } from '#perf/workload.ts'
import { type FakeFaults, type FakeRecord, FakeTarget } from '#test/support/fake-target.ts'

const WORKLOAD: Workload = {
  ...BASE,
  clients: 4,
  items: 3,
  itemsPerClient: 2,
  ratePerItem: 50,
  warmupSeconds: 0.05,
  seconds: 0.3,
}
const OPTIONS: BenchOptions = { label: 'test', options: '', progress: () => {} }
/** They come behind the load clients. */
const FIRST_FULL = WORKLOAD.clients

test.serial('[PF14] a run against a server that does right has no faults, and its figures are what came', async t => {
  const target = new FakeTarget()
  const run = await runOnce(target, WORKLOAD, OPTIONS)
  t.deepEqual(run.faults, [])
  const readers = 2 * (WORKLOAD.clients + 3)
  const expected = run.seconds * WORKLOAD.ratePerItem * readers
  t.true(Math.abs(run.due - expected) <= 4 * readers, `${run.due} due, ${expected} by its rate`)
  // Whether it held is a matter of the machine's hour; what it received is what the target sent.
  t.true(run.received > 0 && run.received <= run.due + 4 * readers, `${run.received} of ${run.due}`)
  t.is(run.ledger!.published, run.ledger!.delivered)
  t.true(run.latencyMs!.count > 0 && run.latencyMs!.p99 > 0)
  t.true(run.bytesPerUpdate > 100 && run.updatesPerRead > 0)
  t.true(target.isStopped)
})

const drop = (isDropped: (record: FakeRecord, reader: number) => boolean): FakeFaults => ({
  change: (record, reader) => (isDropped(record, reader) ? [] : [record]),
})
const twice: FakeFaults = {
  change: (record, reader) => (reader === 1 && record.seq === 12 ? [record, record] : [record]),
}

const WRONG: readonly [string, FakeFaults, RegExp][] = [
  [
    'an update that a client of the load does not get',
    drop(({ seq }, reader) => reader === 1 && seq === 5),
    /^delivered \d+, but clients read|^the ledger does not add up/,
  ],
  [
    'the last updates of a client of the load',
    drop(({ seq }, reader) => reader === 1 && seq > 9),
    /^1 clients did not get the last update/,
  ],
  ['an update that comes twice', twice, /^the ledger does not add up/],
  [
    'an update that a full client does not get',
    drop(({ seq }, reader) => reader === FIRST_FULL && seq === 5),
    /seq 6 after 4/,
  ],
  [
    'a wrong value',
    {
      change: (record, reader) => {
        return reader === FIRST_FULL ? [{ ...record, fields: { ...record.fields, bid: '0' } }] : [record]
      },
    },
    /bid ended as 0, not/,
  ],
  [
    'a seq that does not grow',
    { change: (record, reader) => (reader === FIRST_FULL && record.seq === 7 ? [{ ...record, seq: 6 }] : [record]) },
    /seq 6 after 6/,
  ],
  [
    'a line that is no record',
    { change: (record, reader) => (reader === FIRST_FULL && record.seq === 7 ? [record, '{"item"'] : [record]) },
    /^no record: {"item"/,
  ],
  ['a ledger that does not add up', { ledger: all => ({ ...all, conflated: 1 }) }, /^the ledger does not add up/],
  [
    'a ledger that counts what nobody read',
    { ledger: all => ({ ...all, published: all.published + 1, delivered: all.delivered + 1 }) },
    /^delivered \d+, but clients read/,
  ],
  ['connections that are cut', { recordsMax: 30 }, /connections were closed$/],
]

for (const [what, faults, expected] of WRONG) {
  test.serial(`[PF15] a run is void for ${what}`, async t => {
    const run = await runOnce(new FakeTarget(faults), WORKLOAD, { ...OPTIONS, endMsMax: 300 })
    t.true(
      run.faults.some(fault => expected.test(fault)),
      run.faults.join('; ') || 'no fault',
    )
  })
}

test.serial('[PF16] whatever fails, the server is stopped and no process stays', async t => {
  const before = children()
  const mute = new FakeTarget({ isMute: true })
  await t.throwsAsync(runOnce(mute, WORKLOAD, OPTIONS), { message: 'it does not tell' })
  t.true(mute.isStopped)
  const closed = new FakeTarget({ recordsMax: 0 })
  closed.start = () => Promise.reject(new Error('it does not start'))
  await t.throwsAsync(Bench.open(closed, WORKLOAD, OPTIONS), { message: 'it does not start' })
  t.deepEqual(
    children().filter(pid => !before.includes(pid)),
    [],
  )
})

test.serial('[PF17] clients that stalled read again, and say how old the first new value is', async t => {
  const workload = { ...WORKLOAD, stalledShare: 0.5 }
  const bench = await Bench.open(new FakeTarget(), workload, OPTIONS)
  try {
    const run = await bench.measure('test', 50, 0, 0.3)
    t.true(run.received < run.due, 'who stalls does not read')
    const ages = await bench.resume()
    t.is(ages.length, 2)
    t.true(ages.every(age => age !== null && age >= 0))
    t.deepEqual(await bench.finish(), [])
  } finally {
    await bench.stop()
  }
})

/** Processes that this one has started, in any of its threads. */
/** Processes that this thread has started: other tests run in other threads of the same process. */
function children(): string[] {
  const probe = spawn('sleep', ['5'])
  const tasks = `/proc/${process.pid}/task`
  const lists = readdirSync(tasks).map(task => readFileSync(`${tasks}/${task}/children`, 'utf8').split(' '))
  probe.kill('SIGKILL')
  const own = lists.find(list => list.includes(String(probe.pid))) ?? []
  return own.filter(pid => pid !== '' && pid !== String(probe.pid))
}

/** What a raw session is told when the log has pushed out marks, with or without updates. */

import test from 'ava'
import { M } from '#src/metrics/names.ts'
import { CoreBench, recordsOf, type StreamRecord } from '#test/support/core-bench.ts'

const LOG_UPDATES = 8

/** A raw session that has the first update of A, and whose window is full. */
function benchBehind(fields: readonly string[] | null): CoreBench {
  const bench = new CoreBench({ rawLogUpdates: LOG_UPDATES, windowBytes: 1 })
  bench.open(0, 1, { items: ['A'], mode: 'raw', fields })
  bench.feed({ item: 'A', fields: { n: 'first', other: '0' } })
  bench.settle()
  bench.take()
  return bench
}

function setStale(bench: CoreBench, isStale: boolean): void {
  const { items, merger } = bench.core.conflate
  merger.setStale(items.find('A')!, isStale, bench.clock.nowMs())
  bench.settle()
}

/** The peer has taken what was on its way: what comes then. */
function next(bench: CoreBench): StreamRecord[] {
  bench.took(0, 1)
  bench.settle()
  return bench.take().flatMap(flush => recordsOf(flush.text))
}

test('[S11] a raw session that was told stale, and lost what made the item fresh, is told so', t => {
  const bench = benchBehind(null)
  setStale(bench, true)
  t.deepEqual(next(bench), [{ item: 'A', stale: true }])
  for (let i = 0; i < 30; i++) bench.feed({ item: 'A', fields: { n: `${i}` } })
  bench.settle()
  t.deepEqual(next(bench), [
    { item: 'A', lost: 30 },
    { item: 'A', seq: 31, snapshot: true, fields: { n: '29', other: '0' } },
    { item: 'A', stale: false },
  ])
})

test('[S11] where the log has pushed out marks only, and they came to nothing, nothing is told, and no update is counted', t => {
  const bench = benchBehind(['n'])
  setStale(bench, true)
  for (let i = 0; i < 2 * LOG_UPDATES; i++) bench.feed({ item: 'A', fields: { other: `${i + 1}` } })
  bench.settle()
  t.deepEqual(next(bench), [])
  t.is(bench.metrics.get(M.updatesPublished), 1)
  t.is(bench.metrics.get(M.updatesDropped), 0)
})

/** What a core and the replicas of its items tell each other when one of them is full. */

import test from 'ava'
import { FEED_DOWN } from '#src/codec/record.ts'
import { waitingOf } from '#src/domain/waiting.ts'
import { M } from '#src/metrics/names.ts'
import { TwoCores } from '#test/support/two-cores.ts'

test('[I18] who asks for an item that its home has no room for gets it when there is (found: the wish was lost)', t => {
  const [a, b, c] = [0, 1, 2].map(index => TwoCores.itemAt(0, index)) as [string, string, string]
  const bench = new TwoCores({ itemsMax: 4 })
  bench.open(0, 0, [a, b])
  bench.settle()
  bench.open(1, 1, [c])
  bench.settle()
  t.is(bench.cores[0]!.conflate.items.find(c), null, 'subscribers have filled their half')
  bench.feed({ item: c, fields: { bid: '1' } })
  bench.settle()
  t.deepEqual(bench.take(1), [{ item: c, seq: 1, snapshot: true, fields: { bid: '1' } }])
})

test('[I18] a wish that waits is met as soon as subscribers may ask again', t => {
  const [a, b, c] = [0, 1, 2].map(index => TwoCores.itemAt(0, index)) as [string, string, string]
  const bench = new TwoCores({ itemsMax: 4 })
  bench.open(0, 0, [a, b])
  bench.settle()
  bench.open(1, 1, [c])
  bench.settle()
  bench.feed({ item: a, fields: { bid: '1' } })
  bench.settle()
  t.not(bench.cores[0]!.conflate.items.find(c), null, 'a is no longer one that only subscribers know')
})

test('[I6] replicas of items that exist count neither as asked for nor against what a core is home to', t => {
  const bench = new TwoCores({}, { itemsMax: 4 })
  const far = [0, 1, 2, 3].map(index => TwoCores.itemAt(0, index))
  const near = [0, 1, 2, 3, 4].map(index => TwoCores.itemAt(1, index))
  for (const item of far) bench.feed({ item, fields: { bid: '1' } })
  for (const [index, item] of far.entries()) {
    bench.open(1, index, [item])
    bench.settle()
  }
  t.is(bench.take(1).length, 4)
  for (const item of near) bench.feed({ item, fields: { bid: '1' } })
  bench.settle()
  const { items } = bench.cores[1]!.conflate
  t.deepEqual(
    near.map(item => items.find(item) !== null),
    [true, true, true, true, false],
  )
})

test('[I17] what a home refuses its replicas do not have, nor do logs (found: they decided by their own stores)', t => {
  const item = TwoCores.itemAt(0)
  const bench = new TwoCores({ valueStoreBytes: 64 })
  for (const core of [0, 1]) bench.open(core, core, [item])
  for (const core of [0, 1]) bench.open(core, core + 2, [item], { mode: 'raw' })
  bench.feed({ item, fields: { a: '1', b: '2' } })
  bench.settle()
  for (const core of [0, 1]) t.is(bench.take(core).length, 2)
  bench.feed({ item, fields: { a: 'x'.repeat(100), b: '3' } })
  bench.settle()
  const expected = { item, seq: 2, fields: { b: '3' } }
  for (const core of [0, 1]) t.deepEqual(bench.take(core), [expected, expected], `core ${core}`)
  bench.feed({ item, fields: { b: '4', c: 'y'.repeat(100) } })
  bench.settle()
  for (const core of [0, 1]) t.deepEqual(bench.take(core)[0], { item, seq: 3, fields: { b: '4' } }, `core ${core}`)
  t.is(bench.metrics[0]!.get(M.updatesRefused), 2)
  t.is(bench.metrics[1]!.get(M.updatesRefused), 0)
})

test('[I17] a replica without room for a value is told stale until its home has sent it whole', t => {
  const [item, other] = [TwoCores.itemAt(0, 0), TwoCores.itemAt(1, 0)]
  const bench = new TwoCores({}, { valueStoreBytes: 256 })
  bench.feed({ item: other, fields: { a: 'o'.repeat(120) } })
  bench.open(1, 0, [item])
  bench.feed({ item, fields: { a: '1' } })
  bench.settle()
  t.is(bench.take(1).length, 1)
  bench.feed({ item, fields: { b: 'x'.repeat(130) } })
  bench.settle()
  t.deepEqual(bench.take(1).at(-1), { item, stale: true })
  bench.feed({ item, fields: { a: '2' } })
  bench.settle(1_500)
  t.false(
    bench.take(1).some(({ stale }) => stale === false),
    'it still lacks the value',
  )
  bench.feed({ item, snapshot: true, fields: { a: '3', b: 'y' } })
  for (let i = 0; i < 3; i++) bench.settle(1_500)
  const records = bench.take(1)
  t.deepEqual(
    records.filter(({ stale }) => stale !== undefined),
    [{ item, stale: false }],
  )
  t.deepEqual(records.at(-1), { item, seq: 4, snapshot: true, fields: { a: '3', b: 'y' } })
  bench.feedLife(FEED_DOWN)
  bench.settle()
  t.deepEqual(bench.take(1), [{ item, stale: true }])
})

test('[I17] what waited when the whole state comes anew is conflated, not forgotten (found: the ledger was short)', t => {
  const [item, other] = [TwoCores.itemAt(0, 0), TwoCores.itemAt(1, 0)]
  const bench = new TwoCores({}, { valueStoreBytes: 256, windowBytes: 1 })
  bench.feed({ item: other, fields: { a: 'o'.repeat(120) } })
  bench.open(1, 0, [item])
  bench.settle()
  bench.take(1)
  bench.feed({ item, fields: { a: '1' } })
  bench.settle()
  for (const fields of [{ b: 'x'.repeat(130) }, { a: '2' }, { a: '3' }]) bench.feed({ item, fields })
  bench.settle()
  const [session] = [...bench.cores[1]!.conflate.sessions.sessions()]
  t.is(waitingOf(bench.cores[1]!.conflate.interests, session!), 2)
  const before = session!.conflated
  bench.settle(1_500)
  t.is(session!.conflated, before + 2)
  const [published, conflated] = [M.updatesPublished, M.updatesConflated].map(slot => bench.metrics[1]!.get(slot))
  t.is(published, session!.handedOver + conflated! + waitingOf(bench.cores[1]!.conflate.interests, session!))
})

test('[I22] what another core has announced goes again where nobody has room for it (found: it was kept for ever)', t => {
  const [first, second] = [0, 1].map(index => TwoCores.itemAt(0, index)) as [string, string]
  const bench = new TwoCores({}, { sessionItemsMax: 1, unwantedDelayMs: 100 })
  bench.open(1, 0, [], { prefixes: ['i'] })
  bench.settle()
  bench.feed({ item: first, fields: { bid: '1' } })
  bench.settle()
  t.is(bench.take(1).length, 1)
  bench.feed({ item: second, fields: { bid: '1' } })
  bench.settle()
  bench.settle(200)
  t.deepEqual([...bench.cores[1]!.conflate.items.values()], [], 'the subscription has ended, and its items have gone')
})

/** What subscribers, questions and refusals may cost a core, and that it is given back. */

import test from 'ava'
import { FEED_DOWN, FEED_ON_DEMAND, FEED_UP } from '#src/codec/record.ts'
import { CoreBench, recordsOf, type StreamRecord } from '#test/support/core-bench.ts'

const settled = (bench: CoreBench): StreamRecord[] => {
  bench.settle()
  return bench.take().flatMap(({ text }) => recordsOf(text))
}

const names = (count: number, prefix: string): string[] => Array.from({ length: count }, (_, i) => `${prefix}${i}`)

test('[I13] raw streams of items that no feed sends take hardly anything (found: 72 KB an item, until the heap was full)', t => {
  const bench = new CoreBench()
  for (let slot = 0; slot < 20; slot++) {
    bench.open(slot, 1, { items: names(1_000, 'i'), mode: 'raw', fields: [`f${slot}`] })
    bench.settle()
  }
  bench.take()
  t.deepEqual(bench.refusals, [])
  const { subscriber, items } = bench.core.conflate
  t.is(items.find('i0')!.log!.bytes.length, 0)
  t.true(subscriber.rawBytes < 21 * 1_000 * 1_024, `${subscriber.rawBytes} bytes`)
  t.true(subscriber.rawBytes > 0)
  for (let slot = 0; slot < 20; slot++) bench.close(slot, 1)
  bench.settle()
  t.is(subscriber.rawBytes, 0, 'all is given back')
})

test('[I13] beyond rawStoreBytes a raw stream that needs more is refused, others and merge streams are not', t => {
  const bench = new CoreBench({ rawStoreBytes: 8_192, rawLogBytes: 4_096, rawLogUpdates: 64 })
  bench.open(0, 1, { items: ['A'], mode: 'raw' })
  for (let i = 0; i < 60; i++) {
    bench.feed({ item: 'A', fields: { bid: `${i}`.padStart(60, '0') } })
    bench.settle()
    bench.took(0, 1)
  }
  bench.open(1, 1, { items: ['B'], mode: 'raw' })
  bench.open(2, 1, { items: ['A'], mode: 'raw' })
  bench.open(3, 1, { items: ['B'] })
  bench.settle()
  bench.take()
  t.deepEqual(bench.refusals, ['SERVER_BUSY'])
  const { sessions, subscriber } = bench.core.conflate
  t.is(sessions.count, 3)
  t.true(subscriber.rawBytes > 4_096 && subscriber.rawBytes <= 8_192, `${subscriber.rawBytes} bytes`)
  bench.close(0, 1)
  bench.close(2, 1)
  bench.open(1, 2, { items: ['B'], mode: 'raw' })
  bench.settle()
  bench.take()
  t.is(bench.refusals.length, 1, 'there is room again')
})

test('[I12] where the budget gives a log no bytes at all, its readers are told what they lost and go on', t => {
  const bench = new CoreBench({ rawStoreBytes: 1_200, rawLogBytes: 1_024 })
  bench.open(0, 1, { items: ['A'], mode: 'raw' })
  bench.feed({ item: 'A', fields: { bid: '1' } })
  t.deepEqual(settled(bench), [
    { item: 'A', lost: 1 },
    { item: 'A', seq: 1, snapshot: true, fields: { bid: '1' } },
  ])
  bench.took(0, 1)
  bench.feed({ item: 'A', deleted: true })
  t.deepEqual(settled(bench), [{ item: 'A', deleted: true }])
})

test('[I14] streams that ask for junk take no number of a field (found: 40 of them starved the others)', t => {
  const bench = new CoreBench({ fieldNamesMax: 20 })
  for (let slot = 0; slot < 40; slot++) bench.open(slot, 1, { items: ['A'], fields: names(128, `junk${slot}-`) })
  bench.open(40, 1, { items: ['A'], fields: ['bid', 'later'] })
  bench.settle()
  bench.take()
  t.deepEqual(bench.refusals, [])
  const { fields } = bench.core.conflate
  t.deepEqual([fields.size, fields.awaitedCount], [0, 40 * 128 + 2])
  bench.feed({ item: 'A', fields: { ask: '1', bid: '2' } })
  const first = settled(bench).filter(({ fields: told }) => told?.bid === '2')
  t.deepEqual(first, [{ item: 'A', seq: 1, snapshot: true, fields: { bid: '2' } }])
  bench.took(40, 1)
  bench.feed({ item: 'A', fields: { later: '3' } })
  t.deepEqual(settled(bench), [{ item: 'A', seq: 2, fields: { later: '3' } }], 'nobody else asked for it')
  for (let slot = 0; slot < 41; slot++) bench.close(slot, 1)
  bench.settle()
  t.deepEqual([fields.size, fields.awaitedCount], [3, 0], 'who has gone waits for nothing')
})

test('[I14] a raw view learns of a field with its first update, and counts from there', t => {
  const bench = new CoreBench()
  bench.feed({ item: 'A', fields: { ask: '1' } })
  bench.open(0, 1, { items: ['A'], mode: 'raw', fields: ['bid', 'ask2'] })
  t.deepEqual(settled(bench), [{ item: 'A', seq: 1, snapshot: true, fields: {} }])
  bench.took(0, 1)
  for (const fields of [{ ask: '2' }, { bid: '3' }, { ask: '4' }, { ask2: '5', bid: '6' }])
    bench.feed({ item: 'A', fields })
  t.deepEqual(settled(bench), [
    { item: 'A', seq: 2, fields: { bid: '3' } },
    { item: 'A', seq: 3, fields: { ask2: '5', bid: '6' } },
  ])
})

test('[S19] a request that is refused leaves nothing behind (found: the items made before the refusal stayed)', t => {
  const bench = new CoreBench({ itemsMax: 10, unwantedDelayMs: 100 })
  bench.open(0, 1, { items: names(9, 'i') })
  bench.settle()
  bench.take()
  t.deepEqual(bench.refusals, ['SERVER_BUSY'])
  const { items } = bench.core.conflate
  t.is(items.size, 5)
  bench.turn(300)
  bench.settle()
  t.is(items.size, 0)
})

test('[I16] a name that the table has no room for gives its number back (found: the lane kept it for ever)', t => {
  const bench = new CoreBench({ itemsMax: 4 })
  bench.open(0, 1, { items: ['x', 'y'] })
  bench.settle()
  for (const item of ['A', 'B', 'C', 'D']) bench.feed({ item, fields: { bid: '1' } })
  bench.feed({ item: 'C', fields: { bid: '2' } })
  bench.settle()
  t.is(bench.lane.items.size, 4)
  bench.hearLane()
  bench.settle()
  t.is(bench.lane.items.size, 2, 'C and D found no room')
  bench.close(0, 1)
  bench.settle()
  bench.turn(10_000)
  bench.feed({ item: 'C', fields: { bid: '3' } })
  bench.settle()
  t.is(bench.core.conflate.items.find('C')!.seq, 1, 'there is room again')
})

test('[I16] an item is not forgotten while a lane cannot be told (found: the lane kept its number for ever)', t => {
  const bench = new CoreBench({ unwantedDelayMs: 100 }, 1 << 20, 1_024)
  const items = names(300, 'i')
  for (const item of items) {
    bench.feed({ item, fields: { bid: '1' } })
    bench.feed({ item, deleted: true })
  }
  bench.open(0, 1, { items })
  bench.settle()
  bench.close(0, 1)
  bench.settle()
  t.deepEqual([bench.core.conflate.items.size, bench.lane.items.size], [300, 300])
  bench.turn(300)
  bench.settle()
  const left = bench.core.conflate.items.size
  t.true(left > 0 && left < 300, `${left} items wait until the lane has heard`)
  for (let i = 0; i < 30; i++) {
    bench.hearLane()
    bench.turn(1_000)
  }
  t.deepEqual([bench.core.conflate.items.size, bench.lane.items.size], [0, 0])
})

test('[I19] an item that was read until now is not idle (found: it was forgotten with its last reader)', t => {
  const bench = new CoreBench({ itemIdleMs: 5_000, unwantedDelayMs: 0 })
  bench.feed({ item: 'A', fields: { bid: '1' } })
  bench.open(0, 1, { items: ['A'] })
  bench.settle()
  bench.turn(20_000)
  bench.close(0, 1)
  bench.settle()
  for (let i = 0; i < 4; i++) bench.turn(1_000)
  t.not(bench.core.conflate.items.find('A'), null)
  for (let i = 0; i < 4; i++) bench.turn(1_000)
  t.is(bench.core.conflate.items.find('A'), null)
})

test('[I20] what a feed on demand was still to be told goes with it (found: the next one in its slot was told)', t => {
  const bench = new CoreBench({}, 1 << 20, 1_024)
  const items = names(300, 'i')
  bench.open(0, 1, { items })
  bench.settle()
  bench.feedLife(FEED_UP, 2, FEED_ON_DEMAND)
  bench.settle()
  bench.hearLane()
  t.true(bench.wishes.length > 0 && bench.wishes.length < 300, 'the first feed went before it was told all')
  bench.feedLife(FEED_DOWN, 2)
  bench.settle()
  bench.wishes.length = 0
  bench.feedLife(FEED_UP, 2, FEED_ON_DEMAND)
  for (let i = 0; i < 50; i++) {
    bench.settle()
    bench.hearLane()
  }
  t.deepEqual(bench.wishes.map(({ item }) => item).sort(), [...items].sort())
})

test('[S20] a turn answers one list, and comes back for the next (found: 1,024 sorted in one turn)', t => {
  const bench = new CoreBench()
  for (const item of names(300, 'i')) bench.feed({ item, fields: { bid: '1' } })
  bench.settle()
  for (let i = 0; i < 5; i++) bench.query(i, { kind: 'items', prefix: 'i', after: i === 4 ? 'i5' : '', limit: 50 })
  bench.query(5, { kind: 'item', name: 'i7' })
  for (let turn = 0; turn < 5; turn++) {
    const done = bench.turn()
    bench.take()
    t.true(done > 0)
    if (turn < 4) t.is(bench.answers.length, turn + 1)
  }
  t.is(bench.answers.length, 6)
  const sorted = names(300, 'i').sort()
  const [first, , , , last, item] = bench.answers
  t.deepEqual([JSON.parse(first!.body), first!.isCut], [sorted.slice(0, 50), true])
  t.deepEqual([JSON.parse(last!.body), last!.isCut], [sorted.filter(name => name > 'i5').slice(0, 50), true])
  t.is(item!.body, '{"item":"i7","seq":1,"snapshot":true,"fields":{"bid":"1"}}')
})

test('[S20] names are answered only when there is room, and all of them where they are few', t => {
  const bench = new CoreBench({}, 1 << 20)
  for (const item of ['b', 'a', 'c "quoted"']) bench.feed({ item, fields: { bid: '1' } })
  bench.settle()
  for (let i = 0; i < 12; i++) bench.query(i, { kind: 'items', prefix: '', after: '', limit: 1_000 })
  bench.settle()
  bench.take()
  t.is(bench.answers.length, 12)
  for (const { body, isCut } of bench.answers) t.deepEqual([JSON.parse(body), isCut], [['a', 'b', 'c "quoted"'], false])
})

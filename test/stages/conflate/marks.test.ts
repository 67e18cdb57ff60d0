/** What is told of an item's life besides its values: whom an item's feeds are, and that a mark waits for nothing. */

import test from 'ava'
import { FEED_ALIVE, FEED_DOWN, FEED_SILENT, FEED_UP } from '#src/codec/record.ts'
import { CoreBench, recordsOf, type StreamRecord } from '#test/support/core-bench.ts'

const told = (bench: CoreBench): StreamRecord[] => {
  bench.settle()
  const records = bench.take().flatMap(({ text }) => recordsOf(text))
  bench.took(0, 1)
  return records
}

test('[I15] an update over HTTP is no feed: the death of the feed is told (found: one curl hid it for ever)', t => {
  const bench = new CoreBench()
  bench.feedLife(FEED_UP, 1)
  bench.feed({ item: 'A', fields: { bid: '1' } }, 1)
  bench.feed({ item: 'A', fields: { bid: '2' } })
  bench.open(0, 1, { items: ['A'] })
  t.is(told(bench).length, 1)
  bench.feedLife(FEED_DOWN, 1)
  t.deepEqual(told(bench), [{ item: 'A', stale: true }])
  bench.feed({ item: 'A', fields: { bid: '3' } })
  t.deepEqual(told(bench), [
    { item: 'A', stale: false },
    { item: 'A', seq: 3, fields: { bid: '3' } },
  ])
})

test('[I15] what came over HTTP only is never stale; of two feeds the last one alive counts', t => {
  const bench = new CoreBench()
  for (const slot of [1, 2, 3]) bench.feedLife(FEED_UP, slot)
  bench.feed({ item: 'H', fields: { bid: '1' } })
  for (const slot of [1, 2]) bench.feed({ item: 'A', fields: { bid: '1' } }, slot)
  bench.open(0, 1, { items: ['A', 'H'] })
  t.is(told(bench).length, 2)
  bench.feedLife(FEED_SILENT, 1)
  bench.feedLife(FEED_DOWN, 3)
  t.deepEqual(told(bench), [])
  bench.feedLife(FEED_DOWN, 2)
  t.deepEqual(told(bench), [{ item: 'A', stale: true }])
  bench.feedLife(FEED_ALIVE, 1)
  t.deepEqual(told(bench), [{ item: 'A', stale: false }])
})

test('[S21] stale and deleted wait for no frequency, and take what was held along (found: 1,000 s late)', t => {
  const bench = new CoreBench()
  bench.feedLife(FEED_UP, 1)
  bench.open(0, 1, { items: ['A'], maxFrequency: 0.001 })
  bench.feed({ item: 'A', fields: { bid: '1' } }, 1)
  t.is(told(bench).length, 1)
  bench.feed({ item: 'A', fields: { bid: '2' } }, 1)
  t.deepEqual(told(bench), [], 'held')
  bench.feedLife(FEED_DOWN, 1)
  t.deepEqual(told(bench), [
    { item: 'A', seq: 2, fields: { bid: '2' } },
    { item: 'A', stale: true },
  ])
  bench.feed({ item: 'A', deleted: true })
  t.deepEqual(told(bench), [{ item: 'A', deleted: true }])
})

test('[S21] a mark is no update: the next one need not wait for it (found: it waited a whole interval)', t => {
  const bench = new CoreBench()
  bench.feedLife(FEED_UP, 1)
  bench.open(0, 1, { items: ['A'], maxFrequency: 1 })
  bench.feed({ item: 'A', fields: { bid: '1' } }, 1)
  t.is(told(bench).length, 1)
  bench.turn(1_100)
  bench.feedLife(FEED_SILENT, 1)
  t.deepEqual(told(bench), [{ item: 'A', stale: true }])
  bench.feedLife(FEED_ALIVE, 1)
  t.deepEqual(told(bench), [{ item: 'A', stale: false }])
  bench.feed({ item: 'A', fields: { bid: '2' } }, 1)
  t.deepEqual(told(bench), [{ item: 'A', seq: 2, fields: { bid: '2' } }])
  bench.feed({ item: 'A', fields: { bid: '3' } }, 1)
  t.deepEqual(told(bench), [], 'that was one')
})

test('[S22] the age of what waits is that of the oldest update, also when it is held (found: none)', t => {
  const bench = new CoreBench()
  bench.open(0, 1, { items: ['A', 'B'], maxFrequency: 0.1 })
  bench.feed({ item: 'A', fields: { bid: '1' } })
  t.is(told(bench).length, 1)
  bench.feed({ item: 'A', fields: { bid: '2' } })
  bench.settle()
  bench.turn(3_000)
  bench.feed({ item: 'B', fields: { bid: '1' } })
  t.is(told(bench).length, 1)
  bench.query(1, { kind: 'sessions', limit: 10 })
  bench.settle()
  bench.take()
  const [row] = JSON.parse(bench.answers[0]!.body) as { ageMs: number; waiting: number }[]
  t.deepEqual([row!.ageMs, row!.waiting], [3_000, 1])
})

test('[S23] at the end all is flushed that can be: held, gathering, and more than one turn takes (found: one turn)', t => {
  const bench = new CoreBench({ flushSessionsMax: 2, flushBytesMax: 60 })
  for (let slot = 0; slot < 7; slot++) bench.open(slot, 1, { items: ['A', 'B', 'C'], maxFrequency: 0.001 })
  bench.open(7, 1, { items: ['A'], maxDelayMs: 60_000 })
  for (const item of ['A', 'B', 'C']) bench.feed({ item, fields: { bid: '1' } })
  bench.settle()
  bench.take()
  for (const item of ['A', 'B', 'C']) bench.feed({ item, fields: { bid: '2' } })
  bench.settle()
  t.deepEqual(bench.take(), [], 'held or gathering')
  bench.core.endSessions(bench.clock.nowMs())
  bench.settle()
  const updates = new Map<number, number>()
  const ended: number[] = []
  for (const { type, slots, text } of bench.take()) {
    for (const slot of slots) {
      if (type === 'end') ended.push(slot)
      else
        updates.set(slot, (updates.get(slot) ?? 0) + recordsOf(text).filter(({ fields }) => fields?.bid === '2').length)
    }
  }
  t.deepEqual(
    [...updates].sort(),
    [0, 1, 2, 3, 4, 5, 6, 7].map(slot => [slot, slot === 7 ? 1 : 3]),
  )
  t.is(ended.length, 8)
})

/** What a client that is set back is told of marks, deletions and definitions that it has not handled. */

import test from 'ava'
import { FEED_DOWN, FEED_UP } from '#src/codec/record.ts'
import { data, ID, setUp } from '#test/support/core-client.ts'

test('[S49] a mark is told again also when the item turned between the break and the flush (found: it was not)', t => {
  const { bench, client } = setUp()
  bench.feedLife(FEED_UP, 1)
  bench.feed({ item: 'A', fields: { bid: '1' } }, 1)
  bench.open(0, 1, { items: ['A'] })
  client.handleAll()
  for (const bid of ['2', '3']) {
    bench.feedLife(FEED_DOWN, 1)
    client.receive()
    bench.feedLife(FEED_UP, 1)
    bench.feed({ item: 'A', fields: { bid } }, 1)
    client.receive()
    t.true(client.wire.length > 0, 'what was told is not handled')
    client.breakOff()
    client.generation++
    bench.open(0, client.generation, { resume: { session: ID, position: client.handled } })
    bench.feedLife(FEED_DOWN, 1)
    t.is(data(client.handleAll()).findLast(({ stale }) => stale !== undefined)?.stale, true)
    bench.feedLife(FEED_UP, 1)
    bench.feed({ item: 'A', fields: { bid: `${bid}5` } }, 1)
    t.is(data(client.handleAll()).findLast(({ stale }) => stale !== undefined)?.stale, false)
  }
})

test('[S49] raw mode: behind a deletion and a loss the mark is told, as it may be another (found: it was not)', t => {
  const { bench, client } = setUp({ rawLogUpdates: 4 })
  bench.feedLife(FEED_UP, 1)
  bench.feed({ item: 'A', fields: { bid: '1' } }, 1)
  bench.open(0, 1, { items: ['A'], mode: 'raw', onLost: 'snapshot' })
  client.handleAll()
  bench.feedLife(FEED_DOWN, 1)
  t.true(data(client.handleAll()).at(-1)?.stale)
  bench.feedLife(FEED_UP, 1)
  bench.feed({ item: 'A', deleted: true }, 1)
  bench.feed({ item: 'A', fields: { bid: '2' } }, 1)
  client.receive()
  client.breakOff()
  client.generation++
  bench.open(0, client.generation, { resume: { session: ID, position: client.handled } })
  for (let bid = 3; bid < 10; bid++) bench.feed({ item: 'A', fields: { bid: String(bid) } }, 1)
  const lines = data(client.handleAll())
  t.true((lines[0]?.lost ?? 0) > 0)
  t.deepEqual(lines.at(-1), { item: 'A', stale: false })
})

test('[S49] merge mode: a deletion that was not handled is told again', t => {
  const { bench, client } = setUp()
  bench.feed({ item: 'A', fields: { bid: '1' } })
  bench.open(0, 1, { items: ['A'] })
  client.handleAll()
  bench.feed({ item: 'A', deleted: true })
  client.receive()
  client.breakOff()
  client.resume()
  t.deepEqual(data(client.handleAll()), [{ item: 'A', deleted: true }])
})

for (const isStale of [true, false]) {
  test(`[S49] raw mode: behind a loss the mark is that of now, where the client knew ${isStale ? 'stale' : 'fresh'}`, t => {
    const { bench, client } = setUp({ rawLogUpdates: 4 })
    const turn = (to: boolean): void => {
      bench.feedLife(to ? FEED_DOWN : FEED_UP, 1)
      if (!to) bench.feed({ item: 'A', fields: { bid: '2' } }, 1)
    }
    bench.feedLife(FEED_UP, 1)
    bench.feed({ item: 'A', fields: { bid: '1' } }, 1)
    bench.open(0, 1, { items: ['A'], mode: 'raw', onLost: 'snapshot' })
    client.handleAll()
    if (isStale) turn(true)
    client.handleAll()
    turn(!isStale)
    client.receive()
    client.breakOff()
    client.generation++
    bench.open(0, client.generation, { resume: { session: ID, position: client.handled } })
    if (!isStale) bench.feedLife(FEED_UP, 1)
    for (let bid = 3; bid < 10; bid++) bench.feed({ item: 'A', fields: { bid: String(bid) } }, 1)
    if (!isStale) bench.feedLife(FEED_DOWN, 1)
    const lines = data(client.handleAll())
    t.true((lines[0]?.lost ?? 0) > 0)
    t.is(lines.findLast(({ stale }) => stale !== undefined)?.stale, !isStale)
  })
}

test('[S49] terse: what a view stands for is told again to who lost the flush that told it', t => {
  const { bench } = setUp()
  const came = (): string => {
    bench.settle()
    const flushes = bench.takeAll()
    for (const { generations } of flushes) bench.took(0, generations[0]!)
    return flushes.map(({ text }) => text).join('')
  }
  bench.open(0, 1, { items: ['A'], fields: ['bid'], encoding: 'terse' })
  const position = Number(/\{"position":(\d+)\}\n$/.exec(came())![1])
  bench.feed({ item: 'A', fields: { bid: '1' } })
  t.regex(came(), /^=0\t0\tA\tbid$/m)
  bench.close(0, 1)
  bench.open(0, 2, { resume: { session: ID, position }, encoding: 'terse' })
  const again = came()
  t.regex(again, /"recovered":true/)
  t.regex(again, /^=0\t0\tA\tbid$/m)
})

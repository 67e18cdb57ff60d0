/** Streams on real sockets: items that come and go, pace and delay, raw readers that fall behind, streams that stall. */

import test from 'ava'
import { TestServer } from '#test/support/server.ts'

const TWO_CORES = { placement: 'pools', coreThreads: 2, edgeThreads: 2 } as const
const SINGLE = { placement: 'single' } as const

test.serial(
  '[S40] an item that no feed has sent waits, appears, is deleted, and comes back with a snapshot',
  async t => {
    const server = await TestServer.start(t, TWO_CORES)
    const streams = [
      await server.stream('items=A'),
      await server.stream('items=A&mode=raw', { encoding: 'sse' }),
      await server.stream('items=A&fields=x'),
      await server.stream('items=A&fields=x&mode=raw'),
    ]
    const feed = await server.feed()
    // Each step waits for all streams, so that none of it is conflated.
    const step = async (line: object, count: number) => {
      feed.send(line)
      for (const stream of streams) await stream.until(all => all.length >= count)
    }
    await step({ item: 'A', fields: { x: '1', y: '1' } }, 1)
    await step({ item: 'A', fields: { x: '2' } }, 2)
    await step({ item: 'A', deleted: true }, 3)
    await step({ item: 'A', fields: { y: '9' } }, 4)
    await step({ item: 'A', fields: { x: '3' } }, 5)
    for (const [index, stream] of streams.entries()) {
      const first = index < 2 ? { x: '1', y: '1' } : { x: '1' }
      const back = index < 2 ? { y: '9' } : {}
      t.deepEqual(
        stream.all,
        [
          { item: 'A', seq: 1, snapshot: true, fields: first },
          { item: 'A', seq: 2, fields: { x: '2' } },
          { item: 'A', deleted: true },
          { item: 'A', seq: 3, snapshot: true, fields: back },
          { item: 'A', seq: 4, fields: { x: '3' } },
        ],
        `stream ${index}`,
      )
    }
  },
)

test.serial('[S41] maxFrequency keeps the pace, conflates, and ends on the last value', async t => {
  const server = await TestServer.start(t, SINGLE)
  const paced = await server.stream('items=A&maxFrequency=10')
  const feed = await server.feed()
  const count = 2_000
  feed.send({ item: 'A', fields: { n: '0' } })
  await paced.find(({ seq }) => seq === 1)
  for (let i = 1; i < count; i++) feed.send({ item: 'A', fields: { n: String(i) } })
  await paced.find(({ fields }) => fields?.n === String(count - 1))
  t.true(paced.all.length < count / 10, `${paced.all.length} of ${count}`)
  t.is(paced.all.at(-1)!.seq, count)
})

test.serial('[S42] maxDelay gathers updates of many items in one flush', async t => {
  const server = await TestServer.start(t, SINGLE)
  const items = Array.from({ length: 20 }, (_, index) => `D${index}`)
  const gathered = await server.stream(`items=${items.join(',')}&maxDelay=300`, { encoding: 'sse' })
  const feed = await server.feed()
  for (const item of items) {
    feed.send({ item, fields: { x: '1' } })
    await feed.acknowledged()
  }
  await gathered.until(all => all.length === items.length)
  t.true(gathered.client.idCount < items.length, `${gathered.client.idCount} flushes: each has one id`)
  t.regex(gathered.client.lastId, /^[\w-]{22}\.\d+$/)
})

const VALUE = 'v'.repeat(400)
const LINES = 40_000

test.serial(
  '[S43] a raw reader that falls off the log is told how much it lost, and goes on from a snapshot',
  async t => {
    const server = await TestServer.start(t, { ...TWO_CORES, rawLogUpdates: 100 })
    const stream = await server.stream('items=A&mode=raw&onLost=snapshot')
    const feed = await server.feed()
    feed.send({ item: 'A', fields: { n: '-1' } })
    await stream.find(() => true)
    stream.client.pause()
    await feed.play(
      Array.from({ length: LINES }, (_, n) => JSON.stringify({ item: 'A', fields: { n: String(n), VALUE } })),
      10_000,
    )
    stream.client.resume()
    await stream.find(({ fields }) => fields?.n === String(LINES - 1))
    t.true(stream.all.some(({ lost = 0 }) => lost > 0))
    let seq = 0
    for (const [index, record] of stream.all.entries()) {
      if (record.stale !== undefined) {
        // Marks may be among what was lost: behind a loss the server tells the state anew.
        t.false(record.stale)
        continue
      }
      if (record.lost !== undefined) {
        seq += record.lost
        t.true(stream.all[index + 1]!.snapshot, 'behind a loss stands a snapshot')
        t.is(stream.all[index + 1]!.seq, seq, 'the loss and the seqs agree')
      } else {
        seq = record.snapshot === true ? record.seq! : seq + 1
        t.is(record.seq, seq, 'without a loss there is no gap')
      }
    }
    t.is(seq, LINES + 1)
  },
)

test.serial(
  '[S44] a raw reader with onLost=end is told how much it lost, and its subscription ends with the reason',
  async t => {
    const server = await TestServer.start(t, { ...TWO_CORES, rawLogUpdates: 100 })
    const stream = await server.stream('items=A&mode=raw', { encoding: 'sse' })
    const feed = await server.feed()
    feed.send({ item: 'A', fields: { n: '-1' } })
    await stream.find(() => true)
    stream.client.pause()
    await feed.play(
      Array.from({ length: LINES }, (_, n) => JSON.stringify({ item: 'A', fields: { n: String(n), VALUE } })),
      10_000,
    )
    stream.client.resume()
    const end = await stream.find(({ unsubscribed }) => unsubscribed === 0)
    t.is(end.error?.code, 'UPDATES_LOST')
    t.is(stream.all.at(-1), end)
    t.true(stream.all.at(-2)!.lost! > 0)
  },
)

test.serial(
  '[S45] a connection that takes nothing for stallTimeoutMs is closed; one that reads slowly stays',
  async t => {
    const server = await TestServer.start(t, { ...TWO_CORES, stallTimeoutMs: 400 })
    const items = Array.from({ length: 50 }, (_, index) => `S${index}`)
    // In raw mode nothing is conflated: the kernel is full sooner.
    const stalled = await server.stream(`items=${items.join(',')}&mode=raw&onLost=snapshot`)
    const healthy = await server.stream(`items=${items.join(',')}`)
    stalled.client.pause()
    const feed = await server.feed()
    const sent = async () => {
      await feed.play(
        Array.from({ length: 5_000 }, (_, n) =>
          JSON.stringify({ item: items[n % 50], fields: { n: String(n), VALUE } }),
        ),
        5_000,
      )
      return server.metric('millrace_connections_stalled_total')
    }
    t.is(await server.poll(sent, count => count > 0), 1)
    stalled.client.resume()
    await stalled.ended()
    t.is(healthy.client.socket.destroyed, false)
    feed.send({ item: 'S0', fields: { n: 'after' } })
    await healthy.find(({ fields }) => fields?.n === 'after')
  },
)

test.serial('[S46] a silent stream gets signs of life', async t => {
  const server = await TestServer.start(t, { ...SINGLE, keepaliveMs: 100 })
  for (const encoding of ['sse', 'ndjson'] as const) {
    const stream = await server.stream('items=A', { encoding })
    await server.poll(
      async () => stream.client.keepalives,
      count => count >= 2,
    )
    t.true(stream.client.keepalives >= 2, encoding)
    t.deepEqual(stream.all, [])
  }
})

test.serial(
  '[S47] a published text that grows beyond a line when it is written as JSON is refused, and ends no thread',
  async t => {
    const server = await TestServer.start(t, TWO_CORES)
    const raw = await server.stream('items=A&mode=raw')
    const form = ['Content-Type: application/x-www-form-urlencoded']
    // A quote is one byte in a form and two in JSON, a control character three and six.
    for (const value of ['"'.repeat(8_000), '%01'.repeat(2_600)]) {
      const body = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map(name => `${name}=${value}`).join('&')
      const answer = await server.connection().ask('POST', '/items/A', form, body)
      t.is(answer.status, 413)
      t.is(JSON.parse(answer.body).error.code, 'REQUEST_BODY_TOO_LARGE')
    }
    const fitting = `a=${'"'.repeat(8_000)}`
    t.is((await server.connection().ask('POST', '/items/A', form, fitting)).status, 202)
    await raw.find(({ item }) => item === 'A')
    t.is(raw.state.get('A')?.a, '"'.repeat(8_000))
  },
)

test.serial('[S48] names and values come through every quoting unharmed', async t => {
  const server = await TestServer.start(t, TWO_CORES)
  const item = 'läng/"q"\\ 価格 %2c&=+#'
  const stream = await server.stream(`items=${encodeURIComponent(item)}&fields=${encodeURIComponent('f"\\ü')}`, {
    encoding: 'sse',
  })
  const feed = await server.feed()
  const value = 'a"b\\c\n\t\u2028 ü 😀'
  feed.send({ item, fields: { 'f"\\ü': value, other: '1' } })
  const record = await stream.find(each => each.item === item)
  t.deepEqual(record.fields, { 'f"\\ü': value })
  const answer = await server.get(`/items/${encodeURIComponent(item)}`)
  t.is(JSON.parse(answer.body).fields['f"\\ü'], value)
  t.deepEqual(JSON.parse((await server.get('/items')).body).items, [item])
})

/** Feeds on real sockets: what a program behind `nc` would see, and what clients see of it. */

import test from 'ava'
import { TestServer } from '#test/support/server.ts'

const POOLS = { placement: 'pools', feedThreads: 2, coreThreads: 2, edgeThreads: 1 } as const

test.serial(
  '[F40] a last line without its newline counts, and the end of a feed follows the last of its updates',
  async t => {
    const server = await TestServer.start(t, POOLS)
    const stream = await server.stream('items=A&mode=raw')
    const feed = await server.feed()
    feed.write('{"item":"A","fields":{"bid":1.50}}\n{"item":"A","fields":{"bid":1.60}}')
    await feed.end()
    await stream.find(record => record.stale === true)
    t.deepEqual(
      stream.all.map(({ fields, stale }) => fields?.bid ?? stale),
      ['1.50', '1.60', true],
    )
    t.is(feed.replies.all.at(-1)?.ack, 2, 'the unfinished line is acknowledged too')
  },
)

test.serial('[F41] a bad line is told with its number and code, and harms no other', async t => {
  const server = await TestServer.start(t, { ...POOLS, feedLineBytesMax: 256, valueBytesMax: 64, itemNameBytesMax: 64 })
  const stream = await server.stream('items=A&mode=raw')
  const feed = await server.feed()
  feed.write('{"item":"A","fields":{"x":"1"}}\n')
  feed.write('not json\n')
  feed.write(`{"item":"A","fields":{"x":"${'y'.repeat(300)}"}}\n`)
  feed.write('{"item":"A","fields":[1]}\n')
  feed.write('{"item":7,"fields":{}}\n')
  feed.write('{"item":"A","colour":"red","fields":{"x":"1"}}\n')
  feed.write('\n{"feed":"late"}\n')
  feed.write('{"item":"A","fields":{"x":"2"}}\n')
  await feed.acknowledged()
  const errors = feed.replies.all.flatMap(({ error }) => (error === undefined ? [] : [[error.line, error.code]]))
  t.deepEqual(errors, [
    [2, 'FEED_LINE_NOT_JSON'],
    [3, 'FEED_LINE_TOO_LONG'],
    [4, 'FEED_VALUE_TYPE'],
    [5, 'FEED_VALUE_TYPE'],
    [6, 'FEED_KEY_UNKNOWN'],
    [8, 'FEED_GREETING_LATE'],
  ])
  await stream.find(({ fields }) => fields?.x === '2')
  t.deepEqual(
    stream.all.map(({ fields }) => fields?.x),
    ['1', '2'],
  )
  t.is(await server.metric('millrace_feed_errors_total'), errors.length)
})

test.serial('[F42] a feed with too many bad lines is told why and closed; what came before counts', async t => {
  const server = await TestServer.start(t, { ...POOLS, feedErrorsMax: 3 })
  const feed = await server.feed()
  feed.write('{"item":"A","fields":{"x":"1"}}\nbad\nbad\nbad\n{"item":"A","fields":{"x":"2"}}\n')
  await feed.replies.ended()
  t.is(feed.replies.all.at(-1)?.closing?.code, 'FEED_ERRORS_TOO_MANY')
  const item = await server.poll(
    () => server.get('/items/A'),
    ({ status }) => status === 200,
  )
  t.is(JSON.parse(item.body).fields.x, '1', 'nothing behind the last bad line is read')
})

test.serial(
  '[F43] a greeting that is none is an error, and the connection goes on as a feed without a name',
  async t => {
    const server = await TestServer.start(t, POOLS)
    const feed = await server.feed()
    feed.send({ feed: 7 }, { hello: 'world' }, { item: 'A', fields: { x: '1' } })
    await feed.acknowledged()
    const codes = feed.replies.all.flatMap(({ error }) => error?.code ?? [])
    t.deepEqual(codes, ['FEED_VALUE_TYPE', 'FEED_KEY_UNKNOWN'])
    t.is((await server.get('/items/A')).status, 200)
  },
)

test.serial('[F44] the window is in the first line, and a feed that does not heed it loses nothing', async t => {
  const server = await TestServer.start(t, { ...POOLS, feedWindowLines: 10 })
  const stream = await server.stream('items=A')
  const feed = await server.feed()
  t.deepEqual(feed.replies.all[0], { millrace: 1, window: 10 })
  const lines = Array.from({ length: 20_000 }, (_, index) => `{"item":"A","fields":{"n":"${index}"}}\n`)
  feed.write(lines.join(''))
  await feed.acknowledged()
  await stream.find(({ fields }) => fields?.n === '19999')
  const acks = feed.replies.all.flatMap(({ ack }) => ack ?? [])
  t.deepEqual(
    acks,
    [...new Set(acks)].sort((a, b) => a - b),
    'acknowledgements only grow',
  )
})

test.serial(
  '[F45] a feed on demand is told what is wanted with the first reader, and unwanted after the last',
  async t => {
    const server = await TestServer.start(t, { ...POOLS, unwantedDelayMs: 100, resumeMs: 0 })
    const early = await server.stream('items=early')
    const feed = await server.feed()
    const plain = await server.feed()
    feed.send({ feed: 'asked', onDemand: true })
    await feed.replies.find(({ wanted }) => wanted === 'early')
    const first = await server.stream('items=A,B')
    const second = await server.stream('items=A')
    await feed.replies.find(({ wanted }) => wanted === 'A')
    await feed.replies.find(({ wanted }) => wanted === 'B')
    first.client.destroy()
    await feed.replies.find(({ unwanted }) => unwanted === 'B')
    second.client.destroy()
    await feed.replies.find(({ unwanted }) => unwanted === 'A')
    early.client.destroy()
    await feed.replies.find(({ unwanted }) => unwanted === 'early')
    const told = feed.replies.all.flatMap(({ wanted, unwanted }) => wanted ?? unwanted ?? [])
    t.deepEqual(told.toSorted(), ['A', 'A', 'B', 'B', 'early', 'early'], 'each is told once')
    t.deepEqual(plain.replies.all, [{ millrace: 1, window: 65_536 }], 'a feed that did not ask is told nothing')
  },
)

test.serial(
  '[F46] a feed that misses its heartbeat makes its items stale, and the next sign of life clears it',
  async t => {
    const server = await TestServer.start(t, POOLS)
    const stream = await server.stream('items=A,B,C')
    const feed = await server.feed()
    const silentByRight = await server.feed()
    feed.send({ feed: 'beating', heartbeat: 200 }, { item: 'A', fields: { x: '1' } }, { item: 'B', fields: { x: '1' } })
    silentByRight.send({ item: 'C', fields: { x: '1' } })
    await stream.find(({ item, stale }) => item === 'A' && stale === true)
    await stream.find(({ item, stale }) => item === 'B' && stale === true)
    feed.write('\n')
    await stream.find(({ item, stale }) => item === 'A' && stale === false)
    await stream.find(({ item, stale }) => item === 'B' && stale === false)
    t.deepEqual(stream.of('C').length, 1, 'silence is no fault of a feed that declared no heartbeat')
    const { x } = stream.state.get('A')!
    t.is(x, '1', 'the value stays')
  },
)

test.serial(
  '[F47] an item that two feeds serve is stale when both are gone, and fresh when one comes back',
  async t => {
    const server = await TestServer.start(t, POOLS)
    const stream = await server.stream('items=A,only')
    const [one, two] = [await server.feed(), await server.feed()]
    one.send({ item: 'A', fields: { x: '1' } }, { item: 'only', fields: { x: '1' } })
    await one.acknowledged()
    two.send({ item: 'A', fields: { y: '2' } })
    await two.acknowledged()
    await one.end()
    await stream.find(({ item, stale }) => item === 'only' && stale === true)
    t.true(
      stream.of('A').every(({ stale }) => stale === undefined),
      'the other feed still answers for it',
    )
    t.deepEqual(stream.state.get('A'), { x: '1', y: '2' })
    await two.end()
    await stream.find(({ item, stale }) => item === 'A' && stale === true)
    t.true(JSON.parse((await server.get('/items/A')).body).stale)
    const three = await server.feed()
    three.send({ item: 'A', fields: { x: '1' } })
    await stream.find(({ item, stale }) => item === 'A' && stale === false)
    t.is(JSON.parse((await server.get('/items/A')).body).stale, undefined)
  },
)

test.serial('[F48] a feed beyond feedConnectionsMax is told so and closed', async t => {
  const server = await TestServer.start(t, { placement: 'single', feedConnectionsMax: 1 })
  const first = await server.feed()
  await t.throwsAsync(server.feed(), { message: /FEED_CONNECTIONS_TOO_MANY/ })
  await first.end()
  // The slot is free when the server has seen its own end of the connection, which may be after the feed has seen it.
  const next = await server.poll(
    () => server.feed().catch(() => null),
    feed => feed !== null,
  )
  t.is(next?.replies.all[0]?.millrace, 1, 'a slot that is free again is given out')
})

test.serial('[F49] a line refused by a core is told to its feed with its number', async t => {
  const server = await TestServer.start(t, { ...POOLS, coreThreads: 1, itemsMax: 2 })
  const feed = await server.feed()
  feed.send({ feed: 'f' }, ...['A', 'B', 'C'].map(item => ({ item, fields: { x: '1' } })))
  const { error } = await feed.replies.find(reply => reply.error !== undefined)
  t.is(error?.line, 4)
  t.true(['FEED_ITEMS_TOO_MANY', 'FEED_NAMES_TOO_MANY'].includes(error!.code), error!.code)
  const look = async () => JSON.parse((await server.get('/items')).body).items as string[]
  t.deepEqual(await server.poll(look, ({ length }) => length === 2), ['A', 'B'])
})

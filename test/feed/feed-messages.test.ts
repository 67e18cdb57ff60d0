/** What the feed client makes of messages: the program is asked, and what it says goes back. */

import test, { type ExecutionContext } from 'ava'
import { FEED_MESSAGES_MAX } from '#src/codec/feed-reply.ts'
import { connectFeed, type FeedClient, type FeedMessage, type FeedOptions } from '#src/feed/feed-client.ts'
import { soon } from '#src/time/real-timers.ts'
import { type ScriptedConnection, ScriptedFeedServer } from '../support/scripted-feed-server.ts'

interface Fixture {
  readonly server: ScriptedFeedServer
  readonly client: FeedClient
  readonly details: string[]
}

async function start(t: ExecutionContext, options: FeedOptions): Promise<Fixture> {
  const server = await ScriptedFeedServer.listen()
  const details: string[] = []
  const client = connectFeed({
    port: server.port,
    random: { next: () => 0 },
    closeTimeoutMs: 60_000,
    handles: ['orders', 'fx.*'],
    onStateChange: (_state, detail) => details.push(detail),
    ...options,
  })
  t.teardown(async () => {
    const closed = client.close()
    await server.close()
    await closed
  })
  return { server, client, details }
}

async function welcomed({ server }: Fixture, windowLines = 100): Promise<ScriptedConnection> {
  const connection = await server.accept()
  connection.welcome(windowLines)
  await connection.received(1)
  return connection
}

function message(number: number, data: unknown = number): object {
  return { message: number, to: 'orders', session: 'kR3', data }
}

/** What the feed has answered so far, sorted by number. */
function answers({ lines }: ScriptedConnection): object[] {
  const all = lines.flatMap(line => (line.startsWith('{"answer"') ? [JSON.parse(line) as { answer: number }] : []))
  return all.sort((a, b) => a.answer - b.answer)
}

/** The program is at work until it is told what to return. */
class Work {
  readonly #ends: ((result: unknown) => void)[] = []
  readonly #seen: ((count: number) => void)[] = []

  readonly onMessage = (): Promise<unknown> => {
    const { promise, resolve } = Promise.withResolvers<unknown>()
    this.#ends.push(resolve)
    for (const see of this.#seen) see(this.#ends.length)
    return promise
  }

  get count(): number {
    return this.#ends.length
  }

  end(index: number, result: unknown): void {
    this.#ends[index]!(result)
  }

  /** Resolves when so many messages have come. */
  begun(count: number): Promise<void> {
    return new Promise(resolve => {
      const see = (begun: number): void => {
        if (begun >= count) resolve()
      }
      this.#seen.push(see)
      see(this.count)
    })
  }
}

async function turns(count = 2): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise<void>(resolve => soon(resolve))
}

test('[F70] the greeting names the targets, and none where there are none', async t => {
  const fixture = await start(t, { name: 'desk', onMessage: () => null })
  const { lines } = await welcomed(fixture)
  t.deepEqual(JSON.parse(lines[0]!), { feed: 'desk', onDemand: false, heartbeat: 0, handles: ['orders', 'fx.*'] })
  const plain = await start(t, { name: 'desk', handles: [] })
  t.deepEqual(JSON.parse((await welcomed(plain)).lines[0]!), { feed: 'desk', onDemand: false, heartbeat: 0 })
})

test('[F70] what no server takes is refused by the client', t => {
  t.throws(() => connectFeed({ handles: ['orders'] }))
  t.throws(() => connectFeed({ handles: Array<string>(65).fill('a'), onMessage: () => null }))
  t.throws(() => connectFeed({ handles: ['a'.repeat(30_000)], onMessage: () => null }))
})

test('[F71] a message is handed over as it came, and answered with what is returned or promised', async t => {
  const seen: FeedMessage[] = []
  const results = [{ id: 7 }, Promise.resolve([1, 'é']), undefined, () => 1]
  const fixture = await start(t, {
    onMessage: one => {
      seen.push(one)
      return results[seen.length - 1]
    },
  })
  const connection = await welcomed(fixture)
  const data = { side: 'buy', size: 100, note: null }
  connection.say(message(1, data), message(2), message(3), message(4))
  await connection.received(5)
  t.deepEqual(
    seen.map(one => one.data),
    [data, 2, 3, 4],
  )
  t.deepEqual(seen[0], { to: 'orders', session: 'kR3', data })
  t.deepEqual(answers(connection), [
    { answer: 1, result: { id: 7 } },
    { answer: 2, result: [1, 'é'] },
    { answer: 3, result: null },
    { answer: 4, result: null },
  ])
})

test('[F71] the data of a message may be long', async t => {
  const fixture = await start(t, { onMessage: ({ data }) => String(data).length })
  const connection = await welcomed(fixture)
  connection.say(message(1, 'x'.repeat(300_000)))
  await connection.received(2)
  t.deepEqual(answers(connection), [{ answer: 1, result: 300_000 }])
})

const THROWN: [name: string, onMessage: () => unknown, error: string][] = [
  ['an error', () => fail(new Error('no such account')), 'no such account'],
  ['a rejection', () => Promise.reject(new TypeError('no "size"')), 'no "size"'],
  ['a text', () => fail('closed'), 'closed'],
  ['nothing of use', () => fail({ secret: 1 }), 'the feed could not handle the message'],
  ['an error without a message', () => fail(new Error()), 'the feed could not handle the message'],
  ['what JSON cannot hold', () => 1n, 'Do not know how to serialize a BigInt'],
  ['half of a pair', () => fail('\ud800'), '\ufffd'],
  ['a long text', () => fail('x'.repeat(5_000)), 'x'.repeat(1_000)],
  ['an answer too long', () => 'x'.repeat(17_000_000), 'the answer is too long'],
]

function fail(thrown: unknown): never {
  throw thrown
}

for (const [name, onMessage, error] of THROWN) {
  test(`[F72] ${name} is an error to the client, and the next message is handed over`, async t => {
    let count = 0
    const fixture = await start(t, { onMessage: () => (count++ === 0 ? onMessage() : 'fine') })
    const connection = await welcomed(fixture)
    connection.say(message(1), message(2))
    await connection.received(3)
    t.deepEqual(answers(connection), [
      { answer: 1, error },
      { answer: 2, result: 'fine' },
    ])
  })
}

test('[F73] answers wait for room in the window, go before what is published, and count as lines', async t => {
  const work = new Work()
  const fixture = await start(t, { onMessage: work.onMessage })
  const { client } = fixture
  const connection = await welcomed(fixture, 3)
  connection.say(message(1), message(2), message(3))
  await work.begun(3)
  t.true(client.publish('A', { n: 1 }))
  t.true(client.publish('A', { n: 2 }))
  for (const index of [2, 0, 1]) work.end(index, 'done')
  await connection.received(3)
  const published = client.ready().then(() => client.publish('A', { n: 3 }))
  await turns()
  t.is(connection.lines.length, 3)
  connection.say({ ack: 2 })
  await connection.received(5)
  await turns()
  t.deepEqual(connection.lines.slice(3), ['{"answer":3,"result":"done"}', '{"answer":1,"result":"done"}'])
  connection.say({ ack: 5 })
  t.true(await published)
  await connection.received(7)
  t.deepEqual(connection.lines.slice(5), ['{"answer":2,"result":"done"}', '{"item":"A","fields":{"n":3}}'])
  connection.say({ ack: 7 })
  await client.flushed()
  t.deepEqual([client.linesSent, client.linesAcked, client.lost], [6, 6, 0])
})

test('[F74] what the program comes to when the connection has ended is dropped', async t => {
  const work = new Work()
  const fixture = await start(t, { onMessage: work.onMessage })
  const first = await welcomed(fixture)
  first.say(message(1), message(2))
  await work.begun(2)
  first.socket.destroy()
  const second = await welcomed(fixture)
  second.say(message(1))
  await work.begun(3)
  work.end(0, 'of the first')
  await turns()
  work.end(2, 'of the second')
  await second.received(2)
  work.end(1, 'of the first')
  await turns()
  t.deepEqual(answers(second), [{ answer: 1, result: 'of the second' }])
})

test('[F75] close waits for the messages at work, and hands over no more', async t => {
  const work = new Work()
  const fixture = await start(t, { onMessage: work.onMessage })
  const { client } = fixture
  const connection = await welcomed(fixture)
  connection.say(message(1))
  await work.begun(1)
  const closed = client.close()
  connection.say({ ack: 1 }, message(2))
  await turns(10)
  t.is(client.state, 'closing')
  work.end(0, 'done')
  await connection.received(2)
  t.is(client.state, 'closing')
  connection.say({ ack: 2 })
  await closed
  await connection.ended
  t.is(work.count, 1)
  t.deepEqual(answers(connection), [{ answer: 1, result: 'done' }])
  t.deepEqual([client.linesSent, client.linesAcked, client.lost], [1, 1, 0])
})

test('[F75] a client may be closed by its program at work', async t => {
  let client: FeedClient | null = null
  const closed = Promise.withResolvers<void>()
  const fixture = await start(t, {
    onMessage: () => {
      client?.close().then(closed.resolve)
      return 'bye'
    },
  })
  client = fixture.client
  const connection = await welcomed(fixture)
  connection.say(message(1), message(2))
  await connection.received(2)
  connection.say({ ack: 2 })
  await closed.promise
  t.deepEqual(answers(connection), [{ answer: 1, result: 'bye' }])
})

test('[F76] a server that brings more messages than may be open is left', async t => {
  const work = new Work()
  const fixture = await start(t, { onMessage: work.onMessage })
  const connection = await welcomed(fixture)
  connection.say(...Array.from({ length: FEED_MESSAGES_MAX + 1 }, (_, index) => message(index + 1)))
  await connection.ended
  t.is(work.count, FEED_MESSAGES_MAX)
  await fixture.server.accept()
  t.true(fixture.details.includes('PROTOCOL_ERROR'))
})

test('[F76] as many messages are at work as may be open, over all connections', async t => {
  const work = new Work()
  const fixture = await start(t, { onMessage: work.onMessage })
  const first = await welcomed(fixture)
  first.say(...Array.from({ length: FEED_MESSAGES_MAX }, (_, index) => message(index + 1)))
  await work.begun(FEED_MESSAGES_MAX)
  first.socket.destroy()
  const second = await welcomed(fixture)
  second.say(message(1))
  await second.received(2)
  t.deepEqual(answers(second), [{ answer: 1, error: 'the feed is busy' }])
  work.end(0, 'late')
  await turns()
  second.say(message(2))
  await work.begun(FEED_MESSAGES_MAX + 1)
  work.end(FEED_MESSAGES_MAX, 'in time')
  await second.received(3)
  t.deepEqual(answers(second)[1], { answer: 2, result: 'in time' })
})

const STRANGE: [name: string, options: FeedOptions, reply: object][] = [
  ['no number', { onMessage: () => null }, { message: 'x', to: 'orders', session: 'kR3', data: 1 }],
  ['no target', { onMessage: () => null }, { message: 1, session: 'kR3', data: 1 }],
  ['no session', { onMessage: () => null }, { message: 1, to: 'orders', data: 1 }],
  ['a feed that handles none', { handles: [] }, message(1)],
]

for (const [name, options, reply] of STRANGE) {
  test(`[F76] a server that brings a message with, or to, ${name} is left`, async t => {
    const fixture = await start(t, options)
    const connection = await welcomed(fixture)
    connection.say(reply)
    await connection.ended
    await fixture.server.accept()
    t.true(fixture.details.includes('PROTOCOL_ERROR'))
  })
}

/** How sessions and streams end, what is special to polls and WebSockets, and messages to feeds; on real sockets. */

import test, { type ExecutionContext } from 'ava'
import { control, post } from '#test/support/control.ts'
import type { RawFeed } from '#test/support/raw-feed.ts'
import type { TestServer } from '#test/support/server.ts'
import {
  linesOf,
  type SessionRecord,
  SessionStream,
  type SessionStreamOptions,
  TRANSPORTS,
} from '#test/support/session-stream.ts'
import { shareServers } from '#test/support/shared-servers.ts'

const BODY_BYTES_MAX = 16_384
const each = shareServers(test, { requestBodyBytesMax: BODY_BYTES_MAX })

function open(t: ExecutionContext, server: TestServer, options: Omit<SessionStreamOptions, 'port'>): SessionStream {
  const stream = new SessionStream({ port: server.httpPort, ...options })
  t.teardown(() => stream.cut())
  return stream
}

/** A poll on a connection of its own; a POST where it carries requests. */
async function poll(server: TestServer, query: string, requests?: readonly object[]): Promise<SessionRecord[]> {
  const connection = server.connection()
  const sent = requests === undefined ? null : linesOf(requests)
  const { status, body } = await connection.ask(sent === null ? 'GET' : 'POST', `/poll?${query}`, [], sent)
  connection.destroy()
  if (status !== 200) throw new Error(`${status} ${body}`)
  const lines = body.split('\n').filter(line => line !== '')
  return lines.map(line => JSON.parse(line) as SessionRecord)
}

function valuesOf(records: readonly SessionRecord[]): readonly (string | null | undefined)[] {
  return records.flatMap(({ fields }) => (fields === undefined ? [] : [fields.n]))
}

each('[P75] a session that is destroyed is told so, answers all that waits, and is no more', async (t, server) => {
  for (const transport of TRANSPORTS) {
    const stream = open(t, server, { transport, requests: [{ subscribe: { id: 0, items: ['P75'] } }] })
    const { session } = await stream.welcome
    await stream.find(({ subscribed }) => subscribed === 0)
    // It waits for request 2, which will not come.
    const held = post(server, session!, [{ request: 3, pause: 0 }])
    t.deepEqual(await control(server, session!, { request: 1, destroy: true }), [{ answer: 1 }])
    await stream.ended()
    const { closing } = stream.all.at(-1)!
    // A client that was between two polls finds nothing.
    if (transport === 'poll' && stream.status === 404) t.is(stream.refusal, 'SESSION_UNKNOWN')
    else t.deepEqual([closing?.code, closing?.retryMs], ['SESSION_DESTROYED', undefined], transport)
    if (transport === 'websocket') t.is(stream.closeCode, 1000)
    t.is((await held).records[0]?.error?.code, 'SESSION_UNKNOWN', 'it was there too late, or waited in vain')
    t.is((await post(server, session!, [{ request: 2, pause: 0 }])).status, 404)
    const again = open(t, server, { transport, resume: stream.resume })
    await again.ended()
    t.deepEqual([again.status, again.refusal], [404, 'SESSION_UNKNOWN'])
  }
})

interface Closing {
  readonly code: number
  readonly why: string
  readonly act: (stream: SessionStream) => void
}

const CLOSINGS: readonly Closing[] = [
  { code: 1000, why: 'the client closes', act: ({ socket }) => socket.close(1000) },
  { code: 1003, why: 'a binary message', act: ({ socket }) => socket.send(Buffer.from('{"pause":1}')) },
  { code: 1007, why: 'bad UTF-8', act: ({ socket }) => socket.send(Buffer.from([0x7b, 0xff]), { binary: false }) },
  { code: 1009, why: 'a long message', act: ({ socket }) => socket.send(`"${'x'.repeat(BODY_BYTES_MAX)}"`) },
  { code: 1009, why: 'a long message in fragments', act: ({ socket }) => sendFragments(socket) },
  { code: 1002, why: 'a frame that is not masked', act: ({ socket }) => writeUnmasked(socket) },
  { code: 1008, why: 'too many bad requests', act: stream => stream.send(...Array.from({ length: 101 }, () => ({}))) },
]

function sendFragments(socket: SessionStream['socket']): void {
  for (let sent = 0; sent <= BODY_BYTES_MAX; sent += 4_096) socket.send('x'.repeat(4_096), { fin: false })
}

function writeUnmasked(socket: SessionStream['socket']): void {
  const { _socket } = socket as unknown as { readonly _socket: { write(bytes: Buffer): void } }
  _socket.write(Buffer.from([0x81, 0x02, 0x7b, 0x7d]))
}

each('[P77] a WebSocket that breaks a rule is closed with its code, and its session goes on', async (t, server) => {
  const feed = await server.feed()
  for (const [index, { code, why, act }] of CLOSINGS.entries()) {
    const item = `P77.${index}`
    feed.send({ item, fields: { n: '1' } })
    await feed.acknowledged()
    const stream = open(t, server, { transport: 'websocket', query: `items=${item}` })
    await stream.find(record => record.item === item)
    await stream.until(() => stream.handledCount === stream.all.length)
    act(stream)
    await stream.ended()
    t.is(stream.closeCode, code, why)
    feed.send({ item, fields: { n: '2' } })
    const next = open(t, server, { transport: 'websocket', resume: stream.resume })
    t.true((await next.welcome).recovered, why)
    await next.find(record => record.item === item)
    t.deepEqual(valuesOf(next.all), ['2'])
  }
})

each('[P77] an opening handshake of another version is refused, and told the version', async (t, server) => {
  const headers = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==']
  const ask = (version: string) => server.get('/stream', [...headers, `Sec-WebSocket-Version: ${version}`])
  const refused = await ask('8')
  t.is(refused.status, 426)
  t.is(refused.headers['sec-websocket-version'], '13')
  t.is(JSON.parse(refused.body).error.code, 'UPGRADE_INVALID')
  t.is((await ask('13')).status, 101)
})

each(
  '[P78] nothing that is published between two polls is lost, whichever connections they take',
  async (t, server) => {
    const feed = await server.feed()
    feed.send({ item: 'P78.A', fields: { n: 'begin' } })
    const [welcome, ...rest] = await poll(server, 'items=P78.A&mode=raw&wait=0')
    t.deepEqual(rest[0], { subscribed: 0, items: 1 })
    const { session } = welcome!
    let position = rest.at(-1)!.position!
    const got = [...valuesOf(rest)]
    // The second asks for what the first has had, as a client does whose answer was lost.
    const next = async () => {
      const query = `session=${session}&position=${position}`
      const lost = await poll(server, query)
      const again = await poll(server, query)
      t.deepEqual(valuesOf(again).slice(0, valuesOf(lost).length), valuesOf(lost))
      const welcomes = again.filter(record => record.session !== undefined)
      t.deepEqual(welcomes, [], 'the first poll alone is welcomed')
      got.push(...valuesOf(again))
      position = again.at(-1)!.position!
    }
    while (got.length === 0) await next()
    const values = [0, 1, 2, 3].flatMap(round => [0, 1, 2, 3, 4].map(n => `${round}.${n}`))
    for (const [index, n] of values.entries()) {
      feed.send({ item: 'P78.A', fields: { n } })
      if (index % 5 === 4) await next()
    }
    while (got.at(-1) !== values.at(-1)) await next()
    t.deepEqual(got, ['begin', ...values])
  },
)

each('[P78] a poll is held until there is something to say, or its time has passed', async (t, server) => {
  const feed = await server.feed()
  const stream = open(t, server, { transport: 'poll', query: 'items=P78.B&wait=20000' })
  await stream.find(({ subscribed }) => subscribed === 0)
  const { answeredPolls } = stream
  for (const n of ['1', '2', '3']) {
    feed.send({ item: 'P78.B', fields: { n } })
    await stream.find(({ fields }) => fields?.n === n)
  }
  t.true(stream.answeredPolls <= answeredPolls + 3, 'one answer an update, and none without')
  stream.cut()
  const [welcome] = await poll(server, 'wait=0')
  const query = `session=${welcome!.session}&position=${welcome!.position}`
  for (const wait of ['0', '1', '30']) {
    const answer = await poll(server, `${query}&wait=${wait}`)
    t.deepEqual(valuesOf(answer), [])
    t.not(answer.at(-1)?.position, undefined, 'each tells its position')
  }
})

each('[P78] any poll may carry requests, and brings their answers', async (t, server) => {
  const feed = await server.feed()
  feed.send({ item: 'P78.D', fields: { n: '1' } })
  await feed.acknowledged()
  const [welcome, ...first] = await poll(server, 'wait=0', [{ request: 1, pause: 9 }])
  t.deepEqual(
    first.map(({ answer, error }) => [answer, error?.code]),
    [
      [1, 'SUBSCRIPTION_UNKNOWN'],
      [undefined, undefined],
    ],
  )
  const stream = open(t, server, {
    transport: 'poll',
    resume: { session: welcome!.session!, position: first.at(-1)!.position! },
    requests: [{ request: 2, subscribe: { id: 4, items: ['P78.D'] } }],
  })
  await stream.find(({ item, sub }) => item === 'P78.D' && sub === 4)
  t.deepEqual(
    stream.all.filter(({ item, position }) => item === undefined && position === undefined),
    [{ subscribed: 4, items: 1 }, { answer: 2 }],
  )
})

const SUBSCRIPTIONS = 250

each('[P70] one POST opens a stream with hundreds of subscriptions', async (t, server) => {
  const feed = await server.feed()
  const names = Array.from({ length: SUBSCRIPTIONS }, (_, index) => `P70.${index}`)
  feed.send(...names.map(item => ({ item, fields: { n: item } })))
  await feed.acknowledged()
  const requests = names.map((item, id) => ({ subscribe: { id, items: [item] } }))
  for (const transport of TRANSPORTS) {
    const stream = open(t, server, { transport, requests })
    await stream.until(all => all.filter(({ item }) => item !== undefined).length === SUBSCRIPTIONS)
    const ids = stream.all.flatMap(({ subscribed }) => subscribed ?? [])
    t.deepEqual(ids, [...names.keys()], transport)
    for (const { sub = 0, item, fields } of stream.all.filter(each => each.item !== undefined)) {
      t.deepEqual([item, fields], [names[sub], { n: item! }])
    }
    stream.cut()
  }
})

each('[P78] a poll that another one overtakes is answered, and the other goes on', async (t, server) => {
  const feed = await server.feed()
  const first = await poll(server, 'items=P78.C&wait=0')
  const query = `session=${first[0]!.session}&position=${first.at(-1)!.position}`
  const held = poll(server, query)
  const taken = server.connection()
  taken.send('GET', `/poll?${query}`)
  const { closing } = (
    await Promise.race([held, taken.next().then(({ body }) => [JSON.parse(body) as SessionRecord])])
  )[0]!
  t.is(closing?.code, 'SESSION_REBOUND')
  feed.send({ item: 'P78.C', fields: { n: '1' } })
  const stream = open(t, server, {
    transport: 'ndjson',
    resume: { session: first[0]!.session!, position: first.at(-1)!.position! },
  })
  await stream.find(({ fields }) => fields?.n === '1')
})

const ITEMS = 40
const LINES = 8_000
const VALUE = 'v'.repeat(400)

each(
  '[P79] over WebSocket a client that does not read finds the newest values, and little that is old',
  async (t, server) => {
    const items = Array.from({ length: ITEMS }, (_, index) => `P79.${index}`)
    const stream = open(t, server, { transport: 'websocket', query: `items=${items.join(',')}` })
    await stream.find(({ subscribed }) => subscribed === 0)
    stream.socket.pause()
    const feed = await server.feed()
    const lines = Array.from({ length: LINES }, (_, n) => ({ item: items[n % ITEMS], fields: { n: String(n), VALUE } }))
    await feed.play(
      lines.map(line => JSON.stringify(line)),
      2_000,
    )
    const { length } = stream.all
    stream.socket.resume()
    for (let n = LINES - ITEMS; n < LINES; n++) await stream.find(({ fields }) => fields?.n === String(n))
    const bytes = JSON.stringify(stream.all.slice(length)).length
    // Before the client read no more: the window that it begins with, and a flush. Then the newest.
    t.true(bytes < 300_000, `${bytes} bytes of ${LINES * VALUE.length}`)
  },
)

/** A feed that handles targets, all cores having been told. */
async function handler(server: TestServer, ...handles: readonly string[]): Promise<RawFeed> {
  const feed = await server.feed()
  feed.send({ feed: handles[0]!, handles })
  await feed.acknowledged()
  return feed
}

each(
  '[P76] messages reach their feed in order, once, and its answers come back by their numbers',
  async (t, server) => {
    const feed = await handler(server, 'P76.orders', 'P76.fx.*')
    for (const transport of TRANSPORTS) {
      const stream = open(t, server, { transport })
      const { session } = await stream.welcome
      const ask = async (...requests: readonly object[]) => {
        if (transport === 'websocket') stream.send(...requests)
        else await control(server, session!, ...requests)
      }
      const seen = feed.replies.all.length
      const message = (request: number, to: string) => ({ request, message: { to, data: { transport, request } } })
      const early = ask(message(2, 'P76.fx.EUR'), message(3, 'P76.orders'))
      await ask(message(1, 'P76.orders'))
      await early
      // A request whose answer was lost is sent again, and handed over once.
      await ask(message(2, 'P76.fx.EUR'))
      await ask(message(4, 'P76.orders'))
      const isLast = ({ data }: { readonly data?: unknown }) =>
        (data as { request?: number } | undefined)?.request === 4
      await feed.replies.find(isLast, seen)
      const got = feed.replies.all.slice(seen).filter(({ message: number }) => number !== undefined)
      t.deepEqual(
        got.map(({ to, data }) => [to, data]),
        [
          ['P76.orders', { transport, request: 1 }],
          ['P76.fx.EUR', { transport, request: 2 }],
          ['P76.orders', { transport, request: 3 }],
          ['P76.orders', { transport, request: 4 }],
        ],
      )
      t.is(new Set(got.map(each => each.session)).size, 1, 'the feed can tell sessions apart')
      t.true(session!.startsWith(got[0]!.session!) && session !== got[0]!.session, 'and does not learn the secret')
      const [first, second, third, fourth] = got.map(each => each.message!)
      feed.send({ answer: third, result: [1, null] }, { answer: first, error: 'no "such" instrument' })
      feed.send({ answer: second, result: { done: true } }, { answer: fourth, result: null })
      await stream.find(({ outcome }) => outcome === 4)
      t.deepEqual(
        stream.all.filter(({ outcome }) => outcome !== undefined),
        [
          { outcome: 3, result: [1, null] },
          { outcome: 1, error: { code: 'MESSAGE_REFUSED', message: 'no "such" instrument' } },
          { outcome: 2, result: { done: true } },
          { outcome: 4, result: null },
        ],
      )
      stream.cut()
    }
  },
)

each('[P76] a message is always answered: no handler, too late, handler gone, too many', async (t, server) => {
  const feed = await handler(server, 'P76.slow')
  const stream = open(t, server, { transport: 'websocket' })
  await stream.welcome
  const outcome = async (number: number) => (await stream.find(each => each.outcome === number)).error?.code
  stream.send({ request: 1, message: { to: 'P76.nobody', data: 1 } })
  t.is(await outcome(1), 'MESSAGE_NO_HANDLER')
  stream.send({ request: 2, message: { to: 'P76.slow', data: 'late', timeoutMs: 1 } })
  t.is(await outcome(2), 'MESSAGE_TIMEOUT')
  const { message } = await feed.replies.find(({ data }) => data === 'late')
  feed.send({ answer: message, result: 'late' }, { answer: 4_711, result: 'never asked' })
  await feed.replies.find(({ error }) => error?.code === 'FEED_ANSWER_UNKNOWN')
  const many = Array.from({ length: 257 }, (_, index) => ({ request: index + 3, message: { to: 'P76.slow', data: 0 } }))
  stream.send(...many)
  t.is(await outcome(259), 'MESSAGES_TOO_MANY')
  feed.destroy()
  for (let number = 3; number < 259; number++) t.is(await outcome(number), 'MESSAGE_HANDLER_GONE')
  stream.send({ request: 260, message: { to: 'P76.slow', data: 1 } })
  t.is(await outcome(260), 'MESSAGE_NO_HANDLER')
  t.is(stream.all.filter(each => each.outcome !== undefined).length, 260, 'each once')
})

each('[P76] an answer finds its session after the stream was cut, on another transport', async (t, server) => {
  const feed = await handler(server, 'P76.patient')
  const stream = open(t, server, { transport: 'websocket' })
  await stream.welcome
  stream.send({ request: 1, message: { to: 'P76.patient', data: 1 } })
  await stream.find(({ answer }) => answer === 1)
  const { message } = await feed.replies.find(reply => reply.message !== undefined)
  stream.cut()
  feed.send({ answer: message, result: 'here' })
  await feed.acknowledged()
  const next = open(t, server, { transport: 'sse', resume: stream.resume })
  t.deepEqual(await next.find(({ outcome }) => outcome === 1), { outcome: 1, result: 'here' })
})

const IN_STEP = 20

each(
  '[P87] sessions in step share their flushes, and each has its own id in them, however slow some are',
  async (t, server) => {
    const feed = await server.feed()
    const streams = TRANSPORTS.flatMap(transport =>
      Array.from({ length: IN_STEP }, () => open(t, server, { transport, query: 'items=P87&mode=raw' })),
    )
    for (const stream of streams) await stream.find(({ subscribed }) => subscribed === 0)
    const count = 50
    for (let n = 0; n < count; n++) {
      feed.send({ item: 'P87', fields: { n: String(n), VALUE } })
      // Some have it, some not yet: their flushes are not the same.
      await streams[(n * 7) % streams.length]!.find(({ fields }) => fields?.n === String(n))
    }
    for (const stream of streams) {
      await stream.find(({ fields }) => fields?.n === String(count - 1))
      // An SSE stream that is told the id of another session throws.
      t.deepEqual(
        valuesOf(stream.all),
        Array.from({ length: count }, (_, n) => String(n)),
        stream.transport,
      )
    }
    t.is(new Set(streams.map(({ session }) => session)).size, streams.length)
    t.true((await server.metric('millrace_flush_shared_total')) > 0)
  },
)

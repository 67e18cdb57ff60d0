/** What clients ask of their sessions, on real sockets: openings, requests over any connection, their order, refusals. */

import test, { type ExecutionContext } from 'ava'
import { control, post } from '#test/support/control.ts'
import type { TestServer } from '#test/support/server.ts'
import {
  type SessionRecord,
  SessionStream,
  type SessionStreamOptions,
  TRANSPORTS,
} from '#test/support/session-stream.ts'
import { shareServers } from '#test/support/shared-servers.ts'

const LIMITS = { subscriptionsMax: 5, sessionItemsMax: 20, fieldsMax: 8, requestBodyBytesMax: 16_384 }
const each = shareServers(test, LIMITS)

function open(t: ExecutionContext, server: TestServer, options: Omit<SessionStreamOptions, 'port'>): SessionStream {
  const stream = new SessionStream({ port: server.httpPort, ...options })
  t.teardown(() => stream.cut())
  return stream
}

/** The records that are not of the stream itself. */
function told(stream: SessionStream): readonly SessionRecord[] {
  return stream.all.filter(({ session, position }) => session === undefined && position === undefined)
}

/** Those of them that are no data. */
function events(stream: SessionStream): readonly SessionRecord[] {
  return told(stream).filter(({ item }) => item === undefined)
}

function data(stream: SessionStream, sub: number | undefined): readonly SessionRecord[] {
  return stream.all.filter(record => record.item !== undefined && record.sub === sub)
}

/** Requests 1 to `count` that change nothing. */
function refusedOnes(first: number, count: number): readonly object[] {
  return Array.from({ length: count }, (_, index) => ({ request: first + index, pause: 99 }))
}

each('[P70] the first exchange carries everything, over each transport', async (t, server) => {
  const feed = await server.feed()
  feed.send({ item: 'P70.A', fields: { x: '1', y: '1' } }, { item: 'P70.B', fields: { x: '1', y: '1' } })
  await feed.acknowledged()
  const requests = [
    { request: 1, subscribe: { id: 7, items: ['P70.A', 'P70.B'], fields: ['x'] } },
    { request: 2, subscribe: { id: 8, items: ['P70.B'], mode: 'raw', snapshot: false } },
    { request: 3, subscribe: { id: 8, items: ['P70.A'] } },
    { subscribe: { id: 9, items: ['P70.A'], maxFrequency: 4 } },
    { request: 4, limits: { maxBandwidth: 1_000_000 } },
  ]
  for (const transport of TRANSPORTS) {
    const stream = open(t, server, { transport, query: 'items=P70.A', requests })
    await stream.find(({ answer }) => answer === 4)
    for (const sub of [undefined, 7, 9]) await stream.find(record => record.item === 'P70.A' && record.sub === sub)
    const got = events(stream).map(({ error, ...record }) => ({ ...record, ...(error && { code: error.code }) }))
    t.deepEqual(
      got,
      [
        { subscribed: 0, items: 1 },
        { subscribed: 7, items: 2 },
        { answer: 1 },
        { subscribed: 8, items: 1 },
        { answer: 2 },
        { answer: 3, code: 'SUBSCRIPTION_EXISTS' },
        { subscribed: 9, items: 1, maxFrequency: 4 },
        { limits: { maxBandwidth: 1_000_000, maxDelay: null } },
        { answer: 4 },
      ],
      transport,
    )
    const whole = { item: 'P70.A', seq: 1, snapshot: true, fields: { x: '1', y: '1' } }
    t.deepEqual(data(stream, undefined), [whole])
    t.deepEqual(data(stream, 9), [{ ...whole, sub: 9 }])
    await stream.until(() => data(stream, 7).length === 2)
    for (const record of data(stream, 7)) t.deepEqual(record.fields, { x: '1' })
    t.deepEqual(data(stream, 8), [], 'without a snapshot it begins with the next change')
    feed.send({ item: 'P70.B', fields: { y: transport } })
    const next = await stream.find(({ sub }) => sub === 8)
    t.deepEqual([next.snapshot, next.fields], [undefined, { y: transport }])
    stream.cut()
  }
})

each('[P71] requests are carried out once, in the order of their numbers, whatever brings them', async (t, server) => {
  const socket = open(t, server, { transport: 'websocket' })
  const { session } = await socket.welcome
  const subscribe = (request: number) => ({ request, subscribe: { id: request, items: [`P71.${request}`] } })
  // Each comes before the one that it has to wait for.
  socket.send(subscribe(3), subscribe(2))
  const late = control(server, session!, subscribe(5))
  const early = await control(server, session!, subscribe(1))
  t.deepEqual(early, [{ answer: 1 }])
  await socket.find(({ answer }) => answer === 3)
  socket.send(subscribe(4))
  t.deepEqual(await late, [{ answer: 5 }])
  await socket.find(({ subscribed }) => subscribed === 5)
  t.deepEqual(
    events(socket).flatMap(({ subscribed }) => subscribed ?? []),
    [1, 2, 3, 4, 5],
  )
  t.deepEqual(
    events(socket).flatMap(({ answer }) => answer ?? []),
    [2, 3, 4],
    'answers go where the request came from',
  )
})

each('[P71] a request that comes again is answered as it was, and not carried out again', async (t, server) => {
  const stream = open(t, server, { transport: 'ndjson' })
  const { session } = await stream.welcome
  const subscribe = (request: number, id: number) => ({ request, subscribe: { id, items: [`P71.again.${id}`] } })
  const first = await control(server, session!, subscribe(1, 1), { request: 2, pause: 2 }, subscribe(3, 2))
  t.deepEqual(first[0], { answer: 1 })
  t.is(first[1]!.error?.code, 'SUBSCRIPTION_UNKNOWN')
  t.deepEqual(first[2], { answer: 3 })
  const again = await control(server, session!, subscribe(1, 1), { request: 2, pause: 2 }, subscribe(3, 2))
  t.deepEqual(again, first, 'although 2 could be carried out now')
  await control(server, session!, { request: 4, unsubscribe: 2 })
  await stream.find(({ unsubscribed }) => unsubscribed === 2)
  t.deepEqual(
    events(stream).map(({ subscribed, unsubscribed, paused }) => subscribed ?? unsubscribed ?? paused),
    [1, 2, 2],
  )
  // 64 answers are kept.
  await control(server, session!, ...refusedOnes(5, 64))
  const [forgotten, kept] = await control(server, session!, { request: 4, unsubscribe: 2 }, { request: 5, pause: 99 })
  t.is(forgotten!.error?.code, 'REQUEST_FORGOTTEN')
  t.is(kept!.error?.code, 'SUBSCRIPTION_UNKNOWN')
})

each('[P71] 64 requests wait for one before them, one more is refused', async (t, server) => {
  const socket = open(t, server, { transport: 'websocket' })
  await socket.welcome
  socket.send(...refusedOnes(2, 65))
  const full = await socket.find(({ answer }) => answer === 66)
  t.is(full.error?.code, 'REQUEST_GAP')
  t.deepEqual(events(socket), [full], 'the others wait')
  socket.send({ request: 1, pause: 99 })
  await socket.find(({ answer }) => answer === 65)
  t.deepEqual(
    events(socket)
      .slice(1)
      .map(({ answer }) => answer),
    Array.from({ length: 65 }, (_, index) => index + 1),
  )
  socket.send({ request: 66, subscribe: { id: 1, items: ['P71.gap'] } })
  await socket.find(({ answer, error }) => answer === 66 && error === undefined)
})

each('[P71] a request without a number is answered only where it is refused', async (t, server) => {
  const stream = open(t, server, { transport: 'sse' })
  const { session } = await stream.welcome
  t.deepEqual(await control(server, session!, { subscribe: { id: 1, items: ['P71.plain'] } }), [])
  const [bad] = await control(server, session!, { subscribe: { id: 2 } })
  t.deepEqual([bad!.answer, bad!.error?.code], [null, 'REQUEST_INVALID'])
  const [refused] = await control(server, session!, { unsubscribe: 3 })
  t.deepEqual([refused!.answer, refused!.error?.code], [null, 'SUBSCRIPTION_UNKNOWN'])
})

each('[P72] what is paused comes when it is resumed, and then only what it lacks', async (t, server) => {
  const feed = await server.feed()
  const stream = open(t, server, {
    transport: 'sse',
    requests: [1, 2].map(id => ({ subscribe: { id, items: ['P72.A'] } })),
  })
  const { session } = await stream.welcome
  const publish = async (n: string) => {
    feed.send({ item: 'P72.A', fields: { n } })
    await stream.find(({ sub, fields }) => sub === 2 && fields?.n === n)
  }
  await publish('1')
  t.deepEqual(await control(server, session!, { request: 1, pause: 1 }), [{ answer: 1 }])
  await stream.find(({ paused }) => paused === 1)
  for (const n of ['2', '3', '4']) await publish(n)
  t.is(data(stream, 1).length, 1)
  await control(server, session!, { request: 2, resume: 1 })
  await stream.find(({ sub, fields }) => sub === 1 && fields?.n === '4')
  await publish('5')
  await stream.find(({ sub, fields }) => sub === 1 && fields?.n === '5')
  t.deepEqual(
    data(stream, 1).map(({ seq, fields }) => [seq, fields?.n]),
    [
      [1, '1'],
      [4, '4'],
      [5, '5'],
    ],
  )
  const kinds = told(stream).flatMap(({ paused, resumed, sub, seq }) => {
    if (sub === 1) return [`seq ${seq}`]
    return paused === undefined && resumed === undefined ? [] : [paused === 1 ? 'paused' : 'resumed']
  })
  t.deepEqual(kinds, ['seq 1', 'paused', 'resumed', 'seq 4', 'seq 5'])
})

each('[P72] a frequency is changed while the subscription lives', async (t, server) => {
  const feed = await server.feed()
  const stream = open(t, server, {
    transport: 'websocket',
    requests: [1, 2].map(id => ({ request: id, subscribe: { id, items: ['P72.B'] } })),
  })
  await stream.find(({ answer }) => answer === 2)
  const publish = async (n: string) => {
    feed.send({ item: 'P72.B', fields: { n } })
    await stream.find(({ sub, fields }) => sub === 2 && fields?.n === n)
  }
  await publish('1')
  await stream.find(({ sub }) => sub === 1)
  // One update in three hours.
  stream.send({ request: 3, change: { id: 1, maxFrequency: 0.0001 } })
  await stream.find(({ changed, maxFrequency }) => changed === 1 && maxFrequency! < 0.001)
  await publish('2')
  for (const n of ['3', '4', '5']) await publish(n)
  t.true(data(stream, 1).every(({ seq }) => seq! < 3))
  stream.send({ request: 4, change: { id: 1, maxFrequency: null } })
  await stream.find(({ changed, maxFrequency }) => changed === 1 && maxFrequency === null)
  const last = await stream.find(({ sub, fields }) => sub === 1 && fields?.n === '5')
  t.is(last.seq, 5)
  await publish('6')
  await stream.find(({ sub, seq }) => sub === 1 && seq === 6)
})

each('[P72] an id that is free again stands for what is subscribed next, behind its event', async (t, server) => {
  const feed = await server.feed()
  feed.send({ item: 'P72.C', fields: { n: 'c' } }, { item: 'P72.D', fields: { n: 'd' } })
  await feed.acknowledged()
  const stream = open(t, server, { transport: 'ndjson', query: 'items=P72.C' })
  const { session } = await stream.welcome
  await stream.find(({ item }) => item === 'P72.C')
  await control(
    server,
    session!,
    { request: 1, unsubscribe: 0 },
    { request: 2, subscribe: { id: 0, items: ['P72.D'], fields: ['n'] } },
  )
  await stream.find(({ item }) => item === 'P72.D')
  const kinds = told(stream).map(({ subscribed, unsubscribed, item }) => {
    if (item !== undefined) return item
    return subscribed === undefined ? `-${unsubscribed}` : `+${subscribed}`
  })
  t.deepEqual(kinds, ['+0', 'P72.C', '-0', '+0', 'P72.D'])
})

each('[P72] the limits of a session change while it lives', async (t, server) => {
  const feed = await server.feed()
  const quick = open(t, server, { transport: 'ndjson', query: 'items=P72.E' })
  const stream = open(t, server, { transport: 'ndjson', query: 'items=P72.E' })
  const { session } = await stream.welcome
  await control(server, session!, { request: 1, limits: { maxDelay: 60_000, maxBandwidth: 5_000 } })
  t.deepEqual((await stream.find(({ limits }) => limits !== undefined)).limits, {
    maxDelay: 60_000,
    maxBandwidth: 5_000,
  })
  for (const n of ['1', '2', '3']) {
    feed.send({ item: 'P72.E', fields: { n } })
    await quick.find(({ fields }) => fields?.n === n)
  }
  t.deepEqual(data(stream, undefined), [], 'it gathers')
  await control(server, session!, { request: 2, limits: { maxDelay: null } })
  await stream.find(({ fields }) => fields?.n === '3')
  t.deepEqual(data(stream, undefined).length, 1)
  const [, after] = stream.all.flatMap(({ limits }) => limits ?? [])
  t.deepEqual(after, { maxDelay: null, maxBandwidth: 5_000 }, 'what is not named stays')
})

each('[P73] a prefix follows items as they come and go', async (t, server) => {
  const feed = await server.feed()
  feed.send({ item: 'P73.a.1', fields: { n: '1' } }, { item: 'P73.b.1', fields: { n: '1' } })
  await feed.acknowledged()
  const stream = open(t, server, {
    transport: 'sse',
    requests: [{ request: 1, subscribe: { id: 1, items: ['P73.a.*', 'P73.a.1', 'P73.c'], fields: ['n'] } }],
  })
  await stream.find(({ item }) => item === 'P73.a.1')
  const step = async (
    line: { item: string; fields?: object; deleted?: true },
    isIt: (one: SessionRecord) => boolean,
  ) => {
    feed.send(line)
    await stream.find(record => record.item === line.item && isIt(record))
  }
  for (let i = 2; i < 12; i++)
    await step({ item: `P73.a.${i}`, fields: { n: '1' } }, ({ snapshot }) => snapshot === true)
  await step({ item: 'P73.a.2', fields: { n: '2' } }, ({ fields }) => fields?.n === '2')
  await step({ item: 'P73.a.2', deleted: true }, ({ deleted }) => deleted === true)
  await step({ item: 'P73.a.1', deleted: true }, ({ deleted }) => deleted === true)
  feed.send({ item: 'P73.b.2', fields: { n: '1' } })
  await step({ item: 'P73.a.2', fields: { n: '3' } }, ({ fields }) => fields?.n === '3')
  await step({ item: 'P73.a.1', fields: { n: '4' } }, ({ fields }) => fields?.n === '4')
  await step({ item: 'P73.c', fields: { n: '1' } }, ({ snapshot }) => snapshot === true)
  t.false(data(stream, 1).some(({ item }) => item!.startsWith('P73.b.')))
  const story = (name: string) =>
    data(stream, 1)
      .filter(({ item }) => item === name)
      .map(({ snapshot, fields, deleted }) => deleted ?? `${snapshot === true ? 'whole ' : ''}${fields!.n}`)
  t.deepEqual(story('P73.a.2'), ['whole 1', '2', true, 'whole 3'])
  t.deepEqual(story('P73.a.1'), ['whole 1', true, 'whole 4'], 'a name that was asked for stays')
  await control(server, stream.session, { request: 2, unsubscribe: 1 })
  await stream.find(({ unsubscribed }) => unsubscribed === 1)
  const { length } = data(stream, 1)
  feed.send({ item: 'P73.a.99', fields: { n: '1' } }, { item: 'P73.a.1', fields: { n: '5' } })
  await feed.acknowledged()
  await control(server, stream.session, { request: 3, subscribe: { id: 2, items: ['P73.a.99', 'P73.a.1'] } })
  await stream.until(() => data(stream, 2).length === 2)
  t.is(data(stream, 1).length, length, 'nothing of it comes any more')
})

each('[P73] a prefix that finds more items than a session may have ends its subscription', async (t, server) => {
  const feed = await server.feed()
  const lines = Array.from({ length: LIMITS.sessionItemsMax + 1 }, (_, n) => ({
    item: `P73.n.${n}`,
    fields: { x: '1' },
  }))
  const stream = open(t, server, { transport: 'websocket' })
  await stream.welcome
  stream.send(
    { request: 1, subscribe: { id: 1, items: ['P73.n.*'] } },
    { request: 2, subscribe: { id: 2, items: ['P73.m'] } },
  )
  await stream.find(({ answer }) => answer === 2)
  feed.send(...lines)
  const end = await stream.find(({ unsubscribed }) => unsubscribed === 1)
  t.is(end.error?.code, 'ITEMS_TOO_MANY')
  stream.send({ request: 3, subscribe: { id: 1, items: ['P73.n.*'] } })
  // What other cores have comes a moment later: then the subscription ends.
  const refused = await stream.find(({ error }) => error !== undefined, stream.all.indexOf(end) + 1)
  t.is(refused.error?.code, 'ITEMS_TOO_MANY')
  feed.send({ item: 'P73.m', fields: { x: '1' } })
  await stream.find(({ sub }) => sub === 2)
})

interface RefusedRequest {
  readonly request: object
  readonly code: string
}

const NAMES = Array.from({ length: LIMITS.sessionItemsMax }, (_, index) => `P74.${index}`)
const REFUSED: readonly RefusedRequest[] = [
  { request: { subscribe: { id: 1, items: ['P74.x'] } }, code: 'SUBSCRIPTION_EXISTS' },
  { request: { subscribe: { id: 9, items: NAMES } }, code: 'ITEMS_TOO_MANY' },
  { request: { subscribe: { id: 9, items: [...NAMES, 'P74.x'] } }, code: 'ITEMS_TOO_MANY' },
  { request: { subscribe: { id: 9, items: [] } }, code: 'REQUEST_INVALID' },
  { request: { subscribe: { id: 9, items: ['P74.x', 'P74.x'] } }, code: 'REQUEST_INVALID' },
  { request: { subscribe: { id: 9, items: ['a\u0000b'] } }, code: 'ITEM_NAME_INVALID' },
  { request: { subscribe: { id: 9, items: ['P74.x'], fields: [''] } }, code: 'FIELD_NAME_INVALID' },
  { request: { subscribe: { id: 9, items: ['P74.x'], mode: 'raw', maxFrequency: 1 } }, code: 'REQUEST_INVALID' },
  { request: { subscribe: { id: 9, items: ['P74.x'], mode: 'newest' } }, code: 'REQUEST_INVALID' },
  { request: { subscribe: { id: 9, items: ['P74.x'], colour: 'red' } }, code: 'REQUEST_INVALID' },
  { request: { subscribe: { id: -1, items: ['P74.x'] } }, code: 'REQUEST_INVALID' },
  { request: { subscribe: { id: 9, items: ['P74.x'] }, pause: 1 }, code: 'REQUEST_INVALID' },
  { request: { change: { id: 2, maxFrequency: 1 } }, code: 'REQUEST_INVALID' },
  { request: { change: { id: 9, maxFrequency: 1 } }, code: 'SUBSCRIPTION_UNKNOWN' },
  { request: { pause: 9 }, code: 'SUBSCRIPTION_UNKNOWN' },
  { request: { resume: 9 }, code: 'SUBSCRIPTION_UNKNOWN' },
  { request: { unsubscribe: 9 }, code: 'SUBSCRIPTION_UNKNOWN' },
  { request: { limits: { maxBandwidth: 1 } }, code: 'REQUEST_INVALID' },
  { request: { limits: {} }, code: 'REQUEST_INVALID' },
  { request: { message: { to: 'P74.orders' } }, code: 'REQUEST_INVALID' },
  { request: { destroy: false }, code: 'REQUEST_INVALID' },
  { request: {}, code: 'REQUEST_INVALID' },
]

each('[P74] a request that is refused says why by its code and changes nothing', async (t, server) => {
  const socket = open(t, server, { transport: 'websocket' })
  await socket.welcome
  socket.send(
    { request: 1, subscribe: { id: 1, items: ['P74.A'] } },
    { request: 2, subscribe: { id: 2, items: ['P74.A'], mode: 'raw' } },
  )
  await socket.find(({ answer }) => answer === 2)
  const before = events(socket).length
  const numbered = REFUSED.map(({ request }, index) => ({ request: index + 3, ...request }))
  const posted = await control(server, socket.session, ...numbered)
  for (const [index, { code }] of REFUSED.entries()) {
    t.is(posted[index]!.answer, index + 3)
    t.is(posted[index]!.error?.code, code, JSON.stringify(numbered[index]))
  }
  const first = REFUSED.length + 3
  const next = REFUSED.map(({ request }, index) => ({ request: first + index, ...request }))
  socket.send(...next)
  const last = first + REFUSED.length - 1
  await socket.find(({ answer }) => answer === last)
  const answers = events(socket).slice(before)
  t.deepEqual(
    answers.map(({ answer, error }) => [answer, error?.code]),
    REFUSED.map(({ code }, index) => [first + index, code]),
    'nothing besides',
  )
  socket.send(...[3, 4, 5].map(id => ({ request: last + id - 2, subscribe: { id, items: [`P74.${id}`] } })))
  socket.send({ request: last + 4, subscribe: { id: 6, items: ['P74.6'] } })
  const full = await socket.find(({ answer }) => answer === last + 4)
  t.is(full.error?.code, 'SUBSCRIPTIONS_TOO_MANY')
})

each('[P74] lines that are none, and bodies that cannot be read, are refused as one', async (t, server) => {
  const stream = open(t, server, { transport: 'ndjson' })
  const { session } = await stream.welcome
  const ask = async (body: string) => {
    const answer = await server.connection().ask('POST', `/control?session=${session}`, [], body)
    return { status: answer.status, lines: answer.body.split('\n').filter(line => line !== '') }
  }
  const lines = await ask('{"request":1,"pause":5}\nnonsense\n\n[]\r\n{"request":2,"pause":5}')
  t.deepEqual(
    lines.lines.map(line => JSON.parse(line) as SessionRecord).map(({ answer, error }) => [answer, error?.code]),
    [
      [1, 'SUBSCRIPTION_UNKNOWN'],
      [null, 'REQUEST_INVALID'],
      [null, 'REQUEST_INVALID'],
      [2, 'SUBSCRIPTION_UNKNOWN'],
    ],
  )
  t.deepEqual((await ask('')).lines, [])
  const large = await ask(`{"pause":1${' '.repeat(LIMITS.requestBodyBytesMax)}}`)
  t.is(large.status, 413)
  t.is(JSON.parse(large.lines[0]!).error.code, 'REQUEST_BODY_TOO_LARGE')
})

each('[P74] what is not there is refused with its status and code, over each transport', async (t, server) => {
  const nobody = { session: 'x'.repeat(22), position: 1 }
  for (const transport of TRANSPORTS) {
    const lost = open(t, server, { transport, resume: nobody })
    await lost.ended()
    t.deepEqual([lost.status, lost.refusal], [404, 'SESSION_UNKNOWN'], transport)
    const bad = open(t, server, { transport, query: 'items=P74.A&colour=red' })
    await bad.ended()
    t.deepEqual([bad.status, bad.refusal], [400, 'QUERY_INVALID'], transport)
    const many = open(t, server, { transport, query: `items=${[...NAMES, 'P74.x'].join(',')}` })
    await many.ended()
    t.deepEqual([many.status, many.refusal], [400, 'ITEMS_TOO_MANY'], transport)
  }
  const posted = await post(server, nobody.session, [{ request: 1, pause: 1 }])
  t.deepEqual([posted.status, posted.records[0]!.error?.code], [404, 'SESSION_UNKNOWN'])
  const short = await post(server, 'x', [{ request: 1, pause: 1 }])
  t.deepEqual([short.status, short.records[0]!.error?.code], [400, 'QUERY_INVALID'])
})

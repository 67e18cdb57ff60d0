/** HTTP on real sockets: every kind of answer, what stays open and what closes, limits, lists over two cores. */

import test from 'ava'
import type { Config } from '#src/config/config.ts'
import type { HttpConnection } from '#test/support/http-connection.ts'
import { TestServer } from '#test/support/server.ts'

const TWO_CORES = { placement: 'pools', coreThreads: 2, edgeThreads: 2 } as const
const SINGLE = { placement: 'single' } as const

interface Refusal {
  readonly method?: string
  readonly target: string
  readonly headers?: readonly string[]
  readonly body?: string
  readonly status: number
  readonly code: string
}

const REFUSALS: readonly Refusal[] = [
  { target: '/nothing', status: 404, code: 'PATH_NOT_FOUND' },
  { target: '/items/none', status: 404, code: 'ITEM_NOT_FOUND' },
  { method: 'PUT', target: '/items/A', status: 405, code: 'METHOD_NOT_ALLOWED' },
  { method: 'PUT', target: '/stream?items=A', status: 405, code: 'METHOD_NOT_ALLOWED' },
  { method: 'HEAD', target: '/stream?items=A', status: 405, code: 'METHOD_NOT_ALLOWED' },
  { target: `/stream?session=${'x'.repeat(22)}&position=1`, status: 404, code: 'SESSION_UNKNOWN' },
  { method: 'POST', target: `/control?session=${'x'.repeat(22)}`, status: 404, code: 'SESSION_UNKNOWN' },
  { target: '/stream?session=short&position=1', status: 400, code: 'QUERY_INVALID' },
  { target: '/stream?items=A&colour=red', status: 400, code: 'QUERY_INVALID' },
  { target: '/stream?items=A&items=B', status: 400, code: 'QUERY_INVALID' },
  { target: '/stream?items=A,A', status: 400, code: 'QUERY_INVALID' },
  { target: '/stream?items=A&maxFrequency=0', status: 400, code: 'QUERY_INVALID' },
  { target: '/stream?items=A&maxDelay=-1', status: 400, code: 'QUERY_INVALID' },
  { target: '/stream?items=A&mode=all', status: 400, code: 'QUERY_INVALID' },
  { target: '/stream?items=A&onLost=end', status: 400, code: 'QUERY_INVALID' },
  { target: '/stream?items=A,,B', status: 400, code: 'ITEM_NAME_INVALID' },
  { target: '/stream?items=%00', status: 400, code: 'ITEM_NAME_INVALID' },
  { target: '/stream?items=A&fields=', status: 400, code: 'FIELD_NAME_INVALID' },
  { target: '/stream?items=1,2,3,4', status: 400, code: 'ITEMS_TOO_MANY' },
  { target: '/stream?items=A', headers: ['Accept: image/png'], status: 406, code: 'NOT_ACCEPTABLE' },
  { target: '/items?limit=0', status: 400, code: 'QUERY_INVALID' },
  { target: '/items/%ff', status: 400, code: 'ITEM_NAME_INVALID' },
  {
    method: 'POST',
    target: '/items/A',
    body: 'no json',
    headers: ['Content-Type: application/json'],
    status: 400,
    code: 'FIELDS_INVALID',
  },
  {
    method: 'POST',
    target: '/items/A',
    body: '{"x":{}}',
    headers: ['Content-Type: application/json'],
    status: 400,
    code: 'FIELDS_INVALID',
  },
  {
    method: 'POST',
    target: '/items/A',
    body: '{"x":"1"}',
    headers: ['Origin: http://evil.example', 'Content-Type: application/json'],
    status: 403,
    code: 'FORBIDDEN',
  },
  { target: '/sessions', headers: ['X-Forwarded-For: 10.0.0.1'], status: 403, code: 'FORBIDDEN' },
]

test.serial('[H50] each refusal has its status, its code and a message, and the connection goes on', async t => {
  const server = await TestServer.start(t, { ...TWO_CORES, sessionItemsMax: 3 })
  const connection = server.connection()
  for (const { method = 'GET', target, headers = [], body = null, status, code } of REFUSALS) {
    const what = `${method} ${target}`
    const answer = await connection.ask(method, target, headers, body)
    t.is(answer.status, status, what)
    if (method !== 'HEAD') {
      const { error } = JSON.parse(answer.body) as { error: { code: string; message: string } }
      t.is(error.code, code, what)
      t.true(error.message.length > 10, what)
    }
    t.regex(answer.headers['content-type']!, /^application\/json/, what)
    if (status === 405) t.regex(answer.headers.allow!, /GET/, what)
  }
  t.is((await connection.ask('GET', '/healthz')).body, 'ok\n')
})

const CLOSING: readonly [string, number, string][] = [
  ['nonsense\r\n\r\n', 400, 'REQUEST_MALFORMED'],
  ['GET / HTTP/1.1\r\n\r\n', 400, 'REQUEST_MALFORMED'],
  ['BREW / HTTP/1.1\r\nHost: a\r\n\r\n', 501, ''],
  ['GET / HTTP/2.0\r\nHost: a\r\n\r\n', 505, ''],
  [`GET / HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(2_000)}\r\n\r\n`, 431, 'REQUEST_HEAD_TOO_LARGE'],
  ['POST /items/A HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n', 413, 'REQUEST_BODY_TOO_LARGE'],
  ['GET / HTTP/1.1\r\nHost: a\r\nExpect: a-miracle\r\n\r\n', 417, ''],
]

test.serial('[H51] what is no request, or too large, is answered and the connection closes', async t => {
  const server = await TestServer.start(t, { ...SINGLE, requestHeadBytesMax: 1_024, requestBodyBytesMax: 4_096 })
  for (const [text, status, code] of CLOSING) {
    const connection = server.connection()
    connection.write(text, 'GET')
    const answer = await connection.next()
    t.is(answer.status, status, text)
    if (code !== '') t.is(JSON.parse(answer.body).error.code, code, text)
    t.is(answer.headers.connection, 'close', text)
    await connection.answers.ended()
  }
})

test.serial('[H52] a request that trickles is answered 408 and closed, an idle connection is closed', async t => {
  const server = await TestServer.start(t, { ...SINGLE, requestTimeoutMs: 200, idleTimeoutMs: 200 })
  const slow = server.connection()
  slow.write('GET /healthz HTTP/1.1\r\nHost: a\r\n', 'GET')
  const answer = await slow.next()
  t.is(answer.status, 408)
  t.is(JSON.parse(answer.body).error.code, 'REQUEST_TIMEOUT')
  await slow.answers.ended()
  const idle = server.connection()
  t.is((await idle.ask('GET', '/healthz')).status, 200)
  await idle.answers.ended()
  t.is(idle.answers.all.length, 1, 'nothing is said to one that asked for nothing')
})

test.serial('[H53] pipelined requests are answered in order, also behind one that asks a core', async t => {
  const server = await TestServer.start(t, TWO_CORES)
  const connection = server.connection()
  const json = ['Content-Type: application/json']
  connection.send('POST', '/items/A', json, '{"bid":7.50,"ask":null}')
  for (let i = 0; i < 20; i++) {
    connection.send('GET', '/healthz')
    connection.send('GET', `/items/none${i}`)
    connection.send('HEAD', '/readyz')
  }
  connection.send('GET', '/items?prefix=none', ['Connection: close'])
  connection.send('GET', '/healthz')
  await connection.answers.ended()
  const statuses = connection.answers.all.map(({ status }) => status)
  t.deepEqual(statuses, [202, ...Array.from({ length: 20 }, () => [200, 404, 200]).flat(), 200])
  t.is(connection.answers.all.at(-1)?.headers.connection, 'close')
})

test.serial('[H54] an item is published, read, headed and deleted over HTTP', async t => {
  const server = await TestServer.start(t, TWO_CORES)
  const connection = server.connection()
  const stream = await server.stream('items=A')
  const form = ['Content-Type: application/x-www-form-urlencoded']
  t.is((await connection.ask('POST', '/items/A?time=1626992742115', form, 'bid=7.50&note=a+%22b%22')).status, 202)
  const first = await stream.find(({ item }) => item === 'A')
  t.deepEqual(first, {
    item: 'A',
    seq: 1,
    snapshot: true,
    time: 1_626_992_742_115,
    fields: { bid: '7.50', note: 'a "b"' },
  })
  const item = await connection.ask('GET', '/items/A')
  t.deepEqual(JSON.parse(item.body), first)
  const head = await connection.ask('HEAD', '/items/A')
  t.deepEqual([head.status, head.body, head.headers['content-length']], [200, '', item.headers['content-length']])
  t.is((await connection.ask('DELETE', '/items/A')).status, 202)
  await stream.find(({ deleted }) => deleted === true)
  t.is((await connection.ask('GET', '/items/A')).status, 404)
})

test.serial('[H55] HTTP/1.0 gets no chunks and a closed connection, and stays open when it asks to', async t => {
  const server = await TestServer.start(t, TWO_CORES)
  const plain = server.connection()
  plain.write('GET /healthz HTTP/1.0\r\n\r\n', 'GET')
  t.is((await plain.next()).headers.connection, 'close')
  await plain.answers.ended()
  const kept = server.connection()
  for (let i = 0; i < 3; i++) {
    kept.write('GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n', 'GET')
    t.is((await kept.next()).headers.connection, 'keep-alive')
  }
  const feed = await server.feed()
  for (const encoding of ['sse', 'ndjson'] as const) {
    const stream = await server.stream(`items=${encoding}`, { version: '1.0', encoding })
    const { head } = await stream.head
    t.notRegex(head, /transfer-encoding/i)
    feed.send({ item: encoding, fields: { x: '1' } })
    t.is((await stream.find(() => true)).fields?.x, '1')
  }
})

test.serial(
  '[H56] the heads of streams keep proxies from keeping and changing them, and let pages of others read',
  async t => {
    const server = await TestServer.start(t, SINGLE)
    for (const encoding of ['sse', 'ndjson'] as const) {
      const { status, head } = await (await server.stream('items=A', { encoding })).head
      t.is(status, 200)
      t.regex(
        head,
        encoding === 'sse' ? /^content-type: text\/event-stream/im : /^content-type: application\/x-ndjson/im,
      )
      t.regex(head, /^cache-control: .*no-transform/im)
      t.regex(head, /^x-accel-buffering: no/im)
      t.regex(head, /^transfer-encoding: chunked/im)
      t.regex(head, /^access-control-allow-origin: \*/im)
    }
    const any = await server.connection().ask('OPTIONS', '/items/A', ['Origin: https://desk.example'])
    t.is(any.status, 204)
    t.is(any.headers['access-control-allow-origin'], '*')
    t.notRegex(any.headers['access-control-allow-methods']!, /POST|DELETE/)
    const metrics = await server.get('/metrics', ['Origin: https://desk.example'])
    t.is(metrics.headers['access-control-allow-origin'], undefined, 'metrics are not for pages of others')
    const desk = await TestServer.start(t, { ...SINGLE, corsOrigin: 'https://desk.example' })
    const named = await desk.get('/items', ['Origin: https://desk.example'])
    t.is(named.headers['access-control-allow-origin'], 'https://desk.example')
    t.regex(named.headers.vary!, /Origin/)
  },
)

test.serial('[H57] names come sorted and in pages, over all cores', async t => {
  const server = await TestServer.start(t, TWO_CORES)
  const feed = await server.feed()
  const names = Array.from({ length: 250 }, (_, index) => `list.${String(index * 7).padStart(4, '0')}`)
  feed.send(...['other', ...names].map(item => ({ item, fields: { x: '1' } })))
  await feed.acknowledged()
  const found: string[] = []
  let after = ''
  for (let page = 0; page < 100; page++) {
    const answer = await server.get(`/items?prefix=list.&limit=20${after === '' ? '' : `&after=${after}`}`)
    const { items, next } = JSON.parse(answer.body) as { items: string[]; next: string | null }
    t.true(items.length <= 20)
    found.push(...items)
    if (next === null) break
    t.is(next, items.at(-1)!)
    after = next
  }
  t.deepEqual(found, names)
})

test.serial('[H58] the sessions of all cores are listed with what became of their updates', async t => {
  const server = await TestServer.start(t, { ...TWO_CORES, resumeMs: 0 })
  const feed = await server.feed()
  feed.send({ item: 'A', fields: { x: '1' } })
  await feed.acknowledged()
  const streams = [await server.stream('items=A'), await server.stream('items=A,B&mode=raw', { encoding: 'sse' })]
  streams.push(await server.stream('items=A'), await server.stream('items=A'))
  for (const stream of streams) await stream.find(({ item }) => item === 'A')
  const look = async () =>
    JSON.parse((await server.get('/sessions')).body) as { sessions: Record<string, unknown>[]; more: boolean }
  const { sessions, more } = await server.poll(look, found => found.sessions.every(row => row.delivered === 1))
  t.is(sessions.length, 4)
  t.false(more)
  t.deepEqual(
    sessions.map(row => row.delivered),
    [1, 1, 1, 1],
  )
  t.deepEqual(sessions.map(row => `${row.transport} ${row.mode} ${row.items}`).toSorted(), [
    'ndjson merge 1',
    'ndjson merge 1',
    'ndjson merge 1',
    'sse raw 2',
  ])
  for (const row of sessions) t.is(row.address, '127.0.0.1')
  t.is(JSON.parse((await server.get('/sessions?limit=1')).body).sessions.length, 1)
  for (const stream of streams) stream.client.destroy()
  await server.poll(look, found => found.sessions.length === 0)
  t.is((await look()).sessions.length, 0, 'with resumeMs 0 a session ends with its stream')
})

test.serial('[H59] beyond connectionsMax and sessionsMax the answer is 503 with a time to come back', async t => {
  const limits: [Partial<Config>, string][] = [
    [{ connectionsMax: 2 }, 'CONNECTIONS_TOO_MANY'],
    [{ sessionsMax: 2 }, 'SESSIONS_TOO_MANY'],
  ]
  for (const [settings, code] of limits) {
    const server = await TestServer.start(t, { ...SINGLE, ...settings })
    const streams = [await server.stream('items=A'), await server.stream('items=A')]
    const refused = await server.get('/stream?items=A')
    t.is(refused.status, 503)
    t.is(JSON.parse(refused.body).error.code, code)
    t.true(Number(refused.headers['retry-after']) >= 1)
    streams[0]!.client.destroy()
    const again = await server.poll(
      () => server.stream('items=A').then(stream => stream.head),
      ({ status }) => status === 200,
    )
    t.is(again.status, 200, 'a place that is free again is given out')
  }
})

test.serial('[H60] health, readiness, metrics and the page answer, a HEAD with the length of GET', async t => {
  const server = await TestServer.start(t, TWO_CORES)
  const connection = server.connection()
  for (const [target, type] of [
    ['/healthz', /^text\/plain/],
    ['/readyz', /^text\/plain/],
    ['/', /^text\/html/],
  ] as const) {
    const get = await connection.ask('GET', target)
    const head = await connection.ask('HEAD', target)
    t.is(get.status, 200, target)
    t.regex(get.headers['content-type']!, type)
    t.deepEqual([head.status, head.body, head.headers['content-length']], [200, '', get.headers['content-length']])
  }
  const { body } = await connection.ask('GET', '/metrics')
  for (const thread of ['feed-0', 'core-0', 'core-1', 'edge-0', 'edge-1'])
    t.true(body.includes(`thread="${thread}"`), thread)
})

test.serial('[H61] a peer that closes its way in behind a request gets the answer, then the end', async t => {
  const server = await TestServer.start(t, TWO_CORES)
  const connection: HttpConnection = server.connection()
  connection.send('GET', '/items?prefix=x')
  connection.socket.end()
  t.is((await connection.next()).status, 200)
  await connection.answers.ended()
})

test('[H74] all six stages are listed with their threads, bounds and policies, and they count what they did', async t => {
  const server = await TestServer.start(t, { placement: 'pools', coreThreads: 2 })
  const feed = await server.feed()
  const stream = await server.stream('items=A')
  feed.send({ item: 'A', fields: { n: '1' } })
  await stream.find(record => record.item === 'A')
  // Depths and bounds are told once a second.
  for (;;) {
    const { stages } = JSON.parse((await server.get('/stages')).body) as {
      stages: { stage: string; thread: string; whenFull: string; records: number; [name: string]: unknown }[]
    }
    const isTold = stages.every(row => Number(row.queueCapacityBytes) + Number(row.queueCapacityRecords) > 0)
    const isCounted = ['parse', 'conflate', 'batch', 'write'].every(stage =>
      stages.some(row => row.stage === stage && row.records > 0),
    )
    if (!isTold || !isCounted) {
      await new Promise(resolve => setTimeout(resolve, 100))
      continue
    }
    t.deepEqual(
      stages.filter(row => row.stage === 'conflate').map(row => row.thread),
      ['core-0', 'core-1'],
    )
    t.is(new Set(stages.map(row => row.stage)).size, 6)
    t.true(stages.every(row => row.whenFull.length > 0))
    return
  }
})

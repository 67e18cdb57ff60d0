import test from 'ava'
import { corsOriginOf, type RequestMessage } from '#src/codec/http-routes.ts'
import { ask, HTTP_SETTINGS } from '../support/http-ask.ts'

const PLACES: [line: string, kind: RequestMessage['kind']][] = [
  ['GET /', 'page'],
  ['GET /?prefix=a&x=y', 'page'],
  ['HEAD /', 'page'],
  ['GET /page/app/main.ts', 'page'],
  ['GET /client/index.ts', 'page'],
  ['GET /stream?items=A', 'bind'],
  ['POST /stream', 'bind'],
  ['GET /poll', 'bind'],
  ['POST /poll?items=A', 'bind'],
  ['POST /control?session=kR3-_aaaaaaaaaaaaaaaaa', 'control'],
  ['GET /items', 'items'],
  ['HEAD /items', 'items'],
  ['GET /items/A', 'item'],
  ['HEAD /items/A', 'item'],
  ['DELETE /items/A', 'delete'],
  ['GET /sessions', 'sessions'],
  ['GET /metrics', 'metrics'],
  ['GET /healthz', 'health'],
  ['HEAD /healthz', 'health'],
  ['GET /readyz', 'ready'],
]

for (const [line, kind] of PLACES) {
  test(`[H20] ${line} asks for ${kind}`, t => {
    t.is(ask(line).kind, kind)
  })
}

const NO_PATHS = ['/nothing', '/Stream', '//', '/stream/', '/items%2FA', '/polls'].map(path => `GET ${path}`)

for (const line of [...NO_PATHS, 'OPTIONS /nothing']) {
  test(`[H20] ${line} is answered 404`, t => {
    t.like(ask(line), { kind: 'refused', status: 404, code: 'PATH_NOT_FOUND' })
  })
}

const WRONG_METHODS: [line: string, allow: string][] = [
  ['HEAD /stream?items=A', 'GET, POST, OPTIONS'],
  ['PUT /stream', 'GET, POST, OPTIONS'],
  ['DELETE /poll', 'GET, POST, OPTIONS'],
  ['GET /control', 'POST, OPTIONS'],
  ['POST /items', 'GET, HEAD, OPTIONS'],
  ['PUT /items/A', 'GET, HEAD, POST, DELETE, OPTIONS'],
  ['DELETE /', 'GET, HEAD, OPTIONS'],
  ['TRACE /metrics', 'GET, HEAD, OPTIONS'],
  ['GET *', 'OPTIONS'],
]

for (const [line, allow] of WRONG_METHODS) {
  test(`[H20] ${line} is answered 405 with what is allowed`, t => {
    t.like(ask(line), { kind: 'refused', status: 405, code: 'METHOD_NOT_ALLOWED', allow })
  })
}

const PREFLIGHTS: [path: string, allow: string, crossOriginAllow: string][] = [
  ['/stream', 'GET, POST, OPTIONS', 'GET, POST, OPTIONS'],
  ['/poll', 'GET, POST, OPTIONS', 'GET, POST, OPTIONS'],
  ['/control', 'POST, OPTIONS', 'POST, OPTIONS'],
  ['/items', 'GET, HEAD, OPTIONS', 'GET, HEAD, OPTIONS'],
  ['/items/A', 'GET, HEAD, POST, DELETE, OPTIONS', 'GET, HEAD, OPTIONS'],
  ['*', 'OPTIONS', 'OPTIONS'],
]

for (const [path, allow, crossOriginAllow] of PREFLIGHTS) {
  test(`[H83] OPTIONS ${path} is a preflight that knows its methods, and those for pages of other origins`, t => {
    t.deepEqual(ask(`OPTIONS ${path}`), { kind: 'preflight', allow, crossOriginAllow })
  })
}

const ITEM_PATHS: [path: string, item: string | null][] = [
  ['/items/A', 'A'],
  ['/items/a%20b', 'a b'],
  ['/items/a+b', 'a+b'],
  ['/items/a/b', 'a/b'],
  ['/items/%C3%BC', 'ü'],
  ['/items/', null],
  ['/items/%', null],
  ['/items/%ff', null],
  ['/items/a%2Cb', null],
  ['/items/a%00', null],
  ['/items/123456789', null],
]

for (const [path, item] of ITEM_PATHS) {
  test(`[H23] ${path} ${item === null ? 'names no item' : `names ${item}`}`, t => {
    const expected =
      item === null ? { kind: 'refused', status: 400, code: 'ITEM_NAME_INVALID' } : { kind: 'item', item }
    t.like(ask(`GET ${path}`), expected as object)
    t.like(ask(`DELETE ${path}`), (item === null ? expected : { kind: 'delete', item }) as object)
  })
}

test('[H24] a list of items is bounded', t => {
  t.deepEqual(ask('GET /items'), { kind: 'items', prefix: '', limit: 1_000, after: '' })
  t.deepEqual(ask('GET /items?prefix=a.&limit=10000&after=b'), {
    kind: 'items',
    prefix: 'a.',
    limit: 10_000,
    after: 'b',
  })
  t.deepEqual(ask('GET /items?prefix=a+&limit=1&after='), { kind: 'items', prefix: 'a ', limit: 1, after: '' })
  for (const query of ['limit=0', 'limit=10001', 'limit=x', 'limit=', 'x=1', 'prefix=a&prefix=b']) {
    t.like(ask(`GET /items?${query}`), { kind: 'refused', status: 400, code: 'QUERY_INVALID' }, query)
  }
  for (const query of ['prefix=a*', 'prefix=%00', 'prefix=123456789', 'after=123456789']) {
    t.like(ask(`GET /items?${query}`), { kind: 'refused', status: 400, code: 'ITEM_NAME_INVALID' }, query)
  }
})

test('[H24] a list of sessions is bounded; plain places know no parameters', t => {
  t.deepEqual(ask('GET /sessions'), { kind: 'sessions', limit: 1_000 })
  t.deepEqual(ask('GET /sessions?limit=5'), { kind: 'sessions', limit: 5 })
  for (const line of ['GET /sessions?limit=0', 'GET /metrics?x', 'GET /healthz?a=b', 'GET /items/A?fields=b']) {
    t.like(ask(line), { kind: 'refused', code: 'QUERY_INVALID' }, line)
  }
})

test('[H25] a POST publishes the fields of its body', t => {
  t.deepEqual(ask('POST /items/A', { body: 'bid=1.10&ask=2' }), {
    kind: 'publish',
    item: 'A',
    fields: [
      ['bid', '1.10'],
      ['ask', '2'],
    ],
    isSnapshot: false,
    timeMs: Number.NaN,
  })
  t.deepEqual(
    ask('POST /items/A?snapshot=true&time=1626992742115', {
      headers: ['Content-Type: application/json'],
      body: '{"bid":1.10,"x":null}',
    }),
    {
      kind: 'publish',
      item: 'A',
      fields: [
        ['bid', '1.10'],
        ['x', null],
      ],
      isSnapshot: true,
      timeMs: 1_626_992_742_115,
    },
  )
})

test('[H25] a POST with a bad body or query is refused', t => {
  t.like(ask('POST /items/A'), { status: 400, code: 'FIELDS_INVALID' })
  const plain = ask('POST /items/A', { headers: ['Content-Type: text/plain'], body: 'x' })
  t.like(plain, { status: 415, code: 'FIELDS_INVALID' })
  for (const query of ['snapshot=yes', 'snapshot=', 'time=-1', 'time=1.5', 'time=8640000000000001', 'x=1']) {
    t.like(ask(`POST /items/A?${query}`, { body: 'a=1' }), { status: 400, code: 'QUERY_INVALID' }, query)
  }
})

type Policy = 'loopback' | 'any' | 'off'
const PEERS: [policy: Policy, isLoopback: boolean, lines: string[], isAllowed: boolean][] = [
  ['loopback', true, [], true],
  ['loopback', false, [], false],
  ['any', false, [], true],
  ['any', false, ['Host: millrace.example'], true],
  ['off', true, [], false],
  ['loopback', true, ['Host: 127.0.0.1:8080'], true],
  ['loopback', true, ['Host: [::1]:8080'], true],
  ['loopback', true, ['Host: LOCALHOST'], true],
  ['loopback', true, ['Host: rebound.example:8080'], false],
  ['loopback', true, ['Host: localhost.example'], false],
  ['loopback', true, ['Host: 127.0.0.1.example'], false],
  ['loopback', true, ['Host:'], false],
  ['loopback', true, ['X-Forwarded-For: 10.0.0.1'], false],
  ['loopback', true, ['Forwarded: for=10.0.0.1'], false],
]

for (const [index, [policy, isLoopback, headers, isAllowed]] of PEERS.entries()) {
  const from = isLoopback ? 'of this machine' : 'of another machine'
  test(`[H27] peer ${index} ${from} with [${headers}] ${isAllowed ? 'may' : 'may not'} by ${policy}`, t => {
    const peer = { headers, isLoopback, settings: { publishFrom: policy, sessionsFrom: policy } }
    const refused = { kind: 'refused', status: 403, code: 'FORBIDDEN' }
    const asked = [
      ask('POST /items/A', { ...peer, body: 'a=1' }),
      ask('DELETE /items/A', peer),
      ask('GET /sessions', peer),
    ]
    const kinds = ['publish', 'delete', 'sessions']
    for (const [place, message] of asked.entries()) {
      t.like(message, isAllowed ? { kind: kinds[place] } : refused)
    }
    t.is(ask('GET /items/A', peer).kind, 'item', 'reading is for everybody')
  })
}

/** What does more than read: a line, and the headers that it needs. */
const SESSION_REQUESTS: [line: string, ...headers: string[]][] = [
  ['POST /stream?items=A'],
  ['POST /poll'],
  [`POST /control?session=${'a'.repeat(22)}`],
  ['GET /stream?items=A', 'Upgrade: websocket', 'Connection: Upgrade'],
]

const ORIGINS: [origin: string, host: string, isAllowed: boolean][] = [
  ['http://localhost:8080', 'localhost:8080', true],
  ['http://LOCALHOST:8080', 'localhost:8080', true],
  ['http://localhost', 'localhost:80', true],
  ['https://localhost', 'localhost', true],
  ['http://localhost:8081', 'localhost:8080', false],
  ['http://localhost', 'localhost:8080', false],
  ['http://evil.example', 'localhost:8080', false],
  ['http://evil.example/localhost:8080', 'localhost:8080', false],
  ['null', 'localhost:8080', false],
  ['', 'localhost:8080', false],
  ['file://', 'localhost:8080', false],
  ['chrome-extension://localhost:8080', 'localhost:8080', false],
]

for (const [origin, host, isAllowed] of ORIGINS) {
  test(`[H27] a page of "${origin}" ${isAllowed ? 'may' : 'may not'} publish to ${host}`, t => {
    const headers = [`Host: ${host}`, `Origin: ${origin}`]
    for (const publishFrom of ['loopback', 'any'] as const) {
      const page = { headers, settings: { publishFrom } }
      t.is(ask('POST /items/A', { ...page, body: 'a=1' }).kind, isAllowed ? 'publish' : 'refused')
      t.is(ask('DELETE /items/A', page).kind, isAllowed ? 'delete' : 'refused')
    }
    t.is(ask('GET /stream?items=A', { headers }).kind, 'bind', 'any page may read')
  })

  test(`[H82] if no other may, a page of "${origin}" ${isAllowed ? 'may' : 'may not'} use sessions of ${host}`, t => {
    const headers = [`Host: ${host}`, `Origin: ${origin}`]
    for (const corsOrigin of ['', 'https://desk.example']) {
      for (const [line, ...more] of SESSION_REQUESTS) {
        const message = ask(line, { headers: [...headers, ...more], settings: { corsOrigin } })
        const refused = { kind: 'refused', status: 403, code: 'FORBIDDEN' }
        t.like(message, isAllowed ? { kind: line.startsWith('POST /control') ? 'control' : 'bind' } : refused, line)
      }
    }
  })
}

test('[H82] a page of the origin that may read, and of any where all may, opens and controls sessions', t => {
  for (const [corsOrigin, origin] of [
    ['https://desk.example', 'https://desk.example'],
    ['*', 'https://desk.example'],
    ['*', 'null'],
  ] as const) {
    for (const [line, ...more] of SESSION_REQUESTS) {
      const message = ask(line, { headers: [`Origin: ${origin}`, ...more], settings: { corsOrigin } })
      t.not(message.kind, 'refused', `${line} of ${origin}, ${corsOrigin}`)
    }
  }
})

test('[H82] who is no page opens and controls sessions whatever the origin; no page reads what it may not', t => {
  for (const [line, ...headers] of SESSION_REQUESTS) {
    t.not(ask(line, { headers, settings: { corsOrigin: '' } }).kind, 'refused', line)
  }
  const settings = { ...HTTP_SETTINGS, corsOrigin: '' }
  const read = ask('GET /stream?items=A', { headers: ['Origin: https://desk.example'], settings })
  t.is(read.kind, 'bind')
  t.is(corsOriginOf(read, settings), '')
})

test('[H28] pages of other origins may read values and run the client library, but read neither sessions nor metrics', t => {
  const settings = { ...HTTP_SETTINGS, corsOrigin: 'https://desk.example' }
  const session = `POST /control?session=${'a'.repeat(22)}`
  for (const line of [
    'GET /stream?items=A',
    'GET /poll',
    session,
    'GET /items',
    'GET /items/A',
    'OPTIONS /stream',
    'GET /nothing',
    'GET /client/index.ts',
    'HEAD /client/transports/sse.ts',
  ]) {
    t.is(corsOriginOf(ask(line), settings), 'https://desk.example', line)
  }
  for (const line of ['GET /sessions', 'GET /metrics', 'GET /', 'GET /page/app/main.ts', 'DELETE /items/A']) {
    t.is(corsOriginOf(ask(line), settings), '', line)
  }
})

const UPGRADE = ['Upgrade: websocket', 'Connection: Upgrade']

test('[H84] /echo takes an upgrade where the settings let it, and is no path else', t => {
  const settings = { echo: true }
  const notFound = { kind: 'refused', status: 404, code: 'PATH_NOT_FOUND' }
  t.deepEqual(ask('GET /echo', { headers: UPGRADE, settings }), { kind: 'echo' })
  t.like(ask('GET /echo', { settings }), notFound)
  t.like(ask('POST /echo', { settings }), { status: 405, allow: 'GET, OPTIONS' })
  for (const line of ['GET /echo', 'POST /echo', 'OPTIONS /echo']) {
    t.like(ask(line, { headers: UPGRADE }), notFound, line)
  }
})

const ORDER = JSON.stringify({ request: 1, message: { to: 'orders', data: { buy: 1 } } })
const MESSENGERS: [
  what: string,
  policy: 'loopback' | 'any' | 'off',
  isLoopback: boolean,
  headers: string[],
  isTaken: boolean,
][] = [
  ['a program of this machine', 'loopback', true, [], true],
  ['a page of this host', 'loopback', true, ['Host: localhost:8080', 'Origin: http://localhost:8080'], true],
  ['a page of another origin', 'loopback', true, ['Host: localhost:8080', 'Origin: http://evil.example'], false],
  ['a page of another origin', 'any', true, ['Host: localhost:8080', 'Origin: http://evil.example'], false],
  ['another machine', 'loopback', false, [], false],
  ['another machine', 'any', false, [], true],
  ['this machine', 'off', true, [], false],
]

for (const [what, messagesFrom, isLoopback, headers, isTaken] of MESSENGERS) {
  test(`[H87] messages of ${what} (${headers.join(', ')}) are ${isTaken ? 'taken' : 'refused'} with messagesFrom=${messagesFrom}`, t => {
    const settings = { messagesFrom, corsOrigin: '*' }
    const kind = isTaken ? 'message' : 'bad'
    const asked = { headers, isLoopback, settings, body: ORDER }
    const control = ask(`POST /control?session=${'x'.repeat(22)}`, asked)
    t.like(control, { kind: 'control', requests: [{ kind, number: 1, ...(isTaken ? {} : { code: 'FORBIDDEN' }) }] })
    t.like(ask('POST /stream', asked), { kind: 'bind', bind: { requests: [{ kind }] } })
    const upgrade = ask('GET /stream', {
      ...asked,
      body: '',
      headers: [...headers, 'Connection: Upgrade', 'Upgrade: websocket'],
    })
    t.is(upgrade.kind === 'bind' && upgrade.messageHindrance === null, isTaken)
  })
}

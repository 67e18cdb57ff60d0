import test from 'ava'
import { RequestReader } from '#src/codec/http-request.ts'
import { corsOriginOf, type HttpSettings, interpret, type RequestMessage } from '#src/codec/http-routes.ts'
import { defaultConfig } from '#src/config/config.ts'

const SETTINGS: HttpSettings = {
  ...defaultConfig,
  sessionItemsMax: 3,
  fieldsMax: 3,
  itemNameBytesMax: 8,
  fieldNameBytesMax: 8,
}
const reader = new RequestReader(SETTINGS)

/** What a request for `target` asks for; it comes from this machine, unless a header says otherwise. */
function ask(
  line: string,
  lines: readonly string[] = [],
  body = '',
  settings = SETTINGS,
  isLoopback = true,
): RequestMessage {
  const host = lines.some(each => each.startsWith('Host:')) ? [] : ['Host: localhost:8080']
  const length = body === '' ? [] : [`Content-Length: ${Buffer.byteLength(body)}`]
  const head = [`${line} HTTP/1.1`, ...host, ...lines, ...length, '', ''].join('\r\n')
  const result = reader.read(Buffer.from(head + body))
  if (result.kind !== 'request') throw new Error(JSON.stringify(result))
  return interpret(result.request, isLoopback, settings)
}

function askAs(settings: Partial<HttpSettings>, line: string): RequestMessage {
  return ask(line, [], '', { ...SETTINGS, ...settings })
}

const PLACES: [line: string, kind: RequestMessage['kind']][] = [
  ['GET /', 'page'],
  ['GET /?prefix=a&x=y', 'page'],
  ['HEAD /', 'page'],
  ['GET /stream?items=A', 'stream'],
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

for (const line of ['GET /nothing', 'GET /Stream', 'GET //', 'GET /stream/', 'GET /items%2FA', 'OPTIONS /nothing']) {
  test(`[H20] ${line} is answered 404`, t => {
    t.like(ask(line), { kind: 'refused', status: 404, code: 'PATH_NOT_FOUND' })
  })
}

const WRONG_METHODS: [line: string, allow: string][] = [
  ['HEAD /stream?items=A', 'GET, OPTIONS'],
  ['POST /stream', 'GET, OPTIONS'],
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

test('[H20] OPTIONS is a preflight that knows the methods of its path', t => {
  t.deepEqual(ask('OPTIONS /stream'), { kind: 'preflight', allow: 'GET, OPTIONS' })
  t.deepEqual(ask('OPTIONS *'), { kind: 'preflight', allow: 'OPTIONS' })
  t.deepEqual(ask('OPTIONS /items/A'), { kind: 'preflight', allow: 'GET, HEAD, POST, DELETE, OPTIONS' })
})

test('[H21] a stream asks for its items only, and has defaults for the rest', t => {
  t.deepEqual(ask('GET /stream?items=A'), {
    kind: 'stream',
    stream: {
      encoding: 'sse',
      mode: 'merge',
      items: ['A'],
      fields: null,
      maxFrequency: 0,
      maxDelayMs: 0,
      onLost: 'end',
    },
  })
})

test('[H21] a stream asks for everything there is', t => {
  const query = 'items=A,b%2Fc%2CD+e&fields=bid%2Cask&maxDelay=100&mode=raw&onLost=snapshot'
  t.deepEqual(ask(`GET /stream?${query}`, ['Accept: application/x-ndjson']), {
    kind: 'stream',
    stream: {
      encoding: 'ndjson',
      mode: 'raw',
      items: ['A', 'b/c', 'D e'],
      fields: ['bid', 'ask'],
      maxFrequency: 0,
      maxDelayMs: 100,
      onLost: 'snapshot',
    },
  })
})

const BAD_STREAMS: [code: string, query: string, named: string][] = [
  ['QUERY_INVALID', '', '"items"'],
  ['QUERY_INVALID', 'fields=a', '"items"'],
  ['QUERY_INVALID', 'items=A&item=B', '"item"'],
  ['QUERY_INVALID', 'items=A&items=B', '"items"'],
  ['QUERY_INVALID', 'items=A&Mode=raw', '"Mode"'],
  ['QUERY_INVALID', 'items=A&__proto__=1', '"__proto__"'],
  ['QUERY_INVALID', 'items=%', '"items=%"'],
  ['QUERY_INVALID', 'items=%ff', '"items=%ff"'],
  ['QUERY_INVALID', '%c3=A', '"%c3=A"'],
  ['ITEMS_TOO_MANY', 'items=A,B,C,D', '3'],
  ['QUERY_INVALID', 'items=A,B,A', '"A"'],
  ['ITEM_NAME_INVALID', 'items=', '""'],
  ['ITEM_NAME_INVALID', 'items', '""'],
  ['ITEM_NAME_INVALID', 'items=A,', '""'],
  ['ITEM_NAME_INVALID', 'items=A,b*', '"b*"'],
  ['ITEM_NAME_INVALID', 'items=A,123456789', '"123456789"'],
  ['ITEM_NAME_INVALID', 'items=A%0A', '"A\\n"'],
  ['ITEM_NAME_INVALID', 'items=A,+B', '" B"'],
  ['FIELD_NAME_INVALID', 'items=A&fields=', '""'],
  ['FIELD_NAME_INVALID', 'items=A&fields=a,123456789', '"123456789"'],
  ['QUERY_INVALID', 'items=A&fields=a,a', '"a"'],
  ['QUERY_INVALID', 'items=A&fields=a,b,c,d', '"fields"'],
  ['QUERY_INVALID', 'items=A&maxFrequency=0', '"maxFrequency"'],
  ['QUERY_INVALID', 'items=A&maxFrequency=0.0', '"maxFrequency"'],
  ['QUERY_INVALID', 'items=A&maxFrequency=-1', '"maxFrequency"'],
  ['QUERY_INVALID', 'items=A&maxFrequency=1000.1', '"maxFrequency"'],
  ['QUERY_INVALID', 'items=A&maxFrequency=1e2', '"maxFrequency"'],
  ['QUERY_INVALID', 'items=A&maxFrequency=NaN', '"maxFrequency"'],
  ['QUERY_INVALID', 'items=A&maxFrequency=', '"maxFrequency"'],
  ['QUERY_INVALID', 'items=A&maxDelay=1.5', '"maxDelay"'],
  ['QUERY_INVALID', 'items=A&maxDelay=-1', '"maxDelay"'],
  ['QUERY_INVALID', 'items=A&maxDelay=60001', '"maxDelay"'],
  ['QUERY_INVALID', 'items=A&mode=distinct', '"mode"'],
  ['QUERY_INVALID', 'items=A&mode=', '"mode"'],
  ['QUERY_INVALID', 'items=A&mode=raw&onLost=never', '"onLost"'],
  ['QUERY_INVALID', 'items=A&onLost=end', '"onLost"'],
  ['QUERY_INVALID', 'items=A&mode=raw&maxFrequency=2', '"maxFrequency"'],
]

for (const [code, query, named] of BAD_STREAMS) {
  test(`[H21] a stream of ?${query} is refused with ${code}, which names ${named}`, t => {
    const message = ask(`GET /stream?${query}`)
    t.like(message, { kind: 'refused', status: 400, code })
    t.true(message.kind === 'refused' && message.message.includes(named))
  })
}

const FREQUENCIES: [cap: number, wish: string, frequency: number][] = [
  [0, '', 0],
  [0, '&maxFrequency=1000', 1_000],
  [5, '', 5],
  [5, '&maxFrequency=4.5', 4.5],
  [5, '&maxFrequency=6', 5],
]

for (const [cap, wish, frequency] of FREQUENCIES) {
  test(`[H21] with a cap of ${cap} a stream ${wish === '' ? 'without a wish' : wish} gets ${frequency}`, t => {
    const message = askAs({ maxFrequencyCap: cap }, `GET /stream?items=A${wish}`)
    t.is(message.kind === 'stream' && message.stream.maxFrequency, frequency)
  })
}

test('[H22] a type that is no stream is answered 406', t => {
  t.like(ask('GET /stream?items=A', ['Accept: text/html']), { kind: 'refused', status: 406, code: 'NOT_ACCEPTABLE' })
})

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
  t.deepEqual(ask('POST /items/A', [], 'bid=1.10&ask=2'), {
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
    ask('POST /items/A?snapshot=true&time=1626992742115', ['Content-Type: application/json'], '{"bid":1.10,"x":null}'),
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
  t.like(ask('POST /items/A', ['Content-Type: text/plain'], 'x'), { status: 415, code: 'FIELDS_INVALID' })
  for (const query of ['snapshot=yes', 'snapshot=', 'time=-1', 'time=1.5', 'time=8640000000000001', 'x=1']) {
    t.like(ask(`POST /items/A?${query}`, [], 'a=1'), { status: 400, code: 'QUERY_INVALID' }, query)
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

for (const [index, [policy, isLoopback, lines, isAllowed]] of PEERS.entries()) {
  const peer = isLoopback ? 'of this machine' : 'of another machine'
  test(`[H27] peer ${index} ${peer} with [${lines}] ${isAllowed ? 'may' : 'may not'} by ${policy}`, t => {
    const settings = { ...SETTINGS, publishFrom: policy, sessionsFrom: policy }
    const refused = { kind: 'refused', status: 403, code: 'FORBIDDEN' }
    const asked = [
      ask('POST /items/A', lines, 'a=1', settings, isLoopback),
      ask('DELETE /items/A', lines, '', settings, isLoopback),
      ask('GET /sessions', lines, '', settings, isLoopback),
    ]
    const kinds = ['publish', 'delete', 'sessions']
    for (const [place, message] of asked.entries()) {
      t.like(message, isAllowed ? { kind: kinds[place] } : refused)
    }
    t.is(ask('GET /items/A', lines, '', settings, isLoopback).kind, 'item', 'reading is for everybody')
  })
}

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
    const lines = [`Host: ${host}`, `Origin: ${origin}`]
    for (const publishFrom of ['loopback', 'any'] as const) {
      const settings = { ...SETTINGS, publishFrom }
      t.is(ask('POST /items/A', lines, 'a=1', settings).kind, isAllowed ? 'publish' : 'refused')
      t.is(ask('DELETE /items/A', lines, '', settings).kind, isAllowed ? 'delete' : 'refused')
    }
    t.is(ask('GET /stream?items=A', lines).kind, 'stream', 'any page may read')
  })
}

test('[H28] pages of other origins may read values, but neither sessions nor metrics', t => {
  const settings = { ...SETTINGS, corsOrigin: 'https://desk.example' }
  for (const line of ['GET /stream?items=A', 'GET /items', 'GET /items/A', 'OPTIONS /stream', 'GET /nothing']) {
    t.is(corsOriginOf(ask(line), settings), 'https://desk.example', line)
  }
  for (const line of ['GET /sessions', 'GET /metrics', 'GET /', 'DELETE /items/A']) {
    t.is(corsOriginOf(ask(line), settings), '', line)
  }
})

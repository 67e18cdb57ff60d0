import test from 'ava'
import {
  type AnswerFrame,
  CONTINUE,
  errorAnswer,
  JSON_TYPE,
  LAST_CHUNK,
  NDJSON_TYPE,
  plainAnswer,
  preflightAnswer,
  streamHead,
  TEXT_TYPE,
  UNREAD_FRAME,
} from '#src/codec/http-response.ts'

const FRAME: AnswerFrame = { isHead: false, isHttp10: false, keepsAlive: true, corsOrigin: '*' }

interface Parts {
  readonly status: string
  readonly headers: Map<string, string>
  readonly body: string
}

/** An answer taken apart, by the plainest means. */
function partsOf(bytes: Buffer): Parts {
  const text = bytes.toString('latin1')
  const headEnd = text.indexOf('\r\n\r\n')
  const [status = '', ...lines] = text.slice(0, headEnd).split('\r\n')
  const headers = new Map(lines.map(line => line.split(': ', 2) as [string, string]))
  if (headers.size !== lines.length) throw new Error('a header stands twice')
  return { status, headers, body: bytes.subarray(headEnd + 4).toString('utf8') }
}

test('[H11] a stream to HTTP/1.1 is chunked and told to pass through', t => {
  const { status, headers, body } = partsOf(streamHead('sse', false, '*'))
  t.is(status, 'HTTP/1.1 200 OK')
  t.deepEqual(Object.fromEntries(headers), {
    'Content-Type': 'text/event-stream',
    'Cache-Control': 'no-cache, no-transform',
    'X-Accel-Buffering': 'no',
    'X-Content-Type-Options': 'nosniff',
    'Transfer-Encoding': 'chunked',
    Vary: 'Accept',
    'Access-Control-Allow-Origin': '*',
  })
  t.is(body, '')
  t.is(LAST_CHUNK.toString(), '0\r\n\r\n')
  t.is(CONTINUE.toString(), 'HTTP/1.1 100 Continue\r\n\r\n')
})

test('[H11] a stream to HTTP/1.0 is not chunked and ends with the connection', t => {
  const { headers } = partsOf(streamHead('ndjson', true, ''))
  t.is(headers.get('Content-Type'), 'application/x-ndjson')
  t.is(NDJSON_TYPE, 'application/x-ndjson')
  t.is(headers.get('Connection'), 'close')
  t.false(headers.has('Transfer-Encoding'))
  t.false(headers.has('Access-Control-Allow-Origin'))
})

test('[H12] an answer tells the length of its body in bytes', t => {
  const { status, headers, body } = partsOf(plainAnswer({ status: 200, contentType: TEXT_TYPE, body: 'grün' }, FRAME))
  t.is(status, 'HTTP/1.1 200 OK')
  t.is(headers.get('Content-Length'), '5')
  t.is(body, 'grün')
  t.is(headers.get('X-Content-Type-Options'), 'nosniff')
  t.is(headers.get('Cache-Control'), 'no-store')
  t.false(headers.has('Connection'))
})

test('[H12] the answer to HEAD is the head of the answer to GET', t => {
  const answer = { status: 200, contentType: JSON_TYPE, body: Buffer.from('{}') }
  const get = plainAnswer(answer, FRAME).toString()
  t.is(plainAnswer(answer, { ...FRAME, isHead: true }).toString(), get.slice(0, -2))
})

const CONNECTIONS: [isHttp10: boolean, keepsAlive: boolean, header: string | undefined][] = [
  [false, true, undefined],
  [false, false, 'close'],
  [true, true, 'keep-alive'],
  [true, false, 'close'],
]

for (const [isHttp10, keepsAlive, header] of CONNECTIONS) {
  test(`[H12] HTTP/1.${isHttp10 ? 0 : 1} that ${keepsAlive ? 'stays' : 'ends'} is answered with Connection ${header}`, t => {
    const bytes = plainAnswer({ status: 200, contentType: TEXT_TYPE, body: '' }, { ...FRAME, isHttp10, keepsAlive })
    t.is(partsOf(bytes).headers.get('Connection'), header)
  })
}

test('[H12] a header handed in takes the place of no-store; a status without a body has no length', t => {
  const headers = [['Cache-Control', 'no-cache']] as const
  const page = partsOf(plainAnswer({ status: 200, contentType: TEXT_TYPE, body: '', headers }, FRAME))
  t.is(page.headers.get('Cache-Control'), 'no-cache')
  const none = partsOf(plainAnswer({ status: 204, contentType: '', body: '' }, FRAME))
  t.false(none.headers.has('Content-Length'))
  t.false(none.headers.has('Content-Type'))
  t.throws(() => plainAnswer({ status: 204, contentType: '', body: 'x' }, FRAME), { message: /without a body/ })
})

test('[H13] an error is JSON with its code and message', t => {
  const error = { status: 405, code: 'METHOD_NOT_ALLOWED', message: 'no "PUT"\r\nhere', allow: 'GET, HEAD' } as const
  const { status, headers, body } = partsOf(errorAnswer(error, FRAME))
  t.is(status, 'HTTP/1.1 405 Method Not Allowed')
  t.is(headers.get('Allow'), 'GET, HEAD')
  t.is(headers.get('Content-Type'), JSON_TYPE)
  t.deepEqual(JSON.parse(body), { error: { code: 'METHOD_NOT_ALLOWED', message: 'no "PUT"\r\nhere' } })
})

test('[H13] 503 tells when to come back, in whole seconds', t => {
  const error = { status: 503, code: 'SERVER_BUSY', message: 'busy', retryAfterS: 1.2 } as const
  t.is(partsOf(errorAnswer(error, FRAME)).headers.get('Retry-After'), '2')
})

test('[H13] every status that the codecs use has a reason', t => {
  for (const status of [400, 403, 404, 405, 406, 408, 413, 415, 417, 426, 429, 431, 500, 501, 503, 505]) {
    const { headers } = partsOf(errorAnswer({ status, code: 'REQUEST_MALFORMED', message: '' }, UNREAD_FRAME))
    t.is(headers.get('Connection'), 'close')
  }
  t.throws(() => errorAnswer({ status: 299, code: 'REQUEST_MALFORMED', message: '' }, FRAME))
})

test('[H85] an error takes headers of its own, as a 426 that names what to upgrade to', t => {
  const upgrade = [['Upgrade', 'websocket']] as const
  const error = { status: 426, code: 'UPGRADE_INVALID', message: 'version 13 only', headers: upgrade } as const
  const { status, headers, body } = partsOf(errorAnswer(error, FRAME))
  t.is(status, 'HTTP/1.1 426 Upgrade Required')
  t.is(headers.get('Upgrade'), 'websocket')
  t.deepEqual(JSON.parse(body), { error: { code: 'UPGRADE_INVALID', message: 'version 13 only' } })
})

test('[H85] a 101 has neither a length nor a type', t => {
  const headers = [
    ['Upgrade', 'websocket'],
    ['Connection', 'Upgrade'],
  ] as const
  const answer = partsOf(plainAnswer({ status: 101, contentType: '', body: '', headers }, FRAME))
  t.is(answer.status, 'HTTP/1.1 101 Switching Protocols')
  t.is(answer.headers.get('Connection'), 'Upgrade')
  t.false(answer.headers.has('Content-Length'))
  t.false(answer.headers.has('Content-Type'))
})

const PREFLIGHT = { allow: 'GET, POST, DELETE, OPTIONS', crossOriginAllow: 'GET, POST, OPTIONS' }

test('[H14] a preflight is answered 204 with what pages may do', t => {
  const { status, headers, body } = partsOf(preflightAnswer(PREFLIGHT, FRAME))
  t.is(status, 'HTTP/1.1 204 No Content')
  t.is(headers.get('Allow'), 'GET, POST, DELETE, OPTIONS')
  t.is(headers.get('Access-Control-Allow-Origin'), '*')
  t.is(headers.get('Access-Control-Allow-Methods'), 'GET, POST, OPTIONS')
  const pageHeaders = headers.get('Access-Control-Allow-Headers')?.split(', ')
  t.deepEqual(pageHeaders, ['Accept', 'Cache-Control', 'Content-Type', 'Last-Event-ID'])
  t.is(headers.get('Access-Control-Max-Age'), '86400')
  t.is(body, '')
})

test('[H14] without an origin no page may do anything; one origin is named and varies', t => {
  const none = partsOf(preflightAnswer(PREFLIGHT, { ...FRAME, corsOrigin: '' })).headers
  t.deepEqual(
    [...none.keys()].filter(name => name.startsWith('Access-')),
    [],
  )
  const one = partsOf(streamHead('sse', false, 'https://desk.example')).headers
  t.is(one.get('Access-Control-Allow-Origin'), 'https://desk.example')
  t.is(one.get('Vary'), 'Accept, Origin')
})

test('[H15] no header can break its line', t => {
  const answer = (name: string, value: string) => () =>
    plainAnswer({ status: 200, contentType: TEXT_TYPE, body: '', headers: [[name, value]] }, FRAME)
  t.notThrows(answer('X-A', 'b c'))
  for (const value of ['a\r\nSet-Cookie: x', 'a\n', 'a\r', 'a\0', '\u{100}']) t.throws(answer('X-A', value))
  for (const name of ['X A', 'X:A', 'X\n', '']) t.throws(answer(name, 'b'))
  t.throws(() => streamHead('sse', false, 'https://a\r\nX: y'))
})

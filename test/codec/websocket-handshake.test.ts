import test from 'ava'
import { type HttpRequest, RequestReader } from '#src/codec/http-request.ts'
import { upgradeHead, upgradeOf } from '#src/codec/websocket-handshake.ts'

const SETTINGS = { websocketDeflate: false }
const reader = new RequestReader({ requestHeadBytesMax: 8_192, requestBodyBytesMax: 1_024 })

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const HEADERS: Readonly<Record<string, string>> = {
  Host: 'server.example.com',
  Upgrade: 'websocket',
  Connection: 'Upgrade',
  'Sec-WebSocket-Key': KEY,
  'Sec-WebSocket-Version': '13',
}

function requestOf(first: string, headers: Readonly<Record<string, string | null>>): HttpRequest {
  const lines = Object.entries(headers).flatMap(([name, value]) => (value === null ? [] : [`${name}: ${value}`]))
  const result = reader.read(Buffer.from([first, ...lines, '', ''].join('\r\n'), 'latin1'))
  if (result.kind !== 'request') throw new Error(JSON.stringify(result))
  return result.request
}

/** An opening handshake with other headers; null leaves one out. */
function handshake(changed: Readonly<Record<string, string | null>> = {}, first = 'GET /stream?items=A HTTP/1.1') {
  return requestOf(first, { ...HEADERS, ...changed })
}

function linesOf(head: Buffer): string[] {
  return head.toString('latin1').split('\r\n')
}

test('[W1] the handshake of RFC 6455 is one', t => {
  const request = handshake({ Origin: 'http://example.com', 'Sec-WebSocket-Protocol': 'chat, superchat' })
  t.deepEqual(upgradeOf(request, SETTINGS), { kind: 'upgrade', key: KEY, extension: null })
})

const GOOD: [what: string, headers: Record<string, string>][] = [
  ['Upgrade in other letters', { Upgrade: 'WebSocket' }],
  ['an Upgrade of several', { Upgrade: 'h2c , websocket' }],
  ['Connection in other letters', { Connection: 'upgrade' }],
  ['a Connection of several', { Connection: 'keep-alive, Upgrade' }],
  ['a key with all kinds of characters', { 'Sec-WebSocket-Key': '+/9Z0aBcDeFgHiJkLmNoPQ==' }],
]

for (const [what, headers] of GOOD) {
  test(`[W1] ${what} is a handshake`, t => {
    t.is(upgradeOf(handshake(headers), SETTINGS).kind, 'upgrade')
  })
}

const BAD: [what: string, status: number, headers: Record<string, string | null>, first?: string][] = [
  ['POST', 400, {}, 'POST /stream HTTP/1.1'],
  ['HEAD', 400, {}, 'HEAD /stream HTTP/1.1'],
  ['HTTP/1.0', 400, {}, 'GET /stream HTTP/1.0'],
  ['no Upgrade', 426, { Upgrade: null }],
  ['another Upgrade', 426, { Upgrade: 'h2c' }],
  ['an Upgrade with a version', 426, { Upgrade: 'websocket/13' }],
  ['no Connection', 400, { Connection: null }],
  ['a Connection without Upgrade', 400, { Connection: 'keep-alive' }],
  ['no version', 426, { 'Sec-WebSocket-Version': null }],
  ['an older version', 426, { 'Sec-WebSocket-Version': '8' }],
  ['several versions', 426, { 'Sec-WebSocket-Version': '13, 8' }],
  ['no key', 400, { 'Sec-WebSocket-Key': null }],
  ['an empty key', 400, { 'Sec-WebSocket-Key': '' }],
  ['a key of 15 bytes', 400, { 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAA' }],
  ['a key of 17 bytes', 400, { 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAAA=' }],
  ['a key of 24 bytes', 400, { 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' }],
  ['a key in the other base64', 400, { 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAA-_==' }],
  ['a key without its padding', 400, { 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA' }],
  ['two keys', 400, { 'Sec-WebSocket-Key': `${KEY}, ${KEY}` }],
  ['extensions that are no list', 400, { 'Sec-WebSocket-Extensions': 'permessage-deflate;' }],
]

for (const [what, status, headers, first] of BAD) {
  test(`[W1] ${what} is no handshake: ${status}`, t => {
    const refusal = upgradeOf(handshake(headers, first), SETTINGS)
    if (refusal.kind !== 'refused') return t.fail('it is taken for one')
    t.is(refusal.status, status)
    t.is(refusal.code, 'UPGRADE_INVALID')
    const told = Object.fromEntries(refusal.headers)
    t.is(told['Sec-WebSocket-Version'], '13')
    t.is(told.Upgrade, status === 426 ? 'websocket' : undefined)
    t.is(told.Connection, status === 426 ? 'Upgrade' : undefined)
  })
}

test('[W2] the head proves the key', t => {
  t.deepEqual(linesOf(upgradeHead(KEY, null)), [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
    '',
    '',
  ])
})

test('[W2] the head names what was agreed on', t => {
  const lines = linesOf(upgradeHead(KEY, 'permessage-deflate; server_no_context_takeover'))
  t.is(lines[4], 'Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover')
  t.deepEqual(lines.slice(5), ['', ''])
})

test('[W2] compression is agreed on where it is switched on and offered', t => {
  const offered = handshake({ 'Sec-WebSocket-Extensions': 'x-other, permessage-deflate; client_max_window_bits' })
  t.like(upgradeOf(offered, SETTINGS), { kind: 'upgrade', extension: null })
  t.like(upgradeOf(offered, { websocketDeflate: true }), {
    kind: 'upgrade',
    extension: 'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
  })
  t.like(upgradeOf(handshake(), { websocketDeflate: true }), { kind: 'upgrade', extension: null })
})

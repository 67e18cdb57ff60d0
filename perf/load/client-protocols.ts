/**
 * What a client says to get its items, protocol by protocol; what comes back is only counted, by the marker of the
 * updates, so that nothing of a protocol needs to be understood beyond its greeting.
 */

import type { Workload } from '#perf/workload.ts'

export interface ClientProtocol {
  readonly name: string
  /** The bytes that a client sends first. `items` are names. */
  readonly greeting: (items: readonly string[], workload: Workload) => Buffer
  /** What it sends when the first bytes have come back, if anything. */
  readonly reply: ((items: readonly string[], workload: Workload) => Buffer) | null
  /** Bytes (ASCII) that say, when they have been read, that the client has its items. */
  readonly readyText: string
}

function httpGet(path: string, headers: readonly string[]): Buffer {
  return Buffer.from([`GET ${path} HTTP/1.1`, 'Host: 127.0.0.1', ...headers, '', ''].join('\r\n'))
}

function millraceStream(items: readonly string[], workload: Workload): Buffer {
  const query = new URLSearchParams({ items: items.join(','), mode: workload.mode })
  if (workload.maxDelayMs > 0) query.set('maxDelay', String(workload.maxDelayMs))
  const type = workload.transport === 'sse' ? 'text/event-stream' : 'application/x-ndjson'
  return httpGet(`/stream?${query}`, [`Accept: ${type}`])
}

const UPGRADE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: bWlsbHJhY2UgaGFybmVzcw==',
]
const TEXT = 1
const BINARY = 2
const FINAL = 0x80
const MASKED = 0x80
const LENGTH_16 = 126

/** A client must mask its frames; the mask here is zero, which changes nothing (RFC 6455, 5.3). */
function maskedFrame(opcode: number, text: string): Buffer {
  const payload = Buffer.from(text)
  const head = Buffer.alloc(payload.length < LENGTH_16 ? 6 : 8)
  head[0] = FINAL | opcode
  head[1] = MASKED | Math.min(payload.length, LENGTH_16)
  if (payload.length >= LENGTH_16) head.writeUInt16BE(payload.length, 2)
  return Buffer.concat([head, payload])
}

function natsSubscribe(items: readonly string[]): Buffer {
  const options = '{"verbose":false,"pedantic":false,"echo":false}'
  const commands = [`CONNECT ${options}`, ...items.map((item, index) => `SUB ${item} ${index + 1}`), 'PING']
  return maskedFrame(BINARY, `${commands.join('\r\n')}\r\n`)
}

const CLIENT_PROTOCOLS_LIST: readonly ClientProtocol[] = [
  { name: 'millrace', greeting: millraceStream, reply: null, readyText: 'HTTP/1.1 200' },
  // Peers of our own: GET /?items=A,B, answered by an endless response.
  {
    name: 'http-stream',
    greeting: items => httpGet(`/?items=${items.join(',')}`, []),
    reply: null,
    readyText: 'HTTP/1.1 200',
  },
  // WebSocket peers that take the items of a connection from its address.
  {
    name: 'websocket',
    greeting: items => httpGet(`/?items=${items.join(',')}`, UPGRADE),
    reply: null,
    readyText: 'HTTP/1.1 101',
  },
  // https://socket.io/docs/v4/socket-io-protocol/: `40` asks to be connected, `40{…}` says so.
  {
    name: 'socket.io',
    greeting: items => httpGet(`/socket.io/?EIO=4&transport=websocket&items=${items.join(',')}`, UPGRADE),
    reply: () => maskedFrame(TEXT, '40'),
    readyText: '40{"sid":',
  },
  // https://docs.nats.io/reference/reference-protocols/nats-protocol: what is asked before a PING is done when its PONG comes.
  {
    name: 'nats-websocket',
    greeting: () => httpGet('/', UPGRADE),
    reply: natsSubscribe,
    readyText: 'PONG\r\n',
  },
  // Plain TCP: redis speaks no HTTP.
  {
    name: 'redis',
    greeting: items => Buffer.from(`SUBSCRIBE ${items.join(' ')}\r\n`),
    reply: null,
    readyText: 'subscribe\r\n',
  },
]

export const CLIENT_PROTOCOLS: Readonly<Record<string, ClientProtocol>> = Object.fromEntries(
  CLIENT_PROTOCOLS_LIST.map(protocol => [protocol.name, protocol]),
)

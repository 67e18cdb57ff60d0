/**
 * What a client says to get its items, protocol by protocol; what comes back is only counted, by the marker of the
 * updates, so that nothing of a protocol needs to be understood beyond its greeting, and what a server waits for.
 */

import { FILTERS, sideOf, type Workload } from '#perf/workload.ts'
import { OPCODE_BINARY, OPCODE_TEXT } from '#src/codec/websocket-frame.ts'
import { AnswerFollower } from './answer-follower.ts'
import type { StreamFollower } from './follower.ts'
import { FrameFollower } from './frame-follower.ts'
import { maskedFrame } from './masked-frame.ts'

export interface ClientProtocol {
  readonly name: string
  /** The bytes that a client sends first. `items` are names. */
  readonly greeting: (items: readonly string[], workload: Workload, client: number) => Buffer
  /** What it sends when the first bytes have come back, if anything. */
  readonly reply: ((items: readonly string[], workload: Workload) => Buffer) | null
  /** Bytes (ASCII) that say, when they have been read, that the client has its items. */
  readonly readyText: string
  /** Where the server waits for words of the client while it sends. */
  readonly newFollower?: () => StreamFollower
}

function httpGet(path: string, headers: readonly string[]): Buffer {
  return Buffer.from([`GET ${path} HTTP/1.1`, 'Host: 127.0.0.1', ...headers, '', ''].join('\r\n'))
}

/** The parameters that open a session of Millrace with a client's items. */
export function millraceQuery(items: readonly string[], workload: Workload, client: number): URLSearchParams {
  const { mode, maxDelayMs, filter, window } = workload
  const query = new URLSearchParams({ items: items.join(','), mode })
  if (maxDelayMs > 0) query.set('maxDelay', String(maxDelayMs))
  if (filter !== 'none') query.set('filter', FILTERS[filter].text)
  if (window > 0) {
    const side = sideOf(client)
    query.set('filter', `side = "${side}"`)
    query.set('sort', side === 'bid' ? '-price' : 'price')
    query.set('count', String(window))
  }
  return query
}

/** What tells SSE from NDJSON. */
export function acceptOf({ transport }: Workload): string {
  return transport === 'sse' ? 'text/event-stream' : 'application/x-ndjson'
}

const UPGRADE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: bWlsbHJhY2UgaGFybmVzcw==',
]

function natsSubscribe(items: readonly string[]): Buffer {
  const options = '{"verbose":false,"pedantic":false,"echo":false}'
  const commands = [`CONNECT ${options}`, ...items.map((item, index) => `SUB ${item} ${index + 1}`), 'PING']
  return maskedFrame(OPCODE_BINARY, Buffer.from(`${commands.join('\r\n')}\r\n`))
}

const CLIENT_PROTOCOLS_LIST: readonly ClientProtocol[] = [
  {
    name: 'millrace',
    greeting: (items, workload, client) => {
      return httpGet(`/stream?${millraceQuery(items, workload, client)}`, [`Accept: ${acceptOf(workload)}`])
    },
    reply: null,
    readyText: 'HTTP/1.1 200',
  },
  {
    name: 'millrace websocket',
    greeting: (items, workload, client) => httpGet(`/stream?${millraceQuery(items, workload, client)}`, UPGRADE),
    reply: null,
    readyText: 'HTTP/1.1 101',
    newFollower: () => new FrameFollower(),
  },
  {
    name: 'millrace poll',
    greeting: (items, workload, client) => httpGet(`/poll?${millraceQuery(items, workload, client)}`, []),
    reply: null,
    readyText: 'HTTP/1.1 200',
    newFollower: () => new AnswerFollower(),
  },
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
    reply: () => maskedFrame(OPCODE_TEXT, Buffer.from('40')),
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

/** A protocol that has its own way over the transport goes it; the others have one way only. */
export function clientProtocol(name: string, { transport }: Workload): ClientProtocol {
  return CLIENT_PROTOCOLS[`${name} ${transport}`] ?? CLIENT_PROTOCOLS[name]!
}

/**
 * How the feed wraps an update's line for the server that it publishes to. The stamp in the line is written in place
 * afterwards, so a frame says where its line begins.
 */

export interface FeedProtocol {
  readonly name: string
  /** Sent once a connection is made; null: nothing. */
  readonly greeting: Buffer | null
  /** What goes before and behind a line of `length` bytes for `item`. */
  readonly before: (item: string, length: number) => Buffer
  readonly after: Buffer
}

const NEWLINE = Buffer.from('\n')
const CRLF = Buffer.from('\r\n')
const NONE = Buffer.alloc(0)

/** https://redis.io/docs/latest/develop/reference/protocol-spec/ */
function redisPublish(item: string, length: number): Buffer {
  return Buffer.from(`*3\r\n$7\r\nPUBLISH\r\n$${item.length}\r\n${item}\r\n$${length}\r\n`)
}

const FEED_PROTOCOLS_LIST: readonly FeedProtocol[] = [
  // Millrace, and peers of our own: a line each. Acknowledgements are read and dropped.
  { name: 'lines', greeting: null, before: () => NONE, after: NEWLINE },
  // A request for each update, without waiting for the answer to the one before.
  {
    name: 'nchan',
    greeting: null,
    before: (item, length) => {
      return Buffer.from(`POST /publish?item=${item} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${length}\r\n\r\n`)
    },
    after: NONE,
  },
  // https://docs.nats.io/reference/reference-protocols/nats-protocol
  {
    name: 'nats',
    greeting: Buffer.from('CONNECT {"verbose":false,"pedantic":false,"echo":false}\r\n'),
    before: (item, length) => Buffer.from(`PUB ${item} ${length}\r\n`),
    after: CRLF,
  },
  { name: 'redis', greeting: null, before: redisPublish, after: CRLF },
]

export const FEED_PROTOCOLS: Readonly<Record<string, FeedProtocol>> = Object.fromEntries(
  FEED_PROTOCOLS_LIST.map(protocol => [protocol.name, protocol]),
)

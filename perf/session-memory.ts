/**
 * What sessions and their subscriptions take of the server's memory, from outside: resident bytes with many sessions of one
 * shape, compared with many of another.
 *
 *   node perf/session-memory.ts [--sessions 4000]
 *
 * Each shape has a server of its own, in each mode; sessions with the same filter or window share what the server keeps for it.
 * A session has an NDJSON stream; of those that are kept the stream has ended, and they are held for resumption. Resident memory is
 * what garbage collection has left of it, so as many sessions again stand before those that are measured: by then heaps have grown
 * to their pace. The figures are good to some 10 %.
 */

import { connect, type Socket } from 'node:net'
import { parseArgs } from 'node:util'
import { startServerProcess } from '#perf/server-process.ts'
import { connectFeed, type FeedClient } from '#src/feed/feed-client.ts'

/** What subscriptions ask for. */
interface Wish {
  readonly name: string
  readonly wish: Readonly<Record<string, string | number>>
  /** Items are tables. */
  readonly isTable: boolean
  /** What says that a subscription is served. */
  readonly served: '"snapshot":true' | '"snapshotEnd":true'
}

interface Shape extends Wish {
  readonly what: string
  readonly subscriptions: number
  readonly itemsPerSubscription: number
  /** Its stream has ended. */
  readonly isKept: boolean
}

const ITEMS = Array.from({ length: 100 }, (_, index) => `memory.${index}`)
const MORE = 10
const OPENED_AT_ONCE = 100
const SETTLE_MS = 1_000
/** A table of ROWS rows and what stands before it. */
const HEARD_LENGTH_MAX = 16_384
const HTTP_OK = 'HTTP/1.1 200'

const ROWS = 20

const WHOLE = { isTable: true, served: '"snapshotEnd":true' } as const
const VALUES = { isTable: false, served: '"snapshot":true' } as const
const WISHES: readonly Wish[] = [
  { ...VALUES, name: 'merge', wish: { mode: 'merge' } },
  { ...VALUES, name: 'merge, filter', wish: { mode: 'merge', filter: 'bid > 100 and ask < 200' } },
  { ...VALUES, name: 'raw', wish: { mode: 'raw' } },
  { ...VALUES, name: 'distinct', wish: { mode: 'distinct' }, served: '"snapshotEnd":true' },
  { ...WHOLE, name: 'command', wish: { mode: 'command' } },
  { ...WHOLE, name: 'command, window', wish: { mode: 'command', filter: 'side = "bid"', sort: '-bid', count: 10 } },
]

const ONE = { subscriptions: 1, itemsPerSubscription: 1, isKept: false }
export const SHAPES: readonly Shape[] = WISHES.flatMap(wish => [
  { ...ONE, ...wish, what: 'one item' },
  { ...ONE, ...wish, what: 'one item, without its stream', isKept: true },
  { ...ONE, ...wish, what: `${1 + MORE} items in one subscription`, itemsPerSubscription: 1 + MORE },
  { ...ONE, ...wish, what: `${1 + MORE} subscriptions of an item`, subscriptions: 1 + MORE },
])

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

function requestOf({ wish, subscriptions, itemsPerSubscription }: Shape, number: number): string {
  const lines = Array.from({ length: subscriptions }, (_, index) => {
    const first = number * subscriptions * itemsPerSubscription + index * itemsPerSubscription
    const items = Array.from({ length: itemsPerSubscription }, (_, at) => ITEMS[(first + at) % ITEMS.length])
    const subscribe = { id: index + 1, items, ...wish, fields: ['bid', 'ask'] }
    return `${JSON.stringify({ request: index + 1, subscribe })}\n`
  })
  const body = lines.join('')
  const head = [
    'POST /stream HTTP/1.1',
    'Host: 127.0.0.1',
    'Accept: application/x-ndjson',
    `Content-Length: ${body.length}`,
  ]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}

/** A stream whose first update has come. */
function open(port: number, request: string, served: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' })
    let text = ''
    socket.setEncoding('latin1')
    socket.on('data', part => {
      text = (text + part).slice(0, HEARD_LENGTH_MAX)
      if (!text.includes(served)) return
      socket.removeAllListeners('data')
      socket.resume()
      if (text.startsWith(HTTP_OK)) resolve(socket)
      else reject(new Error(text.slice(0, HTTP_OK.length)))
    })
    socket.on('error', reject)
    socket.write(request)
  })
}

async function openMany(port: number, shape: Shape, first: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  for (let at = 0; at < count; at += OPENED_AT_ONCE) {
    const some = Array.from({ length: Math.min(OPENED_AT_ONCE, count - at) }, (_, index) =>
      open(port, requestOf(shape, first + at + index), shape.served),
    )
    const opened = await Promise.all(some)
    if (!shape.isKept) sockets.push(...opened)
    else for (const socket of opened) socket.destroy()
  }
  return sockets
}

function publish(feed: FeedClient, item: string, isTable: boolean): void {
  const values = { bid: '101.25', ask: '101.50' }
  if (!isTable) feed.publish(item, values)
  for (let row = 0; isTable && row < ROWS; row++) {
    const fields = { key: `row:${row}`, command: 'ADD', side: row % 2 === 0 ? 'bid' : 'ask', ...values }
    feed.publishLine(JSON.stringify({ item, mode: 'command', fields }))
  }
}

/** Bytes a session. */
export async function measure(shape: Shape, sessions: number, settleMs = SETTLE_MS): Promise<number> {
  const server = await startServerProcess(['--placement', 'single', '--resume-ms', '600000'])
  const feed = connectFeed({ port: server.feedPort, name: 'memory' })
  const sockets: Socket[] = []
  try {
    await feed.ready()
    for (const item of ITEMS) publish(feed, item, shape.isTable)
    await feed.flushed()
    sockets.push(...(await openMany(server.httpPort, shape, 0, sessions)))
    await pause(settleMs)
    const before = server.residentBytes()
    sockets.push(...(await openMany(server.httpPort, shape, sessions, sessions)))
    await pause(settleMs)
    return (server.residentBytes() - before) / sessions
  } finally {
    for (const socket of sockets) socket.destroy()
    await feed.close()
    await server.stop()
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { sessions: { type: 'string', default: '4000' } } })
  const sessions = Number(values.sessions)
  console.log(`KB of resident memory a session, ${sessions} sessions of each shape`)
  for (const { name } of WISHES) {
    const bytes: number[] = []
    for (const shape of SHAPES.filter(each => each.name === name)) {
      const each = await measure(shape, sessions)
      bytes.push(each)
      console.log(`${name.padEnd(17)}${shape.what.padEnd(32)}${(each / 1_000).toFixed(2).padStart(8)}`)
    }
    const more = (index: number): string => ((bytes[index]! - bytes[0]!) / MORE).toFixed(0)
    console.log(`${name}: ${more(2)} bytes an item more, ${more(3)} bytes a subscription more`)
  }
}

if (import.meta.main) await main()

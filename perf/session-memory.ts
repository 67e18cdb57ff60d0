/**
 * What sessions and their subscriptions take of the server's memory, from outside: resident bytes with many sessions of one
 * shape, compared with many of another.
 *
 *   node perf/session-memory.ts [--sessions 4000]
 *
 * Each shape has a server of its own. A session has an NDJSON stream; of those that are kept the stream has ended, and they
 * are held for resumption. Resident memory is what garbage collection has left of it, so as many sessions again stand before those
 * that are measured: by then heaps have grown to their pace. The figures are good to some 10 %.
 */

import { connect, type Socket } from 'node:net'
import { parseArgs } from 'node:util'
import { startServerProcess } from '#perf/server-process.ts'
import { connectFeed } from '#src/feed/feed-client.ts'

interface Shape {
  readonly name: string
  readonly mode: 'merge' | 'raw'
  readonly subscriptions: number
  readonly itemsPerSubscription: number
  /** Its stream has ended. */
  readonly isKept: boolean
}

const ITEMS = Array.from({ length: 100 }, (_, index) => `memory.${index}`)
const MORE = 10
const OPENED_AT_ONCE = 100
const SETTLE_MS = 1_000
const HTTP_OK = 'HTTP/1.1 200'

const ONE = { subscriptions: 1, itemsPerSubscription: 1, isKept: false }
export const SHAPES: readonly Shape[] = (['merge', 'raw'] as const).flatMap(mode => [
  { ...ONE, mode, name: 'one item' },
  { ...ONE, mode, name: 'one item, without its stream', isKept: true },
  { ...ONE, mode, name: `${1 + MORE} items in one subscription`, itemsPerSubscription: 1 + MORE },
  { ...ONE, mode, name: `${1 + MORE} subscriptions of an item`, subscriptions: 1 + MORE },
])

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

function requestOf({ mode, subscriptions, itemsPerSubscription }: Shape, number: number): string {
  const lines = Array.from({ length: subscriptions }, (_, index) => {
    const first = number * subscriptions * itemsPerSubscription + index * itemsPerSubscription
    const items = Array.from({ length: itemsPerSubscription }, (_, at) => ITEMS[(first + at) % ITEMS.length])
    return `${JSON.stringify({ request: index + 1, subscribe: { id: index + 1, items, mode, fields: ['bid', 'ask'] } })}\n`
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
function open(port: number, request: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' })
    let text = ''
    socket.setEncoding('latin1')
    socket.on('data', part => {
      text = (text + part).slice(0, 4_096)
      if (!text.includes('"snapshot":true')) return
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
      open(port, requestOf(shape, first + at + index)),
    )
    const opened = await Promise.all(some)
    if (!shape.isKept) sockets.push(...opened)
    else for (const socket of opened) socket.destroy()
  }
  return sockets
}

/** Bytes a session. */
export async function measure(shape: Shape, sessions: number, settleMs = SETTLE_MS): Promise<number> {
  const server = await startServerProcess(['--placement', 'single', '--resume-ms', '600000'])
  const feed = connectFeed({ port: server.feedPort, name: 'memory' })
  const sockets: Socket[] = []
  try {
    await feed.ready()
    for (const item of ITEMS) feed.publish(item, { bid: '101.25', ask: '101.50' })
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
  for (const mode of ['merge', 'raw'] as const) {
    const bytes: number[] = []
    for (const shape of SHAPES.filter(each => each.mode === mode)) {
      const each = await measure(shape, sessions)
      bytes.push(each)
      console.log(`${mode.padEnd(7)}${shape.name.padEnd(32)}${(each / 1_000).toFixed(2).padStart(8)}`)
    }
    const more = (index: number): string => ((bytes[index]! - bytes[0]!) / MORE).toFixed(0)
    console.log(`${mode}: ${more(2)} bytes an item more, ${more(3)} bytes a subscription more`)
  }
}

if (import.meta.main) await main()

/**
 * How old are values when a slow client reads them, transport by transport: 20 items with 30 updates/s each, some
 * 70 KB/s, are offered to one client of each transport that reads 20 KB/s, in a network namespace with small kernel buffers.
 * Where the transport confirms (WebSocket, long polling) values wait in the server, where newer ones take their place.
 *
 *   node perf/age.ts [--seconds 20] [--small]
 *
 * The age of a value is taken when the client has read it. Exit code 1 where no namespace can be made.
 */

import { connect as connectTo, type NetConnectOpts, type Socket } from 'node:net'
import { parseArgs } from 'node:util'
import { startServerProcess } from '#perf/server-process.ts'
import { connectFeed } from '#src/feed/feed-client.ts'
import { nowUs, STAMP_DIGITS } from './load/stamp.ts'
import { isInNamespace, runInNamespace } from './measure/namespace.ts'

export interface AgeResult {
  readonly transport: string
  readonly updates: number
  readonly p50Ms: number
  readonly p99Ms: number
}

const ITEMS = Array.from({ length: 20 }, (_, index) => `age.${index}`)
const FEED_TURN_MS = 33
const READ_TURN_MS = 50
const READ_BYTES_PER_TURN = 1_000
const WARMUP_SHARE = 0.5
const US_PER_MS = 1_000
const PING = 0x9
const OPCODE_MASK = 0xf
const STAMP_EXP = new RegExp(`"at":"(\\d{${STAMP_DIGITS}})"`, 'g')
const UPGRADE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: bWlsbHJhY2UgaGFybmVzcw==',
]
const QUERY = `items=${ITEMS.join(',')}`

/** Reads a socket at its pace, and notes how old each value is. */
class SlowClient {
  readonly transport: string
  readonly agesMs: number[] = []
  isCounting = false
  readonly #socket: Socket
  #text = ''
  /** WebSocket: bytes whose frame is not whole. */
  #frames = Buffer.alloc(0)
  #isUpgraded = false
  #session = ''

  constructor(transport: string, port: number) {
    this.transport = transport
    const options: NetConnectOpts & { readonly highWaterMark: number } = {
      port,
      host: '127.0.0.1',
      highWaterMark: READ_BYTES_PER_TURN,
    }
    this.#socket = connectTo(options)
    this.#socket.on('error', () => {})
    if (transport === 'poll') this.#request(`/poll?${QUERY}`, [])
    else if (transport === 'websocket') this.#request(`/stream?${QUERY}`, UPGRADE)
    else
      this.#request(`/stream?${QUERY}`, [
        `Accept: ${transport === 'sse' ? 'text/event-stream' : 'application/x-ndjson'}`,
      ])
  }

  turn(): void {
    const bytes: Buffer | null = this.#socket.read(Math.min(READ_BYTES_PER_TURN, this.#socket.readableLength || 1))
    if (bytes === null) return
    if (this.transport === 'websocket') this.#readFrames(bytes)
    else this.#readText(bytes.toString('latin1'))
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #request(path: string, headers: readonly string[]): void {
    this.#socket.write([`GET ${path} HTTP/1.1`, 'Host: 127.0.0.1', ...headers, '', ''].join('\r\n'))
  }

  #readText(text: string): void {
    this.#text += text
    let end = 0
    for (const found of this.#text.matchAll(STAMP_EXP)) {
      end = found.index + found[0].length
      if (this.isCounting) this.agesMs.push((nowUs() - Number(found[1])) / US_PER_MS)
    }
    const session = /"session":"([^"]+)"/.exec(this.#text)?.[1]
    if (session !== undefined) this.#session = session
    const position = /\{"position":(\d+)\}\n$/.exec(this.#text)?.[1]
    if (this.transport === 'poll' && position !== undefined) {
      this.#request(`/poll?session=${this.#session}&position=${position}`, [])
      this.#text = ''
    } else {
      this.#text = this.#text.slice(end)
    }
  }

  /** Frames of the server are not masked. A ping is answered; what a text says is read as it comes, whole or not. */
  #readFrames(bytes: Buffer): void {
    this.#frames = Buffer.concat([this.#frames, bytes])
    if (!this.#isUpgraded) {
      const end = this.#frames.indexOf('\r\n\r\n')
      if (end < 0) return
      this.#isUpgraded = true
      this.#frames = this.#frames.subarray(end + 4)
    }
    while (this.#frames.length >= 2) {
      const short = this.#frames[1]!
      const head = short === 127 ? 10 : short === 126 ? 4 : 2
      if (this.#frames.length < head) return
      const length = short === 127 ? this.#frames.readUInt32BE(6) : short === 126 ? this.#frames.readUInt16BE(2) : short
      if (this.#frames.length < head + length) return
      const payload = this.#frames.subarray(head, head + length)
      if ((this.#frames[0]! & OPCODE_MASK) === PING) {
        this.#socket.write(Buffer.concat([Buffer.from([0x8a, 0x80 | length, 0, 0, 0, 0]), payload]))
      } else {
        this.#readText(payload.toString('latin1'))
      }
      this.#frames = this.#frames.subarray(head + length)
    }
  }
}

export async function run(seconds: number): Promise<AgeResult[]> {
  const server = await startServerProcess([])
  const feed = connectFeed({ port: server.feedPort, name: 'age' })
  let number = 0
  const publish = (): void => {
    for (const item of ITEMS) {
      const at = String(Math.floor(nowUs())).padStart(STAMP_DIGITS, '0')
      feed.publish(item, { bid: String(100 + (number++ % 900)), ask: '101.25', last: '101.10', at })
    }
  }
  const feeding = setInterval(publish, FEED_TURN_MS)
  const clients = ['sse', 'ndjson', 'websocket', 'poll'].map(transport => new SlowClient(transport, server.httpPort))
  const reading = setInterval(() => {
    for (const client of clients) client.turn()
  }, READ_TURN_MS)
  const wait = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))
  await wait(seconds * 1_000 * WARMUP_SHARE)
  for (const client of clients) client.isCounting = true
  await wait(seconds * 1_000)
  clearInterval(reading)
  clearInterval(feeding)
  for (const client of clients) client.destroy()
  await feed.close()
  await server.stop()
  return clients.map(({ transport, agesMs }) => {
    const sorted = agesMs.toSorted((a, b) => a - b)
    const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN
    return { transport, updates: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99) }
  })
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { seconds: { type: 'string', default: '20' }, small: { type: 'boolean', default: false } },
  })
  const status = isInNamespace() ? 0 : runInNamespace(process.argv.slice(1))
  if (status === null) {
    console.error('no network namespace can be made here (unshare -n): kernel buffers would hide what is measured')
    process.exitCode = 1
  } else if (!isInNamespace()) {
    process.exitCode = status
  } else {
    for (const { transport, updates, p50Ms, p99Ms } of await run(values.small ? 1 : Number(values.seconds))) {
      console.log(
        `${transport.padEnd(10)} ${String(updates).padStart(7)} updates read, ${p50Ms.toFixed(0)} ms old (p50), ${p99Ms.toFixed(0)} (p99)`,
      )
    }
  }
}

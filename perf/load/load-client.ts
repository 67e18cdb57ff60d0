/**
 * One load client: a raw socket whose bytes are counted as they come, and followed where the server waits for an answer
 * (follower.ts). All clients of a process share one read buffer and what stands in LoadRoom.
 *
 * A client that reads slowly or not at all may find, over long polling, that the server has ended the connection between
 * two polls, and goes on over another; every other end of a connection by the server is counted.
 */

import { connect, type Socket } from 'node:net'
import type { Workload } from '#perf/workload.ts'
import type { ClientProtocol } from './client-protocols.ts'
import type { StreamFollower } from './follower.ts'
import { record } from './histogram.ts'
import type { LoadGroup } from './load-group.ts'
import { CARRY_BYTES, newCarry, type Scanner, type TakeStamp } from './scan.ts'
import { MARKER, nowUs } from './stamp.ts'
import { WordCount } from './word-count.ts'

/** A slow client reads little at a time, or one read would hold what it may read in a minute. */
const SLOW_READ_BYTES_MIN = 64
const SLOW_READS_PER_SECOND = 10
const HEARD_LENGTH_MAX = 200
const DELETE = ':"DELETE"'
/** What stands before the marker of a row that has changed, and no other: its size is three digits, as in table-source.ts. */
const UPDATE_BYTES = Buffer.from('"UPDATE","fields":{"size":"')
const UPDATE_DISTANCE = UPDATE_BYTES.length + '123",'.length
const US_PER_MS = 1_000

/** What all clients of a process have in common. */
export interface LoadRoom {
  readonly port: number
  /** '127.2' */
  readonly network: string
  readonly protocol: ClientProtocol
  readonly workload: Workload
  readonly scanner: Scanner
  /** One client of so many takes the latency of its updates; 0: none. */
  timedEvery: number
  /** The stamp of the last updates; -1 before it is known. */
  endStamp: number
}

/** When, in µs, a client that is being opened got its first byte and was served. */
export interface Served {
  readonly firstByteUs: number
  readonly servedUs: number
}

/** A client that is being opened. */
interface Opening {
  heard: string
  firstByteUs: number
  readonly resolve: (served: Served) => void
  readonly reject: (error: Error) => void
}

/**
 * Few connections from each address: the kernel looks for a free port among those that an address has in use one by one,
 * and 9,000 from one address took 5 to 10 times as long as from many. An address has ports for 28,000 at most.
 */
function sourceAddress(network: string, client: number): string {
  return `${network}.${(client >> 7) & 0xff}.${1 + (client & 0x7f)}`
}

export class LoadClient {
  readonly group: LoadGroup
  readonly #room: LoadRoom
  readonly #number: number
  readonly #items: readonly string[]
  /** How many last updates it gets. */
  readonly #ends: number
  readonly #deletes: WordCount | null
  readonly #carry = newCarry()
  readonly #take: TakeStamp
  #socket: Socket | null = null
  #opening: Opening | null = null
  #follower: StreamFollower | null = null
  #readUs = 0
  /** The newest stamp of the read at hand; -1 while there is none. */
  #newest = -1
  #lastOnes = 0
  #resumedUs = -1
  #freshAgeMs: number | null = null
  /** Bytes that a slow client may still read. */
  #allowance = 0

  /** `ends`: how many last updates of its items it gets. */
  constructor(room: LoadRoom, group: LoadGroup, number: number, items: readonly string[], ends: number) {
    this.#room = room
    this.group = group
    this.#number = number
    this.#items = items
    this.#ends = ends
    this.#deletes = group.spec.mode === 'command' ? new WordCount(DELETE) : null
    this.#take = (stamp, at) => this.#onStamp(stamp, at)
  }

  /** Whether it has the last updates of its items, each once. */
  get isAtEnd(): boolean {
    return this.#lastOnes === this.#ends
  }

  get hasResumed(): boolean {
    return this.#resumedUs >= 0
  }

  /** How old the first update was that became due after the client read again; null until one came. */
  get freshAgeMs(): number | null {
    return this.#freshAgeMs
  }

  /** Connects, asks for its items and resolves when it is served. */
  open(): Promise<Served> {
    const { protocol } = this.#room
    this.#carry.length = 0
    this.#follower = protocol.newFollower?.() ?? null
    return new Promise((resolve, reject) => {
      this.#opening = { heard: '', firstByteUs: 0, resolve, reject }
      this.#connect(protocol.greeting(this.#items, this.#asked(), this.#number))
    })
  }

  close(): void {
    const socket = this.#socket
    this.#socket = null
    socket?.destroy()
  }

  /** It reads again, as fast as it can. */
  resume(): void {
    this.#resumedUs = nowUs()
    this.#socket?.resume()
  }

  /** A slow client may read so many bytes more; what it does not use up is kept for one second. */
  allow(bytes: number): void {
    this.#allowance = Math.min(this.group.spec.bytesPerSecond!, this.#allowance + bytes)
    if (this.#allowance > 0) this.#socket?.resume()
  }

  #asked(): Workload {
    const { mode, maxDelayMs } = this.group.spec
    return { ...this.#room.workload, mode, maxDelayMs }
  }

  #connect(greeting: Buffer): void {
    const { port, network } = this.#room
    const onread = {
      buffer: this.#buffer(),
      callback: (length: number) => {
        const updates = this.#onRead(length)
        if (this.#opening !== null) this.#onOpening(this.#opening, length, updates)
        return true
      },
    }
    const socket = connect({ host: '127.0.0.1', port, localAddress: sourceAddress(network, this.#number), onread })
    this.#socket = socket
    socket.on('error', error => {
      if (this.#socket === socket) this.#opening?.reject(error)
    })
    socket.on('close', () => {
      if (this.#socket === socket) this.#onClose()
    })
    socket.write(greeting)
  }

  #onOpening(opening: Opening, length: number, updates: number): void {
    const { protocol, scanner } = this.#room
    const { spec } = this.group
    if (opening.firstByteUs === 0) {
      opening.firstByteUs = nowUs()
      if (protocol.reply !== null) this.#socket!.write(protocol.reply(this.#items, this.#asked()))
    }
    opening.heard += scanner.target.toString('latin1', 0, length)
    if (!opening.heard.includes(protocol.readyText) || (spec.servedBy === 'update' && updates === 0)) return
    this.#opening = null
    if (spec.bytesPerSecond === 0) this.#socket!.pause()
    opening.resolve({ firstByteUs: opening.firstByteUs, servedUs: nowUs() })
  }

  /** The server has ended the connection. */
  #onClose(): void {
    this.#socket = null
    const opening = this.#opening
    if (opening !== null) {
      this.#opening = null
      opening.reject(new Error(`the server ended a connection with: ${opening.heard.slice(0, HEARD_LENGTH_MAX)}`))
      return
    }
    const mayGoOn = this.group.spec.bytesPerSecond !== null
    const greeting = mayGoOn ? (this.#follower?.goOn() ?? null) : null
    if (greeting === null) this.group.closed++
    else this.#goOn(greeting)
  }

  #goOn(greeting: Buffer): void {
    this.group.renewed++
    this.#carry.length = 0
    this.#connect(greeting)
  }

  #buffer(): Buffer {
    const { target } = this.#room.scanner
    const { bytesPerSecond } = this.group.spec
    if (bytesPerSecond === null || bytesPerSecond === 0) return target
    return target.subarray(0, Math.max(SLOW_READ_BYTES_MIN, Math.floor(bytesPerSecond / SLOW_READS_PER_SECOND)))
  }

  /** Returns how many updates came. */
  #onRead(length: number): number {
    const { group } = this
    const { scanner, timedEvery, endStamp } = this.#room
    const isTimed = timedEvery > 0 && this.#number % timedEvery === 0
    const isLookedAt = isTimed || endStamp >= 0 || (this.#resumedUs >= 0 && this.#freshAgeMs === null)
    let updates: number
    if (isLookedAt) {
      this.#readUs = nowUs()
      this.#newest = -1
      updates = scanner.scan(this.#carry, length, this.#take)
      if (isTimed && this.#newest >= 0) record(group.age, this.#readUs - this.#newest, 1)
    } else updates = scanner.scan(this.#carry, length, null)
    if (this.#deletes !== null) updates += this.#deletes.count(scanner.target.subarray(0, length))
    group.received += updates
    group.bytes += length
    group.reads++
    if (this.#follower !== null) this.#follow(this.#follower, length)
    if (group.spec.bytesPerSecond !== null && group.spec.bytesPerSecond > 0) this.#spend(length)
    return updates
  }

  /** Behind the scan: what is sent back is no part of how late the updates were read. */
  #follow(follower: StreamFollower, length: number): void {
    const reply = follower.follow(this.#room.scanner.memory, CARRY_BYTES, CARRY_BYTES + length)
    if (reply !== null) this.#socket!.write(reply)
    if (follower.isOver) this.#socket!.destroy()
  }

  #onStamp(stamp: number, at: number): void {
    const { timedEvery, endStamp, workload } = this.#room
    if (stamp > this.#newest) this.#newest = stamp
    if (stamp === endStamp) this.#lastOnes++
    // What moves into a window comes with an old stamp, and is not late.
    const isTimed = timedEvery > 0 && this.#number % timedEvery === 0 && (workload.window === 0 || this.#isChange(at))
    if (isTimed) record(this.group.latency, this.#readUs - stamp, 1)
    if (this.#resumedUs >= 0 && this.#freshAgeMs === null && stamp > this.#resumedUs) {
      this.#freshAgeMs = (this.#readUs - stamp) / US_PER_MS
    }
  }

  /** Whether the row whose stamp begins at `at` has changed where it was; not told of one that is cut between two reads. */
  #isChange(at: number): boolean {
    const { memory } = this.#room.scanner
    const start = at - MARKER.length - UPDATE_DISTANCE
    return start >= 0 && memory.compare(UPDATE_BYTES, 0, UPDATE_BYTES.length, start, start + UPDATE_BYTES.length) === 0
  }

  #spend(bytes: number): void {
    this.#allowance -= bytes
    if (this.#allowance <= 0) this.#socket?.pause()
  }
}

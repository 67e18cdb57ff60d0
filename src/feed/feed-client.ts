/**
 * The feed client, exported as `millrace/feed`: publishes items to a Millrace server over TCP from a Node program.
 *
 *   const feed = connectFeed({ port: 9090, name: 'desk-7' })
 *   await feed.ready()
 *   feed.publish('quote.EURUSD', { bid: '1.08741', ask: '1.08743' }, { timeMs: 1_626_992_742_115 })
 *   await feed.close()
 *
 * Invariants (test/rules.md, F):
 *  - No line goes out before the server's welcome, and never are more lines unacknowledged than its window. publish returns
 *    false, and takes nothing, while there is no room; ready() resolves when there is some. Nothing is queued but what the
 *    socket holds, at most SOCKET_BYTES_MAX and a line.
 *  - Lines of one turn of the event loop leave in one write.
 *  - A connection that ends is made again, after a wait that grows and is drawn at random. What was not acknowledged is
 *    counted as lost and not sent again, as newer values make it old: onReconnect is where snapshots are published anew.
 *  - After close() has resolved nothing is left that keeps the process.
 *
 * A feed may also handle messages that clients send to targets (`handles`, `onMessage`): see feed-messages.ts.
 *
 * The other side of src/codec/feed-reply.ts, which tells the server's lines.
 */

import { randomInt } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { assert } from '#src/assert.ts'
import { FEED_HANDLES_MAX, FEED_PROTOCOL_VERSION } from '#src/codec/feed-reply.ts'
import { LineSplitter } from '#src/codec/lines.ts'
import type { RandomSource } from '#src/domain/random.ts'
import { ProgramError } from '#src/errors.ts'
import { type Clock, realClock } from '#src/time/clock.ts'
import { Alarm, soon } from '#src/time/real-timers.ts'
import { FeedMessages, LINE_BYTES_MAX, type MessageHandler } from './feed-messages.ts'
import { LineWindow } from './line-window.ts'

export type { FeedMessage, MessageHandler } from './feed-messages.ts'

/**
 * connecting: until the server's welcome. connected: lines may go out. waiting: until the next try. closing: close() waits
 * for acknowledgements. closed: for good.
 */
export type FeedState = 'connecting' | 'connected' | 'waiting' | 'closing' | 'closed'

/** A line that the server refused; lines are counted from 1 on each connection, greeting and heartbeats included. */
export interface FeedLineError {
  readonly line: number
  readonly code: string
  readonly message: string
}

export type FeedFields = Readonly<Record<string, string | number | null>>

export interface PublishOptions {
  /** What the item is: values to merge (the default), updates that each count, or a table of rows with keys. */
  readonly mode?: 'merge' | 'distinct' | 'command'
  /** The fields are all that the item has. */
  readonly snapshot?: boolean
  /** The market's time, in ms since 1970. */
  readonly timeMs?: number
}

export interface FeedOptions {
  readonly host?: string
  readonly port?: number
  /** How the server's log and metrics call this feed. */
  readonly name?: string
  /** Asks the server to tell which items are read. */
  readonly onDemand?: boolean
  /** The server holds the feed for silent when it hears nothing for half as long again; 0 (the default) for never. */
  readonly heartbeatMs?: number
  /** Somebody reads the item. Told anew after a reconnection; items that are not told again are not wanted any more. */
  readonly onWanted?: (item: string) => void
  readonly onUnwanted?: (item: string) => void
  /** Targets that this feed handles, at most 64; one that ends in `*` stands for all that begin with what is before it. */
  readonly handles?: readonly string[]
  /** A client's message to one of them. Called as they come, whether those before are answered or not. */
  readonly onMessage?: MessageHandler
  readonly onError?: (error: FeedLineError) => void
  /** `detail` says why, e.g. ECONNREFUSED or SERVER_CLOSING; often empty. `lost` is how many lines were lost just now. */
  readonly onStateChange?: (state: FeedState, detail: string, lost: number) => void
  /** Connected again after a connection that was lost: the place to publish snapshots anew. */
  readonly onReconnect?: () => void
  /** The wait before try n is drawn from 0 to min(maxMs, minMs * 2^n). */
  readonly reconnect?: { readonly minMs: number; readonly maxMs: number }
  /** How long close() waits for answers and acknowledgements, and for the server to end the connection. */
  readonly closeTimeoutMs?: number
  readonly random?: RandomSource
  readonly clock?: Clock
  readonly socketFactory?: (port: number, host: string) => Socket
}

const DEFAULTS = {
  host: '127.0.0.1',
  port: 9_090,
  name: 'feed',
  onDemand: false,
  heartbeatMs: 0,
  handles: [] as readonly string[],
  reconnect: { minMs: 100, maxMs: 10_000 },
  closeTimeoutMs: 5_000,
  clock: realClock,
  random: { next: (): number => randomInt(2 ** 32) / 2 ** 32 },
  socketFactory: (port: number, host: string): Socket => connect({ port, host, noDelay: true }),
}

/** No room while the socket holds so much. More than Node's own mark, so that it tells when it has drained. */
const SOCKET_BYTES_MAX = 262_144
/** Lines of one turn beyond this are written at once. */
const BATCH_BYTES = 65_536
/** The longest line of the server; its errors show at most a few hundred bytes. */
const REPLY_BYTES_MAX = 65_536
/** The same with messages: as long as the longest request of a client, and what is around it. */
const MESSAGE_BYTES_MAX = LINE_BYTES_MAX + REPLY_BYTES_MAX
/** A server that accepts and says nothing is given up after this. */
const WELCOME_TIMEOUT_MS = 10_000
/** A heartbeat goes out when so much of its time has passed in silence: before it is missed. */
const HEARTBEAT_PART = 0.75
const HEARTBEAT_MS_MIN = 100
const HEARTBEAT_MS_MAX = 3_600_000
/** Finds a peer that has gone without a word. */
const KEEPALIVE_MS = 30_000
const ATTEMPTS_MAX = 30
const NEWLINE = 0x0a
const CARRIAGE_RETURN = 0x0d
const ALREADY = Promise.resolve()

interface Waiter {
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** How long to wait after so many tries in vain: drawn, so that the feeds of a lost server do not all come back at once. */
export function reconnectWaitMs(
  attempts: number,
  { minMs, maxMs }: { readonly minMs: number; readonly maxMs: number },
  random: RandomSource,
): number {
  return random.next() * Math.min(maxMs, minMs * 2 ** attempts)
}

/** Connects, and goes on connecting until close(). */
export function connectFeed(options: FeedOptions = {}): FeedClient {
  return new FeedClient(options)
}

export class FeedClient {
  /** Lines refused by the server. */
  errors = 0
  /** Lines that publish did not take, as there was no room. */
  refused = 0
  readonly #options: FeedOptions & typeof DEFAULTS
  readonly #window = new LineWindow()
  readonly #messages: FeedMessages
  readonly #greeting: string
  /** Tries a connection again; or gives up the welcome, or a close; or sends a heartbeat. */
  readonly #alarm = new Alarm(() => this.#onAlarm())
  #state: FeedState = 'connecting'
  #socket: Socket | null = null
  #replies = new LineSplitter(REPLY_BYTES_MAX)
  #dueMs = Number.POSITIVE_INFINITY
  #lastSentMs = 0
  /** Tries since the server last acknowledged anything. */
  #attempts = 0
  #hasConnected = false
  /** Why the connection ends, as far as it is known before it does. */
  #detail = ''
  readonly #batch = Buffer.allocUnsafeSlow(BATCH_BYTES)
  #batchLength = 0
  #isFlushDue = false
  #roomWaiters: Waiter[] = []
  #flushWaiters: Waiter[] = []
  #closed: Promise<void> | null = null
  #resolveClosed: () => void = () => {}

  constructor(options: FeedOptions) {
    this.#options = { ...DEFAULTS, ...withoutUndefined(options) }
    const { name, onDemand, heartbeatMs, handles, onMessage, reconnect } = this.#options
    const isHeartbeat = Number.isInteger(heartbeatMs) && heartbeatMs >= HEARTBEAT_MS_MIN
    assert(
      heartbeatMs === 0 || (isHeartbeat && heartbeatMs <= HEARTBEAT_MS_MAX),
      'heartbeatMs is 0 or 100 to 3,600,000',
    )
    assert(reconnect.minMs >= 0 && reconnect.maxMs >= reconnect.minMs, 'reconnect.maxMs is at least reconnect.minMs')
    assert(handles.length <= FEED_HANDLES_MAX, 'a feed handles at most 64 targets')
    assert(handles.length === 0 || onMessage !== undefined, 'a feed that handles targets has an onMessage')
    const targets = handles.length === 0 ? {} : { handles }
    this.#greeting = JSON.stringify({ feed: name, onDemand, heartbeat: heartbeatMs, ...targets })
    assert(this.#greeting.length * 3 < BATCH_BYTES, 'the names in a greeting are not that long')
    this.#messages = new FeedMessages(onMessage, line => this.#sendAnswer(line))
    this.#connect()
  }

  get state(): FeedState {
    return this.#state
  }

  /** Lines of publish, publishLine and delete, and answers, over all connections: acknowledged, lost, or on their way. */
  get linesSent(): number {
    return this.#window.linesSent
  }

  get linesAcked(): number {
    return this.#window.linesAcked
  }

  /** Lines on their way when a connection ended: the server may or may not have taken them. */
  get lost(): number {
    return this.#window.lost
  }

  /** Publishes an update; false when there is no room for it, and nothing is taken. */
  publish(item: string, fields: FeedFields, options: PublishOptions = {}): boolean {
    if (!this.#admit()) return false
    for (const name in fields) {
      const value = fields[name]
      assert(typeof value !== 'number' || Number.isFinite(value), 'a number that is published is finite')
    }
    const { mode, snapshot, timeMs } = options
    assert(timeMs === undefined || Number.isFinite(timeMs), 'a time that is published is finite')
    const flags = snapshot === true ? { snapshot } : {}
    this.#append(JSON.stringify({ item, mode, ...flags, time: timeMs, fields }))
    return true
  }

  /** Publishes a line as it is, with or without its newline. */
  publishLine(line: string | Buffer): boolean {
    if (!this.#admit()) return false
    this.#append(typeof line === 'string' ? withoutNewline(line) : bytesWithoutNewline(line))
    return true
  }

  /** Tells that an item has ended. */
  delete(item: string): boolean {
    if (!this.#admit()) return false
    this.#append(JSON.stringify({ item, deleted: true }))
    return true
  }

  /** Resolves when there is room for a line; rejects (FEED_CLOSED) when the client is closed instead. */
  ready(): Promise<void> {
    if (this.#hasRoom()) return ALREADY
    if (this.#closed !== null) return Promise.reject(closedError())
    return new Promise((resolve, reject) => this.#roomWaiters.push({ resolve, reject }))
  }

  /** Resolves when no line is on its way any more: all are acknowledged, or counted as lost. */
  flushed(): Promise<void> {
    if (this.#window.unacked() === 0) return ALREADY
    return new Promise((resolve, reject) => this.#flushWaiters.push({ resolve, reject }))
  }

  /**
   * Waits for the messages at work and what is on its way, up to closeTimeoutMs, and ends the connection for good. Messages
   * that come meanwhile are not handed over: to their clients the feed has gone. Never rejects.
   */
  close(): Promise<void> {
    if (this.#closed !== null) return this.#closed
    this.#closed = new Promise(resolve => {
      this.#resolveClosed = resolve
    })
    if (this.#state !== 'connected') {
      this.#finish('')
      return this.#closed
    }
    this.#setState('closing', '', 0)
    this.#rejectRoomWaiters()
    this.#setAlarm(this.#options.clock.nowMs() + this.#options.closeTimeoutMs)
    this.#endWhenFlushed()
    return this.#closed
  }

  // ── Lines out ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #hasRoom(): boolean {
    return this.#state === 'connected' && this.#hasWayOut()
  }

  /** There is room for a line, if only for one that has to go before the client closes. */
  #hasWayOut(): boolean {
    const socket = this.#socket
    if (socket === null || socket.writableEnded || this.#window.room() <= 0) return false
    return socket.writableLength + this.#batchLength < SOCKET_BYTES_MAX
  }

  #sendAnswer(line: string): boolean {
    if (!this.#hasWayOut()) return false
    this.#append(line)
    return true
  }

  #admit(): boolean {
    if (this.#hasRoom()) return true
    this.refused++
    return false
  }

  /** Takes a line into the batch of this turn. */
  #append(line: string | Buffer): void {
    const bytesMax = typeof line === 'string' ? line.length * 3 : line.length
    assert(bytesMax > 0, 'a published line is not empty')
    assert(line.indexOf('\n') < 0, 'a published line is one line')
    if (bytesMax >= BATCH_BYTES) {
      const bytes = Buffer.from(line)
      assert(bytes.length <= LINE_BYTES_MAX, 'a published line is within what a server reads')
      this.#window.take()
      this.#flush()
      this.#write(bytes)
      this.#batch[this.#batchLength++] = NEWLINE
    } else {
      this.#window.take()
      if (this.#batchLength + bytesMax >= BATCH_BYTES) this.#flush()
      const at = this.#batchLength
      const length = typeof line === 'string' ? this.#batch.write(line, at) : line.copy(this.#batch, at)
      this.#batch[at + length] = NEWLINE
      this.#batchLength = at + length + 1
    }
    this.#flushSoon()
  }

  #appendStray(line: string): void {
    this.#window.takeStray()
    if (this.#batchLength + line.length * 3 >= BATCH_BYTES) this.#flush()
    this.#batchLength += this.#batch.write(`${line}\n`, this.#batchLength)
    this.#flushSoon()
  }

  #flushSoon(): void {
    if (this.#isFlushDue) return
    this.#isFlushDue = true
    soon(() => {
      this.#isFlushDue = false
      this.#flush()
    })
  }

  #flush(): void {
    if (this.#batchLength === 0) return
    const bytes = Buffer.from(this.#batch.subarray(0, this.#batchLength))
    this.#batchLength = 0
    this.#write(bytes)
  }

  #write(bytes: Buffer): void {
    this.#lastSentMs = this.#options.clock.nowMs()
    this.#socket?.write(bytes)
  }

  // ── The connection ─────────────────────────────────────────────────────────────────────────────────────────────────

  #connect(): void {
    const { host, port, clock, socketFactory } = this.#options
    this.#detail = ''
    this.#replies = new LineSplitter(this.#options.handles.length > 0 ? MESSAGE_BYTES_MAX : REPLY_BYTES_MAX)
    this.#setAlarm(clock.nowMs() + WELCOME_TIMEOUT_MS)
    const socket = socketFactory(port, host)
    this.#socket = socket
    socket.setKeepAlive(true, KEEPALIVE_MS)
    socket.on('data', (chunk: Buffer) => this.#onData(socket, chunk))
    socket.on('drain', () => this.#onRoom())
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (this.#detail === '') this.#detail = error.code ?? error.message
    })
    socket.on('end', () => socket.end())
    socket.on('close', () => this.#onClose(socket))
  }

  #onClose(socket: Socket): void {
    if (this.#socket !== socket) return
    this.#socket = null
    this.#batchLength = 0
    this.#messages.drop()
    const lostNow = this.#window.close()
    this.#wakeFlushWaiters()
    if (this.#closed !== null) {
      this.#finish(this.#detail, lostNow)
      return
    }
    const { clock, random, reconnect } = this.#options
    this.#setAlarm(clock.nowMs() + reconnectWaitMs(this.#attempts, reconnect, random))
    this.#attempts = Math.min(this.#attempts + 1, ATTEMPTS_MAX)
    this.#setState('waiting', this.#detail, lostNow)
  }

  /** Closed for good. */
  #finish(detail: string, lostNow = 0): void {
    const socket = this.#socket
    this.#socket = null
    socket?.destroy()
    this.#alarm.clear()
    this.#dueMs = Number.POSITIVE_INFINITY
    this.#batchLength = 0
    this.#messages.drop()
    const lost = lostNow + this.#window.close()
    this.#wakeFlushWaiters()
    this.#rejectRoomWaiters()
    this.#setState('closed', detail, lost)
    this.#resolveClosed()
  }

  /** When closing: nothing is on its way any more, so this side of the connection ends; the server ends its own. */
  #endWhenFlushed(): void {
    if (this.#state !== 'closing' || this.#window.unacked() > 0 || !this.#messages.isDone) return
    this.#flush()
    this.#socket?.end()
  }

  #setState(state: FeedState, detail: string, lost: number): void {
    if (this.#state === state) return
    this.#state = state
    this.#options.onStateChange?.(state, detail, lost)
  }

  // ── Time ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  #setAlarm(dueMs: number): void {
    this.#dueMs = dueMs
    this.#alarm.setAt(dueMs, this.#options.clock.nowMs())
  }

  #onAlarm(): void {
    const nowMs = this.#options.clock.nowMs()
    // Timers may fire a little early.
    if (nowMs < this.#dueMs) {
      this.#alarm.setAt(this.#dueMs, nowMs)
      return
    }
    switch (this.#state) {
      case 'waiting':
        this.#setState('connecting', '', 0)
        // The callback may have closed the client.
        if (this.#closed === null) this.#connect()
        break
      case 'connecting':
        this.#fail('WELCOME_TIMEOUT')
        break
      case 'closing':
        this.#finish('CLOSE_TIMEOUT')
        break
      case 'connected':
        this.#beat(nowMs)
        break
      default:
    }
  }

  /** A heartbeat when the last line is long ago; otherwise it waits for what is left of its time. */
  #beat(nowMs: number): void {
    const intervalMs = this.#options.heartbeatMs * HEARTBEAT_PART
    if (nowMs - this.#lastSentMs >= intervalMs) {
      // Without room the server is behind, and knows that it is.
      if (this.#hasRoom()) this.#appendStray('')
      this.#setAlarm(nowMs + intervalMs)
    } else {
      this.#setAlarm(this.#lastSentMs + intervalMs)
    }
  }

  /** The server cannot be talked to: the connection ends, and is tried again. */
  #fail(detail: string): void {
    this.#detail = detail
    this.#socket?.destroy()
  }

  // ── Lines in ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #onData(socket: Socket, chunk: Buffer): void {
    if (this.#socket !== socket || socket.destroyed) return
    const replies = this.#replies
    replies.push(chunk)
    while (this.#socket === socket && !socket.destroyed && replies.next()) {
      if (replies.isTooLong) this.#fail('PROTOCOL_ERROR')
      else this.#onReply(replies.bytes.toString('utf8', replies.start, replies.end))
    }
  }

  #onReply(text: string): void {
    const reply = parseReply(text)
    if (reply === null) {
      this.#fail('PROTOCOL_ERROR')
      return
    }
    const { ack, wanted, unwanted, error, closing } = reply
    if (reply.millrace !== undefined) this.#onWelcome(reply.millrace, reply.window)
    else if (ack !== undefined) this.#onAck(ack)
    else if (typeof wanted === 'string') this.#options.onWanted?.(wanted)
    else if (typeof unwanted === 'string') this.#options.onUnwanted?.(unwanted)
    else if (reply.message !== undefined) this.#onMessage(reply)
    else if (isRecord(error)) this.#onLineError(error)
    else if (isRecord(closing)) this.#detail = String(closing.code)
    // Anything else is of a later version, which may say more.
  }

  #onWelcome(version: unknown, windowLines: unknown): void {
    const isWindow = typeof windowLines === 'number' && Number.isInteger(windowLines) && windowLines > 0
    if (version !== FEED_PROTOCOL_VERSION || !isWindow || this.#state !== 'connecting') {
      this.#fail('PROTOCOL_ERROR')
      return
    }
    const { heartbeatMs, clock } = this.#options
    this.#window.open(windowLines)
    this.#appendStray(this.#greeting)
    this.#setAlarm(heartbeatMs > 0 ? clock.nowMs() + heartbeatMs * HEARTBEAT_PART : Number.POSITIVE_INFINITY)
    const isAgain = this.#hasConnected
    this.#hasConnected = true
    this.#setState('connected', '', 0)
    if (isAgain && this.#closed === null) this.#options.onReconnect?.()
    this.#wakeRoomWaiters()
  }

  #onAck(lineCount: unknown): void {
    if (typeof lineCount !== 'number' || !this.#window.acknowledge(lineCount)) {
      this.#fail('PROTOCOL_ERROR')
      return
    }
    this.#attempts = 0
    this.#onRoom()
    this.#wakeFlushWaiters()
    this.#endWhenFlushed()
  }

  #onMessage(reply: Record<string, unknown>): void {
    if (this.#state === 'connected' && !this.#messages.take(reply)) this.#fail('PROTOCOL_ERROR')
  }

  #onLineError(error: Record<string, unknown>): void {
    this.errors++
    this.#options.onError?.({ line: Number(error.line), code: String(error.code), message: String(error.message) })
  }

  // ── Who waits ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #onRoom(): void {
    this.#messages.sendWaiting()
    this.#wakeRoomWaiters()
  }

  #wakeRoomWaiters(): void {
    if (this.#roomWaiters.length === 0 || !this.#hasRoom()) return
    const waiters = this.#roomWaiters
    this.#roomWaiters = []
    for (const waiter of waiters) waiter.resolve()
  }

  #wakeFlushWaiters(): void {
    if (this.#flushWaiters.length === 0 || this.#window.unacked() > 0) return
    const waiters = this.#flushWaiters
    this.#flushWaiters = []
    for (const waiter of waiters) waiter.resolve()
  }

  #rejectRoomWaiters(): void {
    const waiters = this.#roomWaiters
    this.#roomWaiters = []
    for (const waiter of waiters) waiter.reject(closedError())
  }
}

/** What is given as undefined is not given: programs without types may do so. */
function withoutUndefined(options: FeedOptions): FeedOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

function closedError(): ProgramError {
  return new ProgramError('FEED_CLOSED', 'the feed client is closed')
}

function parseReply(text: string): Record<string, unknown> | null {
  try {
    const reply: unknown = JSON.parse(text)
    return isRecord(reply) ? reply : null
  } catch {
    return null
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function withoutNewline(line: string): string {
  return line.endsWith('\n') ? line.slice(0, line.endsWith('\r\n') ? -2 : -1) : line
}

function bytesWithoutNewline(line: Buffer): Buffer {
  let end = line.length
  if (end > 0 && line[end - 1] === NEWLINE) end--
  if (end < line.length && end > 0 && line[end - 1] === CARRIAGE_RETURN) end--
  return line.subarray(0, end)
}

/**
 * write: hands bytes to sockets and reports what is in the way.
 *
 * Inbound: a ring from each core (bounded in bytes; when full, batch holds and sessions conflate).
 * Outcomes: delivered (the socket took the update into its care), lost (its connection had gone meanwhile). A record for
 * an older generation of a slot is discarded and counted, never written to whoever has the slot now.
 *
 * A flush is copied once out of the ring into a private buffer, framed as a chunk or as a WebSocket message, and the same
 * bytes are written to every connection of the record. What differs, the session's id in SSE, is filled in before each
 * write. The place in the buffer is used again unless a socket still holds it.
 *
 * Invariant: in the shared word of a slot stand the bytes that batch has sent and no socket has taken, or, of a WebSocket,
 * no pong has confirmed; whatever becomes of them, they are taken off again.
 */

import { closingEvent } from '#src/codec/client-event.ts'
import { LAST_CHUNK } from '#src/codec/http-response.ts'
import { STREAM_CODECS } from '#src/codec/json-stream.ts'
import {
  ANSWER,
  ANSWER_TEXT,
  CLOCK_WRAP_MS,
  CONNECTION_BYTES,
  CONTROL_TEXT,
  CONTROL_TEXT_3,
  END,
  FLUSH,
  FLUSH_CONNECTIONS,
  OPENED,
  REFUSED,
  readText,
} from '#src/codec/record.ts'
import {
  CLOSE_NO_PROGRESS,
  CLOSE_REBOUND,
  closeFrame,
  controlFrame,
  frameHeadBytes,
  OPCODE_PING,
  OPCODE_TEXT,
  writeFrameHead,
} from '#src/codec/websocket-frame.ts'
import type { Config } from '#src/config/config.ts'
import type { ClientErrorCode } from '#src/errors.ts'
import type { Log } from '#src/log.ts'
import type { LatencyRecorder } from '#src/metrics/latency.ts'
import { M, type ThreadMetrics, WRITE } from '#src/metrics/names.ts'
import type { RecordConsumer, RecordHandler } from '#src/ring/queue.ts'
import type { InFlightWords } from '#src/ring/shared-words.ts'
import type { Clock } from '#src/time/clock.ts'
import type { TimingWheel } from '#src/time/timing-wheel.ts'
import {
  CHUNKED,
  CLOSED,
  CLOSING,
  type ClientConnection,
  FRAMED,
  POLLING,
  STREAMING,
} from '#stages/client-connection.ts'
import { unsentBytesOf } from '#stages/socket.ts'
import type { Stage } from '#stages/stage.ts'
import { FlushFrames } from './flush-frames.ts'

/** Socket writes after which the event loop has its turn, and batch hears how far this is: some 2 ms. */
const WRITES_A_TURN = 256
/** Keepalives of many connections share a wake-up: their times are rounded up to this. */
const KEEPALIVE_ROUND_MS = 100
const EMPTY = Buffer.alloc(0)

export interface WriteDeps {
  readonly config: Config
  /** By core. */
  readonly rings: readonly RecordConsumer[]
  readonly inFlight: InFlightWords
  readonly wheel: TimingWheel
  readonly clock: Clock
  readonly metrics: ThreadMetrics
  readonly latency: LatencyRecorder
  readonly log: Log
  readonly connectionOf: (slot: number) => ClientConnection | null
  readonly onOpened: (connection: ClientConnection, session: string) => void
  readonly onRefused: (connection: ClientConnection, code: ClientErrorCode) => void
  readonly onAnswer: (connection: ClientConnection, status: number, isCut: boolean, body: string) => void
  /** A poll is to be answered with these bytes. */
  readonly onPolled: (connection: ClientConnection, body: Buffer) => void
  /** A stream has had its last bytes. */
  readonly onStreamEnded: (connection: ClientConnection) => void
  /** The window of a slot has room and batch waits for it. */
  readonly onWritable: (connection: ClientConnection) => void
}

export class Write implements Stage {
  readonly name = 'write'
  readonly queueUnit = 'bytes'
  readonly #deps: WriteDeps
  readonly #handles: RecordHandler[]
  readonly #frames = new FlushFrames()
  #writes = 0
  #nowMs = 0

  constructor(deps: WriteDeps) {
    this.#deps = deps
    this.#handles = deps.rings.map(ring => (type, offset, length) => this.#onRecord(ring, type, offset, length))
  }

  work(nowMs: number): number {
    this.#nowMs = nowMs
    this.#writes = 0
    const { rings, config } = this.#deps
    let done = 0
    for (let core = 0; core < rings.length; core++)
      done += rings[core]!.drain(this.#handles[core]!, config.drainRecordsMax)
    return done
  }

  queueDepth(): number {
    let depth = 0
    for (const ring of this.#deps.rings) depth += ring.usedBytes()
    return depth
  }

  queueCapacity(): number {
    return this.#deps.config.edgeRingBytes * this.#deps.rings.length
  }

  /** The stream's head is to go out: keepalives and the watch on its progress begin. */
  beginStream(connection: ClientConnection, head: Buffer, nowMs: number): void {
    connection.socket.write(head)
    connection.wroteMs = nowMs
    if (connection.web !== null) this.#deps.inFlight.setWindow(connection.slot, connection.web.windowBytes)
    this.#scheduleKeepalive(connection, nowMs)
  }

  /** A stream's turn on the wheel: a sign of life, or the end of one that takes nothing. */
  onStreamTurn(connection: ClientConnection, nowMs: number): void {
    const { config, metrics } = this.#deps
    if (connection.state === CLOSING) {
      connection.socket.destroy()
      return
    }
    const { web } = connection
    if (web !== null && nowMs - web.pingedMs >= config.stallTimeoutMs) {
      this.#endStalled(connection, nowMs)
      return
    }
    if (connection.socket.writableLength > 0) {
      // Something is not taken, be it a flush or a sign of life: no other is put behind it.
      if (this.#isStalled(connection, nowMs)) {
        this.#endStalled(connection, nowMs)
        return
      }
    } else if (nowMs - connection.wroteMs >= config.keepaliveMs) {
      metrics.add(M.keepalives, 1)
      if (connection.framing === FRAMED) connection.socket.write(EMPTY_PING)
      else
        connection.socket.write((connection.framing === CHUNKED ? CHUNKED_KEEPALIVES : KEEPALIVES)[connection.codec]!)
      connection.wroteMs = nowMs
      connection.pendingSinceMs = nowMs
    }
    this.#scheduleKeepalive(connection, nowMs)
  }

  /** No byte was taken for stallTimeoutMs. A long write counts as progress as long as it grows shorter. */
  #isStalled(connection: ClientConnection, nowMs: number): boolean {
    const unsent = unsentBytesOf(connection.socket)
    // What grows is none: something was put behind it.
    if (unsent < connection.unsentBytes || connection.unsentBytes === 0) connection.pendingSinceMs = nowMs
    connection.unsentBytes = unsent
    return nowMs - connection.pendingSinceMs >= this.#deps.config.stallTimeoutMs
  }

  /** The connection has gone: what its socket had not taken is off the books. */
  forget(connection: ClientConnection): void {
    const { inFlight } = this.#deps
    const { slot, web } = connection
    const bytes = web === null ? connection.pendingBytes : web.unconfirmedBytes
    if (bytes > 0) inFlight.subtract(slot, bytes)
    connection.pendingBytes = 0
    if (web !== null) inFlight.setWindow(slot, 0)
    inFlight.takeWaiting(slot)
  }

  /** A pong of a WebSocket has come. */
  onPong(connection: ClientConnection, payload: Buffer): void {
    const { inFlight, clock } = this.#deps
    const { web, slot } = connection
    if (web === null || connection.state === CLOSED) return
    const before = web.windowBytes
    const confirmed = web.pong(payload, inFlight.isWaiting(slot), clock.nowMs())
    if (web.windowBytes !== before) inFlight.setWindow(slot, web.windowBytes)
    if (web.isPingDue && connection.state === STREAMING) {
      connection.socket.write(controlFrame(OPCODE_PING, web.ping(clock.nowMs())))
    }
    if (confirmed > 0) this.#took(connection, confirmed, web.windowBytes)
  }

  /** Writes a stream's last bytes and closes it behind them. What has been taken from it gets not a byte more. */
  endStream(connection: ClientConnection, last: Buffer, closeCode: number, nowMs: number): void {
    const { socket, framing } = connection
    connection.state = CLOSING
    if (closeCode === CLOSE_REBOUND && socket.writableLength > 0) {
      socket.destroy()
      return
    }
    if (framing === FRAMED) socket.end(Buffer.concat([frameOf(last), closeFrame(closeCode, '')]))
    else socket.end(framing === CHUNKED ? Buffer.concat([chunkOf(last), LAST_CHUNK]) : last)
    socket.resume()
    this.#deps.wheel.schedule(connection, nowMs + this.#deps.config.closeTimeoutMs)
    this.#deps.onStreamEnded(connection)
  }

  #endStalled(connection: ClientConnection, nowMs: number): void {
    const { config, metrics, log } = this.#deps
    metrics.add(M.connectionsStalled, 1)
    log.warn('connection stalled', {
      code: 'NO_PROGRESS',
      slot: connection.slot,
      address: connection.socket.remoteAddress,
      pendingBytes: connection.pendingBytes,
    })
    const error = {
      code: 'NO_PROGRESS',
      message: `the connection took, or confirmed, no byte for ${config.stallTimeoutMs} ms`,
    }
    const last = STREAM_CODECS[connection.codec]!.event(closingEvent(error, 0))
    this.endStream(connection, last, CLOSE_NO_PROGRESS, nowMs)
  }

  #onRecord(ring: RecordConsumer, type: number, offset: number, length: number): boolean {
    if (type === FLUSH) {
      if (this.#writes >= WRITES_A_TURN) return false
      this.#onFlush(ring, offset)
      return true
    }
    const { memory } = ring
    const word = offset >> 2
    const connection = this.#current(memory.words[word]!, memory.words[word + 1]!)
    if (connection === null) {
      this.#deps.metrics.add(M.staleRecords, 1)
      return true
    }
    switch (type) {
      case OPENED:
        this.#deps.onOpened(connection, readText(memory, offset + CONTROL_TEXT, length - CONTROL_TEXT))
        return true
      case REFUSED: {
        const code = readText(memory, offset + CONTROL_TEXT, length - CONTROL_TEXT) as ClientErrorCode
        this.#deps.onRefused(connection, code)
        return true
      }
      case ANSWER: {
        const body = readText(memory, offset + ANSWER_TEXT, length - ANSWER_TEXT)
        this.#deps.onAnswer(connection, memory.words[word + 2]!, memory.words[word + 3] === 1, body)
        return true
      }
      case END: {
        const last = Buffer.from(memory.bytes.subarray(offset + CONTROL_TEXT_3, offset + length))
        if (connection.state === POLLING) {
          // Before its answer: behind that the connection may ask for the next.
          this.#deps.onStreamEnded(connection)
          this.#deps.onPolled(connection, last)
          return true
        }
        // A stream that has stalled has had its last bytes.
        if (connection.state === STREAMING) this.endStream(connection, last, memory.words[word + 2]!, this.#nowMs)
        return true
      }
      default:
        throw new Error(`a core tells an edge no record of type ${type}`)
    }
  }

  #current(slot: number, generation: number): ClientConnection | null {
    const connection = this.#deps.connectionOf(slot)
    return connection !== null && connection.generation === generation && connection.state !== CLOSED
      ? connection
      : null
  }

  #onFlush(ring: RecordConsumer, offset: number): void {
    const { metrics, latency } = this.#deps
    const { words, doubles, bytes } = ring.memory
    const word = offset >> 2
    const count = words[word]!
    const length = words[word + 1]!
    const updates = words[word + 2]!
    const from = offset + FLUSH_CONNECTIONS + count * CONNECTION_BYTES
    this.#frames.begin(bytes, from, length, words[word + 6]!)
    let taken = 0
    let at = (offset + FLUSH_CONNECTIONS) >> 2
    for (let i = 0; i < count; i++, at += 2) {
      const slot = words[at]!
      const connection = this.#current(slot, words[at + 1]!)
      if (connection === null || connection.socket.destroyed || !isReading(connection)) {
        this.#discard(slot, length)
        continue
      }
      taken++
      if (connection.state === POLLING) {
        this.#deps.inFlight.subtract(slot, length)
        this.#deps.onPolled(connection, Buffer.from(bytes.subarray(from, from + length)))
      } else {
        this.#write(connection, length)
      }
    }
    this.#frames.end()
    this.#writes += count
    const madeMs = words[word + 3]!
    metrics.observeWait(WRITE, (this.#nowMs - madeMs) % CLOCK_WRAP_MS, count)
    metrics.add(M.flushBytes, length * taken)
    metrics.add(M.updatesDelivered, updates * taken)
    if (taken < count) {
      metrics.add(M.updatesLost, updates * (count - taken))
      metrics.add(M.staleRecords, count - taken)
    }
    const oldestMs = doubles[(offset >> 3) + 2]!
    if (!Number.isNaN(oldestMs) && taken > 0) latency.record(this.#nowMs - oldestMs, taken)
  }

  /** Takes a flush that nobody gets off the books; who has the slot now may have waited for them. */
  #discard(slot: number, length: number): void {
    const { inFlight, config, connectionOf, onWritable } = this.#deps
    const left = inFlight.subtract(slot, length)
    const connection = connectionOf(slot)
    if (connection === null || left > config.windowBytes >> 1) return
    if (inFlight.takeWaiting(slot)) onWritable(connection)
  }

  /** Writes the flush at hand to one connection. */
  #write(connection: ClientConnection, length: number): void {
    const { socket, web } = connection
    const framed = this.#frames.of(connection)
    // Behind what is not taken yet, the write itself tells when it is.
    if (connection.pendingBytes > 0) socket.write(framed, connection.onTaken!)
    else socket.write(framed)
    connection.wroteMs = this.#nowMs
    const isHeld = socket.writableLength > 0
    if (isHeld) {
      this.#frames.hold(connection)
      this.#awaitTaken(connection, length)
    }
    if (web === null) {
      if (!isHeld) this.#took(connection, length, this.#deps.config.windowBytes)
    } else {
      web.sent(length)
      if (web.isPingDue) socket.write(controlFrame(OPCODE_PING, web.ping(this.#nowMs)))
    }
  }

  #took(connection: ClientConnection, length: number, windowBytes: number): void {
    const { inFlight, onWritable } = this.#deps
    const left = inFlight.subtract(connection.slot, length)
    if (left <= windowBytes >> 1 && inFlight.takeWaiting(connection.slot)) onWritable(connection)
  }

  /** The socket has fallen behind; behind the first flush that it did not take an empty write tells when it has. */
  #awaitTaken(connection: ClientConnection, length: number): void {
    if (connection.pendingBytes === 0) {
      connection.pendingSinceMs = this.#nowMs
      // Where stallTimeoutMs is the shorter, the turn of the next keepalive would come too late.
      if (connection.timerDueMs > this.#nowMs + this.#deps.config.stallTimeoutMs + KEEPALIVE_ROUND_MS) {
        this.#deps.wheel.schedule(connection, this.#nowMs + this.#deps.config.stallTimeoutMs)
      }
    }
    const isFirst = connection.pendingBytes === 0
    connection.pendingBytes += length
    connection.onTaken ??= () => this.#onTaken(connection)
    if (isFirst) connection.socket.write(EMPTY, connection.onTaken)
  }

  #onTaken(connection: ClientConnection): void {
    if (connection.state === CLOSED || connection.pendingBytes === 0) return
    const left = connection.socket.writableLength
    const taken = connection.pendingBytes - Math.min(left, connection.pendingBytes)
    if (taken === 0) return
    connection.pendingBytes -= taken
    connection.pendingSinceMs = this.#deps.clock.nowMs()
    // What a WebSocket has in flight its pongs tell.
    if (connection.web === null) this.#took(connection, taken, this.#deps.config.windowBytes)
  }

  #scheduleKeepalive(connection: ClientConnection, nowMs: number): void {
    const { wheel, config } = this.#deps
    const { pendingSinceMs, wroteMs, socket } = connection
    const dueMs =
      socket.writableLength > 0
        ? Math.min(Math.max(pendingSinceMs + config.stallTimeoutMs, nowMs), nowMs + config.keepaliveMs)
        : wroteMs + config.keepaliveMs
    wheel.schedule(connection, Math.ceil(Math.max(dueMs, nowMs + 1) / KEEPALIVE_ROUND_MS) * KEEPALIVE_ROUND_MS)
  }
}

function chunkOf(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')])
}

/** A text message of its own. */
function frameOf(bytes: Buffer): Buffer {
  const headBytes = frameHeadBytes(bytes.length)
  const frame = Buffer.allocUnsafe(headBytes + bytes.length)
  writeFrameHead(frame, headBytes, bytes.length, OPCODE_TEXT, false)
  bytes.copy(frame, headBytes)
  return frame
}

/** Whether a flush is for the connection: a stream that goes on, or a poll that is held. */
function isReading({ state }: ClientConnection): boolean {
  return state === STREAMING || state === POLLING
}

const EMPTY_PING = controlFrame(OPCODE_PING, Buffer.alloc(0))
/** By codec. */
const KEEPALIVES = STREAM_CODECS.map(codec => codec.keepalive)
const CHUNKED_KEEPALIVES = KEEPALIVES.map(chunkOf)

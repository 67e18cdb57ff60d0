/**
 * write: hands bytes to sockets and reports what is in the way.
 *
 * Inbound: a ring from each core (bounded in bytes; when full, batch holds and sessions conflate).
 * Outcomes: delivered (the socket took the update into its care), lost (its connection had gone meanwhile). A record for
 * an older generation of a slot is discarded and counted, never written to whoever has the slot now.
 *
 * A flush is copied once out of the ring into a private buffer, framed as a chunk, and the same bytes are written to every
 * connection of the record. Its place in the buffer is used again unless a socket still holds it.
 *
 * Invariant: in the shared word of a slot stand the bytes that batch has sent and no socket has taken; whatever becomes
 * of them, they are taken off again.
 */

import { LAST_CHUNK } from '#src/codec/http-response.ts'
import { STREAM_CODECS } from '#src/codec/json-stream.ts'
import {
  ANSWER,
  ANSWER_TEXT,
  CLOCK_WRAP_MS,
  CONNECTION_BYTES,
  CONTROL_TEXT,
  END,
  FLUSH,
  FLUSH_CONNECTIONS,
  OPENED,
  REFUSED,
  readText,
} from '#src/codec/record.ts'
import type { Config } from '#src/config/config.ts'
import type { ClientErrorCode } from '#src/errors.ts'
import type { Log } from '#src/log.ts'
import type { LatencyRecorder } from '#src/metrics/latency.ts'
import { M, type ThreadMetrics, WRITE } from '#src/metrics/names.ts'
import type { RecordConsumer, RecordHandler } from '#src/ring/queue.ts'
import type { InFlightWords } from '#src/ring/shared-words.ts'
import type { Clock } from '#src/time/clock.ts'
import type { TimingWheel } from '#src/time/timing-wheel.ts'
import { CLOSED, CLOSING, type ClientConnection, STREAMING } from '#stages/client-connection.ts'
import { unsentBytesOf } from '#stages/socket.ts'
import type { Stage } from '#stages/stage.ts'

/** Room for a chunk's length in hexadecimal and its line end. */
const CHUNK_HEAD = 10
const CHUNK_TAIL = 2
/** Flushes are framed in buffers of this size; one that a socket still holds keeps its whole buffer alive. */
const SCRATCH_BYTES = 1 << 16
/** Socket writes after which the event loop has its turn, and batch hears how far this is: some 2 ms. */
const WRITES_A_TURN = 256
/** Keepalives of many connections share a wake-up: their times are rounded up to this. */
const KEEPALIVE_ROUND_MS = 100
const EMPTY = Buffer.alloc(0)
const CR = 0x0d
const LF = 0x0a

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
  readonly onOpened: (connection: ClientConnection) => void
  readonly onRefused: (connection: ClientConnection, code: ClientErrorCode) => void
  readonly onAnswer: (connection: ClientConnection, status: number, isCut: boolean, body: string) => void
  /** The window of a slot has room and batch waits for it. */
  readonly onWritable: (connection: ClientConnection) => void
}

export class Write implements Stage {
  readonly name = 'write'
  readonly queueUnit = 'bytes'
  readonly #deps: WriteDeps
  readonly #handles: RecordHandler[]
  #scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)
  /** Where the next flush is framed: behind what sockets still hold. */
  #scratchStart = 0
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
    this.#scheduleKeepalive(connection, nowMs)
  }

  /** A stream's turn on the wheel: a sign of life, or the end of one that takes nothing. */
  onStreamTurn(connection: ClientConnection, nowMs: number): void {
    const { config, metrics } = this.#deps
    if (connection.state === CLOSING) {
      connection.socket.destroy()
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
      const keepalives = connection.isChunked ? CHUNKED_KEEPALIVES : KEEPALIVES
      connection.socket.write(keepalives[connection.codec]!)
      connection.wroteMs = nowMs
      connection.pendingSinceMs = nowMs
    }
    this.#scheduleKeepalive(connection, nowMs)
  }

  /** No byte was taken for stallTimeoutMs. A long write counts as progress as long as it grows shorter. */
  #isStalled(connection: ClientConnection, nowMs: number): boolean {
    const unsent = unsentBytesOf(connection.socket)
    if (unsent !== connection.unsentBytes) {
      connection.unsentBytes = unsent
      connection.pendingSinceMs = nowMs
    }
    return nowMs - connection.pendingSinceMs >= this.#deps.config.stallTimeoutMs
  }

  /** The connection has gone: what its socket had not taken is off the books. */
  forget(connection: ClientConnection): void {
    if (connection.pendingBytes > 0) this.#deps.inFlight.subtract(connection.slot, connection.pendingBytes)
    connection.pendingBytes = 0
    this.#deps.inFlight.takeWaiting(connection.slot)
  }

  /** Writes a stream's last bytes and closes it behind them. */
  endStream(connection: ClientConnection, last: Buffer, nowMs: number): void {
    connection.state = CLOSING
    connection.socket.end(connection.isChunked ? Buffer.concat([chunkOf(last), LAST_CHUNK]) : last)
    this.#deps.wheel.schedule(connection, nowMs + this.#deps.config.closeTimeoutMs)
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
    const text = `the connection took no byte for ${config.stallTimeoutMs} ms`
    this.endStream(connection, STREAM_CODECS[connection.codec]!.closing('NO_PROGRESS', text, 0), nowMs)
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
        this.#deps.onOpened(connection)
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
        // A stream that has stalled has had its last bytes.
        if (connection.state !== STREAMING) return true
        const last = Buffer.from(memory.bytes.subarray(offset + CONTROL_TEXT, offset + length))
        this.endStream(connection, last, this.#nowMs)
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
    const start = this.#frame(bytes, offset + FLUSH_CONNECTIONS + count * CONNECTION_BYTES, length)
    const scratch = this.#scratch
    const body = this.#scratchStart + CHUNK_HEAD
    const end = body + length + CHUNK_TAIL
    const chunk = scratch.subarray(start, end)
    let plain: Buffer | null = null
    let isReferenced = false
    let taken = 0
    let at = (offset + FLUSH_CONNECTIONS) >> 2
    for (let i = 0; i < count; i++, at += 2) {
      const slot = words[at]!
      const connection = this.#current(slot, words[at + 1]!)
      if (connection === null || connection.state !== STREAMING || connection.socket.destroyed) {
        this.#discard(slot, length)
        continue
      }
      taken++
      if (!connection.isChunked) plain ??= scratch.subarray(body, body + length)
      const framed = connection.isChunked ? chunk : plain!
      // Behind what is not taken yet, the write itself tells when it is.
      if (connection.pendingBytes > 0) connection.socket.write(framed, connection.onTaken!)
      else connection.socket.write(framed)
      connection.wroteMs = this.#nowMs
      if (connection.socket.writableLength > 0) {
        isReferenced = true
        this.#awaitTaken(connection, length)
      } else {
        this.#took(connection, length)
      }
    }
    if (isReferenced) this.#scratchStart = end
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

  /** Copies a flush into the scratch, framed as one chunk; returns where the frame begins. */
  #frame(bytes: Buffer, offset: number, length: number): number {
    const needed = CHUNK_HEAD + length + CHUNK_TAIL
    if (this.#scratchStart + needed > this.#scratch.length) {
      this.#scratch = Buffer.allocUnsafeSlow(Math.max(SCRATCH_BYTES, needed))
      this.#scratchStart = 0
    }
    const scratch = this.#scratch
    const body = this.#scratchStart + CHUNK_HEAD
    bytes.copy(scratch, body, offset, offset + length)
    scratch[body + length] = CR
    scratch[body + length + 1] = LF
    scratch[body - 1] = LF
    scratch[body - 2] = CR
    let at = body - 2
    for (let rest = length; rest > 0; rest >>>= 4) {
      const digit = rest & 0xf
      scratch[--at] = digit < 10 ? 0x30 + digit : 0x57 + digit
    }
    return at
  }

  #took(connection: ClientConnection, length: number): void {
    const { inFlight, config, onWritable } = this.#deps
    const left = inFlight.subtract(connection.slot, length)
    if (left <= config.windowBytes >> 1 && inFlight.takeWaiting(connection.slot)) onWritable(connection)
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
    this.#took(connection, taken)
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

/** By codec. */
const KEEPALIVES = STREAM_CODECS.map(codec => codec.keepalive)
const CHUNKED_KEEPALIVES = KEEPALIVES.map(chunkOf)

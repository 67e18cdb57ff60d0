/**
 * parse, for clients: turns a connection's bytes into requests, one at a time, and hands each to route.
 *
 * Inbound: the unread bytes of each connection, at most one request (its head and body are bounded); while a request is
 * being answered the socket is paused, so pipelined requests wait in TCP (policy: block).
 * Outcomes: handed over; refused (not HTTP, too large, too slow): answered with a status and a code, then closed.
 */

import type { HttpRequest } from '#src/codec/http-request.ts'
import { type ReadResult, RequestReader } from '#src/codec/http-request.ts'
import { CONTINUE, errorAnswer, UNREAD_FRAME } from '#src/codec/http-response.ts'
import type { Config } from '#src/config/config.ts'
import { M, PARSE, type ThreadMetrics } from '#src/metrics/names.ts'
import type { Clock } from '#src/time/clock.ts'
import type { TimingWheel } from '#src/time/timing-wheel.ts'
import { ASKING, CLOSED, CLOSING, ClientConnection, POLLING, READING, STREAMING } from '#stages/client-connection.ts'
import type { StreamSocket } from '#stages/socket.ts'
import type { Stage } from '#stages/stage.ts'

/** What one connection may have answered before others have their turn. */
const REQUESTS_IN_A_ROW = 64
/** What a client may send that means nothing before it is cut off. */
const DROPPED_BYTES_MAX = 1 << 20
/** Reads of the system that may come after a pause. */
const READS_BYTES_MAX = 2 * 65_536

export interface RequestParseDeps {
  readonly config: Config
  readonly wheel: TimingWheel
  readonly clock: Clock
  readonly metrics: ThreadMetrics
  /** Takes a request; the connection's state says when the next may be read. */
  readonly handle: (connection: ClientConnection, request: HttpRequest, nowMs: number) => void
  /** Bytes of a WebSocket. */
  readonly onSocketBytes: (connection: ClientConnection, chunk: Buffer) => void
  /** A turn on the wheel of a connection that is not reading. */
  readonly onStreamTurn: (connection: ClientConnection, nowMs: number) => void
  /** The connection has gone. */
  readonly onClosed: (connection: ClientConnection) => void
}

export class RequestParse implements Stage {
  readonly name = 'parse'
  readonly queueUnit = 'records'
  /** By slot. */
  readonly connections: (ClientConnection | null)[] = []
  readonly #deps: RequestParseDeps
  readonly #reader: RequestReader
  readonly #onTimer: (connection: ClientConnection, nowMs: number) => void
  readonly #onData: (this: StreamSocket, chunk: Buffer) => void
  readonly #onEnd: (this: StreamSocket) => void
  readonly #onClose: (this: StreamSocket) => void
  /** The connection whose requests are being read. */
  #advancing: ClientConnection | null = null
  #handled = 0

  constructor(deps: RequestParseDeps) {
    this.#deps = deps
    this.#reader = new RequestReader(deps.config)
    this.#onTimer = (connection, nowMs) => this.#onTurn(connection, nowMs)
    const parse = this
    this.#onData = function (chunk) {
      parse.#onChunk(this.owner as ClientConnection, chunk)
    }
    this.#onEnd = function () {
      parse.#onPeerEnd(this.owner as ClientConnection)
    }
    this.#onClose = function () {
      parse.#onClosed(this.owner as ClientConnection)
    }
  }

  admit(socket: StreamSocket, slot: number, generation: number): void {
    const connection = new ClientConnection(socket, slot, generation, this.#onTimer)
    socket.owner = connection
    while (this.connections.length <= slot) this.connections.push(null)
    this.connections[slot] = connection
    socket.on('data', this.#onData)
    socket.on('end', this.#onEnd)
    socket.on('error', ignore)
    socket.on('close', this.#onClose)
    const { wheel, clock, config } = this.#deps
    wheel.schedule(connection, clock.nowMs() + config.requestTimeoutMs)
  }

  /** The request under way has been answered, and the answer is taken: goes on with the next one. */
  resume(connection: ClientConnection, nowMs: number): void {
    if (connection.state === CLOSED) return
    const { wheel, config } = this.#deps
    if (connection.frame?.keepsAlive === false) {
      connection.state = CLOSING
      connection.unread = null
      connection.frame = null
      connection.socket.end()
      wheel.schedule(connection, nowMs + config.closeTimeoutMs)
      return
    }
    connection.state = READING
    connection.frame = null
    wheel.schedule(connection, nowMs + (connection.unread === null ? config.idleTimeoutMs : config.requestTimeoutMs))
    // An answer that was made at once comes back here out of #advance, which goes on by itself.
    if (this.#advancing !== connection) this.#advance(connection, nowMs)
  }

  /** Requests are read as they come: nothing waits here but what a connection holds itself. */
  work(): number {
    const handled = this.#handled
    this.#handled = 0
    return handled
  }

  queueDepth(): number {
    return 0
  }

  queueCapacity(): number {
    return this.#deps.config.connectionsMax
  }

  #onChunk(connection: ClientConnection, chunk: Buffer): void {
    if (connection.state === STREAMING && connection.web !== null) {
      this.#deps.onSocketBytes(connection, chunk)
      return
    }
    // What a client says on a stream of this kind, or behind its last request, means nothing.
    if (connection.state >= STREAMING) {
      connection.droppedBytes += chunk.length
      if (connection.droppedBytes > DROPPED_BYTES_MAX) connection.socket.destroy()
      return
    }
    const nowMs = this.#deps.clock.nowMs()
    if (connection.unread === null) {
      connection.unread = chunk
      if (connection.state === READING) {
        this.#deps.wheel.schedule(connection, nowMs + this.#deps.config.requestTimeoutMs)
      }
    } else {
      connection.unread = Buffer.concat([connection.unread, chunk])
    }
    if (connection.state === READING) this.#advance(connection, nowMs)
    // A paused socket may have had a read under way, not more.
    else if (connection.unread.length > this.#reader.requestBytesMax + READS_BYTES_MAX) connection.socket.destroy()
  }

  /** Reads the requests that are there, as long as each is answered at once, and some in a row at most. */
  #advance(connection: ClientConnection, nowMs: number): void {
    this.#advancing = connection
    let count = 0
    while (connection.state === READING && connection.unread !== null && count < REQUESTS_IN_A_ROW) {
      if (connection.unread.length < connection.neededBytes || !this.#read(connection, nowMs)) break
      count++
    }
    this.#advancing = null
    if (connection.state !== READING) return
    if (connection.unread !== null && count > 0) {
      // A view would keep the whole chunk alive; the rest of a request is short.
      connection.unread = Buffer.from(connection.unread)
      if (count === REQUESTS_IN_A_ROW) {
        // Others have their turn first.
        this.#deps.wheel.schedule(connection, nowMs)
        connection.hasMore = true
        return
      }
    }
    connection.socket.resume()
  }

  /** Reads one request and hands it over; false when it is not whole. */
  #read(connection: ClientConnection, nowMs: number): boolean {
    const bytes = connection.unread!
    const result: ReadResult = this.#reader.read(bytes, connection.resumeFrom)
    if (result.kind === 'incomplete') {
      connection.resumeFrom = result.resumeFrom
      connection.neededBytes = result.neededBytes
      if (result.expectsContinue) connection.socket.write(CONTINUE)
      return false
    }
    this.#handled++
    this.#deps.metrics.add(M.requests, 1)
    connection.resumeFrom = 0
    connection.neededBytes = 0
    if (result.kind === 'error') {
      this.#refuse(connection, result.status, result.code, result.message)
      return true
    }
    connection.unread = result.bytesUsed < bytes.length ? bytes.subarray(result.bytesUsed) : null
    connection.socket.pause()
    this.#deps.wheel.cancel(connection)
    this.#deps.handle(connection, result.request, nowMs)
    return true
  }

  #refuse(
    connection: ClientConnection,
    status: number,
    code: Parameters<typeof errorAnswer>[0]['code'],
    message: string,
  ) {
    connection.unread = null
    connection.state = CLOSING
    connection.socket.end(errorAnswer({ status, code, message }, UNREAD_FRAME))
    connection.socket.resume()
    const { wheel, clock, config, metrics } = this.#deps
    metrics.add(M.stageRefused + PARSE, 1)
    wheel.schedule(connection, clock.nowMs() + config.closeTimeoutMs)
  }

  #onTurn(connection: ClientConnection, nowMs: number): void {
    switch (connection.state) {
      case READING:
        return this.#onReadingTurn(connection, nowMs)
      case ASKING:
        // The answer is not taken.
        this.#deps.metrics.add(M.connectionsStalled, 1)
        connection.socket.destroy()
        return
      case CLOSING:
        connection.socket.destroy()
        return
      case POLLING:
        return
      default:
        this.#deps.onStreamTurn(connection, nowMs)
    }
  }

  #onReadingTurn(connection: ClientConnection, nowMs: number): void {
    if (connection.hasMore) {
      connection.hasMore = false
      this.#deps.wheel.schedule(connection, nowMs + this.#deps.config.requestTimeoutMs)
      this.#advance(connection, nowMs)
    } else if (connection.unread === null) {
      connection.socket.destroy()
    } else {
      this.#refuse(connection, 408, 'REQUEST_TIMEOUT', 'the request did not come whole in time')
    }
  }

  #onPeerEnd(connection: ClientConnection): void {
    // A client that has closed its way in wants no stream; one that waits for an answer gets it, then the end.
    if (connection.state === CLOSING) return
    if (connection.state === READING && !connection.hasMore) connection.socket.end()
    else if (connection.frame !== null) connection.frame = { ...connection.frame, keepsAlive: false }
    else if (connection.state !== READING) connection.socket.destroy()
  }

  #onClosed(connection: ClientConnection): void {
    if (connection.state === CLOSED) return
    this.#deps.wheel.cancel(connection)
    this.connections[connection.slot] = null
    this.#deps.onClosed(connection)
    connection.state = CLOSED
  }
}

function ignore(): void {}

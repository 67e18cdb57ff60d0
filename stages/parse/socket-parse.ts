/**
 * parse, for WebSockets: turns a connection's bytes into messages, and each message into requests for its session.
 *
 * Inbound: one message a connection (bounded by requestBodyBytesMax). A client that asks for more than its core's queue
 * takes is paused: TCP holds it (policy: block). Outcomes: handed over; answered (pings); ended with a close code (bad
 * frames; BAD_REQUESTS_MAX requests that cannot be read).
 */

import { readRequests, refuseMessages } from '#src/codec/client-request.ts'
import {
  CLOSE_POLICY,
  closeFrame,
  controlFrame,
  frameHeadBytes,
  OPCODE_PONG,
  OPCODE_TEXT,
  writeFrameHead,
} from '#src/codec/websocket-frame.ts'
import { WebSocketReader } from '#src/codec/websocket-reader.ts'
import type { Config } from '#src/config/config.ts'
import type { SessionRequest } from '#src/domain/session-request.ts'
import { M, PARSE, type ThreadMetrics } from '#src/metrics/names.ts'
import { CLOSING, type ClientConnection, STREAMING } from '#stages/client-connection.ts'

const BAD_REQUESTS_MAX = 100
/** What may wait in a socket that its peer does not read, of pongs and echoes. */
const BACKLOG_BYTES_MAX = 1 << 20

export interface SocketParseDeps {
  readonly config: Config
  readonly metrics: ThreadMetrics
  /** Takes a session's requests; returns how many, when its core's queue is full fewer than there are. */
  readonly control: (connection: ClientConnection, requests: readonly SessionRequest[]) => number
  readonly onPong: (connection: ClientConnection, payload: Buffer) => void
  /** The client's side is over: its session has lost its stream. */
  readonly onEnded: (connection: ClientConnection) => void
  /** Frames wait for their turn, or requests for room: `readMore` is to be called. */
  readonly postpone: (connection: ClientConnection) => void
}

export class SocketParse {
  readonly #deps: SocketParseDeps

  constructor(deps: SocketParseDeps) {
    this.#deps = deps
  }

  onBytes(connection: ClientConnection, bytes: Buffer): void {
    const web = connection.web!
    web.reader ??= this.#newReader(connection)
    web.reader.push(bytes)
    this.#settle(connection)
  }

  /** Goes on with what could not be handed over, or had to wait for its turn. */
  readMore(connection: ClientConnection): void {
    const web = connection.web!
    if (connection.state !== STREAMING) return
    const { pending } = web
    web.pending = null
    if (pending !== null) this.#handOver(connection, pending)
    if (web.pending === null) web.reader?.readMore()
    this.#settle(connection)
  }

  #settle(connection: ClientConnection): void {
    const web = connection.web!
    if (connection.state !== STREAMING) return
    if (web.pending !== null || web.reader?.hasMore === true) {
      connection.socket.pause()
      this.#deps.postpone(connection)
    } else {
      connection.socket.resume()
    }
  }

  #handOver(connection: ClientConnection, requests: readonly SessionRequest[]): void {
    const web = connection.web!
    const taken = web.pending === null ? this.#deps.control(connection, requests) : 0
    if (taken < requests.length) web.pending = [...(web.pending ?? []), ...requests.slice(taken)]
  }

  #newReader(connection: ClientConnection): WebSocketReader {
    const { config, onPong } = this.#deps
    const web = connection.web!
    return new WebSocketReader(config.requestBodyBytesMax, web.isCompressed, {
      onText: text => this.#onText(connection, text),
      onPing: payload => {
        // A peer that does not read what it is sent gets no more pongs: they would pile up.
        if (connection.state !== STREAMING || connection.socket.writableLength > BACKLOG_BYTES_MAX) return
        connection.socket.write(controlFrame(OPCODE_PONG, payload))
      },
      onPong: payload => onPong(connection, payload),
      onClose: code => this.#end(connection, code),
      onBad: code => this.#end(connection, code),
    })
  }

  #onText(connection: ClientConnection, text: string): void {
    const { config, metrics } = this.#deps
    const web = connection.web!
    if (connection.state !== STREAMING) return
    if (web.isEcho) {
      if (connection.socket.writableLength > BACKLOG_BYTES_MAX) connection.socket.destroy()
      else connection.socket.write(textFrame(text))
      return
    }
    const requests = refuseMessages(readRequests(text, config), web.messageHindrance)
    metrics.add(M.requests, requests.length)
    for (const { kind } of requests) if (kind === 'bad') web.badRequests++
    if (web.badRequests > BAD_REQUESTS_MAX) {
      metrics.add(M.stageRefused + PARSE, 1)
      this.#end(connection, CLOSE_POLICY)
      return
    }
    if (requests.length > 0) this.#handOver(connection, requests)
  }

  /** Answers the client's close, or tells it why it is closed. */
  #end(connection: ClientConnection, code: number): void {
    if (connection.state !== STREAMING) return
    connection.state = CLOSING
    connection.socket.end(closeFrame(code, ''))
    connection.socket.resume()
    this.#deps.onEnded(connection)
  }
}

function textFrame(text: string): Buffer {
  const bytes = Buffer.byteLength(text)
  const head = frameHeadBytes(bytes)
  const frame = Buffer.allocUnsafe(head + bytes)
  writeFrameHead(frame, head, bytes, OPCODE_TEXT, false)
  frame.write(text, head)
  return frame
}

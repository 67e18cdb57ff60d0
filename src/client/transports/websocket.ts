/**
 * A stream over WebSocket: text messages of one or more lines, both ways.
 *
 * An application that is slower than its stream cannot hold it back here: the platform's WebSocket takes in whatever comes,
 * and its pongs say that it was read. Who cannot keep up sets a maxFrequency or a maxBandwidth.
 */

import {
  lost,
  type OpenStream,
  type Stream,
  type StreamEnd,
  type StreamRequest,
  type StreamSink,
  type TransportRuntime,
  urlOf,
  type WebSocketClass,
  type WebSocketLike,
} from './transport.ts'

/** What a close code says where no record said it (docs/protocol.md, section 6). */
const CODES: ReadonlyMap<number, string> = new Map([
  [1001, 'SERVER_CLOSING'],
  [1009, 'REQUEST_BODY_TOO_LARGE'],
  [4000, 'SESSION_REBOUND'],
  [4001, 'NO_PROGRESS'],
])
const CLOSE_NORMAL = 1000

export const openWebSocket: OpenStream = ({ WebSocket }, request, sink) => {
  if (WebSocket !== null) return new WebSocketStream(WebSocket, request, sink)
  sink.ended(lost('TRANSPORT_FAILED', 'there is no WebSocket here'))
  return { isInBand: true, isBusy: false, send: () => {}, close: () => {} }
}

class WebSocketStream implements Stream {
  readonly isInBand = true
  readonly isBusy = false
  readonly #sink: StreamSink
  #socket: WebSocketLike | null = null

  constructor(WebSocket: NonNullable<TransportRuntime['WebSocket']>, request: StreamRequest, sink: StreamSink) {
    this.#sink = sink
    const url = urlOf(request.baseUrl, '/stream', request.query).replace(/^http/, 'ws')
    const socket = construct(WebSocket, url)
    if (socket instanceof Error) {
      sink.ended(lost('TRANSPORT_FAILED', socket.message))
      return
    }
    this.#socket = socket
    socket.onopen = () => {
      if (request.lines !== '') socket.send(request.lines)
    }
    socket.onmessage = ({ data }) => this.#onMessage(data)
    socket.onclose = ({ code, reason }) => this.#end(code, reason)
    // A close follows, which says the little that there is to know.
    socket.onerror = () => {}
  }

  send(lines: string, _isLast: boolean): void {
    this.#socket?.send(lines)
  }

  close(): void {
    const socket = this.#socket
    if (socket === null) return
    this.#socket = null
    socket.onmessage = null
    socket.onclose = null
    socket.close(CLOSE_NORMAL)
  }

  #onMessage(data: unknown): void {
    this.#sink.heard()
    if (typeof data !== 'string') return
    for (const line of data.split('\n')) {
      if (this.#socket === null) return
      this.#sink.record(line)
    }
  }

  #end(code: number, reason: string): void {
    this.#socket = null
    const end: StreamEnd = lost('CONNECTION_LOST', reason === '' ? `the connection was closed (${code})` : reason)
    this.#sink.ended({ ...end, code: CODES.get(code) ?? end.code })
  }
}

/** A page of https may not open what is not secure: the constructor throws then. */
function construct(WebSocket: WebSocketClass, url: string): WebSocketLike | Error {
  try {
    return new WebSocket(url)
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

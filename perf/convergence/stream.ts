/**
 * One stream of a client of the convergence run, on a bare socket, over any of the four transports: reads at its pace, and
 * can be cut behind any byte. Long polling is a stream of polls on one connection.
 *
 * The pace is that of reading the socket, whatever the transport: what is not read stays in the kernel, a ping is answered
 * when it is read, and the next poll is sent when the answer has been. Reads go into one buffer of the client's (net's
 * `onread`), whose size bounds what a paused stream has taken already.
 */

import { connect, type Socket } from 'node:net'
import type { Resume, SessionRecord, Transport } from '#test/support/session-stream.ts'
import { Wire, type WireHandler } from './wire.ts'

export interface StreamOptions {
  readonly port: number
  readonly transport: Transport
  /** The query that makes the session, where there is none to be taken up. */
  readonly query: string
  readonly resume: Resume | null
  readonly buffer: Buffer
  /** Null: as fast as it can. */
  readonly bytesPerSecond: number | null
  readonly isStalled: boolean
}

export interface StreamHandler {
  onWelcome(record: SessionRecord): void
  onRecord(record: SessionRecord): void
  onPosition(position: number, session: string | null): void
  onRefused(status: number, text: string): void
  /** It was cut by the bytes that it was to live for. */
  onSpent(): void
  /** The other side has ended it. */
  onEnded(): void
}

const ACCEPT: Readonly<Record<Transport, readonly string[]>> = {
  sse: ['Accept: text/event-stream'],
  ndjson: ['Accept: application/x-ndjson'],
  poll: [],
  websocket: [
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: Y29udmVyZ2VuY2UgcnVuLg==',
  ],
}
const [FIN_TEXT, FIN_PONG] = [0x81, 0x8a]
const MASKED = 0x80
const ACK_MS = 2_000

export class Stream {
  readonly #options: StreamOptions
  readonly #socket: Socket
  readonly #wire: Wire
  #lifeBytes = Number.POSITIVE_INFINITY
  #isStalled: boolean
  #isGone = false
  #ackedMs = Date.now()

  constructor(options: StreamOptions, handler: StreamHandler) {
    this.#options = options
    this.#isStalled = options.isStalled
    this.#wire = new Wire(this.#wireHandler(handler))
    const { port, buffer } = options
    const callback = (length: number): boolean => {
      this.#read(length, handler)
      return true
    }
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true, onread: { buffer, callback } })
    this.#socket.on('error', () => {})
    this.#socket.on('close', () => {
      if (this.#isGone) return
      this.#isGone = true
      handler.onEnded()
    })
    if (this.#isStalled) this.#socket.pause()
    this.#request(options.resume, options.query)
  }

  get bytes(): number {
    return this.#wire.bytes
  }

  /** Whether bytes of a flush have come whose end has not. */
  get isWithin(): boolean {
    return this.#wire.isWithin
  }

  /** Cuts it behind so many bytes more. */
  liveFor(bytes: number): void {
    this.#lifeBytes = bytes
  }

  stall(): void {
    this.#isStalled = true
    this.#socket.pause()
  }

  goOn(): void {
    this.#isStalled = false
    this.#socket.resume()
  }

  /** Is gone at once, without a word. */
  cut(): void {
    this.#isGone = true
    this.#wire.stop()
    this.#socket.destroy()
  }

  #wireHandler(handler: StreamHandler): WireHandler {
    let session = this.#options.resume?.session ?? ''
    let position = this.#options.resume?.position ?? 0
    const isAcking = this.#options.transport === 'websocket'
    return {
      onWelcome: record => {
        session = record.session!
        position = record.position!
        handler.onWelcome(record)
      },
      onRecord: record => handler.onRecord(record),
      onPosition: (at, of) => {
        position = at
        handler.onPosition(at, of)
        if (isAcking && Date.now() - this.#ackedMs > ACK_MS) this.#ack(at)
      },
      onPing: payload => this.#send(FIN_PONG, payload),
      onAnswered: () => this.#request({ session, position }, ''),
      onRefused: (status, text) => {
        this.cut()
        handler.onRefused(status, text)
      },
    }
  }

  #read(length: number, handler: StreamHandler): void {
    if (this.#isGone) return
    const { buffer, bytesPerSecond } = this.#options
    const taken = Math.min(length, this.#lifeBytes)
    this.#lifeBytes -= taken
    this.#wire.push(buffer.subarray(0, taken))
    if (this.#isGone) return
    if (this.#lifeBytes === 0) {
      this.cut()
      handler.onSpent()
    } else if (bytesPerSecond !== null) this.#rest((length / bytesPerSecond) * 1_000)
  }

  #rest(ms: number): void {
    this.#socket.pause()
    setTimeout(() => {
      if (!this.#isStalled && !this.#isGone) this.#socket.resume()
    }, ms)
  }

  #request(resume: Resume | null, query: string): void {
    const { port, transport } = this.#options
    const parts = query === '' ? [] : [query]
    const headers = [`Host: 127.0.0.1:${port}`, ...ACCEPT[transport]]
    // What EventSource does by itself.
    if (resume !== null && transport === 'sse') headers.push(`Last-Event-ID: ${resume.session}.${resume.position}`)
    else if (resume !== null) parts.push(`session=${resume.session}`, `position=${resume.position}`)
    const path = transport === 'poll' ? '/poll' : '/stream'
    this.#socket.write(`GET ${path}?${parts.join('&')} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`)
  }

  #ack(position: number): void {
    this.#ackedMs = Date.now()
    this.#send(FIN_TEXT, Buffer.from(`{"ack":${position}}`))
  }

  /** A short frame; a mask of zeros leaves the bytes as they are. */
  #send(kind: number, payload: Buffer): void {
    this.#socket.write(Buffer.concat([Buffer.from([kind, MASKED | payload.length, 0, 0, 0, 0]), payload]))
  }
}

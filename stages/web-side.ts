/**
 * What a WebSocket adds to a connection: its reader, and what its peer has confirmed. The server sends a ping behind some
 * bytes; its pong says that they have arrived, so what is in flight is what the peer has not got, and not what the kernel
 * has not sent.
 *
 * The window follows the pongs: one that comes late halves it (values would wait in the network and grow old), one that
 * comes quickly while batch waits for the window doubles it.
 *
 * Invariant: a ping is owed for less than half a window at any time, so a session that waits for its window gets a pong.
 */

import type { WebSocketReader } from '#src/codec/websocket-reader.ts'
import type { SessionRequest } from '#src/domain/session-request.ts'

const WINDOW_START = 32_768
const WINDOW_MIN = 4_096
const LATE_MS = 500
const QUICK_MS = 250
/** Bytes of a ping: how many were sent before it, modulo 2^32. */
const PING_BYTES = 4
const RANGE_32 = 0x1_0000_0000

interface Ping {
  readonly sentBytes: number
  readonly atMs: number
}

export interface WebSettings {
  readonly confirmBytes: number
  readonly confirmWindowBytes: number
}

/** The window that a WebSocket begins with, for both who fills it and who watches it. */
export function windowStart(settings: WebSettings): number {
  return Math.min(WINDOW_START, settings.confirmWindowBytes)
}

export class WebSide {
  readonly #settings: WebSettings
  /** Made with the first bytes from the client. */
  reader: WebSocketReader | null = null
  readonly isCompressed: boolean
  /** It only sends back what it gets. */
  readonly isEcho: boolean
  /** Requests that found their core's queue full; the socket is paused meanwhile. */
  pending: readonly SessionRequest[] | null = null
  /** Why its messages to feeds are refused; null when they are not. */
  messageHindrance: string | null = null
  /** Requests that could not be read. */
  badRequests = 0
  windowBytes: number
  readonly #pings: Ping[] = []
  #sentBytes = 0
  #pingedBytes = 0
  #confirmedBytes = 0

  constructor(settings: WebSettings, isCompressed: boolean, isEcho: boolean) {
    this.#settings = settings
    this.isCompressed = isCompressed
    this.isEcho = isEcho
    this.windowBytes = windowStart(settings)
  }

  get unconfirmedBytes(): number {
    return this.#sentBytes - this.#confirmedBytes
  }

  /** When the oldest ping went that has no pong; NaN when there is none. */
  get pingedMs(): number {
    return this.#pings[0]?.atMs ?? Number.NaN
  }

  /** Bytes of a flush have been written. */
  sent(bytes: number): void {
    this.#sentBytes += bytes
  }

  /** A ping is owed for what was sent; also when the window has become smaller. */
  get isPingDue(): boolean {
    const unpinged = this.#sentBytes - this.#pingedBytes
    return unpinged > 0 && unpinged >= Math.min(this.#settings.confirmBytes, this.windowBytes >> 1)
  }

  /** The payload of a ping that goes now. */
  ping(nowMs: number): Buffer {
    this.#pingedBytes = this.#sentBytes
    this.#pings.push({ sentBytes: this.#sentBytes, atMs: nowMs })
    const payload = Buffer.allocUnsafe(PING_BYTES)
    payload.writeUInt32BE(this.#sentBytes % RANGE_32)
    return payload
  }

  /** A pong has come; returns how many bytes it confirms. `isWaiting`: batch waits for the window. */
  pong(payload: Buffer, isWaiting: boolean, nowMs: number): number {
    if (payload.length !== PING_BYTES) return 0
    const told = payload.readUInt32BE()
    // A client may answer the last of several pings only (RFC 6455, 5.5.3).
    const at = this.#pings.findIndex(({ sentBytes }) => sentBytes % RANGE_32 === told)
    if (at < 0) return 0
    const { sentBytes, atMs } = this.#pings[at]!
    this.#pings.splice(0, at + 1)
    const confirmed = sentBytes - this.#confirmedBytes
    this.#confirmedBytes = sentBytes
    this.#adapt(nowMs - atMs, isWaiting)
    return confirmed
  }

  #adapt(roundTripMs: number, isWaiting: boolean): void {
    const least = Math.min(WINDOW_MIN, this.#settings.confirmWindowBytes)
    if (roundTripMs > LATE_MS) this.windowBytes = Math.max(least, this.windowBytes >> 1)
    else if (roundTripMs < QUICK_MS && isWaiting) {
      this.windowBytes = Math.min(this.#settings.confirmWindowBytes, this.windowBytes * 2)
    }
  }
}

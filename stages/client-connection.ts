/** A client's connection as its edge thread keeps it. No `http` objects: an idle one costs its socket and this. */

import type { AnswerFrame } from '#src/codec/http-response.ts'
import type { Transport } from '#src/domain/session-request.ts'
import type { Timed } from '#src/time/timing-wheel.ts'
import type { StreamSocket } from './socket.ts'
import type { WebSide } from './web-side.ts'

/** Waits for a request, or for the rest of one. */
export const READING = 0
/** A request is with the cores. */
export const ASKING = 1
/** A stream was asked for; the core has not answered. */
export const OPENING = 2
/** A poll is held. */
export const POLLING = 3
export const STREAMING = 4
/** Nothing more is read; what is written is on its way. */
export const CLOSING = 5
export const CLOSED = 6

/** How what a flush brings stands on the wire: in chunks, as it is up to the connection's end, or in frames. */
export const CHUNKED = 0
export const PLAIN = 1
export const FRAMED = 2

/** The answers of several cores to one question, until all are there. */
export interface Gathering {
  readonly kind: 'item' | 'items' | 'sessions' | 'control'
  readonly limit: number
  awaited: number
  readonly parts: { status: number; isCut: boolean; body: string }[]
}

export class ClientConnection implements Timed {
  readonly socket: StreamSocket
  readonly slot: number
  readonly generation: number
  state: number = READING
  /** Bytes of a request that is not whole. */
  unread: Buffer | null = null
  resumeFrom = 0
  neededBytes = 0
  /** Bytes that came where nothing was to come. */
  droppedBytes = 0
  /** Requests that are here already are read at the next turn. */
  hasMore = false
  /** How the request under way is to be answered. */
  frame: AnswerFrame | null = null
  gathering: Gathering | null = null
  /** Of a stream or a poll: its session's id and where it lives, how it is carried, its encoding's place. */
  session = ''
  core = 0
  transport: Transport = 'sse'
  codec = 0
  framing: number = CHUNKED
  /** Of a WebSocket, from its handshake on; the head waits for the core's word. */
  web: WebSide | null = null
  upgradeHead: Buffer | null = null
  /** Flush bytes written that the system has not taken, and since when nothing was taken. */
  pendingBytes = 0
  pendingSinceMs = 0
  /** What the system had not taken at the last look: any change is progress. */
  unsentBytes = 0
  wroteMs = 0
  /** Told to the core when its queue has room. */
  owesClose = false
  owesWritable = false
  /** Made when the socket first falls behind. */
  onTaken: (() => void) | null = null

  timerDueMs = 0
  timerNext: Timed | null = null
  timerPrev: Timed | null = null
  readonly #onTimer: (connection: ClientConnection, nowMs: number) => void

  constructor(
    socket: StreamSocket,
    slot: number,
    generation: number,
    onTimer: (connection: ClientConnection, nowMs: number) => void,
  ) {
    this.socket = socket
    this.slot = slot
    this.generation = generation
    this.#onTimer = onTimer
  }

  onTimer(nowMs: number): void {
    this.#onTimer(this, nowMs)
  }
}

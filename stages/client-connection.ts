/** A client's connection as its edge thread keeps it. No `http` objects: an idle one costs its socket and this. */

import type { AnswerFrame } from '#src/codec/http-response.ts'
import type { Timed } from '#src/time/timing-wheel.ts'
import type { StreamSocket } from './socket.ts'

/** Waits for a request, or for the rest of one. */
export const READING = 0
/** A request is with the cores. */
export const ASKING = 1
/** A stream was asked for; the core has not answered. */
export const OPENING = 2
export const STREAMING = 3
/** Nothing more is read; what is written is on its way. */
export const CLOSING = 4
export const CLOSED = 5

/** The answers of several cores to one question, until all are there. */
export interface Gathering {
  readonly kind: 'item' | 'items' | 'sessions'
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
  /** Of a stream: where its session lives, its encoding's place, whether its bytes are chunked. */
  core = 0
  codec = 0
  isChunked = false
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

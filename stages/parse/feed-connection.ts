/** A feed's connection as its thread keeps it: what is read, what is acknowledged, when it was heard last. */

import { LineSplitter } from '#src/codec/lines.ts'
import type { Timed } from '#src/time/timing-wheel.ts'
import type { StreamSocket } from '#stages/socket.ts'

const GENERATION_MASK = 2 ** 30 - 1

/** A message that the feed has not answered: the core that sent it, and that core's number of it. */
export interface OpenMessage {
  readonly core: number
  readonly number: number
}

export class FeedConnection implements Timed {
  readonly socket: StreamSocket
  readonly slot: number
  /** Which of the feeds that had the slot, modulo 2^30 (see FEED_UP). */
  readonly generation: number
  readonly splitter: LineSplitter
  /** Empty until the feed has said who it is. */
  name = ''
  isOnDemand = false
  /** FEED_UP is queued: the cores know the slot. */
  isUp = false
  heartbeatMs = 0
  /** Items that it was told are wanted: a core may say so twice, to all feeds and to one that has just come. */
  readonly wanted = new Set<string>()
  /** The targets of its greeting, as JSON, while the cores are not told yet. */
  untoldHandles: string | null = null
  /** By the connection's own number; at most FEED_MESSAGES_MAX. */
  readonly messages = new Map<number, OpenMessage>()
  messagesSent = 0
  heardMs: number
  isSilent = false
  /** Lines that are read and handed over, or refused. */
  lines = 0
  acknowledged = 0
  errors = 0
  /** A line that found no room waits; the socket is paused. */
  isHeld = false
  /** The splitter stands on a line that is not handed over yet. */
  isLineOpen = false
  /** Chunks that the socket still had when it was paused: a read or two. */
  readonly waiting: Buffer[] = []
  /** The peer has closed its way in; what is held is still to be handed over. */
  isEnded = false
  /** Everything is handed over and the cores know that the feed has ended. */
  isFinished = false
  isForgotten = false
  /** The socket has gone. */
  isClosed = false
  /** The connection was told that it ends; nothing more of it is read. */
  isRefused = false
  /** Positions behind the line `checkpointLines`, by core; when every core has come so far, those lines are merged. */
  readonly checkpoint: Int32Array
  checkpointLines = 0

  timerDueMs = 0
  timerNext: Timed | null = null
  timerPrev: Timed | null = null
  readonly #onTimer: (connection: FeedConnection, nowMs: number) => void

  constructor(
    socket: StreamSocket,
    slot: number,
    generation: number,
    lineBytesMax: number,
    cores: number,
    nowMs: number,
    onTimer: (connection: FeedConnection, nowMs: number) => void,
  ) {
    this.socket = socket
    this.slot = slot
    this.generation = generation & GENERATION_MASK
    this.splitter = new LineSplitter(lineBytesMax)
    this.heardMs = nowMs
    this.checkpoint = new Int32Array(cores)
    this.#onTimer = onTimer
  }

  onTimer(nowMs: number): void {
    this.#onTimer(this, nowMs)
  }
}

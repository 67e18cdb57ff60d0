/**
 * What a client wants and what it was sent. A session outlives its streams: it knows where the present one is (edge
 * thread, slot, generation of the connection), or that there is none, but no socket. What it was sent of each item lies in
 * the thread's table of interests.
 *
 * States: IDLE (nothing to send), READY (queued for its flush), GATHERING (waits in the bucket of its maxDelay),
 * BLOCKED (has something, and its connection's window is full), PACED (has something, and its bandwidth is used up), UNBOUND
 * (has no stream), ENDING (only its last words are left), ENDED.
 *
 * Positions: each flush has the core's position of its turn; `sentAt` is that of the newest one.
 *
 * Its one timer is due in UNBOUND when it was without a stream for too long, in PACED when it may send again, and in a
 * poll when that was held long enough.
 */

import type { Timed } from '#src/time/timing-wheel.ts'
import type { DelayBucket } from './delay-buckets.ts'
import { type Interests, NONE } from './interests.ts'
import type { LeftLog } from './left-log.ts'
import type { RequestOrder } from './request-order.ts'
import type { SessionEvents } from './session-events.ts'
import type { Encoding, Transport } from './session-request.ts'
import type { Subscription } from './subscription.ts'

export const IDLE = 0
export const READY = 1
export const GATHERING = 2
export const BLOCKED = 3
export const PACED = 4
export const UNBOUND = 5
export const ENDING = 6
export const ENDED = 7

/** What a session asks of whoever keeps it. */
export interface SessionOwner {
  /** It was idle and has something to send. */
  onReady(session: Session): void
  onTimer(session: Session, nowMs: number): void
}

const NO_SUBSCRIPTIONS: readonly Subscription[] = []

/** Where a session's stream is. */
export interface Binding {
  readonly edge: number
  readonly slot: number
  readonly generation: number
  readonly address: string
  readonly transport: Transport
  readonly encoding: Encoding
}

export class Session implements Timed {
  readonly id: string
  readonly sinceMs: number
  /** The core's position when it began. */
  readonly startedAt: number
  /** Replaced as it changes: an array that grows by pushes keeps room for 16 more, and most sessions have one. */
  subscriptions: readonly Subscription[] = NO_SUBSCRIPTIONS
  /** Its present stream, or its last one. */
  binding: Binding
  /** Of the binding, side by side for the hot path: the place of its encoding in caches, and where it is. */
  codec = 0
  edge = 0
  slot = 0
  generation = 0
  isPoll = false
  isConfirming = false
  /** One of its subscriptions has another id than 0; flushes have left interests of it behind. Where not, tables are not looked into. */
  isTagged = false
  hasLeft = false
  bucket: DelayBucket | null = null
  /** Its numbers in the tables: its own, those of its interests, and where its next flush begins. */
  number = NONE
  first = 0
  end = 0
  turn = 0
  /** log2 of the interests that it has numbers for; NONE when it has had none. */
  runBits = NONE
  /** It stands in a queue for its flush. */
  isQueued = false
  #state: number = IDLE

  /** The position of its newest flush. */
  sentAt: number
  /** Behind the position that it was last set back to, up to here, nothing that was sent counts. */
  voidFrom = 0
  voidTo = 0
  /** Its client has confirmed everything up to here: what is needed to go back behind it is not kept. */
  confirmedAt = 0
  /** The first record of its present stream, while it has not been sent. */
  welcome: string | null = null
  events: SessionEvents | null = null
  left: LeftLog | null = null
  requests: RequestOrder | null = null
  /** Bytes a second; 0 is no limit. `paidMs`: up to when what was sent is paid for. */
  maxBandwidth = 0
  paidMs = 0
  /** A poll was held long enough: its answer is due, whatever there is. */
  isAnswerDue = false
  /** Of a poll. */
  waitMs = 0

  /** The ledger (law 8): of what was published to this session, what became of it. */
  handedOver = 0
  conflated = 0
  dropped = 0
  /** Handed over, not received, and so waiting again. */
  recalled = 0
  /** For the rate in /sessions: handed over at the last look, and when that was. */
  lookedAtMs: number
  handedOverAtLook = 0

  timerDueMs = 0
  timerNext: Timed | null = null
  timerPrev: Timed | null = null
  readonly #owner: SessionOwner
  readonly #interests: Interests

  /** Enters itself into the table of interests, without any. */
  constructor(
    id: string,
    binding: Binding,
    startedAt: number,
    nowMs: number,
    interests: Interests,
    owner: SessionOwner,
  ) {
    this.id = id
    this.binding = binding
    this.sinceMs = nowMs
    this.startedAt = startedAt
    this.sentAt = startedAt
    this.lookedAtMs = nowMs
    this.#owner = owner
    this.#interests = interests
    interests.open(this)
    this.state = IDLE
  }

  get state(): number {
    return this.#state
  }

  set state(state: number) {
    this.#state = state
    if (this.number !== NONE) this.#interests.idle[this.number] = state === IDLE ? 1 : 0
  }

  get isBound(): boolean {
    return this.#state < UNBOUND
  }

  get count(): number {
    return this.end - this.first
  }

  /** Whether `position` is that of a flush that counts, or of its beginning, as far as is known. */
  wasSent(position: number): boolean {
    if (position > this.sentAt || position < this.startedAt) return false
    return position <= this.voidFrom || position > this.voidTo
  }

  /** Whether it is where it was at `position`: that is its last flush, or was set back to with none since. */
  isAt(position: number): boolean {
    return position === this.sentAt || (position === this.voidFrom && this.sentAt === this.voidTo)
  }

  subscriptionOf(id: number): Subscription | null {
    for (const subscription of this.subscriptions) if (subscription.id === id) return subscription
    return null
  }

  /** It was idle, and has something to send. */
  onReady(): void {
    this.#owner.onReady(this)
  }

  onTimer(nowMs: number): void {
    this.#owner.onTimer(this, nowMs)
  }
}

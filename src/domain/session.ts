/**
 * A client's subscriptions and what it lacks. It knows where its connection is (edge thread, slot, generation) but no
 * socket. What it was sent lies in the thread's table of subscriptions.
 *
 * States: IDLE (nothing to send), READY (queued for its flush), GATHERING (waits in the bucket of its maxDelay),
 * BLOCKED (has something, and its connection's window is full), ENDING (only its last words are left), ENDED.
 */

import type { DelayBucket } from './delay-buckets.ts'
import type { Encoding, Mode, OnLost } from './stream-request.ts'
import { NONE, type Subscriptions } from './subscriptions.ts'

export const IDLE = 0
export const READY = 1
export const GATHERING = 2
export const BLOCKED = 3
export const ENDING = 4
export const ENDED = 5

/** Told when a session that was idle has something to send. */
export type OnReady = (session: Session) => void

export interface SessionOrigin {
  readonly id: string
  readonly edge: number
  readonly slot: number
  readonly generation: number
  readonly address: string
  readonly encoding: Encoding
  readonly mode: Mode
  readonly onLost: OnLost
  readonly sinceMs: number
}

export class Session {
  readonly origin: SessionOrigin
  /** 0 SSE, 1 NDJSON: the place of its encoding in caches. */
  readonly codec: number
  readonly edge: number
  readonly slot: number
  readonly generation: number
  readonly bucket: DelayBucket | null
  /** Its numbers in the tables: its own, those of its subscriptions, and where its next flush begins. */
  number = NONE
  first = 0
  end = 0
  turn = 0
  #state: number = IDLE

  /** The ledger (law 8): of what was published to this session, what became of it. */
  handedOver = 0
  conflated = 0
  dropped = 0
  /** For the rate in /sessions: handed over at the last look, and when that was. */
  lookedAtMs: number
  handedOverAtLook = 0

  readonly #onReady: OnReady
  readonly #subscriptions: Subscriptions

  /** Enters itself and `count` subscriptions into the tables. */
  constructor(
    origin: SessionOrigin,
    codec: number,
    bucket: DelayBucket | null,
    subscriptions: Subscriptions,
    count: number,
    onReady: OnReady,
  ) {
    this.origin = origin
    this.codec = codec
    this.edge = origin.edge
    this.slot = origin.slot
    this.generation = origin.generation
    this.bucket = bucket
    this.lookedAtMs = origin.sinceMs
    this.#onReady = onReady
    this.#subscriptions = subscriptions
    subscriptions.open(this, count)
    this.state = IDLE
  }

  get state(): number {
    return this.#state
  }

  set state(state: number) {
    this.#state = state
    if (this.number !== NONE) this.#subscriptions.idle[this.number] = state === IDLE ? 1 : 0
  }

  get count(): number {
    return this.end - this.first
  }

  /** It was idle, and has something to send. */
  onReady(): void {
    this.#onReady(this)
  }
}

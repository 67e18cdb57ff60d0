/**
 * A client's subscriptions and what it lacks. It knows where its connection is (edge thread, slot, generation) but no
 * socket. Its list of dirty subscriptions is in the order of their first marks.
 *
 * States: IDLE (nothing to send), READY (queued for its flush), GATHERING (waits in the bucket of its maxDelay),
 * BLOCKED (has something, and its connection's window is full), ENDING (only its last words are left), ENDED.
 */

import type { DelayBucket } from './delay-buckets.ts'
import type { Encoding, Mode, OnLost } from './stream-request.ts'
import type { Subscription } from './subscription.ts'

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
  readonly subscriptions: Subscription[] = []
  state: number = IDLE
  dirtyHead: Subscription | null = null
  dirtyTail: Subscription | null = null
  /** When the oldest update that may be sent was received, in ms; NaN when none may. What is held has its own. */
  waitingSinceMs = Number.NaN

  /** The ledger (law 8): of what was published to this session, what became of it. */
  handedOver = 0
  conflated = 0
  dropped = 0
  /** For the rate in /sessions: handed over at the last look, and when that was. */
  lookedAtMs: number
  handedOverAtLook = 0

  readonly #onReady: OnReady

  constructor(origin: SessionOrigin, codec: number, bucket: DelayBucket | null, onReady: OnReady) {
    this.origin = origin
    this.codec = codec
    this.edge = origin.edge
    this.slot = origin.slot
    this.generation = origin.generation
    this.bucket = bucket
    this.lookedAtMs = origin.sinceMs
    this.#onReady = onReady
  }

  addDirty(subscription: Subscription): void {
    subscription.nextDirty = null
    if (this.dirtyTail === null) this.dirtyHead = subscription
    else this.dirtyTail.nextDirty = subscription
    this.dirtyTail = subscription
    if (this.state === IDLE) this.#onReady(this)
  }

  /** Takes the first `count` dirty subscriptions off the list; the caller has their states set. */
  dropDirty(count: number): void {
    let head = this.dirtyHead
    for (let i = 0; i < count; i++) head = head!.nextDirty
    this.dirtyHead = head
    if (head === null) this.dirtyTail = null
  }

  /** Moves the first dirty subscription behind the others, so that one with much to send does not starve them. */
  rotateDirty(): void {
    const head = this.dirtyHead
    if (head === null || head === this.dirtyTail) return
    this.dirtyHead = head.nextDirty
    head.nextDirty = null
    this.dirtyTail!.nextDirty = head
    this.dirtyTail = head
  }
}

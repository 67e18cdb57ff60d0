/**
 * Sessions that gave the server time to gather (`maxDelay`), grouped so that one timer serves many and their writes do
 * not all fall into one moment: each interval has a few phases, and a session flushes at its phase's next turn.
 *
 * Invariant: a bucket is on the wheel exactly when a session gathers in it; one without members is forgotten.
 */

import type { Timed, TimingWheel } from '#src/time/timing-wheel.ts'
import type { Session } from './session.ts'

/** Measured: 4 to 20 phases cost 3 to 12 % CPU and take a third off the p99 (design, "Bursts"). */
const PHASES = 8

export class DelayBucket implements Timed {
  readonly intervalMs: number
  readonly phaseMs: number
  members = 0
  readonly gathering: Session[] = []
  timerDueMs = 0
  timerNext: Timed | null = null
  timerPrev: Timed | null = null
  readonly #onTurn: (bucket: DelayBucket) => void

  constructor(intervalMs: number, phaseMs: number, onTurn: (bucket: DelayBucket) => void) {
    this.intervalMs = intervalMs
    this.phaseMs = phaseMs
    this.#onTurn = onTurn
  }

  onTimer(): void {
    this.#onTurn(this)
  }
}

export class DelayBuckets {
  readonly #wheel: TimingWheel
  readonly #onTurn: (bucket: DelayBucket) => void
  readonly #byInterval = new Map<number, DelayBucket[]>()
  #nextPhase = 0

  /** `onTurn` takes the sessions out of `bucket.gathering`. */
  constructor(wheel: TimingWheel, onTurn: (bucket: DelayBucket) => void) {
    this.#wheel = wheel
    this.#onTurn = onTurn
  }

  join(intervalMs: number): DelayBucket {
    let buckets = this.#byInterval.get(intervalMs)
    if (buckets === undefined) {
      buckets = []
      for (let i = 0; i < PHASES; i++) {
        buckets.push(new DelayBucket(intervalMs, (intervalMs * i) / PHASES, this.#onTurn))
      }
      this.#byInterval.set(intervalMs, buckets)
    }
    const bucket = buckets[this.#nextPhase++ % PHASES]!
    bucket.members++
    return bucket
  }

  leave(bucket: DelayBucket, session: Session): void {
    bucket.members--
    const at = bucket.gathering.indexOf(session)
    if (at >= 0) bucket.gathering.splice(at, 1)
    if (bucket.gathering.length === 0) this.#wheel.cancel(bucket)
    const buckets = this.#byInterval.get(bucket.intervalMs)!
    if (buckets.every(each => each.members === 0)) {
      this.#byInterval.delete(bucket.intervalMs)
      for (const each of buckets) this.#wheel.cancel(each)
    }
  }

  /** Every bucket's turn comes at once. */
  turnAll(): void {
    for (const buckets of this.#byInterval.values()) {
      for (const bucket of buckets) {
        this.#wheel.cancel(bucket)
        this.#onTurn(bucket)
      }
    }
  }

  gather(bucket: DelayBucket, session: Session, nowMs: number): void {
    if (bucket.gathering.length === 0) {
      const turns = Math.ceil((nowMs - bucket.phaseMs) / bucket.intervalMs)
      this.#wheel.schedule(bucket, turns * bucket.intervalMs + bucket.phaseMs)
    }
    bucket.gathering.push(session)
  }
}

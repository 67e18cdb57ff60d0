/**
 * A subscription's limit on how often it is sent something: after an update it is held until its next turn. Subscriptions
 * without a limit have no such object.
 */

import type { Timed } from '#src/time/timing-wheel.ts'
import type { Subscriptions } from './subscriptions.ts'

export class FrequencyLimit implements Timed {
  readonly subscription: number
  readonly session: number
  /** The least time between two updates. */
  readonly intervalMs: number
  nextTurnMs = 0
  isHeld = false
  /** When the oldest update that waits was received. */
  heldSinceMs = 0

  timerDueMs = 0
  timerNext: Timed | null = null
  timerPrev: Timed | null = null
  readonly #subscriptions: Subscriptions

  constructor(subscriptions: Subscriptions, subscription: number, session: number, intervalMs: number) {
    this.#subscriptions = subscriptions
    this.subscription = subscription
    this.session = session
    this.intervalMs = intervalMs
  }

  /** The turn has come for an update that was held. */
  onTimer(): void {
    this.isHeld = false
    this.#subscriptions.mark(this.subscription, this.session, this.heldSinceMs)
  }
}

/**
 * An interest's limit on how often it is sent something: after an update it is held until its next turn, or, when its
 * subscription is paused, until that is resumed. Interests without a limit have no such object.
 */

import type { Timed } from '#src/time/timing-wheel.ts'
import type { Interests } from './interests.ts'

export class FrequencyLimit implements Timed {
  interest: number
  readonly session: number
  /** The least time between two updates. */
  intervalMs: number
  isPaused = false
  nextTurnMs = 0
  isHeld = false
  /** When the oldest update that waits was received. */
  heldSinceMs = 0

  timerDueMs = 0
  timerNext: Timed | null = null
  timerPrev: Timed | null = null
  readonly #interests: Interests

  constructor(interests: Interests, interest: number, session: number, intervalMs: number) {
    this.#interests = interests
    this.interest = interest
    this.session = session
    this.intervalMs = intervalMs
  }

  /** The turn has come for an update that was held. */
  onTimer(): void {
    this.isHeld = false
    this.#interests.mark(this.interest, this.session, this.heldSinceMs)
  }
}

/**
 * One session's interest in one view, and all that is kept of what the session was sent: two counters and a few marks.
 * This is what a client that has stopped reading costs, for ever (law 2).
 *
 * Life in merge mode: *clean* (has everything) → marked by an update → *held* until its next turn when it has a
 * frequency limit that is not over yet → *dirty* (in its session's list) → clean again at the flush.
 * Raw mode is the same with a cursor on the item's log; dirty means that the cursor is behind the log's end.
 */

import type { Timed } from '#src/time/timing-wheel.ts'
import type { Session } from './session.ts'
import type { View } from './view.ts'

/** sentItemSeq of a subscription that is to begin, or to go on, with a snapshot. */
export const NEEDS_SNAPSHOT = -1

export const CLEAN = 0
export const HELD = 1
export const DIRTY = 2

export class Subscription implements Timed {
  readonly session: Session
  readonly view: View
  /** The place in the view's list. */
  index = 0
  state: typeof CLEAN | typeof HELD | typeof DIRTY = CLEAN
  /** Held: when the oldest update that waits was received. */
  heldSinceMs = 0
  nextDirty: Subscription | null = null

  /** The view's seq that the session has; -1 before it has anything of the item. */
  sentSeq = -1
  /** Merge: the item's seq up to which the session has every change. Raw: only whether it is NEEDS_SNAPSHOT. */
  sentItemSeq = NEEDS_SNAPSHOT
  /** The item's deletions as the session knows them; told anew when the item's differ. */
  sentDeletions = 0
  hasItem = false
  isStaleTold = false
  /** Raw: the position in the item's log of the next entry to send. */
  cursor = 0
  /** Raw: what the subscription has once the flush in the making is handed over: cursor, seq, whether stale was told. */
  nextCursor = 0
  nextSeq = 0
  nextIsStaleTold = false

  /** The least time between two updates in ms; 0 is no limit. */
  readonly intervalMs: number
  nextTurnMs = 0

  timerDueMs = 0
  timerNext: Timed | null = null
  timerPrev: Timed | null = null

  constructor(session: Session, view: View, intervalMs: number) {
    this.session = session
    this.view = view
    this.intervalMs = intervalMs
  }

  /** The turn has come for an update that was held. */
  onTimer(): void {
    const { session } = this
    this.state = DIRTY
    // Math.min is NaN where nothing else waits.
    session.waitingSinceMs = Math.min(session.waitingSinceMs, this.heldSinceMs) || this.heldSinceMs
    session.addDirty(this)
  }
}

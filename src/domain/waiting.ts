/** What waits for a session, as /sessions and /metrics show it: counted by a walk over its interests. */

import { HAS_ITEM, type Interests, NONE } from './interests.ts'
import type { Session } from './session.ts'
import { changedCount, type View } from './view.ts'

/** Merge mode: whether an update is due, be it a change or the whole value. Values may pass a filter anew and be what they were. */
export function lacksUpdate({ positions, flags, deletions }: Interests, view: View, interest: number): boolean {
  const { item } = view
  if (!view.isShown) return false
  const position = positions[interest]!
  const hasItem = (flags[interest]! & HAS_ITEM) !== 0 && deletions[interest] === item.deletions
  return !hasItem || position < item.replacedAt || changedCount(view, position) > 0
}

/** How many updates. */
export function waitingOf(interests: Interests, session: Session): number {
  let waiting = 0
  for (let interest = session.first; interest < session.end; interest++) {
    waiting += interests.views[interest]!.seq - interests.sentSeqs[interest]!
  }
  return waiting
}

/** When the oldest update that waits for the session was received; NaN when none does. */
export function waitingSinceMsOf(interests: Interests, session: Session): number {
  const sinceMs = session.number === NONE ? Number.NaN : interests.waitingSinceMs[session.number]!
  let oldestMs = Number.isNaN(sinceMs) ? Number.POSITIVE_INFINITY : sinceMs
  for (let interest = session.first; interest < session.end; interest++) {
    const limit = interests.limits[interest] ?? null
    if (limit?.isHeld === true) oldestMs = Math.min(oldestMs, limit.heldSinceMs)
  }
  return Number.isFinite(oldestMs) ? oldestMs : Number.NaN
}

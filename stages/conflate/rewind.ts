/**
 * Sets a session back to a position: its client has handled the flush of that position, and nothing behind it. What each
 * interest had then is found without a record of what was sent:
 *
 *  - an interest that was left behind by that flush had what the session's log says (left-log.ts), or, when it has not been
 *    served since, what it has now;
 *  - any other had everything up to that position: in merge mode what it lacks are the fields that changed behind it, of a
 *    table the rows, in raw and distinct mode the entries of the item's log that were made behind it;
 *  - one whose subscription began behind it, or whose item's replica came then, had nothing;
 *  - where the item was marked behind it, the mark is told again.
 *
 * The ledger: an update that has to be sent once more counts as recalled; it waits again.
 */

import {
  DEFINED,
  FOLLOWED,
  HAS_ITEM,
  type Interests,
  LEFT,
  NEEDS_SNAPSHOT,
  SNAPSHOT_DUE,
  STALE_TOLD,
  UNSURE,
} from '#src/domain/interests.ts'
import type { ItemLog } from '#src/domain/item-log.ts'
import { ENTRY_DELETED, ENTRY_FRESH, ENTRY_SNAPSHOT, ENTRY_STALE } from '#src/domain/item-log.ts'
import { NOT_LEFT } from '#src/domain/left-log.ts'
import { concerns } from '#src/domain/log-reach.ts'
import type { Session } from '#src/domain/session.ts'
import { TableLag } from '#src/domain/table-start.ts'
import type { View } from '#src/domain/view.ts'
import { lacksUpdate } from '#src/domain/waiting.ts'
import type { ClientErrorCode } from '#src/errors.ts'

export interface RewindDeps {
  readonly interests: Interests
  /** Updates of a session wait again; updates that waited are superseded. */
  readonly onRecalled: (session: Session, count: number) => void
  readonly onConflated: (session: Session, count: number) => void
  /** The next position. */
  readonly advance: () => number
  /** An interest lacks something. */
  readonly markWaiting: (interest: number, session: number) => void
  /** An interest begins anew, with a snapshot. */
  readonly beginAnew: (view: View, interest: number, session: number) => void
}

export class Rewinder {
  readonly #deps: RewindDeps
  readonly #lag = new TableLag()

  constructor(deps: RewindDeps) {
    this.#deps = deps
  }

  /** Whether the session can be set back to `position`; else why not. */
  hindrance(session: Session, position: number): ClientErrorCode | null {
    if (!session.wasSent(position)) return 'POSITION_UNKNOWN'
    if (position < (session.events?.horizon ?? 0)) return 'POSITION_TOO_OLD'
    if (session.isAt(position)) return null
    if (position < session.confirmedAt || position < (session.left?.horizon ?? 0)) return 'POSITION_TOO_OLD'
    const { views } = this.#deps.interests
    for (let interest = session.first; interest < session.end; interest++) {
      const view = views[interest]!
      if (view.isLogged && this.#isLogLost(session, view, interest, position)) return 'POSITION_TOO_OLD'
      if (view.hasFunctions && this.#isStretchLost(session, view, interest, position)) return 'POSITION_TOO_OLD'
    }
    return null
  }

  /** Sets the session back. `hindrance` has found none. */
  rewind(session: Session, position: number): void {
    if (session.isAt(position)) return
    const { interests } = this.#deps
    for (let interest = session.first; interest < session.end; interest++) {
      this.#rewindInterest(session, interest, position)
      interests.flags[interest]! &= ~DEFINED
    }
    session.left?.rewind(position)
    session.events?.rewind(position)
    session.voidFrom = position
    session.voidTo = session.sentAt
  }

  /** Everything the session has begins anew, behind a position at which its client has nothing. */
  restart(session: Session): void {
    const { advance } = this.#deps
    session.left?.rewind(0)
    session.voidFrom = session.startedAt - 1
    session.voidTo = session.sentAt
    session.sentAt = advance()
    session.events?.restart(session.sentAt)
    for (const subscription of session.subscriptions) subscription.startedAt = advance()
    for (let interest = session.first; interest < session.end; interest++) {
      this.#beginAnew(session, interest)
    }
  }

  /** The client has nothing of the interest. */
  #beginAnew(session: Session, interest: number): void {
    const { interests, beginAnew } = this.#deps
    this.#forget(session, interest)
    beginAnew(interests.views[interest]!, interest, session.number)
    // What was held before is held on: flushes leave it behind from its new beginning on.
    if (interests.limits[interest]?.isHeld !== true) return
    interests.flags[interest]! |= LEFT
    interests.leftAt[interest] = interests.owners[interest]!.startedAt
    session.hasLeft = true
  }

  #rewindInterest(session: Session, interest: number, position: number): void {
    const { interests } = this.#deps
    const view = interests.views[interest]!
    if (this.#beganBehind(view, interest, position)) {
      this.#beginAnew(session, interest)
      return
    }
    const seqBefore = interests.sentSeqs[interest]!
    const entry = session.left?.find(interest, position) ?? NOT_LEFT
    if (entry !== NOT_LEFT) {
      interests.leftAt[interest] = session.left!.restore(interests, entry)
      interests.flags[interest]! |= LEFT
      session.hasLeft = true
      // Where the next update is the newest, those that it takes the place of were counted as conflated.
      const isNumbered = view.isLogged && interests.positions[interest] !== NEEDS_SNAPSHOT
      if (!isNumbered) interests.sentSeqs[interest] = seqBefore
    } else if (!this.#isLeftSince(interest, position)) {
      if (view.isLogged) this.#rewindLogged(view, view.item.log!, interest, position)
      else this.#rewindState(view, interest, position)
    }
    this.#settle(session, view, interest, seqBefore)
  }

  /** Whether the client has nothing of it that was not sent behind `position`. */
  #beganBehind({ item }: View, interest: number, position: number): boolean {
    return this.#deps.interests.owners[interest]!.startedAt > position || item.beganAt > position
  }

  /** Whether flushes have left it behind, as it is now, up to the one at `position` and since. */
  #isLeftSince(interest: number, position: number): boolean {
    const { flags, leftAt } = this.#deps.interests
    return (flags[interest]! & LEFT) !== 0 && leftAt[interest]! <= position
  }

  /** Whether entries of the log that the session may need are gone, so that nobody knows how many. */
  #isLogLost(session: Session, view: View, interest: number, position: number): boolean {
    const { interests } = this.#deps
    if (this.#beganBehind(view, interest, position) || this.#isLeftSince(interest, position)) return false
    if ((session.left?.find(interest, position) ?? NOT_LEFT) !== NOT_LEFT) return false
    return interests.positions[interest] !== NEEDS_SNAPSHOT && view.item.log!.pushedOutAt > position
  }

  /** Whether what the item's functions come to behind the position is not known any more. */
  #isStretchLost(session: Session, view: View, interest: number, position: number): boolean {
    const { stretches } = view.item
    if (stretches === null || this.#beganBehind(view, interest, position)) return false
    if (this.#isLeftSince(interest, position)) return false
    const { bases } = this.#deps.interests
    const entry = session.left?.find(interest, position) ?? NOT_LEFT
    const from = entry !== NOT_LEFT ? session.left!.baseOf(entry) : Math.min(position, bases[interest]!)
    for (let column = 0; column < stretches.columns.count; column++) if (!stretches.hasFrom(column, from)) return true
    return false
  }

  #rewindState(view: View, interest: number, position: number): void {
    const { positions, bases, flags } = this.#deps.interests
    if (positions[interest]! > position) positions[interest] = position
    if (view.hasFunctions && bases[interest]! > position) bases[interest] = position
    if (view.rows !== null && (bases[interest]! > position || (flags[interest]! & SNAPSHOT_DUE) !== 0)) {
      // A table that was begun to be sent since was whole then.
      positions[interest] = position
      bases[interest] = position
      flags[interest]! &= ~SNAPSHOT_DUE
    }
    // Whether it passed the filter then is not known: it is told that it does not, or the whole value.
    if (view.filter !== null && view.turnedAt > position) {
      flags[interest]! |= HAS_ITEM | UNSURE
      positions[interest] = 0
    }
    if (view.item.markedAt > position) this.#tellMarkAgain(view, interest, position)
  }

  #rewindLogged(view: View, log: ItemLog, interest: number, position: number): void {
    const { interests } = this.#deps
    const sent = interests.positions[interest]!
    const first = log.firstBehind(position)
    if (sent === NEEDS_SNAPSHOT) return
    if (sent <= first) {
      // What came between did not concern it, and may be gone.
      interests.positions[interest] = first
      return
    }
    let updates = 0
    let deletions = 0
    let firstMark = -1
    for (let at = first; at < sent; at++) {
      const kind = log.kindAt(at)
      if (kind <= ENTRY_SNAPSHOT) updates += concerns(view, log, at) ? 1 : 0
      else if (firstMark < 0) firstMark = kind
      if (kind === ENTRY_DELETED) deletions++
    }
    interests.positions[interest] = first
    interests.sentSeqs[interest]! -= updates
    interests.deletions[interest]! -= deletions
    if (firstMark === ENTRY_FRESH) interests.flags[interest]! |= STALE_TOLD
    if (firstMark === ENTRY_STALE) interests.flags[interest]! &= ~STALE_TOLD
    if (firstMark === ENTRY_DELETED) interests.flags[interest]! |= UNSURE
  }

  /** What the client knows of the item's marks is not known. */
  #tellMarkAgain(view: View, interest: number, position: number): void {
    const { interests } = this.#deps
    const { item } = view
    if (item.deletedAt > position) {
      interests.flags[interest]! |= HAS_ITEM
      interests.deletions[interest] = item.deletions - 1
    } else if ((interests.flags[interest]! & HAS_ITEM) !== 0) {
      interests.flags[interest]! |= UNSURE
    }
  }

  /** Counts what waits again, and marks the interest when it lacks something. */
  #settle(session: Session, view: View, interest: number, seqBefore: number): void {
    const { interests, onRecalled, markWaiting } = this.#deps
    if (view.rows !== null) {
      const due = this.#lag.find(interests, view, interest).countMax(view)
      const waiting = view.seq - interests.sentSeqs[interest]!
      if (waiting < due) interests.sentSeqs[interest]! -= due - waiting
      const recalled = seqBefore - interests.sentSeqs[interest]!
      if (recalled > 0) onRecalled(session, recalled)
      if (!view.item.isAwaited) markWaiting(interest, session.number)
      return
    }
    const isUpdateDue = view.isLogged
      ? needsSnapshot(interests, view, interest)
      : lacksUpdate(interests, view, interest)
    if (isUpdateDue && interests.sentSeqs[interest] === view.seq) interests.sentSeqs[interest]!--
    const recalled = seqBefore - interests.sentSeqs[interest]!
    if (recalled > 0) onRecalled(session, recalled)
    const isBehind = interests.sentSeqs[interest]! < view.seq
    if (isBehind || isMarkDue(interests, view, interest) || isLogDue(interests, view, interest)) {
      markWaiting(interest, session.number)
    }
  }

  /** What was sent of an interest counts no more, and what waits of it goes with it. */
  #forget(session: Session, interest: number): void {
    const { interests } = this.#deps
    const view = interests.views[interest]!
    interests.flags[interest]! &= FOLLOWED
    const waiting = view.seq - interests.sentSeqs[interest]!
    if (waiting > 0) this.#deps.onConflated(session, waiting)
  }
}

/** Logged: the next update is not an entry of the log. */
function needsSnapshot(interests: Interests, { isShown }: View, interest: number): boolean {
  return isShown && interests.positions[interest] === NEEDS_SNAPSHOT
}

function isMarkDue(interests: Interests, { item, isIn, isLogged }: View, interest: number): boolean {
  const flags = interests.flags[interest]!
  if ((flags & HAS_ITEM) === 0) return false
  if (!isIn && !isLogged) return true
  if ((flags & UNSURE) !== 0 || interests.deletions[interest] !== item.deletions) return true
  return item.isStale !== ((flags & STALE_TOLD) !== 0)
}

/** Entries of the log, or where a snapshot ends though none of them is left of it. */
function isLogDue(interests: Interests, view: View, interest: number): boolean {
  if (!view.isLogged) return false
  if ((interests.flags[interest]! & SNAPSHOT_DUE) !== 0) return !view.item.isAwaited
  return needsSnapshot(interests, view, interest) || interests.positions[interest]! < view.item.log!.end
}

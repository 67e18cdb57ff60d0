/**
 * What a session has once a flush is in its edge's ring: each interest of it is set to that, and what the flush did
 * not carry is counted as conflated or dropped.
 *
 * Invariant: nothing is merged between a flush's collection and its handing over, so an interest that was served whole
 * has all that its view has now.
 *
 * Before an interest that flushes had left behind is served, what it had goes into its session's log (left-log.ts).
 */

import { TERSE } from '#src/codec/json-stream.ts'
import {
  DEFINED,
  FOLLOWED,
  HAS_ITEM,
  type Interests,
  LEFT,
  NEEDS_SNAPSHOT,
  NONE,
  SNAPSHOT_DUE,
  STALE_TOLD,
  UNSURE,
} from '#src/domain/interests.ts'
import { LeftLog } from '#src/domain/left-log.ts'
import { deletionsFrom } from '#src/domain/log-reach.ts'
import { NOTHING } from '#src/domain/row-view.ts'
import type { Session } from '#src/domain/session.ts'
import { TableLag } from '#src/domain/table-start.ts'
import type { View } from '#src/domain/view.ts'
import { lacksUpdate } from '#src/domain/waiting.ts'
import { M, type ThreadMetrics } from '#src/metrics/names.ts'
import type { Parts } from './flush-groups.ts'
import { lostBy } from './log-lack.ts'

/** What serving an interest leaves as it is. */
const KEPT_FLAGS = DEFINED | FOLLOWED

export class Handover {
  readonly #interests: Interests
  readonly #metrics: ThreadMetrics
  readonly #leftEntriesMax: number
  readonly #lag = new TableLag()
  /** Of the turn. */
  position = 0

  constructor(interests: Interests, metrics: ThreadMetrics, leftEntriesMax: number) {
    this.#interests = interests
    this.#metrics = metrics
    this.#leftEntriesMax = leftEntriesMax
  }

  /** What the flush of this turn leaves of a session waits on. */
  leave(session: Session, interest: number): void {
    const { flags, leftAt } = this.#interests
    session.hasLeft = true
    for (let left = interest; left !== NONE; left = this.#interests.nextWaiting(session, left)) {
      if ((flags[left]! & LEFT) !== 0) continue
      flags[left]! |= LEFT
      leftAt[left] = this.position
    }
  }

  /** The interest got a run (view.ts): updates only, and nothing of it was lost. */
  plain(session: Session, view: View, interest: number, nowMs: number): void {
    const { sentSeqs, positions, limits, flags } = this.#interests
    if (session.hasLeft && (flags[interest]! & LEFT) !== 0) this.#noteLeft(session, interest)
    if (!view.isLogged) {
      const conflated = view.seq - sentSeqs[interest]! - 1
      if (conflated > 0) this.#countConflated(session, conflated)
      const limit = limits[interest]!
      if (limit !== null) limit.nextTurnMs = nowMs + limit.intervalMs
      if (view.hasFunctions) this.#cut(view, interest)
    }
    positions[interest] = view.end
    sentSeqs[interest] = view.seq
  }

  merge(session: Session, view: View, interest: number, nowMs: number): void {
    const { sentSeqs, positions, limits } = this.#interests
    // Where nothing decides but the values that are shown, what was published is a change of them.
    const isSent = view.filter === null ? view.isShown : lacksUpdate(this.#interests, view, interest)
    if ((this.#interests.flags[interest]! & LEFT) !== 0) this.#noteLeft(session, interest)
    const published = view.seq - sentSeqs[interest]!
    const conflated = isSent ? published - 1 : published
    if (conflated > 0) this.#countConflated(session, conflated)
    positions[interest] = view.end
    this.#setSent(session, view, interest)
    if (view.hasFunctions) this.#standBehind(session, view, interest)
    // A mark alone is no update: the next one need not wait for it.
    const limit = limits[interest]!
    if (limit !== null && published > 0 && isSent) limit.nextTurnMs = nowMs + limit.intervalMs
  }

  /** Returns true when the subscription is to end because it lost updates. */
  logged(session: Session, view: View, interest: number): boolean {
    const { positions, sentSeqs } = this.#interests
    const { isShown } = view
    if ((this.#interests.flags[interest]! & LEFT) !== 0) this.#noteLeft(session, interest)
    const lost = lostBy(this.#interests, view, interest)
    if (lost > 0) {
      this.#countDropped(session, lost)
    } else if (positions[interest] === NEEDS_SNAPSHOT) {
      // What came between the request and its first flush stands in the snapshot.
      this.#countConflated(session, view.seq - sentSeqs[interest]! - (isShown ? 1 : 0))
    }
    const isCutOff = lost > 0 && view.mode === 'raw'
    const isEnding = isCutOff && this.#interests.owners[interest]!.onLost === 'end'
    if (isCutOff && !isEnding && isShown) this.#metrics.add(M.updatesPublished, 1)
    positions[interest] = view.end
    this.#setSent(session, view, interest)
    return isEnding
  }

  /** Everything of a table. What it was sent from the beginning counts as so many updates, whatever had waited. */
  table(session: Session, view: View, interest: number, nowMs: number): void {
    const { sentSeqs, positions, limits } = this.#interests
    if ((this.#interests.flags[interest]! & LEFT) !== 0) this.#noteLeft(session, interest)
    const due = this.#rowsDue(session, view, interest)
    const published = view.seq - sentSeqs[interest]!
    if (published > due) this.#countConflated(session, published - due)
    positions[interest] = view.end
    this.#interests.bases[interest] = view.end
    this.#setSent(session, view, interest)
    const limit = limits[interest]!
    // What is left of a table that was sent in parts may be no row.
    const isLastPart = this.#lag.isSending && this.#lag.from !== NOTHING
    if (limit !== null && (due > 0 || isLastPart)) limit.nextTurnMs = nowMs + limit.intervalMs
  }

  /** A part of a table: `seq` is how many rows. */
  #tablePart(session: Session, view: View, interest: number, parts: Parts, member: number): void {
    const { flags, positions, sentSeqs, deletions, bases } = this.#interests
    this.#rowsDue(session, view, interest)
    const { from, isSending } = this.#lag
    if (from === NOTHING) bases[interest] = view.end
    positions[interest] = parts.positions[member]!
    sentSeqs[interest]! += parts.seqs[member]!
    deletions[interest] = view.item.deletions
    const kept = (flags[interest]! & KEPT_FLAGS) | (session.codec === TERSE ? DEFINED : 0)
    const known = view.item.isKnown ? HAS_ITEM : 0
    const stale = parts.isStaleTold[member] === 1 ? STALE_TOLD : 0
    flags[interest] = kept | known | stale | (isSending ? SNAPSHOT_DUE : 0)
  }

  /** Rows that the interest lacks. A table that is sent anew is published anew: exactly its rows wait from then on. */
  #rowsDue(session: Session, view: View, interest: number): number {
    const { sentSeqs } = this.#interests
    const due = this.#lag.find(this.#interests, view, interest).count(view)
    const waiting = view.seq - sentSeqs[interest]!
    if (this.#lag.from !== NOTHING || waiting === due) return due
    if (waiting < due) this.#metrics.add(M.updatesPublished, due - waiting)
    else this.#countConflated(session, waiting - due)
    sentSeqs[interest] = view.seq - due
    return due
  }

  /** A logged interest, or one of a table, has a part of what it lacks. */
  part(session: Session, interest: number, parts: Parts, member: number): void {
    const { positions, sentSeqs, deletions, flags, views } = this.#interests
    const view = views[interest]!
    const { item } = view
    if ((flags[interest]! & LEFT) !== 0) this.#noteLeft(session, interest)
    if (view.rows !== null) {
      this.#tablePart(session, view, interest, parts, member)
      return
    }
    const lost = parts.losts[member]!
    if (lost > 0) this.#countDropped(session, lost)
    const position = parts.positions[member]!
    positions[interest] = position
    sentSeqs[interest] = parts.seqs[member]!
    if (deletions[interest] !== item.deletions) {
      deletions[interest] = item.deletions - deletionsFrom(item.log!, position)
    }
    const kept = (flags[interest]! & (KEPT_FLAGS | UNSURE | SNAPSHOT_DUE)) | (session.codec === TERSE ? DEFINED : 0)
    flags[interest] = kept | (item.isKnown ? HAS_ITEM : 0) | (parts.isStaleTold[member] === 1 ? STALE_TOLD : 0)
  }

  /**
   * What its fields' functions came to has been told. Where the item does not pass the filter it is told when it does again:
   * so much this flush has left behind.
   */
  #standBehind(session: Session, view: View, interest: number): void {
    if (view.isIn) {
      this.#cut(view, interest)
      return
    }
    const { flags, leftAt } = this.#interests
    session.hasLeft = true
    flags[interest]! |= LEFT
    leftAt[interest] = this.position
  }

  /** It stands behind all updates of the item's functions. */
  #cut(view: View, interest: number): void {
    this.#interests.bases[interest] = view.end
    view.item.stretches?.cut()
  }

  /** The session has everything of the view. */
  #setSent(session: Session, view: View, interest: number): void {
    const { seq, item } = view
    const { sentSeqs, deletions, flags } = this.#interests
    sentSeqs[interest] = seq
    deletions[interest] = item.deletions
    const kept = (flags[interest]! & KEPT_FLAGS) | (session.codec === TERSE ? DEFINED : 0)
    const isHad = view.isLogged || view.rows !== null ? item.isKnown : view.isShown
    flags[interest] = kept | (isHad ? (item.isStale ? HAS_ITEM | STALE_TOLD : HAS_ITEM) : 0)
  }

  /** An interest that was left behind is served now. Where no flush came between, none has left it behind. */
  #noteLeft(session: Session, interest: number): void {
    const { flags, leftAt } = this.#interests
    const from = leftAt[interest]!
    flags[interest]! &= ~LEFT
    if (session.sentAt < from) return
    session.left ??= new LeftLog(this.#leftEntriesMax)
    session.left.append(this.#interests, interest, from, this.position)
  }

  #countDropped(session: Session, count: number): void {
    session.dropped += count
    this.#metrics.add(M.updatesDropped, count)
  }

  #countConflated(session: Session, count: number): void {
    session.conflated += count
    this.#metrics.add(M.updatesConflated, count)
  }
}

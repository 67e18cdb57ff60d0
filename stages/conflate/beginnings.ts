/**
 * How an interest begins that has nothing of its item: with a snapshot, which counts as published to it; or, where its
 * subscription or the item's rule wants none, with the next change.
 */

import { HAS_ITEM, type Interests, LEFT, NEEDS_SNAPSHOT, SNAPSHOT_DUE, STALE_TOLD } from '#src/domain/interests.ts'
import { NOTHING } from '#src/domain/row-view.ts'
import type { View } from '#src/domain/view.ts'
import { M, type ThreadMetrics } from '#src/metrics/names.ts'

export class Beginnings {
  readonly #interests: Interests
  readonly #metrics: ThreadMetrics

  constructor(interests: Interests, metrics: ThreadMetrics) {
    this.#interests = interests
    this.#metrics = metrics
  }

  /** Begins an interest; true when it has something to send. `isNew`: its item has just got its first value. */
  begin(view: View, interest: number, session: number, isNew: boolean): boolean {
    const { owners, deletions } = this.#interests
    const { item } = view
    const isWanted = owners[interest]!.hasSnapshot
    const hasSnapshot = isWanted && item.settings.hasSnapshot
    deletions[interest] = item.deletions
    const isDue = this.#begin(view, interest, session, isWanted, hasSnapshot, isNew)
    const isEndTold = view.rows !== null || view.mode === 'distinct'
    if (!isEndTold || !item.isAwaited) return isDue
    // Where its snapshot ends is told when its home has told what it is: all flushes up to then leave that behind.
    this.#leave(interest, session)
    return false
  }

  #begin(
    view: View,
    interest: number,
    session: number,
    isWanted: boolean,
    hasSnapshot: boolean,
    isNew: boolean,
  ): boolean {
    if (view.rows !== null) return this.#beginTable(view, interest, view.rows.count)
    if (view.mode === 'distinct') return this.#beginHistory(view, interest, isWanted, hasSnapshot, isNew)
    return this.#beginState(view, interest, session, hasSnapshot, isNew)
  }

  /** Merge and raw mode: one snapshot, of what the item is when it is sent. */
  #beginState(view: View, interest: number, session: number, hasSnapshot: boolean, isNew: boolean): boolean {
    const { positions, bases, sentSeqs, flags } = this.#interests
    const { item } = view
    if (view.hasFunctions) {
      // What its fields come to is told from here on, so that all who begin here get the same in sum. Who waited for the item
      // by the beginning of its name has waited for its first update, too.
      bases[interest] = isNew ? item.position - 1 : item.position
      item.stretches?.cut()
      if (!view.isIn) this.#leave(interest, session)
    }
    // What the log has taken in since the view's last change did not concern it.
    const end = view.isLogged ? item.log!.end : view.end
    if (view.isShown && !isNew && !hasSnapshot) {
      positions[interest] = end
      sentSeqs[interest] = view.seq
      flags[interest]! |= item.isStale ? HAS_ITEM | STALE_TOLD : HAS_ITEM
      return false
    }
    const { isShown } = view
    positions[interest] = isShown ? NEEDS_SNAPSHOT : end
    sentSeqs[interest] = isShown ? view.seq - 1 : view.seq
    if (isShown) this.#metrics.add(M.updatesPublished, 1)
    return isShown
  }

  /** All flushes leave it behind until it is served: what its fields come to while the item does not pass its filter, say. */
  #leave(interest: number, session: number): void {
    const { flags, leftAt, owners, sessions } = this.#interests
    flags[interest]! |= LEFT
    leftAt[interest] = owners[interest]!.startedAt
    sessions[session]!.hasLeft = true
  }

  /** The newest updates that the log has, and where they end, which is told to who wanted any. */
  #beginHistory(view: View, interest: number, isWanted: boolean, hasSnapshot: boolean, isNew: boolean): boolean {
    const { positions, sentSeqs, flags, owners } = this.#interests
    const { item, reach } = view
    const log = item.log!
    const wanted = hasSnapshot ? (owners[interest]!.historyMax ?? item.settings.historyMax) : 0
    const count = item.isKnown ? reach.history(log, isNew ? Math.max(1, wanted) : wanted) : 0
    positions[interest] = reach.start(log, count)
    sentSeqs[interest] = view.seq - count
    if (item.isKnown) flags[interest]! |= item.isStale && !isWanted ? HAS_ITEM | STALE_TOLD : HAS_ITEM
    if (isWanted) flags[interest]! |= SNAPSHOT_DUE
    this.#metrics.add(M.updatesPublished, count)
    return isWanted || isNew
  }

  /** The whole table, each row of which counts as an update, and where it ends. */
  #beginTable(view: View, interest: number, rows: number): boolean {
    const { positions, bases, sentSeqs, flags } = this.#interests
    positions[interest] = NOTHING
    bases[interest] = NOTHING
    sentSeqs[interest] = view.seq - rows
    flags[interest]! |= SNAPSHOT_DUE
    this.#metrics.add(M.updatesPublished, rows)
    return true
  }
}

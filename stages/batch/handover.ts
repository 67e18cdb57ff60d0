/**
 * What a session has once a flush is in its edge's ring: each subscription of it is set to that, and what the flush did
 * not carry is counted as conflated or dropped.
 *
 * Invariant: nothing is merged between a flush's collection and its handing over, so a subscription that was served whole
 * has all that its view has now.
 */

import type { Session } from '#src/domain/session.ts'
import { HAS_ITEM, NEEDS_SNAPSHOT, STALE_TOLD, type Subscriptions } from '#src/domain/subscriptions.ts'
import type { View } from '#src/domain/view.ts'
import { M, type ThreadMetrics } from '#src/metrics/names.ts'
import type { Parts } from './flush-groups.ts'

/** How many updates a raw subscription has lost: all that it lacks when the log has pushed out the first of them. */
export function lostBy({ positions, sentSeqs }: Subscriptions, view: View, subscription: number): number {
  const position = positions[subscription]!
  if (position === NEEDS_SNAPSHOT || position >= view.item.log!.first) return 0
  return view.seq - sentSeqs[subscription]!
}

export class Handover {
  readonly #subscriptions: Subscriptions
  readonly #metrics: ThreadMetrics

  constructor(subscriptions: Subscriptions, metrics: ThreadMetrics) {
    this.#subscriptions = subscriptions
    this.#metrics = metrics
  }

  /** The subscription got a run (view.ts): updates only, and nothing of it was lost. */
  plain(session: Session, view: View, subscription: number, nowMs: number): void {
    const { sentSeqs, positions, limits } = this.#subscriptions
    if (view.mode !== 'raw') {
      const conflated = view.seq - sentSeqs[subscription]! - 1
      if (conflated > 0) this.#countConflated(session, conflated)
      const limit = limits[subscription]!
      if (limit !== null) limit.nextTurnMs = nowMs + limit.intervalMs
    }
    positions[subscription] = view.end
    sentSeqs[subscription] = view.seq
  }

  merge(session: Session, view: View, subscription: number, nowMs: number): void {
    const { sentSeqs, positions, limits } = this.#subscriptions
    const { item } = view
    const published = view.seq - sentSeqs[subscription]!
    const conflated = item.isKnown ? published - 1 : published
    if (conflated > 0) this.#countConflated(session, conflated)
    positions[subscription] = view.end
    this.#setSent(view, subscription)
    // A mark alone is no update: the next one need not wait for it.
    const limit = limits[subscription]!
    if (limit !== null && published > 0 && item.isKnown) limit.nextTurnMs = nowMs + limit.intervalMs
  }

  /** Returns true when the session is to end because it lost updates. */
  raw(session: Session, view: View, subscription: number): boolean {
    const { positions, sentSeqs } = this.#subscriptions
    const { item } = view
    const lost = lostBy(this.#subscriptions, view, subscription)
    if (lost > 0) {
      session.dropped += lost
      this.#metrics.add(M.updatesDropped, lost)
    } else if (positions[subscription] === NEEDS_SNAPSHOT) {
      // What came between the request and its first flush stands in the snapshot.
      this.#countConflated(session, view.seq - sentSeqs[subscription]! - (item.isKnown ? 1 : 0))
    }
    const isEnding = lost > 0 && session.origin.onLost === 'end'
    if (lost > 0 && !isEnding && item.isKnown) this.#metrics.add(M.updatesPublished, 1)
    positions[subscription] = view.end
    this.#setSent(view, subscription)
    return isEnding
  }

  /** A raw subscription has a part of what it lacks, none of which it has lost. */
  part(subscription: number, parts: Parts, member: number): void {
    const { positions, sentSeqs, deletions, flags, views } = this.#subscriptions
    const { item } = views[subscription]!
    positions[subscription] = parts.positions[member]!
    sentSeqs[subscription] = parts.seqs[member]!
    deletions[subscription] = item.deletions
    flags[subscription] = (item.isKnown ? HAS_ITEM : 0) | (parts.isStaleTold[member] === 1 ? STALE_TOLD : 0)
  }

  /** The session has everything of the view. */
  #setSent({ seq, item }: View, subscription: number): void {
    const { sentSeqs, deletions, flags } = this.#subscriptions
    sentSeqs[subscription] = seq
    deletions[subscription] = item.deletions
    flags[subscription] = item.isKnown ? (item.isStale ? HAS_ITEM | STALE_TOLD : HAS_ITEM) : 0
  }

  #countConflated(session: Session, count: number): void {
    session.conflated += count
    this.#metrics.add(M.updatesConflated, count)
  }
}

/**
 * Decides what one flush of a session holds: walks what waits, in turn, and adds the bodies of each subscription to the
 * groups' tokens, as long as they fit. It changes nothing that a session has; that is done when the flush is handed over.
 *
 * A *unit* is what goes together or not at all: all of a merge subscription, one entry of a raw one. A flush holds at
 * most `budget` bytes, but for a first unit on a connection with nothing else in flight, which may be larger and goes alone.
 */

import { ENTRY_SNAPSHOT, ENTRY_STALE } from '#src/domain/item-log.ts'
import type { Session } from '#src/domain/session.ts'
import { HAS_ITEM, NEEDS_SNAPSHOT, NONE, STALE_TOLD, type Subscriptions } from '#src/domain/subscriptions.ts'
import type { View } from '#src/domain/view.ts'
import { Bodies, concerns, NO_ROOM } from './bodies.ts'
import { type FlushGroups, PARTIAL, PLAIN, WHOLE } from './flush-groups.ts'
import { lostBy } from './handover.ts'

export class Collector {
  readonly #bodies: Bodies
  readonly #groups: FlushGroups
  readonly #subscriptions: Subscriptions
  /** Of the flush: its length, its updates, how many subscriptions it serves whole, PLAIN, WHOLE or PARTIAL. */
  flushBytes = 0
  flushUpdates = 0
  taken = 0
  kind: number = PLAIN
  /** The turn has no room for more bodies. */
  isTurnFull = false
  /** PARTIAL: what the raw subscription behind the taken ones then has. */
  position = 0
  seq = 0
  isStaleTold = false
  #budget = 0
  #isAlone = false
  /** Of the unit. */
  #unitToken = 0
  #unitBytes = 0
  #unitUpdates = 0
  #isUnitCut = false

  constructor(bodies: Bodies, groups: FlushGroups, subscriptions: Subscriptions) {
    this.#bodies = bodies
    this.#groups = groups
    this.#subscriptions = subscriptions
  }

  /** `isAlone`: nothing else is in flight to the connection. */
  collect(session: Session, budget: number, isAlone: boolean): void {
    const subscriptions = this.#subscriptions
    const groups = this.#groups
    this.flushBytes = 0
    this.flushUpdates = 0
    this.isTurnFull = false
    this.#budget = budget
    this.#isAlone = isAlone
    let taken = 0
    let kind = PLAIN
    for (
      let subscription = subscriptions.firstWaiting(session);
      subscription !== NONE;
      subscription = subscriptions.nextWaiting(session, subscription)
    ) {
      const view = subscriptions.views[subscription]!
      if (this.#collectRun(session.codec, view, subscription)) {
        taken++
        continue
      }
      kind = WHOLE
      const tokensBefore = groups.tokenCount
      const isRaw = view.mode === 'raw'
      const isWhole = isRaw
        ? this.#collectRaw(session, view, subscription)
        : this.#collectMerge(session.codec, view, subscription)
      if (!isWhole) {
        if (isRaw && groups.tokenCount > tokensBefore) kind = PARTIAL
        break
      }
      taken++
    }
    this.taken = taken
    this.kind = kind
  }

  /** Adds a merge subscription's bodies, all or none. */
  #collectMerge(codec: number, view: View, subscription: number): boolean {
    this.#beginUnit()
    const bodies = this.#bodies
    const { flags, deletions, positions } = this.#subscriptions
    const { item } = view
    const flag = flags[subscription]!
    const isDeleted = (flag & HAS_ITEM) !== 0 && deletions[subscription] !== item.deletions
    if (isDeleted) this.#take(bodies.deleted(view, codec))
    if (item.isKnown) {
      const hasItem = (flag & HAS_ITEM) !== 0 && !isDeleted
      const isStaleTold = hasItem && (flag & STALE_TOLD) !== 0
      const position = positions[subscription]!
      const isPlain = hasItem && !isStaleTold && !item.isStale && position >= item.replacedSeq
      const firstToken = this.#groups.tokenCount
      if (isStaleTold && !item.isStale) this.#take(bodies.stale(view, codec, false))
      if (!hasItem || position < item.replacedSeq) {
        this.#takeUpdate(bodies.snapshot(view, codec))
      } else {
        const count = Bodies.changedCount(view, position)
        if (count > 0) this.#takeUpdate(bodies.delta(view, codec, position, count))
      }
      if (item.isStale && !isStaleTold) this.#take(bodies.stale(view, codec, true))
      if (isPlain && !this.#isUnitCut && this.#groups.tokenCount > firstToken) {
        bodies.keepRun(view, codec, position, 0, this.#groups, firstToken)
      }
    }
    return this.#endUnit()
  }

  /** Adds what others in step have got, where that is known and fits. */
  #collectRun(codec: number, view: View, subscription: number): boolean {
    const run = view.runOf(codec)
    if (run === null || run.to !== view.end || run.epoch !== this.#bodies.heap.epoch) return false
    const { positions, sentSeqs, flags } = this.#subscriptions
    if (run.from !== positions[subscription]) return false
    const isSame = view.mode === 'raw' ? run.seq === sentSeqs[subscription] : flags[subscription] === HAS_ITEM
    if (!isSame || this.flushBytes + run.length > this.#budget || !this.#groups.hasTokenRoom(1)) return false
    this.#groups.push(run.offset, run.length, run.last)
    this.flushBytes += run.length
    this.flushUpdates += run.updates
    return true
  }

  /**
   * Adds as many of a raw subscription's entries as fit. Returns true when it then has everything; else `position`,
   * `seq` and `isStaleTold` say what it has.
   */
  #collectRaw(session: Session, view: View, subscription: number): boolean {
    const log = view.item.log!
    const { positions, sentSeqs, flags } = this.#subscriptions
    const start = positions[subscription]!
    if (start === NEEDS_SNAPSHOT || start < log.first) return this.#collectAnew(session, view, subscription)
    let seq = sentSeqs[subscription]!
    const { end } = log
    const firstSeq = seq
    const firstToken = this.#groups.tokenCount
    let isStaleTold = (flags[subscription]! & STALE_TOLD) !== 0
    for (let position = start; position < end; position++) {
      const isUpdate = log.kindAt(position) <= ENTRY_SNAPSHOT
      if (isUpdate && !concerns(view, log, position)) continue
      this.#beginUnit()
      const body = this.#bodies.entry(view, session.codec, log, position, seq + 1)
      if (isUpdate) this.#takeUpdate(body)
      else this.#take(body)
      if (!this.#endUnit()) {
        this.position = position
        this.seq = seq
        this.isStaleTold = isStaleTold
        return false
      }
      if (isUpdate) seq++
      else isStaleTold = log.kindAt(position) === ENTRY_STALE
    }
    const count = this.#groups.tokenCount - firstToken
    // Marks change more than counters: what holds one is no run.
    if (count > 0 && count === seq - firstSeq) {
      this.#bodies.keepRun(view, session.codec, start, firstSeq, this.#groups, firstToken)
    }
    return true
  }

  /** A raw subscription that begins, or that fell off the log's end: what it lost, and a snapshot unless it ends. */
  #collectAnew(session: Session, view: View, subscription: number): boolean {
    const bodies = this.#bodies
    const { codec, origin } = session
    const { positions, flags } = this.#subscriptions
    const { item } = view
    const flag = flags[subscription]!
    const lost = lostBy(this.#subscriptions, view, subscription)
    this.#beginUnit()
    if (lost > 0) this.#take(bodies.lost(view, codec, lost))
    const isBeginning = positions[subscription] === NEEDS_SNAPSHOT
    if (isBeginning || lost === 0 || origin.onLost === 'snapshot') {
      if (item.isKnown) {
        // Where the log has pushed out marks only, the values are those that the session has.
        if (isBeginning || lost > 0) this.#takeUpdate(bodies.snapshot(view, codec))
        // Marks went with the log's end: what they came to is told.
        const isMarksOnly = lost === 0 && !isBeginning
        if (isMarksOnly || item.isStale !== ((flag & STALE_TOLD) !== 0)) {
          this.#take(bodies.stale(view, codec, item.isStale))
        }
      } else if ((flag & HAS_ITEM) !== 0 || lost > 0) {
        this.#take(bodies.deleted(view, codec))
      }
    }
    return this.#endUnit()
  }

  #beginUnit(): void {
    this.#unitToken = this.#groups.tokenCount
    this.#unitBytes = 0
    this.#unitUpdates = 0
    this.#isUnitCut = false
  }

  #take(offset: number): void {
    if (offset === NO_ROOM || !this.#groups.hasTokenRoom(1)) {
      this.#isUnitCut = true
      this.isTurnFull = true
      return
    }
    this.#groups.push(offset, this.#bodies.length, 0)
    this.#unitBytes += this.#bodies.length
  }

  #takeUpdate(offset: number): void {
    this.#take(offset)
    this.#unitUpdates++
  }

  /** Keeps the unit when it fits the flush's budget, or stands alone on a connection with nothing in flight. */
  #endUnit(): boolean {
    const isFirst = this.#isAlone && this.flushBytes === 0
    if (this.#isUnitCut || (this.flushBytes + this.#unitBytes > this.#budget && !isFirst)) {
      this.#groups.tokenCount = this.#unitToken
      return false
    }
    this.flushBytes += this.#unitBytes
    this.flushUpdates += this.#unitUpdates
    return true
  }
}

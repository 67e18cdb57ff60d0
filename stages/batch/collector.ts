/**
 * Decides what one flush of a session holds: its own records first, then it walks what waits, in turn, and adds the
 * bodies of each interest to the groups' tokens, as long as they fit. It changes nothing that a session has; that is done
 * when the flush is handed over.
 *
 * A *unit* is what goes together or not at all: all of a merge interest, one entry of a raw one. A flush holds at
 * most `budget` bytes, but for a first unit on a connection with nothing else in flight, which may be larger and goes alone.
 */

import { TAG_BYTES_MAX, TERSE } from '#src/codec/json-stream.ts'
import {
  DEFINED,
  HAS_ITEM,
  type Interests,
  LEFT,
  NEEDS_SNAPSHOT,
  NONE,
  STALE_TOLD,
  UNSURE,
} from '#src/domain/interests.ts'
import type { Item } from '#src/domain/item.ts'
import { ENTRY_SNAPSHOT, ENTRY_STALE } from '#src/domain/item-log.ts'
import type { Session } from '#src/domain/session.ts'
import { changedCount, concerns, type View } from '#src/domain/view.ts'
import { type Bodies, NO_ROOM } from './bodies.ts'
import { type FlushGroups, PARTIAL, PLAIN, WHOLE } from './flush-groups.ts'
import { lostBy } from './handover.ts'

/** Flags that tell what a session knows, and whether its marks are as they should be. */
const TOLD_FLAGS = HAS_ITEM | STALE_TOLD | LEFT | UNSURE

export class Collector {
  readonly #bodies: Bodies
  readonly #groups: FlushGroups
  readonly #interests: Interests
  /** Of the flush: its length, its updates, how many interests it serves whole, PLAIN, WHOLE or PARTIAL. */
  flushBytes = 0
  flushUpdates = 0
  taken = 0
  kind: number = PLAIN
  /** How many of the session's events it holds. */
  events = 0
  /** The turn has no room for more bodies. */
  isTurnFull = false
  /** PARTIAL: what the raw interest behind the taken ones then has. */
  position = 0
  seq = 0
  isStaleTold = false
  #budget = 0
  /** Which flags a run asks for of an interest in merge mode, and how they are to be. */
  #toldFlags = TOLD_FLAGS
  #plainFlags = HAS_ITEM
  #isAlone = false
  /** Of the unit. */
  #unitTag = 0
  #unitToken = 0
  #unitBytes = 0
  #unitUpdates = 0
  #isUnitCut = false

  constructor(bodies: Bodies, groups: FlushGroups, interests: Interests) {
    this.#bodies = bodies
    this.#groups = groups
    this.#interests = interests
  }

  /** `isAlone`: nothing else is in flight to the connection. */
  collect(session: Session, budget: number, isAlone: boolean): void {
    const interests = this.#interests
    const groups = this.#groups
    this.flushBytes = 0
    this.flushUpdates = 0
    this.events = 0
    this.taken = 0
    this.isTurnFull = false
    this.#budget = budget
    this.#isAlone = isAlone
    const { codec } = session
    const isTagged = session.isTagged && codec !== TERSE
    this.#toldFlags = codec === TERSE ? TOLD_FLAGS | DEFINED : TOLD_FLAGS
    this.#plainFlags = codec === TERSE ? HAS_ITEM | DEFINED : HAS_ITEM
    let taken = 0
    let kind = PLAIN
    this.kind = PLAIN
    if (session.welcome !== null || session.isAnswerDue || (session.events?.waitingCount ?? 0) > 0) {
      if (!this.#collectOwn(session)) return
    }
    for (
      let interest = interests.firstWaiting(session);
      interest !== NONE;
      interest = interests.nextWaiting(session, interest)
    ) {
      const view = interests.views[interest]!
      const tag = isTagged ? interests.ids[interest]! : 0
      if (tag === 0 && this.#collectRun(codec, view, interest)) {
        taken++
        continue
      }
      kind = WHOLE
      const tokensBefore = groups.tokenCount
      const isRaw = view.mode === 'raw'
      const isWhole = isRaw
        ? this.#collectRaw(session, view, interest, tag)
        : this.#collectMerge(codec, view, interest, tag)
      if (!isWhole) {
        if (isRaw && groups.tokenCount > tokensBefore) kind = PARTIAL
        break
      }
      taken++
    }
    this.taken = taken
    this.kind = kind
  }

  /** Adds the session's welcome and events, as many as fit; false when some are left, which come before all data. */
  #collectOwn(session: Session): boolean {
    const { codec, welcome, events } = session
    const texts = events === null ? [] : events.waiting(this.#budget)
    if (welcome !== null) texts.unshift(welcome)
    if (texts.length === 0 && session.isAnswerDue && this.#interests.firstWaiting(session) === NONE) {
      return this.#takeOwn(this.#bodies.blank(codec))
    }
    for (const [index, text] of texts.entries()) {
      if (!this.#takeOwn(this.#bodies.event(codec, text))) return false
      if (index > 0 || welcome === null) this.events++
    }
    return events === null || this.events === events.waitingCount
  }

  #takeOwn(offset: number): boolean {
    if (offset === NO_ROOM || !this.#groups.hasTokenRoom(1)) {
      this.isTurnFull = true
      return false
    }
    const isFirst = this.#isAlone && this.flushBytes === 0
    if (this.flushBytes + this.#bodies.length > this.#budget && !isFirst) return false
    this.#groups.push(offset, this.#bodies.length, 0, 0)
    this.flushBytes += this.#bodies.length
    return true
  }

  /** Adds a merge interest's bodies, all or none. */
  #collectMerge(codec: number, view: View, interest: number, tag: number): boolean {
    this.#beginUnit(tag)
    this.#takeDefinition(codec, view, interest)
    const bodies = this.#bodies
    const { flags, deletions, positions } = this.#interests
    const { item } = view
    const flag = flags[interest]!
    const isDeleted = (flag & HAS_ITEM) !== 0 && deletions[interest] !== item.deletions
    if (isDeleted) this.#take(bodies.deleted(view, codec))
    if (item.isKnown) {
      const hasItem = (flag & HAS_ITEM) !== 0 && !isDeleted
      const isMarkDue = hasItem && isMarkUntold(flag, item)
      const position = positions[interest]!
      const isPlain = tag === 0 && hasItem && !isMarkDue && !item.isStale && position >= item.replacedAt
      const firstToken = this.#groups.tokenCount
      if (isMarkDue && !item.isStale) this.#take(bodies.stale(view, codec, false))
      if (!hasItem || position < item.replacedAt) {
        this.#takeUpdate(bodies.snapshot(view, codec))
      } else {
        const count = changedCount(view, position)
        if (count > 0) this.#takeUpdate(bodies.delta(view, codec, position, count))
      }
      if (item.isStale && (isMarkDue || !hasItem)) this.#take(bodies.stale(view, codec, true))
      if (isPlain && !this.#isUnitCut && this.#groups.tokenCount > firstToken) {
        bodies.keepRun(view, codec, position, 0, this.#groups, firstToken)
      }
    }
    return this.#endUnit()
  }

  /** Adds what others in step have got, where that is known and fits. */
  #collectRun(codec: number, view: View, interest: number): boolean {
    const run = view.runOf(codec)
    if (run === null || run.to !== view.end || run.epoch !== this.#bodies.heap.epoch) return false
    const { positions, sentSeqs, flags } = this.#interests
    if (run.from !== positions[interest]) return false
    const isSame =
      view.mode === 'raw' ? run.seq === sentSeqs[interest] : (flags[interest]! & this.#toldFlags) === this.#plainFlags
    if (!isSame || this.flushBytes + run.length > this.#budget || !this.#groups.hasTokenRoom(1)) return false
    this.#groups.push(run.offset, run.length, run.last, 0)
    this.flushBytes += run.length
    this.flushUpdates += run.updates
    return true
  }

  /**
   * Adds as many of a raw interest's entries as fit. Returns true when it then has everything; else `position`,
   * `seq` and `isStaleTold` say what it has.
   */
  #collectRaw(session: Session, view: View, interest: number, tag: number): boolean {
    const log = view.item.log!
    const { positions, sentSeqs, flags } = this.#interests
    const start = positions[interest]!
    if (start === NEEDS_SNAPSHOT || start < log.first) return this.#collectAnew(session, view, interest, tag)
    let seq = sentSeqs[interest]!
    const { end } = log
    const firstSeq = seq
    const firstToken = this.#groups.tokenCount
    let isStaleTold = (flags[interest]! & STALE_TOLD) !== 0
    if (session.codec === TERSE && (flags[interest]! & DEFINED) === 0) {
      this.#beginUnit(tag)
      this.#takeDefinition(session.codec, view, interest)
      if (!this.#endUnit()) return this.#leavePart(start, seq, isStaleTold)
    }
    for (let position = start; position < end; position++) {
      const isUpdate = log.kindAt(position) <= ENTRY_SNAPSHOT
      if (isUpdate && !concerns(view, log, position)) continue
      this.#beginUnit(tag)
      const body = this.#bodies.entry(view, session.codec, log, position, seq + 1)
      if (isUpdate) this.#takeUpdate(body)
      else this.#take(body)
      if (!this.#endUnit()) return this.#leavePart(position, seq, isStaleTold)
      if (isUpdate) seq++
      else isStaleTold = log.kindAt(position) === ENTRY_STALE
    }
    const count = this.#groups.tokenCount - firstToken
    // Marks change more than counters: what holds one is no run.
    if (tag === 0 && session.codec !== TERSE && count > 0 && count === seq - firstSeq) {
      this.#bodies.keepRun(view, session.codec, start, firstSeq, this.#groups, firstToken)
    }
    return true
  }

  /** A raw interest gets what comes before `position`. */
  #leavePart(position: number, seq: number, isStaleTold: boolean): boolean {
    this.position = position
    this.seq = seq
    this.isStaleTold = isStaleTold
    return false
  }

  /** A raw interest that begins, or that fell off the log's end: what it lost, and a snapshot unless it ends. */
  #collectAnew(session: Session, view: View, interest: number, tag: number): boolean {
    const bodies = this.#bodies
    const { codec } = session
    const { positions, flags, owners } = this.#interests
    const { item } = view
    const flag = flags[interest]!
    const lost = lostBy(this.#interests, view, interest)
    this.#beginUnit(tag)
    this.#takeDefinition(codec, view, interest)
    if (lost > 0) this.#take(bodies.lost(view, codec, lost))
    const isBeginning = positions[interest] === NEEDS_SNAPSHOT
    if (isBeginning || lost === 0 || owners[interest]!.onLost === 'snapshot') {
      if (item.isKnown) {
        // Where the log has pushed out marks only, the values are those that the session has.
        if (isBeginning || lost > 0) this.#takeUpdate(bodies.snapshot(view, codec))
        // Marks went with the log's end: what they came to is told.
        const isMarksOnly = lost === 0 && !isBeginning
        if (isMarksOnly || isMarkUntold(flag, item)) this.#take(bodies.stale(view, codec, item.isStale))
      } else if ((flag & HAS_ITEM) !== 0 || lost > 0) {
        this.#take(bodies.deleted(view, codec))
      }
    }
    return this.#endUnit()
  }

  /** Terse: a session is told once what a view's number stands for, before anything of it. */
  #takeDefinition(codec: number, view: View, interest: number): void {
    const { flags, ids } = this.#interests
    if (codec !== TERSE || (flags[interest]! & DEFINED) !== 0) return
    this.#take(this.#bodies.definition(view, ids[interest]!))
  }

  #beginUnit(tag: number): void {
    this.#unitTag = tag
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
    this.#groups.push(offset, this.#bodies.length, 0, this.#unitTag)
    this.#unitBytes += this.#bodies.length + (this.#unitTag === 0 ? 0 : TAG_BYTES_MAX)
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

/** Whether a session that has the item is to be told that it is stale, or is not. */
function isMarkUntold(flag: number, { isStale }: Item): boolean {
  return (flag & UNSURE) !== 0 || isStale !== ((flag & STALE_TOLD) !== 0)
}

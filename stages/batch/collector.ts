/**
 * Decides what one flush of a session holds: its own records first, then it walks what waits, in turn, and adds the
 * bodies of each interest to the draft, as long as they fit. It changes nothing that a session has; that is done when the
 * flush is handed over.
 */

import { TERSE } from '#src/codec/json-stream.ts'
import {
  DEFINED,
  HAS_ITEM,
  type Interests,
  LEFT,
  NONE,
  SNAPSHOT_DUE,
  STALE_TOLD,
  UNSURE,
} from '#src/domain/interests.ts'
import type { Session } from '#src/domain/session.ts'
import { changedCount, type View } from '#src/domain/view.ts'
import type { Bodies } from './bodies.ts'
import { Draft } from './draft.ts'
import { type FlushGroups, PARTIAL, type Part, PLAIN, WHOLE } from './flush-groups.ts'
import { LogLack } from './log-lack.ts'
import { isMarkUntold, takeDefinition } from './marks.ts'
import type { RowBlocks } from './row-blocks.ts'
import { TableLack } from './table-lack.ts'

/** Flags that tell what a session knows, and whether its marks are as they should be. */
const TOLD_FLAGS = HAS_ITEM | STALE_TOLD | LEFT | UNSURE

export class Collector {
  readonly draft: Draft
  readonly log: LogLack
  readonly table: TableLack
  /** PARTIAL: what the interest behind the taken ones then has. */
  part: Part
  readonly #interests: Interests
  /** Of the flush: how many interests it serves whole, and PLAIN, WHOLE or PARTIAL. */
  taken = 0
  kind: number = PLAIN
  /** How many of the session's events it holds. */
  events = 0
  /** Which flags a run asks for of an interest in merge mode, and how they are to be. */
  #toldFlags = TOLD_FLAGS
  #plainFlags = HAS_ITEM

  constructor(bodies: Bodies, blocks: RowBlocks, groups: FlushGroups, interests: Interests) {
    this.draft = new Draft(bodies, groups)
    this.log = new LogLack(this.draft, interests)
    this.table = new TableLack(this.draft, blocks, interests)
    this.part = this.log
    this.#interests = interests
  }

  /** `isAlone`: nothing else is in flight to the connection. */
  collect(session: Session, budget: number, isAlone: boolean): void {
    const interests = this.#interests
    const { draft } = this
    const { codec } = session
    draft.begin(codec, budget, isAlone)
    this.events = 0
    this.taken = 0
    this.kind = PLAIN
    const isTagged = session.isTagged && codec !== TERSE
    this.#toldFlags = codec === TERSE ? TOLD_FLAGS | DEFINED : TOLD_FLAGS
    this.#plainFlags = codec === TERSE ? HAS_ITEM | DEFINED : HAS_ITEM
    if (session.welcome !== null || session.isAnswerDue || (session.events?.waitingCount ?? 0) > 0) {
      if (!this.#collectOwn(session)) return
    }
    let taken = 0
    let kind = PLAIN
    for (
      let interest = interests.firstWaiting(session);
      interest !== NONE;
      interest = interests.nextWaiting(session, interest)
    ) {
      const view = interests.views[interest]!
      const tag = isTagged ? interests.ids[interest]! : 0
      if (tag === 0 && this.#collectRun(view, interest)) {
        taken++
        continue
      }
      kind = WHOLE
      const tokensBefore = draft.groups.tokenCount
      if (!this.#collect(view, interest, tag)) {
        if (view.mode !== 'merge' && draft.groups.tokenCount > tokensBefore) kind = PARTIAL
        this.part = view.isLogged ? this.log : this.table
        break
      }
      taken++
    }
    this.taken = taken
    this.kind = kind
  }

  /** Adds what an interest lacks; false when that is not all. */
  #collect(view: View, interest: number, tag: number): boolean {
    if (view.isLogged) return this.log.take(view, interest, tag)
    if (view.rows !== null) return this.table.take(view, interest, tag)
    return this.#collectMerge(view, interest, tag)
  }

  /** Adds the session's welcome and events, as many as fit; false when some are left, which come before all data. */
  #collectOwn(session: Session): boolean {
    const { codec, welcome, events } = session
    const { draft } = this
    const texts = events === null ? [] : events.waiting(draft.room)
    if (welcome !== null) texts.unshift(welcome)
    if (texts.length === 0 && session.isAnswerDue && this.#interests.firstWaiting(session) === NONE) {
      return draft.takeOwn(draft.bodies.blank(codec))
    }
    for (const [index, text] of texts.entries()) {
      if (!draft.takeOwn(draft.bodies.event(codec, text))) return false
      if (index > 0 || welcome === null) this.events++
    }
    return events === null || this.events === events.waitingCount
  }

  /** Adds a merge interest's bodies, all or none. */
  #collectMerge(view: View, interest: number, tag: number): boolean {
    const { draft } = this
    const { bodies, codec, groups } = draft
    const { flags, deletions, positions, bases } = this.#interests
    const { item } = view
    draft.beginUnit(tag)
    takeDefinition(draft, this.#interests, view, interest)
    const flag = flags[interest]!
    const isDeleted = (flag & HAS_ITEM) !== 0 && deletions[interest] !== item.deletions
    if (isDeleted) draft.take(bodies.deleted(view, codec))
    const hasItem = (flag & HAS_ITEM) !== 0 && !isDeleted
    if (hasItem && !view.isIn) draft.take(bodies.out(view, codec))
    if (view.isShown) {
      const isMarkDue = hasItem && isMarkUntold(flag, item)
      const position = positions[interest]!
      const isPlain = tag === 0 && hasItem && !isMarkDue && !item.isStale && position >= item.replacedAt
      const firstToken = groups.tokenCount
      if (isMarkDue && !item.isStale) draft.take(bodies.stale(view, codec, false))
      if (!hasItem || position < item.replacedAt) {
        draft.takeUpdate(bodies.snapshot(view, codec, bases[interest]!))
      } else {
        const count = changedCount(view, position)
        if (count > 0) draft.takeUpdate(bodies.delta(view, codec, position, count, bases[interest]!))
      }
      if (item.isStale && (isMarkDue || !hasItem)) draft.take(bodies.stale(view, codec, true))
      if (isPlain && !draft.isUnitCut && groups.tokenCount > firstToken) {
        bodies.keepRun(view, codec, position, 0, groups, firstToken)
      }
    }
    return draft.endUnit()
  }

  /** Adds what others in step have got, where that is known and fits. */
  #collectRun(view: View, interest: number): boolean {
    const { draft } = this
    const run = view.runOf(draft.codec)
    if (run === null || run.to !== view.end || run.epoch !== draft.bodies.heap.epoch) return false
    const { positions, sentSeqs, flags, owners } = this.#interests
    if (run.from !== positions[interest]) return false
    const flag = flags[interest]!
    if (!view.isLogged) {
      if ((flag & this.#toldFlags) !== this.#plainFlags) return false
    } else {
      if (run.seq !== sentSeqs[interest] || (flag & SNAPSHOT_DUE) !== 0) return false
      const { bufferSize } = owners[interest]!
      if (bufferSize > 0 && run.updates > bufferSize) return false
    }
    return draft.takeRun(run.offset, run.length, run.last, run.updates)
  }
}

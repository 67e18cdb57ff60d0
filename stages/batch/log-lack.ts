/**
 * What a session lacks of an item's log, as units of a flush: one entry each. Raw mode gives every update, or says that some
 * are lost; distinct mode gives the newest that the log and the subscription's buffer hold, and says how many are lost.
 */

import { TERSE } from '#src/codec/json-stream.ts'
import { DEFINED, HAS_ITEM, type Interests, NEEDS_SNAPSHOT, SNAPSHOT_DUE, STALE_TOLD } from '#src/domain/interests.ts'
import { ENTRY_DELETED, ENTRY_FRESH, ENTRY_SNAPSHOT, ENTRY_STALE, type ItemLog } from '#src/domain/item-log.ts'
import { concerns, deletionsFrom } from '#src/domain/log-reach.ts'
import type { View } from '#src/domain/view.ts'
import type { Draft } from './draft.ts'
import { isMarkUntold, takeDefinition } from './marks.ts'

export class LogLack {
  readonly #draft: Draft
  readonly #interests: Interests
  /** Where not all was taken: the position behind what was, and what the session then has. */
  position = 0
  seq = 0
  isStaleTold = false
  /** Updates that it was told are lost. */
  lost = 0
  /** What was taken tells what the view's number stands for. */
  #isDefined = false

  constructor(draft: Draft, interests: Interests) {
    this.#draft = draft
    this.#interests = interests
  }

  /** Adds as many entries as fit. Returns true when the interest then has everything; else see `position`. */
  take(view: View, interest: number, tag: number): boolean {
    const log = view.item.log!
    const { positions, sentSeqs, flags } = this.#interests
    const start = positions[interest]!
    if (start === NEEDS_SNAPSHOT) return this.#takeAnew(view, interest, tag, 0)
    this.position = start
    this.seq = sentSeqs[interest]!
    this.isStaleTold = (flags[interest]! & STALE_TOLD) !== 0
    this.lost = 0
    this.#isDefined = false
    if (view.mode === 'distinct') {
      const lost = lostBy(this.#interests, view, interest)
      // Where the log has pushed out marks only, nothing is lost but where they stood.
      if ((lost > 0 || start < log.first) && !this.#takeLost(view, log, interest, tag, lost)) return false
    } else if (start < log.first) {
      return this.#takeAnew(view, interest, tag, lostBy(this.#interests, view, interest))
    }
    return this.#takeEntries(view, log, interest, tag)
  }

  #takeEntries(view: View, log: ItemLog, interest: number, tag: number): boolean {
    const draft = this.#draft
    const { bodies, codec, groups } = draft
    const { end } = log
    const start = this.position
    const firstSeq = this.seq
    const firstToken = groups.tokenCount
    const flag = this.#interests.flags[interest]!
    if (codec === TERSE && (flag & DEFINED) === 0 && !this.#isDefined) {
      draft.beginUnit(tag)
      takeDefinition(draft, this.#interests, view, interest)
      if (!draft.endUnit()) return false
    }
    let seq = firstSeq
    for (let position = start; position < end; position++) {
      const isUpdate = log.kindAt(position) <= ENTRY_SNAPSHOT
      if (isUpdate && !concerns(view, log, position)) continue
      draft.beginUnit(tag)
      const body = bodies.entry(view, codec, log, position, seq + 1)
      if (isUpdate) draft.takeUpdate(body)
      else draft.take(body)
      if (!draft.endUnit()) {
        this.position = position
        this.seq = seq
        return false
      }
      if (isUpdate) seq++
      else this.isStaleTold = log.kindAt(position) === ENTRY_STALE
    }
    this.position = end
    this.seq = seq
    const { item } = view
    if ((flag & SNAPSHOT_DUE) !== 0 && !item.isAwaited) {
      draft.beginUnit(tag)
      // A history that began behind its item's mark has not told it.
      if (item.isKnown && item.isStale !== this.isStaleTold) draft.take(bodies.stale(view, codec, item.isStale))
      draft.take(bodies.snapshotEnd(view, codec))
      return draft.endUnit()
    }
    const count = groups.tokenCount - firstToken
    // Marks change more than counters: what holds one is no run.
    if (tag === 0 && codec !== TERSE && count > 0 && count === this.seq - firstSeq) {
      bodies.keepRun(view, codec, start, firstSeq, groups, firstToken)
    }
    return true
  }

  /** Distinct mode: says how many updates are lost, if any, and what the marks up to then came to; then stands behind them. */
  #takeLost(view: View, log: ItemLog, interest: number, tag: number, lost: number): boolean {
    const draft = this.#draft
    const { bodies, codec } = draft
    const { deletions } = this.#interests
    const { item } = view
    const start = view.reach.start(log, view.seq - this.seq - lost)
    const wasStale = isStaleBefore(log, start, item.isStale)
    draft.beginUnit(tag)
    takeDefinition(draft, this.#interests, view, interest)
    if (lost > 0) draft.take(bodies.lost(view, codec, lost))
    const isDeleted = deletions[interest]! + deletionsFrom(log, start) !== item.deletions
    if (isDeleted) draft.take(bodies.deleted(view, codec))
    if (isDeleted || wasStale !== this.isStaleTold) draft.take(bodies.stale(view, codec, wasStale))
    if (!draft.endUnit()) return false
    this.position = start
    this.seq += lost
    this.isStaleTold = wasStale
    this.lost = lost
    this.#isDefined = true
    return true
  }

  /** An interest that begins with a snapshot, or that fell off the log's end in raw mode: what it lost, and a snapshot unless it ends. */
  #takeAnew(view: View, interest: number, tag: number, lost: number): boolean {
    const draft = this.#draft
    const { bodies, codec } = draft
    const { positions, flags, owners } = this.#interests
    const { item } = view
    const flag = flags[interest]!
    this.position = positions[interest]!
    draft.beginUnit(tag)
    takeDefinition(draft, this.#interests, view, interest)
    if (lost > 0) draft.take(bodies.lost(view, codec, lost))
    const isBeginning = positions[interest] === NEEDS_SNAPSHOT
    if (isBeginning || lost === 0 || owners[interest]!.onLost === 'snapshot') {
      // Where the log has pushed out marks only, the values are those that the session has.
      const isMarksOnly = lost === 0 && !isBeginning
      const hadItem = (flag & HAS_ITEM) !== 0
      // Where it has ended and begun again otherwise, its new value tells.
      const isDeleted = item.isKnown
        ? isMarksOnly && hadItem && this.#interests.deletions[interest] !== item.deletions
        : hadItem || lost > 0
      if (isDeleted) draft.take(bodies.deleted(view, codec))
      if (view.isShown && !isMarksOnly) draft.takeUpdate(bodies.snapshot(view, codec))
      // Marks went with the log's end: what they came to is told. What is deleted is not stale.
      const isMarkTold = isDeleted ? item.isStale : isMarkUntold(flag, item)
      if (item.isKnown && isMarkTold) draft.take(bodies.stale(view, codec, item.isStale))
    }
    if ((flag & SNAPSHOT_DUE) !== 0) draft.take(bodies.snapshotEnd(view, codec))
    return draft.endUnit()
  }
}

/**
 * How many updates an interest has lost. Raw: all that it lacks when the log has pushed out the first of them. Distinct:
 * those that the log has pushed out, or that are more than the subscription's buffer holds.
 */
export function lostBy({ positions, sentSeqs, owners }: Interests, view: View, interest: number): number {
  const position = positions[interest]!
  if (position === NEEDS_SNAPSHOT) return 0
  const log = view.item.log!
  const waiting = view.seq - sentSeqs[interest]!
  const isBehind = position < log.first
  if (view.mode === 'raw') return isBehind ? waiting : 0
  const { bufferSize } = owners[interest]!
  const kept = isBehind ? Math.min(waiting, view.reach.count(log)) : waiting
  return waiting - (bufferSize === 0 ? kept : Math.min(kept, bufferSize))
}

/** Whether the item was stale before the entry at `start`, as the marks behind it tell. */
function isStaleBefore(log: ItemLog, start: number, isStale: boolean): boolean {
  for (let at = start; at < log.end; at++) {
    const kind = log.kindAt(at)
    if (kind === ENTRY_STALE || kind === ENTRY_DELETED) return false
    if (kind === ENTRY_FRESH) return true
  }
  return isStale
}

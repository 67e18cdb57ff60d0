/**
 * What a session lacks of a view of a table, as units of a flush: a row each. A table that is sent from its beginning starts
 * with `cleared` and ends with `snapshotEnd`; it may take several flushes, between which rows change: until its end each row
 * is sent whole, so that it does not matter which of them the client has.
 */

import { TERSE } from '#src/codec/json-stream.ts'
import { DEFINED, HAS_ITEM, type Interests, SNAPSHOT_DUE, STALE_TOLD } from '#src/domain/interests.ts'
import type { Item } from '#src/domain/item.ts'
import { NOTHING } from '#src/domain/row-view.ts'
import { TableLag } from '#src/domain/table-start.ts'
import type { View } from '#src/domain/view.ts'
import type { Draft } from './draft.ts'
import { isMarkUntold, takeDefinition } from './marks.ts'
import type { RowBlocks } from './row-blocks.ts'

export class TableLack {
  readonly #draft: Draft
  readonly #blocks: RowBlocks
  readonly #interests: Interests
  readonly #lag = new TableLag()
  /** Where not all was taken: the position of the last row that was, and how many were. */
  position = 0
  seq = 0
  isStaleTold = false
  readonly lost = 0

  constructor(draft: Draft, blocks: RowBlocks, interests: Interests) {
    this.#draft = draft
    this.#blocks = blocks
    this.#interests = interests
  }

  /** Adds as many rows as fit. Returns true when the interest then has everything; else see `position`. */
  take(view: View, interest: number, tag: number): boolean {
    const draft = this.#draft
    const { bodies, codec } = draft
    const { flags, deletions, positions } = this.#interests
    const { item } = view
    const flag = flags[interest]!
    const { from, isSending } = this.#lag.find(this.#interests, view, interest)
    const isDeleted = (flag & HAS_ITEM) !== 0 && deletions[interest] !== item.deletions
    const hasItem = (flag & HAS_ITEM) !== 0 && !isDeleted
    const isStaleDue = item.isKnown && (hasItem ? isMarkUntold(flag, item) : item.isStale)
    this.position = positions[interest]!
    this.seq = 0
    this.isStaleTold = (flag & STALE_TOLD) !== 0
    if (isDeleted || isStaleDue || from === NOTHING || (codec === TERSE && (flag & DEFINED) === 0)) {
      draft.beginUnit(tag)
      takeDefinition(draft, this.#interests, view, interest)
      if (isDeleted) draft.take(bodies.deleted(view, codec))
      if (from === NOTHING && isTold(item, flag)) draft.take(bodies.cleared(view, codec))
      if (isStaleDue) draft.take(bodies.stale(view, codec, item.isStale))
      if (!draft.endUnit()) return false
      this.isStaleTold = item.isStale
      if (from === NOTHING) this.position = 0
    }
    if (item.isKnown && !this.#takeRows(view, tag)) return false
    if (!isSending || !isTold(item, flag)) return true
    draft.beginUnit(tag)
    draft.take(bodies.snapshotEnd(view, codec))
    return draft.endUnit()
  }

  #takeRows(view: View, tag: number): boolean {
    const draft = this.#draft
    const block = this.#blocks.find(view, draft.codec, this.#lag)
    if (block === null) {
      draft.isTurnFull = true
      return false
    }
    const taken = draft.takeRows(block.offset, block.lengths, block.count, tag)
    if (taken > 0) {
      this.seq = taken
      this.position = block.positions[taken - 1]!
    }
    return taken === block.count && !block.isCut
  }
}

/** A table that is not there is told as an empty one to who asks for it, and not again when it ends. */
function isTold({ isKnown, isAwaited }: Item, flag: number): boolean {
  return isKnown || ((flag & SNAPSHOT_DUE) !== 0 && !isAwaited)
}

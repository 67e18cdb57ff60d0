/**
 * What an interest lacks of its view of a table. It has everything up to its base, and of what came behind that the rows
 * whose events lie up to its position, where flushes had no room for more.
 */

import { HAS_ITEM, type Interests, SNAPSHOT_DUE } from './interests.ts'
import { NOTHING, type RowLag } from './row-view.ts'
import type { View } from './view.ts'

export class TableLag implements RowLag {
  /** NOTHING: the table is to be sent from its beginning. */
  from = 0
  base = 0
  since = 0
  /** The table is being sent from its beginning on: rows are told whole. */
  isSending = false

  /** Finds what an interest lacks. */
  find({ flags, positions, deletions, bases }: Interests, { item, rows }: View, interest: number): this {
    const flag = flags[interest]!
    const isSending = (flag & SNAPSHOT_DUE) !== 0
    const hasTable = (flag & HAS_ITEM) !== 0 && deletions[interest] === item.deletions
    const isAnew = positions[interest] === NOTHING || (!isSending && !hasTable) || rows!.isBehind(bases[interest]!)
    this.isSending = isAnew || isSending
    this.from = isAnew ? NOTHING : positions[interest]!
    const base = bases[interest]!
    this.base = this.isSending ? NOTHING : base
    this.since = isAnew ? Infinity : isSending ? base : base < this.from ? 0 : Infinity
    return this
  }

  /** Rows that are due, if flushes have no room for all at once: then it may have been told of those that left since. */
  countMax(view: View): number {
    if (!this.isSending) this.since = 0
    return this.count(view)
  }

  /** Rows that are due. */
  count({ item, rows }: View): number {
    return item.isKnown ? rows!.countBehind(this) : 0
  }
}

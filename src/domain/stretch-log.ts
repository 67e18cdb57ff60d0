/**
 * What the updates of an item come to behind any position that somebody stands at, for its fields with merge functions:
 * shared by all clients of the item, so that none of them has anything of its own but its position.
 *
 * The newest updates are merged into stretches (stretches.ts), in order. An update goes into the newest stretch, or begins
 * another when somebody has come to stand behind that one (`cut`). So each position that somebody stands at lies between two
 * stretches, and what came behind it is the fold of those behind it. Folds are made from the newest stretch backwards, as
 * far as they are asked for, and hold until the next update: however many clients ask, each stretch is folded once.
 *
 * Bound: `entriesMax` stretches. The next one pushes the older half out. Before that the owner is asked for the positions
 * whose clients lack something (`onPushOut`; it answers by `keep`): for each of them what goes is carried, in a stretch of
 * its own (carried-stretches.ts). There is nothing to be told when a client is served: a position that the next push-out
 * does not hear of is given up. With five columns an entry takes some 400 B, the same again for folds so far back, and for
 * each position that is carried.
 *
 * A client stands at one position for all of its fields, but not every column is of its fields: a position may lie between
 * two stretches for some columns and within one for others. What is known is therefore said by column (`hasFrom`).
 *
 * Invariants:
 *  - Positions of updates are above 0 and never fall; the fields of one update have the same.
 *  - Whoever comes to stand at a position, by a flush or by beginning there, cuts before the next update.
 */

import { assert } from '#src/assert.ts'
import { CarriedStretches, NOT_CARRIED, SPARE_ROW } from './carried-stretches.ts'
import type { StretchColumns } from './merge-function.ts'
import { Stretches } from './stretches.ts'
import { NULL_VALUE } from './value-store.ts'

export class StretchLog {
  readonly columns: StretchColumns
  readonly #entriesMax: number
  readonly #onPushOut: (log: StretchLog) => void
  /** Entries are counted from the oldest on; their rows go round (see #rowOf). */
  readonly #entries: Stretches
  #firstRow = 0
  #count = 0
  /** By row: the position of the entry's last update. */
  readonly #lastAts: number[] = []
  #isCut = true
  /** Row i is the fold of the i + 1 newest of the entries before `#foldEnd`, for i below `#foldCount`. */
  readonly #folds: Stretches
  #foldEnd = 0
  #foldCount = 0
  /** By column: the position of the newest update that was pushed out, 0 when none was. */
  readonly #horizons: Float64Array
  #carried: CarriedStretches | null = null
  /** While entries are pushed out: how many; 0 otherwise. */
  #leaving = 0

  /** `onPushOut` calls keep() for each position whose clients lack something. */
  constructor(columns: StretchColumns, entriesMax: number, onPushOut: (log: StretchLog) => void) {
    assert(entriesMax >= 1, 'a log of stretches has room for one')
    this.columns = columns
    this.#entriesMax = entriesMax
    this.#onPushOut = onPushOut
    this.#entries = new Stretches(columns)
    this.#folds = new Stretches(columns)
    this.#horizons = new Float64Array(columns.count)
  }

  /** How many stretches there are. */
  get size(): number {
    return this.#count
  }

  /** For how many positions what was pushed out is carried. */
  get carriedSize(): number {
    return this.#carried?.size ?? 0
  }

  /** An update at `position` sets a column's field to a value that its function accepts, or to null. */
  note(position: number, column: number, bytes: Buffer, offset: number, length: number): void {
    if (this.#isCut) this.#begin()
    const newest = this.#rowOf(this.#count - 1)
    assert(position > 0, 'positions of updates are above 0')
    assert(position >= this.#lastAts[newest]!, 'positions of updates never fall')
    this.#entries.note(newest, column, position, bytes, offset, length)
    this.#lastAts[newest] = position
    this.#foldCount = 0
  }

  /** Somebody stands behind all updates so far: what comes next is not merged with them. */
  cut(): void {
    this.#isCut = true
  }

  /** The item's life has ended: whoever stands before this lacks only what comes behind it. */
  clear(): void {
    this.#count = 0
    this.#isCut = true
    this.#horizons.fill(0)
    this.#carried = null
  }

  /**
   * Whether what came of a column behind `position` can be told. False when some of it was pushed out and is not carried for
   * this position, or when nobody has ever stood at it and it lies within a stretch.
   */
  hasFrom(column: number, position: number): boolean {
    if (this.#isWithin(this.startOf(column, position), this.#count, column, position)) return false
    return position >= this.#horizons[column]! || this.#carriedRow(column, position) !== NOT_CARRIED
  }

  /**
   * The first stretch that has updates of a column behind `position`, `size` when none has. Until the next update it tells
   * positions apart: of two at which nothing carried is needed, and where the earliest start of some columns is the same, the
   * results of these columns are the same.
   */
  startOf(column: number, position: number): number {
    return this.#startOf(column, position, this.#count)
  }

  /**
   * Writes what came of a column behind `position`, which hasFrom() must have, at `at`: `columns.resultBytesMax` bytes at
   * most. Returns the length, NULL_VALUE for null.
   */
  write(column: number, position: number, out: Buffer, at: number): number {
    const end = this.#count
    const start = this.startOf(column, position)
    assert(!this.#isWithin(start, end, column, position), 'whoever asks stands between two stretches')
    if (position >= this.#horizons[column]!) {
      return start === end ? NULL_VALUE : this.#folds.write(this.#foldRow(start, end), column, out, at)
    }
    const row = this.#carriedRow(column, position)
    assert(row !== NOT_CARRIED, 'what was pushed out is carried for whoever asks')
    const { table } = this.#carried!
    if (start === end) return table.write(row, column, out, at)
    table.clearCell(SPARE_ROW, column)
    table.foldCell(SPARE_ROW, table, row, column)
    table.foldCell(SPARE_ROW, this.#folds, this.#foldRow(start, end), column)
    return table.write(SPARE_ROW, column, out, at)
  }

  /** While entries are pushed out: somebody stands at `position` who lacks something. */
  keep(position: number): void {
    const leaving = this.#leaving
    assert(leaving > 0, 'positions are kept while entries are pushed out')
    if (position >= this.#lastAts[this.#rowOf(leaving - 1)]!) return
    this.#carried ??= new CarriedStretches(this.columns)
    const { table } = this.#carried
    if (this.#carried.isKept(position)) return
    const known = this.#carried.keep(position)
    if (known !== NOT_CARRIED) {
      table.fold(known, this.#folds, this.#foldRow(0, leaving))
      return
    }
    const row = this.#carried.add(position)
    for (let column = 0; column < this.columns.count; column++) {
      const start = this.#startOf(column, position, leaving)
      // Where a column is not of the fields of those at this position, a part may be gone or not to be told apart.
      const isLost = position < this.#horizons[column]! || this.#isWithin(start, leaving, column, position)
      if (isLost) table.lose(row, column)
      else if (start < leaving) table.foldCell(row, this.#folds, this.#foldRow(start, leaving), column)
    }
  }

  /** A new entry, for what comes behind the cut. */
  #begin(): void {
    if (this.#count === this.#entriesMax) this.#pushOut()
    const row = this.#rowOf(this.#count++)
    this.#entries.reserve(row + 1)
    this.#entries.clear(row)
    this.#lastAts[row] = 0
    this.#isCut = false
  }

  #pushOut(): void {
    const leaving = Math.ceil(this.#entriesMax / 2)
    this.#leaving = leaving
    this.#onPushOut(this)
    this.#leaving = 0
    this.#carried?.giveUpOthers()
    if (this.#carried?.size === 0) this.#carried = null
    for (let entry = 0; entry < leaving; entry++) {
      const row = this.#rowOf(entry)
      for (let column = 0; column < this.columns.count; column++) {
        const lastAt = this.#entries.lastAt(row, column)
        if (lastAt > 0) this.#horizons[column] = lastAt
      }
    }
    this.#firstRow = this.#rowOf(leaving)
    this.#count -= leaving
  }

  /** Before the first push-out the rows are 0, 1, 2 …; from then on all rows are there. */
  #rowOf(entry: number): number {
    const row = this.#firstRow + entry
    return row < this.#entriesMax ? row : row - this.#entriesMax
  }

  /** The first of the entries before `end` that has updates of a column behind `position`, or `end`. */
  #startOf(column: number, position: number, end: number): number {
    let start = end
    while (start > 0 && this.#lastAts[this.#rowOf(start - 1)]! > position) start--
    while (start < end && this.#entries.lastAt(this.#rowOf(start), column) <= position) start++
    return start
  }

  /** Whether a position lies within the entry that startOf has found for it. */
  #isWithin(start: number, end: number, column: number, position: number): boolean {
    return start < end && this.#entries.firstAt(this.#rowOf(start), column) <= position
  }

  /** The row that has all of a column from `position` on that was pushed out, or NOT_CARRIED. */
  #carriedRow(column: number, position: number): number {
    if (this.#carried === null) return NOT_CARRIED
    const row = this.#carried.rowOf(position)
    return row === NOT_CARRIED || this.#carried.table.isLost(row, column) ? NOT_CARRIED : row
  }

  /** The row of `#folds` that is the fold of the entries from `start` up to, not including, `end`. */
  #foldRow(start: number, end: number): number {
    const folds = this.#folds
    const wanted = end - 1 - start
    if (this.#foldEnd !== end) this.#foldCount = 0
    this.#foldEnd = end
    folds.reserve(wanted + 1)
    for (; this.#foldCount <= wanted; this.#foldCount++) {
      const row = this.#foldCount
      folds.copy(row, this.#entries, this.#rowOf(end - 1 - row))
      if (row > 0) folds.fold(row, folds, row - 1)
    }
    return wanted
  }
}

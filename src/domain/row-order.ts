/**
 * The rows of a view in the order of a field, and the window on them: which rows stand from place `from` up to, not
 * including, `to`.
 *
 * Numbers come first, by their exact value, then texts by code points, then rows whose field is null or not there; downwards
 * means numbers and texts downwards, each among themselves. Equal ones are in the order of their keys, upwards always. So any
 * client that knows the rows puts them in the same order (docs/protocol.md, 8).
 *
 * Cost: a search over the rows where one comes, goes or changes its place, and a move of 4 B for each behind it.
 */

import { assert } from '#src/assert.ts'
import { compareDecimals, isDecimal } from './decimal.ts'
import { compareTexts } from './filter/text-order.ts'
import { NO_COLUMN, type RowTable } from './row-table.ts'
import type { ValueStore } from './value-store.ts'

export const NO_MOVE = -1
/** In place of a column: rows stand in the order of their keys. */
export const BY_KEY = -2

const START_ROWS = 8
// What a value is, in the order of places.
const NUMBER = 0
const TEXT = 1
const NONE = 2

export class RowOrder {
  readonly from: number
  readonly to: number
  count = 0
  /** The rows that an insert or a remove has moved over an edge of the window: those that came in, and went out; or NO_MOVE. */
  cameIn = NO_MOVE
  wentOut = NO_MOVE
  readonly #table: RowTable
  readonly #store: ValueStore
  readonly #sign: number
  #rows = new Int32Array(START_ROWS)

  /** `to` may be Infinity. */
  constructor(table: RowTable, store: ValueStore, isDescending: boolean, from: number, to: number) {
    this.#table = table
    this.#store = store
    this.#sign = isDescending ? -1 : 1
    this.from = from
    this.to = to
  }

  /** The row, in no place yet, gets its place by the value of `column`, or BY_KEY. */
  insert(row: number, column: number): void {
    const place = this.#placeFor(row, column)
    if (this.count === this.#rows.length) {
      const rows = new Int32Array(this.#rows.length * 2)
      rows.set(this.#rows)
      this.#rows = rows
    }
    this.#rows.copyWithin(place + 1, place, this.count)
    this.#rows[place] = row
    this.count++
    this.cameIn = NO_MOVE
    this.wentOut = NO_MOVE
    if (place >= this.to) return
    if (this.count > this.to) this.wentOut = this.#rows[this.to]!
    if (place >= this.from) this.cameIn = row
    else if (this.count > this.from) this.cameIn = this.#rows[this.from]!
  }

  remove(row: number): void {
    const place = this.#rows.subarray(0, this.count).indexOf(row)
    assert(place >= 0, 'a row that goes has a place')
    this.cameIn = NO_MOVE
    this.wentOut = NO_MOVE
    if (place < this.to) {
      if (this.count > this.to) this.cameIn = this.#rows[this.to]!
      if (place >= this.from) this.wentOut = row
      else if (this.count > this.from) this.wentOut = this.#rows[this.from]!
    }
    this.#rows.copyWithin(place, place + 1, this.count)
    this.count--
  }

  clear(): void {
    this.count = 0
  }

  /** The first place whose row comes behind `row`. */
  #placeFor(row: number, column: number): number {
    let low = 0
    let high = this.count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#compare(this.#rows[middle]!, row, column) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  #compare(a: number, b: number, column: number): number {
    const table = this.#table
    const { bytes } = this.#store
    const kind = this.#kindOf(a, column)
    const order = kind - this.#kindOf(b, column)
    if (order !== 0) return order
    if (kind !== NONE) {
      const [aOffset, bOffset] = [this.#offsetOf(a, column), this.#offsetOf(b, column)]
      const [aLength, bLength] = [this.#lengthOf(a, column), this.#lengthOf(b, column)]
      const byValue =
        kind === NUMBER
          ? compareDecimals(bytes, aOffset, aLength, bytes, bOffset, bLength)
          : compareTexts(bytes, aOffset, aLength, bytes, bOffset, bLength)
      if (byValue !== 0) return byValue * this.#sign
    }
    const [aKey, bKey] = [table.keyOffset(a), table.keyOffset(b)]
    return compareTexts(bytes, aKey, table.keyLength(a), bytes, bKey, table.keyLength(b))
  }

  #kindOf(row: number, column: number): number {
    if (column === NO_COLUMN) return NONE
    const length = this.#lengthOf(row, column)
    if (length < 0) return NONE
    return isDecimal(this.#store.bytes, this.#offsetOf(row, column), length) ? NUMBER : TEXT
  }

  #offsetOf(row: number, column: number): number {
    return column === BY_KEY ? this.#table.keyOffset(row) : this.#table.valueOffset(column, row)
  }

  #lengthOf(row: number, column: number): number {
    return column === BY_KEY ? this.#table.keyLength(row) : this.#table.valueLength(column, row)
  }
}

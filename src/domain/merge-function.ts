/**
 * Merge functions: what becomes of a field's updates that are merged into one for somebody. By `last`, the default, the
 * newest value stands for all, and an item's state is enough to tell it; the others are functions of all the values, so
 * these are kept as stretches (stretches.ts), with a column for each such field.
 *
 *  - first: the earliest value, any text of up to `textBytesMax` bytes
 *  - min, max: the smallest or largest value, decimals (decimal.ts); among equal ones the earliest, as it was printed
 *  - sum: the exact sum of the values, decimals (decimal-sum.ts)
 *  - count: how many values there were, any text
 *
 * Null is no value: it changes no result. Where there was no other the result is null, that of count too.
 */

import { assert } from '#src/assert.ts'
import { DECIMAL_BYTES_MAX, isDecimal } from './decimal.ts'
import { COUNT_BYTES_MAX, SUM_BYTES_MAX } from './decimal-sum.ts'
import { NULL_VALUE } from './value-store.ts'

export type MergeFunction = 'last' | 'first' | 'min' | 'max' | 'sum' | 'count'
export type StretchFunction = Exclude<MergeFunction, 'last'>

/** The columns of all items with the same merge functions; made once, and shared. */
export class StretchColumns {
  readonly functions: readonly StretchFunction[]
  /** Of a value of `first`. */
  readonly textBytesMax: number
  /** By column: its place among those that keep a value as it was printed, or -1. */
  readonly textPlaces: readonly number[]
  /** How many columns keep one. */
  readonly textCount: number
  /** A result is not longer. */
  readonly resultBytesMax: number

  constructor(functions: readonly StretchFunction[], textBytesMax: number) {
    assert(functions.length > 0, 'columns are made where there are merge functions')
    this.functions = functions
    this.textBytesMax = textBytesMax
    let textCount = 0
    this.textPlaces = functions.map(one => (one === 'sum' || one === 'count' ? -1 : textCount++))
    this.textCount = textCount
    this.resultBytesMax = Math.max(
      ...functions.map(one =>
        one === 'sum'
          ? SUM_BYTES_MAX
          : one === 'count'
            ? COUNT_BYTES_MAX
            : one === 'first'
              ? textBytesMax
              : DECIMAL_BYTES_MAX,
      ),
    )
  }

  get count(): number {
    return this.functions.length
  }

  /** Whether a column's function can take a value; one that it cannot take must not be noted. */
  accepts(column: number, bytes: Buffer, offset: number, length: number): boolean {
    if (length === NULL_VALUE) return true
    const one = this.functions[column]!
    return one === 'count' || (one === 'first' ? length <= this.textBytesMax : isDecimal(bytes, offset, length))
  }
}

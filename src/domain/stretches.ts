/**
 * A table of stretches. A stretch is what updates of one item come to that were merged together: for each field with a merge
 * function (merge-function.ts), which has a column, the first value, the smallest, the largest, the sum, or how many there
 * were. Of two stretches, one behind the other, the later folds into the earlier, which then is what all their updates come
 * to; in whatever groups that is done, the bytes of the result are the same.
 *
 * Rows are numbers from 0 on; whoever has the table says what they are. A cell takes 32 B, and a slot of bytes where its
 * function keeps a value as it was printed: 16 B, doubled for all cells when a longer one comes, so that they are as wide as
 * the longest value at most twice. Nothing is allocated but for more rows, wider slots, and sums beyond 2^53.
 *
 * Invariant: positions are above 0, so a cell whose LAST_AT is 0 has no update.
 */

import { assert } from '#src/assert.ts'
import { copyBytes } from '#src/bytes.ts'
import { compareDecimals, isDecimal } from './decimal.ts'
import { DecimalSum, writeUnits } from './decimal-sum.ts'
import type { StretchColumns } from './merge-function.ts'
import { NULL_VALUE } from './value-store.ts'

/** Numbers of a cell: the positions of its first and last update, how many values they had, the length of the one kept. */
const FIRST_AT = 0
const LAST_AT = 1
const COUNT = 2
const LENGTH = 3
const WIDTH = 4

/** LAST_AT of a cell some of whose updates are not known any more. */
const LOST_AT = -1
const SLOT_BYTES_MIN = 16
const ROWS_MIN = 2
const NO_NUMBERS = new Float64Array(0)
const NO_BYTES = Buffer.alloc(0)

export class Stretches {
  readonly #columns: StretchColumns
  /** How many there are. */
  readonly #width: number
  #rows = 0
  #numbers = NO_NUMBERS
  #slotBytes = SLOT_BYTES_MIN
  #texts = NO_BYTES
  /** By cell; null where nothing is summed. */
  readonly #sums: (DecimalSum | null)[] = []

  constructor(columns: StretchColumns) {
    this.#columns = columns
    this.#width = columns.count
  }

  /** Makes rows 0 to `rows` - 1 usable; new ones are empty. */
  reserve(rows: number): void {
    if (rows <= this.#rows) return
    this.#rows = Math.max(ROWS_MIN, rows, this.#rows * 2)
    const cells = this.#rows * this.#width
    const numbers = new Float64Array(cells * WIDTH)
    numbers.set(this.#numbers)
    this.#numbers = numbers
    const texts = Buffer.alloc(this.#rows * this.#columns.textCount * this.#slotBytes)
    this.#texts.copy(texts)
    this.#texts = texts
    for (let cell = this.#sums.length; cell < cells; cell++) {
      this.#sums.push(this.#columns.functions[cell % this.#width] === 'sum' ? new DecimalSum() : null)
    }
  }

  clear(row: number): void {
    for (let column = 0; column < this.#width; column++) this.clearCell(row, column)
  }

  clearCell(row: number, column: number): void {
    const cell = row * this.#width + column
    const at = cell * WIDTH
    this.#numbers[at + FIRST_AT] = 0
    this.#numbers[at + LAST_AT] = 0
    this.#numbers[at + COUNT] = 0
    this.#sums[cell]?.clear()
  }

  /** The position of the first update; 0 when there is none. */
  firstAt(row: number, column: number): number {
    return this.#numbers[(row * this.#width + column) * WIDTH + FIRST_AT]!
  }

  /** The position of the last update; 0 when there is none. */
  lastAt(row: number, column: number): number {
    return this.#numbers[(row * this.#width + column) * WIDTH + LAST_AT]!
  }

  /** What an empty cell should hold is not known any more, whatever is folded into it. */
  lose(row: number, column: number): void {
    this.#numbers[(row * this.#width + column) * WIDTH + LAST_AT] = LOST_AT
  }

  isLost(row: number, column: number): boolean {
    return this.lastAt(row, column) === LOST_AT
  }

  /** An update at `position`, behind all others of the row, sets the column's field. The function accepts the value. */
  note(row: number, column: number, position: number, bytes: Buffer, offset: number, length: number): void {
    const cell = row * this.#width + column
    const at = cell * WIDTH
    const numbers = this.#numbers
    if (numbers[at + LAST_AT] === 0) numbers[at + FIRST_AT] = position
    numbers[at + LAST_AT] = position
    if (length === NULL_VALUE) return
    const isFirst = numbers[at + COUNT]!++ === 0
    const one = this.#columns.functions[column]
    if (one === 'sum') {
      this.#sums[cell]!.add(bytes, offset, length)
    } else if (one === 'first') {
      assert(length <= this.#columns.textBytesMax, 'a text that is kept is within its bound')
      if (isFirst) this.#keep(row, column, bytes, offset, length)
    } else if (one !== 'count') {
      if (isFirst) assert(isDecimal(bytes, offset, length), 'what is compared is a decimal')
      if (isFirst || this.#isBeyond(row, column, bytes, offset, length)) this.#keep(row, column, bytes, offset, length)
    }
  }

  /** Folds a cell of a stretch that came behind the row's into the row's. Nothing comes of folding into one that is lost. */
  foldCell(row: number, source: Stretches, sourceRow: number, column: number): void {
    const cell = row * this.#width + column
    const sourceCell = sourceRow * this.#width + column
    const at = cell * WIDTH
    const sourceAt = sourceCell * WIDTH
    const numbers = this.#numbers
    const sourceNumbers = source.#numbers
    if (numbers[at + LAST_AT] === LOST_AT || sourceNumbers[sourceAt + LAST_AT] === 0) return
    if (numbers[at + LAST_AT] === 0) numbers[at + FIRST_AT] = sourceNumbers[sourceAt + FIRST_AT]!
    numbers[at + LAST_AT] = sourceNumbers[sourceAt + LAST_AT]!
    const count = sourceNumbers[sourceAt + COUNT]!
    if (count === 0) return
    const isFirst = numbers[at + COUNT] === 0
    numbers[at + COUNT]! += count
    const one = this.#columns.functions[column]
    if (one === 'sum') {
      this.#sums[cell]!.addSum(source.#sums[sourceCell]!)
    } else if (one !== 'count') {
      const texts = source.#texts
      const offset = source.#slotOf(sourceRow, column)
      const length = sourceNumbers[sourceAt + LENGTH]!
      const isKept = isFirst || (one !== 'first' && this.#isBeyond(row, column, texts, offset, length))
      if (isKept) this.#keep(row, column, texts, offset, length)
    }
  }

  fold(row: number, source: Stretches, sourceRow: number): void {
    for (let column = 0; column < this.#width; column++) this.foldCell(row, source, sourceRow, column)
  }

  copy(row: number, source: Stretches, sourceRow: number): void {
    this.clear(row)
    this.fold(row, source, sourceRow)
  }

  /** Writes what a cell comes to, `resultBytesMax` bytes at most; returns the length, NULL_VALUE for null. */
  write(row: number, column: number, out: Buffer, at: number): number {
    const cell = row * this.#width + column
    const count = this.#numbers[cell * WIDTH + COUNT]!
    if (count === 0) return NULL_VALUE
    const one = this.#columns.functions[column]
    if (one === 'sum') return this.#sums[cell]!.write(out, at) - at
    if (one === 'count') return writeUnits(out, at, count, 0) - at
    const length = this.#numbers[cell * WIDTH + LENGTH]!
    return copyBytes(this.#texts, this.#slotOf(row, column), out, at, length) - at
  }

  /** Whether a value is smaller than the kept one, or larger, as the function wants it. */
  #isBeyond(row: number, column: number, bytes: Buffer, offset: number, length: number): boolean {
    const keptLength = this.#numbers[(row * this.#width + column) * WIDTH + LENGTH]!
    const order = compareDecimals(bytes, offset, length, this.#texts, this.#slotOf(row, column), keptLength)
    return this.#columns.functions[column] === 'min' ? order < 0 : order > 0
  }

  #keep(row: number, column: number, bytes: Buffer, offset: number, length: number): void {
    if (length > this.#slotBytes) this.#widen(length)
    copyBytes(bytes, offset, this.#texts, this.#slotOf(row, column), length)
    this.#numbers[(row * this.#width + column) * WIDTH + LENGTH] = length
  }

  #slotOf(row: number, column: number): number {
    return (row * this.#columns.textCount + this.#columns.textPlaces[column]!) * this.#slotBytes
  }

  /** Makes all slots wide enough for `length` bytes. */
  #widen(length: number): void {
    const before = this.#slotBytes
    let after = before
    while (after < length) after *= 2
    const slots = this.#rows * this.#columns.textCount
    const texts = Buffer.alloc(slots * after)
    for (let slot = 0; slot < slots; slot++) copyBytes(this.#texts, slot * before, texts, slot * after, before)
    this.#texts = texts
    this.#slotBytes = after
  }
}

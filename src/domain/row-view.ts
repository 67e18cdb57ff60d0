/**
 * What a view shows of a table: which rows are in it, and since when. A row is in it when it passes the view's filter and
 * stands in its window; it enters, changes, leaves, and each such event counts in the view's `seq`.
 *
 * What somebody lacks who has everything up to position P are the rows whose last event lies behind P: those that are in,
 * as an ADD where they entered behind P, else as an UPDATE of the values changed since; those that have left, as a DELETE,
 * unless they first entered behind P. So nothing is kept for a client but P, whatever was conflated.
 *
 * Rows that have left are remembered, `leftMax` at most; `horizon` is the position at which the newest of those that were
 * forgotten left. Who is behind it gets the table anew.
 *
 * Invariants:
 *  - A row is in the list of those that are in, or of those that have left, or in none; both are in the order of changedAt,
 *    newest first, and a row's changedAt and seq are greater than those of all behind it in its list.
 *  - A row that has left is held in the table.
 */

import { assert } from '#src/assert.ts'
import { NO_ROW, type RowTable } from './row-table.ts'

/** Lacks the whole table. */
export const NOTHING = -1

const UNKNOWN = Number.NaN
const ABSENT = 0
const IN = 1
const LEFT = 2
const START_ROWS = 8
/** What a view takes for each number that a row may have, with what its selection keeps. */
export const ROW_VIEW_BYTES = 64

/** What somebody has of a view of a table (table-start.ts). */
export interface RowLag {
  /** Rows whose events lie behind it are due. */
  readonly from: number
  /** Of a row that is in, what changed behind it is told; of one that has left, that, if it was in then. */
  readonly base: number
  /** Rows that left behind it may have been told meanwhile: that they left is told, too. */
  readonly since: number
}

export class RowView {
  readonly table: RowTable
  /** The position of the last event. */
  end: number
  /** Events so far, those before it began among them. */
  seq: number
  /** Another number whenever it shows anything else. */
  version = 0
  /** Rows that are in. */
  count = 0
  horizon = 0
  /** The position at which it was last emptied at once. */
  clearedAt = 0
  /** The rows that `gather` found, oldest event first. */
  gathered = new Int32Array(START_ROWS)
  readonly #leftMax: number
  readonly #onGrow: (bytes: number) => void
  #leftCount = 0
  #states = new Uint8Array(START_ROWS)
  #firstAt = new Float64Array(START_ROWS)
  #enteredAt = new Float64Array(START_ROWS)
  #changedAt = new Float64Array(START_ROWS)
  #seqs = new Float64Array(START_ROWS)
  /** The row with the next older event, and with the next newer one. */
  #older = new Int32Array(START_ROWS)
  #newer = new Int32Array(START_ROWS)
  // By state.
  readonly #heads = [NO_ROW, NO_ROW, NO_ROW]
  readonly #tails = [NO_ROW, NO_ROW, NO_ROW]
  // What `countBehind` found last.
  #countFrom = UNKNOWN
  #countBase = 0
  #countSince = 0
  #countVersion = 0
  #counted = 0

  /** `onGrow` is told of the bytes that it takes. */
  constructor(table: RowTable, seq: number, end: number, leftMax: number, onGrow: (bytes: number) => void) {
    this.table = table
    this.seq = seq
    this.end = end
    this.#leftMax = leftMax
    this.#onGrow = onGrow
  }

  isIn(row: number): boolean {
    return row < this.#states.length && this.#states[row] === IN
  }

  /** Whether the row has entered, or begun anew, behind `base`. */
  enteredBehind(row: number, base: number): boolean {
    return this.#enteredAt[row]! > base
  }

  changedAt(row: number): number {
    return this.#changedAt[row]!
  }

  seqOf(row: number): number {
    return this.#seqs[row]!
  }

  enter(row: number, position: number): void {
    this.#ensure(row)
    const state = this.#states[row]!
    assert(state !== IN, 'a row enters from outside')
    if (state === LEFT) {
      this.#unlink(row)
      this.#leftCount--
      this.table.release(row)
    } else {
      this.#firstAt[row] = position
    }
    this.#enteredAt[row] = position
    this.#states[row] = IN
    this.count++
    this.#note(row, position)
  }

  /** The row is in and begins anew: values that it had may be no more. */
  renew(row: number, position: number): void {
    this.#enteredAt[row] = position
    this.change(row, position)
  }

  change(row: number, position: number): void {
    this.#unlink(row)
    this.#note(row, position)
  }

  leave(row: number, position: number): void {
    this.#unlink(row)
    this.#states[row] = LEFT
    this.count--
    this.#leftCount++
    this.table.hold(row)
    this.#note(row, position)
    if (this.#leftCount > this.#leftMax) this.#forgetOldest()
  }

  /** Empties the view at once: rows that were in it are not told one by one. No event: see noteCleared. */
  clear(position: number): void {
    for (let row = this.#heads[LEFT]!; row !== NO_ROW; ) {
      const next = this.#older[row]!
      this.#states[row] = ABSENT
      this.table.release(row)
      row = next
    }
    for (let row = this.#heads[IN]!; row !== NO_ROW; row = this.#older[row]!) this.#states[row] = ABSENT
    this.#heads.fill(NO_ROW)
    this.#tails.fill(NO_ROW)
    this.count = 0
    this.#leftCount = 0
    this.clearedAt = position
    this.end = position
    this.version++
  }

  /** That it was emptied counts as an event. */
  noteCleared(): void {
    this.seq++
  }

  /** Whether who has everything up to `from` must be given the table anew. */
  isBehind(from: number): boolean {
    return from < this.horizon || from < this.clearedAt
  }

  /**
   * Finds the rows with something to tell to who lags so: the oldest event first, `max` at most. Returns how many there are.
   */
  gather(lag: RowLag, max: number): number {
    const { from } = lag
    const total = this.countBehind(lag)
    const count = Math.min(total, max)
    if (this.gathered.length < count) this.gathered = new Int32Array(2 ** Math.ceil(Math.log2(count)))
    let inside = this.#oldestBehind(IN, from)
    let left = this.#oldestBehind(LEFT, from)
    let found = 0
    while (found < count) {
      const isInside = left === NO_ROW || (inside !== NO_ROW && this.#changedAt[inside]! < this.#changedAt[left]!)
      if (isInside) {
        this.gathered[found++] = inside
        inside = this.#newer[inside]!
      } else {
        if (this.#isToldLeft(left, lag)) this.gathered[found++] = left
        left = this.#newer[left]!
      }
    }
    return total
  }

  /** How many rows `gather` would find. */
  countBehind(lag: RowLag): number {
    const { from, base, since } = lag
    const isSame = this.#countFrom === from && this.#countBase === base && this.#countSince === since
    if (isSame && this.#countVersion === this.version) return this.#counted
    let count = 0
    for (let row = this.#heads[IN]!; row !== NO_ROW && this.#changedAt[row]! > from; row = this.#older[row]!) count++
    for (let row = this.#heads[LEFT]!; row !== NO_ROW && this.#changedAt[row]! > from; row = this.#older[row]!) {
      if (this.#isToldLeft(row, lag)) count++
    }
    this.#countFrom = from
    this.#countBase = base
    this.#countSince = since
    this.#countVersion = this.version
    this.#counted = count
    return count
  }

  #isToldLeft(row: number, { base, since }: RowLag): boolean {
    return this.#changedAt[row]! > since || this.#firstAt[row]! <= base
  }

  /** The oldest row of a list whose event lies behind `from`. */
  #oldestBehind(state: number, from: number): number {
    if (from <= NOTHING) return this.#tails[state]!
    let found = NO_ROW
    for (let row = this.#heads[state]!; row !== NO_ROW && this.#changedAt[row]! > from; row = this.#older[row]!)
      found = row
    return found
  }

  #note(row: number, position: number): void {
    this.seq++
    this.version++
    this.end = position
    this.#seqs[row] = this.seq
    this.#changedAt[row] = position
    const state = this.#states[row]!
    const head = this.#heads[state]!
    this.#older[row] = head
    this.#newer[row] = NO_ROW
    if (head === NO_ROW) this.#tails[state] = row
    else this.#newer[head] = row
    this.#heads[state] = row
  }

  #unlink(row: number): void {
    const state = this.#states[row]!
    const [older, newer] = [this.#older[row]!, this.#newer[row]!]
    if (newer === NO_ROW) this.#heads[state] = older
    else this.#older[newer] = older
    if (older === NO_ROW) this.#tails[state] = newer
    else this.#newer[older] = newer
  }

  #forgetOldest(): void {
    const row = this.#tails[LEFT]!
    this.horizon = this.#changedAt[row]!
    this.#unlink(row)
    this.#states[row] = ABSENT
    this.#leftCount--
    this.table.release(row)
  }

  #ensure(row: number): void {
    if (row < this.#states.length) return
    const rows = this.table.capacity
    this.#onGrow((rows - this.#states.length) * ROW_VIEW_BYTES)
    this.#states = grown(this.#states, new Uint8Array(rows))
    this.#firstAt = grown(this.#firstAt, new Float64Array(rows))
    this.#enteredAt = grown(this.#enteredAt, new Float64Array(rows))
    this.#changedAt = grown(this.#changedAt, new Float64Array(rows))
    this.#seqs = grown(this.#seqs, new Float64Array(rows))
    this.#older = grown(this.#older, new Int32Array(rows))
    this.#newer = grown(this.#newer, new Int32Array(rows))
  }
}

function grown<T extends { set(from: T): void }>(from: T, to: T): T {
  to.set(from)
  return to
}

/**
 * Which rows of a table a view is to show, as its filter and its window say, and what that means for each change of a row:
 * what the view's RowView is told.
 *
 * One change may move other rows over the edges of the window. The row itself is told first, under the position at which its
 * values changed, each other one under a position of its own: so whoever goes on from any of these positions misses nothing.
 */

import type { FieldTable } from './field-table.ts'
import type { Filter } from './filter/filter.ts'
import { type FilterValues, NO_VALUE } from './filter/filter-values.ts'
import { BY_KEY, NO_MOVE, RowOrder } from './row-order.ts'
import { NO_COLUMN, type RowTable } from './row-table.ts'
import type { RowView } from './row-view.ts'
import type { RowWindow } from './session-request.ts'
import type { ValueStore } from './value-store.ts'

/** Stands for the key in filters and sorts. */
const KEY = 'key'

/** What selections of a thread share. */
export interface SelectionContext {
  readonly fields: FieldTable
  readonly store: ValueStore
  readonly values: FilterValues
  /** The next position. */
  readonly advance: () => number
}

export class RowSelection {
  readonly #rows: RowView
  readonly #table: RowTable
  readonly #context: SelectionContext
  readonly #filter: Filter | null
  readonly #filterIds: number[]
  readonly #order: RowOrder | null
  readonly #sort: string
  #sortId = -1
  /** 1: the row has a place in the order. */
  #placed = new Uint8Array(0)
  /** Rows that a change has moved over an edge, and whether each is in then; the last word counts. */
  readonly #moved: number[] = []
  readonly #isMovedIn: boolean[] = []

  constructor(rows: RowView, context: SelectionContext, filter: Filter | null, window: RowWindow | null) {
    this.#rows = rows
    this.#table = rows.table
    this.#context = context
    this.#filter = filter
    this.#filterIds = filter === null ? [] : filter.fields.map(() => -1)
    this.#sort = window?.sort ?? ''
    this.#order =
      window === null
        ? null
        : new RowOrder(this.#table, context.store, window.isDescending, window.from, window.from + window.count)
  }

  /**
   * The row is new, or values of it changed at `position`. `isShown`: values that the view shows did; `isAnew`: it began anew,
   * and values that it had may be no more.
   */
  update(row: number, position: number, isShown: boolean, isAnew: boolean): void {
    const passes = this.#passes(row)
    if (this.#order === null) this.#settle(row, passes, position, isShown, isAnew)
    else this.#place(this.#order, row, passes, position, isShown, isAnew)
  }

  /** The row is about to be no more. */
  delete(row: number, position: number): void {
    if (this.#order === null) this.#settle(row, false, position, false, false)
    else this.#place(this.#order, row, false, position, false, false)
  }

  clear(position: number): void {
    this.#order?.clear()
    this.#placed.fill(0)
    this.#rows.clear(position)
  }

  #place(order: RowOrder, row: number, passes: boolean, position: number, isShown: boolean, isAnew: boolean): void {
    if (this.#placed.length < this.#table.capacity) {
      const placed = new Uint8Array(this.#table.capacity)
      placed.set(this.#placed)
      this.#placed = placed
    }
    const column = this.#sortColumn()
    const wasPlaced = this.#placed[row] === 1
    const isMoved = column >= 0 && this.#table.changedAt(column, row) === position
    this.#moved.length = 0
    this.#isMovedIn.length = 0
    if (wasPlaced && (!passes || isMoved)) {
      order.remove(row)
      this.#noteMoves(order)
    }
    if (passes && (!wasPlaced || isMoved)) {
      order.insert(row, column)
      this.#noteMoves(order)
    }
    this.#placed[row] = passes ? 1 : 0
    const last = this.#moved.lastIndexOf(row)
    const isWanted = last < 0 ? this.#rows.isIn(row) : this.#isMovedIn[last]!
    this.#settle(row, isWanted, position, isShown, isAnew)
    for (const [index, other] of this.#moved.entries()) {
      if (other === row || this.#moved.lastIndexOf(other) !== index) continue
      if (this.#rows.isIn(other) !== this.#isMovedIn[index]!) {
        this.#settle(other, this.#isMovedIn[index]!, this.#context.advance(), false, false)
      }
    }
  }

  #noteMoves({ cameIn, wentOut }: RowOrder): void {
    if (wentOut !== NO_MOVE) {
      this.#moved.push(wentOut)
      this.#isMovedIn.push(false)
    }
    if (cameIn !== NO_MOVE) {
      this.#moved.push(cameIn)
      this.#isMovedIn.push(true)
    }
  }

  #settle(row: number, isWanted: boolean, position: number, isShown: boolean, isAnew: boolean): void {
    const rows = this.#rows
    const isIn = rows.isIn(row)
    if (!isWanted) {
      if (isIn) rows.leave(row, position)
    } else if (!isIn) {
      rows.enter(row, position)
    } else if (isAnew) {
      rows.renew(row, position)
    } else if (isShown) {
      rows.change(row, position)
    }
  }

  #sortColumn(): number {
    if (this.#sort === KEY) return BY_KEY
    if (this.#sortId < 0) this.#sortId = this.#context.fields.find(this.#sort)
    return this.#sortId < 0 ? NO_COLUMN : this.#table.findColumn(this.#sortId)
  }

  #passes(row: number): boolean {
    const filter = this.#filter
    if (filter === null) return true
    const table = this.#table
    const { values, store, fields } = this.#context
    for (let place = 0; place < filter.fields.length; place++) {
      const name = filter.fields[place]!
      if (name === KEY) {
        values.set(place, store.bytes, table.keyOffset(row), table.keyLength(row))
        continue
      }
      if (this.#filterIds[place]! < 0) this.#filterIds[place] = fields.find(name)
      const id = this.#filterIds[place]!
      const column = id < 0 ? NO_COLUMN : table.findColumn(id)
      const length = column === NO_COLUMN ? NO_VALUE : Math.max(NO_VALUE, table.valueLength(column, row))
      values.set(place, store.bytes, column === NO_COLUMN ? 0 : table.valueOffset(column, row), length)
    }
    return filter.passes(values)
  }
}

/** Begins a view on the rows that there are, each entering at a position of its own. */
export function selectAll(selection: RowSelection, table: RowTable, advance: () => number): void {
  for (let row = 0; row < table.end; row++) if (table.isAlive(row)) selection.update(row, advance(), true, false)
}

/**
 * The rows of an item that is a table, by key, as `command` brings them.
 *
 * Invariants (test/rules.md, CL):
 *  - A row's record counts only if it is newer by `seq` than the row that is there: what a server repeats is not seen twice. A
 *    row that is not there has no seq: what came and went is forgotten, and may come again with any. So may every row behind
 *    `cleared`, in a snapshot whose rows have the seq of their last change.
 *  - Rows are as many as the server lets the client have (its bound of a table, or the wish's window), and no more are kept.
 */

import { assign, copyOf, differences, type FieldsDraft } from './fields.ts'
import type { FieldValues, RowCommand } from './records.ts'
import { comparePlaces, compareTexts, type Place, placeOf } from './row-order.ts'

/** A row as its subscription sees it. It lives on and changes: copy what is to be kept. One that comes again is another. */
export interface Row {
  readonly key: string
  /** All fields that the subscription has of it. An object without a prototype. */
  readonly fields: FieldValues
}

interface RowState extends Row {
  seq: number
  readonly fields: FieldsDraft
  /** Where the field that rows are sorted by puts it; null: not known yet. */
  place: Place | null
}

/** The field that rows are in order of; null: by key. */
export interface RowOrder {
  readonly field: string | null
  readonly isDown: boolean
}

const NO_NAMES: readonly string[] = []

/** Of a wish's `sort`. */
export function orderOf(sort: string | undefined): RowOrder {
  const isDown = sort?.startsWith('-') === true
  return { field: sort === undefined ? null : isDown ? sort.slice(1) : sort, isDown }
}

export class Table {
  /** As many as the server sends. */
  readonly rows = new Map<string, RowState>()
  readonly #order: RowOrder
  /** Null: rows have come, gone or changed places since. */
  #sorted: readonly Row[] | null = null

  constructor(order: RowOrder) {
    this.#order = order
  }

  /** Takes a change in. Names of the fields that have another value, or are no more; null when there is nothing new in it. */
  apply(command: RowCommand, key: string, seq: number, fields: FieldValues): readonly string[] | null {
    const before = this.rows.get(key)
    if (command === 'DELETE') return this.#delete(key)
    if (before !== undefined && seq <= before.seq) return null
    return before === undefined || command === 'ADD'
      ? this.#add(key, seq, fields, before)
      : this.#update(before, seq, fields)
  }

  clear(): void {
    this.rows.clear()
    this.#sorted = null
  }

  /** The same array until rows come, go or change places. */
  sorted(): readonly Row[] {
    this.#sorted ??= this.#sort()
    return this.#sorted
  }

  #add(key: string, seq: number, fields: FieldValues, before: RowState | undefined): readonly string[] {
    const row: RowState = { key, seq, fields: copyOf(fields), place: null }
    this.rows.set(key, row)
    this.#sorted = null
    return before === undefined ? Object.keys(fields) : differences(before.fields, row.fields)
  }

  #update(row: RowState, seq: number, fields: FieldValues): readonly string[] {
    const names = assign(row.fields, fields)
    row.seq = seq
    if (this.#order.field !== null && names.includes(this.#order.field)) {
      row.place = null
      this.#sorted = null
    }
    return names
  }

  #delete(key: string): readonly string[] | null {
    if (!this.rows.delete(key)) return null
    this.#sorted = null
    return NO_NAMES
  }

  #sort(): readonly Row[] {
    const { field, isDown } = this.#order
    const rows = [...this.rows.values()]
    if (field === null) return rows.sort((a, b) => compareTexts(a.key, b.key))
    for (const row of rows) row.place ??= placeOf(row.fields[field])
    return rows.sort((a, b) => comparePlaces(a.place!, b.place!, isDown) || compareTexts(a.key, b.key))
  }
}

/**
 * What a subscription knows of one item: all its fields, merged from snapshots and updates, or, of a table, its rows.
 *
 * Invariants (test/rules.md, CL):
 *  - Only what is newer by `seq` changes anything: what a server repeats is not seen twice. (Of rows: table.ts.)
 *  - After a snapshot the fields are those of the snapshot, and no others.
 */

import { assign, copyOf, differences, type FieldsDraft } from './fields.ts'
import type { DataRecord, FieldValues, RowCommand } from './records.ts'
import { type Row, type RowOrder, Table } from './table.ts'

/** An item as its subscription sees it. It lives on and changes: copy what is to be kept. */
export interface Item {
  readonly name: string
  /** All fields that the subscription has. An object without a prototype. */
  readonly fields: FieldValues
  /** The highest number of an update so far; -1 before the first. */
  readonly seq: number
  /** What the last update that had a time said, in ms since 1970. */
  readonly timeMs: number | null
  /** No feed answers for the values. */
  readonly isStale: boolean
  /** Of `distinct` and `command`: what came is the whole snapshot, or more; what comes is new. Other modes have it false. */
  readonly isComplete: boolean
  /** Of `command`: the rows by key, as many as the server lets the subscription have. Empty of other modes. */
  readonly rows: ReadonlyMap<string, Row>
  /**
   * The rows in the order of the wish's `sort`: numbers by their exact value, then texts, then rows without the field; equal
   * ones, and all without a `sort`, by key in the order of code points. Downwards, numbers and texts are turned round each
   * among themselves, and keys go upwards even so. Takes the field itself to be among those subscribed to. The same array
   * until rows come, go or change places.
   */
  sortedRows(): readonly Row[]
}

/** One update of an item. */
export interface Update {
  readonly item: string
  readonly seq: number
  readonly timeMs: number | null
  /** The fields are all that the item has; else those that changed. */
  readonly isSnapshot: boolean
  /** Of `distinct`: it came before the end of the item's snapshot, so it tells what was. */
  readonly isHistory: boolean
  readonly fields: FieldValues
  /** Names of the fields that have another value than before, or that are no more. Of an update: all of its fields. */
  readonly changed: readonly string[]
  /** How many updates before this one were superseded on the way: the gap in `seq`. 0 where it cannot be known. */
  readonly conflated: number
}

/** One change of a table: a row came (or was replaced), changed, or went. */
export interface RowChange {
  readonly item: string
  readonly key: string
  readonly command: RowCommand
  readonly seq: number
  readonly timeMs: number | null
  /** Of ADD all fields of the row, of UPDATE those that changed, of DELETE none. */
  readonly fields: FieldValues
  /** Names of the fields that have another value than before, or that are no more. Of UPDATE: all of its fields. */
  readonly changed: readonly string[]
  /** The row as it is now; null when it is no more. */
  readonly row: Row | null
  /** It came before the end of the table's snapshot, so it tells what was. */
  readonly isSnapshot: boolean
  /** How many changes of the table before this one were superseded on the way. 0 where it cannot be known. */
  readonly conflated: number
}

/** How a subscription sees its items. */
export interface ItemView {
  /** Items begin with updates of before: those before the end of the snapshot are history. */
  readonly hasHistory: boolean
  readonly order: RowOrder
}

const NO_FIELDS: FieldValues = Object.freeze(Object.create(null))
const NO_ROWS: ReadonlyMap<string, Row> = new Map()
const NO_ROW_LIST: readonly Row[] = Object.freeze([])

export class ItemState implements Item {
  readonly name: string
  fields: FieldsDraft = copyOf(NO_FIELDS)
  seq = -1
  timeMs: number | null = null
  isStale = false
  isComplete = false
  readonly #view: ItemView
  #table: Table | null = null
  /** The seq that the next gap is counted from; -1 where none is. */
  #countedTo = -1

  constructor(name: string, view: ItemView) {
    this.name = name
    this.#view = view
  }

  get rows(): ReadonlyMap<string, Row> {
    return this.#table?.rows ?? NO_ROWS
  }

  sortedRows(): readonly Row[] {
    return this.#table?.sorted() ?? NO_ROW_LIST
  }

  /** Takes an update in; null when it is not newer than what is there. */
  merge(seq: number, fields: FieldValues, record: DataRecord): Update | null {
    if (seq <= this.seq) return null
    const isSnapshot = record.snapshot === true
    const changed = isSnapshot ? this.#replace(fields) : assign(this.fields, fields)
    const conflated = this.#count(seq)
    this.seq = seq
    const timeMs = this.#keepTime(record)
    const isHistory = this.#view.hasHistory && !this.isComplete
    return { item: this.name, seq, timeMs, isSnapshot, isHistory, fields, changed, conflated }
  }

  /** Takes a change of a row in; null when there is nothing new in it. */
  changeRow(command: RowCommand, key: string, seq: number, record: DataRecord): RowChange | null {
    this.#table ??= new Table(this.#view.order)
    const fields = command === 'DELETE' ? NO_FIELDS : record.fields!
    const changed = this.#table.apply(command, key, seq, fields)
    if (changed === null) return null
    const isSnapshot = !this.isComplete
    // The rows of a snapshot have the seqs of their last changes, between which nothing was superseded for this subscription.
    const conflated = isSnapshot ? 0 : this.#count(seq)
    this.seq = Math.max(seq, this.seq)
    const timeMs = this.#keepTime(record)
    const row = this.#table.rows.get(key) ?? null
    return { item: this.name, key, command, seq, timeMs, fields, changed, row, isSnapshot, conflated }
  }

  /** The table begins anew, with a snapshot and with any seq. */
  clear(): void {
    this.#table?.clear()
    this.isComplete = false
    this.seq = -1
    this.#countedTo = -1
  }

  /** The snapshot has ended; false when it had before. */
  complete(): boolean {
    const isNews = !this.isComplete
    this.isComplete = true
    return isNews
  }

  /** Updates are gone, and were counted by who tells so: the gap that follows is theirs. */
  lose(): void {
    this.#countedTo = -1
  }

  /** The gap before `seq`. */
  #count(seq: number): number {
    const before = this.#countedTo
    this.#countedTo = Math.max(seq, before)
    return before < 0 ? 0 : Math.max(0, seq - before - 1)
  }

  #keepTime({ time }: DataRecord): number | null {
    this.timeMs = time ?? this.timeMs
    return time ?? null
  }

  #replace(fields: FieldValues): readonly string[] {
    const before = this.fields
    this.fields = copyOf(fields)
    return differences(before, this.fields)
  }
}

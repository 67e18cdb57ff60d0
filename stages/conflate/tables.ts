/**
 * Items that are tables: an update is an operation on one row, whose key stands in the field `key` and which is told by the
 * field `command`: ADD (the row is exactly this), UPDATE (these fields of it; of a key that is not there an ADD), DELETE (of
 * a key that is not there nothing), CLEAR (all rows go; without a key). An update that replaces the item's fields (`snapshot`)
 * empties the table first.
 *
 * Outcomes: an operation without a good key or command is refused whole, with its code; one beyond a bound (rows of a table,
 * its bytes, rows of all tables, the store) changes the table as far as there is room, and is told; what has no room in a
 * replica of the table makes that incomplete. A value that is what it was is no change.
 */

import { FIELD_HEADER, NO_FIELD, NULL_FIELD } from '#src/codec/record.ts'
import type { FieldTable } from '#src/domain/field-table.ts'
import { FilterValues } from '#src/domain/filter/filter-values.ts'
import type { Item } from '#src/domain/item.ts'
import type { SelectionContext } from '#src/domain/row-selection.ts'
import { NO_COLUMN, NO_ROW, NO_VALUE, ROWS_NO_ROOM, RowTable } from '#src/domain/row-table.ts'
import { NULL_VALUE, type ValueStore } from '#src/domain/value-store.ts'
import type { View } from '#src/domain/view.ts'
import type { FeedErrorCode } from '#src/errors.ts'
import type { LaneLink } from './links.ts'

const ADD = Buffer.from('ADD')
const UPDATE = Buffer.from('UPDATE')
const DELETE = Buffer.from('DELETE')
const CLEAR = Buffer.from('CLEAR')

const KEY = 'key'
const COMMAND = 'command'

export interface TableSettings {
  readonly tableRowsMax: number
  readonly tableBytesMax: number
  readonly tableDeletedRowsMax: number
  readonly rowsMax: number
  readonly fieldsMax: number
}

/** Returned where nothing is wrong. */
const ROW_GOOD = null

export class Tables {
  readonly context: SelectionContext
  readonly deletedRowsMax: number
  readonly #settings: TableSettings
  readonly #fields: FieldTable
  readonly #store: ValueStore
  #keyId = -1
  #commandId = -1
  /** Of all tables. */
  rows = 0
  /** Whether the operation that was applied last had room for its row. */
  isCarriedOut = true
  /** Whether it has emptied the table, and had no room for its row: no record says that to replicas. */
  isEmptied = false
  /** By column: the position of the last operation that named it whole. */
  readonly #named: number[] = []
  // Of the operation at hand: where its key and command stand in the record.
  #keyAt = 0
  #keyLength = NULL_VALUE
  #commandAt = 0
  #commandLength = NULL_VALUE

  constructor(settings: TableSettings, fields: FieldTable, store: ValueStore, advance: () => number) {
    this.#settings = settings
    this.#fields = fields
    this.#store = store
    this.deletedRowsMax = settings.tableDeletedRowsMax
    this.context = { fields, store, values: new FilterValues(), advance }
  }

  /** The item's table, made when it has none. */
  begin(item: Item): RowTable {
    const { tableBytesMax, fieldsMax } = this.#settings
    item.table ??= new RowTable(this.#store, tableBytesMax, fieldsMax)
    return item.table
  }

  /** What is wrong with the operation in a record's fields at [start, end), or ROW_GOOD. */
  check(lane: LaneLink, bytes: Buffer, start: number, end: number): FeedErrorCode | null {
    if (this.#keyId < 0) this.#keyId = this.#fields.find(KEY)
    if (this.#commandId < 0) this.#commandId = this.#fields.find(COMMAND)
    this.#keyLength = NULL_VALUE
    this.#commandLength = NULL_VALUE
    for (let at = start; at < end; ) {
      const fieldId = fieldIdAt(lane, bytes, at)
      const length = lengthAt(bytes, at)
      at += FIELD_HEADER
      if (fieldId === this.#keyId && fieldId >= 0) {
        this.#keyAt = at
        this.#keyLength = length
      } else if (fieldId === this.#commandId && fieldId >= 0) {
        this.#commandAt = at
        this.#commandLength = length
      }
      at += Math.max(0, length)
    }
    if (this.#is(CLEAR, bytes)) return ROW_GOOD
    if (!this.#is(ADD, bytes) && !this.#is(UPDATE, bytes) && !this.#is(DELETE, bytes)) return 'FEED_COMMAND_INVALID'
    return this.#keyLength <= 0 ? 'FEED_KEY_MISSING' : ROW_GOOD
  }

  /** An operation of whose fields the item cannot have all, its key and command among them, is refused whole. */
  checkFields(lane: LaneLink, item: Item, bytes: Buffer, start: number, end: number): FeedErrorCode | null {
    let count = item.fieldCount
    for (let at = start, index = 0; at < end; index++) {
      const fieldId = fieldIdAt(lane, bytes, at)
      if (fieldId >= 0 && item.indexOf(fieldId, index) < 0) count++
      at += FIELD_HEADER + Math.max(0, lengthAt(bytes, at))
    }
    return count > this.#settings.fieldsMax ? 'FEED_FIELDS_TOO_MANY' : ROW_GOOD
  }

  /** Carries out the operation that was checked last. Returns what was refused of it, or ROW_GOOD. */
  apply(
    lane: LaneLink,
    item: Item,
    bytes: Buffer,
    start: number,
    end: number,
    isSnapshot: boolean,
    position: number,
  ): FeedErrorCode | null {
    this.isCarriedOut = true
    const table = this.begin(item)
    const isClear = this.#is(CLEAR, bytes)
    if (isClear || isSnapshot) {
      this.clear(item, position)
      for (const view of item.views) view.rows?.noteCleared()
    }
    if (isClear) return ROW_GOOD
    const known = table.find(bytes, this.#keyAt, this.#keyLength)
    const isThere = known !== NO_ROW && table.isAlive(known)
    if (this.#is(DELETE, bytes)) {
      if (!isThere) return ROW_GOOD
      for (const view of item.views) view.selection?.delete(known, position)
      table.kill(known)
      this.rows--
      return ROW_GOOD
    }
    // The rows of a replica have been let in at its home.
    const isFull = table.count >= this.#settings.tableRowsMax || this.rows >= this.#settings.rowsMax
    const isRefused = !isThere && !lane.isPeer && isFull
    const row = isRefused ? ROWS_NO_ROOM : table.ensure(bytes, this.#keyAt, this.#keyLength)
    this.isCarriedOut = row !== ROWS_NO_ROOM
    this.isEmptied = isSnapshot && !this.isCarriedOut
    if (!this.isCarriedOut) return isRefused ? 'FEED_ROWS_TOO_MANY' : 'FEED_STORE_FULL'
    if (!isThere) this.rows++
    return this.#put(lane, item, table, row, bytes, start, end, !isThere || this.#is(ADD, bytes), isThere, position)
  }

  /** All rows go at once. */
  clear(item: Item, position: number): void {
    const { table } = item
    if (table === null) return
    for (const view of item.views) view.selection?.clear(position)
    this.rows -= table.count
    for (let row = 0; row < table.end; row++) if (table.isAlive(row)) table.kill(row)
  }

  /** The item is no more. */
  end(item: Item): void {
    if (item.table === null) return
    this.clear(item, 0)
    item.table = null
  }

  #put(
    lane: LaneLink,
    item: Item,
    table: RowTable,
    row: number,
    bytes: Buffer,
    start: number,
    end: number,
    isWhole: boolean,
    isThere: boolean,
    position: number,
  ): FeedErrorCode | null {
    let refused: FeedErrorCode | null = ROW_GOOD
    let changed = 0
    let index = 0
    for (let at = start; at < end; index++) {
      const fieldId = fieldIdAt(lane, bytes, at)
      const length = lengthAt(bytes, at)
      at += FIELD_HEADER
      if (fieldId >= 0 && fieldId !== this.#keyId && fieldId !== this.#commandId) {
        const column = table.columnOf(fieldId, index)
        const isHeld = column !== NO_COLUMN && table.holds(column, row, bytes, at, length)
        const isPut = column !== NO_COLUMN && !isHeld && table.put(column, row, bytes, at, length, position)
        if (isHeld || isPut) {
          if (isPut) changed++
          if (isWhole) this.#named[column] = position
        } else {
          refused = column === NO_COLUMN ? 'FEED_FIELDS_TOO_MANY' : 'FEED_STORE_FULL'
        }
      }
      at += Math.max(0, length)
    }
    let dropped = 0
    if (isWhole && isThere) {
      for (let column = 0; column < table.columns.length; column++) {
        if (this.#named[column] !== position && table.valueLength(column, row) !== NO_VALUE) {
          table.drop(column, row, position)
          dropped++
        }
      }
    }
    if (isThere && changed === 0 && dropped === 0) return refused
    for (const view of item.views) {
      view.selection?.update(row, position, isShown(view, table, row, position), dropped > 0)
    }
    return refused
  }

  #is(command: Buffer, bytes: Buffer): boolean {
    if (this.#commandLength !== command.length) return false
    for (let i = 0; i < command.length; i++) if (bytes[this.#commandAt + i] !== command[i]) return false
    return true
  }
}

/** Whether a value that the view shows changed at `position`. */
function isShown(view: View, table: RowTable, row: number, position: number): boolean {
  if (view.fieldIds === null) return true
  const { columns } = table
  for (let column = 0; column < columns.length; column++) {
    if (table.changedAt(column, row) === position && view.includes(columns[column]!.fieldId)) return true
  }
  return false
}

/** -1 where it is unknown or was refused. */
function fieldIdAt(lane: LaneLink, bytes: Buffer, at: number): number {
  const number = bytes[at]! | (bytes[at + 1]! << 8)
  return number === NO_FIELD ? -1 : (lane.fields[number] ?? -1)
}

function lengthAt(bytes: Buffer, at: number): number {
  const length16 = bytes[at + 2]! | (bytes[at + 3]! << 8)
  return length16 === NULL_FIELD ? NULL_VALUE : length16
}

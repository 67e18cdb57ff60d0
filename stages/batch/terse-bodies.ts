/**
 * Bodies in the terse encoding: values stand where the view's definition has their fields, or by name where it names none.
 * Each function writes at `at` in `out`, which has room (terseBytesMax beside what the values and names take), and returns
 * the offset behind.
 */

import { ROW_DELETE } from '#src/codec/json-stream.ts'
import {
  beginRow,
  beginUpdate,
  endUpdate,
  VALUE_BYTES_MAX,
  writeDefinition,
  writePair,
  writeValue,
} from '#src/codec/terse-stream.ts'
import type { FieldTable } from '#src/domain/field-table.ts'
import { type ItemLog, NULL_LENGTH } from '#src/domain/item-log.ts'
import { NO_COLUMN, NO_VALUE } from '#src/domain/row-table.ts'
import type { RowView } from '#src/domain/row-view.ts'
import type { ValueStore } from '#src/domain/value-store.ts'
import type { View } from '#src/domain/view.ts'
import { type FunctionResults, RESULT_IS_STATE } from './function-results.ts'

const NOT_THERE = -1

/** Beside what a JSON body of so many fields may take. */
export function terseBytesMax(fieldCount: number): number {
  return fieldCount * VALUE_BYTES_MAX
}

/** JSON string content, as names stand in lines. */
function contentOf(text: string): Buffer {
  return Buffer.from(JSON.stringify(text).slice(1, -1))
}

/** The line that says what the view's number stands for. */
export function definitionOf(view: View, id: number): Buffer {
  const item = contentOf(view.item.name)
  const fields = view.names?.map(contentOf) ?? null
  const bytes = Buffer.alloc(64 + item.length + (fields ?? []).reduce((sum, field) => sum + field.length + 1, 0))
  return bytes.subarray(0, writeDefinition(bytes, 0, view.number, id, item, fields))
}

/** The fields of the item's state that changed after position `since`; below 0 all of them: a snapshot. */
export function writeTerseState(
  out: Buffer,
  at: number,
  view: View,
  since: number,
  fields: FieldTable,
  store: ValueStore,
  results: FunctionResults | null,
): number {
  const { item, names } = view
  let next = beginUpdate(out, at, view.number, view.seq, since < 0, view.timeMs)
  if (names === null) {
    for (let i = 0; i < item.fieldCount; i++) {
      if (item.changedAt[i]! <= since) continue
      const prefix = fields.prefixOf(item.fieldIds[i]!)
      const length = results === null ? RESULT_IS_STATE : results.find(item.fieldIds[i]!)
      next =
        length === RESULT_IS_STATE
          ? writePair(out, next, prefix, store.bytes, item.blockOffsets[i]!, item.lengths[i]!)
          : writePair(out, next, prefix, results!.bytes, 0, length)
    }
    return endUpdate(out, next)
  }
  let skipped = 0
  for (let place = 0; place < names.length; place++) {
    const fieldId = idAt(view, place, fields)
    const index = fieldId < 0 ? NOT_THERE : item.indexOf(fieldId, place)
    if (index === NOT_THERE || item.changedAt[index]! <= since) {
      skipped++
      continue
    }
    const length = results === null ? RESULT_IS_STATE : results.find(fieldId)
    next =
      length === RESULT_IS_STATE
        ? writeValue(out, next, skipped, store.bytes, item.blockOffsets[index]!, item.lengths[index]!)
        : writeValue(out, next, skipped, results!.bytes, 0, length)
    skipped = 0
  }
  return endUpdate(out, next)
}

/** A row, with the values that changed after position `since`; ROW_DELETE has none. */
export function writeTerseRow(
  out: Buffer,
  at: number,
  view: View,
  rows: RowView,
  row: number,
  command: number,
  since: number,
  fields: FieldTable,
  store: ValueStore,
): number {
  const { table } = rows
  const { names } = view
  const [key, keyLength] = [table.keyOffset(row), table.keyLength(row)]
  let next = beginRow(out, at, view.number, rows.seqOf(row), view.timeMs, command, store.bytes, key, keyLength)
  if (command === ROW_DELETE) return endUpdate(out, next)
  if (names === null) {
    for (let column = 0; column < table.columns.length; column++) {
      const length = table.valueLength(column, row)
      if (length === NO_VALUE || table.changedAt(column, row) <= since) continue
      const prefix = fields.prefixOf(table.columns[column]!.fieldId)
      next = writePair(out, next, prefix, store.bytes, table.valueOffset(column, row), length)
    }
    return endUpdate(out, next)
  }
  let skipped = 0
  for (let place = 0; place < names.length; place++) {
    const fieldId = idAt(view, place, fields)
    const column = fieldId < 0 ? NO_COLUMN : table.findColumn(fieldId)
    const length = column === NO_COLUMN ? NO_VALUE : table.valueLength(column, row)
    if (length === NO_VALUE || table.changedAt(column, row) <= since) {
      skipped++
      continue
    }
    next = writeValue(out, next, skipped, store.bytes, table.valueOffset(column, row), length)
    skipped = 0
  }
  return endUpdate(out, next)
}

/** The raw entry at `position`. */
export function writeTerseEntry(
  out: Buffer,
  at: number,
  view: View,
  log: ItemLog,
  position: number,
  seq: number,
  isSnapshot: boolean,
  fields: FieldTable,
): number {
  const { names } = view
  let next = beginUpdate(out, at, view.number, seq, isSnapshot, log.timeMsAt(position))
  const start = log.offsetAt(position)
  const end = start + log.lengthAt(position)
  if (names === null) {
    for (let from = start; from < end; from = behind(log, from)) {
      const fieldId = idOf(log, from)
      if (fieldId === NO_FIELD) continue
      next = writePair(out, next, fields.prefixOf(fieldId), log.bytes, from + HEADER_BYTES, lengthOf(log, from))
    }
    return endUpdate(out, next)
  }
  let skipped = 0
  for (let place = 0; place < names.length; place++) {
    const from = findField(log, start, end, idAt(view, place, fields))
    if (from === NOT_THERE) {
      skipped++
      continue
    }
    next = writeValue(out, next, skipped, log.bytes, from + HEADER_BYTES, lengthOf(log, from))
    skipped = 0
  }
  return endUpdate(out, next)
}

/** A field of a log's entry: its number, its length, its bytes (item-log.ts). */
const HEADER_BYTES = 4
const NO_FIELD = 0xffff

function idOf(log: ItemLog, at: number): number {
  return log.bytes[at]! | (log.bytes[at + 1]! << 8)
}

function lengthOf(log: ItemLog, at: number): number {
  const length = log.bytes[at + 2]! | (log.bytes[at + 3]! << 8)
  return length === NULL_LENGTH ? -1 : length
}

function behind(log: ItemLog, at: number): number {
  return at + HEADER_BYTES + Math.max(0, lengthOf(log, at))
}

function findField(log: ItemLog, start: number, end: number, fieldId: number): number {
  if (fieldId < 0) return NOT_THERE
  for (let at = start; at < end; at = behind(log, at)) if (idOf(log, at) === fieldId) return at
  return NOT_THERE
}

/** The number of the field in this place of the definition, -1 when no update has had it yet. */
function idAt(view: View, place: number, fields: FieldTable): number {
  const known = view.placeIds[place]!
  if (known >= 0) return known
  const fieldId = fields.find(view.names![place]!)
  view.placeIds[place] = fieldId
  return fieldId
}

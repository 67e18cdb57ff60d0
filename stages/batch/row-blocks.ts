/**
 * The rows that sessions in step lack of a view, as bytes in the body heap, one record behind the other: a *block*. Who has
 * everything up to the same position lacks the same, so a block is made once, and found as long as the view is as it was.
 *
 * Bounds: a block ends with the row that fills BLOCK_BYTES, or with BLOCK_ROWS_MAX rows; BLOCKS places, each of which holds the last
 * block that fell to it.
 */

import {
  BODY_BYTES_MAX,
  FIELD_BYTES_MAX,
  ROW_ADD,
  ROW_DELETE,
  ROW_UPDATE,
  STREAM_CODECS,
  TERSE,
} from '#src/codec/json-stream.ts'
import type { FieldTable } from '#src/domain/field-table.ts'
import { NO_VALUE } from '#src/domain/row-table.ts'
import type { RowLag, RowView } from '#src/domain/row-view.ts'
import type { ValueStore } from '#src/domain/value-store.ts'
import type { View } from '#src/domain/view.ts'
import type { BodyHeap } from './body-heap.ts'
import { terseBytesMax, writeTerseRow } from './terse-bodies.ts'

const BLOCKS = 1_024
const BLOCK_ROWS_MAX = 512
const START_ROWS = 16

export class RowBlock {
  view: View | null = null
  codec = 0
  epoch = 0
  from = 0
  base = 0
  since = 0
  /** The view's when it was made. */
  version = 0
  offset = 0
  /** Rows in it; fewer than are due where it was cut. */
  count = 0
  isCut = false
  /** By row: bytes, and the position of its event. */
  lengths = new Int32Array(START_ROWS)
  positions = new Float64Array(START_ROWS)
}

export class RowBlocks {
  readonly #heap: BodyHeap
  readonly #fields: FieldTable
  readonly #store: ValueStore
  readonly #bytesMax: number
  readonly #blocks: (RowBlock | null)[] = Array.from({ length: BLOCKS }, () => null)

  constructor(heap: BodyHeap, fields: FieldTable, store: ValueStore, bytesMax: number) {
    this.#heap = heap
    this.#fields = fields
    this.#store = store
    this.#bytesMax = bytesMax
  }

  /**
   * The rows that somebody lacks (table-start.ts), the first of them at least; null where the heap has no room for it.
   */
  find(view: View, codec: number, lag: RowLag): RowBlock | null {
    const { from, base, since } = lag
    const place = Math.abs(Math.imul(view.number, 31) + codec * 7 + from) % BLOCKS
    const known = this.#blocks[place] ?? null
    const block = known ?? new RowBlock()
    if (known === null) this.#blocks[place] = block
    const isSame =
      block.view === view &&
      block.codec === codec &&
      block.from === from &&
      block.base === base &&
      block.since === since
    if (isSame && block.version === view.rows!.version && block.epoch === this.#heap.epoch) return block
    return this.#make(block, view, view.rows!, codec, lag) ? block : null
  }

  #make(block: RowBlock, view: View, rows: RowView, codec: number, lag: RowLag): boolean {
    const due = rows.gather(lag, BLOCK_ROWS_MAX)
    const { from, base, since } = lag
    block.view = view
    block.codec = codec
    block.epoch = this.#heap.epoch
    block.from = from
    block.base = base
    block.since = since
    block.version = rows.version
    block.offset = this.#heap.top
    block.count = 0
    const most = Math.min(due, BLOCK_ROWS_MAX)
    if (block.lengths.length < most) {
      block.lengths = new Int32Array(2 ** Math.ceil(Math.log2(most)))
      block.positions = new Float64Array(block.lengths.length)
    }
    for (let index = 0; index < most && this.#heap.top - block.offset < this.#bytesMax; index++) {
      const row = rows.gathered[index]!
      const start = this.#heap.top
      if (!this.#heap.hasRoom(this.#rowBytesMax(view, row))) break
      this.#heap.finish(this.#write(view, rows, codec, row, base))
      block.lengths[index] = this.#heap.top - start
      block.positions[index] = rows.changedAt(row)
      block.count++
    }
    block.isCut = block.count < due
    if (block.count > 0 || due === 0) return true
    block.view = null
    return false
  }

  /** Returns the offset behind. */
  #write(view: View, rows: RowView, codec: number, row: number, base: number): number {
    const { table } = rows
    const out = this.#heap.bytes
    const start = this.#heap.top
    const command = rows.isIn(row) ? (rows.enteredBehind(row, base) ? ROW_ADD : ROW_UPDATE) : ROW_DELETE
    const since = command === ROW_ADD ? Number.NEGATIVE_INFINITY : base
    if (codec === TERSE) return writeTerseRow(out, start, view, rows, row, command, since, this.#fields, this.#store)
    const stream = STREAM_CODECS[codec]!
    const store = this.#store.bytes
    const { prefix } = view.item
    const key = table.keyOffset(row)
    const keyLength = table.keyLength(row)
    let at = stream.beginRow(out, start, prefix, rows.seqOf(row), view.timeMs, command, store, key, keyLength)
    if (command === ROW_DELETE) return stream.endDelete(out, at)
    let isFirst = true
    for (let column = 0; column < table.columns.length; column++) {
      const length = table.valueLength(column, row)
      if (length === NO_VALUE || table.changedAt(column, row) <= since) continue
      const { fieldId } = table.columns[column]!
      if (!view.includes(fieldId)) continue
      const name = this.#fields.prefixOf(fieldId)
      at = stream.field(out, at, isFirst, name, store, table.valueOffset(column, row), length)
      isFirst = false
    }
    return stream.endUpdate(out, at)
  }

  #rowBytesMax({ item }: View, row: number): number {
    const table = item.table!
    const { columns } = table
    let total = item.prefix.length + BODY_BYTES_MAX + table.keyLength(row) + terseBytesMax(columns.length + 1)
    for (let column = 0; column < columns.length; column++) {
      const name = this.#fields.prefixOf(columns[column]!.fieldId)
      total += name.length + FIELD_BYTES_MAX + Math.max(0, table.valueLength(column, row))
    }
    return total
  }
}

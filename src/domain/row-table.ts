/**
 * The rows of an item that is a table, by key: their newest values, and when each last changed. Rows are numbers; what is
 * kept of them lies in tables of numbers, a column each, and the bytes of keys and values in the thread's value store.
 *
 * A row that was deleted keeps its number and key as long as a view remembers it (`hold`), so that whoever is behind can be
 * told; the same key comes back under the same number.
 *
 * Bounds: `bytesMax` bytes of keys and values, with what they take beside their own when they cross a ring, `columnsMax` columns. Who makes rows bounds their number; those that are only
 * remembered are bounded by the views.
 *
 * Invariants:
 *  - A key has at most one row; a row that lives or is held is found by its key.
 *  - changedAt(column, row) is the core's position at which the value last changed; a row that begins anew has all of its
 *    values changed then.
 */

import { copyBytes, equalBytes } from '#src/bytes.ts'
import { NO_ROOM, ValueStore } from './value-store.ts'

export const NO_ROW = -1
/** Returned by ensure: there is no room for the key. */
export const ROWS_NO_ROOM = -2

/** The length of a value that the row does not have. */
export const NO_VALUE = -2
export const NO_COLUMN = -1

const START_ROWS = 8
/** What a row and a value take in a ring beside the bytes of key and value. */
const ROW_BYTES = 72
const VALUE_BYTES = 4
/** The store's blocks begin at multiples of 8, so that a number of 32 bits tells where. */
const BLOCK_UNIT = 8
const EMPTY = -1
const HASH_START = 0x811c9dc5
const HASH_PRIME = 0x01000193

interface Column {
  readonly fieldId: number
  blocks: Uint32Array
  classes: Uint8Array
  lengths: Int32Array
  changedAt: Float64Array
}

export class RowTable {
  /** Field ids, in the order of their first use. */
  readonly columns: Column[] = []
  /** Rows that live; and bytes, those of rows that are only remembered among them. */
  count = 0
  byteCount = 0
  /** Rows up to here have had a number. */
  end = 0
  readonly #store: ValueStore
  readonly #bytesMax: number
  readonly #columnsMax: number
  #keyBlocks = new Uint32Array(START_ROWS)
  #keyClasses = new Uint8Array(START_ROWS)
  #keyLengths = new Int32Array(START_ROWS)
  #hashes = new Int32Array(START_ROWS)
  #alive = new Uint8Array(START_ROWS)
  #holds = new Int32Array(START_ROWS)
  /** Open addressing: row by hash of its key. */
  #places = new Int32Array(START_ROWS * 2).fill(EMPTY)
  readonly #free: number[] = []

  constructor(store: ValueStore, bytesMax: number, columnsMax: number) {
    this.#store = store
    this.#bytesMax = bytesMax
    this.#columnsMax = columnsMax
  }

  /** Numbers that rows may have; it doubles as rows come. */
  get capacity(): number {
    return this.#alive.length
  }

  isAlive(row: number): boolean {
    return this.#alive[row] === 1
  }

  keyOffset(row: number): number {
    return this.#keyBlocks[row]! * BLOCK_UNIT
  }

  keyLength(row: number): number {
    return this.#keyLengths[row]!
  }

  /** The row of a key, or NO_ROW. It may be one that is only remembered. */
  find(bytes: Buffer, offset: number, length: number): number {
    const hash = hashOf(bytes, offset, length)
    const mask = this.#places.length - 1
    for (let place = hash & mask; ; place = (place + 1) & mask) {
      const row = this.#places[place]!
      if (row === EMPTY) return NO_ROW
      if (this.#hashes[row] === hash && this.#hasKey(row, bytes, offset, length)) return row
    }
  }

  /** The living row of a key, made without a value when there is none; or ROWS_NO_ROOM. */
  ensure(bytes: Buffer, offset: number, length: number): number {
    const known = this.find(bytes, offset, length)
    if (known !== NO_ROW) {
      if (this.#alive[known] === 0) {
        this.#alive[known] = 1
        this.count++
      }
      return known
    }
    const bits = ValueStore.classOf(length)
    if (this.byteCount + ROW_BYTES + length > this.#bytesMax) return ROWS_NO_ROOM
    const block = this.#store.allocate(bits)
    if (block === NO_ROOM) return ROWS_NO_ROOM
    const row = this.#free.pop() ?? this.#newRow()
    copyBytes(bytes, offset, this.#store.bytes, block, length)
    this.byteCount += ROW_BYTES + length
    this.#keyBlocks[row] = block / BLOCK_UNIT
    this.#keyClasses[row] = bits
    this.#keyLengths[row] = length
    this.#hashes[row] = hashOf(bytes, offset, length)
    this.#alive[row] = 1
    this.#holds[row] = 0
    this.count++
    this.#place(row)
    return row
  }

  /** The column of a field, made when it is new; NO_COLUMN where the table has as many as it may. */
  columnOf(fieldId: number, hint: number): number {
    const { columns } = this
    if (hint < columns.length && columns[hint]!.fieldId === fieldId) return hint
    for (let i = 0; i < columns.length; i++) if (columns[i]!.fieldId === fieldId) return i
    if (columns.length >= this.#columnsMax) return NO_COLUMN
    const { capacity } = this
    columns.push({
      fieldId,
      blocks: new Uint32Array(capacity),
      classes: new Uint8Array(capacity),
      lengths: new Int32Array(capacity).fill(NO_VALUE),
      changedAt: new Float64Array(capacity),
    })
    return columns.length - 1
  }

  /** The column of a field; NO_COLUMN where no row has had it. */
  findColumn(fieldId: number): number {
    const { columns } = this
    for (let i = 0; i < columns.length; i++) if (columns[i]!.fieldId === fieldId) return i
    return NO_COLUMN
  }

  valueOffset(column: number, row: number): number {
    return this.columns[column]!.blocks[row]! * BLOCK_UNIT
  }

  /** -1 for null, or NO_VALUE. */
  valueLength(column: number, row: number): number {
    return this.columns[column]!.lengths[row]!
  }

  changedAt(column: number, row: number): number {
    return this.columns[column]!.changedAt[row]!
  }

  holds(column: number, row: number, bytes: Buffer, offset: number, length: number): boolean {
    const { lengths, blocks } = this.columns[column]!
    if (lengths[row] !== length) return false
    return length <= 0 || equalBytes(this.#store.bytes, blocks[row]! * BLOCK_UNIT, bytes, offset, length)
  }

  /** Stores a value that changed at `position`; a `length` below 0 is null. False where there is no room: the old one stays. */
  put(column: number, row: number, bytes: Buffer, offset: number, length: number, position: number): boolean {
    const cells = this.columns[column]!
    const before = cells.lengths[row]!
    if (this.byteCount + takenBy(length) - takenBy(before) > this.#bytesMax) return false
    if (length > 0) {
      const bits = ValueStore.classOf(length)
      if (before <= 0 || cells.classes[row] !== bits) {
        const block = this.#store.allocate(bits)
        if (block === NO_ROOM) return false
        if (before > 0) this.#store.free(cells.blocks[row]! * BLOCK_UNIT, cells.classes[row]!)
        cells.blocks[row] = block / BLOCK_UNIT
        cells.classes[row] = bits
      }
      copyBytes(bytes, offset, this.#store.bytes, cells.blocks[row]! * BLOCK_UNIT, length)
    } else if (before > 0) {
      this.#store.free(cells.blocks[row]! * BLOCK_UNIT, cells.classes[row]!)
    }
    this.byteCount += takenBy(length) - takenBy(before)
    cells.lengths[row] = length
    cells.changedAt[row] = position
    return true
  }

  /** Takes a value away; true when there was one. */
  drop(column: number, row: number, position: number): boolean {
    const cells = this.columns[column]!
    if (cells.lengths[row] === NO_VALUE) return false
    if (cells.lengths[row]! > 0) this.#store.free(cells.blocks[row]! * BLOCK_UNIT, cells.classes[row]!)
    this.byteCount -= takenBy(cells.lengths[row]!)
    cells.lengths[row] = NO_VALUE
    cells.changedAt[row] = position
    return true
  }

  /** The row is no more; its number and key stay while it is held. */
  kill(row: number): void {
    for (let column = 0; column < this.columns.length; column++) this.drop(column, row, 0)
    this.#alive[row] = 0
    this.count--
    if (this.#holds[row] === 0) this.#forget(row)
  }

  /** A view remembers the row, or no more. */
  hold(row: number): void {
    this.#holds[row]!++
  }

  release(row: number): void {
    if (--this.#holds[row]! === 0 && this.#alive[row] === 0) this.#forget(row)
  }

  #newRow(): number {
    if (this.end === this.capacity) this.#grow()
    return this.end++
  }

  #forget(row: number): void {
    this.#unplace(row)
    this.#store.free(this.keyOffset(row), this.#keyClasses[row]!)
    this.byteCount -= ROW_BYTES + this.#keyLengths[row]!
    this.#free.push(row)
  }

  #hasKey(row: number, bytes: Buffer, offset: number, length: number): boolean {
    return this.#keyLengths[row] === length && equalBytes(this.#store.bytes, this.keyOffset(row), bytes, offset, length)
  }

  #place(row: number): void {
    const mask = this.#places.length - 1
    let place = this.#hashes[row]! & mask
    while (this.#places[place] !== EMPTY) place = (place + 1) & mask
    this.#places[place] = row
  }

  /** Those behind it that would not be found over the gap move up. */
  #unplace(row: number): void {
    const places = this.#places
    const mask = places.length - 1
    let gap = this.#hashes[row]! & mask
    while (places[gap] !== row) gap = (gap + 1) & mask
    for (let place = (gap + 1) & mask; places[place] !== EMPTY; place = (place + 1) & mask) {
      const home = this.#hashes[places[place]!]! & mask
      if (((place - home) & mask) < ((place - gap) & mask)) continue
      places[gap] = places[place]!
      gap = place
    }
    places[gap] = EMPTY
  }

  #grow(): void {
    const rows = this.capacity * 2
    this.#keyBlocks = grown(this.#keyBlocks, new Uint32Array(rows))
    this.#keyClasses = grown(this.#keyClasses, new Uint8Array(rows))
    this.#keyLengths = grown(this.#keyLengths, new Int32Array(rows))
    this.#hashes = grown(this.#hashes, new Int32Array(rows))
    this.#alive = grown(this.#alive, new Uint8Array(rows))
    this.#holds = grown(this.#holds, new Int32Array(rows))
    for (const cells of this.columns) {
      cells.blocks = grown(cells.blocks, new Uint32Array(rows))
      cells.classes = grown(cells.classes, new Uint8Array(rows))
      cells.lengths = grown(cells.lengths, new Int32Array(rows).fill(NO_VALUE))
      cells.changedAt = grown(cells.changedAt, new Float64Array(rows))
    }
    this.#places = new Int32Array(rows * 2).fill(EMPTY)
    // All numbers below the end are in use: none is free when the table grows.
    for (let row = 0; row < this.end; row++) this.#place(row)
  }
}

function takenBy(length: number): number {
  return length === NO_VALUE ? 0 : VALUE_BYTES + Math.max(0, length)
}

function hashOf(bytes: Buffer, offset: number, length: number): number {
  let hash = HASH_START
  for (let i = offset; i < offset + length; i++) hash = Math.imul(hash ^ bytes[i]!, HASH_PRIME)
  return hash ^ (hash >>> 15)
}

function grown<T extends { set(from: T): void }>(from: T, to: T): T {
  to.set(from)
  return to
}

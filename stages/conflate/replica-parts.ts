/**
 * What a replica is sent of an item before its value: the rows of a table, and the newest updates of a log that is kept. All
 * or none: there is room for all of it and for the value behind it (config/check.ts), so that a replica is never half.
 */

import { copyBytes } from '#src/bytes.ts'
import { FIELD_HEADER, NULL_FIELD, REPLICA_ENTRY, REPLICA_ROW, UPDATE_FIELDS } from '#src/codec/record.ts'
import type { FieldTable } from '#src/domain/field-table.ts'
import type { Item } from '#src/domain/item.ts'
import { ENTRY_SNAPSHOT, type ItemLog, NULL_LENGTH } from '#src/domain/item-log.ts'
import { NO_VALUE, type RowTable } from '#src/domain/row-table.ts'
import type { ValueStore } from '#src/domain/value-store.ts'
import type { RecordProducer } from '#src/ring/queue.ts'
import type { PeerLink } from './links.ts'

const ADD = Buffer.from('ADD')
/** What an entry takes in a ring beside its fields. */
const ENTRY_EXTRA_BYTES = 48
/** Of the longest record: so much of a log is sent, at most. */
const LOG_PARTS = 2
const NO_FIELD = 0xffff

export class ReplicaParts {
  readonly #fields: FieldTable
  readonly #store: ValueStore
  readonly #bindField: (peer: PeerLink, fieldId: number) => boolean

  /** `bindField` tells a peer what a field's number stands for; false when its queue is full. */
  constructor(fields: FieldTable, store: ValueStore, bindField: (peer: PeerLink, fieldId: number) => boolean) {
    this.#fields = fields
    this.#store = store
    this.#bindField = bindField
  }

  /** Whether they and what follows in `lengthBehind` bytes find room; where not, this thread is woken when there is some. */
  hasRoom(peer: PeerLink, item: Item, lengthBehind: number): boolean {
    const { table, log } = item
    const rowBytes = table !== null && table.count > 0 ? table.byteCount : 0
    const first = log !== null && item.settings.keepsLog ? this.#firstSent(peer, item, log) : 0
    const logBytes = log !== null && item.settings.keepsLog ? bytesFrom(log, first) : 0
    return rowBytes + logBytes === 0 || hasRoomFor(peer.data, rowBytes + logBytes + lengthBehind)
  }

  #firstSent({ data }: PeerLink, { settings }: Item, log: ItemLog): number {
    return firstSent(log, settings.historyMax, data.recordBytesMax / LOG_PARTS)
  }

  /** Sends them; false when they and what follows in `lengthBehind` bytes find no room. */
  send(peer: PeerLink, item: Item, wish: number, lengthBehind: number): boolean {
    const { table, log } = item
    const hasRows = table !== null && table.count > 0
    const keepsLog = log !== null && item.settings.keepsLog
    if (!hasRows && !keepsLog) return true
    if (hasRows && !this.#bindColumns(peer, table)) return false
    const first = keepsLog ? this.#firstSent(peer, item, log) : 0
    if (keepsLog && !this.#bindEntries(peer, log, first)) return false
    if (!this.hasRoom(peer, item, lengthBehind)) return false
    if (hasRows) this.#sendRows(peer.data, item, table, wish)
    if (keepsLog) for (let at = first; at < log.end; at++) sendEntry(peer.data, item, log, at, wish, at === first)
    return true
  }

  #bindColumns(peer: PeerLink, { columns }: RowTable): boolean {
    const [keyId, commandId] = [this.#fields.find('key'), this.#fields.find('command')]
    if (!this.#bindField(peer, keyId) || !this.#bindField(peer, commandId)) return false
    return columns.every(({ fieldId }) => this.#bindField(peer, fieldId))
  }

  #bindEntries(peer: PeerLink, log: ItemLog, first: number): boolean {
    for (let position = first; position < log.end; position++) {
      const end = log.offsetAt(position) + log.lengthAt(position)
      for (let at = log.offsetAt(position); at < end; at = behindField(log.bytes, at)) {
        const fieldId = log.bytes[at]! | (log.bytes[at + 1]! << 8)
        if (fieldId !== NO_FIELD && !this.#bindField(peer, fieldId)) return false
      }
    }
    return true
  }

  #sendRows(producer: RecordProducer, item: Item, table: RowTable, wish: number): void {
    const [keyId, commandId] = [this.#fields.find('key'), this.#fields.find('command')]
    let isFirst = true
    for (let row = 0; row < table.end; row++) {
      if (!table.isAlive(row)) continue
      this.#sendRow(producer, item, table, row, wish, isFirst, keyId, commandId)
      isFirst = false
    }
  }

  #sendRow(
    producer: RecordProducer,
    item: Item,
    table: RowTable,
    row: number,
    wish: number,
    isFirst: boolean,
    keyId: number,
    commandId: number,
  ): void {
    let length = UPDATE_FIELDS + 2 * FIELD_HEADER + table.keyLength(row) + ADD.length
    let fieldCount = 2
    for (let column = 0; column < table.columns.length; column++) {
      const valueLength = table.valueLength(column, row)
      if (valueLength === NO_VALUE) continue
      fieldCount++
      length += FIELD_HEADER + Math.max(0, valueLength)
    }
    const claim = claimHead(producer, length, item, isFirst, wish, fieldCount, Number.NaN)
    const { bytes } = producer.memory
    const store = this.#store.bytes
    let at = writeField(bytes, claim + UPDATE_FIELDS, commandId, ADD, 0, ADD.length)
    at = writeField(bytes, at, keyId, store, table.keyOffset(row), table.keyLength(row))
    for (let column = 0; column < table.columns.length; column++) {
      const valueLength = table.valueLength(column, row)
      if (valueLength === NO_VALUE) continue
      const fieldId = table.columns[column]!.fieldId
      at = writeField(bytes, at, fieldId, store, table.valueOffset(column, row), valueLength)
    }
    producer.commit(REPLICA_ROW, length)
  }
}

/** Claims a record as UPDATE is, and writes its head. */
function claimHead(
  producer: RecordProducer,
  length: number,
  item: Item,
  isFirst: boolean,
  wish: number,
  word3: number,
  timeMs: number,
): number {
  const claim = producer.claim(length)
  const { words, doubles } = producer.memory
  const word = claim >> 2
  words[word] = item.id
  words[word + 1] = isFirst ? 1 : 0
  words[word + 2] = wish
  words[word + 3] = word3
  doubles[(claim >> 3) + 2] = timeMs
  doubles[(claim >> 3) + 3] = Number.NaN
  return claim
}

/** The fields of an entry lie in a log as in a record. */
function sendEntry(
  producer: RecordProducer,
  item: Item,
  log: ItemLog,
  position: number,
  wish: number,
  isFirst: boolean,
): void {
  const length = UPDATE_FIELDS + log.lengthAt(position)
  const claim = claimHead(producer, length, item, isFirst, wish, log.kindAt(position), log.timeMsAt(position))
  copyBytes(log.bytes, log.offsetAt(position), producer.memory.bytes, claim + UPDATE_FIELDS, log.lengthAt(position))
  producer.commit(REPLICA_ENTRY, length)
}

/** Where the newest `historyMax` updates of a log begin, as many as `bytesMax` holds. */
function firstSent(log: ItemLog, historyMax: number, bytesMax: number): number {
  let first = log.end
  let updates = 0
  let bytes = 0
  while (first > log.first && updates < historyMax) {
    bytes += log.lengthAt(first - 1) + ENTRY_EXTRA_BYTES
    if (bytes > bytesMax) break
    if (log.kindAt(--first) <= ENTRY_SNAPSHOT) updates++
  }
  return first
}

function bytesFrom(log: ItemLog, first: number): number {
  let bytes = 0
  for (let at = first; at < log.end; at++) bytes += log.lengthAt(at) + ENTRY_EXTRA_BYTES
  return bytes
}

function behindField(bytes: Buffer, at: number): number {
  const length = bytes[at + 2]! | (bytes[at + 3]! << 8)
  return at + FIELD_HEADER + (length === NULL_LENGTH ? 0 : length)
}

/** Whether records of so many bytes find room one behind the other; where not, asks to be woken when there is some. */
function hasRoomFor(producer: RecordProducer, bytes: number): boolean {
  const isRoom = () =>
    producer.capacity - ((producer.position() - producer.consumed()) | 0) >= bytes + producer.recordBytesMax
  if (isRoom()) return true
  producer.awaitRoom()
  return isRoom()
}

/** `length` below 0 is null. Returns the offset behind. */
export function writeField(
  out: Buffer,
  at: number,
  fieldId: number,
  from: Buffer,
  offset: number,
  length: number,
): number {
  const length16 = length < 0 ? NULL_FIELD : length
  out[at] = fieldId & 0xff
  out[at + 1] = fieldId >> 8
  out[at + 2] = length16 & 0xff
  out[at + 3] = length16 >> 8
  return copyBytes(from, offset, out, at + FIELD_HEADER, Math.max(0, length))
}

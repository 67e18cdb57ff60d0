/**
 * What a replica is sent of an item before its value: the rows of a table, and the newest updates of a log that is kept. They
 * are sent one by one, as the peer's queue has room; meanwhile the item does not change (replicas.ts).
 */

import { copyBytes } from '#src/bytes.ts'
import { FIELD_HEADER, NULL_FIELD, REPLICA_ENTRY, REPLICA_ROW, UPDATE_FIELDS } from '#src/codec/record.ts'
import type { FieldTable } from '#src/domain/field-table.ts'
import type { Item } from '#src/domain/item.ts'
import { ENTRY_SNAPSHOT, type ItemLog, NULL_LENGTH } from '#src/domain/item-log.ts'
import { NO_VALUE, type RowTable } from '#src/domain/row-table.ts'
import type { ValueStore } from '#src/domain/value-store.ts'
import { claimOrAwait, type RecordProducer } from '#src/ring/queue.ts'
import type { PeerLink } from './links.ts'

const ADD = Buffer.from('ADD')
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

  /** Tells the peer what the numbers of their fields stand for, and begins; false when its queue is full. */
  bind(peer: PeerLink, item: Item): boolean {
    const { table, log, settings } = item
    if (table !== null && table.count > 0 && !this.#bindColumns(peer, table)) return false
    peer.nextRow = 0
    if (log === null || !settings.keepsLog) return true
    peer.nextEntry = firstSent(log, settings.historyMax)
    return this.#bindEntries(peer, log, peer.nextEntry)
  }

  /** Sends what is left of them; false when the peer's queue has no room for all of it. */
  send(peer: PeerLink, item: Item, wish: number): boolean {
    const { table, log, settings } = item
    if (table !== null && !this.#sendRows(peer, item, table, wish)) return false
    if (log === null || !settings.keepsLog) return true
    for (; peer.nextEntry < log.end; peer.nextEntry++) {
      if (!sendEntry(peer.data, item, log, peer.nextEntry, wish)) return false
    }
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

  #sendRows(peer: PeerLink, item: Item, table: RowTable, wish: number): boolean {
    const [keyId, commandId] = [this.#fields.find('key'), this.#fields.find('command')]
    for (; peer.nextRow < table.end; peer.nextRow++) {
      if (!table.isAlive(peer.nextRow)) continue
      if (!this.#sendRow(peer.data, item, table, peer.nextRow, wish, keyId, commandId)) return false
    }
    return true
  }

  /** False when there is no room. */
  #sendRow(
    producer: RecordProducer,
    item: Item,
    table: RowTable,
    row: number,
    wish: number,
    keyId: number,
    commandId: number,
  ): boolean {
    let length = UPDATE_FIELDS + 2 * FIELD_HEADER + table.keyLength(row) + ADD.length
    let fieldCount = 2
    for (let column = 0; column < table.columns.length; column++) {
      const valueLength = table.valueLength(column, row)
      if (valueLength === NO_VALUE) continue
      fieldCount++
      length += FIELD_HEADER + Math.max(0, valueLength)
    }
    const claim = claimHead(producer, length, item, wish, fieldCount, Number.NaN)
    if (claim < 0) return false
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
    return true
  }
}

/** Claims a record as UPDATE is, and writes its head; below 0 when there is no room. */
function claimHead(
  producer: RecordProducer,
  length: number,
  item: Item,
  wish: number,
  word3: number,
  timeMs: number,
): number {
  const claim = claimOrAwait(producer, length)
  if (claim < 0) return claim
  const { words, doubles } = producer.memory
  const word = claim >> 2
  words[word] = item.id
  words[word + 1] = 0
  words[word + 2] = wish
  words[word + 3] = word3
  doubles[(claim >> 3) + 2] = timeMs
  doubles[(claim >> 3) + 3] = Number.NaN
  return claim
}

/** The fields of an entry lie in a log as in a record. False when there is no room. */
function sendEntry(producer: RecordProducer, item: Item, log: ItemLog, position: number, wish: number): boolean {
  const length = UPDATE_FIELDS + log.lengthAt(position)
  const claim = claimHead(producer, length, item, wish, log.kindAt(position), log.timeMsAt(position))
  if (claim < 0) return false
  copyBytes(log.bytes, log.offsetAt(position), producer.memory.bytes, claim + UPDATE_FIELDS, log.lengthAt(position))
  producer.commit(REPLICA_ENTRY, length)
  return true
}

/** Where the newest `historyMax` updates of a log begin. */
function firstSent(log: ItemLog, historyMax: number): number {
  let first = log.end
  for (let updates = 0; first > log.first && updates < historyMax; ) {
    if (log.kindAt(--first) <= ENTRY_SNAPSHOT) updates++
  }
  return first
}

function behindField(bytes: Buffer, at: number): number {
  const length = bytes[at + 2]! | (bytes[at + 3]! << 8)
  return at + FIELD_HEADER + (length === NULL_LENGTH ? 0 : length)
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

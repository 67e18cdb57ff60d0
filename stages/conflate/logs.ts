/**
 * Writes the logs of items: every update, in order, for the modes that count each (item-log.ts). A log begins with the
 * item's whole value, where it has one, so that there is something to begin with. All logs of a core thread and the bodies
 * that are cached of them draw on one budget.
 */

import { copyBytes } from '#src/bytes.ts'
import { FIELD_HEADER, NO_FIELD, NULL_FIELD, UPDATE_FIELDS } from '#src/codec/record.ts'
import type { Item } from '#src/domain/item.ts'
import { ENTRY_SNAPSHOT, ItemLog, NOT_KEPT } from '#src/domain/item-log.ts'
import { RawBudget } from '#src/domain/raw-budget.ts'
import type { ValueStore } from '#src/domain/value-store.ts'
import type { RecordMemory } from '#src/ring/queue.ts'
import type { LaneLink } from './links.ts'

export class Logs {
  readonly budget: RawBudget
  readonly #store: ValueStore

  /** `bytesMax`: what all logs and their bodies may take. */
  constructor(bytesMax: number, store: ValueStore) {
    this.budget = new RawBudget(bytesMax)
    this.#store = store
  }

  /** Begins the item's log, if it has none. */
  begin(item: Item): ItemLog {
    if (item.log !== null) return item.log
    const { logBytes, logUpdates } = item.settings
    item.log = new ItemLog(logBytes, logUpdates, this.budget)
    this.writeState(item)
    return item.log
  }

  /** Writes the fields of a record at [start, end) of `bytes`. */
  writeUpdate(
    lane: LaneLink,
    log: ItemLog,
    kind: number,
    bytes: Buffer,
    start: number,
    end: number,
    timeMs: number,
    position: number,
  ): void {
    let target = log.append(kind, end - start, timeMs, position)
    if (target === NOT_KEPT) return
    const out = log.bytes
    let at = start
    while (at < end) {
      const fieldId = lane.fields[bytes[at]! | (bytes[at + 1]! << 8)] ?? NO_FIELD
      const length16 = bytes[at + 2]! | (bytes[at + 3]! << 8)
      const length = length16 === NULL_FIELD ? 0 : length16
      writeHeader(out, target, fieldId, length16)
      target = copyBytes(bytes, at + FIELD_HEADER, out, target + FIELD_HEADER, length)
      at += FIELD_HEADER + length
    }
  }

  /** Applies a REPLICA_ENTRY record. */
  takeEntry(
    lane: LaneLink,
    log: ItemLog,
    memory: RecordMemory,
    offset: number,
    length: number,
    position: number,
  ): void {
    const word = offset >> 2
    const start = offset + UPDATE_FIELDS
    const timeMs = memory.doubles[(offset >> 3) + 2]!
    this.writeUpdate(lane, log, memory.words[word + 3]!, memory.bytes, start, offset + length, timeMs, position)
  }

  /** Writes the item's whole value as an entry; nothing when it has none, or one that no log holds. */
  writeState(item: Item): void {
    if (!item.isKnown) return
    const log = item.log!
    let length = 0
    for (let i = 0; i < item.fieldCount; i++) length += FIELD_HEADER + Math.max(0, item.lengths[i]!)
    if (length > item.settings.logBytes) return
    let target = log.append(ENTRY_SNAPSHOT, length, item.timeMs, item.position)
    if (target === NOT_KEPT) return
    const out = log.bytes
    for (let i = 0; i < item.fieldCount; i++) {
      const valueLength = item.lengths[i]!
      writeHeader(out, target, item.fieldIds[i]!, valueLength < 0 ? NULL_FIELD : valueLength)
      target += FIELD_HEADER
      if (valueLength > 0) target = copyBytes(this.#store.bytes, item.blockOffsets[i]!, out, target, valueLength)
    }
  }
}

function writeHeader(out: Buffer, at: number, fieldId: number, length16: number): void {
  out[at] = fieldId & 0xff
  out[at + 1] = (fieldId >> 8) & 0xff
  out[at + 2] = length16 & 0xff
  out[at + 3] = length16 >> 8
}

/**
 * A thread's way to the core threads for everything whose order against the updates matters, and what it has told them:
 * which number stands for which item and field.
 *
 * Invariants:
 *  - Every record about an item goes to the item's home, through one queue: order per item is the order of the calls.
 *  - A number is bound at a core before it is used there. An item's number is free again only after UNBOUND is queued.
 *  - An offer that returns FULL has changed nothing that a repetition would double.
 */

import { copyBytes } from '#src/bytes.ts'
import type { FeedLineParser } from '#src/codec/feed-line.ts'
import type { NameTable } from '#src/codec/name-table.ts'
import {
  ANSWERED,
  BIND_FIELD,
  BIND_ITEM,
  DELETE,
  FIELD_HEADER,
  FLAG_ROW,
  FLAG_SNAPSHOT,
  HANDLES,
  NULL_FIELD,
  textBytesMax,
  UNBOUND,
  UPDATE,
  UPDATE_FIELDS,
  writeText,
} from '#src/codec/record.ts'
import { homeOf } from '#src/domain/home.ts'
import { claimOrAwait, FULL, type RecordProducer } from '#src/ring/queue.ts'

/** The slot, on the lane of an edge thread, of updates that come over HTTP. */
export const HTTP_SLOT = 0

const NOT_BOUND = -1
export const OFFERED = 0

export class Lane {
  readonly items: NameTable
  readonly fields: NameTable
  /** By core. */
  readonly cores: readonly RecordProducer[]
  readonly #itemHomes: number[] = []
  readonly #boundFields: boolean[][]

  constructor(cores: readonly RecordProducer[], items: NameTable, fields: NameTable) {
    this.cores = cores
    this.items = items
    this.fields = fields
    this.#boundFields = cores.map(() => [])
  }

  /** Offers what the parser has just read: an update or a deletion. OFFERED, or FULL: offer the same again later. */
  offer(parser: FeedLineParser, isDeletion: boolean, slot: number, line: number, receivedMs: number): number {
    const home = this.#homeOf(parser.itemId)
    if (home < 0) return FULL
    const fieldCount = isDeletion ? 0 : parser.fieldCount
    for (let i = 0; i < fieldCount; i++) if (!this.#bindField(home, parser.fieldIds[i]!)) return FULL
    let length = UPDATE_FIELDS + fieldCount * FIELD_HEADER
    for (let i = 0; i < fieldCount; i++) if (parser.valueLengths[i]! > 0) length += parser.valueLengths[i]!
    const producer = this.cores[home]!
    const claim = claimOrAwait(producer, length)
    if (claim < 0) return FULL
    const { bytes, words, doubles } = producer.memory
    const word = claim >> 2
    words[word] = parser.itemId
    words[word + 1] = slot
    words[word + 2] = line
    words[word + 3] = fieldCount | (isDeletion ? 0 : flagsOf(parser))
    doubles[(claim >> 3) + 2] = parser.timeMs
    doubles[(claim >> 3) + 3] = receivedMs
    let at = claim + UPDATE_FIELDS
    for (let i = 0; i < fieldCount; i++) {
      const fieldId = parser.fieldIds[i]!
      const valueLength = parser.valueLengths[i]!
      const length16 = valueLength < 0 ? NULL_FIELD : valueLength
      bytes[at] = fieldId & 0xff
      bytes[at + 1] = fieldId >> 8
      bytes[at + 2] = length16 & 0xff
      bytes[at + 3] = length16 >> 8
      at += FIELD_HEADER
      if (valueLength > 0) at = copyBytes(parser.valueBytes, parser.valueOffsets[i]!, bytes, at, valueLength)
    }
    producer.commit(isDeletion ? DELETE : UPDATE, length)
    return OFFERED
  }

  /** Offers a record to every core, or to none: word 0 `slot`, and with `text` word 1 `flag`, then the text. */
  offerAll(type: number, slot: number, flag: number, text: string | null): number {
    const lengthMax = 8 + (text === null ? 0 : text.length * 3)
    for (const producer of this.cores) if (claimOrAwait(producer, lengthMax) < 0) return FULL
    for (const producer of this.cores) {
      const claim = producer.claim(lengthMax)
      producer.memory.words[claim >> 2] = slot
      producer.memory.words[(claim >> 2) + 1] = flag
      producer.commit(type, 8 + (text === null ? 0 : producer.memory.bytes.write(text, claim + 8, 'utf8')))
    }
    return OFFERED
  }

  /** Offers the targets that a feed handles, a JSON array, to every core, or to none. */
  offerHandles(slot: number, targets: string): number {
    const lengthMax = 4 + textBytesMax(targets)
    for (const producer of this.cores) if (claimOrAwait(producer, lengthMax) < 0) return FULL
    for (const producer of this.cores) {
      const claim = producer.claim(lengthMax)
      producer.memory.words[claim >> 2] = slot
      producer.commit(HANDLES, 4 + writeText(producer.memory, claim + 4, targets))
    }
    return OFFERED
  }

  /** Offers what became of a core's message to that core; `number` is the core's, `text` JSON as ANSWERED has it. */
  offerAnswered(core: number, slot: number, number: number, text: string): number {
    const producer = this.cores[core]!
    const claim = claimOrAwait(producer, 8 + textBytesMax(text))
    if (claim < 0) return FULL
    producer.memory.words[claim >> 2] = slot
    producer.memory.words[(claim >> 2) + 1] = number
    producer.commit(ANSWERED, 8 + writeText(producer.memory, claim + 8, text))
    return OFFERED
  }

  /** A core has forgotten an item: gives its number back. FULL: call again. */
  unbind(itemId: number): number {
    const home = this.#itemHomes[itemId] ?? NOT_BOUND
    if (home === NOT_BOUND) return OFFERED
    const producer = this.cores[home]!
    const claim = claimOrAwait(producer, 4)
    if (claim < 0) return FULL
    producer.memory.words[claim >> 2] = itemId
    producer.commit(UNBOUND, 4)
    this.#itemHomes[itemId] = NOT_BOUND
    this.items.remove(itemId)
    return OFFERED
  }

  publish(): void {
    for (const producer of this.cores) producer.publish()
  }

  /** The item's home, told the item's number first where it does not know it; FULL when it cannot be told. */
  #homeOf(itemId: number): number {
    const known = this.#itemHomes[itemId]
    if (known !== undefined && known !== NOT_BOUND) return known
    while (this.#itemHomes.length <= itemId) this.#itemHomes.push(NOT_BOUND)
    const home = homeOf(this.items.textOf(itemId), this.cores.length)
    if (!bind(this.cores[home]!, BIND_ITEM, itemId, this.items)) return FULL
    this.#itemHomes[itemId] = home
    return home
  }

  #bindField(home: number, fieldId: number): boolean {
    const bound = this.#boundFields[home]!
    if (bound[fieldId] === true) return true
    if (!bind(this.cores[home]!, BIND_FIELD, fieldId, this.fields)) return false
    while (bound.length <= fieldId) bound.push(false)
    bound[fieldId] = true
    return true
  }
}

function bind(producer: RecordProducer, type: number, id: number, names: NameTable): boolean {
  const lengthMax = 4 + names.lengthOf(id)
  const claim = claimOrAwait(producer, lengthMax)
  if (claim < 0) return false
  producer.memory.words[claim >> 2] = id
  names.copyTo(id, producer.memory.bytes, claim + 4)
  producer.commit(type, lengthMax)
  return true
}

function flagsOf({ isSnapshot, isRow }: FeedLineParser): number {
  return (isSnapshot ? FLAG_SNAPSHOT : 0) | (isRow ? FLAG_ROW : 0)
}

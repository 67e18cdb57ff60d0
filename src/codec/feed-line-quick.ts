/**
 * Scans what most lines of feeds look like, and gives up on all others: feed-line.ts then reads them with care. It takes
 * good updates only, and tells no errors, so it may be as narrow as is fast:
 *
 *   {"item":"A","fields":{"bid":"1.1","ask":1.2,"size":null}}
 *
 * "item" first, or "at" and then "item" as in recordings; no white space but one carriage return behind the line, ASCII, no
 * backslash, names that the tables know. "snapshot", "time", "at" and "mode" may stand anywhere behind the item.
 *
 * A feed mostly sends the same fields in the same order: the name is first compared with that of the field which followed
 * the last time, and hashed only if it is another.
 *
 * Invariants (test/rules.md, F): what it takes is what feed-line.ts would take, with the same result. It changes no table.
 */

import { isNumberStart, numberEnd, numberOf } from './json-number.ts'
import { HASH_PRIME, type NameTable } from './name-table.ts'

export interface FeedLineLimits {
  readonly itemNameBytesMax: number
  readonly fieldNameBytesMax: number
  /** Fields in one line. */
  readonly fieldsMax: number
  /** Of a value's canonical content. */
  readonly valueBytesMax: number
}

/** What an update sets. */
export interface UpdateFields {
  itemId: number
  isSnapshot: boolean
  isRow: boolean
  timeMs: number
  fieldCount: number
  readonly fieldIds: Int32Array
  valueBytes: Buffer
  readonly valueOffsets: Int32Array
  readonly valueLengths: Int32Array
}

/** The latest time that a Date can hold; as a number it prints in 16 digits. */
export const TIME_MS_MAX = 8_640_000_000_000_000

const CARRIAGE_RETURN = 0x0d
const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const LETTER_A = 0x61
const LETTER_F = 0x66
const LETTER_M = 0x6d
const LETTER_N = 0x6e
const LETTER_S = 0x73
const LETTER_T = 0x74
const BRACE_CLOSE = 0x7d

const HEAD = Buffer.from('{"item":"')
const HEAD_AT = Buffer.from('{"at":')
const ITEM = Buffer.from(',"item":"')
const FIELDS = Buffer.from('"fields":{')
const TIME = Buffer.from('"time":')
const AT = Buffer.from('"at":')
const MODE = Buffer.from('"mode":"')
const COMMAND = Buffer.from('command')
const SNAPSHOT_TRUE = Buffer.from('"snapshot":true')
const SNAPSHOT_FALSE = Buffer.from('"snapshot":false')
const NULL = Buffer.from('null')

const HAS_FIELDS = 1
const HAS_TIME = 2
const HAS_AT = 4
const HAS_MODE = 8
const HAS_SNAPSHOT = 16

/** By byte: 1 for those that stand for themselves in a string, of ASCII. */
const PLAIN = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte < 0x80 && byte !== QUOTE && byte !== 0x5c ? 1 : 0,
)

const GIVEN_UP = -1
const STAMP_MAX = 0x7fffffff

export class QuickScanner {
  readonly #fieldsMax: number
  readonly #valueBytesMax: number
  readonly #items: NameTable
  readonly #fields: NameTable
  /** By id of a field: the stamp of the last line that had it. Each line has its own. */
  readonly #stamps: Int32Array
  /** By id of a field: the one that followed it last, or -1; the first place is for what begins a line. */
  readonly #followers: Int32Array
  #stamp = 0

  constructor(limits: FeedLineLimits, items: NameTable, fields: NameTable) {
    this.#fieldsMax = limits.fieldsMax
    this.#valueBytesMax = limits.valueBytesMax
    this.#items = items
    this.#fields = fields
    this.#stamps = new Int32Array(fields.namesMax)
    this.#followers = new Int32Array(fields.namesMax + 1).fill(-1)
  }

  /** True when the line was taken, and `into` is set; false leaves it undefined. */
  scan(bytes: Buffer, start: number, lineEnd: number, into: UpdateFields): boolean {
    const end = lineEnd > start && bytes[lineEnd - 1] === CARRIAGE_RETURN ? lineEnd - 1 : lineEnd
    const isPlainHead = isAt(HEAD, bytes, start, end)
    const nameStart = isPlainHead ? start + HEAD.length : behindAt(bytes, start, end)
    if (nameStart < 0) return false
    let hash = this.#items.hashStart
    let at = nameStart
    for (; at < end; at++) {
      const byte = bytes[at]!
      if (PLAIN[byte] === 0) break
      hash = Math.imul(hash ^ byte, HASH_PRIME)
    }
    if (at >= end || bytes[at] !== QUOTE) return false
    into.itemId = this.#items.findHashed(hash, bytes, nameStart, at)
    if (into.itemId < 0) return false
    into.isSnapshot = false
    into.isRow = false
    into.timeMs = Number.NaN
    into.fieldCount = 0
    into.valueBytes = bytes
    return this.#members(bytes, at + 1, end, isPlainHead ? 0 : HAS_AT, into)
  }

  /** From the comma behind the item to the end. */
  #members(bytes: Buffer, start: number, end: number, givenBefore: number, into: UpdateFields): boolean {
    let at = start
    let given = givenBefore
    while (at + 2 < end && bytes[at] === COMMA) {
      const keyStart = at + 1
      const letter = bytes[at + 2]!
      let has = 0
      if (letter === LETTER_F) {
        has = HAS_FIELDS
        at = this.#fieldsObject(bytes, keyStart, end, into)
      } else if (letter === LETTER_T) {
        has = HAS_TIME
        at = timeEnd(bytes, keyStart, end, into)
      } else if (letter === LETTER_A) {
        has = HAS_AT
        at = isAt(AT, bytes, keyStart, end) ? numberEnd(bytes, keyStart + AT.length, end) : GIVEN_UP
      } else if (letter === LETTER_M) {
        has = HAS_MODE
        at = modeEnd(bytes, keyStart, end, into)
      } else if (letter === LETTER_S) {
        has = HAS_SNAPSHOT
        at = snapshotEnd(bytes, keyStart, end, into)
      } else {
        return false
      }
      if (at < 0 || (given & has) !== 0) return false
      given |= has
    }
    if (at + 1 !== end || bytes[at] !== BRACE_CLOSE || (given & HAS_FIELDS) === 0) return false
    return into.fieldCount > 0 || into.isSnapshot
  }

  /** The offset behind the object of the fields, or a negative number. */
  #fieldsObject(bytes: Buffer, start: number, end: number, into: UpdateFields): number {
    if (!isAt(FIELDS, bytes, start, end)) return GIVEN_UP
    let at = start + FIELDS.length
    if (at < end && bytes[at] === BRACE_CLOSE) return at + 1
    const stamp = this.#nextStamp()
    const { fieldIds, valueOffsets, valueLengths } = into
    const fields = this.#fields
    const followers = this.#followers
    const stamps = this.#stamps
    let previousId = -1
    for (let index = 0; index < this.#fieldsMax; index++) {
      if (at >= end || bytes[at] !== QUOTE) return GIVEN_UP
      let id = followers[previousId + 1]!
      let quoteAt = fields.endOf(id, bytes, at + 1, end)
      if (quoteAt < 0) {
        quoteAt = plainEnd(bytes, at + 1, end)
        if (quoteAt < 0) return GIVEN_UP
        id = fields.find(bytes, at + 1, quoteAt)
        if (id < 0) return GIVEN_UP
        followers[previousId + 1] = id
      }
      if (stamps[id] === stamp) return GIVEN_UP
      stamps[id] = stamp
      previousId = id
      at = quoteAt + 2
      if (at >= end || bytes[quoteAt + 1] !== COLON) return GIVEN_UP
      const byte = bytes[at]!
      let valueStart = at
      let length = -1
      if (byte === QUOTE) {
        valueStart = at + 1
        at = plainEnd(bytes, valueStart, end)
        if (at < 0) return GIVEN_UP
        length = at++ - valueStart
      } else if (isNumberStart(byte)) {
        at = numberEnd(bytes, at, end)
        if (at < 0) return GIVEN_UP
        length = at - valueStart
      } else {
        if (byte !== LETTER_N || !isAt(NULL, bytes, at, end)) return GIVEN_UP
        at += NULL.length
      }
      if (length > this.#valueBytesMax) return GIVEN_UP
      fieldIds[index] = id
      valueOffsets[index] = valueStart
      valueLengths[index] = length
      if (at >= end) return GIVEN_UP
      if (bytes[at] === BRACE_CLOSE) {
        into.fieldCount = index + 1
        return at + 1
      }
      if (bytes[at] !== COMMA) return GIVEN_UP
      at++
    }
    return GIVEN_UP
  }

  #nextStamp(): number {
    if (this.#stamp === STAMP_MAX) {
      this.#stamps.fill(0)
      this.#stamp = 0
    }
    return ++this.#stamp
  }
}

/** Where the item's name begins in a line that begins with "at"; else a negative number. */
function behindAt(bytes: Buffer, start: number, end: number): number {
  if (!isAt(HEAD_AT, bytes, start, end)) return GIVEN_UP
  const at = numberEnd(bytes, start + HEAD_AT.length, end)
  return at >= 0 && isAt(ITEM, bytes, at, end) ? at + ITEM.length : GIVEN_UP
}

function timeEnd(bytes: Buffer, start: number, end: number, into: UpdateFields): number {
  if (!isAt(TIME, bytes, start, end)) return GIVEN_UP
  const numberStart = start + TIME.length
  const at = numberEnd(bytes, numberStart, end)
  if (at < 0) return GIVEN_UP
  const timeMs = numberOf(bytes, numberStart, at) + 0
  into.timeMs = timeMs
  return timeMs >= 0 && timeMs <= TIME_MS_MAX ? at : GIVEN_UP
}

function modeEnd(bytes: Buffer, start: number, end: number, into: UpdateFields): number {
  if (!isAt(MODE, bytes, start, end)) return GIVEN_UP
  const quoteAt = plainEnd(bytes, start + MODE.length, end)
  into.isRow = isRowMode(bytes, start + MODE.length, quoteAt)
  return quoteAt < 0 ? GIVEN_UP : quoteAt + 1
}

function snapshotEnd(bytes: Buffer, start: number, end: number, into: UpdateFields): number {
  into.isSnapshot = isAt(SNAPSHOT_TRUE, bytes, start, end)
  if (into.isSnapshot) return start + SNAPSHOT_TRUE.length
  return isAt(SNAPSHOT_FALSE, bytes, start, end) ? start + SNAPSHOT_FALSE.length : GIVEN_UP
}

/** Whether the mode says that an update is an operation on a row. Its letters have no escapes that anybody writes. */
export function isRowMode(bytes: Buffer, start: number, end: number): boolean {
  return end - start === COMMAND.length && isAt(COMMAND, bytes, start, end)
}

/** The offset of the quote that ends the string at `start`, when all before it is plain; else a negative number. */
function plainEnd(bytes: Buffer, start: number, end: number): number {
  let at = start
  while (at < end && PLAIN[bytes[at]!] === 1) at++
  return at < end && bytes[at] === QUOTE ? at : GIVEN_UP
}

/** True when `text` stands at `start`. */
function isAt(text: Buffer, bytes: Buffer, start: number, end: number): boolean {
  if (start + text.length > end) return false
  for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text[i]) return false
  return true
}

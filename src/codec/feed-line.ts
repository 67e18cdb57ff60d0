/**
 * Parses one line of a feed: bytes to numbers, with no string and no allocation for what is known.
 *
 *   {"item":NAME,"fields":{NAME:VALUE,…}}         an update; besides "snapshot":bool, "time":ms since 1970
 *   {"item":NAME,"deleted":true}                  the item ends; besides "time"
 *   {"feed":NAME,"onDemand":bool,"heartbeat":ms}  the greeting; the last two may be left out; besides "handles" (see
 *                                                 feed-line-message.ts)
 *   {"answer":17,"result":JSON}                   the answer to a message; or "error":TEXT
 *   blank                                         a heartbeat
 *
 * A VALUE is a string, a number or null. "mode" (a string) says what the item is: of "command" an update is an operation on a
 * row of a table (tables.ts), any other says nothing. "at" (a number) is what recordings carry: checked and ignored. Keys stand in any order, each at most once.
 *
 * Invariants (test/rules.md, F):
 *  - Only good lines change a table. A name that is new is added when all else of the line is found good, and taken out
 *    again if another name of the line cannot be added.
 *  - A value is kept as canonical JSON string content: what JSON.stringify would print between the quotes. A number keeps
 *    its text as printed.
 *  - A bad line tells the first thing wrong from its left; after that what concerns the whole line: a key that is missing
 *    or belongs to another sort of line, then names that cannot be added. But a line that is not UTF-8 is told as that.
 *
 * Two ways to the same answer: what most lines look like is scanned at once (feed-line-quick.ts); everything else is
 * read token by token here, which alone adds names and tells errors. When you change the grammar, change both.
 *
 * Cost: 0.4 to 0.5 µs for a line of 153 B on the quick way, of which 0.05 to cut it out of its chunk; 1 to 2 µs on the
 * careful one (perf/micro/feed-line.ts; JSON.parse takes 1.0 for the same line).
 */

import { assert } from '#src/assert.ts'
import { isName } from '#src/domain/names.ts'
import type { FeedErrorCode } from '#src/errors.ts'
import { ANSWER_RANGE, MessageReader } from './feed-line-message.ts'
import { type FeedLineLimits, isRowMode, QuickScanner, TIME_MS_MAX, type UpdateFields } from './feed-line-quick.ts'
import { BRACE_CLOSE, BRACE_OPEN, LETTER_F, LETTER_N, LETTER_T, LineCursor, QUOTE } from './line-cursor.ts'
import { NameTable } from './name-table.ts'

export const LINE_BLANK = 0
export const LINE_UPDATE = 1
export const LINE_DELETE = 2
export const LINE_GREETING = 3
export const LINE_BAD = 4
export const LINE_ANSWER = 5
export type LineKind =
  | typeof LINE_BLANK
  | typeof LINE_UPDATE
  | typeof LINE_DELETE
  | typeof LINE_GREETING
  | typeof LINE_BAD
  | typeof LINE_ANSWER

export { type FeedLineLimits, TIME_MS_MAX }
export const HEARTBEAT_MS_MIN = 100
export const HEARTBEAT_MS_MAX = 3_600_000

/** Each at the place that is its number. */
const KEY_NAMES = [
  ...['item', 'fields', 'time', 'snapshot', 'at', 'mode', 'deleted'],
  ...['feed', 'onDemand', 'heartbeat', 'handles', 'answer', 'result', 'error'],
]
const KEY_ITEM = 0
const KEY_FIELDS = 1
const KEY_TIME = 2
const KEY_SNAPSHOT = 3
const KEY_AT = 4
const KEY_MODE = 5
const KEY_DELETED = 6
const KEY_FEED = 7
const KEY_ON_DEMAND = 8
const KEY_HEARTBEAT = 9
const KEY_HANDLES = 10
const KEY_ANSWER = 11
const KEY_RESULT = 12
const KEY_ERROR = 13
const KEY_BYTES_MAX = 16

/** The keys that each sort of line may have, a bit each. */
const UPDATE_KEYS = bitsOf(KEY_ITEM, KEY_FIELDS, KEY_TIME, KEY_SNAPSHOT, KEY_AT, KEY_MODE)
const DELETE_KEYS = bitsOf(KEY_ITEM, KEY_DELETED, KEY_TIME, KEY_AT, KEY_MODE)
const GREETING_KEYS = bitsOf(KEY_FEED, KEY_ON_DEMAND, KEY_HEARTBEAT, KEY_HANDLES)
const RESULT_KEYS = bitsOf(KEY_ANSWER, KEY_RESULT)
const ERROR_KEYS = bitsOf(KEY_ANSWER, KEY_ERROR)

const TIME_RANGE = `a number from 0 to ${TIME_MS_MAX}`
const HEARTBEAT_RANGE = `0 or an integer from ${HEARTBEAT_MS_MIN} to ${HEARTBEAT_MS_MAX}`

const TRUE = Buffer.from('true')
const FALSE = Buffer.from('false')
const NULL = Buffer.from('null')
const NOTHING = Buffer.alloc(0)
const STAMP_MAX = 0x7fffffff

export class FeedLineParser implements UpdateFields {
  // After LINE_UPDATE; item and time also after LINE_DELETE.
  /** The id in the table of items. */
  itemId = -1
  isSnapshot = false
  /** Its "mode" is "command": it is an operation on a row of a table. */
  isRow = false
  /** NaN when the line has none. */
  timeMs = Number.NaN
  fieldCount = 0
  /** Ids in the table of fields. */
  readonly fieldIds: Int32Array
  /** What the offsets point into: good until the next parse, and as long as the line's own bytes. */
  valueBytes: Buffer = NOTHING
  readonly valueOffsets: Int32Array
  /** -1 is null. */
  readonly valueLengths: Int32Array

  // After LINE_GREETING.
  feedName = ''
  isOnDemand = false
  /** 0 is no heartbeat. */
  heartbeatMs = 0
  /** After LINE_GREETING and LINE_ANSWER. */
  readonly message: MessageReader

  readonly #limits: FeedLineLimits
  readonly #items: NameTable
  readonly #fields: NameTable
  readonly #keys = new NameTable(KEY_NAMES.length, KEY_BYTES_MAX)
  readonly #cursor = new LineCursor()
  readonly #scanner: QuickScanner
  /** A bit for each key that the line has. */
  #givenKeys = 0
  // Names that are new; offsets are from the line's start, as those of the values until the line is found good.
  #itemOffset = 0
  #itemLength = 0
  #hasNewField = false
  readonly #nameOffsets: Int32Array
  readonly #nameLengths: Int32Array
  /** By id of a field: the stamp of the last line that had it. Each line has its own. */
  readonly #stamps: Int32Array
  #stamp = 0

  /** The tables may be shared by the parsers of a thread. */
  constructor(limits: FeedLineLimits, items: NameTable, fields: NameTable) {
    assert(limits.itemNameBytesMax <= items.nameBytesMax, 'the table of items takes every good name')
    assert(limits.fieldNameBytesMax <= fields.nameBytesMax, 'the table of fields takes every good name')
    assert(limits.fieldsMax > 0, 'a line has room for a field')
    this.#limits = limits
    this.#items = items
    this.#fields = fields
    this.#scanner = new QuickScanner(limits, items, fields)
    this.message = new MessageReader(this.#cursor, limits.itemNameBytesMax)
    for (const name of KEY_NAMES) this.#keys.add(Buffer.from(name), 0, name.length)
    this.fieldIds = new Int32Array(limits.fieldsMax)
    this.valueOffsets = new Int32Array(limits.fieldsMax)
    this.valueLengths = new Int32Array(limits.fieldsMax)
    this.#nameOffsets = new Int32Array(limits.fieldsMax)
    this.#nameLengths = new Int32Array(limits.fieldsMax)
    this.#stamps = new Int32Array(fields.namesMax)
  }

  /** After LINE_BAD: what is wrong. */
  get errorCode(): FeedErrorCode {
    return this.#cursor.errorCode
  }

  /** The same in a sentence. */
  get errorMessage(): string {
    return this.#cursor.errorMessage
  }

  /** Parses the line from `start` up to `end`, without its newline; a carriage return at its end is tolerated. */
  parse(bytes: Buffer, start: number, end: number): LineKind {
    if (this.#scanner.scan(bytes, start, end, this)) return LINE_UPDATE
    const cursor = this.#cursor
    cursor.begin(bytes, start, end)
    cursor.skipSpace()
    if (cursor.position === end) return LINE_BLANK
    this.#begin()
    const kind = this.#line() ? this.#finish() : LINE_BAD
    if (kind === LINE_BAD) cursor.utf8()
    return kind
  }

  #begin(): void {
    this.itemId = -1
    this.isSnapshot = false
    this.isRow = false
    this.timeMs = Number.NaN
    this.fieldCount = 0
    this.isOnDemand = false
    this.heartbeatMs = 0
    this.message.begin()
    this.#givenKeys = 0
    this.#hasNewField = false
    if (this.#stamp === STAMP_MAX) {
      this.#stamps.fill(0)
      this.#stamp = 0
    }
    this.#stamp++
  }

  /** One object and nothing behind it. */
  #line(): boolean {
    const cursor = this.#cursor
    if (cursor.peek() !== BRACE_OPEN) return cursor.failJson('{')
    cursor.position++
    if (!cursor.isEmptyObject() && !this.#members()) return false
    cursor.skipSpace()
    return cursor.position === cursor.end || cursor.failJson('nothing behind }')
  }

  #members(): boolean {
    const cursor = this.#cursor
    for (;;) {
      if (!cursor.name(this.#keys.hashStart)) return false
      const key = this.#keys.findHashed(cursor.tokenHash, cursor.bytes, cursor.tokenStart, cursor.tokenEnd)
      if (key < 0) return cursor.fail('FEED_KEY_UNKNOWN', `no line has a key ${cursor.shownToken()}`)
      if ((this.#givenKeys & (1 << key)) !== 0) return this.#failRepeated('key')
      this.#givenKeys |= 1 << key
      if (!cursor.colon() || !this.#member(key)) return false
      const separator = cursor.separator()
      if (separator === 0) return false
      if (separator === BRACE_CLOSE) return true
    }
  }

  /** The value of a key. */
  #member(key: number): boolean {
    switch (key) {
      case KEY_ITEM:
        return this.#item()
      case KEY_FIELDS:
        return this.#fieldsObject()
      case KEY_TIME:
        return this.#time()
      case KEY_AT:
        return this.#cursor.isNumberNext() ? this.#cursor.number() : this.#failType(key, 'a number')
      case KEY_MODE:
        return this.#mode()
      case KEY_FEED:
        return this.#feed()
      case KEY_HEARTBEAT:
        return this.#heartbeat()
      case KEY_HANDLES:
        return this.message.readHandles()
      case KEY_ANSWER:
        return this.#cursor.isNumberNext() ? this.message.readNumber() : this.#failType(key, ANSWER_RANGE)
      case KEY_RESULT:
        return this.message.readResult()
      case KEY_ERROR:
        return this.#cursor.peek() === QUOTE ? this.message.readError() : this.#failType(key, 'a string')
      default:
        return this.#flag(key)
    }
  }

  #item(): boolean {
    const cursor = this.#cursor
    if (cursor.peek() !== QUOTE) return this.#failType(KEY_ITEM, 'a string')
    if (!cursor.name(this.#items.hashStart)) return false
    this.itemId = this.#items.findHashed(cursor.tokenHash, cursor.bytes, cursor.tokenStart, cursor.tokenEnd)
    if (this.itemId >= 0) return true
    this.#itemOffset = cursor.tokenStart - cursor.start
    this.#itemLength = cursor.tokenEnd - cursor.tokenStart
    if (isName(cursor.tokenText(), this.#limits.itemNameBytesMax)) return true
    return this.#failName('FEED_ITEM_NAME', 'an item', this.#limits.itemNameBytesMax)
  }

  #fieldsObject(): boolean {
    const cursor = this.#cursor
    if (cursor.peek() !== BRACE_OPEN) return this.#failType(KEY_FIELDS, 'an object')
    cursor.position++
    if (cursor.isEmptyObject()) return true
    for (;;) {
      if (!this.#fieldName() || !cursor.colon() || !this.#fieldValue()) return false
      const separator = cursor.separator()
      if (separator === 0) return false
      if (separator === BRACE_CLOSE) return true
    }
  }

  #fieldName(): boolean {
    const cursor = this.#cursor
    const index = this.fieldCount
    if (!cursor.name(this.#fields.hashStart)) return false
    if (index === this.#limits.fieldsMax) {
      return cursor.fail('FEED_FIELDS_TOO_MANY', `the line has more than ${index} fields`)
    }
    const id = this.#fields.findHashed(cursor.tokenHash, cursor.bytes, cursor.tokenStart, cursor.tokenEnd)
    this.fieldIds[index] = id
    if (id < 0) return this.#newFieldName(index)
    if (this.#stamps[id] === this.#stamp) return this.#failRepeated('field')
    this.#stamps[id] = this.#stamp
    return true
  }

  #newFieldName(index: number): boolean {
    const cursor = this.#cursor
    if (!isName(cursor.tokenText(), this.#limits.fieldNameBytesMax)) {
      return this.#failName('FEED_FIELD_NAME', 'a field', this.#limits.fieldNameBytesMax)
    }
    this.#hasNewField = true
    this.#nameOffsets[index] = cursor.tokenStart - cursor.start
    this.#nameLengths[index] = cursor.tokenEnd - cursor.tokenStart
    return true
  }

  #fieldValue(): boolean {
    const cursor = this.#cursor
    const index = this.fieldCount
    const byte = cursor.peek()
    if (byte === QUOTE) {
      if (!cursor.string()) return false
    } else if (cursor.isNumberNext()) {
      if (!cursor.number()) return false
    } else {
      return this.#nullValue(byte, index)
    }
    const length = cursor.tokenEnd - cursor.tokenStart
    if (length > this.#limits.valueBytesMax) {
      const bytesMax = this.#limits.valueBytesMax
      return cursor.fail('FEED_VALUE_TOO_LONG', `the value of field ${index + 1} is longer than ${bytesMax} bytes`)
    }
    this.valueOffsets[index] = cursor.tokenStart - cursor.start
    this.valueLengths[index] = length
    this.fieldCount = index + 1
    return true
  }

  #nullValue(byte: number, index: number): boolean {
    const cursor = this.#cursor
    if (byte !== LETTER_N) {
      if (!cursor.isValueNext()) return cursor.failJson('a string, a number or null')
      return cursor.fail('FEED_VALUE_TYPE', `the value of field ${index + 1} must be a string, a number or null`)
    }
    if (!cursor.literal(NULL)) return false
    this.valueOffsets[index] = 0
    this.valueLengths[index] = -1
    this.fieldCount = index + 1
    return true
  }

  #time(): boolean {
    const cursor = this.#cursor
    if (!cursor.isNumberNext()) return this.#failType(KEY_TIME, TIME_RANGE)
    if (!cursor.number()) return false
    // Plus zero, as -0 is told as 0.
    const timeMs = cursor.tokenNumber() + 0
    this.timeMs = timeMs
    return (timeMs >= 0 && timeMs <= TIME_MS_MAX) || cursor.fail('FEED_VALUE_TYPE', `"time" must be ${TIME_RANGE}`)
  }

  #mode(): boolean {
    const cursor = this.#cursor
    if (cursor.peek() !== QUOTE) return this.#failType(KEY_MODE, 'a string')
    if (!cursor.string()) return false
    this.isRow = isRowMode(cursor.bytes, cursor.tokenStart, cursor.tokenEnd)
    return true
  }

  /** The keys that are true or false; "deleted" can only be true. */
  #flag(key: number): boolean {
    const cursor = this.#cursor
    const isTrue = cursor.peek() === LETTER_T
    if (!isTrue && (cursor.peek() !== LETTER_F || key === KEY_DELETED)) {
      return this.#failType(key, key === KEY_DELETED ? 'true' : 'true or false')
    }
    if (key === KEY_SNAPSHOT) this.isSnapshot = isTrue
    else if (key === KEY_ON_DEMAND) this.isOnDemand = isTrue
    return cursor.literal(isTrue ? TRUE : FALSE)
  }

  #feed(): boolean {
    const cursor = this.#cursor
    if (cursor.peek() !== QUOTE) return this.#failType(KEY_FEED, 'a string')
    if (!cursor.string()) return false
    this.feedName = cursor.tokenText()
    if (isName(this.feedName, this.#limits.itemNameBytesMax)) return true
    return this.#failName('FEED_NAME', 'a feed', this.#limits.itemNameBytesMax)
  }

  #heartbeat(): boolean {
    const cursor = this.#cursor
    if (!cursor.isNumberNext()) return this.#failType(KEY_HEARTBEAT, HEARTBEAT_RANGE)
    if (!cursor.number()) return false
    const heartbeatMs = cursor.tokenNumber() + 0
    this.heartbeatMs = heartbeatMs
    const isInRange = heartbeatMs >= HEARTBEAT_MS_MIN && heartbeatMs <= HEARTBEAT_MS_MAX
    if (heartbeatMs === 0 || (Number.isInteger(heartbeatMs) && isInRange)) return true
    return cursor.fail('FEED_VALUE_TYPE', `"heartbeat" must be ${HEARTBEAT_RANGE}`)
  }

  /** What concerns the whole line. */
  #finish(): LineKind {
    const cursor = this.#cursor
    if (!cursor.isAscii() && !cursor.utf8()) return LINE_BAD
    if (this.#has(KEY_FEED)) return this.#hasOnly(GREETING_KEYS, 'a greeting') ? LINE_GREETING : LINE_BAD
    if (this.#has(KEY_ANSWER)) return this.#isAnswer() ? LINE_ANSWER : LINE_BAD
    if (!this.#has(KEY_ITEM)) {
      cursor.fail('FEED_ITEM_MISSING', 'the line has no "item"')
      return LINE_BAD
    }
    if (this.#has(KEY_DELETED)) {
      return this.#hasOnly(DELETE_KEYS, 'the end of an item') && this.#addNames() ? LINE_DELETE : LINE_BAD
    }
    if (!this.#hasOnly(UPDATE_KEYS, 'an update')) return LINE_BAD
    if (this.fieldCount === 0 && !(this.isSnapshot && this.#has(KEY_FIELDS))) {
      const reason = this.#has(KEY_FIELDS) ? '"fields" is empty, as only those of a snapshot may be' : 'no "fields"'
      cursor.fail('FEED_FIELDS_MISSING', `the line has ${reason}`)
      return LINE_BAD
    }
    if (!this.#addNames()) return LINE_BAD
    this.valueBytes = cursor.bytes
    for (let index = 0; index < this.fieldCount; index++) this.valueOffsets[index]! += cursor.start
    return LINE_UPDATE
  }

  #isAnswer(): boolean {
    if (this.#has(KEY_ERROR)) return this.#hasOnly(ERROR_KEYS, 'an answer with an "error"')
    if (!this.#hasOnly(RESULT_KEYS, 'an answer')) return false
    return this.#has(KEY_RESULT) || this.#cursor.fail('FEED_VALUE_TYPE', 'an answer has a "result" or an "error"')
  }

  #has(key: number): boolean {
    return (this.#givenKeys & (1 << key)) !== 0
  }

  #hasOnly(keys: number, sort: string): boolean {
    const strangeKeys = this.#givenKeys & ~keys
    if (strangeKeys === 0) return true
    const name = KEY_NAMES[31 - Math.clz32(strangeKeys)]
    return this.#cursor.fail('FEED_KEY_UNKNOWN', `"${name}" does not belong to ${sort}`)
  }

  /** Adds the names that are new: all of them or none. */
  #addNames(): boolean {
    if (this.itemId >= 0) return !this.#hasNewField || this.#addFieldNames()
    const cursor = this.#cursor
    const start = cursor.start + this.#itemOffset
    this.itemId = this.#items.add(cursor.bytes, start, start + this.#itemLength)
    if (this.itemId < 0) {
      return cursor.fail('FEED_ITEMS_TOO_MANY', `the server holds ${this.#items.size} items and no more`)
    }
    if (!this.#hasNewField || this.#addFieldNames()) return true
    this.#items.remove(this.itemId)
    return false
  }

  #addFieldNames(): boolean {
    const { bytes, start } = this.#cursor
    const addedIds: number[] = []
    for (let index = 0; index < this.fieldCount; index++) {
      if (this.fieldIds[index] !== -1) continue
      const nameStart = start + this.#nameOffsets[index]!
      const nameEnd = nameStart + this.#nameLengths[index]!
      const id = this.#fields.add(bytes, nameStart, nameEnd)
      if (id < 0 || this.#stamps[id] === this.#stamp) {
        for (const addedId of addedIds) this.#takeOut(addedId)
        return this.#failNewName(id, nameStart, nameEnd)
      }
      this.#stamps[id] = this.#stamp
      this.fieldIds[index] = id
      addedIds.push(id)
    }
    return true
  }

  #takeOut(fieldId: number): void {
    this.#stamps[fieldId] = 0
    this.#fields.remove(fieldId)
  }

  /** A new name of a field found no room, or stands twice in the line. */
  #failNewName(id: number, nameStart: number, nameEnd: number): false {
    if (id < 0) {
      const message = `the server holds ${this.#fields.size} names of fields and no more`
      return this.#cursor.fail('FEED_NAMES_TOO_MANY', message)
    }
    this.#cursor.tokenStart = nameStart
    this.#cursor.tokenEnd = nameEnd
    return this.#failRepeated('field')
  }

  /** The value of `key` is not `expected`, or not JSON at all. */
  #failType(key: number, expected: string): false {
    if (!this.#cursor.isValueNext()) return this.#cursor.failJson(expected)
    return this.#cursor.fail('FEED_VALUE_TYPE', `"${KEY_NAMES[key]}" must be ${expected}`)
  }

  #failName(code: FeedErrorCode, sort: string, bytesMax: number): false {
    const rule = `1 to ${bytesMax} bytes, no control character, comma or *, no space at either end`
    return this.#cursor.fail(code, `${this.#cursor.shownToken()} cannot be the name of ${sort}: ${rule}`)
  }

  #failRepeated(sort: string): false {
    return this.#cursor.fail('FEED_KEY_REPEATED', `the ${sort} ${this.#cursor.shownToken()} stands twice in the line`)
  }
}

function bitsOf(...keys: number[]): number {
  return keys.reduce((sum, key) => sum | (1 << key), 0)
}

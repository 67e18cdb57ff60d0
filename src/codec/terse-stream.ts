/**
 * The terse encoding of what a client reads (docs/protocol.md, section 7): lines of tokens between tabs, about views
 * that were defined before. Pure functions of numbers and bytes; each writes at `at` and returns the offset behind what
 * it wrote. The caller has made sure of the room (see *_BYTES_MAX).
 *
 *     =5 → 3 → quote.A → bid → ask → last     view 5 is this item of subscription 3, of these fields (→ is a tab)
 *     !5 → 1 → krfhgycj → 7.6 → " → ""        its snapshot: bid 7.6, ask the empty string, last null
 *     5 → 2 →  →  →  → 7.7                    an update without a time: last 7.7
 *     ?5 → s                                  stale
 *
 * Invariants:
 *  - Values and names are JSON string content, copied as it stands. It holds no control character and no quote without
 *    a backslash: so a token ends at a tab, a line at a newline, and a token that begins with a quote is no content.
 *  - A number begins with a digit or a small letter: a line's first byte tells what it is, only JSON begins with `{`.
 *  - Only the first token tells the view: what stands behind it is the same for all who lack the same.
 *
 * Nothing is allocated, but for a time that is not whole.
 */

import { assert } from '#src/assert.ts'
import { copyBytes } from '#src/bytes.ts'

const TAB = 0x09
const NEWLINE = 0x0a
const EXCLAMATION = 0x21
const QUOTE = 0x22
const EQUALS = 0x3d
const QUESTION = 0x3f
const LETTER_L = 0x6c

const BASE = 36
const DIGITS = Buffer.from('0123456789abcdefghijklmnopqrstuvwxyz')
/** 36^5: what is below it is divided in 32 bits. */
const SPLIT = 60_466_176
const SPLIT_DIGITS = 5

/** By the marks of json-stream.ts: MARK_STALE and those behind it. */
const MARK_LETTERS = Buffer.from('sfdeco')
/** By ROW_ADD, ROW_UPDATE and ROW_DELETE of json-stream.ts. */
const ROW_LETTERS = Buffer.from('+*-')
/** Of them. */
const ROW_DELETE = 2
/** From so many on, a number is shorter than as many empty tokens. */
const RUN_MIN = 4
/** A fraction below it JavaScript prints with an exponent; it is a nanosecond. */
const FRACTION_MS_MIN = 1e-6

/** What a definition needs beside the content of its item's name. */
export const DEFINITION_BYTES_MAX = 32
/** What each of its fields needs beside the content of its name. */
export const DEFINITION_FIELD_BYTES_MAX = 1
/** What an update needs beside its values. */
export const UPDATE_BYTES_MAX = 64
/** What a value needs beside its content, with all that is skipped before it. */
export const VALUE_BYTES_MAX = 16
/** What a pair needs beside the contents of name and value. */
export const PAIR_BYTES_MAX = 4
export const MARK_BYTES_MAX = 16
export const LOST_BYTES_MAX = 32

/** From now on `view` is this item of this subscription. Names are JSON string content; `fields` null: all, by name. */
export function writeDefinition(
  out: Buffer,
  at: number,
  view: number,
  sub: number,
  item: Buffer,
  fields: readonly Buffer[] | null,
): number {
  assert(fields === null || fields.length > 0, 'a choice of fields names one')
  out[at] = EQUALS
  let next = writeBase36(out, at + 1, view)
  out[next] = TAB
  next = writeName(out, writeBase36(out, next + 1, sub), item)
  if (fields !== null) for (const field of fields) next = writeName(out, next, field)
  return endLine(out, next)
}

/** `timeMs`: NaN is none. */
export function beginUpdate(
  out: Buffer,
  at: number,
  view: number,
  seq: number,
  isSnapshot: boolean,
  timeMs: number,
): number {
  let next = at
  if (isSnapshot) out[next++] = EXCLAMATION
  next = writeBase36(out, next, view)
  out[next] = TAB
  next = writeBase36(out, next + 1, seq)
  out[next] = TAB
  return writeTime(out, next + 1, timeMs)
}

/** A row's line up to its key; behind ROW_DELETE nothing but endUpdate follows. */
export function beginRow(
  out: Buffer,
  at: number,
  view: number,
  seq: number,
  timeMs: number,
  command: number,
  key: Buffer,
  keyOffset: number,
  keyLength: number,
): number {
  out[at] = ROW_LETTERS[command]!
  let next = writeBase36(out, at + 1, view)
  out[next] = TAB
  next = writeBase36(out, next + 1, seq)
  if (command !== ROW_DELETE) {
    out[next] = TAB
    next = writeTime(out, next + 1, timeMs)
  }
  return writeToken(out, next, key, keyOffset, keyLength)
}

/** The next value of a view with a choice of fields, behind `skipped` fields that have none; `length` -1 is null. */
export function writeValue(
  out: Buffer,
  at: number,
  skipped: number,
  value: Buffer,
  valueOffset: number,
  length: number,
): number {
  return writeToken(out, writeSkipped(out, at, skipped), value, valueOffset, length)
}

/** A field of a view of all fields. `prefix` is `"name":"`, as the JSON stream has it; `length` -1 is null. */
export function writePair(
  out: Buffer,
  at: number,
  prefix: Buffer,
  value: Buffer,
  valueOffset: number,
  length: number,
): number {
  out[at] = TAB
  const next = copyBytes(prefix, 1, out, at + 1, prefix.length - 4)
  return writeToken(out, next, value, valueOffset, length)
}

/** Fields behind the last value are not told. */
export function endUpdate(out: Buffer, at: number): number {
  return endLine(out, at)
}

/** `mark` is one of json-stream.ts. */
export function writeMark(out: Buffer, at: number, view: number, mark: number): number {
  const next = beginMark(out, at, view)
  out[next] = MARK_LETTERS[mark]!
  return endLine(out, next + 1)
}

export function writeLost(out: Buffer, at: number, view: number, count: number): number {
  const next = beginMark(out, at, view)
  out[next] = LETTER_L
  out[next + 1] = TAB
  return endLine(out, writeBase36(out, next + 2, count))
}

/** Writes a whole number from 0 to 2^53 in base 36. */
export function writeBase36(out: Buffer, at: number, value: number): number {
  if (value < SPLIT) return writeDigits(out, at, value, digitCount(value))
  const high = Math.floor(value / SPLIT)
  return writeDigits(out, writeBase36(out, at, high), value - high * SPLIT, SPLIT_DIGITS)
}

function writeDigits(out: Buffer, at: number, value: number, count: number): number {
  let rest = value
  for (let i = at + count - 1; i >= at; i--) {
    const next = (rest / BASE) | 0
    out[i] = DIGITS[rest - next * BASE]!
    rest = next
  }
  return at + count
}

function digitCount(value: number): number {
  let count = 1
  for (let bound = BASE; value >= bound; bound *= BASE) count++
  return count
}

/** Whole ms in base 36; a fraction behind them in decimal, with the digits that JSON has for it. */
function writeTime(out: Buffer, at: number, timeMs: number): number {
  if (Number.isNaN(timeMs)) return at
  const wholeMs = Math.floor(timeMs)
  const next = writeBase36(out, at, wholeMs)
  if (wholeMs === timeMs || timeMs < FRACTION_MS_MIN) return next
  const text = String(timeMs)
  return next + out.write(text.slice(text.indexOf('.')), next, 'latin1')
}

function writeSkipped(out: Buffer, at: number, count: number): number {
  let next = at
  if (count < RUN_MIN) {
    for (let i = 0; i < count; i++) out[next++] = TAB
    return next
  }
  out[next++] = TAB
  out[next++] = QUOTE
  return writeBase36(out, next, count)
}

function writeToken(out: Buffer, at: number, value: Buffer, valueOffset: number, length: number): number {
  out[at] = TAB
  if (length > 0) return copyBytes(value, valueOffset, out, at + 1, length)
  out[at + 1] = QUOTE
  if (length === 0) return at + 2
  out[at + 2] = QUOTE
  return at + 3
}

function writeName(out: Buffer, at: number, name: Buffer): number {
  out[at] = TAB
  return copyBytes(name, 0, out, at + 1, name.length)
}

/** Up to the tab before the letter. */
function beginMark(out: Buffer, at: number, view: number): number {
  out[at] = QUESTION
  const next = writeBase36(out, at + 1, view)
  out[next] = TAB
  return next + 1
}

function endLine(out: Buffer, at: number): number {
  out[at] = NEWLINE
  return at + 1
}

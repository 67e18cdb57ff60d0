/**
 * The native stream encodings: SSE and NDJSON carry the same JSON objects. Pure functions of numbers and bytes; each
 * writes at `at` and returns the offset behind what it wrote. The caller has made sure of the room (see *BytesMax).
 *
 * body:     one record, shared by every session that lacks the same:
 *           {"item":"A","seq":12,"snapshot":true,"time":1626992742115,"fields":{"bid":"7.611"}}
 * tag:      the client's id of the subscription, which is left out where it is 0; takes the place of a body's start
 * head:     SSE's `id:` line before the last record of a flush: session and position. All sessions in step share the bytes:
 *           the session's id, as long as all ids, is filled in by the write stage for each connection
 * tail:     the line behind the last record of a flush that tells its position; SSE has none
 * envelope: chunk lengths, frames, heads of answers, made by the write stage
 */

import { copyBytes } from '#src/bytes.ts'
import type { Encoding, Transport } from '#src/domain/session-request.ts'
import { closingEvent } from './client-event.ts'

const SEQ = Buffer.from(',"seq":')
const SNAPSHOT = Buffer.from(',"snapshot":true')
const TIME = Buffer.from(',"time":')
const KEY = Buffer.from(',"key":"')
const FIELDS = Buffer.from(',"fields":{')
const STALE = Buffer.from(',"stale":true}')
const FRESH = Buffer.from(',"stale":false}')
const DELETED = Buffer.from(',"deleted":true}')
const OUT = Buffer.from(',"out":true}')
const CLEARED = Buffer.from(',"cleared":true}')
const SNAPSHOT_END = Buffer.from(',"snapshotEnd":true}')
const LOST = Buffer.from(',"lost":')
const ID = Buffer.from('id: ')
const SUB = Buffer.from('{"sub":')
const POSITION = Buffer.from('{"position":')
const NULL = Buffer.from('null')

const QUOTE = 0x22
const COMMA = 0x2c
const BRACE_CLOSE = 0x7d
const NEWLINE = 0x0a
const DOT = 0x2e
/** Stands where the session's id goes. */
const ID_PLACE = 0x2d
const DIGIT_0 = 0x30
const SPLIT = 10_000_000

/** What a body needs beside the item's prefix and its fields. */
export const BODY_BYTES_MAX = 128
/** What a field needs beside its prefix and value. */
export const FIELD_BYTES_MAX = 8
/** What head and tail of a flush need. */
export const HEAD_BYTES_MAX = 64
/** What the tag of one record needs. */
export const TAG_BYTES_MAX = 32
/** A session's id. */
export const SESSION_ID_BYTES = 22
/** Where in a head the session's id goes. */
export const ID_OFFSET = 4

export const MARK_STALE = 0
export const MARK_FRESH = 1
export const MARK_DELETED = 2
export const MARK_SNAPSHOT_END = 3
export const MARK_CLEARED = 4
export const MARK_OUT = 5
const MARKS = [STALE, FRESH, DELETED, SNAPSHOT_END, CLEARED, OUT]

/** What became of a row. */
export const ROW_ADD = 0
export const ROW_UPDATE = 1
export const ROW_DELETE = 2
const COMMANDS = ['ADD', 'UPDATE', 'DELETE'].map(name => Buffer.from(`,"command":"${name}"`))

export interface StreamCodec {
  /** Sent on a silent stream so that both ends and what lies between see life. */
  readonly keepalive: Buffer
  /** A flush begins its last record with `head`, into which the session's id goes; or it ends with `tail`. */
  readonly hasHead: boolean
  /** As many bytes of a body stand in its tag. */
  readonly tagSkip: number
  beginUpdate(out: Buffer, at: number, prefix: Buffer, seq: number, isSnapshot: boolean, timeMs: number): number
  /** `prefix` is `"name":"`; `length` -1 is null. */
  field(
    out: Buffer,
    at: number,
    isFirst: boolean,
    prefix: Buffer,
    value: Buffer,
    valueOffset: number,
    length: number,
  ): number
  endUpdate(out: Buffer, at: number): number
  /** As beginUpdate, for a row; behind ROW_DELETE follows endDelete, behind the others fields and endUpdate. */
  beginRow(
    out: Buffer,
    at: number,
    prefix: Buffer,
    seq: number,
    timeMs: number,
    command: number,
    key: Buffer,
    keyOffset: number,
    keyLength: number,
  ): number
  endDelete(out: Buffer, at: number): number
  mark(out: Buffer, at: number, prefix: Buffer, mark: number): number
  lost(out: Buffer, at: number, prefix: Buffer, count: number): number
  /** Takes the place of the first `tagSkip` bytes of a body whose subscription is not 0. */
  tag(out: Buffer, at: number, id: number): number
  head(out: Buffer, at: number, position: number): number
  tail(out: Buffer, at: number, position: number): number
  /** A record that is no data, as JSON text. */
  event(text: string): Buffer
  /** The last record of a stream that the server ends. */
  closing(code: string, message: string, retryMs: number): Buffer
}

class JsonStream implements StreamCodec {
  readonly keepalive: Buffer
  readonly hasHead: boolean
  readonly tagSkip: number
  readonly #start: Buffer
  readonly #end: Buffer

  constructor(start: string, end: string, keepalive: string, hasHead: boolean) {
    this.keepalive = Buffer.from(keepalive)
    this.hasHead = hasHead
    this.tagSkip = start.length + 1
    this.#start = Buffer.from(start)
    this.#end = Buffer.from(end)
  }

  beginUpdate(out: Buffer, at: number, prefix: Buffer, seq: number, isSnapshot: boolean, timeMs: number): number {
    let next = this.#beginSeq(out, at, prefix, seq)
    if (isSnapshot) next = copyBytes(SNAPSHOT, 0, out, next, SNAPSHOT.length)
    next = writeTime(out, next, timeMs)
    return copyBytes(FIELDS, 0, out, next, FIELDS.length)
  }

  beginRow(
    out: Buffer,
    at: number,
    prefix: Buffer,
    seq: number,
    timeMs: number,
    command: number,
    key: Buffer,
    keyOffset: number,
    keyLength: number,
  ): number {
    let next = writeTime(out, this.#beginSeq(out, at, prefix, seq), timeMs)
    next = copyBytes(KEY, 0, out, next, KEY.length)
    next = copyBytes(key, keyOffset, out, next, keyLength)
    out[next++] = QUOTE
    const text = COMMANDS[command]!
    next = copyBytes(text, 0, out, next, text.length)
    return command === ROW_DELETE ? next : copyBytes(FIELDS, 0, out, next, FIELDS.length)
  }

  endDelete(out: Buffer, at: number): number {
    out[at] = BRACE_CLOSE
    return copyBytes(this.#end, 0, out, at + 1, this.#end.length)
  }

  field(
    out: Buffer,
    at: number,
    isFirst: boolean,
    prefix: Buffer,
    value: Buffer,
    valueOffset: number,
    length: number,
  ): number {
    let next = at
    if (!isFirst) out[next++] = COMMA
    next = copyBytes(prefix, 0, out, next, prefix.length)
    if (length < 0) return copyBytes(NULL, 0, out, next - 1, NULL.length)
    next = copyBytes(value, valueOffset, out, next, length)
    out[next++] = QUOTE
    return next
  }

  endUpdate(out: Buffer, at: number): number {
    out[at] = BRACE_CLOSE
    out[at + 1] = BRACE_CLOSE
    return copyBytes(this.#end, 0, out, at + 2, this.#end.length)
  }

  mark(out: Buffer, at: number, prefix: Buffer, mark: number): number {
    const text = MARKS[mark]!
    const next = copyBytes(text, 0, out, this.#begin(out, at, prefix), text.length)
    return copyBytes(this.#end, 0, out, next, this.#end.length)
  }

  lost(out: Buffer, at: number, prefix: Buffer, count: number): number {
    let next = copyBytes(LOST, 0, out, this.#begin(out, at, prefix), LOST.length)
    next = writeInteger(out, next, count)
    out[next++] = BRACE_CLOSE
    return copyBytes(this.#end, 0, out, next, this.#end.length)
  }

  tag(out: Buffer, at: number, id: number): number {
    let next = copyBytes(this.#start, 0, out, at, this.#start.length)
    next = writeInteger(out, copyBytes(SUB, 0, out, next, SUB.length), id)
    out[next++] = COMMA
    return next
  }

  head(out: Buffer, at: number, position: number): number {
    let next = copyBytes(ID, 0, out, at, ID.length)
    out.fill(ID_PLACE, next, next + SESSION_ID_BYTES)
    next += SESSION_ID_BYTES
    out[next++] = DOT
    next = writeInteger(out, next, position)
    out[next++] = NEWLINE
    return next
  }

  tail(out: Buffer, at: number, position: number): number {
    let next = writeInteger(out, copyBytes(POSITION, 0, out, at, POSITION.length), position)
    out[next++] = BRACE_CLOSE
    out[next++] = NEWLINE
    return next
  }

  event(text: string): Buffer {
    return Buffer.concat([this.#start, Buffer.from(text), this.#end])
  }

  closing(code: string, message: string, retryMs: number): Buffer {
    const text = closingEvent({ code, message }, retryMs > 0 ? retryMs : null)
    const retry = this.hasHead && retryMs > 0 ? `retry: ${retryMs}\n` : ''
    return Buffer.concat([Buffer.from(retry), this.#start, Buffer.from(text), this.#end])
  }

  #beginSeq(out: Buffer, at: number, prefix: Buffer, seq: number): number {
    const next = this.#begin(out, at, prefix)
    return writeInteger(out, copyBytes(SEQ, 0, out, next, SEQ.length), seq)
  }

  #begin(out: Buffer, at: number, prefix: Buffer): number {
    return copyBytes(prefix, 0, out, copyBytes(this.#start, 0, out, at, this.#start.length), prefix.length)
  }
}

function writeTime(out: Buffer, at: number, timeMs: number): number {
  if (Number.isNaN(timeMs)) return at
  const next = copyBytes(TIME, 0, out, at, TIME.length)
  return Number.isInteger(timeMs) ? writeInteger(out, next, timeMs) : next + out.write(String(timeMs), next, 'latin1')
}

/** Writes a whole number from 0 to 2^53 in decimal. */
export function writeInteger(out: Buffer, at: number, value: number): number {
  if (value < SPLIT) return writeDigits(out, at, value, digitCount(value))
  const high = Math.floor(value / SPLIT)
  return writeDigits(out, writeInteger(out, at, high), value - high * SPLIT, 7)
}

function writeDigits(out: Buffer, at: number, value: number, count: number): number {
  let rest = value
  for (let i = at + count - 1; i >= at; i--) {
    const next = (rest / 10) | 0
    out[i] = DIGIT_0 + rest - next * 10
    rest = next
  }
  return at + count
}

function digitCount(value: number): number {
  let count = 1
  for (let bound = 10; value >= bound; bound *= 10) count++
  return count
}

/** By place in caches: 0 SSE, 1 lines of JSON, 2 terse lines. */
export const STREAM_CODECS: readonly StreamCodec[] = [
  new JsonStream('data: ', '\n\n', ':\n\n', true),
  new JsonStream('', '\n', '\n', false),
  new JsonStream('', '\n', '\n', false),
]
/** Its bodies are those of terse-stream.ts; events and positions are lines of JSON. */
export const TERSE = 2

/** The place in caches of how records are written. */
export function codecOf(transport: Transport, encoding: Encoding): number {
  if (transport === 'sse') return 0
  return encoding === 'terse' ? TERSE : 1
}

/**
 * The native stream encodings: SSE and NDJSON carry the same JSON objects. Pure functions of numbers and bytes; each
 * writes at `at` and returns the offset behind what it wrote. The caller has made sure of the room (see *BytesMax).
 *
 * body:     one record, shared by every session that lacks the same:
 *           {"item":"A","seq":12,"snapshot":true,"time":1626992742115,"fields":{"bid":"7.611"}}
 * head:     SSE's `id:` line before the last record of a flush: epoch and position; NDJSON has none
 * envelope: chunk lengths, made by the write stage
 */

import { copyBytes } from '#src/bytes.ts'
import type { Encoding } from '#src/domain/stream-request.ts'

const SEQ = Buffer.from(',"seq":')
const SNAPSHOT = Buffer.from(',"snapshot":true')
const TIME = Buffer.from(',"time":')
const FIELDS = Buffer.from(',"fields":{')
const STALE = Buffer.from(',"stale":true}')
const FRESH = Buffer.from(',"stale":false}')
const DELETED = Buffer.from(',"deleted":true}')
const LOST = Buffer.from(',"lost":')
const ID = Buffer.from('id: ')
const NULL = Buffer.from('null')

const QUOTE = 0x22
const COMMA = 0x2c
const BRACE_CLOSE = 0x7d
const NEWLINE = 0x0a
const DIGIT_0 = 0x30
const SPLIT = 10_000_000

/** What a body needs beside the item's prefix and its fields. */
export const BODY_BYTES_MAX = 128
/** What a field needs beside its prefix and value. */
export const FIELD_BYTES_MAX = 8
/** What a head needs. */
export const HEAD_BYTES_MAX = 64

export const MARK_STALE = 0
export const MARK_FRESH = 1
export const MARK_DELETED = 2
const MARKS = [STALE, FRESH, DELETED]

export interface StreamCodec {
  readonly encoding: Encoding
  /** Sent on a silent stream so that both ends and what lies between see life. */
  readonly keepalive: Buffer
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
  mark(out: Buffer, at: number, prefix: Buffer, mark: number): number
  lost(out: Buffer, at: number, prefix: Buffer, count: number): number
  /** Written before the last record of a flush. */
  head(out: Buffer, at: number, epoch: Buffer, position: number): number
  /** The last record of a stream that the server ends. */
  closing(code: string, message: string, retryMs: number): Buffer
}

class JsonStream implements StreamCodec {
  readonly encoding: Encoding
  readonly keepalive: Buffer
  readonly #start: Buffer
  readonly #end: Buffer
  readonly #hasHead: boolean

  constructor(encoding: Encoding, start: string, end: string, keepalive: string, hasHead: boolean) {
    this.encoding = encoding
    this.keepalive = Buffer.from(keepalive)
    this.#start = Buffer.from(start)
    this.#end = Buffer.from(end)
    this.#hasHead = hasHead
  }

  beginUpdate(out: Buffer, at: number, prefix: Buffer, seq: number, isSnapshot: boolean, timeMs: number): number {
    let next = this.#begin(out, at, prefix)
    next = copyBytes(SEQ, 0, out, next, SEQ.length)
    next = writeInteger(out, next, seq)
    if (isSnapshot) next = copyBytes(SNAPSHOT, 0, out, next, SNAPSHOT.length)
    if (!Number.isNaN(timeMs)) {
      next = copyBytes(TIME, 0, out, next, TIME.length)
      next = Number.isInteger(timeMs)
        ? writeInteger(out, next, timeMs)
        : next + out.write(String(timeMs), next, 'latin1')
    }
    return copyBytes(FIELDS, 0, out, next, FIELDS.length)
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

  head(out: Buffer, at: number, epoch: Buffer, position: number): number {
    if (!this.#hasHead) return at
    let next = copyBytes(ID, 0, out, at, ID.length)
    next = copyBytes(epoch, 0, out, next, epoch.length)
    next = writeInteger(out, next, position)
    out[next++] = NEWLINE
    return next
  }

  closing(code: string, message: string, retryMs: number): Buffer {
    const text = JSON.stringify({ closing: { code, message, ...(retryMs > 0 ? { retryMs } : {}) } })
    const retry = this.#hasHead && retryMs > 0 ? `retry: ${retryMs}\n` : ''
    return Buffer.concat([Buffer.from(retry), this.#start, Buffer.from(text), this.#end])
  }

  #begin(out: Buffer, at: number, prefix: Buffer): number {
    return copyBytes(prefix, 0, out, copyBytes(this.#start, 0, out, at, this.#start.length), prefix.length)
  }
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

/** By place in caches: 0 SSE, 1 NDJSON. */
export const STREAM_CODECS: readonly StreamCodec[] = [
  new JsonStream('sse', 'data: ', '\n\n', ':\n\n', true),
  new JsonStream('ndjson', '', '\n', '\n', false),
]

export function codecOf(encoding: Encoding): number {
  return encoding === 'sse' ? 0 : 1
}

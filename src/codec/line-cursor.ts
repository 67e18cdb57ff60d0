/**
 * Reads the JSON of one line, strictly, token by token: the mechanics under feed-line.ts, which knows the grammar. Most
 * lines do not come here (see feed-line-quick.ts).
 *
 * Each reader leaves the position behind its token and returns true, or tells what is wrong (fail) and returns false.
 *
 * A string's token is its content as JSON.stringify would print it (canonical). Without a backslash that is what stands in
 * the line. At the first backslash the line is copied to the scratch, where reading goes on, and the decoded strings are
 * laid behind it; `bytes` and `start` then are the scratch's:
 *
 *   scratch  │ the line │ canonical string, quoted │ canonical string, quoted │ … │
 *
 * Invariants:
 *  - start <= position <= end. A token lies in `bytes`; its offset less `start` stays good until the next line, also when
 *    the line moves.
 *  - A canonical string is not longer than its escaped text: twice the line's length is enough for the scratch.
 *  - Nothing is allocated before the first backslash but for isUtf8, which looks at bytes beyond ASCII, and messages.
 *
 * Cost: about a microsecond a line, and one more for each string with an escape.
 */

import { isUtf8 } from 'node:buffer'
import { assert } from '#src/assert.ts'
import type { FeedErrorCode } from '#src/errors.ts'
import { isDigit, isNumberStart, numberEnd, numberOf } from './json-number.ts'
import { HASH_PRIME, hashOf } from './name-table.ts'

export const QUOTE = 0x22
export const COMMA = 0x2c
export const COLON = 0x3a
export const BRACKET_OPEN = 0x5b
export const LETTER_F = 0x66
export const LETTER_N = 0x6e
export const LETTER_T = 0x74
export const BRACE_OPEN = 0x7b
export const BRACE_CLOSE = 0x7d

const TAB = 0x09
const NEWLINE = 0x0a
const CARRIAGE_RETURN = 0x0d
const SPACE = 0x20
const BACKSLASH = 0x5c
const LETTER_A = 0x61
const LETTER_U = 0x75
const NOT_ASCII = 0x80
/** The bit that makes a capital letter of ASCII small. */
const SMALL_BIT = 0x20
/** What may follow a backslash, but for `u`. */
const ESCAPES = Buffer.from('"\\/bfnrt')
const UNICODE_DIGITS = 4

const NOTHING = Buffer.alloc(0)
const SCRATCH_BYTES_START = 1_024
/** How much of a text a message shows. */
const SHOWN_LENGTH_MAX = 40

export class LineCursor {
  bytes: Buffer = NOTHING
  start = 0
  position = 0
  end = 0
  /** The token: a string's content, a number's text. */
  tokenStart = 0
  tokenEnd = 0
  /** Of a name: the hash of its content. */
  tokenHash = 0
  errorCode: FeedErrorCode = 'FEED_LINE_NOT_JSON'
  errorMessage = ''
  #scratch: Buffer = NOTHING
  /** Bytes of the scratch in use; 0 while the line is read where it lies. */
  #scratchLength = 0
  /** All bytes of strings, ORed. */
  #seenBits = 0

  begin(bytes: Buffer, start: number, end: number): void {
    assert(start >= 0 && start <= end && end <= bytes.length, 'a line lies within its bytes')
    this.bytes = bytes
    this.start = start
    this.position = start
    this.end = end
    this.#scratchLength = 0
    this.#seenBits = 0
  }

  /** The byte at the position, or -1 at the line's end. */
  peek(): number {
    return this.position < this.end ? this.bytes[this.position]! : -1
  }

  skipSpace(): void {
    while (this.position < this.end) {
      const byte = this.bytes[this.position]!
      if (byte > SPACE || (byte !== SPACE && byte !== TAB && byte !== NEWLINE && byte !== CARRIAGE_RETURN)) return
      this.position++
    }
  }

  colon(): boolean {
    this.skipSpace()
    if (this.peek() !== COLON) return this.failJson(':')
    this.position++
    this.skipSpace()
    return true
  }

  /** Behind an opening brace: true, and behind the closing one, when the object is empty. */
  isEmptyObject(): boolean {
    this.skipSpace()
    if (this.peek() !== BRACE_CLOSE) return false
    this.position++
    return true
  }

  /** Behind a member of an object: COMMA, BRACE_CLOSE, or 0 for anything else, which is told. */
  separator(): number {
    this.skipSpace()
    const byte = this.peek()
    if (byte !== COMMA && byte !== BRACE_CLOSE) {
      this.failJson(', or }')
      return 0
    }
    this.position++
    if (byte === COMMA) this.skipSpace()
    return byte
  }

  /** A string, with the hash of its content from `hashStart` on. */
  name(hashStart: number): boolean {
    if (this.peek() !== QUOTE) return this.failJson('a quoted name')
    const bytes = this.bytes
    const end = this.end
    const start = this.position + 1
    let hash = hashStart
    let bits = 0
    for (let at = start; at < end; at++) {
      const byte = bytes[at]!
      if (byte === QUOTE) {
        this.tokenHash = hash
        return this.#endString(start, at, bits)
      }
      if (byte === BACKSLASH) {
        if (!this.#escapedString()) return false
        this.tokenHash = hashOf(this.bytes, this.tokenStart, this.tokenEnd, hashStart)
        return true
      }
      if (byte < SPACE) return this.#failControl(at)
      hash = Math.imul(hash ^ byte, HASH_PRIME)
      bits |= byte
    }
    return this.#failEnd()
  }

  /** A string. */
  string(): boolean {
    if (this.peek() !== QUOTE) return this.failJson('a string')
    const bytes = this.bytes
    const end = this.end
    const start = this.position + 1
    let bits = 0
    for (let at = start; at < end; at++) {
      const byte = bytes[at]!
      if (byte === QUOTE) return this.#endString(start, at, bits)
      if (byte === BACKSLASH) return this.#escapedString()
      if (byte < SPACE) return this.#failControl(at)
      bits |= byte
    }
    return this.#failEnd()
  }

  isNumberNext(): boolean {
    return isNumberStart(this.peek())
  }

  /** A number, strictly as JSON has it. */
  number(): boolean {
    const numberEndAt = numberEnd(this.bytes, this.position, this.end)
    if (numberEndAt < 0) {
      this.position = -1 - numberEndAt
      return this.failJson('a digit')
    }
    this.tokenStart = this.position
    this.tokenEnd = numberEndAt
    this.position = numberEndAt
    return true
  }

  literal(text: Buffer): boolean {
    const start = this.position
    for (let i = 0; i < text.length; i++) {
      if (this.peek() === text[i]) {
        this.position++
        continue
      }
      this.position = start
      return this.failJson(text.toString())
    }
    return true
  }

  /** True when the byte at the position can begin a value of any type. */
  isValueNext(): boolean {
    const byte = this.peek()
    if (byte === QUOTE || byte === BRACE_OPEN || byte === BRACKET_OPEN || this.isNumberNext()) return true
    return byte === LETTER_T || byte === LETTER_F || byte === LETTER_N
  }

  /** What the number that the token spells is worth. */
  tokenNumber(): number {
    return numberOf(this.bytes, this.tokenStart, this.tokenEnd)
  }

  /** The token's text, decoded. */
  tokenText(): string {
    const content = this.bytes.toString('utf8', this.tokenStart, this.tokenEnd)
    return content.includes('\\') ? (JSON.parse(`"${content}"`) as string) : content
  }

  /** The token as a message shows it. */
  shownToken(): string {
    const text = this.tokenText()
    return JSON.stringify(text.length <= SHOWN_LENGTH_MAX ? text : `${text.slice(0, SHOWN_LENGTH_MAX)}…`)
  }

  /** True when all strings read were of ASCII. */
  isAscii(): boolean {
    return this.#seenBits < NOT_ASCII
  }

  /** Looks at the whole line, and tells when it is not UTF-8. */
  utf8(): boolean {
    if (isUtf8(this.bytes.subarray(this.start, this.end))) return true
    return this.fail('FEED_LINE_NOT_UTF8', 'the line is not UTF-8')
  }

  fail(code: FeedErrorCode, message: string): false {
    this.errorCode = code
    this.errorMessage = message
    return false
  }

  /** Not JSON at the position, where `expected` should be. Bytes are counted from 1. */
  failJson(expected: string): false {
    const place = this.position < this.end ? `at byte ${this.position - this.start + 1}` : 'where it ends'
    return this.fail('FEED_LINE_NOT_JSON', `the line is not JSON ${place}: expected ${expected}`)
  }

  #endString(start: number, end: number, bits: number): true {
    this.#seenBits |= bits
    this.tokenStart = start
    this.tokenEnd = end
    this.position = end + 1
    return true
  }

  /** The string at the position, which holds a backslash: checked, then decoded. */
  #escapedString(): boolean {
    let at = this.position + 1
    for (;;) {
      if (at >= this.end) return this.#failEnd()
      const byte = this.bytes[at]!
      if (byte === QUOTE) break
      if (byte < SPACE) return this.#failControl(at)
      at++
      if (byte !== BACKSLASH) continue
      const length = this.#escapeLength(at)
      if (length === 0) {
        this.position = at
        return this.failJson('an escape of JSON')
      }
      at += length
    }
    const quotedLength = at + 1 - this.position
    return (this.#scratchLength > 0 || this.#moveToScratch()) && this.#canonicalise(quotedLength)
  }

  /** How many bytes an escape has behind its backslash; 0 when it is none. */
  #escapeLength(at: number): number {
    if (at >= this.end) return 0
    if (this.bytes[at] !== LETTER_U) return ESCAPES.includes(this.bytes[at]!) ? 1 : 0
    if (at + UNICODE_DIGITS >= this.end) return 0
    for (let i = 1; i <= UNICODE_DIGITS; i++) {
      const byte = this.bytes[at + i]!
      const letter = byte | SMALL_BIT
      if (!isDigit(byte) && (letter < LETTER_A || letter > LETTER_F)) return 0
    }
    return 1 + UNICODE_DIGITS
  }

  #moveToScratch(): boolean {
    if (!this.utf8()) return false
    const length = this.end - this.start
    if (this.#scratch.length < 2 * length) {
      let capacity = SCRATCH_BYTES_START
      while (capacity < 2 * length) capacity *= 2
      this.#scratch = Buffer.allocUnsafeSlow(capacity)
    }
    this.bytes.copy(this.#scratch, 0, this.start, this.end)
    this.bytes = this.#scratch
    this.position -= this.start
    this.start = 0
    this.end = length
    this.#scratchLength = length
    return true
  }

  /** Lays the string at the position, `quotedLength` bytes long, behind what is in the scratch, as it is printed. */
  #canonicalise(quotedLength: number): boolean {
    const from = this.position
    const text = JSON.parse(this.bytes.toString('utf8', from, from + quotedLength)) as string
    if (!text.isWellFormed()) {
      return this.fail('FEED_LINE_NOT_UTF8', `the string at byte ${from + 1} holds half of a surrogate pair`)
    }
    const start = this.#scratchLength
    const length = this.bytes.write(JSON.stringify(text), start)
    assert(length <= quotedLength, 'a canonical string is not longer than its escaped text')
    this.#scratchLength = start + length
    this.tokenStart = start + 1
    this.tokenEnd = start + length - 1
    this.position = from + quotedLength
    return true
  }

  #failEnd(): false {
    this.position = this.end
    return this.failJson('"')
  }

  #failControl(at: number): false {
    this.position = at
    return this.failJson('no control character')
  }
}

/**
 * What a feed's lines say of messages: the greeting's "handles", and answers. Part of feed-line.ts, which knows what may
 * stand beside what; these lines are few, and may allocate.
 *
 *   {"feed":NAME,"handles":["orders","fx.*"]}   targets; one that ends in * stands for all that begin with what is before it
 *   {"answer":17,"result":JSON}                 message 17 of the connection is done
 *   {"answer":17,"error":TEXT}                  it is not, and the text says why
 *
 * Invariants (test/rules.md, F):
 *  - An answer's text has no white space between its tokens, whatever the feed wrote: it goes on in lines and SSE events,
 *    which a carriage return would end. Its numbers and strings are as the feed printed them.
 *  - An answer nests at most NESTING_MAX deep, its own object counted, as the requests of clients do: neither this reader
 *    nor one behind it need fear for its stack.
 */

import { isName } from '#src/domain/names.ts'
import { FEED_HANDLES_MAX } from './feed-reply.ts'
import { compactJson, NESTING_MAX } from './json-source.ts'
import {
  BRACE_CLOSE,
  BRACE_OPEN,
  BRACKET_OPEN,
  COMMA,
  LETTER_F,
  LETTER_N,
  LETTER_T,
  type LineCursor,
  QUOTE,
} from './line-cursor.ts'

export const ANSWER_RANGE = 'the whole number of a message'

const HANDLES_RANGE = `a list of at most ${FEED_HANDLES_MAX} names`

const BRACKET_CLOSE = 0x5d
const TRUE = Buffer.from('true')
const FALSE = Buffer.from('false')
const NULL = Buffer.from('null')
const NO_TARGETS: readonly string[] = []

export class MessageReader {
  /** Of a greeting. */
  handles = NO_TARGETS
  /** Of an answer: whose it is, from 1 on. */
  number = 0
  /** Of an answer: JSON text, `{"result":…}` or `{"error":"…"}`. */
  text = ''
  readonly #cursor: LineCursor
  readonly #nameBytesMax: number

  constructor(cursor: LineCursor, nameBytesMax: number) {
    this.#cursor = cursor
    this.#nameBytesMax = nameBytesMax
  }

  begin(): void {
    this.handles = NO_TARGETS
    this.number = 0
    this.text = ''
  }

  readHandles(): boolean {
    if (this.#cursor.peek() !== BRACKET_OPEN) return this.#failHandles()
    const handles: string[] = []
    this.handles = handles
    return readArray(this.#cursor, () => this.#readTarget(handles))
  }

  /** At the number. */
  readNumber(): boolean {
    const cursor = this.#cursor
    if (!cursor.number()) return false
    this.number = cursor.tokenNumber()
    const isGood = Number.isSafeInteger(this.number) && this.number > 0
    return isGood || cursor.fail('FEED_VALUE_TYPE', `"answer" must be ${ANSWER_RANGE}`)
  }

  readResult(): boolean {
    const cursor = this.#cursor
    const offset = cursor.position - cursor.start
    if (!readValue(cursor, 1)) return false
    // The line may have moved meanwhile; it has kept its form.
    const result = cursor.bytes.toString('utf8', cursor.start + offset, cursor.position)
    this.text = `{"result":${compactJson(result)}}`
    return true
  }

  /** At the opening quote. */
  readError(): boolean {
    const cursor = this.#cursor
    if (!cursor.string()) return false
    this.text = `{"error":"${cursor.bytes.toString('utf8', cursor.tokenStart, cursor.tokenEnd)}"}`
    return true
  }

  #readTarget(handles: string[]): boolean {
    const cursor = this.#cursor
    if (cursor.peek() !== QUOTE || handles.length === FEED_HANDLES_MAX) return this.#failHandles()
    if (!cursor.string()) return false
    const target = cursor.tokenText()
    handles.push(target)
    if (isTarget(target, this.#nameBytesMax)) return true
    const rule = `1 to ${this.#nameBytesMax} bytes, no control character or comma, * at the end only, no space around`
    return cursor.fail('FEED_NAME', `${cursor.shownToken()} cannot be the name of a target: ${rule}`)
  }

  /** Not what should stand in "handles", or not JSON at all. */
  #failHandles(): false {
    if (!this.#cursor.isValueNext()) return this.#cursor.failJson(HANDLES_RANGE)
    return this.#cursor.fail('FEED_VALUE_TYPE', `"handles" must be ${HANDLES_RANGE}`)
  }
}

/** A name as items have; or what names begin with, which may end with a space, and a `*`. */
function isTarget(text: string, nameBytesMax: number): boolean {
  return text.endsWith('*') ? isName(`${text.slice(0, -1)}.`, nameBytesMax + 1) : isName(text, nameBytesMax)
}

/** Any value of JSON, inside of `depth` arrays and objects. */
function readValue(cursor: LineCursor, depth: number): boolean {
  const byte = cursor.peek()
  switch (byte) {
    case BRACE_OPEN:
    case BRACKET_OPEN:
      if (depth === NESTING_MAX) {
        return cursor.fail('FEED_VALUE_TYPE', `arrays and objects nest deeper than ${NESTING_MAX}`)
      }
      if (byte === BRACE_OPEN) return readObject(cursor, depth + 1)
      return readArray(cursor, () => readValue(cursor, depth + 1))
    case QUOTE:
      return cursor.string()
    case LETTER_T:
      return cursor.literal(TRUE)
    case LETTER_F:
      return cursor.literal(FALSE)
    case LETTER_N:
      return cursor.literal(NULL)
    default:
      return cursor.isNumberNext() ? cursor.number() : cursor.failJson('a value')
  }
}

function readObject(cursor: LineCursor, depth: number): boolean {
  cursor.position++
  if (cursor.isEmptyObject()) return true
  for (;;) {
    if (!cursor.string() || !cursor.colon() || !readValue(cursor, depth)) return false
    const separator = cursor.separator()
    if (separator === 0) return false
    if (separator === BRACE_CLOSE) return true
  }
}

function readArray(cursor: LineCursor, readElement: () => boolean): boolean {
  cursor.position++
  cursor.skipSpace()
  if (cursor.peek() === BRACKET_CLOSE) {
    cursor.position++
    return true
  }
  for (;;) {
    if (!readElement()) return false
    cursor.skipSpace()
    const separator = cursor.peek()
    if (separator !== COMMA && separator !== BRACKET_CLOSE) return cursor.failJson(', or ]')
    cursor.position++
    if (separator === BRACKET_CLOSE) return true
    cursor.skipSpace()
  }
}

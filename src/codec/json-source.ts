/**
 * JSON as the text it was written in: what JSON.parse throws away is the digits of numbers (`1.10`, or 20 of them) and
 * names that stand twice. `objectFault` says whether a text may be walked; the others take only what is JSON, and then
 * meet nothing but what is well formed.
 *
 * Nesting is bounded before anything is built, so that a line of brackets costs one look at its bytes.
 */

/** How deep arrays and objects of one line may nest, the line's own object among them. */
export const NESTING_MAX = 64

const QUOTE = 0x22
const COMMA = 0x2c
const BACKSLASH = 0x5c
const BRACE_OPEN = 0x7b
const BRACE_CLOSE = 0x7d
/** A bracket and the brace of its side differ in this bit alone. */
const BRACE_BIT = 0x20
const BLANK_EXP = /[ \t\r\n]*/y
const HAS_BLANK_EXP = /[ \t\r\n]/
/** A number, true, false or null. */
const WORD_EXP = /[-+.0-9A-Za-z]*/y

/** Why a line is not one JSON object whose nesting is within bounds; null when it is. */
export function objectFault(text: string): string | null {
  if (nestingOf(text) > NESTING_MAX) return `the line nests arrays and objects deeper than ${NESTING_MAX}`
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? null : 'the line is no JSON object'
  } catch {
    return 'the line is not JSON'
  }
}

/** The members of a JSON object in their order: the name, and the text of the value without blanks around it. */
export function membersOf(object: string): (readonly [name: string, source: string])[] {
  const members: (readonly [string, string])[] = []
  let at = skipBlank(object, skipBlank(object, 0) + 1)
  while (object.charCodeAt(at) !== BRACE_CLOSE) {
    const nameEnd = endOfString(object, at)
    const name = JSON.parse(object.slice(at, nameEnd)) as string
    const valueAt = skipBlank(object, skipBlank(object, nameEnd) + 1)
    const valueEnd = endOfValue(object, valueAt)
    members.push([name, object.slice(valueAt, valueEnd)])
    at = skipBlank(object, valueEnd)
    if (object.charCodeAt(at) === COMMA) at = skipBlank(object, at + 1)
  }
  return members
}

/** The same JSON without blanks between its tokens, and so without line ends. */
export function compactJson(json: string): string {
  if (!HAS_BLANK_EXP.test(json)) return json
  let compact = ''
  let from = skipBlank(json, 0)
  let at = from
  while (at < json.length) {
    const tokenEnd = json.charCodeAt(at) === QUOTE ? endOfString(json, at) : at + 1
    const next = skipBlank(json, tokenEnd)
    if (next > tokenEnd) {
      compact += json.slice(from, tokenEnd)
      from = next
    }
    at = next
  }
  return compact + json.slice(from)
}

/** Of text that is not JSON, what its part before the first error nests at least. */
function nestingOf(text: string): number {
  let depth = 0
  let depthMax = 0
  let at = 0
  while (at < text.length) {
    const unit = text.charCodeAt(at)
    if (unit === QUOTE) {
      at = endOfString(text, at)
      continue
    }
    depth += nestingStep(unit)
    if (depth > depthMax) depthMax = depth
    at += 1
  }
  return depthMax
}

/** 1 for what opens an array or object, -1 for what closes one. */
function nestingStep(unit: number): number {
  const brace = unit | BRACE_BIT
  if (brace === BRACE_OPEN) return 1
  return brace === BRACE_CLOSE ? -1 : 0
}

function skipBlank(text: string, at: number): number {
  BLANK_EXP.lastIndex = at
  BLANK_EXP.test(text)
  return BLANK_EXP.lastIndex
}

/** The offset behind the string that begins at `at`; behind the text where it does not end. */
function endOfString(text: string, at: number): number {
  let i = at + 1
  while (i < text.length && text.charCodeAt(i) !== QUOTE) i += text.charCodeAt(i) === BACKSLASH ? 2 : 1
  return i + 1
}

/** The offset behind the value that begins at `at`. */
function endOfValue(text: string, at: number): number {
  const unit = text.charCodeAt(at)
  if (unit === QUOTE) return endOfString(text, at)
  if (nestingStep(unit) === 0) {
    WORD_EXP.lastIndex = at
    WORD_EXP.test(text)
    return WORD_EXP.lastIndex
  }
  let depth = 0
  let i = at
  do {
    const next = text.charCodeAt(i)
    depth += nestingStep(next)
    i = next === QUOTE ? endOfString(text, i) : i + 1
  } while (depth > 0)
  return i
}

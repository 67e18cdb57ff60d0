/**
 * The fields of an update out of the body of a POST: a JSON object `{"bid":1.10,"ask":"1.2","note":null}` or a form
 * `bid=1.10&ask=1.2`, as `curl -d` sends it. curl calls either of them a form, so a body that begins with `{` is JSON.
 *
 * Invariants (test/rules.md, H):
 *  - A number keeps the text it was printed with: 1.10 stays "1.10", and 12345678901234567890 all its digits.
 *  - A name that stands twice is refused, in both forms.
 *  - A value is kept as the content of a JSON string: what stands between the quotes, escaped. Its length is that
 *    content's in UTF-8, as it is with the values of feeds.
 */

import { isUtf8 } from 'node:buffer'
import { isName } from '#src/domain/names.ts'
import type { ClientErrorCode } from '#src/errors.ts'

/** A name, and the content of the value's JSON string or null. */
export type PublishedField = readonly [name: string, valueJsonContent: string | null]

export interface FieldLimits {
  readonly fieldNameBytesMax: number
  readonly fieldsMax: number
  readonly valueBytesMax: number
}

export interface FieldsFault {
  readonly status: number
  readonly code: ClientErrorCode
  readonly message: string
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const BRACE_OPEN = 0x7b
const BRACE_CLOSE = 0x7d
const NUMBER_EXP = /-?[0-9][0-9.eE+-]*/y
const BLANK_EXP = /[ \t\r\n]*/y
/** How much of a name an error repeats. */
const QUOTED_LENGTH_MAX = 100

function fault(status: number, code: ClientErrorCode, message: string): FieldsFault {
  return { status, code, message }
}

function invalid(message: string): FieldsFault {
  return fault(400, 'FIELDS_INVALID', message)
}

/** A name as a message shows it: quoted, escaped, cut. */
export function quoted(name: string): string {
  const isCut = name.length > QUOTED_LENGTH_MAX
  return JSON.stringify(isCut ? `${name.slice(0, QUOTED_LENGTH_MAX)}…` : name)
}

/** Decodes `+` and `%xx` of a query or a form; null when that is not UTF-8. */
export function decodeForm(text: string): string | null {
  return decodePercent(text.includes('+') ? text.replaceAll('+', ' ') : text)
}

/** Decodes `%xx`; null when that is not UTF-8. */
export function decodePercent(text: string): string | null {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}

/** The fields in the order of the body; at least one. */
export function readFields(
  body: Buffer | null,
  contentType: string | undefined,
  limits: FieldLimits,
): readonly PublishedField[] | FieldsFault {
  const type = (contentType ?? '').split(';', 1)[0]!.trim().toLowerCase()
  const isJsonType = type === 'application/json'
  if (!isJsonType && type !== '' && type !== 'application/x-www-form-urlencoded') {
    return fault(415, 'FIELDS_INVALID', 'body is neither application/json nor application/x-www-form-urlencoded')
  }
  if (body === null) return invalid('body is missing: it holds the fields')
  if (!isUtf8(body)) return invalid('body is not UTF-8')
  const text = body.toString('utf8')
  const isJson = isJsonType || text.charCodeAt(skipBlank(text, 0)) === BRACE_OPEN
  const fields = isJson ? fieldsOfJson(text) : fieldsOfForm(text)
  return Array.isArray(fields) ? checked(fields, limits) : (fields as FieldsFault)
}

function checked(fields: readonly PublishedField[], limits: FieldLimits): readonly PublishedField[] | FieldsFault {
  if (fields.length === 0) return invalid('body holds no field')
  if (fields.length > limits.fieldsMax) return invalid(`more than ${limits.fieldsMax} fields`)
  const names = new Set<string>()
  for (const [name, value] of fields) {
    if (!isName(name, limits.fieldNameBytesMax)) {
      return fault(400, 'FIELD_NAME_INVALID', `${quoted(name)} is no name of a field`)
    }
    if (names.has(name)) return invalid(`field ${quoted(name)} stands twice`)
    names.add(name)
    if (value !== null && Buffer.byteLength(value) > limits.valueBytesMax) {
      return invalid(`value of field ${quoted(name)} exceeds ${limits.valueBytesMax} bytes`)
    }
  }
  return fields
}

function fieldsOfForm(text: string): PublishedField[] | FieldsFault {
  const fields: PublishedField[] = []
  // curl -d @file leaves no line end behind; a here-document does.
  for (const pair of text.replace(/[\r\n]+$/, '').split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    if (equals < 0) return invalid(`${quoted(pair)} is no name=value`)
    const name = decodeForm(pair.slice(0, equals))
    const value = decodeForm(pair.slice(equals + 1))
    if (name === null || value === null) return invalid(`${quoted(pair)} is not percent-encoded UTF-8`)
    fields.push([name, contentOf(value)])
  }
  return fields
}

/**
 * JSON.parse says whether the text is JSON. The walk behind it then meets only what is well formed; it is there for what
 * JSON.parse throws away: the digits of numbers, and names that stand twice. It ends at the first value that has members.
 */
function fieldsOfJson(text: string): PublishedField[] | FieldsFault {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return invalid('body is not JSON')
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return invalid('body is no JSON object')
  const fields: PublishedField[] = []
  let at = skipBlank(text, skipBlank(text, 0) + 1)
  while (text.charCodeAt(at) !== BRACE_CLOSE) {
    const nameEnd = endOfString(text, at)
    const name = JSON.parse(text.slice(at, nameEnd)) as string
    const valueAt = skipBlank(text, skipBlank(text, nameEnd) + 1)
    const valueEnd = endOfValue(text, valueAt)
    if (valueEnd < 0) return invalid(`value of field ${quoted(name)} is neither a string, a number nor null`)
    fields.push([name, fieldValue(text.slice(valueAt, valueEnd))])
    at = skipBlank(text, valueEnd)
    // Behind a value stands a comma or the end.
    if (text.charCodeAt(at) !== BRACE_CLOSE) at = skipBlank(text, at + 1)
  }
  return fields
}

function skipBlank(text: string, at: number): number {
  BLANK_EXP.lastIndex = at
  BLANK_EXP.test(text)
  return BLANK_EXP.lastIndex
}

/** The offset behind the string that begins at `at`. */
function endOfString(text: string, at: number): number {
  let i = at + 1
  while (text.charCodeAt(i) !== QUOTE) i += text.charCodeAt(i) === BACKSLASH ? 2 : 1
  return i + 1
}

/** The offset behind the string, number or null at `at`; -1 for any other value. */
function endOfValue(text: string, at: number): number {
  if (text.charCodeAt(at) === QUOTE) return endOfString(text, at)
  if (text.startsWith('null', at)) return at + 4
  NUMBER_EXP.lastIndex = at
  return NUMBER_EXP.test(text) ? NUMBER_EXP.lastIndex : -1
}

function fieldValue(source: string): string | null {
  if (source === 'null') return null
  return source.charCodeAt(0) === QUOTE ? contentOf(JSON.parse(source) as string) : source
}

/** What stands between the quotes of the value as a JSON string. */
function contentOf(value: string): string {
  return JSON.stringify(value).slice(1, -1)
}

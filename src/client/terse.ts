/**
 * Reads the terse encoding (docs/protocol.md, section 7): a line, and what was defined before it, become the record
 * that the JSON encoding would have brought. Imports nothing and runs in browsers.
 *
 * Every line has an answer, and none throws:
 *
 *     {…                   null: it is JSON as it stands
 *     =5 → 3 → A → bid     {"defined":5}: from now on view 5 is item A of subscription 3, whatever it was before
 *     5 → c → krfhgycj → 7.6
 *                          {"sub":3,"item":"A","seq":12,"time":1626992742115,"fields":{"bid":"7.6"}}
 *     +5 → c → → bid:1 → 7.6
 *                          {"sub":3,"item":"A","seq":12,"key":"bid:1","command":"ADD","fields":{"bid":"7.6"}}
 *     anything else        {"error":{…}}, and nothing has changed
 *
 * A blank line, a sign of life, is for whoever cuts the lines. So is the table of views: a new session begins with an
 * empty one, and the views of a subscription that has ended may be deleted.
 */

export type TerseFields = Readonly<Record<string, string | null>>

/** A data record, as JSON has it: `sub` is left out for 0. */
export interface TerseRecord {
  readonly sub?: number
  readonly item: string
  readonly seq?: number
  readonly snapshot?: true
  /** In ms since 1970. */
  readonly time?: number
  readonly fields?: TerseFields
  readonly stale?: boolean
  readonly deleted?: true
  readonly lost?: number
  readonly out?: true
  readonly snapshotEnd?: true
  readonly cleared?: true
  /** Of a row, with `command`. */
  readonly key?: string
  readonly command?: 'ADD' | 'UPDATE' | 'DELETE'
}

export interface TerseDefined {
  readonly defined: number
}

export interface TerseError {
  readonly error: { readonly code: 'LINE_INVALID'; readonly message: string }
}

export interface TerseView {
  readonly sub: number
  readonly item: string
  /** Null: values come with their names. */
  readonly fields: readonly string[] | null
}

/** What was defined, by the number of the view. */
export type TerseViews = Map<number, TerseView>

type Draft<T> = { -readonly [K in keyof T]: T[K] }
type FieldsDraft = Record<string, string | null>

const BASE = 36
const NUMBER_EXP = /^(?:0|[1-9a-z][0-9a-z]{0,10})$/
/** Up to here a double holds every whole number. */
const NUMBER_MAX = 2 ** 53
const DECIMALS_EXP = /^\d{1,24}$/
/** What content has only where it is not the text itself: a backslash, or what it may not have at all. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const NOT_PLAIN_EXP = /["\\\u0000-\u001f]/
/** What a line may begin with, before the number of its view. */
const MARKERS = ['=', '!', '?', '+', '*', '-']
/** Tokens of an update before its values: view, seq, time. */
const UPDATE_TOKENS = 3
/** Of a row: view, seq, time, key; and all those of one that is no more: view, seq, key. */
const ROW_TOKENS = 4
const DELETE_TOKENS = 3
/** Tokens of a definition before its fields: view, sub, item. */
const DEFINITION_TOKENS = 3
/** How much of a bad line its error shows. */
const SHOWN_LENGTH_MAX = 80

/** What `line`, without its newline, says about the `views`. */
export function readTerse(line: string, views: TerseViews): TerseRecord | TerseDefined | TerseError | null {
  const first = line.charAt(0)
  if (first === '{') return null
  const tokens = line.split('\t')
  const result = readLine(first, tokens, views)
  if (typeof result !== 'string') return result
  const message = `${result}: ${JSON.stringify(line.slice(0, SHOWN_LENGTH_MAX))}`
  return { error: { code: 'LINE_INVALID', message } }
}

/** A string says what is wrong. */
function readLine(first: string, tokens: readonly string[], views: TerseViews): TerseRecord | TerseDefined | string {
  const marker = MARKERS.includes(first) ? first : ''
  const number = numberOf(tokens[0]!.slice(marker.length))
  if (Number.isNaN(number)) return 'the line begins with no number of a view'
  if (marker === '=') return readDefinition(number, tokens, views)
  const view = views.get(number)
  if (view === undefined) return 'the view was not defined'
  if (marker === '?') return readMark(view, tokens)
  return marker === '-' ? readDelete(view, tokens) : readUpdate(view, tokens, marker)
}

function readDefinition(number: number, tokens: readonly string[], views: TerseViews): TerseDefined | string {
  if (tokens.length < DEFINITION_TOKENS) return 'a definition has a view, a subscription and an item'
  const sub = numberOf(tokens[1]!)
  if (Number.isNaN(sub)) return 'a subscription is a number'
  const names: string[] = []
  for (let i = DEFINITION_TOKENS - 1; i < tokens.length; i++) {
    const name = contentOf(tokens[i]!)
    if (name === undefined || name === '') return `token ${i + 1} is no name`
    names.push(name)
  }
  const [item, ...fields] = names
  views.set(number, { sub, item: item!, fields: fields.length === 0 ? null : fields })
  return { defined: number }
}

function readMark(view: TerseView, tokens: readonly string[]): TerseRecord | string {
  const record = recordOf(view)
  const mark = tokens[1]
  if (mark === 'l') {
    record.lost = tokens.length === 3 ? numberOf(tokens[2]!) : Number.NaN
    return Number.isNaN(record.lost) ? 'behind l stands how many were lost' : record
  }
  if (tokens.length !== 2) return 'a mark is one letter'
  if (mark === 's' || mark === 'f') record.stale = mark === 's'
  else if (mark === 'd') record.deleted = true
  else if (mark === 'o') record.out = true
  else if (mark === 'e') record.snapshotEnd = true
  else if (mark === 'c') record.cleared = true
  else return 'no such mark'
  return record
}

/** An update of an item, or, behind its marker, a snapshot or a row. */
function readUpdate(view: TerseView, tokens: readonly string[], marker: string): TerseRecord | string {
  const isRow = marker === '+' || marker === '*'
  const valuesAt = isRow ? ROW_TOKENS : UPDATE_TOKENS
  if (tokens.length < valuesAt) return `an update has a view, a seq and a time${isRow ? ', and of a row a key' : ''}`
  const record = recordOf(view)
  const seq = numberOf(tokens[1]!)
  if (Number.isNaN(seq)) return 'a seq is a number'
  record.seq = seq
  if (marker === '!') record.snapshot = true
  if (tokens[2] !== '') {
    const time = timeOf(tokens[2]!)
    if (Number.isNaN(time)) return 'a time is a number'
    record.time = time
  }
  if (isRow && !putKey(record, tokens[ROW_TOKENS - 1]!, marker === '+' ? 'ADD' : 'UPDATE')) return 'a key is a text'
  const fields = view.fields === null ? readPairs(tokens, valuesAt) : readValues(tokens, valuesAt, view.fields)
  if (typeof fields === 'string') return fields
  record.fields = fields
  return record
}

function readDelete(view: TerseView, tokens: readonly string[]): TerseRecord | string {
  if (tokens.length !== DELETE_TOKENS) return 'a row that is no more has a view, a seq and a key'
  const record = recordOf(view)
  const seq = numberOf(tokens[1]!)
  if (Number.isNaN(seq)) return 'a seq is a number'
  record.seq = seq
  return putKey(record, tokens[2]!, 'DELETE') ? record : 'a key is a text'
}

/** False when the token is no text. */
function putKey(record: Draft<TerseRecord>, token: string, command: 'ADD' | 'UPDATE' | 'DELETE'): boolean {
  const key = token === '' ? null : valueOfToken(token)
  if (typeof key !== 'string') return false
  record.key = key
  record.command = command
  return true
}

/** Values by their places. */
function readValues(tokens: readonly string[], valuesAt: number, names: readonly string[]): TerseFields | string {
  const fields: FieldsDraft = {}
  let place = 0
  for (let i = valuesAt; i < tokens.length; i++) {
    const token = tokens[i]!
    const skipped = skippedBy(token)
    if (Number.isNaN(skipped)) return `token ${i + 1} is no number of unchanged fields`
    if (skipped > 0) {
      place += skipped
    } else if (place < names.length) {
      const value = valueOfToken(token)
      if (value === undefined) return `token ${i + 1} is no value`
      put(fields, names[place]!, value)
      place++
    } else {
      return 'more values than fields'
    }
  }
  return place <= names.length ? fields : 'more values than fields'
}

/** Values behind their names. */
function readPairs(tokens: readonly string[], valuesAt: number): TerseFields | string {
  if ((tokens.length - valuesAt) % 2 !== 0) return 'a name has no value'
  const fields: FieldsDraft = {}
  for (let i = valuesAt; i < tokens.length; i += 2) {
    const name = contentOf(tokens[i]!)
    if (name === undefined || name === '') return `token ${i + 1} is no name`
    const token = tokens[i + 1]!
    const value = token === '' ? undefined : valueOfToken(token)
    if (value === undefined) return `token ${i + 2} is no value`
    put(fields, name, value)
  }
  return fields
}

function recordOf(view: TerseView): Draft<TerseRecord> {
  return view.sub === 0 ? { item: view.item } : { sub: view.sub, item: view.item }
}

/** How many fields the token says to be unchanged: 0 when it is a value, NaN when its number is none or 0. */
function skippedBy(token: string): number {
  if (token === '') return 1
  if (token.charAt(0) !== '"' || token === '"' || token === '""') return 0
  const count = numberOf(token.slice(1))
  return count > 0 ? count : Number.NaN
}

/** Undefined when the token is none. */
function valueOfToken(token: string): string | null | undefined {
  if (token === '"') return ''
  if (token === '""') return null
  return contentOf(token)
}

/** The text of JSON string content; undefined when it is none. */
function contentOf(token: string): string | undefined {
  if (!NOT_PLAIN_EXP.test(token)) return token
  try {
    // A quote within would end the string, and leave the last quote over: so whatever this takes is one string.
    return JSON.parse(`"${token}"`)
  } catch {
    return undefined
  }
}

/** A whole number in base 36, up to 2^53; NaN for anything else. */
function numberOf(token: string): number {
  if (!NUMBER_EXP.test(token)) return Number.NaN
  const number = Number.parseInt(token, BASE)
  return number <= NUMBER_MAX ? number : Number.NaN
}

/** Put together as a decimal text, as the sum of the two could be rounded otherwise. */
function timeOf(token: string): number {
  const dot = token.indexOf('.')
  if (dot < 0) return numberOf(token)
  const decimals = token.slice(dot + 1)
  return DECIMALS_EXP.test(decimals) ? Number(`${numberOf(token.slice(0, dot))}.${decimals}`) : Number.NaN
}

/** As JSON.parse does it, to which `__proto__` is a name like any other. */
function put(fields: FieldsDraft, name: string, value: string | null): void {
  if (name !== '__proto__') fields[name] = value
  else Object.defineProperty(fields, name, { value, configurable: true, enumerable: true, writable: true })
}

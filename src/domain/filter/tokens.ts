/**
 * The tokens of a filter's text, one after another, and the first thing that is wrong with it.
 *
 * A token is found in one look over its characters, and only when the one before it is used up, so that what is told first
 * stands first. Texts and names in quotes take the escapes of JSON, so that JSON.stringify writes a right text.
 *
 * Invariants (test/rules.md, FI):
 *  - The first fault stands. Behind it comes the end, whatever the text goes on with: who reads on ends at once.
 *  - A position counts from 1 in characters as JavaScript counts them, in UTF-16 code units.
 */

import { printable } from '#src/printable.ts'

/** Why a text is no filter. */
export interface FilterFault {
  /** A sentence for the developer who wrote the filter, with the position: `filter: at 12: expected …, found ")"`. */
  readonly message: string
  /** Of the first character that cannot be, from 1. */
  readonly position: number
}

export type TokenKind =
  | 'name' // of a field
  | 'text'
  | 'number'
  | 'keyword'
  | 'sign' // a comparison, a parenthesis or a comma
  | 'stray' // a character that the language does not have
  | 'unknown' // signs that are none together
  | 'end'

export interface Token {
  readonly kind: TokenKind
  /** The name, the content of the text, the keyword in small letters, or the characters themselves. */
  readonly value: string
  /** As it is written. */
  readonly source: string
  /** From 0. */
  readonly start: number
}

export const KEYWORDS: ReadonlySet<string> = new Set(['and', 'or', 'not', 'in', 'is', 'null'])
const SIGNS: ReadonlySet<string> = new Set(['=', '!=', '<>', '<', '<=', '>', '>=', '(', ')', ','])
/** What other languages write, and what stands for it here. */
const HINTS: ReadonlyMap<string, string> = new Map([
  ['==', 'write ='],
  ['===', 'write ='],
  ['!==', 'write !='],
  ['=<', 'write <='],
  ['=>', 'write >='],
  ['&&', 'write and'],
  ['||', 'write or'],
  ['!', 'write not'],
  ['null', 'write is null or is not null behind a field'],
  ['“', 'write "'],
  ['”', 'write "'],
  ['‘', "write '"],
  ['’', "write '"],
])
const HINT_STRAY = 'a name with other characters stands in backticks'

// Each is one run of characters of a class: none has two ways to match.
const BLANK_EXP = /[ \t\r\n]*/y
const NAME_EXP = /[A-Za-z_][A-Za-z0-9_.]*/y
/** What begins like a number, up to where it can no longer go on: `24h_low` is told as a whole. */
const NUMBER_EXP = /-?[.0-9](?:[eE][-+]|[A-Za-z0-9_.])*/y
const SIGN_EXP = /[=<>!&|]+|[(),]/y

const QUOTES = '"\'`'
const BACKTICK = '`'
const BACKSLASH = '\\'
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ["'", "'"],
  ['`', '`'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
])
const HEX_EXP = /^[0-9A-Fa-f]{4}$/
const HEX_DIGITS = 4
const FOUND_LENGTH_MAX = 30
const ASCII_LAST = 0x7e

export class Tokens {
  /** The one that is looked at. */
  token: Token
  fault: FilterFault | null = null
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
    this.token = this.#read()
  }

  /** Whether the token is this keyword or sign. */
  is(value: string): boolean {
    const { kind } = this.token
    return (kind === 'keyword' || kind === 'sign') && this.token.value === value
  }

  /** The token, which is used up. */
  take(): Token {
    const { token } = this
    if (token.kind !== 'end') this.token = this.#read()
    return token
  }

  /** Takes the token where it is this keyword or sign. */
  takeIf(value: string): boolean {
    const isIt = this.is(value)
    if (isIt) this.take()
    return isIt
  }

  /** The token cannot stand here: what could, in words. */
  failExpected(expected: string): void {
    this.fail(`expected ${expected}, found ${found(this.token)}`, this.token.start)
  }

  /** `start` counts from 0. */
  fail(message: string, start: number): void {
    this.fault ??= faultAt(message, start)
    this.token = this.#end()
  }

  #read(): Token {
    const text = this.#text
    this.#skip(BLANK_EXP)
    const start = this.#at
    if (start === text.length) return this.#end()
    const first = text.charAt(start)
    if (QUOTES.includes(first)) return this.#readQuoted(first)
    if (this.#skip(NAME_EXP)) return this.#nameFrom(start)
    if (this.#skip(NUMBER_EXP)) return this.#tokenFrom(start, 'number')
    if (this.#skip(SIGN_EXP)) return this.#tokenFrom(start, SIGNS.has(text.slice(start, this.#at)) ? 'sign' : 'unknown')
    this.#at += String.fromCodePoint(text.codePointAt(start)!).length
    return this.#tokenFrom(start, 'stray')
  }

  /** Goes to where the pattern ends; false where it does not match. */
  #skip(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at
    const isThere = pattern.test(this.#text)
    if (isThere) this.#at = pattern.lastIndex
    return isThere
  }

  #tokenFrom(start: number, kind: TokenKind, value?: string): Token {
    const source = this.#text.slice(start, this.#at)
    return { kind, value: value ?? source, source, start }
  }

  #nameFrom(start: number): Token {
    const word = this.#text.slice(start, this.#at)
    const keyword = word.toLowerCase()
    return KEYWORDS.has(keyword) ? this.#tokenFrom(start, 'keyword', keyword) : this.#tokenFrom(start, 'name')
  }

  #readQuoted(quote: string): Token {
    const text = this.#text
    const start = this.#at
    let value = ''
    let from = start + 1
    for (let at = from; at < text.length; at++) {
      const character = text.charAt(at)
      if (character === quote) {
        this.#at = at + 1
        return this.#tokenFrom(start, quote === BACKTICK ? 'name' : 'text', value + text.slice(from, at))
      }
      if (character !== BACKSLASH) continue
      const letter = text.charAt(at + 1)
      const hex = text.slice(at + 2, at + 2 + HEX_DIGITS)
      const isHex = letter === 'u' && HEX_EXP.test(hex)
      const meant = isHex ? String.fromCharCode(Number.parseInt(hex, 16)) : ESCAPES.get(letter)
      if (meant === undefined) {
        this.fail(`"${printable(`\\${letter}`)}" is no escape (a backslash is written \\\\)`, at)
        return this.#end()
      }
      value += text.slice(from, at) + meant
      at += isHex ? 1 + HEX_DIGITS : 1
      from = at + 1
    }
    this.fail(`here begins a ${quote === BACKTICK ? 'name' : 'text'} that has no closing ${quote}`, start)
    return this.#end()
  }

  #end(): Token {
    return { kind: 'end', value: '', source: '', start: this.#text.length }
  }
}

/** `start` counts from 0. */
export function faultAt(message: string, start: number): FilterFault {
  const position = start + 1
  return { message: `filter: at ${position}: ${message}`, position }
}

function found({ kind, value, source }: Token): string {
  if (kind === 'end') return 'the end'
  const shown = printable(source, FOUND_LENGTH_MAX)
  if (QUOTES.includes(source.charAt(0))) return shown
  const codePoint = source.codePointAt(0)!
  const asNumber = codePoint > ASCII_LAST ? ` U+${codePoint.toString(16).toUpperCase().padStart(4, '0')}` : ''
  const hint = HINTS.get(value) ?? (kind === 'stray' ? HINT_STRAY : null)
  return `"${shown}"${asNumber}${hint === null ? '' : ` (${hint})`}`
}

/**
 * From the text of a filter (docs/filters.md) to the filter, or to what is wrong with it and where. The grammar:
 *
 *     filter     = all { "or" all }
 *     all        = one { "and" one }
 *     one        = { "not" } ( "(" filter ")" | condition )
 *     condition  = field sign ( literal | field ) | literal sign field
 *                | field "is" [ "not" ] "null" | field [ "not" ] "in" "(" literal { "," literal } ")"
 *     sign       = "=" | "!=" | "<>" | "<" | "<=" | ">" | ">="
 *
 * Every `not` is carried down to the conditions while they are read, where it turns `and` into `or`.
 *
 * Bounds: the text's length, parentheses that nest (which is all that recurs), conditions, members of a set, distinct fields.
 * What is beyond one is a fault like any other.
 */

import { assert } from '#src/assert.ts'
import { DIGITS_MAX, isDecimal } from '#src/domain/decimal.ts'
import { isName } from '#src/domain/names.ts'
import { printable } from '#src/printable.ts'
import {
  compareFields,
  compareLiteral,
  type FilterNode,
  groupOf,
  isComparison,
  isIn,
  isNull,
  isUnequal,
  type Literal,
  mirrored,
  numberLiteral,
  relationOf,
  textLiteral,
} from './condition.ts'
import { Filter } from './filter.ts'
import { FILTER_FIELDS_MAX } from './filter-values.ts'
import { type FilterFault, faultAt, Tokens } from './tokens.ts'

export interface FilterLimits {
  /** Characters of a filter's text, in UTF-16 code units. */
  readonly filterLengthMax: number
  readonly fieldNameBytesMax: number
}

/** How deep parentheses may nest. */
export const FILTER_DEPTH_MAX = 16
/** The most conditions: comparisons, sets and tests for null. */
export const FILTER_CONDITIONS_MAX = 64
/** The most members of a set. */
export const FILTER_SET_MAX = 64

// What stands where there is none; the fault is told, and nobody sees them.
const NO_CONDITION = isNull('', false)
const NO_LITERAL = textLiteral('')

const NAME_SHOWN_MAX = 30

/**
 * The filter that `text` says, or why it says none. Never throws, and its time is bounded by the text's length. A filter's
 * key may be longer than its text: whoever parses keys has to allow for that.
 */
export function parseFilter(text: string, limits: FilterLimits): Filter | FilterFault {
  const { filterLengthMax } = limits
  if (text.length > filterLengthMax) return faultAt(`longer than ${filterLengthMax} characters`, filterLengthMax)
  const tokens = new Tokens(text)
  const root = new Parser(tokens, limits).parse()
  return tokens.fault ?? new Filter(root)
}

/** The filter of a key: a text that was found good. */
export function filterOf(key: string): Filter {
  const filter = parseFilter(key, { filterLengthMax: Infinity, fieldNameBytesMax: Infinity })
  assert(filter instanceof Filter, 'the key of a filter says a filter')
  return filter
}

class Parser {
  readonly #tokens: Tokens
  readonly #limits: FilterLimits
  readonly #fields = new Set<string>()
  #conditionCount = 0
  #depth = 0

  constructor(tokens: Tokens, limits: FilterLimits) {
    this.#tokens = tokens
    this.#limits = limits
  }

  parse(): FilterNode {
    const root = this.#filter(false)
    if (this.#tokens.token.kind !== 'end') this.#tokens.failExpected('"and", "or" or the end')
    return root
  }

  #filter(isNegated: boolean): FilterNode {
    const nodes = [this.#all(isNegated)]
    while (this.#tokens.takeIf('or')) nodes.push(this.#all(isNegated))
    return groupOf(isNegated ? 'and' : 'or', nodes)
  }

  #all(isNegated: boolean): FilterNode {
    const nodes = [this.#one(isNegated)]
    while (this.#tokens.takeIf('and')) nodes.push(this.#one(isNegated))
    return groupOf(isNegated ? 'or' : 'and', nodes)
  }

  #one(isNegatedAround: boolean): FilterNode {
    const tokens = this.#tokens
    let isNegated = isNegatedAround
    while (tokens.takeIf('not')) isNegated = !isNegated
    if (!tokens.is('(')) return this.#condition(isNegated)
    if (this.#depth === FILTER_DEPTH_MAX) {
      tokens.fail(`parentheses nest deeper than ${FILTER_DEPTH_MAX}`, tokens.token.start)
    }
    this.#depth++
    tokens.take()
    const node = this.#filter(isNegated)
    if (!tokens.takeIf(')')) tokens.failExpected('"and", "or" or ")"')
    this.#depth--
    return node
  }

  #condition(isNegated: boolean): FilterNode {
    const tokens = this.#tokens
    if (++this.#conditionCount > FILTER_CONDITIONS_MAX) {
      tokens.fail(`more than ${FILTER_CONDITIONS_MAX} conditions`, tokens.token.start)
    }
    const { kind } = tokens.token
    if (kind === 'name') return this.#aboutField(this.#field(), isNegated)
    if (kind === 'text' || kind === 'number') return this.#aboutLiteral(this.#literal('a value'), isNegated)
    tokens.failExpected('a field, a value or "("')
    return NO_CONDITION
  }

  #aboutField(field: string, isNegated: boolean): FilterNode {
    const tokens = this.#tokens
    if (tokens.takeIf('is')) {
      const isNot = tokens.takeIf('not')
      if (!tokens.takeIf('null')) tokens.failExpected(isNot ? '"null"' : '"null" or "not null"')
      return isNull(field, isNegated !== isNot)
    }
    const isNot = tokens.takeIf('not')
    if (isNot && !tokens.is('in')) tokens.failExpected('"in"')
    if (tokens.takeIf('in')) return isIn(field, this.#set(), isNegated !== isNot)
    const sign = this.#sign('a comparison (= != < <= > >= in is)')
    const relation = relationOf(sign)
    const isNegatedHere = isNegated !== isUnequal(sign)
    if (tokens.token.kind === 'name') return compareFields(field, relation, this.#field(), isNegatedHere)
    return compareLiteral(field, relation, this.#literal('a field or a value'), isNegatedHere)
  }

  #aboutLiteral(literal: Literal, isNegated: boolean): FilterNode {
    const sign = this.#sign('a comparison (= != < <= > >=)')
    const relation = mirrored(relationOf(sign))
    const field = this.#field()
    return compareLiteral(field, relation, literal, isNegated !== isUnequal(sign))
  }

  #sign(expected: string): string {
    const { kind, value } = this.#tokens.token
    if (kind === 'sign' && isComparison(value)) return this.#tokens.take().value
    this.#tokens.failExpected(expected)
    return '='
  }

  #field(): string {
    const tokens = this.#tokens
    if (tokens.token.kind !== 'name') {
      tokens.failExpected('a field')
      return ''
    }
    const { value, start } = tokens.token
    this.#fields.add(value)
    if (!isName(value, this.#limits.fieldNameBytesMax)) {
      tokens.fail(`"${printable(value, NAME_SHOWN_MAX)}" is no name of a field`, start)
    } else if (this.#fields.size > FILTER_FIELDS_MAX) {
      tokens.fail(`more than ${FILTER_FIELDS_MAX} different fields`, start)
    }
    tokens.take()
    return value
  }

  #literal(expected: string): Literal {
    const tokens = this.#tokens
    const { kind, value, start } = tokens.token
    if (kind === 'text') return textLiteral(tokens.take().value)
    if (kind !== 'number') {
      tokens.failExpected(expected)
    } else if (isDecimal(Buffer.from(value), 0, value.length)) {
      return numberLiteral(tokens.take().value)
    } else {
      const shown = printable(value, NAME_SHOWN_MAX)
      tokens.fail(
        `"${shown}" is no number (of at most ${DIGITS_MAX} digits; a name that begins so stands in backticks)`,
        start,
      )
    }
    return NO_LITERAL
  }

  /** At least one. */
  #set(): Literal[] {
    const tokens = this.#tokens
    if (!tokens.takeIf('(')) tokens.failExpected('"("')
    const members: Literal[] = []
    do {
      if (members.length === FILTER_SET_MAX) {
        tokens.fail(`more than ${FILTER_SET_MAX} values in a set`, tokens.token.start)
      }
      members.push(this.#literal('a value'))
    } while (tokens.takeIf(','))
    if (!tokens.takeIf(')')) tokens.failExpected('"," or ")"')
    return members
  }
}

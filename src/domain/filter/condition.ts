/**
 * What a filter's text means, as a tree in its one normal form, and the canonical text of that. Two texts that differ in
 * blanks, case of keywords, quotes, escapes, needless parentheses, the spelling of a number, the order or repetition of what
 * `and`, `or` and `in` put together, the side of a comparison that a field stands on, or in where a `not` stands, have equal
 * trees.
 *
 * Invariants (test/rules.md, FI):
 *  - `not` stands at conditions alone: `not (a and b)` has become `not a or not b`.
 *  - A group has two members at least, none of its own kind, no two alike, in the order of their keys.
 *  - A literal stands on the right; of two fields the first in order of names stands on the left.
 *  - The key, parsed, gives an equal tree. It nests parentheses no deeper than the text.
 */

import { KEYWORDS } from './tokens.ts'

/** Which outcomes of a comparison are wanted: bits, of the left side being less than, equal to, or greater than the right one. */
export const LESS = 1
export const EQUAL = 2
export const GREATER = 4

export interface Literal {
  readonly kind: 'text' | 'number'
  /** JSON string content, as values are; a number in its plain form. */
  readonly content: string
  /** As the key has it. */
  readonly key: string
}

export interface Condition {
  readonly kind: 'null' | 'literals' | 'fields'
  readonly isNegated: boolean
  readonly field: string
  /** Of the field to one of the literals, or to the other field. */
  readonly relation: number
  /** Kind `literals`: several make a set, of which one must be EQUAL. */
  readonly literals: readonly Literal[]
  /** Kind `fields`. */
  readonly otherField: string
  readonly key: string
}

export interface Group {
  readonly kind: 'and' | 'or'
  readonly members: readonly FilterNode[]
  readonly key: string
}

export type FilterNode = Condition | Group

export function isGroup(node: FilterNode): node is Group {
  return node.kind === 'and' || node.kind === 'or'
}

const PLAIN_NAME_EXP = /^[A-Za-z_][A-Za-z0-9_.]*$/
const NOT_ZERO_EXP = /[1-9]/
const LEADING_ZEROS_EXP = /^0+/
const TRAILING_ZEROS_EXP = /0+$/
const SIGN_OF: Readonly<Record<number, string>> = {
  [LESS]: '<',
  [LESS | EQUAL]: '<=',
  [EQUAL]: '=',
  [GREATER]: '>',
  [GREATER | EQUAL]: '>=',
}
const RELATIONS: ReadonlyMap<string, number> = new Map(
  Object.entries(SIGN_OF).map(([relation, sign]) => [sign, Number(relation)]),
)

export function isComparison(sign: string): boolean {
  return isUnequal(sign) || RELATIONS.has(sign)
}

/** The relation that a comparison wants; `!=` and `<>` are a negated `=`. */
export function relationOf(sign: string): number {
  return RELATIONS.get(sign) ?? EQUAL
}

export function isUnequal(sign: string): boolean {
  return sign === '!=' || sign === '<>'
}

/** The relation of the right side to the left one. */
export function mirrored(relation: number): number {
  return (relation & EQUAL) | (relation & LESS ? GREATER : 0) | (relation & GREATER ? LESS : 0)
}

export function textLiteral(text: string): Literal {
  const key = JSON.stringify(text)
  return { kind: 'text', content: key.slice(1, -1), key }
}

/** `text` must be a decimal (decimal.ts): so it has few digits when it is written plainly. */
export function numberLiteral(text: string): Literal {
  const plain = plainDecimal(text)
  return { kind: 'number', content: plain, key: plain }
}

export function isNull(field: string, isNegated: boolean): Condition {
  const key = `${nameKey(field)} is ${isNegated ? 'not ' : ''}null`
  return { kind: 'null', isNegated, field, relation: 0, literals: [], otherField: '', key }
}

export function compareLiteral(field: string, relation: number, literal: Literal, isNegated: boolean): Condition {
  const key = comparisonKey(nameKey(field), relation, literal.key, isNegated)
  return { kind: 'literals', isNegated, field, relation, literals: [literal], otherField: '', key }
}

export function compareFields(left: string, relation: number, right: string, isNegated: boolean): Condition {
  if (left > right) return compareFields(right, mirrored(relation), left, isNegated)
  const key = comparisonKey(nameKey(left), relation, nameKey(right), isNegated)
  return { kind: 'fields', isNegated, field: left, relation, literals: [], otherField: right, key }
}

/** A set has one member at least. */
export function isIn(field: string, members: readonly Literal[], isNegated: boolean): Condition {
  const literals = distinct(members)
  if (literals.length === 1) return compareLiteral(field, EQUAL, literals[0]!, isNegated)
  const list = literals.map(literal => literal.key).join(', ')
  const key = `${nameKey(field)} ${isNegated ? 'not ' : ''}in (${list})`
  return { kind: 'literals', isNegated, field, relation: EQUAL, literals, otherField: '', key }
}

/** `nodes` are one at least. */
export function groupOf(kind: 'and' | 'or', nodes: readonly FilterNode[]): FilterNode {
  const members = distinct(nodes.flatMap(node => (isGroup(node) && node.kind === kind ? node.members : [node])))
  if (members.length === 1) return members[0]!
  const keys = members.map(node => (kind === 'and' && node.kind === 'or' ? `(${node.key})` : node.key))
  return { kind, members, key: keys.join(` ${kind} `) }
}

/** The names of all fields of the tree, each once, in order. */
export function fieldsOf(root: FilterNode): readonly string[] {
  const names = new Set<string>()
  const visit = (node: FilterNode): void => {
    if (isGroup(node)) {
      for (const member of node.members) visit(member)
    } else {
      names.add(node.field)
      if (node.kind === 'fields') names.add(node.otherField)
    }
  }
  visit(root)
  return [...names].sort()
}

function comparisonKey(left: string, relation: number, right: string, isNegated: boolean): string {
  if (isNegated && relation === EQUAL) return `${left} != ${right}`
  return `${isNegated ? 'not ' : ''}${left} ${SIGN_OF[relation]} ${right}`
}

function nameKey(name: string): string {
  if (PLAIN_NAME_EXP.test(name) && !KEYWORDS.has(name.toLowerCase())) return name
  return `\`${JSON.stringify(name).slice(1, -1).replaceAll('`', '\\`')}\``
}

/** Each once, in the order of the keys. */
function distinct<T extends { readonly key: string }>(all: readonly T[]): readonly T[] {
  const byKey = new Map(all.map(one => [one.key, one]))
  return [...byKey.keys()].sort().map(key => byKey.get(key)!)
}

/** A decimal without exponent and needless zeros: one text for each value. */
function plainDecimal(text: string): string {
  const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e')
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.')
  const digits = whole + fraction
  if (!NOT_ZERO_EXP.test(digits)) return '0'
  const pointAt = whole.length + Number(exponent)
  const before = digits.slice(0, Math.max(0, pointAt)).padEnd(pointAt, '0').replace(LEADING_ZEROS_EXP, '')
  const behind = digits
    .slice(Math.max(0, pointAt))
    .padStart(digits.length - pointAt, '0')
    .replace(TRAILING_ZEROS_EXP, '')
  const plain = behind === '' ? before : `${before === '' ? '0' : before}.${behind}`
  return mantissa.startsWith('-') ? `-${plain}` : plain
}

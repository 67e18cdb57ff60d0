/**
 * Filters the slow and obvious way: a tree, what it passes of values that are strings, texts that say it, other trees that
 * mean the same. What src/domain/filter is held to; nothing of it is used here.
 */

import { compareModels, modelDecimal, plainText, randomDecimal } from './decimal-model.ts'
import type { Random } from './random.ts'

export type ModelOperand =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'number'; readonly text: string }

export type ModelFilter =
  | { readonly kind: 'and' | 'or'; readonly of: readonly ModelFilter[] }
  | { readonly kind: 'not'; readonly of: ModelFilter }
  | { readonly kind: 'compare'; readonly left: ModelOperand; readonly sign: string; readonly right: ModelOperand }
  | { readonly kind: 'in'; readonly field: string; readonly members: readonly ModelOperand[] }
  | { readonly kind: 'null'; readonly field: string }

/** By the names of fields; one that is not there is null. */
export type ModelRow = Readonly<Record<string, string | null>>

const SIGNS = ['=', '!=', '<>', '<', '<=', '>', '>=']
const MIRRORED: Readonly<Record<string, string>> = { '<': '>', '<=': '>=', '>': '<', '>=': '<=' }
const NAMES = ['bid', 'ask', 'a.b_1', 'and', '24h low', 'it`s "q"', 'ü𝄞']
const CHARACTERS = [
  ...['a', 'b', 'B', '1', '.', '-', ' ', '"', "'", '`', '\\', '/', 'é', '€', '\uffff', '𝄞', '😀', '\ud834', '\udd1e'],
  ...['\0', '\b', '\t', '\n', '\f', '\r', '\u0001', '\u001f', '\u007f', '\u0080'],
]
const PLAIN_NAMES = new Set(['bid', 'ask', 'a.b_1'])

/** What filters and rows are drawn from, so that they meet. */
export class ModelWorld {
  readonly #random: Random
  readonly #texts: string[]
  readonly #numbers: string[]

  constructor(random: Random) {
    this.#random = random
    this.#texts = Array.from({ length: 5 }, () => this.#text(3))
    this.#numbers = Array.from({ length: 4 }, () => randomDecimal(random, random.pick([1, 2, 6, 34])))
  }

  row(): ModelRow {
    const row: Record<string, string | null> = {}
    for (const name of NAMES) {
      if (this.#random.chance(0.85)) row[name] = this.#random.chance(0.1) ? null : this.#value()
    }
    return row
  }

  /** Of at most `depth` levels of groups. */
  filter(depth: number): ModelFilter {
    const random = this.#random
    if (depth === 0 || random.chance(0.3)) return this.#condition()
    if (random.chance(0.25)) return { kind: 'not', of: this.filter(depth - 1) }
    return {
      kind: random.pick(['and', 'or']),
      of: Array.from({ length: 2 + random.int(2) }, () => this.filter(depth - 1)),
    }
  }

  #condition(): ModelFilter {
    const random = this.#random
    const field = random.pick(NAMES)
    if (random.chance(0.15)) return { kind: 'null', field }
    if (random.chance(0.25)) {
      return { kind: 'in', field, members: Array.from({ length: 1 + random.int(4) }, () => this.#literal()) }
    }
    const [left, right] = [{ kind: 'field', name: field } as const, this.#operand()]
    const sign = random.pick(SIGNS)
    return random.chance(0.7)
      ? { kind: 'compare', left, sign, right }
      : { kind: 'compare', left: right, sign, right: left }
  }

  #operand(): ModelOperand {
    return this.#random.chance(0.25) ? { kind: 'field', name: this.#random.pick(NAMES) } : this.#literal()
  }

  #literal(): ModelOperand {
    const random = this.#random
    if (random.chance(0.5)) return { kind: 'number', text: respelledNumber(random, random.pick(this.#numbers)) }
    return { kind: 'text', text: random.chance(0.8) ? random.pick(this.#texts) : random.pick(this.#numbers) }
  }

  #value(): string {
    const random = this.#random
    if (random.chance(0.5)) return respelledNumber(random, random.pick(this.#numbers))
    return random.chance(0.8) ? random.pick(this.#texts) : this.#text(4)
  }

  #text(lengthMax: number): string {
    const random = this.#random
    return Array.from({ length: random.int(lengthMax + 1) }, () => random.pick(CHARACTERS)).join('')
  }
}

export function modelPasses(filter: ModelFilter, row: ModelRow): boolean {
  switch (filter.kind) {
    case 'and':
      return filter.of.every(one => modelPasses(one, row))
    case 'or':
      return filter.of.some(one => modelPasses(one, row))
    case 'not':
      return !modelPasses(filter.of, row)
    case 'null':
      return (row[filter.field] ?? null) === null
    case 'in': {
      const left = { kind: 'field', name: filter.field } as const
      return filter.members.some(right => modelPasses({ kind: 'compare', left, sign: '=', right }, row))
    }
    case 'compare': {
      const { left, sign, right } = filter
      if (sign === '!=' || sign === '<>') return !modelPasses({ kind: 'compare', left, sign: '=', right }, row)
      const order = modelOrder(left, right, row)
      if (order === null) return false
      return (
        (sign.includes('<') && order < 0) || (sign.includes('>') && order > 0) || (sign.includes('=') && order === 0)
      )
    }
  }
}

/** Null where the two are in no relation. */
function modelOrder(left: ModelOperand, right: ModelOperand, row: ModelRow): number | null {
  const a = left.kind === 'field' ? (row[left.name] ?? null) : left.text
  const b = right.kind === 'field' ? (row[right.name] ?? null) : right.text
  if (a === null || b === null) return null
  const [aDecimal, bDecimal] = [modelDecimal(a), modelDecimal(b)]
  const kinds = [left.kind, right.kind]
  if (kinds.includes('text')) return modelTextOrder(a, b)
  if (aDecimal !== null && bDecimal !== null) return compareModels(aDecimal, bDecimal)
  return kinds.includes('number') ? null : modelTextOrder(a, b)
}

function modelTextOrder(a: string, b: string): number {
  const [aPoints, bPoints] = [a, b].map(text => [...text].map(character => character.codePointAt(0)!))
  for (const [i, point] of aPoints!.entries()) {
    const other = bPoints![i]
    if (other === undefined) return 1
    if (point !== other) return point - other
  }
  return aPoints!.length - bPoints!.length
}

/** A text that says the filter, in any spelling: no two are alike. */
export function spelled(random: Random, filter: ModelFilter): string {
  const blank = (): string => random.pick([' ', ' ', '  ', '\n', '\t ', '\r\n'])
  const loose = (): string => (random.chance(0.5) ? '' : blank())
  const keyword = (word: string): string =>
    [...word].map(one => (random.chance(0.3) ? one.toUpperCase() : one)).join('')
  const word = (text: string): string => blank() + keyword(text) + blank()
  const around = (text: string): string => `(${loose()}${text}${loose()})`
  const visit = (node: ModelFilter, precedence: number): string => {
    const [text, own] = plainly(node)
    return own < precedence || random.chance(0.08) ? around(text) : text
  }
  const plainly = (node: ModelFilter): [text: string, precedence: number] => {
    switch (node.kind) {
      case 'or':
        return [node.of.map(one => visit(one, 1)).join(word('or')), 1]
      case 'and':
        return [node.of.map(one => visit(one, 2)).join(word('and')), 2]
      case 'not':
        // A test of its own stands behind the field where there is one.
        if (node.of.kind === 'in' && random.chance(0.5)) return [setOf(node.of, word('not')), 3]
        if (node.of.kind === 'null' && random.chance(0.5)) return [nullOf(node.of, word('not')), 3]
        return [keyword('not') + blank() + visit(node.of, 3), 3]
      case 'in':
        return [setOf(node, ''), 3]
      case 'null':
        return [nullOf(node, ''), 3]
      case 'compare':
        return [operandOf(node.left) + loose() + node.sign + loose() + operandOf(node.right), 3]
    }
  }
  const setOf = ({ field, members }: { field: string; members: readonly ModelOperand[] }, not: string): string => {
    const list = members.map(member => loose() + operandOf(member) + loose()).join(',')
    return `${nameOf(field)}${not}${word('in')}(${list})`
  }
  const nullOf = ({ field }: { field: string }, not: string): string =>
    nameOf(field) + word('is') + not + blank() + keyword('null')
  const operandOf = (operand: ModelOperand): string => {
    if (operand.kind === 'field') return nameOf(operand.name)
    return operand.kind === 'number' ? operand.text : quotedBy(random.pick(['"', "'"]), operand.text)
  }
  const nameOf = (name: string): string => (PLAIN_NAMES.has(name) && random.chance(0.7) ? name : quotedBy('`', name))
  const quotedBy = (quote: string, text: string): string => {
    const inside = text.split('').map(unit => {
      if (unit === quote || unit === '\\') return `\\${unit}`
      if (random.chance(0.1)) return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
      return random.chance(0.3) ? JSON.stringify(unit).slice(1, -1) : unit
    })
    return quote + inside.join('') + quote
  }
  return visit(filter, 0)
}

/** Another tree that means the same, by the ways that FI5 names. */
export function rephrased(random: Random, filter: ModelFilter): ModelFilter {
  const again = (one: ModelFilter): ModelFilter => rephrased(random, one)
  if (random.chance(0.05)) return { kind: 'not', of: { kind: 'not', of: again(filter) } }
  switch (filter.kind) {
    case 'and':
    case 'or': {
      const of = shuffled(random, filter.of).map(again)
      if (random.chance(0.1)) of.push(again(random.pick(filter.of)))
      if (random.chance(0.2)) {
        const kind = filter.kind === 'and' ? 'or' : 'and'
        return { kind: 'not', of: { kind, of: of.map(one => ({ kind: 'not', of: one })) } }
      }
      if (of.length === 2 || random.chance(0.7)) return { kind: filter.kind, of }
      return { kind: filter.kind, of: [of[0]!, { kind: filter.kind, of: of.slice(1) }] }
    }
    case 'not':
      return { kind: 'not', of: again(filter.of) }
    case 'null':
      return filter
    case 'in': {
      const members = shuffled(random, filter.members).map(member => respelled(random, member))
      if (random.chance(0.2)) members.push(respelled(random, random.pick(filter.members)))
      return { kind: 'in', field: filter.field, members }
    }
    case 'compare': {
      const { left, sign, right } = filter
      if (sign === '!=' || sign === '<>') {
        const other = random.pick(['!=', '<>', 'not'])
        if (other !== 'not') return { kind: 'compare', left, sign: other, right }
        return { kind: 'not', of: again({ kind: 'compare', left, sign: '=', right }) }
      }
      if (sign === '=' && left.kind === 'field' && right.kind !== 'field' && random.chance(0.2)) {
        return { kind: 'in', field: left.name, members: [respelled(random, right)] }
      }
      // Of one field beside itself there is nothing to turn around.
      const isOne = left.kind === 'field' && right.kind === 'field' && left.name === right.name
      if (isOne || random.chance(0.5)) {
        return { kind: 'compare', left: respelled(random, left), sign, right: respelled(random, right) }
      }
      return { kind: 'compare', left: right, sign: MIRRORED[sign] ?? sign, right: left }
    }
  }
}

function respelled(random: Random, operand: ModelOperand): ModelOperand {
  return operand.kind === 'number' ? { kind: 'number', text: respelledNumber(random, operand.text) } : operand
}

/** The same value in another form, where one is within the bounds. */
function respelledNumber(random: Random, text: string): string {
  const decimal = modelDecimal(text)!
  const plain = plainText(decimal.units, decimal.scale)
  const forms = [
    text,
    plain,
    `${plain}e0`,
    `${plain}${plain.includes('.') ? '' : '.'}00`,
    `${decimal.units}e-${decimal.scale}`,
  ]
  const form = random.pick(forms)
  const other = modelDecimal(form)
  return other !== null && compareModels(other, decimal) === 0 ? form : text
}

function shuffled<T>(random: Random, all: readonly T[]): T[] {
  const left = [...all]
  return all.map(() => left.splice(random.int(left.length), 1)[0]!)
}

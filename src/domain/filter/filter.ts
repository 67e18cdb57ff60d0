/**
 * A filter, ready to be held against values, which allocates nothing.
 *
 * Its program is a list of tests; each says where to go on when it holds and where when it does not, so that `and`, `or` and
 * `not` are jumps and nothing is looked at whose outcome is known. A jump leads to a test with a lower number or to an end:
 * a filter takes as many steps as it has conditions at most.
 *
 * What a value is worth (docs/filters.md): against a number it is compared by its exact value, and is in no relation to it
 * where it is no decimal; against a text by code points; two fields by value where both are decimals, else as texts. What is
 * null is in no relation to anything.
 */

import { equalBytes } from '#src/bytes.ts'
import { compareRead, DecimalReader } from '#src/domain/decimal.ts'
import { type Condition, EQUAL, type FilterNode, fieldsOf, GREATER, isGroup, LESS, type Literal } from './condition.ts'
import type { FilterValues } from './filter-values.ts'
import { compareTexts } from './text-order.ts'

// Where a program ends; all else is the number of a test.
const PASS = -1
const FAIL = -2

export class Filter {
  /** Distinct names in a fixed order: equal keys have equal fields. */
  readonly fields: readonly string[]
  /** The canonical text: filters of equal keys pass the same values. */
  readonly key: string
  readonly #tests: Test[] = []
  readonly #start: number

  constructor(root: FilterNode) {
    this.key = root.key
    this.fields = fieldsOf(root)
    this.#start = this.#compile(root, PASS, FAIL)
  }

  /** Whether the values pass; each stands at the place of its field in `fields`. */
  passes(values: FilterValues): boolean {
    const tests = this.#tests
    let at = this.#start
    while (at >= 0) {
      const test = tests[at]!
      at = test.holds(values) ? test.onTrue : test.onFalse
    }
    return at === PASS
  }

  /**
   * Appends the tests of a node, and returns the number of the one that it begins with: the last one, as each has to know
   * where it leads. So the members of a group are looked at from the last to the first, which is all the same.
   */
  #compile(node: FilterNode, onTrue: number, onFalse: number): number {
    if (!isGroup(node)) {
      const test = new Test(node, this.fields, node.isNegated ? onFalse : onTrue, node.isNegated ? onTrue : onFalse)
      return this.#tests.push(test) - 1
    }
    let next = node.kind === 'and' ? onTrue : onFalse
    for (const member of node.members) {
      next = node.kind === 'and' ? this.#compile(member, next, onFalse) : this.#compile(member, onTrue, next)
    }
    return next
  }
}

// What a value was read into last; nothing is kept here from one comparison to the next.
const number = new DecimalReader()
const otherNumber = new DecimalReader()

/** A literal as values are compared with it. */
class Operand {
  readonly bytes: Buffer
  /** Null for a text. */
  readonly number: DecimalReader | null

  constructor({ kind, content }: Literal) {
    this.bytes = Buffer.from(content)
    this.number = kind === 'number' ? new DecimalReader() : null
    this.number?.read(this.bytes, 0, this.bytes.length)
  }
}

/** A condition without its `not`, which is in where it leads. */
class Test {
  readonly onTrue: number
  readonly onFalse: number
  readonly #kind: Condition['kind']
  readonly #relation: number
  readonly #place: number
  readonly #otherPlace: number
  readonly #operands: readonly Operand[]

  constructor(condition: Condition, fields: readonly string[], onTrue: number, onFalse: number) {
    this.onTrue = onTrue
    this.onFalse = onFalse
    this.#kind = condition.kind
    this.#relation = condition.relation
    this.#place = fields.indexOf(condition.field)
    this.#otherPlace = fields.indexOf(condition.otherField)
    this.#operands = condition.literals.map(literal => new Operand(literal))
  }

  holds(values: FilterValues): boolean {
    const place = this.#place
    const length = values.lengths[place]!
    if (length < 0 || this.#kind === 'null') return length < 0 && this.#kind === 'null'
    const bytes = values.bytes[place]!
    const offset = values.offsets[place]!
    return this.#kind === 'fields'
      ? this.#holdsOfFields(values, bytes, offset, length)
      : this.#holdsOfLiterals(bytes, offset, length)
  }

  #holdsOfLiterals(bytes: Buffer, offset: number, length: number): boolean {
    const operands = this.#operands
    const relation = this.#relation
    let isRead = false
    let isNumber = false
    for (let i = 0; i < operands.length; i++) {
      const operand = operands[i]!
      if (operand.number === null) {
        if (relatesAsText(relation, bytes, offset, length, operand.bytes, 0, operand.bytes.length)) return true
        continue
      }
      if (!isRead) isNumber = number.read(bytes, offset, length)
      isRead = true
      if (isNumber && isWanted(relation, compareRead(number, bytes, operand.number, operand.bytes))) return true
    }
    return false
  }

  #holdsOfFields(values: FilterValues, bytes: Buffer, offset: number, length: number): boolean {
    const otherPlace = this.#otherPlace
    const otherLength = values.lengths[otherPlace]!
    if (otherLength < 0) return false
    const otherBytes = values.bytes[otherPlace]!
    const otherOffset = values.offsets[otherPlace]!
    return number.read(bytes, offset, length) && otherNumber.read(otherBytes, otherOffset, otherLength)
      ? isWanted(this.#relation, compareRead(number, bytes, otherNumber, otherBytes))
      : relatesAsText(this.#relation, bytes, offset, length, otherBytes, otherOffset, otherLength)
  }
}

/** Whether a value is in the relation to a text. */
function relatesAsText(
  relation: number,
  bytes: Buffer,
  offset: number,
  length: number,
  text: Buffer,
  textOffset: number,
  textLength: number,
): boolean {
  if (relation === EQUAL) return length === textLength && equalBytes(bytes, offset, text, textOffset, length)
  return isWanted(relation, compareTexts(bytes, offset, length, text, textOffset, textLength))
}

/** Whether the relation has this outcome: `order` is below 0, 0 or above 0. */
function isWanted(relation: number, order: number): boolean {
  const outcome = order === 0 ? EQUAL : order < 0 ? LESS : GREATER
  return (relation & outcome) !== 0
}

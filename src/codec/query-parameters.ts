/**
 * The parameters of a query, `items=A,B&maxDelay=100`: decoded, each known by its name and there once. Values are
 * digits, words, and lists between commas.
 */

import { decodeForm, quoted } from './http-fields.ts'
import { Parameters } from './parameters.ts'

const DECIMAL_EXP = /^\d{1,9}(?:\.\d{1,9})?$/
const INTEGER_EXP = /^\d{1,16}$/

export class QueryParameters extends Parameters {
  readonly #values = new Map<string, string>()

  /** `query` is not decoded yet. A parameter that is unknown, repeated or badly encoded is a fault. */
  constructor(query: string, known: readonly string[]) {
    super('QUERY_INVALID', 'parameter ', { first: null })
    if (query === '') return
    for (const pair of query.split('&')) {
      if (pair !== '' && this.fault === null) this.#take(pair, known)
    }
  }

  has(name: string): boolean {
    return this.#values.has(name)
  }

  protected integerOf(name: string): number {
    const text = this.textOf(name)
    return INTEGER_EXP.test(text) ? Number(text) : Number.NaN
  }

  protected decimalOf(name: string): number {
    const text = this.textOf(name)
    return DECIMAL_EXP.test(text) ? Number(text) : Number.NaN
  }

  protected textOf(name: string): string {
    return this.#values.get(name) ?? ''
  }

  protected textsOf(name: string): readonly string[] {
    return this.textOf(name).split(',')
  }

  protected flagOf(name: string): boolean | null {
    const text = this.textOf(name)
    if (text === 'true') return true
    return text === 'false' ? false : null
  }

  #take(pair: string, known: readonly string[]): void {
    const equals = pair.indexOf('=')
    const name = decodeForm(equals < 0 ? pair : pair.slice(0, equals))
    const value = decodeForm(equals < 0 ? '' : pair.slice(equals + 1))
    if (name === null || value === null) return this.fail(`${quoted(pair)} is not percent-encoded UTF-8`)
    if (!known.includes(name)) return this.fail(`unknown ${this.named(name)}`)
    if (this.#values.has(name)) return this.fail(`${this.named(name)} stands twice`)
    this.#values.set(name, value)
  }
}

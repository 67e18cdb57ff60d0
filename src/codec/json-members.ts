/** The members of a JSON object of the control plane, each known by its name and there once. */

import { quoted } from './http-fields.ts'
import { compactJson, membersOf } from './json-source.ts'
import { type FaultPlace, Parameters } from './parameters.ts'

export class JsonMembers extends Parameters {
  /** By name: the text of the value. A map has no inherited names, whatever an object calls its members. */
  readonly #sources = new Map<string, string>()

  /** `object` is the text of a JSON object. A name that is unknown or repeated is a fault; the first one counts. */
  constructor(object: string, known: readonly string[], faultPlace: FaultPlace = { first: null }) {
    super('REQUEST_INVALID', '', faultPlace)
    for (const [name, source] of membersOf(object)) {
      if (!known.includes(name)) this.fail(`unknown key ${quoted(name)}`)
      else if (this.has(name)) this.fail(`key ${quoted(name)} stands twice`)
      else this.#sources.set(name, source)
    }
  }

  has(name: string): boolean {
    return this.#sources.has(name)
  }

  isNull(name: string): boolean {
    return this.#sources.get(name) === 'null'
  }

  /** The members of an object within this one, whose faults are this one's; none when it is absent or no object. */
  object(name: string, known: readonly string[]): JsonMembers {
    const source = this.#sources.get(name) ?? ''
    const isObject = source.startsWith('{')
    if (!isObject) this.fail(`${this.named(name)} must be an object`)
    return new JsonMembers(isObject ? source : '{}', known, this.faultPlace)
  }

  /** The JSON text of whatever it is, as its sender wrote it, without blanks between tokens; '' when it is absent. */
  json(name: string): string {
    return compactJson(this.#sources.get(name) ?? '')
  }

  protected integerOf(name: string): number {
    return this.decimalOf(name)
  }

  protected decimalOf(name: string): number {
    const value = this.#value(name)
    if (typeof value !== 'number') return Number.NaN
    // There is a -0 in JSON, and nothing that it could mean here.
    return value === 0 ? 0 : value
  }

  protected textOf(name: string): string | null {
    const value = this.#value(name)
    return typeof value === 'string' ? value : null
  }

  protected textsOf(name: string): readonly string[] | null {
    const value = this.#value(name)
    return Array.isArray(value) && value.every(each => typeof each === 'string') ? value : null
  }

  protected flagOf(name: string): boolean | null {
    const value = this.#value(name)
    return typeof value === 'boolean' ? value : null
  }

  #value(name: string): unknown {
    return JSON.parse(this.#sources.get(name)!)
  }
}

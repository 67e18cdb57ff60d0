/**
 * What somebody asks for by name, in the query of a request or in a JSON object. What a value may be is checked here
 * for both, so that a wish means the same wherever it stands; how it is spelled is told by whoever extends this.
 *
 * Invariants (test/rules.md, H and K):
 *  - The first fault is kept. What is absent or faulty reads as the default that is handed in, so whoever reads looks
 *    at `fault` behind the last read, and uses nothing of what was read when there is one.
 *  - A message names what it is about, and repeats a bounded part of it.
 */

import type { ClientErrorCode } from '#src/errors.ts'
import { quoted } from './http-fields.ts'

export interface Fault {
  readonly code: ClientErrorCode
  readonly message: string
}

/** Where the first fault is kept: one for an object and those within it. */
export interface FaultPlace {
  first: Fault | null
}

export abstract class Parameters {
  protected readonly faultPlace: FaultPlace
  readonly #code: ClientErrorCode
  readonly #noun: string

  /** `code` is that of faults without one of their own; `noun` stands before a name in messages. */
  constructor(code: ClientErrorCode, noun: string, faultPlace: FaultPlace) {
    this.faultPlace = faultPlace
    this.#code = code
    this.#noun = noun
  }

  get fault(): Fault | null {
    return this.faultPlace.first
  }

  abstract has(name: string): boolean
  /** The value of a name that is there; NaN when it is no integer. */
  protected abstract integerOf(name: string): number
  /** NaN when it is no number. */
  protected abstract decimalOf(name: string): number
  /** Null when it is no text. */
  protected abstract textOf(name: string): string | null
  /** Null when it is no list of texts. */
  protected abstract textsOf(name: string): readonly string[] | null
  /** Null when it is neither true nor false. */
  protected abstract flagOf(name: string): boolean | null

  fail(message: string, code: ClientErrorCode = this.#code): void {
    this.faultPlace.first ??= { code, message }
  }

  /** The name as a message shows it. */
  named(name: string): string {
    return `${this.#noun}${quoted(name)}`
  }

  require(name: string): void {
    if (!this.has(name)) this.fail(`${this.named(name)} is missing`)
  }

  integer(name: string, min: number, max: number, absent: number): number {
    if (!this.has(name)) return absent
    const value = this.integerOf(name)
    if (Number.isSafeInteger(value) && value >= min && value <= max) return value
    this.fail(`${this.named(name)} must be an integer from ${min} to ${max}`)
    return absent
  }

  decimal(name: string, min: number, max: number, absent: number): number {
    if (!this.has(name)) return absent
    const value = this.decimalOf(name)
    if (value >= min && value <= max) return value
    this.fail(`${this.named(name)} must be a number from ${min} to ${max}`)
    return absent
  }

  text(name: string, absent: string): string {
    if (!this.has(name)) return absent
    const value = this.textOf(name)
    if (value === null) this.fail(`${this.named(name)} must be a string`)
    return value ?? absent
  }

  /** Null when it is absent. */
  texts(name: string): readonly string[] | null {
    if (!this.has(name)) return null
    const value = this.textsOf(name)
    if (value === null) this.fail(`${this.named(name)} must be an array of strings`)
    return value
  }

  flag(name: string, absent: boolean): boolean {
    if (!this.has(name)) return absent
    const value = this.flagOf(name)
    if (value === null) this.fail(`${this.named(name)} must be true or false`)
    return value ?? absent
  }

  /** True, false, or a number from 1 to `max`; true when it is faulty. */
  count(name: string, max: number): boolean | number {
    const value = this.integerOf(name)
    if (value >= 1 && value <= max) return value
    const flag = this.flagOf(name)
    if (flag === null) this.fail(`${this.named(name)} must be true, false, or an integer from 1 to ${max}`)
    return flag ?? true
  }

  /** One of the choices; the first when it is absent. */
  choice<T extends string>(name: string, choices: readonly [T, ...T[]]): T {
    if (!this.has(name)) return choices[0]
    const text = this.textOf(name)
    const chosen = choices.find(choice => choice === text)
    if (chosen === undefined) this.fail(`${this.named(name)} must be ${choices.join(' or ')}`)
    return chosen ?? choices[0]
  }
}

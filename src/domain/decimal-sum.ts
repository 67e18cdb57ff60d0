/**
 * An exact running sum of decimals (decimal.ts). It is a whole number of units of the smallest place that was added: a double
 * while that holds them exactly, a BigInt from 2^53 on, so that small sums allocate nothing and large ones are as exact.
 *
 * Written out it has the scale of what was added with the most digits behind its point: 0.10 + 0.20 is 0.30. It has no
 * exponent and is never -0; the sum of nothing is 0.
 *
 * Bound: a decimal has at most 34 digits before its point and at most 34 behind; so has a sum, but for one digit before the
 * point for each ten times as many that were added. SUM_BYTES_MAX holds for 2^53 of them, more than can be counted.
 */

import { assert } from '#src/assert.ts'
import { DecimalReader, DIGITS_MAX } from './decimal.ts'

/** 2^53 has as many digits. */
export const COUNT_BYTES_MAX = 16
/** Sign and point, and the digits on both sides of it. */
export const SUM_BYTES_MAX = 2 + DIGITS_MAX + COUNT_BYTES_MAX + DIGITS_MAX

const MINUS = 0x2d
const DOT = 0x2e
const DIGIT_0 = 0x30
/** Those beyond 10^22 are rounded; whatever they are multiplied with is beyond 2^53 then, or 0. */
const POWERS_OF_TEN = Array.from({ length: DIGITS_MAX + 1 }, (_, power) => 10 ** power)

const reader = new DecimalReader()

export class DecimalSum {
  #scale = 0
  #units = 0
  /** In place of `#units` when these would be beyond 2^53; from then on until clear(). */
  #bigUnits: bigint | null = null

  clear(): void {
    this.#scale = 0
    this.#units = 0
    this.#bigUnits = null
  }

  /** The bytes must be a decimal. */
  add(bytes: Buffer, offset: number, length: number): void {
    assert(reader.read(bytes, offset, length), 'only decimals are added')
    const units = reader.isNegative ? -reader.units : reader.units
    if (this.#addUnits(units, reader.scale)) return
    this.#addBig(reader.units <= Number.MAX_SAFE_INTEGER ? BigInt(units) : bigUnitsOf(bytes), reader.scale)
  }

  addSum(sum: DecimalSum): void {
    if (sum.#bigUnits === null && this.#addUnits(sum.#units, sum.#scale)) return
    this.#addBig(sum.#bigUnits ?? BigInt(sum.#units), sum.#scale)
  }

  /** Writes the sum at `at`, SUM_BYTES_MAX bytes at most; returns the offset behind it. */
  write(out: Buffer, at: number): number {
    const big = this.#bigUnits
    if (big === null) return writeUnits(out, at, this.#units, this.#scale)
    const digits = String(big < 0n ? -big : big).padStart(this.#scale + 1, '0')
    const pointAt = digits.length - this.#scale
    const text = this.#scale === 0 ? digits : `${digits.slice(0, pointAt)}.${digits.slice(pointAt)}`
    return at + out.write(big < 0n ? `-${text}` : text, at, 'latin1')
  }

  /** False when doubles do not hold it exactly: nothing is added then. */
  #addUnits(units: number, scale: number): boolean {
    if (this.#bigUnits !== null) return false
    const shown = Math.max(scale, this.#scale)
    const before = this.#units * POWERS_OF_TEN[shown - this.#scale]!
    const added = units * POWERS_OF_TEN[shown - scale]!
    const sum = before + added
    if (!Number.isSafeInteger(before) || !Number.isSafeInteger(added) || !Number.isSafeInteger(sum)) return false
    this.#scale = shown
    this.#units = sum
    return true
  }

  #addBig(units: bigint, scale: number): void {
    const shown = Math.max(scale, this.#scale)
    const before = (this.#bigUnits ?? BigInt(this.#units)) * 10n ** BigInt(shown - this.#scale)
    this.#bigUnits = before + units * 10n ** BigInt(shown - scale)
    this.#scale = shown
  }
}

/** What `reader` has just read, times 10 ** its scale. */
function bigUnitsOf(bytes: Buffer): bigint {
  const digits = bytes.toString('latin1', reader.first, reader.end).replace('.', '')
  const units = BigInt(digits.padEnd(reader.magnitude + reader.scale, '0'))
  return reader.isNegative ? -units : units
}

/** Writes units / 10 ** scale, `units` up to 2^53 - 1 and never -0, and returns the offset behind it. Allocates nothing. */
export function writeUnits(out: Buffer, at: number, units: number, scale: number): number {
  let rest = Math.abs(units)
  let count = 1
  for (let power = 10; power <= rest; power *= 10) count++
  count = Math.max(count, scale + 1)
  const start = units < 0 ? at + 1 : at
  if (units < 0) out[at] = MINUS
  const end = start + count + (scale > 0 ? 1 : 0)
  let target = end
  for (let i = 0; i < count; i++) {
    if (i === scale && scale > 0) out[--target] = DOT
    // Below 2^53 a tenth is never rounded up to a whole number.
    const next = Math.floor(rest / 10)
    out[--target] = rest - next * 10 + DIGIT_0
    rest = next
  }
  return end
}

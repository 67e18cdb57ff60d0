/**
 * Decimals: values that are numbers, compared exactly and as they were printed, without a double in between.
 *
 * A decimal is an optional minus, digits with an optional point, and an optional exponent: what JSON has as a number, and
 * besides it leading zeros (`007`), `.5` and `5.`, which feeds print whose numbers have fixed widths or come from FIX. A plus
 * before the digits, blanks and separators of thousands are in no decimal, nor are NaN and Infinity.
 *
 * Bound: written out plainly, that is without exponent and without leading zeros, it has at most DIGITS_MAX digits before and
 * behind its point together, as many as IEEE 754's decimal128; its text has at most DECIMAL_BYTES_MAX bytes. What is beyond
 * either is no decimal.
 */

import { assert } from '#src/assert.ts'

export const DIGITS_MAX = 34
export const DECIMAL_BYTES_MAX = 64

const PLUS = 0x2b
const MINUS = 0x2d
const DOT = 0x2e
const DIGIT_0 = 0x30
const LETTER_E = 0x65
/** The bit that makes a capital letter of ASCII small. */
const SMALL_BIT = 0x20
const NO_EXPONENT = Number.NaN

/** Reads one decimal after another; what it found of the last one stands in its fields. */
export class DecimalReader {
  /** Never of a zero. */
  isNegative = false
  /** Where its digits begin, with the first that is not 0, and end; of a zero both are where its digits end. */
  first = 0
  end = 0
  /** How many digits stand before the point when it is written out plainly; below 0, how many zeros follow the point. */
  magnitude = 0
  /** How many digits stand behind the point when it is written out plainly: 2 for 0.10, 7 for 1e-7, 0 for 1E+3. */
  scale = 0
  /** Its size, times 10 ** scale; exact up to 2^53 - 1, and above that whenever the exact one is. */
  units = 0

  /** Whether the bytes are a decimal; false leaves the fields undefined. A `length` below 1 is none. */
  read(bytes: Buffer, offset: number, length: number): boolean {
    if (length < 1 || length > DECIMAL_BYTES_MAX) return false
    const end = offset + length
    const isNegative = bytes[offset] === MINUS
    let at = isNegative ? offset + 1 : offset
    const start = at
    let first = -1
    let pointAt = -1
    let units = 0
    for (; at < end; at++) {
      const digit = bytes[at]! - DIGIT_0
      if (digit >= 0 && digit <= 9) {
        units = units * 10 + digit
        if (first < 0 && digit !== 0) first = at
      } else if (digit === DOT - DIGIT_0 && pointAt < 0) {
        pointAt = at
      } else {
        break
      }
    }
    if (at - start === (pointAt < 0 ? 0 : 1)) return false
    const fractionCount = pointAt < 0 ? 0 : at - pointAt - 1
    const significantCount = first < 0 ? 0 : at - first - (pointAt > first ? 1 : 0)
    const exponent = at === end ? 0 : exponentOf(bytes, at, end)
    if (Number.isNaN(exponent)) return false
    const scale = fractionCount - exponent
    this.scale = Math.max(0, scale)
    this.magnitude = significantCount === 0 ? 0 : significantCount - scale
    if (Math.max(0, this.magnitude) + this.scale > DIGITS_MAX) return false
    this.isNegative = isNegative && significantCount > 0
    this.first = significantCount > 0 ? first : at
    this.end = at
    this.units = scale < 0 && significantCount > 0 ? units * 10 ** -scale : units
    return true
  }

  get sign(): number {
    return this.first === this.end ? 0 : this.isNegative ? -1 : 1
  }
}

/** From the letter up to `end`, NO_EXPONENT when it is none. One beyond 2^53 is rounded, and beyond all bounds anyway. */
function exponentOf(bytes: Buffer, start: number, end: number): number {
  if ((bytes[start]! | SMALL_BIT) !== LETTER_E) return NO_EXPONENT
  let at = start + 1
  const isNegative = at < end && bytes[at] === MINUS
  if (isNegative || (at < end && bytes[at] === PLUS)) at++
  if (at === end) return NO_EXPONENT
  let exponent = 0
  for (; at < end; at++) {
    const digit = bytes[at]! - DIGIT_0
    if (digit < 0 || digit > 9) return NO_EXPONENT
    exponent = exponent * 10 + digit
  }
  return isNegative ? -exponent : exponent
}

const readerA = new DecimalReader()
const readerB = new DecimalReader()

export function isDecimal(bytes: Buffer, offset: number, length: number): boolean {
  return readerA.read(bytes, offset, length)
}

/** Below 0, 0 or above 0, as a is below, equal to or above b by value: 1.10 equals 1.1, and -0 equals 0. Both must be decimals. */
export function compareDecimals(
  aBytes: Buffer,
  aOffset: number,
  aLength: number,
  bBytes: Buffer,
  bOffset: number,
  bLength: number,
): number {
  if (aLength === bLength && aLength > 0) {
    const order = orderOfAlike(aBytes, aOffset, bBytes, bOffset, aLength)
    if (!Number.isNaN(order)) return order
  }
  assert(readerA.read(aBytes, aOffset, aLength), 'only decimals are compared: the first one is none')
  assert(readerB.read(bBytes, bOffset, bLength), 'only decimals are compared: the second one is none')
  return compareRead(readerA, aBytes, readerB, bBytes)
}

/** The same of decimals that were read before; each reader with the bytes that it has read. */
export function compareRead(a: DecimalReader, aBytes: Buffer, b: DecimalReader, bBytes: Buffer): number {
  if (a.sign !== b.sign) return a.sign - b.sign
  const order =
    a.magnitude === b.magnitude
      ? compareDigits(aBytes, a.first, a.end, bBytes, b.first, b.end)
      : a.magnitude - b.magnitude
  return a.isNegative ? 0 - order : order
}

/**
 * Most values of a field are printed alike, with digits and point at the same places: these need not be understood to be
 * compared. NaN for those that are not.
 */
function orderOfAlike(aBytes: Buffer, aOffset: number, bBytes: Buffer, bOffset: number, length: number): number {
  const isNegative = aBytes[aOffset] === MINUS && bBytes[bOffset] === MINUS
  let order = 0
  for (let i = isNegative ? 1 : 0; i < length; i++) {
    const a = aBytes[aOffset + i]! - DIGIT_0
    const b = bBytes[bOffset + i]! - DIGIT_0
    if (a >= 0 && a <= 9 && b >= 0 && b <= 9) {
      if (order === 0) order = a - b
    } else if (a !== DOT - DIGIT_0 || b !== a) {
      return Number.NaN
    }
  }
  return isNegative ? 0 - order : order
}

/** Digits that begin at the same power of ten, with a point somewhere among them; what one has not is 0. */
function compareDigits(
  aBytes: Buffer,
  aStart: number,
  aEnd: number,
  bBytes: Buffer,
  bStart: number,
  bEnd: number,
): number {
  let a = aStart
  let b = bStart
  for (;;) {
    if (a < aEnd && aBytes[a] === DOT) a++
    if (b < bEnd && bBytes[b] === DOT) b++
    if (a >= aEnd && b >= bEnd) return 0
    const difference = (a < aEnd ? aBytes[a]! : DIGIT_0) - (b < bEnd ? bBytes[b]! : DIGIT_0)
    if (difference !== 0) return difference
    a++
    b++
  }
}

/**
 * Numbers in JSON text, in bytes: where one ends, and what it is worth. Pure functions; nothing is allocated for a number
 * of up to 15 digits without an exponent.
 */

const PLUS = 0x2b
const MINUS = 0x2d
const DOT = 0x2e
const DIGIT_0 = 0x30
const DIGIT_9 = 0x39
const LETTER_E = 0x65
/** The bit that makes a capital letter of ASCII small. */
const SMALL_BIT = 0x20
/** A double holds the powers of ten up to this one exactly. */
const EXACT_POWER_MAX = 22
const POWERS_OF_TEN = Array.from({ length: EXACT_POWER_MAX + 1 }, (_, power) => 10 ** power)

export function isDigit(byte: number): boolean {
  return byte >= DIGIT_0 && byte <= DIGIT_9
}

/** True for the bytes that a number of JSON can begin with. */
export function isNumberStart(byte: number): boolean {
  return byte === MINUS || isDigit(byte)
}

/**
 * The offset behind the number at `start`, strictly as JSON has it: no leading zero or plus, digits on both sides of the
 * point. When it is none, the offset where a digit is missing, as `-1 - offset`.
 */
export function numberEnd(bytes: Buffer, start: number, end: number): number {
  let at = start
  if (at < end && bytes[at] === MINUS) at++
  if (at < end && bytes[at] === DIGIT_0) at++
  else {
    const digitsStart = at
    while (at < end && isDigit(bytes[at]!)) at++
    if (at === digitsStart) return -1 - at
  }
  if (at < end && bytes[at] === DOT) {
    const digitsStart = ++at
    while (at < end && isDigit(bytes[at]!)) at++
    if (at === digitsStart) return -1 - at
  }
  return at < end && (bytes[at]! | SMALL_BIT) === LETTER_E ? exponentEnd(bytes, at + 1, end) : at
}

function exponentEnd(bytes: Buffer, start: number, end: number): number {
  let at = start
  if (at < end && (bytes[at] === PLUS || bytes[at] === MINUS)) at++
  const digitsStart = at
  while (at < end && isDigit(bytes[at]!)) at++
  return at === digitsStart ? -1 - at : at
}

/**
 * What the number from `start` up to `end` is worth. Up to 2^53 its digits are a whole number that a double holds, as it
 * does the power of ten that divides it: one division, rounded as it should be. The rest, and exponents, go the long way.
 */
export function numberOf(bytes: Buffer, start: number, end: number): number {
  let digits = 0
  let fractionCount = -1
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!
    if (isDigit(byte)) {
      digits = digits * 10 + byte - DIGIT_0
      if (fractionCount >= 0) fractionCount++
    } else if (byte === DOT) {
      fractionCount = 0
    } else {
      return Number(bytes.toString('latin1', start, end))
    }
  }
  if (digits > Number.MAX_SAFE_INTEGER || fractionCount > EXACT_POWER_MAX) {
    return Number(bytes.toString('latin1', start, end))
  }
  return fractionCount > 0 ? digits / POWERS_OF_TEN[fractionCount]! : digits
}

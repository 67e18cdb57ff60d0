/**
 * The order of a table's rows by the values of a field, as the server has it (docs/protocol.md, section 8): numbers by value,
 * then texts, then rows that have none. Equal ones by their keys.
 *
 * Values are texts, and doubles cannot tell all numbers apart that they print: so numbers are compared exactly, as whole numbers
 * of 10^-34. What is a number is what the server says: a decimal, which written out plainly has at most DIGITS_MAX digits.
 *
 * Downwards, numbers and texts are turned round each among themselves: texts stay behind numbers, rows without a value last,
 * and keys go upwards.
 */

/** What a value comes to in the order: 0 numbers, 1 texts, 2 none. */
export interface Place {
  readonly kind: 0 | 1 | 2
  /** Of a number: its value times 10^DIGITS_MAX. */
  readonly units: bigint
  readonly text: string
}

const DECIMAL_EXP = /^(-?)(?=\.?\d)(\d*)(?:\.(\d*))?(?:e([+-]?\d+))?$/i
const DECIMAL_LENGTH_MAX = 64
/** Before and behind the point together. */
const DIGITS_MAX = 34

/** Of a value; undefined and null are none. */
export function placeOf(value: string | null | undefined): Place {
  if (value === null || value === undefined) return { kind: 2, units: 0n, text: '' }
  const units = value.length > DECIMAL_LENGTH_MAX ? null : unitsOf(value)
  return units === null ? { kind: 1, units: 0n, text: value } : { kind: 0, units, text: '' }
}

/** Below 0, 0 or above 0. */
export function comparePlaces(a: Place, b: Place, isDown: boolean): number {
  if (a.kind !== b.kind) return a.kind - b.kind
  const order = a.units === b.units ? compareTexts(a.text, b.text) : a.units < b.units ? -1 : 1
  return isDown ? 0 - order : order
}

/** By code points, halves of surrogate pairs among them. JavaScript's own order is that of UTF-16: pairs before U+E000. */
export function compareTexts(a: string, b: string): number {
  if (a === b) return 0
  let at = 0
  while (at < a.length && a.charCodeAt(at) === b.charCodeAt(at)) at++
  // What stands before may be the first half of a pair in the one and alone in the other.
  return compareAt(a, b, at - 1) || compareAt(a, b, at)
}

/** The end stands before every character. */
function compareAt(a: string, b: string, at: number): number {
  return (a.codePointAt(at) ?? -1) - (b.codePointAt(at) ?? -1)
}

/** Times 10^DIGITS_MAX, exactly; null when the text is no decimal. */
function unitsOf(text: string): bigint | null {
  const parts = DECIMAL_EXP.exec(text)
  if (parts === null) return null
  const [, minus, whole, fraction = '', exponent = '0'] = parts
  const digits = `${whole}${fraction}`.replace(/^0+/, '')
  /** Digits behind the point; below 0, zeros before it that are not written. */
  const scale = fraction.length - Number(exponent)
  const plainDigits = Math.max(scale, 0) + (digits === '' ? 0 : Math.max(digits.length - scale, 0))
  if (plainDigits > DIGITS_MAX) return null
  if (digits === '') return 0n
  const units = BigInt(digits) * 10n ** BigInt(DIGITS_MAX - scale)
  return minus === '' ? units : -units
}

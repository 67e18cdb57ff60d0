/**
 * Decimals as text and BigInt, the slow and obvious way: what decimal.ts and decimal-sum.ts are held to. Texts are made
 * at random in all forms that a decimal may have.
 */

import type { Random } from './random.ts'

export interface ModelDecimal {
  /** Its value times 10 ** scale. */
  readonly units: bigint
  /** Digits behind the point when it is written out plainly. */
  readonly scale: number
}

const FORM = /^(-?)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/

/** Null when the text is no decimal. */
export function modelDecimal(text: string): ModelDecimal | null {
  const match = FORM.exec(text)
  if (match === null || Buffer.byteLength(text) > 64) return null
  const [, minus, whole, fraction, exponentText] = match
  const digits = `${whole}${fraction}`
  if (digits === '') return null
  const exponent = Number(exponentText ?? '0')
  const isZero = /^0+$/.test(digits)
  if (Math.abs(exponent) > 200 && (!isZero || exponent < 0)) return null
  const rawScale = fraction!.length - exponent
  const scale = Math.max(0, rawScale)
  const size = isZero ? 0n : BigInt(digits) * 10n ** BigInt(Math.max(0, -rawScale))
  const plain = plainText(size, scale)
  if (plain.replace(/^0/, '').replace('.', '').length > 34) return null
  return { units: minus === '-' ? -size : size, scale }
}

export function compareModels(a: ModelDecimal, b: ModelDecimal): number {
  const difference = a.units * 10n ** BigInt(b.scale) - b.units * 10n ** BigInt(a.scale)
  return difference < 0n ? -1 : difference > 0n ? 1 : 0
}

/** 0.30 for 30 units of scale 2. */
export function plainText(units: bigint, scale: number): string {
  const size = units < 0n ? -units : units
  const digits = String(size).padStart(scale + 1, '0')
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`
  return units < 0n ? `-${text}` : text
}

/** A decimal in any form, of up to `digitsMax` digits. */
export function randomDecimal(random: Random, digitsMax = 34): string {
  for (;;) {
    const text = randomNumberText(random, digitsMax)
    if (modelDecimal(text) !== null) return text
  }
}

/** Mostly decimals, and some that are beyond the bounds. */
export function randomNumberText(random: Random, digitsMax: number): string {
  const kindOfDigits = random.pick(['0123456789', '0123456789', '01', '09', '0'])
  const digits = Array.from({ length: 1 + random.int(digitsMax) }, () => random.pick([...kindOfDigits])).join('')
  const point = random.chance(0.6) ? random.int(digits.length + 1) : -1
  const mantissa = point < 0 ? digits : `${digits.slice(0, point)}.${digits.slice(point)}`
  const zeros = random.chance(0.1) ? '0'.repeat(1 + random.int(5)) : ''
  const exponent = random.chance(0.25)
    ? `${random.pick(['e', 'E'])}${random.pick(['', '+', '-'])}${random.pick(['', '0'])}${random.int(random.pick([4, 12, 40]))}`
    : ''
  return `${random.chance(0.4) ? '-' : ''}${zeros}${mantissa}${exponent}`
}

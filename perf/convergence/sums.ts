/** Sums of decimals that are exact: whole numbers of 10^-18. */

const PLACES = 18
const DECIMAL_EXP = /^(-?)(\d+)(?:\.(\d{1,18}))?$/

/** Throws where the text is no plain decimal of at most 18 digits behind the point: a sum without it would be wrong. */
export function unitsOf(text: string): bigint {
  const match = DECIMAL_EXP.exec(text)
  if (match === null) throw new Error(`no decimal that sums are made of: ${text}`)
  const [, minus, whole, fraction = ''] = match
  const units = BigInt(whole! + fraction.padEnd(PLACES, '0'))
  return minus === '-' ? -units : units
}

/** `1.5`: without zeros that say nothing. */
export function textOf(units: bigint): string {
  const digits = String(units < 0n ? -units : units).padStart(PLACES + 1, '0')
  const text = `${digits.slice(0, -PLACES)}.${digits.slice(-PLACES)}`.replace(/\.?0+$/, '')
  return units < 0n ? `-${text}` : text
}

/**
 * Numbers as people read them: three digits that tell something, the unit in the head of the column. What could not be
 * taken is a dash, never 0.
 */

export const NOTHING = '–'

const MIB = 2 ** 20
const SUFFIXES: readonly [from: number, suffix: string][] = [
  [1e9, 'G'],
  [1e6, 'M'],
  [1e4, 'k'],
]

/** Every digit: for what has to add up. */
export function whole(value: number | null): string {
  return isNumber(value) ? Math.round(value).toLocaleString('en-US') : NOTHING
}

/** Three digits in at most five characters: 0.02, 6.61, 66.1, 661, 6612, 12.3k, 1.02M. */
export function short(value: number | null): string {
  if (!isNumber(value)) return NOTHING
  // Rounded first: 9,999.9 is 10.0k.
  const size = Math.abs(Number(value.toPrecision(3)))
  if (size >= 1e12) return value.toExponential(0)
  for (const [from, suffix] of SUFFIXES) {
    if (size >= from) return `${threeDigits(value / (suffix === 'k' ? 1e3 : from))}${suffix}`
  }
  return threeDigits(value)
}

/** The round numbers of an axis, without digits that say nothing: 0.2, 5, 1.5M. */
export function round(value: number): string {
  return short(value)
    .replace(/(\.\d*?)0+(?=\D?$)/, '$1')
    .replace(/\.(?=\D?$)/, '')
}

/** Of a core, of what was due: <0.1%, 0.4%, 83%, 180%. */
export function percent(share: number | null): string {
  if (!isNumber(share)) return NOTHING
  const value = share * 100
  const size = Math.abs(value)
  if (size > 0 && size < 0.1) return '<0.1%'
  if (size < 9.95) return `${Number(value.toPrecision(2))}%`
  return `${size < 1_000 ? Math.round(value) : short(value)}%`
}

export function mebibytes(bytes: number | null): string {
  return isNumber(bytes) ? short(bytes / MIB) : NOTHING
}

/** As it is where it is whole, else in short: for figures whose kind is not known. */
export function plainNumber(value: number | null): string {
  return isNumber(value) && Number.isInteger(value) ? whole(value) : short(value)
}

export function isNumber(value: number | null | undefined): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

function threeDigits(value: number): string {
  const size = Math.abs(Number(value.toPrecision(3)))
  if (size === 0) return '0'
  if (size >= 100) return String(Math.round(value))
  if (size >= 10) return value.toFixed(1)
  // 0.004 is not nothing.
  return size < 0.01 ? String(Number(value.toPrecision(1))) : value.toFixed(2)
}

/** Numbers as a dealer reads them. Prices keep the text that the feed printed: nothing is rounded that was not. */

const NONE = '–'
/** As wide as a digit, and as a point. */
const DIGIT_BLANK = '\u2007'
const POINT_BLANK = '\u2008'
const NUMBER = /^-?\d+(\.\d+)?$/

/** NaN of what is no plain number. */
export function numberOf(text: string | null | undefined): number {
  return typeof text === 'string' && NUMBER.test(text) ? Number(text) : Number.NaN
}

export function textOf(text: string | null | undefined): string {
  return text ?? NONE
}

/** Digits behind the point. */
export function decimalsOf(text: string | null | undefined): number {
  const dot = text?.indexOf('.') ?? -1
  return dot < 0 ? 0 : text!.length - dot - 1
}

/** With blanks in place of the digits that it has not: prices of different precision stand with their points in one column. */
export function padded(price: string, decimals: number): string {
  const missing = decimals - decimalsOf(price)
  if (missing <= 0 || Number.isNaN(numberOf(price))) return price
  return price + (price.includes('.') ? '' : POINT_BLANK) + DIGIT_BLANK.repeat(missing)
}

/** A number with so many digits behind the point. */
export function fixed(value: number, decimals: number): string {
  return Number.isFinite(value) ? value.toFixed(decimals) : NONE
}

/** 1250000 as 1.25M, 900 as it is: four letters or so. */
export function sizeText(value: number): string {
  if (!Number.isFinite(value)) return NONE
  const size = Math.abs(value)
  if (size >= 999_500_000) return `${short(value / 1e9)}B`
  if (size >= 999_500) return `${short(value / 1e6)}M`
  if (size >= 10_000) return `${short(value / 1e3)}k`
  return String(Number(size >= 100 ? value.toFixed(1) : value.toPrecision(4)))
}

/** With a sign, as it stands beside a price: +0.23. */
export function changeText(percent: number): string {
  if (!Number.isFinite(percent)) return NONE
  const text = percent.toFixed(2)
  if (Number(text) === 0) return '0.00'
  return percent > 0 ? `+${text}` : text
}

/** Updates a second, counts. */
export function countText(count: number): string {
  if (count >= 10_000) return sizeText(count)
  return count > 0 && count < 10 && !Number.isInteger(count)
    ? count.toFixed(1)
    : Math.round(count).toLocaleString('en-US')
}

export function bytesText(bytes: number): string {
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(1)} MB`
  return bytes >= 1e3 ? `${(bytes / 1e3).toFixed(1)} kB` : `${Math.round(bytes)} B`
}

export function durationText(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`
  return ms < 3_600_000 ? `${Math.floor(ms / 60_000)} min` : `${Math.floor(ms / 3_600_000)} h`
}

/** The time of day, of this machine's time zone. */
export function timeText(ms: number): string {
  const time = new Date(ms)
  return [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':')
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)))
}

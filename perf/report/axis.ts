/**
 * The axis of a plot: where a value stands between its two ends, and at which values it has ticks. Every position is
 * within 0 and 1, whatever the value, so that a picture holds no number that a browser cannot draw.
 */

export interface Tick {
  readonly value: number
  readonly text: string
}

export interface Axis {
  /** With its unit. */
  readonly name: string
  readonly ticks: readonly Tick[]
  /** 0 at its start, 1 at its end. */
  readonly at: (value: number) => number
}

/** An axis of values that lie further apart than this is logarithmic, where it may be. */
const LOG_RATIO_MIN = 30
const TICKS_MAX = 6
const STEPS = [1, 2, 5, 10]

/** Linear from 0, or logarithmic when the values lie far apart. Values that are no numbers do not count. */
export function axisFor(name: string, values: readonly number[], format: (value: number) => string): Axis {
  const numbers = values.filter(value => Number.isFinite(value) && value >= 0)
  const max = Math.max(0, ...numbers)
  const min = Math.min(max, ...numbers)
  return min > 0 && max / min > LOG_RATIO_MIN ? logAxis(name, min, max, format) : linearAxis(name, max, format)
}

export function linearAxis(name: string, max: number, format: (value: number) => string): Axis {
  const top = max > 0 && Number.isFinite(max) ? max : 1
  const step = niceStep(top / (TICKS_MAX - 1))
  const count = Math.ceil(top / step - 1e-9)
  const end = count * step
  const ticks = Array.from({ length: count + 1 }, (_, index) => tickOf(index * step, format))
  return { name, ticks, at: value => within(value / end) }
}

/** From the decade, or the 2 or the 5 in it, below the least value to the one above the greatest. */
export function logAxis(name: string, min: number, max: number, format: (value: number) => string): Axis {
  const isLong = Math.log10(max / min) > 3
  const steps: number[] = []
  for (let power = Math.floor(Math.log10(min)); power <= Math.ceil(Math.log10(max)); power++) {
    for (const step of isLong ? [1] : [1, 2, 5]) steps.push(step * 10 ** power)
  }
  const from = steps.findLast(step => step <= min) ?? min
  const to = steps.find(step => step >= max) ?? max
  const length = Math.log(to / from)
  return {
    name: `${name}, logarithmic`,
    ticks: thinned(steps.filter(step => step >= from && step <= to)).map(step => tickOf(step, format)),
    at: value => within(value > 0 ? Math.log(value / from) / length : 0),
  }
}

/** Quantiles as far from the median as they are rare: 90, 99 and 99.9 % are one step each. */
export function quantileAxis(): Axis {
  const position = (quantile: number) => -Math.log10(1 - quantile)
  const first = position(0.5)
  const length = position(0.999) - first
  const ticks = [0.5, 0.9, 0.99, 0.999].map(value => ({ value, text: `p${Number((value * 100).toFixed(1))}` }))
  return { name: 'share of the updates', ticks, at: value => within((position(value) - first) / length) }
}

/** The least of 1, 2 or 5 times a power of ten that is not below. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least))
  return power * STEPS.find(step => step * power >= least * (1 - 1e-9))!
}

/** Few enough to be read; the first one stays. */
function thinned(steps: readonly number[]): number[] {
  const every = Math.ceil(steps.length / (TICKS_MAX + 2))
  return steps.filter((_, index) => index % every === 0)
}

/** Without the dust of binary fractions: 0.30000000000000004. */
function tickOf(value: number, format: (value: number) => string): Tick {
  const clean = Number(value.toPrecision(12))
  return { value: clean, text: format(clean) }
}

function within(position: number): number {
  return Number.isFinite(position) ? Math.min(1, Math.max(0, position)) : 0
}

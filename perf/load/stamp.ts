/**
 * When an update was due, as every process of a run on this machine reads the same clock: microseconds of the system's
 * monotonic clock, in a fixed number of digits. Whoever reads it behind its marker knows how late it is. That clock runs
 * from the machine's start: after 115 days it needs a digit more, so it is taken modulo what the digits can hold.
 */

export const MARKER = '"at":"'
export const STAMP_DIGITS = 13

const DIGIT_0 = 0x30
const US_PER_MS = 1_000

const START_LOOKS = 10
/** performance.now() starts at the process; this is where that was on the monotonic clock. */
const START_US = startUs()

/**
 * Between the two looks some time goes by (the first loads code, 1 ms), which makes the start too early: of some pairs the
 * latest is the nearest.
 */
function startUs(): number {
  const looks = Array.from({ length: START_LOOKS }, () => {
    return Number(process.hrtime.bigint()) / US_PER_MS - performance.now() * US_PER_MS
  })
  return Math.max(...looks)
}

/** Microseconds of the monotonic clock. */
export function nowUs(): number {
  return START_US + performance.now() * US_PER_MS
}

export function writeStamp(out: Buffer, at: number, us: number): void {
  let rest = Math.floor(us)
  for (let i = at + STAMP_DIGITS - 1; i >= at; i--) {
    const next = Math.floor(rest / 10)
    out[i] = DIGIT_0 + rest - next * 10
    rest = next
  }
}

export function readStamp(bytes: Buffer, at: number): number {
  let us = 0
  for (let i = at; i < at + STAMP_DIGITS; i++) us = us * 10 + bytes[i]! - DIGIT_0
  return us
}

/** The steps of the rate slider: updates a second of each item, the last one as they come. */

const STEPS: readonly (number | null)[] = [0.5, 1, 2, 5, 10, 20, 50, null]

export const RATE_STEP_MAX = STEPS.length - 1

export function rateOfStep(step: number): number | null {
  return STEPS[Math.min(Math.max(0, Math.round(step)), RATE_STEP_MAX)] ?? null
}

/** The step that comes closest from below. */
export function stepOfRate(rate: number | null): number {
  if (rate === null) return RATE_STEP_MAX
  const above = STEPS.findIndex(step => step === null || step > rate)
  return Math.max(0, above - 1)
}

export function rateText(rate: number | null): string {
  if (rate === null) return 'unlimited'
  return rate < 1 ? `1 in ${1 / rate} s` : `${rate}/s`
}

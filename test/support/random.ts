/**
 * Random numbers for property tests: the same seed gives the same run. `SEED=n` replays one; a failing test must print
 * the seed it ran with (put `random.seed` into the assertion's message).
 */

const RANGE = 0x1_0000_0000

/** Mulberry32: 32 bits of state, good enough to choose test cases. */
export class Random {
  readonly seed: number
  #state: number

  constructor(seed: number) {
    this.seed = seed >>> 0
    this.#state = this.seed
  }

  /** An integer from 0 to max - 1. */
  int(max: number): number {
    return Math.floor((this.#next() / RANGE) * max)
  }

  /** True with the probability `p`. */
  chance(p: number): boolean {
    return this.#next() / RANGE < p
  }

  pick<T>(array: readonly T[]): T {
    return array[this.int(array.length)]!
  }

  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
}

/** The seed of `SEED=n`, or the given one. */
export function seedOr(seed: number): number {
  const text = process.env.SEED
  return text === undefined ? seed : Number(text)
}

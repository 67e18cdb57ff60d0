/**
 * Randomness as it is handed to what needs it (law 7): a seed replays everything. Nothing calls Math.random.
 */

export interface RandomSource {
  /** A number from 0 up to, not including, 1. */
  next(): number
}

/** Mulberry32: 32 bits of state, equidistributed, fast; for walks and jitter, not for secrets. */
export class SeededRandom implements RandomSource {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

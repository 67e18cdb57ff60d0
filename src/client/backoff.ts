/**
 * How long to wait before the next try: drawn evenly from 0 to a bound that doubles with every try in vain (full jitter),
 * so that the clients of a server that went down do not all come back at once.
 */

export interface BackoffBounds {
  /** The bound of the first wait, in ms. */
  readonly minMs: number
  /** What the bound grows to, in ms. */
  readonly maxMs: number
}

/** Where doubling ends: far beyond any bound, short of Infinity. */
const DOUBLINGS_MAX = 30

export class Backoff {
  readonly #bounds: BackoffBounds
  readonly #random: () => number
  #tries = 0

  constructor(bounds: BackoffBounds, random: () => number) {
    this.#bounds = bounds
    this.#random = random
  }

  /** In ms. */
  next(): number {
    const boundMs = Math.min(this.#bounds.maxMs, this.#bounds.minMs * 2 ** this.#tries)
    this.#tries = Math.min(this.#tries + 1, DOUBLINGS_MAX)
    return this.#random() * boundMs
  }

  reset(): void {
    this.#tries = 0
  }
}

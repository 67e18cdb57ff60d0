/**
 * The prices of an instrument since the page was opened, one a second, the newest SECONDS_MAX: what a chart shows of an
 * instrument without trades. A second without a change has no point.
 */

export interface PricePoint {
  /** Seconds since 1970. */
  readonly time: number
  readonly price: number
}

const SECONDS_MAX = 600

export class PriceHistory {
  #times: number[] = []
  #prices: number[] = []

  take(wallMs: number, price: number): void {
    if (!Number.isFinite(price)) return
    const time = Math.floor(wallMs / 1_000)
    const last = this.#times.length - 1
    // A clock that was put back adds to the last second until it is past it again.
    if (last >= 0 && this.#times[last]! >= time) {
      this.#prices[last] = price
      return
    }
    this.#times.push(time)
    this.#prices.push(price)
    if (this.#times.length < 2 * SECONDS_MAX) return
    this.#times = this.#times.slice(-SECONDS_MAX)
    this.#prices = this.#prices.slice(-SECONDS_MAX)
  }

  points(): PricePoint[] {
    const from = Math.max(0, this.#times.length - SECONDS_MAX)
    return this.#times.slice(from).map((time, index) => ({ time, price: this.#prices[from + index]! }))
  }

  last(): PricePoint | null {
    const index = this.#times.length - 1
    return index < 0 ? null : { time: this.#times[index]!, price: this.#prices[index]! }
  }
}

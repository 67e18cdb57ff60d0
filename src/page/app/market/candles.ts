/**
 * Candles from trades: open, high, low, close and volume of each interval in which there was a trade.
 *
 * Invariants (test/rules.md, PG):
 *  - Times only grow: a trade that says an older time counts in the last candle, as charts cannot go back.
 *  - At most CANDLES_MAX are kept, the newest.
 */

export interface Candle {
  /** The beginning of the interval, in seconds since 1970. */
  readonly time: number
  readonly open: number
  high: number
  low: number
  close: number
  volume: number
}

const CANDLES_MAX = 500

export class Candles {
  readonly #seconds: number
  #candles: Candle[] = []

  constructor(seconds: number) {
    this.#seconds = seconds
  }

  get all(): readonly Candle[] {
    return this.#candles
  }

  get last(): Candle | null {
    return this.#candles.at(-1) ?? null
  }

  clear(): void {
    this.#candles = []
  }

  take(timeMs: number, price: number, size: number): void {
    if (!Number.isFinite(timeMs) || !Number.isFinite(price)) return
    const time = Math.floor(timeMs / 1_000 / this.#seconds) * this.#seconds
    const volume = Number.isFinite(size) ? size : 0
    const { last } = this
    if (last !== null && last.time >= time) {
      last.high = Math.max(last.high, price)
      last.low = Math.min(last.low, price)
      last.close = price
      last.volume += volume
      return
    }
    this.#candles.push({ time, open: price, high: price, low: price, close: price, volume })
    if (this.#candles.length > 2 * CANDLES_MAX) this.#candles = this.#candles.slice(-CANDLES_MAX)
  }
}

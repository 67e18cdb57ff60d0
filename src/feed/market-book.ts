/**
 * The order book of one instrument of the simulated market: some twenty prices a side, the best of which are those of the
 * quote. The quote leads: the book follows it with the rows that this adds, changes and removes.
 *
 * Invariants (test/rules.md, N):
 *  - Every bid is below every ask, after each row that is told, and each price stands once.
 *  - After follow() the best bid and ask have the quote's prices and sizes, and each side has LEVELS_MIN to LEVELS_MAX rows.
 *  - One call tells at most CHANGES_MAX rows; on average two or three, as prices lie about one step of the walk apart.
 *
 * Units: ticks and lots.
 */

import { assert } from '#src/assert.ts'
import type { RandomSource } from '#src/domain/random.ts'

export const LEVELS_MIN = 18
export const LEVELS_MAX = 24
/** All rows of both sides go, and new ones come. */
export const CHANGES_MAX = 4 * LEVELS_MAX
const LOTS_MAX = 120

export type BookSide = 'bid' | 'ask'
export type RowCommand = 'ADD' | 'UPDATE' | 'DELETE'

/** A row that changed; of DELETE the lots count nothing. */
export interface BookChange {
  readonly command: RowCommand
  readonly side: BookSide
  readonly price: number
  readonly lots: number
}

/** What a quote says of the book. */
export interface BestPrices {
  readonly bid: number
  readonly bidLots: number
  readonly ask: number
  readonly askLots: number
}

export class MarketBook {
  readonly #random: RandomSource
  readonly #bids: Side
  readonly #asks: Side

  /** `gap`: how far prices lie apart, in ticks, on average. */
  constructor(best: BestPrices, gap: number, random: RandomSource) {
    assert(gap >= 1, 'prices lie at least a tick apart')
    this.#random = random
    this.#bids = new Side('bid', gap, random)
    this.#asks = new Side('ask', gap, random)
    this.follow(best)
  }

  /** Makes the quote's prices the best ones. What is crossed goes first, so that no bid ever meets an ask. */
  follow({ bid, bidLots, ask, askLots }: BestPrices): BookChange[] {
    assert(bid < ask, 'a quote bids less than it asks')
    const changes: BookChange[] = []
    this.#bids.retreat(bid, changes)
    this.#asks.retreat(ask, changes)
    this.#bids.settle(bid, bidLots, changes)
    this.#asks.settle(ask, askLots, changes)
    assert(changes.length <= CHANGES_MAX, 'a quote moves a bounded number of rows')
    return changes
  }

  /** Somebody changes an order behind the best ones. */
  stir(): BookChange[] {
    const side = this.#random.next() < 0.5 ? this.#bids : this.#asks
    return side.stir()
  }

  /** All rows as they would be added to an empty book: bids, then asks, the best first. */
  rows(): BookChange[] {
    return [...this.#bids.rows(), ...this.#asks.rows()]
  }
}

interface Level {
  readonly price: number
  lots: number
}

/** One side, the best price first. */
class Side {
  readonly #side: BookSide
  readonly #gap: number
  readonly #random: RandomSource
  /** Away from the other side: -1 for bids, 1 for asks. */
  readonly #away: number
  readonly #levels: Level[] = []

  constructor(side: BookSide, gap: number, random: RandomSource) {
    this.#side = side
    this.#gap = gap
    this.#random = random
    this.#away = side === 'bid' ? -1 : 1
  }

  /** Takes away what is better than `price`. */
  retreat(price: number, changes: BookChange[]): void {
    while (this.#levels.length > 0 && (this.#levels[0]!.price - price) * this.#away < 0) {
      changes.push(this.#change('DELETE', this.#levels.shift()!))
    }
  }

  /** Makes `price` the best one, then cuts the far end or fills it up. */
  settle(price: number, lots: number, changes: BookChange[]): void {
    const levels = this.#levels
    const best = levels[0]
    if (best === undefined || best.price !== price) {
      levels.unshift({ price, lots })
      changes.push(this.#change('ADD', levels[0]!))
    } else if (best.lots !== lots) {
      best.lots = lots
      changes.push(this.#change('UPDATE', best))
    }
    while (levels.length > LEVELS_MAX) changes.push(this.#change('DELETE', levels.pop()!))
    while (levels.length < LEVELS_MIN && this.#deepen()) changes.push(this.#change('ADD', levels.at(-1)!))
  }

  stir(): BookChange[] {
    const index = 1 + this.#below(this.#levels.length - 1)
    const level = this.#levels[index]
    const lots = this.#lots()
    if (level === undefined || level.lots === lots) return []
    level.lots = lots
    return [this.#change('UPDATE', level)]
  }

  rows(): BookChange[] {
    return this.#levels.map(level => this.#change('ADD', level))
  }

  /** One more price at the far end; false where there is none above nothing. */
  #deepen(): boolean {
    const price = this.#levels.at(-1)!.price + this.#away * (1 + this.#below(2 * this.#gap - 1))
    if (price < 1) return false
    this.#levels.push({ price, lots: this.#lots() })
    return true
  }

  #lots(): number {
    return 1 + this.#below(LOTS_MAX)
  }

  #below(count: number): number {
    return Math.floor(this.#random.next() * count)
  }

  #change(command: RowCommand, { price, lots }: Level): BookChange {
    return { command, side: this.#side, price, lots }
  }
}

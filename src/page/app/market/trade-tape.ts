/**
 * The trades of an instrument, the newest first, and in their place how many were lost on the way.
 *
 * Invariants (test/rules.md, PG):
 *  - Each trade stands once, in the order in which it came; at most LENGTH_MAX are kept.
 */

import type { Change } from '#src/page/app/link/messages.ts'
import { decimalsOf, numberOf } from './numbers.ts'

export interface Trade {
  /** Counts on in the page: tells which are new. */
  readonly number: number
  readonly priceText: string
  readonly price: number
  readonly size: number
  /** Who came for it; '' where the feed does not say. */
  readonly side: 'buy' | 'sell' | ''
  /** Since 1970: as the feed said, or when it came; NaN of what was there before and says none. */
  readonly timeMs: number
  readonly isHistory: boolean
  /** It is no trade: so many were lost here. */
  readonly lost: number
}

export const LENGTH_MAX = 200

export class TradeTape {
  /** The oldest first. */
  #entries: Trade[] = []
  #count = 0
  lostTotal = 0
  /** The most that a price of the tape has had. */
  decimals = 0
  problem = ''
  isComplete = false
  isStale = false
  version = 0

  /** The entries behind number `after`, the oldest first. */
  since(after: number): readonly Trade[] {
    const first = this.#count - this.#entries.length
    return this.#entries.slice(Math.max(0, after - first))
  }

  /** How many entries there were. */
  get count(): number {
    return this.#count
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0
  }

  take(changes: readonly Change[], wallMs: number): void {
    this.version++
    for (const change of changes) this.#take(change, wallMs)
    if (this.#entries.length > LENGTH_MAX) this.#entries = this.#entries.slice(-LENGTH_MAX)
  }

  #take(change: Change, wallMs: number): void {
    switch (change.type) {
      case 'update': {
        const { fields, isHistory, timeMs } = change
        const price = numberOf(fields.price)
        if (Number.isNaN(price)) return
        this.decimals = Math.max(this.decimals, decimalsOf(fields.price))
        const side = fields.side === 'buy' || fields.side === 'sell' ? fields.side : ''
        this.#add({
          priceText: fields.price!,
          price,
          size: numberOf(fields.size),
          side,
          timeMs: timeMs ?? (isHistory ? Number.NaN : wallMs),
          isHistory,
          lost: 0,
        })
        return
      }
      case 'lost':
        this.lostTotal += change.count
        this.#add({
          priceText: '',
          price: Number.NaN,
          size: 0,
          side: '',
          timeMs: wallMs,
          isHistory: false,
          lost: change.count,
        })
        return
      case 'complete':
        this.isComplete = true
        return
      case 'stale':
        this.isStale = change.isStale
        return
      case 'reset':
      case 'deleted':
        this.#entries = []
        this.isComplete = false
        this.isStale = false
        return
      case 'subscribed':
        this.problem = ''
        return
      case 'ended':
        this.problem = change.code
        return
      default:
    }
  }

  #add(entry: Omit<Trade, 'number'>): void {
    this.#entries.push({ ...entry, number: this.#count++ })
  }
}

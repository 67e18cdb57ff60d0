/**
 * One side of an order book as a window of the best prices brings it: rows come and go, the best stand first.
 *
 * Invariants (test/rules.md, PG):
 *  - What is shown are the best `levels` rows, in order of price, with the sum of the sizes from the best one on.
 *  - Between two flushes a window may hold a row too many: only the best ones are shown.
 */

import type { FieldValues } from '#src/client/index.ts'
import type { Change } from '#src/page/app/link/messages.ts'
import { numberOf } from './numbers.ts'

export type BookSide = 'bid' | 'ask'
export type SideState = 'waiting' | 'there' | 'none'

export interface Level {
  readonly key: string
  /** As the feed printed it. */
  readonly priceText: string
  readonly price: number
  readonly size: number
  /** The size of this level and all better ones. */
  readonly total: number
}

export class LadderSide {
  readonly side: BookSide
  version = 0
  isStale = false
  /** Why there is nothing; '' where there is no reason. */
  problem = ''
  /** The snapshot is whole. */
  isComplete = false
  readonly #rows = new Map<string, Record<string, string | null>>()
  readonly #levelsMax: number

  constructor(side: BookSide, levelsMax: number) {
    this.side = side
    this.#levelsMax = levelsMax
  }

  get isEmpty(): boolean {
    return this.#rows.size === 0
  }

  take(changes: readonly Change[]): void {
    for (const change of changes) this.#take(change)
    this.version++
  }

  levels(): Level[] {
    const away = this.side === 'bid' ? -1 : 1
    const rows = [...this.#rows]
      .map(([key, fields]) => levelOf(key, fields))
      .filter(({ price }) => !Number.isNaN(price))
    rows.sort((a, b) => (a.price - b.price) * away)
    let total = 0
    return rows.slice(0, this.#levelsMax).map(row => {
      total += row.size
      return { ...row, total }
    })
  }

  #take(change: Change): void {
    switch (change.type) {
      case 'row':
        this.problem = ''
        return this.#row(change.key, change.command, change.fields)
      case 'cleared':
      case 'reset':
      case 'deleted':
        this.#rows.clear()
        this.isComplete = false
        this.isStale = false
        return
      case 'complete':
        this.isComplete = true
        return
      case 'stale':
        this.isStale = change.isStale
        return
      case 'subscribed':
        this.problem = ''
        return
      case 'ended':
        this.#rows.clear()
        this.problem = change.code
        return
      default:
    }
  }

  #row(key: string, command: 'ADD' | 'UPDATE' | 'DELETE', fields: FieldValues): void {
    if (command === 'DELETE') this.#rows.delete(key)
    else if (command === 'ADD') this.#rows.set(key, { ...fields })
    else Object.assign(this.#rows.get(key) ?? {}, fields)
  }
}

function levelOf(key: string, { price = null, size = null }: Record<string, string | null>): Level {
  const lots = numberOf(size)
  return { key, priceText: price ?? '', price: numberOf(price), size: Number.isNaN(lots) ? 0 : lots, total: 0 }
}

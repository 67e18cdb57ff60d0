/**
 * A simulated market: random walks of quotes, trades and order books for demonstration, tests and load. Pure: randomness
 * and clock are handed in, and the same seed walks the same way.
 *
 *   sim.quote.SYMBOL   the quote, of mode merge
 *   sim.trades.SYMBOL  each trade: id, price, size, side of who took it; of mode distinct
 *   sim.book.SYMBOL    the order book, a table of mode command, of the first BOOKS_MAX instruments
 *
 * Invariants (test/rules.md, N):
 *  - bid < ask, low <= last <= high, every price is positive and a whole number of the instrument's ticks; volume grows.
 *  - A step changes one instrument. Of its quote it yields exactly the fields whose texts changed, at least one: the updates
 *    applied to a snapshot give the next snapshot.
 *  - A trade is told behind its quote, which has its price as the last one and its size in the volume.
 *  - The rows of a book that a step yields make its best prices those of the quote (market-book.ts).
 *
 * Units: prices in ticks of the instrument (10^-decimals), sizes in lots, change in per cent of the open. Prices stay near
 * the open, however long the market runs: the walk is drawn back to it.
 */

import { assert } from '#src/assert.ts'
import type { RandomSource } from '#src/domain/random.ts'
import type { Clock } from '#src/time/clock.ts'
import { type AssetClass, listing } from './listings.ts'
import { type BookChange, CHANGES_MAX, MarketBook } from './market-book.ts'

export type MarketFields = Record<string, string>

/** What a feed publishes: all fields of a snapshot, those that changed, a trade, or a row of a book. */
export interface MarketUpdate {
  readonly item: string
  readonly mode: 'merge' | 'distinct' | 'command'
  /** The fields are all of the item; of a book: the table begins with this row. */
  readonly isSnapshot: boolean
  readonly fields: MarketFields
  readonly timeMs: number
}

/** How strongly a price is drawn back to its open at each step. */
const REVERSION_PART = 0.0005
/** Prices stay within these parts of their open, whatever the walk does. */
const PRICE_PART_MIN = 0.5
const PRICE_PART_MAX = 2
/** One step in so many is a trade, one a change of size only, the rest are quotes. */
const TRADE_PART = 0.25
const SIZE_PART = 0.15
const LOTS_MAX = 50
/** One quote in so many also changes an order deeper in the book. */
const STIR_PART = 0.5
/** Prices of a book lie about so many of the walk's steps apart: the walk crosses one or two of them at a time. */
const GAP_STEPS = 0.7
/**
 * So many instruments have a book. A book takes some 40 lines to begin with and two or three a step: with one for each of
 * ten thousand instruments a feed that reconnects would say half a million lines before the first change.
 */
export const BOOKS_MAX = 64
/** A quote, a trade, and what a book may change. */
export const STEP_UPDATES_MAX = 2 + CHANGES_MAX + 1

interface Instrument {
  readonly item: string
  readonly tradesItem: string
  readonly bookItem: string
  readonly asset: AssetClass
  readonly decimals: number
  readonly open: number
  /** The fair price, in ticks with fractions: the walk itself. */
  fair: number
  bid: number
  ask: number
  bidLots: number
  askLots: number
  last: number
  high: number
  low: number
  volumeLots: number
  venue: string
  tradeCount: number
  /** Who came for the last trade took the ask. */
  isLastBuy: boolean
  book: MarketBook | null
  /** The texts of the last snapshot or update, to tell what changed. */
  texts: MarketFields
}

export class Market {
  /** The names of the instruments, by index. */
  readonly items: readonly string[]
  readonly #random: RandomSource
  readonly #clock: Clock
  readonly #instruments: Instrument[] = []
  /** For each instrument the sum of the weights up to and with it: a binary search picks by weight. */
  readonly #weightSums: number[] = []

  constructor(itemsCount: number, random: RandomSource, clock: Clock) {
    assert(Number.isInteger(itemsCount) && itemsCount > 0, 'a market has at least one item')
    this.#random = random
    this.#clock = clock
    let weightSum = 0
    for (let index = 0; index < itemsCount; index++) {
      const { asset, symbol, open, weight, round } = listing(index)
      const instrument = this.#list(asset, round === 0 ? symbol : `${symbol}.${round + 1}`, open)
      if (index < BOOKS_MAX) {
        const gap = Math.max(1, Math.round(instrument.open * asset.stepPart * GAP_STEPS))
        instrument.book = new MarketBook(instrument, gap, random)
      }
      this.#instruments.push(instrument)
      weightSum += weight
      this.#weightSums.push(weightSum)
    }
    this.items = this.#instruments.map(instrument => instrument.item)
  }

  /** All fields of the instrument at `index` of items, and all rows of its book. */
  snapshot(index: number): MarketUpdate[] {
    const instrument = this.#instruments[index]
    assert(instrument !== undefined, 'a snapshot is of a listed instrument')
    const timeMs = this.#timeMs()
    const quote = quoteUpdate(instrument, { ...instrument.texts }, true, timeMs)
    const rows = instrument.book?.rows() ?? []
    return [quote, ...rows.map((row, place) => rowUpdate(instrument, row, place === 0, timeMs))]
  }

  /** Moves one instrument, the busy ones more often, and tells what changed: its quote first. */
  step(): MarketUpdate[] {
    const instrument = this.#pick()
    const kind = this.#random.next()
    const isTrade = kind < TRADE_PART
    const volumeBefore = instrument.volumeLots
    if (isTrade) this.#trade(instrument)
    else if (kind < TRADE_PART + SIZE_PART) this.#resize(instrument)
    else this.#quote(instrument)
    let fields = changesOf(instrument)
    // A quote that fell on the same ticks changes nothing: a size then does.
    while (fields === null) {
      this.#resize(instrument)
      fields = changesOf(instrument)
    }
    const timeMs = this.#timeMs()
    const updates = [quoteUpdate(instrument, fields, false, timeMs)]
    if (isTrade) updates.push(tradeUpdate(instrument, instrument.volumeLots - volumeBefore, timeMs))
    for (const row of this.#bookChanges(instrument)) updates.push(rowUpdate(instrument, row, false, timeMs))
    assert(updates.length <= STEP_UPDATES_MAX, 'a step tells a bounded number of updates')
    return updates
  }

  #bookChanges(instrument: Instrument): BookChange[] {
    const { book } = instrument
    if (book === null) return []
    const changes = book.follow(instrument)
    return this.#random.next() < STIR_PART ? [...changes, ...book.stir()] : changes
  }

  #list(asset: AssetClass, symbol: string, openText: string): Instrument {
    const decimals = openText.length - 1 - openText.indexOf('.')
    // An opening price is 1 % around the printed one, so that two seeds differ from the start.
    const open = Math.round(Number(openText) * 10 ** decimals * (0.99 + 0.02 * this.#random.next()))
    const instrument: Instrument = {
      item: `sim.quote.${symbol}`,
      tradesItem: `sim.trades.${symbol}`,
      bookItem: `sim.book.${symbol}`,
      asset,
      decimals,
      open,
      fair: open,
      bid: open - 1,
      ask: open + 1,
      bidLots: this.#lots(),
      askLots: this.#lots(),
      last: open,
      high: open,
      low: open,
      volumeLots: 0,
      venue: asset.venues[0]!,
      tradeCount: 0,
      isLastBuy: false,
      book: null,
      texts: {},
    }
    instrument.texts = textsOf(instrument)
    return instrument
  }

  #pick(): Instrument {
    const sums = this.#weightSums
    const wanted = this.#random.next() * sums[sums.length - 1]!
    let low = 0
    let high = sums.length - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if (sums[middle]! > wanted) high = middle
      else low = middle + 1
    }
    return this.#instruments[low]!
  }

  /** The fair price walks a step; bid and ask are set around it. */
  #quote(instrument: Instrument): void {
    const { asset, open } = instrument
    // The sum of three even numbers is near enough to a bell.
    const bell = this.#random.next() + this.#random.next() + this.#random.next() - 1.5
    const pull = (open - instrument.fair) * REVERSION_PART
    const walked = instrument.fair + bell * 2 * open * asset.stepPart + pull
    instrument.fair = Math.min(Math.max(walked, open * PRICE_PART_MIN), open * PRICE_PART_MAX)
    const spread = 1 + this.#below(asset.spreadTicksMax)
    instrument.bid = Math.max(1, Math.round(instrument.fair - spread / 2))
    instrument.ask = instrument.bid + spread
    if (this.#random.next() < 0.5) instrument.bidLots = this.#lots()
    else instrument.askLots = this.#lots()
  }

  /** Somebody takes the bid or the ask. */
  #trade(instrument: Instrument): void {
    const isBuy = this.#random.next() < 0.5
    const lots = 1 + this.#below(isBuy ? instrument.askLots : instrument.bidLots)
    instrument.last = isBuy ? instrument.ask : instrument.bid
    instrument.high = Math.max(instrument.high, instrument.last)
    instrument.low = Math.min(instrument.low, instrument.last)
    instrument.volumeLots += lots
    instrument.tradeCount++
    instrument.venue = instrument.asset.venues[this.#below(instrument.asset.venues.length)]!
    instrument.isLastBuy = isBuy
    if (isBuy) instrument.askLots = Math.max(1, instrument.askLots - lots)
    else instrument.bidLots = Math.max(1, instrument.bidLots - lots)
  }

  #resize(instrument: Instrument): void {
    if (this.#random.next() < 0.5) instrument.bidLots = this.#lots()
    else instrument.askLots = this.#lots()
  }

  #lots(): number {
    return 1 + this.#below(LOTS_MAX)
  }

  #below(count: number): number {
    return Math.floor(this.#random.next() * count)
  }

  #timeMs(): number {
    return Math.round(this.#clock.nowMs())
  }
}

function quoteUpdate({ item }: Instrument, fields: MarketFields, isSnapshot: boolean, timeMs: number): MarketUpdate {
  return { item, mode: 'merge', isSnapshot, fields, timeMs }
}

function tradeUpdate(instrument: Instrument, lots: number, timeMs: number): MarketUpdate {
  const { tradesItem, asset, last, tradeCount, isLastBuy } = instrument
  const fields = {
    id: String(tradeCount),
    price: priceText(instrument, last),
    size: String(lots * asset.lot),
    side: isLastBuy ? 'buy' : 'sell',
  }
  return { item: tradesItem, mode: 'distinct', isSnapshot: false, fields, timeMs }
}

function rowUpdate(instrument: Instrument, change: BookChange, isSnapshot: boolean, timeMs: number): MarketUpdate {
  const { command, side, lots } = change
  const price = priceText(instrument, change.price)
  const key = `${side}:${price}`
  const size = String(lots * instrument.asset.lot)
  const fields = command === 'DELETE' ? { key, command } : { key, command, side, price, size }
  return { item: instrument.bookItem, mode: 'command', isSnapshot, fields, timeMs }
}

function priceText({ decimals }: Instrument, ticks: number): string {
  return (ticks / 10 ** decimals).toFixed(decimals)
}

function textsOf(instrument: Instrument): MarketFields {
  const { asset, open } = instrument
  const price = (ticks: number): string => priceText(instrument, ticks)
  const change = ((instrument.last - open) / open) * 100
  return {
    bid: price(instrument.bid),
    ask: price(instrument.ask),
    bid_size: String(instrument.bidLots * asset.lot),
    ask_size: String(instrument.askLots * asset.lot),
    last: price(instrument.last),
    volume: String(instrument.volumeLots * asset.lot),
    high: price(instrument.high),
    low: price(instrument.low),
    open: price(open),
    // Plus zero, as -0.00 is no change.
    change: (Math.round(change * 100) / 100 + 0).toFixed(2),
    venue: instrument.venue,
  }
}

/** The fields whose texts changed since the last call, or null when none did. */
function changesOf(instrument: Instrument): MarketFields | null {
  const texts = textsOf(instrument)
  const changed = Object.entries(texts).filter(([name, text]) => instrument.texts[name] !== text)
  if (changed.length === 0) return null
  instrument.texts = texts
  return Object.fromEntries(changed)
}

/**
 * A simulated market: random walks of quotes and trades for demonstration, tests and load. Pure: randomness and clock are
 * handed in, and the same seed walks the same way.
 *
 * Invariants (test/rules.md, N):
 *  - bid < ask, low <= last <= high, every price is positive and a whole number of the instrument's ticks; volume grows.
 *  - A step changes one instrument and yields exactly the fields whose texts changed, at least one: the updates applied to
 *    a snapshot give the next snapshot.
 *
 * Units: prices in ticks of the instrument (10^-decimals), sizes in lots, change in per cent of the open. Prices stay near
 * the open, however long the market runs: the walk is drawn back to it.
 */

import { assert } from '#src/assert.ts'
import type { RandomSource } from '#src/domain/random.ts'
import type { Clock } from '#src/time/clock.ts'

export type MarketFields = Record<string, string>

/** What a feed publishes: all fields of a snapshot, or those that changed. */
export interface MarketUpdate {
  readonly item: string
  readonly fields: MarketFields
  readonly timeMs: number
}

interface AssetClass {
  /** How far one step goes, as a part of the price. */
  readonly stepPart: number
  readonly spreadTicksMax: number
  readonly lot: number
  readonly venues: readonly string[]
  /** Symbol, opening price as printed (its decimals are the tick), how often it moves beside the others. */
  readonly symbols: readonly (readonly [symbol: string, open: string, weight: number])[]
}

const FX: AssetClass = {
  stepPart: 0.00003,
  spreadTicksMax: 3,
  lot: 100_000,
  venues: ['EBS', 'LMAX', 'CBOEFX', 'FXALL'],
  symbols: [
    ['EURUSD', '1.08742', 10],
    ['USDJPY', '154.318', 8],
    ['GBPUSD', '1.26915', 7],
    ['USDCHF', '0.90127', 4],
    ['AUDUSD', '0.65583', 4],
    ['USDCAD', '1.36904', 4],
    ['NZDUSD', '0.60211', 2],
    ['EURGBP', '0.85681', 4],
    ['EURJPY', '167.812', 4],
    ['GBPJPY', '195.853', 3],
    ['EURCHF', '0.98007', 2],
    ['AUDJPY', '101.205', 2],
    ['USDSEK', '10.7214', 1],
    ['USDNOK', '10.8866', 1],
    ['USDSGD', '1.35127', 1],
    ['USDMXN', '17.0438', 2],
    ['USDZAR', '18.6120', 1],
    ['USDPLN', '3.98120', 1],
  ],
}

const CRYPTO: AssetClass = {
  stepPart: 0.0002,
  spreadTicksMax: 12,
  lot: 1,
  venues: ['COINBASE', 'KRAKEN', 'BITSTAMP', 'GEMINI'],
  symbols: [
    ['BTCUSD', '64218.50', 12],
    ['ETHUSD', '3124.85', 10],
    ['SOLUSD', '146.372', 7],
    ['XRPUSD', '0.52184', 5],
    ['ADAUSD', '0.44870', 3],
    ['DOGEUSD', '0.15231', 5],
    ['AVAXUSD', '34.1250', 3],
    ['LINKUSD', '14.3862', 3],
    ['DOTUSD', '6.8921', 2],
    ['LTCUSD', '81.640', 3],
    ['BCHUSD', '446.35', 2],
    ['UNIUSD', '7.3915', 2],
    ['ATOMUSD', '8.6054', 1],
    ['ETCUSD', '26.7180', 1],
    ['XLMUSD', '0.10772', 1],
    ['AAVEUSD', '86.915', 1],
  ],
}

const EQUITY: AssetClass = {
  stepPart: 0.0001,
  spreadTicksMax: 4,
  lot: 100,
  venues: ['XNAS', 'XNYS', 'ARCX', 'BATS', 'IEXG'],
  symbols: [
    ['AAPL', '189.84', 8],
    ['MSFT', '420.55', 7],
    ['NVDA', '903.72', 10],
    ['AMZN', '183.32', 6],
    ['GOOGL', '171.95', 5],
    ['META', '475.20', 5],
    ['TSLA', '174.48', 9],
    ['JPM', '198.77', 3],
    ['V', '275.90', 2],
    ['XOM', '116.44', 3],
    ['UNH', '514.38', 1],
    ['JNJ', '151.20', 2],
    ['WMT', '64.65', 2],
    ['PG', '166.61', 1],
    ['MA', '459.83', 1],
    ['HD', '340.25', 1],
    ['KO', '62.78', 2],
    ['PEP', '180.04', 1],
    ['BAC', '38.66', 3],
    ['ORCL', '122.18', 2],
    ['NFLX', '616.74', 3],
    ['AMD', '162.37', 7],
    ['INTC', '31.83', 4],
    ['CSCO', '48.10', 2],
    ['DIS', '103.52', 2],
    ['BA', '182.96', 2],
    ['GS', '457.71', 1],
    ['NKE', '92.15', 1],
    ['IBM', '168.26', 1],
    ['T', '17.32', 2],
  ],
}

const CLASSES = [FX, CRYPTO, EQUITY] as const

/** How strongly a price is drawn back to its open at each step. */
const REVERSION_PART = 0.0005
/** Prices stay within these parts of their open, whatever the walk does. */
const PRICE_PART_MIN = 0.5
const PRICE_PART_MAX = 2
/** One step in so many is a trade, one a change of size only, the rest are quotes. */
const TRADE_PART = 0.25
const SIZE_PART = 0.15
const LOTS_MAX = 50

interface Instrument {
  readonly item: string
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
      this.#instruments.push(this.#list(asset, round === 0 ? symbol : `${symbol}.${round + 1}`, open))
      weightSum += weight
      this.#weightSums.push(weightSum)
    }
    this.items = this.#instruments.map(instrument => instrument.item)
  }

  /** All fields of the instrument at `index` of items. */
  snapshot(index: number): MarketUpdate {
    const instrument = this.#instruments[index]
    assert(instrument !== undefined, 'a snapshot is of a listed instrument')
    return { item: instrument.item, fields: { ...instrument.texts }, timeMs: this.#timeMs() }
  }

  /** Moves one instrument, the busy ones more often, and tells the fields that changed. */
  step(): MarketUpdate {
    const instrument = this.#pick()
    const kind = this.#random.next()
    if (kind < TRADE_PART) this.#trade(instrument)
    else if (kind < TRADE_PART + SIZE_PART) this.#resize(instrument)
    else this.#quote(instrument)
    let fields = changesOf(instrument)
    // A quote that fell on the same ticks changes nothing: a size then does.
    while (fields === null) {
      this.#resize(instrument)
      fields = changesOf(instrument)
    }
    return { item: instrument.item, fields, timeMs: this.#timeMs() }
  }

  #list(asset: AssetClass, symbol: string, openText: string): Instrument {
    const decimals = openText.length - 1 - openText.indexOf('.')
    // An opening price is 1 % around the printed one, so that two seeds differ from the start.
    const open = Math.round(Number(openText) * 10 ** decimals * (0.99 + 0.02 * this.#random.next()))
    const instrument: Instrument = {
      item: `sim.quote.${symbol}`,
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
    instrument.venue = instrument.asset.venues[this.#below(instrument.asset.venues.length)]!
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

/** The instrument at an index: the classes take turns, and begin again, with a number, when their symbols are used up. */
function listing(index: number): { asset: AssetClass; symbol: string; open: string; weight: number; round: number } {
  const asset = CLASSES[index % CLASSES.length]!
  const place = Math.floor(index / CLASSES.length)
  const [symbol, open, weight] = asset.symbols[place % asset.symbols.length]!
  return { asset, symbol, open, weight, round: Math.floor(place / asset.symbols.length) }
}

function textsOf(instrument: Instrument): MarketFields {
  const { asset, decimals, open } = instrument
  const price = (ticks: number): string => (ticks / 10 ** decimals).toFixed(decimals)
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

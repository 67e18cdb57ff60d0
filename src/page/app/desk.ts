/**
 * The opened instrument: its quote, book, trades and chart. Opening another one drops what was wanted of the last one; the
 * watch list's subscription is enough for the quote.
 */

import type { Link } from './link/link.ts'
import { LadderSide } from './market/book-ladder.ts'
import { Candles } from './market/candles.ts'
import type { Instrument } from './market/instruments.ts'
import { decimalsOf } from './market/numbers.ts'
import type { QuoteRow } from './market/quote-board.ts'
import { TradeTape } from './market/trade-tape.ts'
import type { Platform } from './platform.ts'
import type { Chart } from './view/chart.ts'
import { element, setText } from './view/dom.ts'
import type { Frames } from './view/frames.ts'
import { InstrumentPanel } from './view/instrument-panel.ts'
import { Ladder, LEVELS } from './view/ladder.ts'
import { Tape } from './view/tape.ts'

/** Trades from before it was opened. */
const HISTORY = 200
const NOTHING_OPEN = 'No instrument is open.'
const SIDES = [
  { side: 'bid', sort: '-price' },
  { side: 'ask', sort: 'price' },
] as const

export class Desk {
  readonly #link: Link
  readonly #frames: Frames
  readonly #platform: Platform
  readonly #chart: Chart
  readonly #panel = new InstrumentPanel()
  readonly #ladder: Ladder
  readonly #tapeView: Tape
  #row: QuoteRow | null = null
  /** As it was opened: it may have got a book or trades since. */
  #instrument: Instrument | null = null
  #stops: (() => void)[] = []
  #tape = new TradeTape()
  #candles = new Candles(5)
  #seconds = 5
  #version = -1
  /** The chart shows candles up to this time; -1: it is to be drawn anew. */
  #drawn = -1
  #isLine = false
  /** A chart is drawn as a whole at each change: only where there is one. */
  #isChartDue = false
  #decimals = -1
  readonly #paint = (): void => this.#paintNow()

  constructor(link: Link, frames: Frames, platform: Platform, chart: Chart) {
    this.#link = link
    this.#frames = frames
    this.#platform = platform
    this.#chart = chart
    this.#ladder = new Ladder(frames)
    this.#tapeView = new Tape(frames)
    this.#ladder.show(new LadderSide('bid', LEVELS), new LadderSide('ask', LEVELS), NOTHING_OPEN)
    this.#tapeView.show(this.#tape, NOTHING_OPEN)
  }

  get opened(): string | null {
    return this.#instrument?.name ?? null
  }

  open(row: QuoteRow): void {
    for (const stop of this.#stops) stop()
    this.#row = row
    this.#instrument = row.instrument
    this.#version = -1
    this.#decimals = -1
    this.#stops = [...this.#openBook(row.instrument), ...this.#openTrades(row.instrument)]
    this.changed()
  }

  /** Quotes have changed, maybe this one; or the instrument has got items that it had not. */
  changed(): void {
    const row = this.#row
    if (row === null) return
    const { book, trades } = row.instrument.items
    const had = this.#instrument!.items
    if (book !== had.book || trades !== had.trades) return this.open(row)
    this.#frames.request(this.#paint)
  }

  /** Time has passed: ages have grown. */
  tick(): void {
    this.#version = -1
    this.changed()
  }

  /** How long a candle is. */
  interval(seconds: number): void {
    this.#seconds = seconds
    this.#candles = new Candles(seconds)
    for (const { timeMs, price, size } of this.#tape.since(0)) this.#candles.take(timeMs, price, size)
    this.redraw()
  }

  /** The chart is drawn anew, as its colours have changed. */
  redraw(): void {
    this.#drawn = -1
    this.#isChartDue = true
    this.#frames.request(this.#paint)
  }

  #openBook({ items }: Instrument): (() => void)[] {
    const { book } = items
    const [bids, asks] = [new LadderSide('bid', LEVELS), new LadderSide('ask', LEVELS)]
    this.#ladder.show(bids, asks, book === undefined ? 'This instrument has no order book.' : '')
    if (book === undefined) return []
    return SIDES.map(({ side, sort }) => {
      const target = side === 'bid' ? bids : asks
      const wish = { items: [book], mode: 'command' as const, filter: `side = "${side}"`, sort, count: LEVELS }
      return this.#link.want(wish, changes => {
        target.take(changes)
        this.#ladder.changed()
      })
    })
  }

  #openTrades({ items }: Instrument): (() => void)[] {
    const { trades } = items
    const tape = new TradeTape()
    this.#tape = tape
    this.#candles = new Candles(this.#seconds)
    this.#drawn = -1
    this.#isChartDue = true
    this.#tapeView.show(tape, trades === undefined ? 'This instrument has no trades.' : '')
    if (trades === undefined) return []
    const stop = this.#link.want({ items: [trades], mode: 'distinct', snapshot: HISTORY }, changes => {
      const before = tape.count
      const isReset = changes.some(({ type }) => type === 'reset' || type === 'deleted')
      tape.take(changes, this.#platform.wallMs())
      if (isReset) {
        this.#candles.clear()
        this.#drawn = -1
        this.#tapeView.restart()
      }
      for (const { timeMs, price, size } of tape.since(before)) this.#candles.take(timeMs, price, size)
      this.#isChartDue = true
      this.#tapeView.changed()
      this.#frames.request(this.#paint)
    })
    return [stop]
  }

  #paintNow(): void {
    const row = this.#row
    if (row === null) return
    if (row.version !== this.#version) {
      this.#panel.paint(row, this.#platform.wallMs())
      if (this.#candles.last === null) this.#isChartDue = true
    }
    this.#version = row.version
    if (this.#isChartDue) this.#drawChart(row)
  }

  #drawChart(row: QuoteRow): void {
    this.#isChartDue = false
    const decimals = Math.min(10, Math.max(decimalsOf(row.field('bid') ?? row.field('last')), this.#tapeDecimals()))
    if (decimals !== this.#decimals) this.#chart.precision(decimals)
    this.#decimals = decimals
    if (this.#candles.last === null) this.#drawLine(row)
    else this.#drawCandles()
  }

  #tapeDecimals(): number {
    return decimalsOf(this.#tape.since(this.#tape.count - 1)[0]?.priceText)
  }

  #drawLine({ history }: QuoteRow): void {
    const last = history.last()
    if (this.#drawn < 0 || !this.#isLine) {
      setText(element('chartTitle'), 'Middle of bid and ask, since this page was opened')
      this.#chart.line(history.points())
      this.#chart.follow()
    } else if (last !== null) {
      this.#chart.point(last)
    }
    this.#isLine = true
    this.#drawn = last?.time ?? -1
  }

  #drawCandles(): void {
    const { all, last } = this.#candles
    if (this.#drawn < 0 || this.#isLine) {
      setText(element('chartTitle'), 'Trades, with their volume')
      this.#chart.candles(all)
      this.#chart.follow()
    } else {
      let index = all.length - 1
      while (index > 0 && all[index - 1]!.time >= this.#drawn) index--
      for (; index < all.length; index++) if (all[index]!.time >= this.#drawn) this.#chart.candle(all[index]!)
    }
    this.#isLine = false
    this.#drawn = last!.time
  }
}

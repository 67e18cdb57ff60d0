/**
 * The rows of the watch list: what is known of each instrument from its quote and its ticker, merged.
 *
 * Invariants (test/rules.md, PG):
 *  - Of a field that both have, the quote's value counts: it is the newer one.
 *  - A row is stale when its quote is (its ticker, where it has no quote).
 */

import type { FieldValues } from '#src/client/index.ts'
import { type Instrument, type Instruments, itemName } from './instruments.ts'
import { numberOf } from './numbers.ts'
import { PriceHistory } from './price-history.ts'

/** What a row needs to know of a change of one of its items. */
export interface QuoteUpdate {
  readonly item: string
  readonly fields: FieldValues
  readonly isSnapshot: boolean
  readonly timeMs: number | null
}

export class QuoteRow {
  instrument: Instrument
  /** Grows with each change: a view that remembers it knows whether it has to look. */
  version = 0
  /** What the feed said last, in ms since 1970; null where it says none. */
  timeMs: number | null = null
  readonly history = new PriceHistory()
  #quote: Record<string, string | null> = {}
  #ticker: Record<string, string | null> = {}
  #isQuoteStale: boolean | null = null
  #isTickerStale = false

  constructor(instrument: Instrument) {
    this.instrument = instrument
  }

  get isStale(): boolean {
    return this.#isQuoteStale ?? this.#isTickerStale
  }

  /** Undefined: the instrument has no such field. */
  field(name: string): string | null | undefined {
    return this.#quote[name] ?? this.#ticker[name]
  }

  fields(): Readonly<Record<string, string | null>> {
    return { ...this.#ticker, ...this.#quote }
  }

  /** The last trade, or else the middle of bid and ask; NaN without either. */
  get price(): number {
    const last = numberOf(this.field('last'))
    return Number.isNaN(last) ? this.middle : last
  }

  get middle(): number {
    return (numberOf(this.field('bid')) + numberOf(this.field('ask'))) / 2
  }

  /** In per cent of the open: as the feed says it, or else from last and open. NaN where neither is known. */
  get change(): number {
    const told = numberOf(this.#quote.change)
    if (!Number.isNaN(told)) return told
    const open = numberOf(this.field('open'))
    return ((numberOf(this.field('last')) - open) / open) * 100
  }

  take({ item, fields, isSnapshot, timeMs }: QuoteUpdate, wallMs: number): void {
    const isTicker = itemName(item).kind === 'ticker'
    if (!isTicker) this.#isQuoteStale ??= false
    const before = isSnapshot ? {} : isTicker ? this.#ticker : this.#quote
    if (isTicker) this.#ticker = { ...before, ...fields }
    else this.#quote = { ...before, ...fields }
    this.timeMs = timeMs ?? this.timeMs
    this.version++
    const { middle } = this
    this.history.take(wallMs, Number.isNaN(middle) ? this.price : middle)
  }

  mark(item: string, isStale: boolean): void {
    if (itemName(item).kind === 'ticker') this.#isTickerStale = isStale
    else this.#isQuoteStale = isStale
    this.version++
  }

  drop(item: string): void {
    if (itemName(item).kind === 'ticker') this.#ticker = {}
    else {
      this.#quote = {}
      this.#isQuoteStale = null
    }
    this.version++
  }
}

export class QuoteBoard {
  readonly #instruments: Instruments
  readonly #rows = new Map<string, QuoteRow>()
  /** Grows when rows come or go. */
  membersVersion = 0

  constructor(instruments: Instruments) {
    this.#instruments = instruments
  }

  get size(): number {
    return this.#rows.size
  }

  rows(): IterableIterator<QuoteRow> {
    return this.#rows.values()
  }

  get(instrument: string): QuoteRow | null {
    return this.#rows.get(instrument) ?? null
  }

  /** The row of an item, which is made where there is none. */
  of(item: string): QuoteRow {
    const instrument = this.#instruments.take(item)
    let row = this.#rows.get(instrument.name)
    if (row === undefined) {
      row = new QuoteRow(instrument)
      this.#rows.set(instrument.name, row)
      this.membersVersion++
    }
    row.instrument = instrument
    return row
  }

  delete(instrument: string): void {
    if (this.#rows.delete(instrument)) this.membersVersion++
  }

  staleCount(): number {
    let count = 0
    for (const row of this.#rows.values()) if (row.isStale) count++
    return count
  }
}

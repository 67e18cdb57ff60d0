/**
 * What the watch list is subscribed to: the quotes of all instruments that the server has, as far as a session may have so
 * many, and what the user has added; and what comes of it, on its way to the board.
 */

import type { Link } from './link/link.ts'
import type { Change } from './link/messages.ts'
import { type Instruments, quoteWishes } from './market/instruments.ts'
import type { QuoteBoard } from './market/quote-board.ts'
import type { Platform } from './platform.ts'

/** Below what a session may have by default (1,000 items), which books and trades draw on too. */
const ITEMS_MAX = 960
const ADDED_MAX = 20

export interface WatchFeedEvents {
  readonly onChange: () => void
  /** Something that the user should know; '' when all is well. */
  readonly onNotice: (text: string) => void
}

interface Want {
  readonly stop: () => void
  /** The items that came of it. */
  readonly items: Set<string>
}

export class WatchFeed {
  readonly #link: Link
  readonly #instruments: Instruments
  readonly #board: QuoteBoard
  readonly #platform: Platform
  readonly #events: WatchFeedEvents
  /** By what is asked for. */
  readonly #found = new Map<string, Want>()
  readonly #added = new Map<string, Want>()

  constructor(link: Link, instruments: Instruments, board: QuoteBoard, platform: Platform, events: WatchFeedEvents) {
    this.#link = link
    this.#instruments = instruments
    this.#board = board
    this.#platform = platform
    this.#events = events
  }

  /** What the user has added, in order. */
  get added(): readonly string[] {
    return [...this.#added.keys()]
  }

  /** The server has these items. */
  names(names: readonly string[]): void {
    for (const name of names) this.#instruments.take(name)
    const { items, count } = quoteWishes(names, ITEMS_MAX)
    const wanted = new Map(items.map(one => [one.join(), one]))
    for (const [key, want] of this.#found) {
      if (wanted.has(key)) continue
      this.#found.delete(key)
      this.#stop(want)
    }
    for (const [key, one] of wanted) if (!this.#found.has(key)) this.#found.set(key, this.#want(one))
    for (const row of this.#board.rows()) row.instrument = this.#instruments.get(row.instrument.name) ?? row.instrument
    this.#addUnquoted()
    const left = count - ITEMS_MAX
    this.#events.onNotice(left > 0 ? `The first ${ITEMS_MAX} of ${count} quotes; search for others and add them.` : '')
    this.#events.onChange()
  }

  /** An item, or with a `*` at the end all that begin so. False: there is no room for more. */
  add(name: string): boolean {
    if (this.#added.has(name)) return true
    if (this.#added.size >= ADDED_MAX) return false
    this.#added.set(name, this.#want([name]))
    return true
  }

  remove(name: string): void {
    const want = this.#added.get(name)
    if (want === undefined) return
    this.#added.delete(name)
    this.#stop(want)
    this.#events.onChange()
  }

  /** Instruments that have a book or trades and no quote can be opened too. */
  #addUnquoted(): void {
    for (const { items } of this.#instruments.all()) {
      if (this.#board.size >= ITEMS_MAX) return
      const other = items.trades ?? items.book
      if (items.quote === undefined && items.ticker === undefined && other !== undefined) this.#board.of(other)
    }
  }

  #want(names: readonly string[]): Want {
    const items = new Set<string>()
    const stop = this.#link.want({ items: names, mode: 'merge' }, changes => {
      for (const change of changes) this.#take(change, items, names)
      this.#events.onChange()
    })
    return { stop, items }
  }

  #stop({ stop, items }: Want): void {
    stop()
    for (const item of items) if (!this.#isWanted(item)) this.#drop(item)
  }

  #isWanted(item: string): boolean {
    for (const { items } of [...this.#found.values(), ...this.#added.values()]) if (items.has(item)) return true
    return false
  }

  #take(change: Change, items: Set<string>, names: readonly string[]): void {
    switch (change.type) {
      case 'update':
        items.add(change.item)
        this.#board.of(change.item).take(change, this.#platform.wallMs())
        return
      case 'stale':
        items.add(change.item)
        this.#board.of(change.item).mark(change.item, change.isStale)
        return
      case 'deleted':
        items.delete(change.item)
        this.#drop(change.item)
        return
      case 'reset':
        // What is still there comes again at once; what is not must not stand there as if it were.
        for (const item of items) this.#board.of(item).drop(item)
        return
      case 'ended':
        this.#events.onNotice(
          `The server does not give ${names.slice(0, 3).join(', ')}: ${change.code}: ${change.message}`,
        )
        return
      default:
    }
  }

  #drop(item: string): void {
    const row = this.#board.of(item)
    row.drop(item)
    if (Object.keys(row.fields()).length === 0) this.#board.delete(row.instrument.name)
  }
}

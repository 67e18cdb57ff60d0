/**
 * The order book on the screen: asks above, bids below, the best ones in the middle around the spread; sizes as bars against
 * the largest sum in sight.
 */

import { LadderSide, type Level } from '#src/page/app/market/book-ladder.ts'
import { decimalsOf, fixed, padded, sizeText } from '#src/page/app/market/numbers.ts'
import { element, make, setData, setText } from './dom.ts'
import type { Frames } from './frames.ts'

export const LEVELS = 10

interface Line {
  readonly price: HTMLElement
  readonly size: HTMLElement
  readonly total: HTMLElement
  readonly depth: HTMLElement
}

export class Ladder {
  readonly #frames: Frames
  readonly #panel = element('bookTitle').closest<HTMLElement>('.book')!
  readonly #table = this.#panel.querySelector<HTMLElement>('.ladder')!
  readonly #asks: readonly Line[]
  readonly #bids: readonly Line[]
  #bidSide = new LadderSide('bid', LEVELS)
  #askSide = new LadderSide('ask', LEVELS)
  /** Why there can be no book; '' when one is asked for. */
  #missing = ''
  readonly #paint = (): void => this.#paintNow()

  constructor(frames: Frames) {
    this.#frames = frames
    // The best ask stands last, next to the spread.
    this.#asks = linesIn('asks').reverse()
    this.#bids = linesIn('bids')
  }

  /** Another book. `missing`: why there is none. */
  show(bids: LadderSide, asks: LadderSide, missing: string): void {
    this.#bidSide = bids
    this.#askSide = asks
    this.#missing = missing
    this.changed()
  }

  changed(): void {
    this.#frames.request(this.#paint)
  }

  #paintNow(): void {
    const bids = this.#bidSide.levels()
    const asks = this.#askSide.levels()
    const why = this.#why()
    const isEmpty = bids.length === 0 && asks.length === 0
    const isStale = this.#bidSide.isStale || this.#askSide.isStale
    setData(this.#panel, 'stale', isStale ? '' : null)
    setText(element('bookNote'), isStale ? '⚠ stale' : isEmpty ? '' : `best ${LEVELS}`)
    const empty = element('bookEmpty')
    empty.hidden = !isEmpty
    this.#table.hidden = isEmpty
    if (isEmpty) {
      setText(empty, why)
      return
    }
    const largest = Math.max(bids.at(-1)?.total ?? 0, asks.at(-1)?.total ?? 0)
    const decimals = Math.max(...[...bids, ...asks].map(({ priceText }) => decimalsOf(priceText)))
    paintSide(this.#asks, asks, largest, decimals)
    paintSide(this.#bids, bids, largest, decimals)
    this.#paintSpread(bids[0], asks[0])
  }

  #why(): string {
    if (this.#missing !== '') return this.#missing
    const problem = this.#bidSide.problem || this.#askSide.problem
    if (problem !== '') return `The server does not give this book: ${problem}`
    return this.#bidSide.isComplete && this.#askSide.isComplete ? 'The book is empty.' : 'Waiting for the book …'
  }

  #paintSpread(bid: Level | undefined, ask: Level | undefined): void {
    const isWhole = bid !== undefined && ask !== undefined
    const decimals = Math.max(decimalsOf(bid?.priceText), decimalsOf(ask?.priceText))
    const middle = isWhole ? (bid.price + ask.price) / 2 : Number.NaN
    const spread = isWhole ? ask.price - bid.price : Number.NaN
    setText(element('bookMiddle'), isWhole ? fixed(middle, decimals + 1) : '–')
    const part = (spread / middle) * 10_000
    setText(
      element('bookSpread'),
      isWhole ? `spread ${fixed(spread, decimals)} (${part.toFixed(1)} bp)` : 'one side only',
    )
  }
}

function linesIn(id: string): Line[] {
  const body = element(id)
  return Array.from({ length: LEVELS }, () => {
    const row = make('tr')
    const priceCell = make('td', 'price')
    const price = make('span')
    // It lies behind the whole row.
    const depth = make('span', 'depth')
    priceCell.append(depth, price)
    const size = make('td')
    const total = make('td', 'total')
    row.append(priceCell, size, total)
    body.append(row)
    return { price, size, total, depth }
  })
}

function paintSide(lines: readonly Line[], levels: readonly Level[], largest: number, decimals: number): void {
  for (const [index, line] of lines.entries()) {
    const level = levels[index]
    setText(line.price, level === undefined ? '' : padded(level.priceText, decimals))
    setText(line.size, level === undefined ? '' : sizeText(level.size))
    setText(line.total, level === undefined ? '' : sizeText(level.total))
    const part = level === undefined || largest <= 0 ? 0 : level.total / largest
    const transform = `scaleX(${part.toFixed(3)})`
    if (line.depth.style.transform !== transform) line.depth.style.transform = transform
  }
}

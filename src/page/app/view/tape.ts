/**
 * The trades on the screen, the newest on top. A trade that comes takes the line of the oldest one and goes to the top: no
 * other line is touched.
 */

import { padded, sizeText, timeText } from '#src/page/app/market/numbers.ts'
import { type Trade, TradeTape } from '#src/page/app/market/trade-tape.ts'
import { element, make, setData, setText } from './dom.ts'
import type { Frames } from './frames.ts'

const LINES_MAX = 80
const TAKERS = { buy: 'buy ▲', sell: 'sell ▼', '': '' } as const

export class Tape {
  readonly #frames: Frames
  readonly #body = element('trades')
  readonly #empty = element('tradesEmpty')
  #tape = new TradeTape()
  /** Why there can be no trades; '' when they are asked for. */
  #missing = ''
  /** Entries of the tape up to here are on the screen. */
  #shown = 0
  #isOther = false
  #decimals = 0
  readonly #paint = (): void => this.#paintNow()

  constructor(frames: Frames) {
    this.#frames = frames
  }

  /** Another tape. `missing`: why there is none. */
  show(tape: TradeTape, missing: string): void {
    this.#tape = tape
    this.#missing = missing
    this.restart()
  }

  /** The tape begins anew. */
  restart(): void {
    this.#isOther = true
    this.changed()
  }

  changed(): void {
    this.#frames.request(this.#paint)
  }

  #paintNow(): void {
    const tape = this.#tape
    if (this.#isOther || tape.decimals !== this.#decimals) {
      this.#body.replaceChildren()
      this.#shown = 0
      this.#isOther = false
      this.#decimals = tape.decimals
    }
    for (const entry of tape.since(this.#shown).slice(-LINES_MAX)) this.#prepend(entry)
    this.#shown = tape.count
    const { isEmpty, lostTotal, isStale } = tape
    this.#empty.hidden = !isEmpty
    if (isEmpty) setText(this.#empty, this.#why())
    const lost = lostTotal > 0 ? `${lostTotal} lost` : 'none lost'
    setText(element('tradesNote'), isEmpty ? '' : isStale ? `⚠ stale · ${lost}` : lost)
  }

  #why(): string {
    if (this.#missing !== '') return this.#missing
    const { problem, isComplete } = this.#tape
    if (problem !== '') return `The server does not give these trades: ${problem}`
    return isComplete ? 'No trades yet.' : 'Waiting for trades …'
  }

  #prepend(trade: Trade): void {
    const rows = this.#body.children
    const row = rows.length < LINES_MAX ? emptyLine() : (rows[rows.length - 1] as HTMLTableRowElement)
    fill(row, trade, this.#decimals)
    this.#body.prepend(row)
  }
}

function emptyLine(): HTMLTableRowElement {
  const row = make('tr')
  row.append(make('td'), make('td', 'price'), make('td'), make('td'))
  return row
}

function fill(row: HTMLTableRowElement, trade: Trade, decimals: number): void {
  const { timeMs, priceText, size, side, isHistory, lost } = trade
  const [time, price, sizeCell, taker] = row.cells as unknown as readonly HTMLTableCellElement[]
  setData(row, 'lost', lost > 0 ? '' : null)
  setData(row, 'history', isHistory ? '' : null)
  setData(row, 'side', side === '' ? null : side)
  setText(time!, Number.isNaN(timeMs) ? '–' : timeText(timeMs))
  setText(price!, lost > 0 ? `${lost} lost` : padded(priceText, decimals))
  setText(sizeCell!, lost > 0 ? '' : sizeText(size))
  setText(taker!, lost > 0 ? '' : TAKERS[side])
}

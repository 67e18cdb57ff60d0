/**
 * The watch list on the screen: as many lines as there is room for, whatever the number of rows, sorted and searched, moved
 * through by keys.
 *
 * Invariants (test/rules.md, PG):
 *  - A frame touches only lines that can be seen, and of these only cells that changed.
 *  - By a column whose values move the list is sorted anew once a second: lines that jump about cannot be read.
 */

import { decimalsOf } from '#src/page/app/market/numbers.ts'
import type { QuoteBoard, QuoteRow } from '#src/page/app/market/quote-board.ts'
import { type Order, orderedRows } from '#src/page/app/market/row-order.ts'
import type { Platform } from '#src/page/app/platform.ts'
import { element, make, setText } from './dom.ts'
import { Flashes } from './flash.ts'
import type { Frames } from './frames.ts'
import { COLUMNS } from './watch-columns.ts'
import { WatchRow } from './watch-row.ts'

const RESORT_MS = 1_000
/** Lines beyond the edge, so that scrolling shows no gap before the next frame. */
const MARGIN_ROWS = 4
/** Prices with more digits behind the point do not push the points of all others aside. */
const DECIMALS_MAX = 6
const NARROW_PX = 480

export class WatchList {
  readonly #board: QuoteBoard
  readonly #frames: Frames
  readonly #flashes: Flashes
  readonly #onOpen: (instrument: string) => void
  readonly #grid = element('grid')
  readonly #rows = element('rows')
  readonly #heads = element('heads')
  readonly #lines: WatchRow[] = []
  #shown: QuoteRow[] = []
  #order: Order = { column: 'symbol', isDown: false }
  #search = ''
  #selected: string | null = null
  #opened: string | null = null
  #isOrderDue = true
  #membersVersion = -1
  #rowPx = 23
  #heightPx = 0
  #headPx = 27
  #decimals = 0
  readonly #paint = (): void => this.#paintNow()

  constructor(board: QuoteBoard, frames: Frames, platform: Platform, onOpen: (instrument: string) => void) {
    this.#board = board
    this.#frames = frames
    this.#flashes = new Flashes(platform)
    this.#onOpen = onOpen
    this.#buildHeads()
    this.#grid.addEventListener('scroll', this.#ask, { passive: true })
    this.#grid.addEventListener('keydown', event => this.#onKey(event))
    this.#rows.addEventListener('click', event => this.#onClick(event))
    new ResizeObserver(() => this.#measure()).observe(this.#grid)
    platform.every(RESORT_MS, () => {
      this.#isOrderDue = true
      this.#ask()
    })
  }

  /** The board has changed. */
  changed(): void {
    this.#ask()
  }

  search(text: string): void {
    this.#search = text
    this.#isOrderDue = true
    this.#grid.scrollTop = 0
    this.#ask()
  }

  /** Shows which instrument is open; also the one to move on from. */
  opened(instrument: string): void {
    this.#opened = instrument
    this.#selected = instrument
    this.#ask()
  }

  /** How many rows the search has found. */
  get shownCount(): number {
    return this.#shown.length
  }

  // ── Painting ───────────────────────────────────────────────────────────────────────────────────────────────────────

  readonly #ask = (): void => this.#frames.request(this.#paint)

  #measure(): void {
    this.#rowPx = Number.parseFloat(getComputedStyle(document.documentElement).getPropertyValue('--row')) || 23
    this.#heightPx = this.#grid.clientHeight
    this.#headPx = this.#heads.offsetHeight
    this.#isOrderDue = true
    this.#ask()
  }

  #paintNow(): void {
    if (this.#isOrderDue || this.#membersVersion !== this.#board.membersVersion) this.#sort()
    const { scrollTop } = this.#grid
    const first = Math.max(0, Math.floor(scrollTop / this.#rowPx) - MARGIN_ROWS)
    const last = Math.min(
      this.#shown.length,
      Math.ceil((scrollTop + this.#heightPx - this.#headPx) / this.#rowPx) + MARGIN_ROWS,
    )
    // An even number, as every other line is shaded.
    const room = 2 * Math.ceil(this.#heightPx / this.#rowPx / 2) + 2 * MARGIN_ROWS + 2
    while (this.#lines.length < room) this.#addLine()
    const used = new Set<WatchRow>()
    for (let index = first; index < last; index++) {
      // A line keeps its row while it is in sight, so that its cells know what they showed.
      const line = this.#lines[index % this.#lines.length]!
      used.add(line)
      this.#showLine(line, index)
    }
    for (const line of this.#lines) if (!used.has(line) && line.row !== null) line.hide()
  }

  #showLine(line: WatchRow, index: number): void {
    const row = this.#shown[index]!
    const { name } = row.instrument
    const isSelected = name === this.#selected
    line.show(row, {
      index,
      topPx: index * this.#rowPx,
      decimals: this.#decimals,
      isSelected,
      isOpen: name === this.#opened,
    })
    if (isSelected) this.#grid.setAttribute('aria-activedescendant', line.element.id)
  }

  #addLine(): void {
    const line = new WatchRow(this.#flashes)
    line.element.id = `line-${this.#lines.length}`
    line.element.hidden = true
    this.#lines.push(line)
    this.#rows.append(line.element)
  }

  #sort(): void {
    const { column, isDown } = this.#order
    const { value } = COLUMNS.find(({ id }) => id === column)!
    this.#isOrderDue = false
    this.#membersVersion = this.#board.membersVersion
    this.#shown = orderedRows(this.#board.rows(), value, isDown, this.#search)
    this.#decimals = this.#decimalsOfAll()
    const height = `${this.#shown.length * this.#rowPx}px`
    if (this.#rows.style.height !== height) this.#rows.style.height = height
    this.#grid.ariaRowCount = String(this.#shown.length + 1)
    const isNone = this.#shown.length === 0
    const why =
      this.#board.size === 0
        ? 'Waiting for a feed; “npm start” runs a simulated market.'
        : 'None of the list; Add asks the server for it.'
    setText(element('gridEmpty'), isNone ? why : '')
  }

  #decimalsOfAll(): number {
    if (this.#grid.clientWidth < NARROW_PX) return 0
    let decimals = 0
    for (const row of this.#shown) decimals = Math.max(decimals, decimalsOf(row.field('bid') ?? row.field('last')))
    return Math.min(decimals, DECIMALS_MAX)
  }

  // ── Keys and clicks ────────────────────────────────────────────────────────────────────────────────────────────────

  #buildHeads(): void {
    for (const column of COLUMNS) {
      const head = make('div', column.className.replace('flash', ''))
      head.role = 'columnheader'
      const button = make('button', '', column.title)
      button.type = 'button'
      button.title = `Sort by ${column.name}`
      button.addEventListener('click', () => this.#sortBy(column.id))
      head.append(button)
      this.#heads.append(head)
    }
    this.#showOrder()
  }

  #sortBy(column: string): void {
    const isSame = this.#order.column === column
    // Figures are looked at from the largest one on, names from A.
    this.#order = { column, isDown: isSame ? !this.#order.isDown : column !== 'symbol' }
    this.#isOrderDue = true
    this.#showOrder()
    this.#ask()
  }

  #showOrder(): void {
    const { column, isDown } = this.#order
    for (const [index, { id }] of COLUMNS.entries()) {
      const head = this.#heads.children[index] as HTMLElement
      head.ariaSort = id === column ? (isDown ? 'descending' : 'ascending') : 'none'
    }
  }

  #onKey(event: KeyboardEvent): void {
    if (event.target !== this.#grid || event.ctrlKey || event.metaKey || event.altKey) return
    const page = Math.max(1, Math.floor((this.#heightPx - this.#headPx) / this.#rowPx) - 1)
    const steps: Readonly<Record<string, number>> = {
      ...{ ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page },
      ...{ Home: -this.#shown.length, End: this.#shown.length },
    }
    const step = steps[event.key]
    if (step !== undefined) this.#move(step)
    else if (event.key === 'Enter' && this.#selected !== null) this.#onOpen(this.#selected)
    else return
    event.preventDefault()
  }

  #move(step: number): void {
    if (this.#shown.length === 0) return
    const at = this.#shown.findIndex(({ instrument }) => instrument.name === this.#selected)
    const index = Math.min(Math.max(0, at < 0 ? 0 : at + step), this.#shown.length - 1)
    this.#selected = this.#shown[index]!.instrument.name
    this.#reveal(index)
    this.#ask()
  }

  #reveal(index: number): void {
    const top = index * this.#rowPx
    const room = this.#heightPx - this.#headPx - this.#rowPx
    if (top < this.#grid.scrollTop) this.#grid.scrollTop = top
    else if (top > this.#grid.scrollTop + room) this.#grid.scrollTop = top - room
  }

  #onClick({ target }: MouseEvent): void {
    const line = this.#lines.find(({ element: one }) => one.contains(target as Node))
    if (line === undefined || line.row === null) return
    this.#selected = line.row.instrument.name
    this.#onOpen(this.#selected)
  }
}

/**
 * One line of the watch list on the screen. It is used for whichever row scrolls into its place, and writes only the cells
 * whose text has changed.
 */

import { numberOf } from '#src/page/app/market/numbers.ts'
import type { QuoteRow } from '#src/page/app/market/quote-board.ts'
import { make, setData, setText } from './dom.ts'
import type { Flashes } from './flash.ts'
import { COLUMNS, type Column } from './watch-columns.ts'

interface Cell {
  readonly column: Column
  readonly element: HTMLElement
  text: string
  value: number
}

export interface RowLook {
  /** In the list, from 0. */
  readonly index: number
  readonly topPx: number
  readonly decimals: number
  readonly isSelected: boolean
  readonly isOpen: boolean
}

export class WatchRow {
  readonly element = make('div', 'row')
  /** What it shows; null before the first time. */
  row: QuoteRow | null = null
  readonly #symbol = make('b')
  readonly #venue = make('small')
  readonly #stale = make('span', 'tag', 'stale')
  readonly #cells: Cell[]
  readonly #flashes: Flashes
  #version = -1
  #decimals = -1

  constructor(flashes: Flashes) {
    this.#flashes = flashes
    this.element.role = 'row'
    this.#cells = COLUMNS.map(column => {
      const element = make('div', `cell ${column.className}`)
      element.role = column.id === 'symbol' ? 'rowheader' : 'gridcell'
      this.element.append(element)
      return { column, element, text: '', value: Number.NaN }
    })
    this.#stale.hidden = true
    this.#cells[0]!.element.append(this.#symbol, this.#stale, this.#venue)
  }

  show(row: QuoteRow, look: RowLook): void {
    const isOther = this.row !== row || this.#decimals !== look.decimals
    this.row = row
    this.#decimals = look.decimals
    this.#place(look)
    if (!isOther && this.#version === row.version) return
    this.#version = row.version
    this.#paintName(row)
    for (const cell of this.#cells) if (cell.column.id !== 'symbol') this.#paint(cell, row, isOther)
  }

  hide(): void {
    this.element.hidden = true
    this.row = null
  }

  #place({ index, topPx, isSelected, isOpen }: RowLook): void {
    const { element } = this
    element.hidden = false
    const transform = `translateY(${topPx}px)`
    if (element.style.transform !== transform) element.style.transform = transform
    const rowIndex = String(index + 2)
    if (element.ariaRowIndex !== rowIndex) element.ariaRowIndex = rowIndex
    const selected = String(isSelected)
    if (element.ariaSelected !== selected) element.ariaSelected = selected
    setData(element, 'open', isOpen ? '' : null)
  }

  #paintName(row: QuoteRow): void {
    const { symbol, venue, name } = row.instrument
    setText(this.#symbol, symbol)
    setText(this.#venue, venue)
    const title = this.#cells[0]!.element
    if (title.title !== name) title.title = name
    if (this.#stale.hidden === row.isStale) this.#stale.hidden = !row.isStale
    setData(this.element, 'stale', row.isStale ? '' : null)
  }

  #paint(cell: Cell, row: QuoteRow, isOther: boolean): void {
    const { column, element } = cell
    const text = column.text(row, this.#decimals)
    if (!isOther && text === cell.text) return
    cell.text = text
    element.textContent = text
    const before = cell.value
    cell.value = column.isSigned ? row.change : column.isPrice ? numberOf(row.field(column.id)) : Number.NaN
    if (column.isSigned) setData(element, 'sign', cell.value > 0 ? 'up' : cell.value < 0 ? 'down' : null)
    if (!column.isPrice) return
    if (isOther) {
      this.#flashes.stop(element)
      setData(element, 'trend', null)
    } else if (cell.value !== before && !Number.isNaN(cell.value - before)) {
      const isUp = cell.value > before
      setData(element, 'trend', isUp ? 'up' : 'down')
      this.#flashes.flash(element, isUp)
    }
  }
}

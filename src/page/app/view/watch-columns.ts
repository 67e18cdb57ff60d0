/** The columns of the watch list: what they show, what they sort by, what lights up. */

import { changeText, numberOf, padded, sizeText, textOf } from '#src/page/app/market/numbers.ts'
import type { QuoteRow } from '#src/page/app/market/quote-board.ts'
import type { SortValue } from '#src/page/app/market/row-order.ts'

export interface Column {
  readonly id: string
  readonly title: string
  /** Also to who hears the page. */
  readonly name: string
  readonly className: string
  /** `decimals`: the most that a price of the list has. */
  readonly text: (row: QuoteRow, decimals: number) => string
  readonly value: SortValue
  /** Lights up and gets an arrow when its value moves. */
  readonly isPrice: boolean
  /** Is coloured by its sign. */
  readonly isSigned: boolean
}

export const COLUMNS: readonly Column[] = [
  {
    ...{ id: 'symbol', title: 'Instrument', name: 'Instrument', className: 'name', isPrice: false, isSigned: false },
    text: row => row.instrument.symbol,
    value: row => row.instrument.symbol,
  },
  sizeColumn('bid_size', 'B.size', 'Size of the bid'),
  priceColumn('bid', 'Bid', ''),
  priceColumn('ask', 'Ask', ''),
  sizeColumn('ask_size', 'A.size', 'Size of the ask'),
  priceColumn('last', 'Last', 'wide-only'),
  {
    ...{ id: 'change', title: 'Chg %', name: 'Change in per cent', className: '', isPrice: false, isSigned: true },
    text: row => changeText(row.change),
    value: row => row.change,
  },
  sizeColumn('volume', 'Volume', 'Volume of the day'),
]

function priceColumn(id: string, title: string, className: string): Column {
  return {
    ...{ id, title, name: title, className: `flash ${className}`, isPrice: true, isSigned: false },
    text: (row, decimals) => padded(textOf(row.field(id)), decimals),
    value: row => numberOf(row.field(id)),
  }
}

function sizeColumn(id: string, title: string, name: string): Column {
  return {
    ...{ id, title, name, className: 'minor wide-only', isPrice: false, isSigned: false },
    text: row => sizeText(numberOf(row.field(id))),
    value: row => numberOf(row.field(id)),
  }
}

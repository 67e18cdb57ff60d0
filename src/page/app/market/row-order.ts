/**
 * The order of the watch list, and which rows are in it: by a column, upwards or downwards, those that a search names.
 *
 * Invariants (test/rules.md, PG):
 *  - Rows without a value stand last, whichever way; equal ones stand by name.
 */

import type { QuoteRow } from './quote-board.ts'

export interface Order {
  readonly column: string
  readonly isDown: boolean
}

/** What a column sorts by. */
export type SortValue = (row: QuoteRow) => number | string

export function orderedRows(
  rows: Iterable<QuoteRow>,
  sortValue: SortValue,
  isDown: boolean,
  search: string,
): QuoteRow[] {
  const wanted = search.trim().toLowerCase().replace(/\*$/, '')
  const found: { row: QuoteRow; value: number | string }[] = []
  for (const row of rows) if (isFound(row, wanted)) found.push({ row, value: sortValue(row) })
  const sign = isDown ? -1 : 1
  found.sort((a, b) => compare(a.value, b.value, sign) || byName(a.row, b.row))
  return found.map(({ row }) => row)
}

function isFound({ instrument }: QuoteRow, wanted: string): boolean {
  if (wanted === '' || instrument.name.toLowerCase().includes(wanted)) return true
  return Object.values(instrument.items).some(item => item.toLowerCase().startsWith(wanted))
}

function compare(a: number | string, b: number | string, sign: number): number {
  const isNone = (value: number | string): boolean => value === '' || Number.isNaN(value)
  if (isNone(a) || isNone(b)) return Number(isNone(a)) - Number(isNone(b))
  if (a === b) return 0
  return (a < b ? -1 : 1) * sign
}

function byName(a: QuoteRow, b: QuoteRow): number {
  return a.instrument.name < b.instrument.name ? -1 : a.instrument.name > b.instrument.name ? 1 : 0
}

/** The ledgers of a variant's rows as one table: law 8 as a line that can be added up by eye. */

import { ledgerDifference, type RowView } from './figures.ts'
import { whole } from './format.ts'

export interface LedgerTable {
  readonly heads: readonly string[]
  readonly rows: readonly { readonly view: RowView; readonly cells: readonly string[] }[]
}

const HEADS = ['published', '= delivered', '+ conflated', '+ dropped', '+ lost', '+ waiting']
const FAULT_HEAD = 'unaccounted for'

/** Null where no row tells its ledger, as peers do not. The last column is there when a ledger does not add up. */
export function ledgerTable(views: readonly RowView[]): LedgerTable | null {
  const rows = views.flatMap(view => {
    const { ledger } = view.run
    if (ledger === null) return []
    const { published, delivered, conflated, dropped, lost, waiting } = ledger
    const difference = ledgerDifference(ledger)
    return [{ view, difference, counts: [published, delivered, conflated, dropped, lost, waiting] }]
  })
  if (rows.length === 0) return null
  const isSound = rows.every(({ difference }) => difference === 0)
  return {
    heads: isSound ? HEADS : [...HEADS, FAULT_HEAD],
    rows: rows.map(({ view, difference, counts }) => ({
      view,
      cells: (isSound ? counts : [...counts, difference]).map(whole),
    })),
  }
}

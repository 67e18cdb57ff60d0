/** What a table takes of its core's store. */

import type { RowTable } from '#src/domain/row-table.ts'
import { ValueStore } from '#src/domain/value-store.ts'

/** Values and keys of its rows, also of rows that are only remembered. */
export function tableBytes(table: RowTable, store: ValueStore): number {
  let bytes = 0
  for (let row = 0; row < table.end; row++) {
    const length = table.keyLength(row)
    if (table.find(store.bytes, table.keyOffset(row), length) !== row) continue
    bytes += 1 << ValueStore.classOf(length)
    for (let column = 0; column < table.columns.length; column++) {
      const valueLength = table.valueLength(column, row)
      if (valueLength > 0) bytes += 1 << ValueStore.classOf(valueLength)
    }
  }
  return bytes
}

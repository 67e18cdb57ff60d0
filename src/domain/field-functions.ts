/**
 * Which fields of an item have merge functions, as its rule says: by number of field, the column of the item's stretch log.
 * Shared by all items of a rule. A field gets its number with the first update that has it.
 */

import type { FieldTable } from './field-table.ts'
import { type MergeFunction, StretchColumns, type StretchFunction } from './merge-function.ts'

export const NO_FUNCTION = -1
/** Of a value of `first`. */
const TEXT_BYTES_MAX = 256

export class FieldFunctions {
  readonly columns: StretchColumns
  readonly #names: readonly string[]
  readonly #ids: number[]
  /** How many names of fields there were when numbers were looked up last. */
  #seenSize = 0

  /** By name of field; none is `last`. */
  constructor(functions: ReadonlyMap<string, MergeFunction>) {
    this.#names = [...functions.keys()]
    this.#ids = this.#names.map(() => -1)
    this.columns = new StretchColumns([...functions.values()] as StretchFunction[], TEXT_BYTES_MAX)
  }

  /** The column of a field, or NO_FUNCTION. */
  columnOf(fieldId: number, fields: FieldTable): number {
    if (this.#seenSize !== fields.size) {
      this.#seenSize = fields.size
      for (let column = 0; column < this.#ids.length; column++) this.#ids[column] = fields.find(this.#names[column]!)
    }
    return this.#ids.indexOf(fieldId)
  }

  /** Whether any of the names has a function; null stands for all names. */
  hasAny(names: readonly string[] | null): boolean {
    return names === null || names.some(name => this.#names.includes(name))
  }
}

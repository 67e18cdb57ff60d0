/** What the merge functions of an item's fields come to for who stands at a position: the values of a body. */

import { NO_FUNCTION } from '#src/domain/field-functions.ts'
import type { FieldTable } from '#src/domain/field-table.ts'
import { NULL_VALUE } from '#src/domain/value-store.ts'
import type { View } from '#src/domain/view.ts'

/** The field has no function: its value is the item's. */
export const RESULT_IS_STATE = -2

const START_BYTES = 256

export class FunctionResults {
  /** The result that was found last lies at its beginning. */
  bytes = Buffer.alloc(START_BYTES)
  readonly #fields: FieldTable
  #view: View | null = null
  #base = 0

  constructor(fields: FieldTable) {
    this.#fields = fields
  }

  begin(view: View, base: number): this {
    this.#view = view
    this.#base = base
    const { resultBytesMax } = view.item.settings.functions!.columns
    if (this.bytes.length < resultBytesMax) this.bytes = Buffer.alloc(resultBytesMax)
    return this
  }

  /** The length of the result of a field; NULL_VALUE where nothing came; RESULT_IS_STATE. */
  find(fieldId: number): number {
    const { item } = this.#view!
    const column = item.settings.functions!.columnOf(fieldId, this.#fields)
    if (column === NO_FUNCTION) return RESULT_IS_STATE
    return item.stretches?.write(column, this.#base, this.bytes, 0) ?? NULL_VALUE
  }
}

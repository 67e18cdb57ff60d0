/** The stretch logs of items with merge functions: made with the first update, and told who stands where. */

import type { FieldTable } from '#src/domain/field-table.ts'
import type { Interests } from '#src/domain/interests.ts'
import type { Item } from '#src/domain/item.ts'
import { StretchLog } from '#src/domain/stretch-log.ts'

export class ItemStretches {
  readonly #interests: Interests
  readonly #fields: FieldTable

  constructor(interests: Interests, fields: FieldTable) {
    this.#interests = interests
    this.#fields = fields
  }

  /** The item's log, made where its rule has merge functions. */
  of(item: Item): StretchLog | null {
    const { functions, stretches } = item.settings
    if (functions === null || item.stretches !== null) return item.stretches
    item.stretches = new StretchLog(functions.columns, stretches, log => this.#keep(item, log))
    return item.stretches
  }

  /** The column of a field of an item that has merge functions. */
  columnOf(item: Item, fieldId: number): number {
    return item.settings.functions!.columnOf(fieldId, this.#fields)
  }

  /** What is pushed out is carried for whoever lacks it. */
  #keep({ views }: Item, log: StretchLog): void {
    const { bases } = this.#interests
    const keep = (interest: number): void => log.keep(bases[interest]!)
    for (const view of views) if (view.hasFunctions) view.forEach(keep)
  }
}

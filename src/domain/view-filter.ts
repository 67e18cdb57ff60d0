/**
 * A view's filter, held against what lies in a core thread: an item's newest values, an entry of its log, or the fields of a
 * record. Fields that an item, an entry or a record does not have are null to it.
 */

import type { FieldTable } from './field-table.ts'
import type { Filter } from './filter/filter.ts'
import { type FilterValues, NO_VALUE } from './filter/filter-values.ts'
import type { Item } from './item.ts'
import { FIELD_HEADER_BYTES, type ItemLog, NULL_LENGTH } from './item-log.ts'
import type { ValueStore } from './value-store.ts'

/** What filters of a thread share. */
export interface FilterContext {
  readonly fields: FieldTable
  readonly store: ValueStore
  readonly values: FilterValues
}

export class ViewFilter {
  readonly #filter: Filter
  readonly #context: FilterContext
  /** Numbers of the filter's fields; -1 where no update has had one yet. */
  readonly #ids: number[]

  constructor(filter: Filter, context: FilterContext) {
    this.#filter = filter
    this.#context = context
    this.#ids = filter.fields.map(() => -1)
  }

  /** Whether the item's newest values pass. */
  passesItem(item: Item): boolean {
    const { values, store } = this.#context
    for (let place = 0; place < this.#ids.length; place++) {
      const id = this.#idAt(place)
      const index = id < 0 ? -1 : item.indexOf(id, place)
      if (index < 0) values.set(place, store.bytes, 0, NO_VALUE)
      else values.set(place, store.bytes, item.blockOffsets[index]!, item.lengths[index]!)
    }
    return this.#filter.passes(values)
  }

  passesEntry(log: ItemLog, at: number): boolean {
    const start = log.offsetAt(at)
    return this.passesFields(log.bytes, start, start + log.lengthAt(at), null)
  }

  /** Whether the fields at [start, end) pass: number, length, value each. `ids` by number, or null where numbers are ids. */
  passesFields(bytes: Buffer, start: number, end: number, ids: readonly number[] | null): boolean {
    const { values } = this.#context
    values.clear()
    for (let at = start; at < end; ) {
      const number = bytes[at]! | (bytes[at + 1]! << 8)
      const length16 = bytes[at + 2]! | (bytes[at + 3]! << 8)
      const length = length16 === NULL_LENGTH ? NO_VALUE : length16
      at += FIELD_HEADER_BYTES
      const id = ids === null ? number : (ids[number] ?? -1)
      for (let place = 0; id >= 0 && place < this.#ids.length; place++) {
        if (this.#idAt(place) === id) values.set(place, bytes, at, length)
      }
      if (length > 0) at += length
    }
    return this.#filter.passes(values)
  }

  #idAt(place: number): number {
    const known = this.#ids[place]!
    if (known >= 0) return known
    const id = this.#context.fields.find(this.#filter.fields[place]!)
    this.#ids[place] = id
    return id
  }
}

/** Filters as tests handle them: parsed in one word, held against values that are written as strings. */

import { Filter } from '#src/domain/filter/filter.ts'
import { FilterValues, NO_VALUE } from '#src/domain/filter/filter-values.ts'
import { type FilterLimits, parseFilter } from '#src/domain/filter/parse-filter.ts'
import type { FilterFault } from '#src/domain/filter/tokens.ts'

export type Row = Readonly<Record<string, string | null>>

export const LIMITS: FilterLimits = { filterLengthMax: 2_048, fieldNameBytesMax: 16 }
/** For keys, which may be longer than what they were made of. */
const NO_LENGTH_LIMIT: FilterLimits = { ...LIMITS, filterLengthMax: Number.POSITIVE_INFINITY }

/** Stands around each value in its Buffer: what would count if it were read. */
const AROUND = '9\\'

export function filterOf(text: string): Filter {
  const filter = parseFilter(text, NO_LENGTH_LIMIT)
  if (!(filter instanceof Filter)) throw new Error(`${JSON.stringify(text).slice(0, 200)}: ${filter.message}`)
  return filter
}

export function keyOf(text: string): string {
  return filterOf(text).key
}

/** Null where the text is a filter. */
export function faultOf(text: string, limits: FilterLimits = LIMITS): FilterFault | null {
  const filter = parseFilter(text, limits)
  return filter instanceof Filter ? null : filter
}

/** Fields that a row does not name are not there. */
export function passes(filter: Filter, row: Row): boolean {
  return filter.passes(valuesOf(filter, row))
}

function valuesOf({ fields }: Filter, row: Row): FilterValues {
  const values = new FilterValues()
  for (const [place, name] of fields.entries()) {
    const value = Object.hasOwn(row, name) ? row[name]! : null
    const content = value === null ? '' : JSON.stringify(value).slice(1, -1)
    const bytes = Buffer.from(`${AROUND}${content}${AROUND}`)
    values.set(place, bytes, AROUND.length, value === null ? NO_VALUE : Buffer.byteLength(content))
  }
  return values
}

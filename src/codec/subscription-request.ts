/**
 * What a subscription asks for, out of a query or a request: the same names, defaults and limits for both.
 *
 * Invariants (test/rules.md, H and K):
 *  - Without a fault, what is read is within the limits of the settings.
 *  - What has no effect in a mode is refused in it, so that nobody believes that it has.
 */

import { Filter } from '#src/domain/filter/filter.ts'
import { parseFilter } from '#src/domain/filter/parse-filter.ts'
import { isName } from '#src/domain/names.ts'
import {
  isLoggedMode,
  MODES,
  type Mode,
  type OnLost,
  type RowWindow,
  type SubscriptionRequest,
} from '#src/domain/session-request.ts'
import { quoted } from './http-fields.ts'
import type { Parameters } from './parameters.ts'

/** The settings that a subscription is held against; their meaning is told in config.ts. */
export interface SubscriptionLimits {
  readonly itemNameBytesMax: number
  readonly fieldNameBytesMax: number
  readonly fieldsMax: number
  readonly sessionItemsMax: number
  /** Characters. */
  readonly filterLengthMax: number
  /** Updates a second an item; 0 is no cap. */
  readonly maxFrequencyCap: number
}

export const SUBSCRIPTION_PARAMETERS = [
  ...['items', 'fields', 'mode', 'maxFrequency', 'snapshot', 'onLost', 'bufferSize', 'filter', 'sort', 'from', 'count'],
]

/** The most updates a second of an item that anybody may ask for; more is the same as no limit. */
export const MAX_FREQUENCY_MAX = 1_000
/** The fewest: one in 31 years. */
export const MAX_FREQUENCY_MIN = 1e-9

/** The longest history and the largest buffer that anybody may ask for; an item's log bounds both. */
const HISTORY_MAX = 100_000
const BUFFER_SIZE_MAX = 1_000_000

/** What has no effect in other modes. */
const MODES_OF: readonly (readonly [name: string, modes: readonly Mode[]])[] = [
  ['maxFrequency', ['merge', 'command']],
  ['onLost', ['raw']],
  ['bufferSize', ['distinct']],
  ['snapshot', ['merge', 'distinct', 'raw']],
  ['sort', ['command']],
  ['from', ['command']],
  ['count', ['command']],
]

/** The last place that a window may begin at, and the most rows that it may have. */
const ROWS_MAX = 1_000_000
const DESCENDING = '-'

const WILDCARD = '*'

/** The subscription that `from` asks for; to be used where it has no fault. */
export function readSubscription(from: Parameters, id: number, limits: SubscriptionLimits): SubscriptionRequest {
  const { items, prefixes } = readItems(from, limits)
  const fields = readFields(from, limits)
  const mode = from.choice<Mode>('mode', MODES)
  const maxFrequency = isLoggedMode(mode) ? 0 : readFrequency(from, limits.maxFrequencyCap)
  const historyMax = mode === 'distinct' ? readHistory(from) : null
  const hasSnapshot = historyMax === null ? from.flag('snapshot', true) : historyMax > 0
  const onLost = from.choice<OnLost>('onLost', ['end', 'snapshot'])
  const filter = readFilter(from, limits)
  const window = mode === 'command' ? readWindow(from, limits) : null
  const bufferSize = from.integer('bufferSize', 1, BUFFER_SIZE_MAX, 0)
  for (const [name, modes] of MODES_OF) {
    if (!modes.includes(mode) && from.has(name)) from.fail(`${from.named(name)} is for mode ${modes.join(' and ')}`)
  }
  return {
    ...{ id, items, prefixes, fields, mode, filter, window },
    ...{ maxFrequency, hasSnapshot, historyMax, bufferSize, onLost },
  }
}

/** The key of the filter, or null. */
function readFilter(from: Parameters, limits: SubscriptionLimits): string | null {
  if (!from.has('filter')) return null
  const filter = parseFilter(from.text('filter', ''), limits)
  if (filter instanceof Filter) return filter.key
  from.fail(filter.message, 'FILTER_INVALID')
  return null
}

/** The rows that are asked for; null for all. The order of all rows is the client's own matter. */
function readWindow(from: Parameters, limits: SubscriptionLimits): RowWindow | null {
  const text = from.text('sort', '')
  const isDescending = text.startsWith(DESCENDING)
  const sort = isDescending ? text.slice(1) : text
  if (from.has('sort') && !isName(sort, limits.fieldNameBytesMax)) {
    from.fail(`${quoted(sort)} is no name of a field`, 'FIELD_NAME_INVALID')
  }
  if (!from.has('sort')) {
    for (const name of ['from', 'count'])
      if (from.has(name)) from.fail(`${from.named(name)} needs ${from.named('sort')}`)
  }
  const first = from.integer('from', 0, ROWS_MAX, 0)
  const count = from.integer('count', 1, ROWS_MAX, ROWS_MAX)
  return first === 0 && count === ROWS_MAX ? null : { sort, isDescending, from: first, count }
}

/** How many updates the snapshot is of: 0 is none, null as many as is set for the item. */
function readHistory(from: Parameters): number | null {
  if (!from.has('snapshot')) return null
  const wish = from.count('snapshot', HISTORY_MAX)
  return typeof wish === 'number' ? wish : wish ? null : 0
}

/** Updates a second an item, 0 for no limit. A wish above the cap is cut to it, and so is no wish. */
export function readFrequency(from: Parameters, cap: number): number {
  const wish = from.decimal('maxFrequency', MAX_FREQUENCY_MIN, MAX_FREQUENCY_MAX, cap)
  return cap > 0 ? Math.min(wish, cap) : wish
}

/** True when `text` may be what the name of an item begins with: then it may end with a space, and be empty. */
export function isItemPrefix(text: string, bytesMax: number): boolean {
  return text === '' || isName(`${text}.`, bytesMax + 1)
}

function readItems(from: Parameters, limits: SubscriptionLimits): { items: string[]; prefixes: string[] } {
  const items: string[] = []
  const prefixes: string[] = []
  from.require('items')
  const names = from.texts('items') ?? []
  if (names.length === 0) from.fail(`${from.named('items')} names none`)
  if (names.length > limits.sessionItemsMax) {
    from.fail(`more than ${limits.sessionItemsMax} items in one session`, 'ITEMS_TOO_MANY')
    return { items, prefixes }
  }
  for (const name of names) {
    const isPrefix = name.endsWith(WILDCARD)
    const stem = isPrefix ? name.slice(0, -1) : name
    const isGood = (isPrefix ? isItemPrefix : isName)(stem, limits.itemNameBytesMax)
    if (!isGood) from.fail(`${quoted(name)} is no name of an item`, 'ITEM_NAME_INVALID')
    const found = isPrefix ? prefixes : items
    found.push(stem)
  }
  refuseRepeated(from, 'items', names)
  return { items, prefixes }
}

/** The names of fields, or null for all. */
function readFields(from: Parameters, limits: SubscriptionLimits): readonly string[] | null {
  const names = from.texts('fields')
  if (names === null) return null
  if (names.length === 0) from.fail(`${from.named('fields')} names none`)
  if (names.length > limits.fieldsMax) from.fail(`more than ${limits.fieldsMax} names in ${from.named('fields')}`)
  for (const name of names) {
    if (!isName(name, limits.fieldNameBytesMax)) {
      from.fail(`${quoted(name)} is no name of a field`, 'FIELD_NAME_INVALID')
    }
  }
  refuseRepeated(from, 'fields', names)
  return names
}

function refuseRepeated(from: Parameters, list: string, names: readonly string[]): void {
  const seen = new Set<string>()
  for (const name of names) {
    if (seen.has(name)) return from.fail(`${quoted(name)} stands twice in ${from.named(list)}`)
    seen.add(name)
  }
}

/** What clients ask for: streams and subscriptions, and how they are spelled in a query or a request. */

import type { RowWindow } from '#src/domain/session-request.ts'
import { type ModelFilter, spelled } from '../support/filter-model.ts'
import type { Random } from '../support/random.ts'
import type { Play } from './faults.ts'
import type { FilterWish, Sight } from './model.ts'

export type Transport = 'sse' | 'ndjson' | 'poll'

export interface SubscriptionWish extends Sight {
  readonly id: number
  readonly items: readonly string[]
  /** Beginnings of names, without their `*`. */
  readonly prefixes: readonly string[]
  /** 0 is none; raw and distinct mode have none. */
  readonly maxFrequency: number
  readonly hasSnapshot: boolean
  /** Distinct mode only: of how many updates the snapshot is; null: as is set for the item. */
  readonly historyMax: number | null
  /** Distinct mode only: how many updates of an item may wait; 0: as many as its log holds. */
  readonly bufferSize: number
  /** Raw mode only. */
  readonly onLost: 'end' | 'snapshot'
}

/** What a new session begins with. */
export interface SessionWish {
  readonly opening: SubscriptionWish | null
  readonly maxDelayMs: number
  readonly maxBandwidth: number
}

export interface Choices {
  readonly items: readonly string[]
  readonly fields: readonly string[]
  /** In one subscription. */
  readonly fieldsMax: number
  readonly play: Play
}

const PREFIXES = ['', 'quote.', 'k', 'G-', 'c "', 'é', 'none.'] as const
export const BANDWIDTHS = [1_500, 4_000, 20_000] as const
export const DELAYS_MS = [20, 100] as const

export function randomSession(random: Random, choices: Choices): SessionWish {
  const { play } = choices
  return {
    opening: play.hasRequests && random.chance(0.2) ? null : randomSubscription(random, 0, choices),
    maxDelayMs: random.pick([0, 0, ...DELAYS_MS]),
    maxBandwidth: play.hasLimits && random.chance(0.3) ? random.pick(BANDWIDTHS) : 0,
  }
}

export function randomSubscription(
  random: Random,
  id: number,
  { items, fields, fieldsMax, play }: Choices,
): SubscriptionWish {
  const mode = play.hasModes
    ? random.pick(['merge', 'merge', 'raw', 'distinct', 'distinct', 'command', 'command'] as const)
    : random.chance(0.4)
      ? 'raw'
      : 'merge'
  const some = <T>(list: readonly T[]): T[] => {
    const chosen = list.filter(() => random.chance(0.5))
    return chosen.length > 0 ? chosen : [random.pick(list)]
  }
  const prefixes = play.hasPrefixes && random.chance(0.5) ? some(PREFIXES) : []
  const wish: SubscriptionWish = {
    id,
    mode,
    items: prefixes.length > 0 && random.chance(0.5) ? [] : some(items),
    prefixes,
    // A field that is never sent makes a stream that is silent but for its keepalives.
    fields: random.chance(0.4)
      ? some(random.chance(0.2) ? ['never sent'] : ['never sent', ...fields]).slice(0, fieldsMax)
      : null,
    maxFrequency: mode === 'raw' || mode === 'distinct' ? 0 : random.pick([0, 0, 5, 50]),
    hasSnapshot: !(play.hasRequests && random.chance(0.2)),
    onLost: random.pick(['end', 'snapshot']),
    ...{ historyMax: null, bufferSize: 0, filter: null, window: null },
  }
  return play.hasModes ? withModes(random, wish, fields) : wish
}

/** What only the newer modes have, and filters. */
function withModes(random: Random, wish: SubscriptionWish, fields: readonly string[]): SubscriptionWish {
  const { mode } = wish
  const names = mode === 'command' ? [...ROW_FIELDS, 'key'] : random.chance(0.2) ? [...fields, ...ROW_FIELDS] : fields
  const filter = random.chance(0.35) ? randomFilter(random, names) : null
  if (mode === 'distinct') {
    const historyMax = random.pick([null, null, 1, 3, 100])
    const hasSnapshot = historyMax !== null || wish.hasSnapshot
    return { ...wish, filter, historyMax, hasSnapshot, bufferSize: random.pick([0, 0, 1, 2, 6]) }
  }
  if (mode !== 'command') return { ...wish, filter }
  const window: RowWindow = {
    sort: random.pick([...ROW_FIELDS, 'key']),
    isDescending: random.chance(0.5),
    from: random.pick([0, 0, 1, 3]),
    count: random.pick([1, 2, 4]),
  }
  const columns = ROW_FIELDS.filter(() => random.chance(0.5))
  const isChosen = random.chance(0.4) && columns.length > 0
  return {
    ...wish,
    filter,
    hasSnapshot: true,
    fields: isChosen ? columns : null,
    window: random.chance(0.4) ? window : null,
  }
}

/** Fields of the rows of tables, beside the key. */
export const ROW_FIELDS = ['price', 'side'] as const

const LITERALS = ['500', '2', '7.611', '-0.001'] as const
const TEXTS = ['x', 'bid', 'ä€', '1', 'k3'] as const
const SIGNS = ['=', '!=', '<', '<=', '>', '>=', '>', '<'] as const

function randomFilter(random: Random, names: readonly string[]): FilterWish {
  const tree: ModelFilter = random.chance(0.6)
    ? randomCondition(random, names)
    : { kind: random.pick(['and', 'or', 'or']), of: [randomCondition(random, names), randomCondition(random, names)] }
  return { text: spelled(random, tree), tree }
}

function randomCondition(random: Random, names: readonly string[]): ModelFilter {
  const field = random.pick(names)
  const kind = random.int(8)
  if (kind === 0) return { kind: 'null', field }
  if (kind === 1) return { kind: 'not', of: { kind: 'null', field } }
  const right =
    kind < 6
      ? ({ kind: 'number', text: random.pick(LITERALS) } as const)
      : ({ kind: 'text', text: random.pick(TEXTS) } as const)
  return { kind: 'compare', left: { kind: 'field', name: field }, sign: random.pick(SIGNS), right }
}

function namesOf({ items, prefixes }: SubscriptionWish): string[] {
  return [...items, ...prefixes.map(prefix => `${prefix}*`)]
}

/** The parameters of a query, joined by `&`. */
export function sessionQuery({ opening, maxDelayMs, maxBandwidth }: SessionWish): string {
  const list = (names: readonly string[]) => names.map(encodeURIComponent).join(',')
  const parameters: string[] = []
  if (opening !== null) {
    const { mode, fields, maxFrequency, hasSnapshot, onLost, filter, window } = opening
    parameters.push(`items=${list(namesOf(opening))}`)
    if (fields !== null) parameters.push(`fields=${list(fields)}`)
    if (mode !== 'merge') parameters.push(`mode=${mode}`)
    if (mode === 'raw') parameters.push(`onLost=${onLost}`)
    if (maxFrequency > 0) parameters.push(`maxFrequency=${maxFrequency}`)
    if (!hasSnapshot) parameters.push('snapshot=false')
    else if (opening.historyMax !== null) parameters.push(`snapshot=${opening.historyMax}`)
    if (opening.bufferSize > 0) parameters.push(`bufferSize=${opening.bufferSize}`)
    if (filter !== null) parameters.push(`filter=${encodeURIComponent(filter.text)}`)
    if (window !== null) parameters.push(...windowOf(window).map(([name, value]) => `${name}=${value}`))
  }
  if (maxDelayMs > 0) parameters.push(`maxDelay=${maxDelayMs}`)
  if (maxBandwidth > 0) parameters.push(`maxBandwidth=${maxBandwidth}`)
  return parameters.join('&')
}

/** What stands behind `"subscribe":` in a request. */
export function subscribeBody(wish: SubscriptionWish): object {
  const { id, mode, fields, maxFrequency, hasSnapshot, onLost, historyMax, bufferSize, filter, window } = wish
  return {
    id,
    items: namesOf(wish),
    mode,
    ...(fields === null ? {} : { fields }),
    ...(maxFrequency > 0 ? { maxFrequency } : {}),
    ...(mode === 'raw' ? { onLost } : {}),
    ...(mode === 'command' ? {} : { snapshot: hasSnapshot && historyMax !== null ? historyMax : hasSnapshot }),
    ...(bufferSize > 0 ? { bufferSize } : {}),
    ...(filter === null ? {} : { filter: filter.text }),
    ...(window === null ? {} : Object.fromEntries(windowOf(window))),
  }
}

function windowOf({ sort, isDescending, from, count }: RowWindow): [string, string | number][] {
  return [
    ['sort', isDescending ? `-${sort}` : sort],
    ['from', from],
    ['count', count],
  ]
}

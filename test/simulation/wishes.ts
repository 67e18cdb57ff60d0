/** What clients ask for: streams and subscriptions, and how they are spelled in a query or a request. */

import type { Random } from '../support/random.ts'
import type { Play } from './faults.ts'

export type Transport = 'sse' | 'ndjson' | 'poll'

export interface SubscriptionWish {
  readonly id: number
  readonly mode: 'merge' | 'raw'
  readonly items: readonly string[]
  /** Beginnings of names, without their `*`. */
  readonly prefixes: readonly string[]
  readonly fields: readonly string[] | null
  /** 0 is none; raw mode has none. */
  readonly maxFrequency: number
  readonly hasSnapshot: boolean
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
  const mode = random.chance(0.4) ? 'raw' : 'merge'
  const some = <T>(list: readonly T[]): T[] => {
    const chosen = list.filter(() => random.chance(0.5))
    return chosen.length > 0 ? chosen : [random.pick(list)]
  }
  const prefixes = play.hasPrefixes && random.chance(0.5) ? some(PREFIXES) : []
  return {
    id,
    mode,
    items: prefixes.length > 0 && random.chance(0.5) ? [] : some(items),
    prefixes,
    // A field that is never sent makes a stream that is silent but for its keepalives.
    fields: random.chance(0.4)
      ? some(random.chance(0.2) ? ['never sent'] : ['never sent', ...fields]).slice(0, fieldsMax)
      : null,
    maxFrequency: mode === 'raw' ? 0 : random.pick([0, 0, 5, 50]),
    hasSnapshot: !(play.hasRequests && random.chance(0.2)),
    onLost: random.pick(['end', 'snapshot']),
  }
}

function namesOf({ items, prefixes }: SubscriptionWish): string[] {
  return [...items, ...prefixes.map(prefix => `${prefix}*`)]
}

/** The parameters of a query, joined by `&`. */
export function sessionQuery({ opening, maxDelayMs, maxBandwidth }: SessionWish): string {
  const list = (names: readonly string[]) => names.map(encodeURIComponent).join(',')
  const parameters: string[] = []
  if (opening !== null) {
    const { mode, fields, maxFrequency, hasSnapshot, onLost } = opening
    parameters.push(`items=${list(namesOf(opening))}`)
    if (fields !== null) parameters.push(`fields=${list(fields)}`)
    if (mode === 'raw') parameters.push('mode=raw', `onLost=${onLost}`)
    if (maxFrequency > 0) parameters.push(`maxFrequency=${maxFrequency}`)
    if (!hasSnapshot) parameters.push('snapshot=false')
  }
  if (maxDelayMs > 0) parameters.push(`maxDelay=${maxDelayMs}`)
  if (maxBandwidth > 0) parameters.push(`maxBandwidth=${maxBandwidth}`)
  return parameters.join('&')
}

/** What stands behind `"subscribe":` in a request. */
export function subscribeBody(wish: SubscriptionWish): object {
  const { id, mode, fields, maxFrequency, hasSnapshot, onLost } = wish
  return {
    id,
    items: namesOf(wish),
    mode,
    ...(fields === null ? {} : { fields }),
    ...(maxFrequency > 0 ? { maxFrequency } : {}),
    ...(mode === 'raw' ? { onLost } : {}),
    snapshot: hasSnapshot,
  }
}

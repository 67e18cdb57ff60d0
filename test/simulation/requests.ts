/** Numbered requests of a client: what it asks of its session, random ones, and what each was answered. */

import type { Random } from '../support/random.ts'
import {
  BANDWIDTHS,
  type Choices,
  DELAYS_MS,
  randomSubscription,
  type SubscriptionWish,
  subscribeBody,
} from './wishes.ts'

export type Verb = 'subscribe' | 'unsubscribe' | 'change' | 'pause' | 'resume' | 'limits' | 'destroy'

export interface ClientRequest {
  readonly number: number
  readonly verb: Verb
  /** Of the subscription; -1 where it is about none. */
  readonly id: number
  /** Of `subscribe`. */
  readonly wish: SubscriptionWish | null
  /** The line. */
  readonly text: string
  /** The record that answered it; null as long as none has come. */
  answer: string | null
}

/** The event that tells what a request has led to. */
export const EVENT_OF_VERB: Readonly<Record<Verb, string | null>> = {
  subscribe: 'subscribed',
  unsubscribe: 'unsubscribed',
  change: 'changed',
  pause: 'paused',
  resume: 'resumed',
  limits: 'limits',
  destroy: null,
}

/** Subscriptions of a client have ids below; 0 is the one of the query. */
const IDS = 4
const VERBS: readonly Verb[] = [
  ...Array<Verb>(8).fill('subscribe'),
  ...Array<Verb>(4).fill('unsubscribe'),
  ...Array<Verb>(4).fill('change'),
  ...Array<Verb>(3).fill('pause'),
  ...Array<Verb>(4).fill('resume'),
]
const LIMIT_VERBS: readonly Verb[] = [...VERBS, ...Array<Verb>(6).fill('limits'), 'destroy']

export function randomRequest(random: Random, number: number, choices: Choices): ClientRequest {
  const verb = random.pick(choices.play.hasLimits ? LIMIT_VERBS : VERBS)
  switch (verb) {
    case 'subscribe': {
      const wish = randomSubscription(random, 1 + random.int(IDS - 1), choices)
      return request(number, verb, wish.id, subscribeBody(wish), wish)
    }
    case 'change': {
      const id = random.int(IDS)
      return request(number, verb, id, { id, maxFrequency: random.pick([null, 2, 20, 200]) })
    }
    case 'limits':
      return request(number, verb, -1, {
        ...(random.chance(0.7) ? { maxBandwidth: random.pick([null, ...BANDWIDTHS]) } : { maxDelay: null }),
        ...(random.chance(0.5) ? { maxDelay: random.pick([null, ...DELAYS_MS]) } : {}),
      })
    case 'destroy':
      return destroyRequest(number)
    default:
      return idRequest(number, verb, random.int(IDS))
  }
}

export function idRequest(number: number, verb: 'unsubscribe' | 'pause' | 'resume', id: number): ClientRequest {
  return request(number, verb, id, id)
}

export function destroyRequest(number: number): ClientRequest {
  return request(number, 'destroy', -1, true)
}

export function noLimits(number: number): ClientRequest {
  return request(number, 'limits', -1, { maxBandwidth: null, maxDelay: null })
}

function request(
  number: number,
  verb: Verb,
  id: number,
  body: unknown,
  wish: SubscriptionWish | null = null,
): ClientRequest {
  return { number, verb, id, wish, text: JSON.stringify({ request: number, [verb]: body }), answer: null }
}

/**
 * What a stream or a poll is to carry (docs/protocol.md, 1), out of the parameters of its query, the id that a browser
 * remembers, and the requests in its body.
 *
 * Invariants (test/rules.md, H):
 *  - A request to bind holds only what is within the limits of the settings.
 *  - A parameter that would have no effect is refused by name, never ignored. A Last-Event-ID that is not of ours is
 *    ignored: browsers and proxies send what they kept from whoever was here before.
 */

import type { BindRequest, Encoding, Transport } from '#src/domain/session-request.ts'
import { MAX_BANDWIDTH_MAX, NUMBER_MAX, type RequestSettings, readRequests } from './client-request.ts'
import type { HttpRequest } from './http-request.ts'
import type { Fault } from './parameters.ts'
import { QueryParameters } from './query-parameters.ts'
import { readSubscription, SUBSCRIPTION_PARAMETERS } from './subscription-request.ts'

export interface BindSettings extends RequestSettings {
  /** The longest and the default hold of a poll. */
  readonly pollWaitMs: number
}

/** The id of the subscription that the parameters of a query make. */
export const QUERY_SUBSCRIPTION_ID = 0

const SESSION_PARAMETERS = ['session', 'position', 'new', 'maxDelay', 'maxBandwidth', 'encoding', 'wait']
const BIND_PARAMETERS = [...SUBSCRIPTION_PARAMETERS, ...SESSION_PARAMETERS]
const SESSION_ID_EXP = /^[A-Za-z0-9_-]{22}$/
const EVENT_ID_EXP = /^([A-Za-z0-9_-]{22})\.(\d{1,16})$/

/** What a poll may ask for; it is held for no longer than the server's pollWaitMs, which is not more either. */
const WAIT_MS_MAX = 600_000

export function readBind(request: HttpRequest, transport: Transport, settings: BindSettings): BindRequest | Fault {
  const query = new QueryParameters(request.query, BIND_PARAMETERS)
  const opening = query.has('items') ? readSubscription(query, QUERY_SUBSCRIPTION_ID, settings) : null
  if (opening === null) refuseAll(query, SUBSCRIPTION_PARAMETERS, 'says nothing without parameter "items"')
  if (transport !== 'poll') refuseAll(query, ['wait'], 'is for /poll')
  const resume = readResume(query, request.headers.get('last-event-id'))
  const mayOpen = query.flag('new', false) || resume === null || opening !== null
  const maxDelayMs = query.integer('maxDelay', 0, settings.maxDelayMsMax, 0)
  const maxBandwidth = query.integer('maxBandwidth', settings.sessionBandwidthMin, MAX_BANDWIDTH_MAX, 0)
  const encoding = query.choice<Encoding>('encoding', ['json', 'terse'])
  if (encoding === 'terse' && transport === 'sse') query.fail('parameter "encoding" must be json over SSE')
  const wishedMs = query.integer('wait', 0, WAIT_MS_MAX, settings.pollWaitMs)
  const waitMs = transport === 'poll' ? Math.min(wishedMs, settings.pollWaitMs) : 0
  if (query.fault !== null) return query.fault
  const requests = request.method === 'POST' ? readRequests(request.body ?? '', settings) : []
  return { transport, encoding, resume, mayOpen, opening, maxDelayMs, maxBandwidth, requests, waitMs }
}

/** The id of a session, in the form that they have; to be used where the query has no fault. */
export function readSessionId(query: QueryParameters): string {
  query.require('session')
  const id = query.text('session', '')
  if (!SESSION_ID_EXP.test(id)) query.fail('parameter "session" must be 22 letters, digits, "-" and "_"')
  return id
}

/** A browser that comes back by itself asks for the same URL: where its stream has come to since, its header tells. */
function readResume(query: QueryParameters, lastEventId: string | undefined): BindRequest['resume'] {
  const remembered = resumeOfEvent(lastEventId ?? '')
  if (!query.has('session') && !query.has('position')) return remembered
  const session = readSessionId(query)
  query.require('position')
  const position = query.integer('position', 0, NUMBER_MAX, 0)
  return remembered ?? { session, position }
}

function resumeOfEvent(id: string): BindRequest['resume'] {
  const [, session, digits] = EVENT_ID_EXP.exec(id) ?? []
  const position = Number(digits)
  return session !== undefined && Number.isSafeInteger(position) ? { session, position } : null
}

function refuseAll(query: QueryParameters, names: readonly string[], why: string): void {
  for (const name of names) if (query.has(name)) query.fail(`${query.named(name)} ${why}`)
}

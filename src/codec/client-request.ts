/**
 * Requests of a session (docs/protocol.md, 3): one JSON object a line, of a WebSocket message or of the body of a POST.
 *
 * Invariants (test/rules.md, K):
 *  - Nothing is thrown: what is wrong with a line becomes a `bad` request in its place, with the request's number where
 *    that could be read, so that its answer comes in order and the lines behind it are carried out.
 *  - What is not `bad` is within the limits of the settings.
 *  - The data of a message stay as they were written, but for blanks: a price of 1.10 and an order number of 20 digits
 *    arrive as such.
 *
 * What depends on the session (whether an id is taken, how many items it has) is not known here.
 */

import { isUtf8 } from 'node:buffer'
import { isName } from '#src/domain/names.ts'
import { type SessionRequest, SUBSCRIPTION_ID_MAX } from '#src/domain/session-request.ts'
import { quoted } from './http-fields.ts'
import { JsonMembers } from './json-members.ts'
import { objectFault } from './json-source.ts'
import type { Fault } from './parameters.ts'
import {
  readFrequency,
  readSubscription,
  SUBSCRIPTION_PARAMETERS,
  type SubscriptionLimits,
} from './subscription-request.ts'

/** The settings that a request is held against; their meaning is told in config.ts. */
export interface RequestSettings extends SubscriptionLimits {
  readonly maxDelayMsMax: number
  /** Bytes a second. */
  readonly sessionBandwidthMin: number
  readonly messageTimeoutMs: number
}

/** Lines in one body that are not blank. It bounds what a body of nonsense costs in answers. */
export const REQUEST_LINES_MAX = 1_024
/** Numbers of requests, and positions. */
export const NUMBER_MAX = Number.MAX_SAFE_INTEGER
/** Bytes a second; more is the same as no limit. */
export const MAX_BANDWIDTH_MAX = 1_000_000_000

const VERBS = ['subscribe', 'change', 'pause', 'resume', 'unsubscribe', 'limits', 'message', 'destroy', 'ack'] as const
type Verb = (typeof VERBS)[number]

const REQUEST_KEYS = ['request', ...VERBS]
const SUBSCRIBE_KEYS = ['id', ...SUBSCRIPTION_PARAMETERS]
const CHANGE_KEYS = ['id', 'maxFrequency']
const LIMITS_KEYS = ['maxBandwidth', 'maxDelay']
const MESSAGE_KEYS = ['to', 'data', 'timeoutMs']
const BLANK_LINE_EXP = /^[ \t\r]*$/

/** The requests of a body, in the order of its lines. One `bad` takes the place of all when the body cannot be read. */
export function readRequests(body: string | Buffer, settings: RequestSettings): readonly SessionRequest[] {
  const isUnicode = typeof body === 'string' ? body.isWellFormed() : isUtf8(body)
  if (!isUnicode) return [invalid('the requests are not UTF-8')]
  const lines = linesOf(body.toString())
  if (lines === null) return [invalid(`more than ${REQUEST_LINES_MAX} requests at once`)]
  return lines.map(line => readRequest(line, settings))
}

/** The lines that are not blank; null when they are too many. */
function linesOf(text: string): readonly string[] | null {
  const lines: string[] = []
  let at = 0
  while (at < text.length) {
    const found = text.indexOf('\n', at)
    const lineEnd = found < 0 ? text.length : found
    const line = text.slice(at, lineEnd)
    if (!BLANK_LINE_EXP.test(line)) {
      if (lines.length === REQUEST_LINES_MAX) return null
      lines.push(line)
    }
    at = lineEnd + 1
  }
  return lines
}

function readRequest(line: string, settings: RequestSettings): SessionRequest {
  const fault = objectFault(line)
  if (fault !== null) return invalid(fault)
  const members = new JsonMembers(line, REQUEST_KEYS)
  const number = members.integer('request', 1, NUMBER_MAX, 0) || null
  const [verb, another] = VERBS.filter(name => members.has(name))
  if (verb === undefined || another !== undefined) {
    members.fail(`a request has one of ${VERBS.join(', ')}`)
  } else {
    const request = readVerb(verb, members, number, settings)
    if (members.fault === null) return request
  }
  return bad(number, members.fault!)
}

function invalid(message: string): SessionRequest {
  return bad(null, { code: 'REQUEST_INVALID', message })
}

function bad(number: number | null, { code, message }: Fault): SessionRequest {
  return { kind: 'bad', number, code, message }
}

/** The request, to be used where `request` has no fault. */
function readVerb(verb: Verb, request: JsonMembers, number: number | null, settings: RequestSettings): SessionRequest {
  switch (verb) {
    case 'subscribe': {
      const members = request.object(verb, SUBSCRIBE_KEYS)
      return { kind: verb, number, subscription: readSubscription(members, readId(members, 'id'), settings) }
    }
    case 'change':
      return readChange(request, number, settings)
    case 'pause':
    case 'resume':
    case 'unsubscribe':
      return { kind: verb, number, id: readId(request, verb) }
    case 'limits':
      return readLimits(request, number, settings)
    case 'message':
      return readMessage(request, number, settings)
    case 'destroy':
      if (!request.flag(verb, false)) request.fail('"destroy" must be true')
      return { kind: verb, number }
    case 'ack':
      if (request.has('request')) request.fail('"ack" has no number: it is never answered')
      return { kind: verb, position: request.integer(verb, 0, NUMBER_MAX, 0) }
  }
}

function readId(members: JsonMembers, name: string): number {
  members.require(name)
  return members.integer(name, 0, SUBSCRIPTION_ID_MAX, 0)
}

function readChange(request: JsonMembers, number: number | null, settings: RequestSettings): SessionRequest {
  const members = request.object('change', CHANGE_KEYS)
  const id = readId(members, 'id')
  members.require('maxFrequency')
  const cap = settings.maxFrequencyCap
  const maxFrequency = members.isNull('maxFrequency') ? cap : readFrequency(members, cap)
  return { kind: 'change', number, id, maxFrequency }
}

function readLimits(request: JsonMembers, number: number | null, settings: RequestSettings): SessionRequest {
  const members = request.object('limits', LIMITS_KEYS)
  if (!LIMITS_KEYS.some(name => members.has(name))) members.fail(`"limits" has neither ${LIMITS_KEYS.join(' nor ')}`)
  const maxBandwidth = readLimit(members, 'maxBandwidth', settings.sessionBandwidthMin, MAX_BANDWIDTH_MAX)
  const maxDelayMs = readLimit(members, 'maxDelay', 0, settings.maxDelayMsMax)
  return { kind: 'limits', number, maxBandwidth, maxDelayMs }
}

/** 0 for null, which lifts the limit; null when it is not spoken of. */
function readLimit(members: JsonMembers, name: string, min: number, max: number): number | null {
  if (!members.has(name)) return null
  return members.isNull(name) ? 0 : members.integer(name, min, max, 0)
}

function readMessage(request: JsonMembers, number: number | null, settings: RequestSettings): SessionRequest {
  const members = request.object('message', MESSAGE_KEYS)
  members.require('to')
  members.require('data')
  const to = members.text('to', '')
  if (!isName(to, settings.itemNameBytesMax)) members.fail(`${quoted(to)} is no name to send a message to`)
  const timeoutMs = members.integer('timeoutMs', 1, settings.messageTimeoutMs, settings.messageTimeoutMs)
  return { kind: 'message', number, to, data: members.json('data'), timeoutMs }
}

/** Messages of a peer that may send none become refusals, `reason` says why; null lets them be. */
export function refuseMessages(requests: readonly SessionRequest[], reason: string | null): readonly SessionRequest[] {
  if (reason === null) return requests
  return requests.map(request => {
    if (request.kind !== 'message') return request
    const { number } = request
    return { kind: 'bad', number, code: 'FORBIDDEN', message: `messages are not taken: ${reason}` }
  })
}

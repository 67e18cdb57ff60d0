/**
 * What a request asks for: paths, queries and bodies to one of a dozen messages, or to a refusal with its reason. Pure:
 * the request, where its peer is and the settings decide.
 *
 *   GET, HEAD     /items  /items/NAME  /sessions  /stages  /metrics  /healthz  /readyz  /
 *   GET           /stream?items=A,B&fields=bid,ask&maxFrequency=2&maxDelay=100&mode=merge|raw&onLost=end|snapshot
 *   POST, DELETE  /items/NAME
 *   OPTIONS       all of them
 *
 * Invariants (test/rules.md, H):
 *  - A message other than `refused` holds only what is within the limits of the settings.
 *  - An unknown or repeated parameter is refused by name, never ignored (the page alone may read its own).
 *
 * Who may publish. There is no password, so `loopback` has to mean a program of this machine, which the peer's address
 * alone does not prove: a browser here runs the scripts of other sites, and a proxy here speaks for the whole world. So:
 *  - a request with an Origin publishes only from a page of its own host (cross-site request forgery);
 *  - `loopback` also asks for a loopback name in Host (a foreign name that resolves to 127.0.0.1: DNS rebinding) and
 *    refuses what a proxy has marked as forwarded.
 */

import { isName } from '#src/domain/names.ts'
import type { Encoding, Mode, OnLost, StreamRequest } from '#src/domain/stream-request.ts'
import type { ClientErrorCode } from '#src/errors.ts'
import { encodingOf } from './http-accept.ts'
import { decodeForm, decodePercent, type FieldLimits, type PublishedField, quoted, readFields } from './http-fields.ts'
import type { HttpRequest } from './http-request.ts'

/** Which peers may do something that not everybody may. */
export type PeerPolicy = 'loopback' | 'any' | 'off'

/** The settings that a request is held against; their meaning is told in config.ts. */
export interface HttpSettings extends FieldLimits {
  readonly itemNameBytesMax: number
  readonly sessionItemsMax: number
  readonly requestHeadBytesMax: number
  readonly requestBodyBytesMax: number
  /** Updates a second an item; 0 is no cap. */
  readonly maxFrequencyCap: number
  readonly maxDelayMsMax: number
  readonly corsOrigin: string
  readonly publishFrom: PeerPolicy
  readonly sessionsFrom: PeerPolicy
}

export interface Refusal {
  readonly kind: 'refused'
  readonly status: number
  readonly code: ClientErrorCode
  readonly message: string
  /** The methods that the path has, with 405. */
  readonly allow?: string
}

export interface StreamMessage {
  readonly kind: 'stream'
  readonly stream: StreamRequest
}

export interface ItemMessage {
  readonly kind: 'item'
  readonly item: string
}

export interface ItemsMessage {
  readonly kind: 'items'
  /** Only names that begin with it; '' is all. */
  readonly prefix: string
  readonly limit: number
  /** Only names behind it; '' is from the first. */
  readonly after: string
}

export interface SessionsMessage {
  readonly kind: 'sessions'
  readonly limit: number
}

export interface PublishMessage {
  readonly kind: 'publish'
  readonly item: string
  readonly fields: readonly PublishedField[]
  readonly isSnapshot: boolean
  /** The time that the update claims for itself, in ms since 1970; NaN when it names none. */
  readonly timeMs: number
}

export interface DeleteMessage {
  readonly kind: 'delete'
  readonly item: string
}

export interface PreflightMessage {
  readonly kind: 'preflight'
  readonly allow: string
}

export interface PlainMessage {
  readonly kind: 'stages' | 'metrics' | 'health' | 'ready' | 'page'
}

export type RequestMessage =
  | StreamMessage
  | ItemMessage
  | ItemsMessage
  | SessionsMessage
  | PublishMessage
  | DeleteMessage
  | PreflightMessage
  | PlainMessage
  | Refusal

/** Names in one answer, when the request does not say, and at most. */
export const LIST_LIMIT_DEFAULT = 1_000
export const LIST_LIMIT_MAX = 10_000
/** The most updates a second of an item that anybody may ask for; more is the same as no limit. */
export const MAX_FREQUENCY_MAX = 1_000
/** The last millisecond that a Date knows. */
const TIME_MS_MAX = 8_640_000_000_000_000

const ITEM_PATH = '/items/'
const DECIMAL_EXP = /^\d{1,9}(?:\.\d{1,9})?$/
const INTEGER_EXP = /^\d{1,16}$/
const LOOPBACK_HOST_EXP = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i

type Place = 'page' | 'stream' | 'items' | 'item' | 'sessions' | 'stages' | 'metrics' | 'health' | 'ready' | 'any'

const PATHS: ReadonlyMap<string, Place> = new Map([
  ['/', 'page'],
  ['/stream', 'stream'],
  ['/items', 'items'],
  ['/sessions', 'sessions'],
  ['/stages', 'stages'],
  ['/metrics', 'metrics'],
  ['/healthz', 'health'],
  ['/readyz', 'ready'],
  ['*', 'any'],
])

const READ = 'GET, HEAD, OPTIONS'
const METHODS: Readonly<Record<Place, string>> = {
  page: READ,
  stream: 'GET, OPTIONS',
  items: READ,
  item: 'GET, HEAD, POST, DELETE, OPTIONS',
  sessions: READ,
  stages: READ,
  metrics: READ,
  health: READ,
  ready: READ,
  any: 'OPTIONS',
}

const STREAM_PARAMETERS = ['items', 'fields', 'maxFrequency', 'maxDelay', 'mode', 'onLost']
const ITEMS_PARAMETERS = ['prefix', 'limit', 'after']
const SESSIONS_PARAMETERS = ['limit']
const PUBLISH_PARAMETERS = ['snapshot', 'time']

type Parameters = ReadonlyMap<string, string>

function refused(status: number, code: ClientErrorCode, message: string): Refusal {
  return { kind: 'refused', status, code, message }
}

function queryInvalid(message: string): Refusal {
  return refused(400, 'QUERY_INVALID', message)
}

function isRefusal(value: object | string | number): value is Refusal {
  return typeof value === 'object' && 'kind' in value && value.kind === 'refused'
}

/** What the request asks for. `peerIsLoopback`: the socket's other end is an address of this machine's loopback. */
export function interpret(request: HttpRequest, peerIsLoopback: boolean, settings: HttpSettings): RequestMessage {
  const place = request.path.startsWith(ITEM_PATH) ? 'item' : PATHS.get(request.path)
  if (place === undefined) return refused(404, 'PATH_NOT_FOUND', `no such path: ${quoted(request.path)}`)
  const allow = METHODS[place]
  if (request.method === 'OPTIONS') return { kind: 'preflight', allow }
  if (!allow.split(', ').includes(request.method)) {
    return { ...refused(405, 'METHOD_NOT_ALLOWED', `${request.method} is not a method of this path`), allow }
  }
  switch (place) {
    case 'stream':
      return streamOf(request, settings)
    case 'items':
      return itemsOf(request, settings)
    case 'item':
      return itemOf(request, peerIsLoopback, settings)
    case 'sessions':
      return sessionsOf(request, peerIsLoopback, settings)
    case 'page':
      return { kind: 'page' }
    case 'any':
      return refused(404, 'PATH_NOT_FOUND', 'no such path: "*"')
    default:
      return plainOf(request, place)
  }
}

/**
 * The origin whose pages may read the answer to `message` ('' for none). What a program of this machine may see is not
 * for pages that happen to be open on it.
 */
export function corsOriginOf(message: RequestMessage, settings: HttpSettings): string {
  switch (message.kind) {
    case 'stream':
    case 'item':
    case 'items':
    case 'health':
    case 'ready':
    case 'preflight':
    case 'refused':
      return settings.corsOrigin
    default:
      return ''
  }
}

function plainOf(request: HttpRequest, kind: 'stages' | 'metrics' | 'health' | 'ready'): RequestMessage {
  const parameters = parametersOf(request.query, [])
  return isRefusal(parameters) ? parameters : { kind }
}

function streamOf(request: HttpRequest, settings: HttpSettings): StreamMessage | Refusal {
  const encoding = encodingOf(request.headers.get('accept'))
  if (encoding === null) {
    return refused(406, 'NOT_ACCEPTABLE', 'a stream is text/event-stream or application/x-ndjson')
  }
  const parameters = parametersOf(request.query, STREAM_PARAMETERS)
  if (isRefusal(parameters)) return parameters
  const items = itemNamesOf(parameters, settings)
  if (isRefusal(items)) return items
  const fields = fieldNamesOf(parameters, settings)
  if (fields !== null && isRefusal(fields)) return fields
  const maxFrequency = frequencyOf(parameters, settings)
  if (typeof maxFrequency !== 'number') return maxFrequency
  const maxDelayMs = integerOf(parameters, 'maxDelay', 0, 0, settings.maxDelayMsMax)
  if (typeof maxDelayMs !== 'number') return maxDelayMs
  const mode = choiceOf<Mode>(parameters, 'mode', ['merge', 'raw'])
  if (typeof mode !== 'string') return mode
  const onLost = choiceOf<OnLost>(parameters, 'onLost', ['end', 'snapshot'])
  if (typeof onLost !== 'string') return onLost
  if (mode !== 'raw' && parameters.has('onLost')) return queryInvalid('parameter "onLost" is for mode=raw')
  if (mode === 'raw' && parameters.has('maxFrequency')) {
    return queryInvalid('parameter "maxFrequency" is for mode=merge: raw mode gives every update')
  }
  const stream = streamRequest(encoding, mode, items, fields, maxFrequency, maxDelayMs, onLost)
  return { kind: 'stream', stream }
}

function streamRequest(
  encoding: Encoding,
  mode: Mode,
  items: readonly string[],
  fields: readonly string[] | null,
  maxFrequency: number,
  maxDelayMs: number,
  onLost: OnLost,
): StreamRequest {
  return { encoding, mode, items, fields, maxFrequency, maxDelayMs, onLost }
}

function itemNamesOf(parameters: Parameters, settings: HttpSettings): readonly string[] | Refusal {
  const text = parameters.get('items')
  if (text === undefined) return queryInvalid('parameter "items" is missing')
  const names = text.split(',')
  if (names.length > settings.sessionItemsMax) {
    return refused(400, 'ITEMS_TOO_MANY', `more than ${settings.sessionItemsMax} items in one stream`)
  }
  for (const name of names) {
    if (!isName(name, settings.itemNameBytesMax)) return itemNameInvalid(name)
  }
  const twice = firstRepeated(names)
  return twice === null ? names : queryInvalid(`item ${quoted(twice)} stands twice in parameter "items"`)
}

function fieldNamesOf(parameters: Parameters, settings: HttpSettings): readonly string[] | null | Refusal {
  const text = parameters.get('fields')
  if (text === undefined) return null
  const names = text.split(',')
  if (names.length > settings.fieldsMax) {
    return queryInvalid(`more than ${settings.fieldsMax} names in parameter "fields"`)
  }
  for (const name of names) {
    if (!isName(name, settings.fieldNameBytesMax)) {
      return refused(400, 'FIELD_NAME_INVALID', `${quoted(name)} is no name of a field`)
    }
  }
  const twice = firstRepeated(names)
  return twice === null ? names : queryInvalid(`field ${quoted(twice)} stands twice in parameter "fields"`)
}

function itemNameInvalid(name: string): Refusal {
  return refused(400, 'ITEM_NAME_INVALID', `${quoted(name)} is no name of an item`)
}

function firstRepeated(names: readonly string[]): string | null {
  const seen = new Set<string>()
  for (const name of names) {
    if (seen.has(name)) return name
    seen.add(name)
  }
  return null
}

/** A wish above the cap is cut to it, and so is no wish. */
function frequencyOf(parameters: Parameters, settings: HttpSettings): number | Refusal {
  const cap = settings.maxFrequencyCap
  const text = parameters.get('maxFrequency')
  if (text === undefined) return cap
  const wish = DECIMAL_EXP.test(text) ? Number(text) : 0
  if (wish <= 0 || wish > MAX_FREQUENCY_MAX) {
    return queryInvalid(`parameter "maxFrequency" must be a number above 0, at most ${MAX_FREQUENCY_MAX}`)
  }
  return cap > 0 ? Math.min(wish, cap) : wish
}

function itemsOf(request: HttpRequest, settings: HttpSettings): ItemsMessage | Refusal {
  const parameters = parametersOf(request.query, ITEMS_PARAMETERS)
  if (isRefusal(parameters)) return parameters
  const limit = integerOf(parameters, 'limit', LIST_LIMIT_DEFAULT, 1, LIST_LIMIT_MAX)
  if (typeof limit !== 'number') return limit
  const prefix = parameters.get('prefix') ?? ''
  // A prefix may end with a space, which no name does.
  if (prefix !== '' && !isName(`${prefix}.`, settings.itemNameBytesMax + 1)) return itemNameInvalid(prefix)
  const after = parameters.get('after') ?? ''
  if (after !== '' && !isName(after, settings.itemNameBytesMax)) return itemNameInvalid(after)
  return { kind: 'items', prefix, limit, after }
}

function sessionsOf(request: HttpRequest, peerIsLoopback: boolean, settings: HttpSettings): SessionsMessage | Refusal {
  const parameters = parametersOf(request.query, SESSIONS_PARAMETERS)
  if (isRefusal(parameters)) return parameters
  const reason = hindrance(request, peerIsLoopback, settings.sessionsFrom)
  if (reason !== null) return refused(403, 'FORBIDDEN', `sessions are not shown: ${reason}`)
  const limit = integerOf(parameters, 'limit', LIST_LIMIT_DEFAULT, 1, LIST_LIMIT_MAX)
  return typeof limit === 'number' ? { kind: 'sessions', limit } : limit
}

/** /items/NAME, whatever the method. The name may hold slashes. */
function itemOf(
  request: HttpRequest,
  peerIsLoopback: boolean,
  settings: HttpSettings,
): ItemMessage | PublishMessage | DeleteMessage | Refusal {
  const name = request.path.slice(ITEM_PATH.length)
  const item = decodePercent(name)
  if (item === null) return refused(400, 'ITEM_NAME_INVALID', `${quoted(name)} is not percent-encoded UTF-8`)
  if (!isName(item, settings.itemNameBytesMax)) return itemNameInvalid(item)
  const parameters = parametersOf(request.query, request.method === 'POST' ? PUBLISH_PARAMETERS : [])
  if (isRefusal(parameters)) return parameters
  if (request.method !== 'POST' && request.method !== 'DELETE') return { kind: 'item', item }
  const reason = hindrance(request, peerIsLoopback, settings.publishFrom) ?? foreignOrigin(request)
  if (reason !== null) return refused(403, 'FORBIDDEN', `publishing is not allowed: ${reason}`)
  return request.method === 'DELETE' ? { kind: 'delete', item } : publishOf(request, item, parameters, settings)
}

function publishOf(
  request: HttpRequest,
  item: string,
  parameters: Parameters,
  settings: HttpSettings,
): PublishMessage | Refusal {
  const snapshot = choiceOf(parameters, 'snapshot', ['false', 'true'])
  if (typeof snapshot !== 'string') return snapshot
  const timeMs = integerOf(parameters, 'time', Number.NaN, 0, TIME_MS_MAX)
  if (typeof timeMs !== 'number') return timeMs
  const fields = readFields(request.body, request.headers.get('content-type'), settings)
  if ('status' in fields) return { kind: 'refused', ...fields }
  return { kind: 'publish', item, fields, isSnapshot: snapshot === 'true', timeMs }
}

/** Why this peer may not do what `policy` guards; null when it may. */
function hindrance(request: HttpRequest, peerIsLoopback: boolean, policy: PeerPolicy): string | null {
  if (policy === 'any') return null
  if (policy === 'off') return 'it is switched off'
  if (!peerIsLoopback) return 'only programs of this machine may'
  if (request.headers.has('forwarded') || request.headers.has('x-forwarded-for')) return 'the request was forwarded'
  const host = request.headers.get('host')
  // Only HTTP/1.0 comes without Host; no browser speaks it.
  return host === undefined || LOOPBACK_HOST_EXP.test(host) ? null : 'Host is not a loopback name, such as localhost'
}

/** Why the page that sent this may not; null without a page, or when it is one of ours. */
function foreignOrigin(request: HttpRequest): string | null {
  const origin = request.headers.get('origin')
  if (origin === undefined) return null
  const host = request.headers.get('host')
  const reason = 'the request comes from a page of another origin'
  if (host === undefined || !/^https?:\/\//i.test(origin) || !URL.canParse(origin)) return reason
  const scheme = origin.slice(0, origin.indexOf(':'))
  const own = `${scheme}://${host}`
  return URL.canParse(own) && new URL(own).origin === new URL(origin).origin ? null : reason
}

/** The parameters of a query, decoded; a refusal for one that is unknown, repeated or badly encoded. */
function parametersOf(query: string, known: readonly string[]): Parameters | Refusal {
  const parameters = new Map<string, string>()
  if (query === '') return parameters
  for (const pair of query.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decodeForm(equals < 0 ? pair : pair.slice(0, equals))
    const value = decodeForm(equals < 0 ? '' : pair.slice(equals + 1))
    if (name === null || value === null) return queryInvalid(`${quoted(pair)} is not percent-encoded UTF-8`)
    if (!known.includes(name)) return queryInvalid(`unknown parameter ${quoted(name)}`)
    if (parameters.has(name)) return queryInvalid(`parameter ${quoted(name)} stands twice`)
    parameters.set(name, value)
  }
  return parameters
}

function integerOf(parameters: Parameters, name: string, absent: number, min: number, max: number): number | Refusal {
  const text = parameters.get(name)
  if (text === undefined) return absent
  const value = INTEGER_EXP.test(text) ? Number(text) : -1
  return value >= min && value <= max
    ? value
    : queryInvalid(`parameter "${name}" must be an integer from ${min} to ${max}`)
}

/** One of the choices; the first when the parameter is absent. */
function choiceOf<T extends string>(parameters: Parameters, name: string, choices: readonly [T, ...T[]]): T | Refusal {
  const text = parameters.get(name)
  if (text === undefined) return choices[0]
  return choices.find(choice => choice === text) ?? queryInvalid(`parameter "${name}" must be ${choices.join(' or ')}`)
}

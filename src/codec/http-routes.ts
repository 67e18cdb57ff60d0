/**
 * What a request asks for: paths, queries and bodies to one of a dozen messages, or to a refusal with its reason. Pure:
 * the request, where its peer is and the settings decide.
 *
 *   GET, HEAD     /items  /items/NAME  /sessions  /stages  /metrics  /healthz  /readyz  /  /page/FILE  /client/FILE
 *   GET, POST     /stream  /poll (stream-query.ts); GET /stream may be an upgrade to WebSocket
 *   POST          /control?session=ID
 *   POST, DELETE  /items/NAME
 *   GET           /echo, an upgrade to WebSocket, where the settings let it
 *   OPTIONS       all of them
 *
 * Invariants (test/rules.md, H):
 *  - A message other than `refused` holds only what is within the limits of the settings.
 *  - An unknown or repeated parameter is refused by name, never ignored (the page alone may read its own).
 *  - Who may do more than read is decided in http-access.ts, and asked here for every message that does.
 */

import { isName } from '#src/domain/names.ts'
import type { BindRequest, SessionRequest } from '#src/domain/session-request.ts'
import type { ClientErrorCode } from '#src/errors.ts'
import { readRequests, refuseMessages } from './client-request.ts'
import { transportOf } from './http-accept.ts'
import { foreignOrigin, hindrance, messageHindrance, type PeerPolicy, strangeOrigin } from './http-access.ts'
import { decodePercent, type FieldLimits, type PublishedField, quoted, readFields } from './http-fields.ts'
import type { HttpRequest } from './http-request.ts'
import type { Preflight } from './http-response.ts'
import { isUpgradeToWebSocket } from './http-upgrade.ts'
import type { Fault } from './parameters.ts'
import { QueryParameters } from './query-parameters.ts'
import { type BindSettings, readBind, readSessionId } from './stream-query.ts'
import { isItemPrefix } from './subscription-request.ts'

/** The settings that a request is held against; their meaning is told in config.ts. */
export interface HttpSettings extends FieldLimits, BindSettings {
  readonly requestHeadBytesMax: number
  readonly requestBodyBytesMax: number
  readonly corsOrigin: string
  readonly publishFrom: PeerPolicy
  readonly sessionsFrom: PeerPolicy
  readonly messagesFrom: PeerPolicy
  readonly echo: boolean
}

export interface Refusal extends Fault {
  readonly kind: 'refused'
  readonly status: number
  /** The methods that the path has, with 405. */
  readonly allow?: string
}

/** A stream or a poll. */
export interface BindMessage {
  readonly kind: 'bind'
  readonly bind: BindRequest
  /** To WebSocket. Whether its handshake is a good one is not known yet. */
  readonly isUpgrade: boolean
  /** Why messages that come later over the WebSocket are refused; null when they are not. */
  readonly messageHindrance: string | null
}

export interface ControlMessage {
  readonly kind: 'control'
  readonly session: string
  readonly requests: readonly SessionRequest[]
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

export interface PreflightMessage extends Preflight {
  readonly kind: 'preflight'
}

/** The page, a part of it, or a module of the client library. */
export interface PageMessage {
  readonly kind: 'page'
  readonly path: string
}

export interface PlainMessage {
  readonly kind: 'stages' | 'metrics' | 'health' | 'ready' | 'echo'
}

export type RequestMessage =
  | BindMessage
  | ControlMessage
  | ItemMessage
  | ItemsMessage
  | SessionsMessage
  | PublishMessage
  | DeleteMessage
  | PreflightMessage
  | PageMessage
  | PlainMessage
  | Refusal

/** Names in one answer, when the request does not say, and at most. */
export const LIST_LIMIT_DEFAULT = 1_000
export const LIST_LIMIT_MAX = 10_000
/** The last millisecond that a Date knows. */
const TIME_MS_MAX = 8_640_000_000_000_000

const ITEM_PATH = '/items/'
const CLIENT_PATH = '/client/'
const PAGE_PATHS = ['/page/', CLIENT_PATH]

const PATHS = {
  '/': 'page',
  '/stream': 'stream',
  '/poll': 'poll',
  '/control': 'control',
  '/echo': 'echo',
  '/items': 'items',
  '/sessions': 'sessions',
  '/stages': 'stages',
  '/metrics': 'metrics',
  '/healthz': 'health',
  '/readyz': 'ready',
  '*': 'any',
} as const

type Place = (typeof PATHS)[keyof typeof PATHS] | 'item'

const PLACES: ReadonlyMap<string, Place> = new Map(Object.entries(PATHS))

const READ = 'GET, HEAD, OPTIONS'
const METHODS: Readonly<Record<Place, string>> = {
  page: READ,
  stream: 'GET, POST, OPTIONS',
  poll: 'GET, POST, OPTIONS',
  control: 'POST, OPTIONS',
  echo: 'GET, OPTIONS',
  items: READ,
  item: 'GET, HEAD, POST, DELETE, OPTIONS',
  sessions: READ,
  stages: READ,
  metrics: READ,
  health: READ,
  ready: READ,
  any: 'OPTIONS',
}

const CONTROL_PARAMETERS = ['session']
const ITEMS_PARAMETERS = ['prefix', 'limit', 'after']
const SESSIONS_PARAMETERS = ['limit']
const PUBLISH_PARAMETERS = ['snapshot', 'time']

function refused(status: number, code: ClientErrorCode, message: string): Refusal {
  return { kind: 'refused', status, code, message }
}

/** The message, when its query has no fault. */
function unlessFaulty<T extends RequestMessage>(query: QueryParameters, message: T): T | Refusal {
  const { fault } = query
  return fault === null ? message : refused(400, fault.code, fault.message)
}

/** What the request asks for. `peerIsLoopback`: the socket's other end is an address of this machine's loopback. */
export function interpret(request: HttpRequest, peerIsLoopback: boolean, settings: HttpSettings): RequestMessage {
  const place = placeOf(request, settings)
  if (place === undefined) return pathNotFound(request)
  const allow = METHODS[place]
  if (request.method === 'OPTIONS') {
    // Publishing is not for pages of another origin.
    return { kind: 'preflight', allow, crossOriginAllow: place === 'item' ? READ : allow }
  }
  if (!allow.split(', ').includes(request.method)) {
    return { ...refused(405, 'METHOD_NOT_ALLOWED', `${request.method} is not a method of this path`), allow }
  }
  switch (place) {
    case 'stream':
    case 'poll':
      return bindOf(request, place, peerIsLoopback, settings)
    case 'control':
      return controlOf(request, peerIsLoopback, settings)
    case 'echo':
      return isUpgradeToWebSocket(request) ? { kind: place } : pathNotFound(request)
    case 'items':
      return itemsOf(request, settings)
    case 'item':
      return itemOf(request, peerIsLoopback, settings)
    case 'sessions':
      return sessionsOf(request, peerIsLoopback, settings)
    case 'page':
      return { kind: place, path: request.path }
    case 'any':
      return pathNotFound(request)
    default:
      return unlessFaulty(new QueryParameters(request.query, []), { kind: place })
  }
}

/**
 * The origin whose pages may read the answer to `message` ('' for none). What a program of this machine may see is not
 * for pages that happen to be open on it. Who may read values may also run the client library, from here.
 */
export function corsOriginOf(message: RequestMessage, settings: HttpSettings): string {
  switch (message.kind) {
    case 'bind':
    case 'control':
    case 'item':
    case 'items':
    case 'health':
    case 'ready':
    case 'preflight':
    case 'refused':
      return settings.corsOrigin
    case 'page':
      return message.path.startsWith(CLIENT_PATH) ? settings.corsOrigin : ''
    default:
      return ''
  }
}

function placeOf(request: HttpRequest, settings: HttpSettings): Place | undefined {
  if (request.path.startsWith(ITEM_PATH)) return 'item'
  if (PAGE_PATHS.some(prefix => request.path.startsWith(prefix))) return 'page'
  const place = PLACES.get(request.path)
  return place === 'echo' && !settings.echo ? undefined : place
}

function pathNotFound(request: HttpRequest): Refusal {
  return refused(404, 'PATH_NOT_FOUND', `no such path: ${quoted(request.path)}`)
}

function bindOf(
  request: HttpRequest,
  place: 'stream' | 'poll',
  peerIsLoopback: boolean,
  settings: HttpSettings,
): BindMessage | Refusal {
  const isUpgrade = place === 'stream' && isUpgradeToWebSocket(request)
  const accepted = place === 'poll' ? place : transportOf(request.headers.get('accept'))
  const transport = isUpgrade ? 'websocket' : accepted
  if (transport === null) {
    return refused(406, 'NOT_ACCEPTABLE', 'a stream is text/event-stream or application/x-ndjson')
  }
  const reason = isUpgrade || request.method === 'POST' ? strangeOrigin(request, settings.corsOrigin) : null
  if (reason !== null) return sessionForbidden(reason)
  const bind = readBind(request, transport, settings)
  if ('code' in bind) return refused(400, bind.code, bind.message)
  const hindered = messageHindrance(request, peerIsLoopback, settings.messagesFrom)
  const requests = refuseMessages(bind.requests, hindered)
  return { kind: 'bind', bind: { ...bind, requests }, isUpgrade, messageHindrance: hindered }
}

function controlOf(request: HttpRequest, peerIsLoopback: boolean, settings: HttpSettings): ControlMessage | Refusal {
  const reason = strangeOrigin(request, settings.corsOrigin)
  if (reason !== null) return sessionForbidden(reason)
  const query = new QueryParameters(request.query, CONTROL_PARAMETERS)
  const session = readSessionId(query)
  const hindered = messageHindrance(request, peerIsLoopback, settings.messagesFrom)
  const requests = refuseMessages(readRequests(request.body ?? '', settings), hindered)
  return unlessFaulty(query, { kind: 'control', session, requests })
}

function sessionForbidden(reason: string): Refusal {
  return refused(403, 'FORBIDDEN', `sessions are neither opened nor controlled: ${reason}`)
}

function noItemName(name: string): string {
  return `${quoted(name)} is no name of an item`
}

function itemsOf(request: HttpRequest, settings: HttpSettings): ItemsMessage | Refusal {
  const query = new QueryParameters(request.query, ITEMS_PARAMETERS)
  const limit = query.integer('limit', 1, LIST_LIMIT_MAX, LIST_LIMIT_DEFAULT)
  const prefix = query.text('prefix', '')
  if (!isItemPrefix(prefix, settings.itemNameBytesMax)) query.fail(noItemName(prefix), 'ITEM_NAME_INVALID')
  const after = query.text('after', '')
  if (after !== '' && !isName(after, settings.itemNameBytesMax)) query.fail(noItemName(after), 'ITEM_NAME_INVALID')
  return unlessFaulty(query, { kind: 'items', prefix, limit, after })
}

function sessionsOf(request: HttpRequest, peerIsLoopback: boolean, settings: HttpSettings): SessionsMessage | Refusal {
  const reason = hindrance(request, peerIsLoopback, settings.sessionsFrom)
  if (reason !== null) return refused(403, 'FORBIDDEN', `sessions are not shown: ${reason}`)
  const query = new QueryParameters(request.query, SESSIONS_PARAMETERS)
  const limit = query.integer('limit', 1, LIST_LIMIT_MAX, LIST_LIMIT_DEFAULT)
  return unlessFaulty(query, { kind: 'sessions', limit })
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
  if (!isName(item, settings.itemNameBytesMax)) return refused(400, 'ITEM_NAME_INVALID', noItemName(item))
  const { method } = request
  const query = new QueryParameters(request.query, method === 'POST' ? PUBLISH_PARAMETERS : [])
  if (method !== 'POST' && method !== 'DELETE') return unlessFaulty(query, { kind: 'item', item })
  const reason = hindrance(request, peerIsLoopback, settings.publishFrom) ?? foreignOrigin(request)
  if (reason !== null) return refused(403, 'FORBIDDEN', `publishing is not allowed: ${reason}`)
  return method === 'DELETE' ? unlessFaulty(query, { kind: 'delete', item }) : publishOf(request, item, query, settings)
}

function publishOf(
  request: HttpRequest,
  item: string,
  query: QueryParameters,
  settings: HttpSettings,
): PublishMessage | Refusal {
  const isSnapshot = query.flag('snapshot', false)
  const timeMs = query.integer('time', 0, TIME_MS_MAX, Number.NaN)
  const fields = readFields(request.body, request.headers.get('content-type'), settings)
  if ('status' in fields) return unlessFaulty(query, { kind: 'refused', ...fields })
  return unlessFaulty(query, { kind: 'publish', item, fields, isSnapshot, timeMs })
}

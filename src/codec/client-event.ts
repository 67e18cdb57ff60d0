/**
 * The events that a session is told of (docs/protocol.md, 1 and 2), each as the JSON text of its record, without
 * framing. It holds no line end, so that SSE and NDJSON may carry it as it is.
 *
 * Limits are handed in as they are kept, with 0 for none, and told as the protocol does, with null.
 */

import type { ClientErrorCode } from '#src/errors.ts'
import { compactJson } from './json-source.ts'

export interface EventError {
  /** One of ClientErrorCode, or that of a message's handler. */
  readonly code: string
  readonly message: string
}

/** A session that a stream asked for by its position and that begins anew. */
export interface Renewal {
  readonly why: Extract<ClientErrorCode, 'SESSION_UNKNOWN' | 'POSITION_UNKNOWN' | 'POSITION_TOO_OLD'>
  /** What the session has kept; null when it is a new one. */
  readonly kept: {
    /** Ids of subscriptions. */
    readonly subscriptions: readonly number[]
    /** The number that its next request is expected to have. */
    readonly nextRequest: number
  } | null
}

export interface Welcome {
  readonly session: string
  readonly epoch: string
  readonly position: number
  readonly keepaliveMs: number
  readonly resumeMs: number
  /** How the stream goes on from the one before; `new` when none was asked for. */
  readonly recovery: 'new' | 'recovered' | Renewal
}

/** The first record of a stream. */
export function welcomeEvent(welcome: Welcome): string {
  const { session, epoch, position, keepaliveMs, resumeMs, recovery } = welcome
  const told = { session, epoch, position, keepaliveMs, resumeMs }
  if (recovery === 'new') return JSON.stringify(told)
  if (recovery === 'recovered') return JSON.stringify({ ...told, recovered: true })
  const { why, kept } = recovery
  if (kept === null) return JSON.stringify({ ...told, recovered: false, why })
  const { subscriptions, nextRequest } = kept
  return JSON.stringify({ ...told, recovered: false, why, subscriptions, request: nextRequest })
}

/** `items`: how many the subscription has now. `maxFrequency` in updates a second, left out when there is no limit. */
export function subscribedEvent(id: number, items: number, maxFrequency: number): string {
  const limit = maxFrequency > 0 ? `,"maxFrequency":${maxFrequency}` : ''
  return `{"subscribed":${id},"items":${items}${limit}}`
}

export function changedEvent(id: number, maxFrequency: number): string {
  return `{"changed":${id},"maxFrequency":${limitText(maxFrequency)}}`
}

export function pausedEvent(id: number): string {
  return `{"paused":${id}}`
}

export function resumedEvent(id: number): string {
  return `{"resumed":${id}}`
}

/** `error` tells why, where the client has not asked for it. */
export function unsubscribedEvent(id: number, error: EventError | null): string {
  return `{"unsubscribed":${id}${errorMember(error)}}`
}

/** In bytes a second, and ms. */
export function limitsEvent(maxBandwidth: number, maxDelayMs: number): string {
  return `{"limits":{"maxBandwidth":${limitText(maxBandwidth)},"maxDelay":${limitText(maxDelayMs)}}}`
}

/** `number` of a request, null when it had none. With `error` it was refused. */
export function answerEvent(number: number | null, error: EventError | null): string {
  return `{"answer":${number}${errorMember(error)}}`
}

/** What became of the message that was request `number`. `result` is the JSON text that its handler answered. */
export function outcomeEvent(number: number | null, result: string): string {
  return `{"outcome":${number},"result":${compactJson(result)}}`
}

/** No handler has taken the message that was request `number`, or it has refused it. */
export function outcomeErrorEvent(number: number | null, error: EventError): string {
  return `{"outcome":${number}${errorMember(error)}}`
}

/** The last record of a stream. `retryMs`: when to come back; null when the session is no more. */
export function closingEvent(error: EventError, retryMs: number | null): string {
  const { code, message } = error
  return JSON.stringify({ closing: { code, message, ...(retryMs === null ? {} : { retryMs }) } })
}

function limitText(limit: number): string {
  return limit > 0 ? String(limit) : 'null'
}

function errorMember(error: EventError | null): string {
  return error === null ? '' : `,"error":${JSON.stringify({ code: error.code, message: error.message })}`
}

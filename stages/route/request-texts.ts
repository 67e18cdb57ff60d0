/** What route makes of requests and of what cores answer them: texts, without any state. */

import type { RequestMessage } from '#src/codec/http-routes.ts'
import type { SessionRequest } from '#src/domain/session-request.ts'
import type { ClientErrorCode } from '#src/errors.ts'

/** Why a stream or a poll is not begun: the status, and what is told beside the code. */
export const BIND_REFUSALS: Readonly<Partial<Record<ClientErrorCode, readonly [number, string]>>> = {
  SESSION_UNKNOWN: [404, 'there is no such session'],
  SESSION_REBOUND: [409, 'another stream has taken the session'],
  MODE_NOT_ALLOWED: [400, 'an item of the request is not read in this mode'],
  ITEMS_TOO_MANY: [400, 'more items than a session may have'],
  FILTERS_TOO_LONG: [400, 'longer filters than a session may have'],
  ROWS_TOO_MANY: [400, 'tables of more rows than a session may have'],
  SESSIONS_TOO_MANY: [503, 'the server has as many sessions as it may'],
}
export const BUSY = [503, 'the server is full'] as const

/** Stands for a request that fits no queue. */
export function tooLong(request: SessionRequest): SessionRequest {
  const number = 'number' in request ? request.number : null
  return { kind: 'bad', number, code: 'REQUEST_BODY_TOO_LARGE', message: 'the request fits no queue' }
}

/** What is published over HTTP, as a feed's line. */
export function publishLine(message: Extract<RequestMessage, { kind: 'publish' }>): string {
  const fields = message.fields.map(
    ([name, content]) => `${JSON.stringify(name)}:${content === null ? 'null' : `"${content}"`}`,
  )
  const time = Number.isNaN(message.timeMs) ? '' : `,"time":${message.timeMs}`
  const snapshot = message.isSnapshot ? ',"snapshot":true' : ''
  return `{"item":${JSON.stringify(message.item)}${snapshot}${time},"fields":{${fields.join(',')}}}`
}

/** Sorted names of several cores as one page. What lies behind the last name of a part that was cut is not known yet. */
export function mergeNames(parts: readonly { isCut: boolean; body: string }[], limit: number): string {
  let bound: string | null = null
  const all: string[] = []
  for (const part of parts) {
    const names = JSON.parse(part.body) as string[]
    const last = names.at(-1)
    if (part.isCut && last !== undefined && (bound === null || last < bound)) bound = last
    all.push(...names)
  }
  all.sort()
  const known = bound === null ? all : all.filter(name => name <= bound)
  const names = known.slice(0, limit)
  const isCut = names.length < all.length || bound !== null
  return JSON.stringify({ items: names, next: isCut ? (names.at(-1) ?? null) : null })
}

/** True for an address of this machine's loopback. */
export function isLoopback(address: string | undefined): boolean {
  if (address === undefined) return false
  return address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.')
}

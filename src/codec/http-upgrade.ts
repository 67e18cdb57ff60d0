/** Whether a request asks for another protocol on its connection: Upgrade and Connection are lists (RFC 9110, 7.8). */

import type { HttpRequest } from './http-request.ts'

const LIST_EXP = /[ \t]*,[ \t]*/

/** A server does not upgrade HTTP/1.0, and WebSocket begins with a GET. */
export function isUpgradeToWebSocket(request: HttpRequest): boolean {
  if (request.method !== 'GET' || request.isHttp10) return false
  return hasToken(request, 'upgrade', 'websocket') && hasToken(request, 'connection', 'upgrade')
}

/** Whether the header is a list that holds the token (in lower case), in whatever case. */
export function hasToken(request: HttpRequest, header: string, token: string): boolean {
  return request.headers.get(header)?.toLowerCase().split(LIST_EXP).includes(token) === true
}

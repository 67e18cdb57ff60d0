/**
 * Who may do what over HTTP, besides reading. There is no password, so `loopback` has to mean a program of this
 * machine, which the peer's address alone does not prove: a browser here runs the scripts of other sites, and a proxy
 * here speaks for the whole world. So:
 *
 *  - a request with an Origin publishes only from a page of its own host (cross-site request forgery);
 *  - `loopback` also asks for a loopback name in Host (a foreign name that resolves to 127.0.0.1: DNS rebinding) and
 *    refuses what a proxy has marked as forwarded;
 *  - so does who sends messages to feeds (messagesFrom);
 *  - whose pages may read values may also open and control sessions: no cookie speaks for their user, and the id of a
 *    session cannot be guessed. Others may do neither: a browser keeps answers from them by itself, but lets them send
 *    a POST of a plain body and open a WebSocket, so those are refused here.
 */

import type { HttpRequest } from './http-request.ts'

/** Which peers may do something that not everybody may. */
export type PeerPolicy = 'loopback' | 'any' | 'off'

const LOOPBACK_HOST_EXP = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i

/** Why this peer may not do what `policy` guards; null when it may. */
export function hindrance(request: HttpRequest, peerIsLoopback: boolean, policy: PeerPolicy): string | null {
  if (policy === 'any') return null
  if (policy === 'off') return 'it is switched off'
  if (!peerIsLoopback) return 'only programs of this machine may'
  if (request.headers.has('forwarded') || request.headers.has('x-forwarded-for')) return 'the request was forwarded'
  const host = request.headers.get('host')
  // Only HTTP/1.0 comes without Host; no browser speaks it.
  return host === undefined || LOOPBACK_HOST_EXP.test(host) ? null : 'Host is not a loopback name, such as localhost'
}

/** Why the page that sent this may not; null without a page, or when it is one of ours. */
export function foreignOrigin(request: HttpRequest): string | null {
  const origin = request.headers.get('origin')
  if (origin === undefined) return null
  const host = request.headers.get('host')
  const reason = 'the request comes from a page of another origin'
  if (host === undefined || !/^https?:\/\//i.test(origin) || !URL.canParse(origin)) return reason
  const scheme = origin.slice(0, origin.indexOf(':'))
  const own = `${scheme}://${host}`
  return URL.canParse(own) && new URL(own).origin === new URL(origin).origin ? null : reason
}

/** Why the page that sent this may not, though pages of `corsOrigin` (`*`: of any; '': of none) may as well as ours. */
export function strangeOrigin(request: HttpRequest, corsOrigin: string): string | null {
  if (corsOrigin === '*') return null
  if (corsOrigin !== '' && request.headers.get('origin') === corsOrigin) return null
  return foreignOrigin(request)
}

/** Why the peer may send no messages to feeds; null when it may. */
export function messageHindrance(request: HttpRequest, peerIsLoopback: boolean, policy: PeerPolicy): string | null {
  return hindrance(request, peerIsLoopback, policy) ?? foreignOrigin(request)
}

/**
 * The opening handshake of WebSocket (RFC 6455, 4.2; version 13): whether a request is one, and the head that answers
 * it. No subprotocol is offered: a client that asks for some gets none, and may leave. Which pages may open a WebSocket
 * is not decided here (http-access.ts).
 *
 * Invariants (test/rules.md, W):
 *  - A refusal tells the version that there is; where another request would do it is 426 and names the upgrade.
 *  - Nothing of the peer's but its key, hashed, comes back in the head.
 */

import { createHash } from 'node:crypto'
import type { ClientErrorCode } from '#src/errors.ts'
import type { HttpRequest } from './http-request.ts'
import type { HeaderList } from './http-response.ts'
import { hasToken } from './http-upgrade.ts'
import { acceptDeflate, type ExtensionOffer, extensionOffersOf } from './websocket-deflate.ts'

/** The settings that a handshake is held against; their meaning is told in config.ts. */
export interface UpgradeSettings {
  /** Whether messages may be compressed. */
  readonly websocketDeflate: boolean
}

export interface Upgrade {
  readonly kind: 'upgrade'
  readonly key: string
  /** What Sec-WebSocket-Extensions answers; null without compression. */
  readonly extension: string | null
}

export interface UpgradeRefusal {
  readonly kind: 'refused'
  readonly status: number
  readonly code: ClientErrorCode
  readonly message: string
  /** To be sent beside those of every error. */
  readonly headers: HeaderList
}

const VERSION = '13'
/** 16 bytes in base64. */
const KEY_EXP = /^[A-Za-z0-9+/]{22}==$/
/** Says, hashed with the key, that the server speaks WebSocket and did not only echo (RFC 6455, 1.3). */
const KEY_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

const VERSION_HEADER = ['Sec-WebSocket-Version', VERSION] as const
const UPGRADE_HEADERS: HeaderList = [VERSION_HEADER, ['Upgrade', 'websocket'], ['Connection', 'Upgrade']]

/** What the answer to an opening handshake needs, or why there is none: 400, 426. */
export function upgradeOf(request: HttpRequest, settings: UpgradeSettings): Upgrade | UpgradeRefusal {
  if (request.method !== 'GET') return invalid('a WebSocket is opened by GET')
  if (request.isHttp10) return invalid('a WebSocket is opened in HTTP/1.1')
  if (!hasToken(request, 'upgrade', 'websocket')) return upgradeRequired('Upgrade is not websocket')
  if (!hasToken(request, 'connection', 'upgrade')) return invalid('Connection does not name Upgrade')
  if (request.headers.get('sec-websocket-version') !== VERSION) {
    return upgradeRequired(`Sec-WebSocket-Version is not ${VERSION}`)
  }
  const key = request.headers.get('sec-websocket-key')
  if (key === undefined || !KEY_EXP.test(key)) return invalid('Sec-WebSocket-Key is not 16 bytes in base64')
  const offers = offersOf(request)
  if (offers === null) return invalid('Sec-WebSocket-Extensions is no list of extensions')
  return { kind: 'upgrade', key, extension: settings.websocketDeflate ? acceptDeflate(offers) : null }
}

/** The head behind which the connection is a WebSocket. */
export function upgradeHead(key: string, extension: string | null): Buffer {
  const accept = createHash('sha1')
    .update(key + KEY_SUFFIX, 'latin1')
    .digest('base64')
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${accept}`,
  ]
  if (extension !== null) lines.push(`Sec-WebSocket-Extensions: ${extension}`)
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
}

function refused(status: number, message: string, headers: HeaderList): UpgradeRefusal {
  return { kind: 'refused', status, code: 'UPGRADE_INVALID', message, headers }
}

function invalid(message: string): UpgradeRefusal {
  return refused(400, message, [VERSION_HEADER])
}

function upgradeRequired(message: string): UpgradeRefusal {
  return refused(426, message, UPGRADE_HEADERS)
}

function offersOf(request: HttpRequest): readonly ExtensionOffer[] | null {
  const header = request.headers.get('sec-websocket-extensions')
  return header === undefined ? [] : extensionOffersOf(header)
}

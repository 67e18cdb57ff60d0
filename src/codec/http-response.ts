/**
 * HTTP/1.1 answers as bytes: the heads of streams, whole answers, errors, preflights. Pure functions; nothing here
 * knows a socket or a clock (so no Date header: RFC 9110, 6.6.1 asks for it only of who has a clock).
 *
 * Invariants (test/rules.md, H):
 *  - An answer is framed so that the next one on the connection cannot be mistaken for its body: Content-Length, or
 *    chunks, or `Connection: close` where a 1.0 peer knows no chunks.
 *  - No header's name or value can break the line it stands in.
 *  - Every answer says `nosniff`; live values are never cached.
 *
 * `corsOrigin` is the origin whose pages may read the answer: `*`, one origin, or '' for none.
 */

import { assert } from '#src/assert.ts'
import type { ClientErrorCode } from '#src/errors.ts'
import type { StreamTransport } from './http-accept.ts'

/** Asks a peer that waits (`Expect: 100-continue`) for the body of its request. */
export const CONTINUE = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n')
/** Ends a chunked body, and with it a stream whose connection stays. */
export const LAST_CHUNK = Buffer.from('0\r\n\r\n')

export const JSON_TYPE = 'application/json; charset=utf-8'
export const TEXT_TYPE = 'text/plain; charset=utf-8'
/** Of streams, and of answers to polls and control requests: the type has no parameter and is always UTF-8. */
export const NDJSON_TYPE = 'application/x-ndjson'

const STREAM_TYPES: Readonly<Record<StreamTransport, string>> = { sse: 'text/event-stream', ndjson: NDJSON_TYPE }
/** How long a browser may keep the answer to a preflight. */
const PREFLIGHT_AGE_S = 86_400
const NO_BODY = Buffer.alloc(0)
const HEADER_NAME_EXP = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const HEADER_VALUE_EXP = /^[\t\x20-\x7e\x80-\xff]*$/

const REASONS: Readonly<Record<number, string>> = {
  101: 'Switching Protocols',
  200: 'OK',
  202: 'Accepted',
  204: 'No Content',
  304: 'Not Modified',
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  417: 'Expectation Failed',
  426: 'Upgrade Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
  505: 'HTTP Version Not Supported',
}

export type HeaderList = readonly (readonly [name: string, value: string])[]

/** What an answer takes from the request that it answers. */
export interface AnswerFrame {
  /** The request was HEAD: the head tells the length of a body that is not sent. */
  readonly isHead: boolean
  readonly isHttp10: boolean
  /** False closes the connection behind the answer, and says so. */
  readonly keepsAlive: boolean
  readonly corsOrigin: string
}

export interface Answer {
  readonly status: number
  readonly contentType: string
  readonly body: Buffer | string
  /** Beside those that every answer has. A Cache-Control among them takes the place of `no-store`. */
  readonly headers?: HeaderList
}

export interface ErrorAnswer {
  readonly status: number
  readonly code: ClientErrorCode
  readonly message: string
  /** The methods that the path has, for 405. */
  readonly allow?: string
  /** When to come back, for 503. */
  readonly retryAfterS?: number
  /** Beside those that every error has: what to upgrade to, for 426. */
  readonly headers?: HeaderList
}

/** Lists of methods. */
export interface Preflight {
  /** Those that the path has. */
  readonly allow: string
  /** Those that pages of another origin may use, where they may any. */
  readonly crossOriginAllow: string
}

/** How a request must be answered that could not be read: in HTTP/1.1, and the connection closes. */
export const UNREAD_FRAME: AnswerFrame = { isHead: false, isHttp10: false, keepsAlive: false, corsOrigin: '' }

/**
 * The head of a stream. Its body is chunked for HTTP/1.1; a 1.0 peer gets plain bytes up to the end of the connection.
 * `X-Accel-Buffering` and `no-transform` tell proxies to pass each byte on as it comes.
 */
export function streamHead(transport: StreamTransport, isHttp10: boolean, corsOrigin: string): Buffer {
  let head = statusLine(200)
  head += header('Content-Type', STREAM_TYPES[transport])
  head += header('Cache-Control', 'no-cache, no-transform')
  head += header('X-Accel-Buffering', 'no')
  head += header('X-Content-Type-Options', 'nosniff')
  head += isHttp10 ? header('Connection', 'close') : header('Transfer-Encoding', 'chunked')
  head += corsHeaders(corsOrigin, 'Accept')
  return Buffer.from(`${head}\r\n`, 'latin1')
}

/** A whole answer: head and body in one buffer. */
export function plainAnswer(answer: Answer, frame: AnswerFrame): Buffer {
  const body = typeof answer.body === 'string' ? Buffer.from(answer.body) : answer.body
  const hasNoLength = answer.status === 101 || answer.status === 204 || answer.status === 304
  assert(!hasNoLength || body.length === 0, 'a status without a body has none')
  let head = statusLine(answer.status)
  if (!hasNoLength) {
    head += header('Content-Type', answer.contentType)
    head += header('Content-Length', String(body.length))
  }
  head += commonHeaders(answer.headers ?? [])
  head += corsHeaders(frame.corsOrigin, '')
  head += connectionHeader(frame)
  return joined(head, frame.isHead ? NO_BODY : body)
}

/** An answer whose body is `{"error":{"code":…,"message":…}}`. */
export function errorAnswer(error: ErrorAnswer, frame: AnswerFrame): Buffer {
  const headers = [...(error.headers ?? [])]
  if (error.allow !== undefined) headers.push(['Allow', error.allow])
  if (error.retryAfterS !== undefined) headers.push(['Retry-After', String(Math.ceil(error.retryAfterS))])
  const body = `${JSON.stringify({ error: { code: error.code, message: error.message } })}\n`
  return plainAnswer({ status: error.status, contentType: JSON_TYPE, body, headers }, frame)
}

/** The answer to OPTIONS: what the path has for everybody, and what pages of another origin may use of it. */
export function preflightAnswer(preflight: Preflight, frame: AnswerFrame): Buffer {
  const headers: (readonly [string, string])[] = [['Allow', preflight.allow]]
  if (frame.corsOrigin !== '') {
    headers.push(['Access-Control-Allow-Methods', preflight.crossOriginAllow])
    headers.push(['Access-Control-Allow-Headers', 'Accept, Cache-Control, Content-Type, Last-Event-ID'])
    headers.push(['Access-Control-Max-Age', String(PREFLIGHT_AGE_S)])
  }
  return plainAnswer({ status: 204, contentType: '', body: NO_BODY, headers }, frame)
}

function statusLine(status: number): string {
  const reason = REASONS[status]
  assert(reason !== undefined, 'a status that is sent has a reason')
  return `HTTP/1.1 ${status} ${reason}\r\n`
}

function header(name: string, value: string): string {
  assert(HEADER_NAME_EXP.test(name), 'the name of a header is a token')
  assert(HEADER_VALUE_EXP.test(value), 'the value of a header holds no control character')
  return `${name}: ${value}\r\n`
}

function commonHeaders(headers: HeaderList): string {
  let text = ''
  let isCacheTold = false
  for (const [name, value] of headers) {
    text += header(name, value)
    if (name.toLowerCase() === 'cache-control') isCacheTold = true
  }
  if (!isCacheTold) text += header('Cache-Control', 'no-store')
  return text + header('X-Content-Type-Options', 'nosniff')
}

/** `vary` is what the answer depends on besides the origin. */
function corsHeaders(corsOrigin: string, vary: string): string {
  const isOne = corsOrigin !== '' && corsOrigin !== '*'
  const varies = isOne ? (vary === '' ? 'Origin' : `${vary}, Origin`) : vary
  const text = varies === '' ? '' : header('Vary', varies)
  return corsOrigin === '' ? text : text + header('Access-Control-Allow-Origin', corsOrigin)
}

/** Silence means that the connection stays in HTTP/1.1, and that it closes in 1.0. */
function connectionHeader(frame: AnswerFrame): string {
  if (!frame.keepsAlive) return header('Connection', 'close')
  return frame.isHttp10 ? header('Connection', 'keep-alive') : ''
}

function joined(head: string, body: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(head.length + 2 + body.length)
  const headLength = bytes.write(`${head}\r\n`, 0, 'latin1')
  assert(headLength === head.length + 2, 'a head is one byte a character')
  body.copy(bytes, headLength)
  return bytes
}

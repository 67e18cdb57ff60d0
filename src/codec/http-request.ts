/**
 * HTTP/1.1 and HTTP/1.0 requests out of bytes, without a socket. The only door to http-parser-js.
 *
 * One reader serves all connections of a thread. A connection keeps its unread bytes and two numbers of the last
 * `incomplete` result, and nothing else:
 *
 *   neededBytes   reading again is pointless before that many unread bytes are there
 *   resumeFrom    to be handed to the next read of the same bytes grown longer; 0 for a new request. Opaque: where the
 *                 search for the end of the head goes on, or (negative) the next chunk of a chunked body
 *
 * So the work for a request that trickles is linear: each byte of a head is searched once, each chunk is looked at once.
 *
 * Two answers to "where does this request end" are how requests are smuggled past a proxy, so here there is one: the
 * head is checked byte by byte against RFC 9112's grammar before the parser sees it, the parser splits it into names and
 * values, and the framing of the body is decided here alone. The parser by itself would let pass, silently: lines ended
 * by a bare LF, lines without a colon or with a space before it (dropped), folded lines, `Transfer-Encoding` next to
 * `Content-Length`, unknown codings, a `Content-Length` of `0x10`, `1e3` or nothing, chunk sizes such as `5 x`, `0x5`,
 * `-5` or nothing, an `Upgrade` that switches chunks off, and bytes of 0x80 and above turned into control characters.
 *
 * Invariants (test/rules.md, H):
 *  - However the bytes are cut, a request reads the same; what follows it is not touched.
 *  - A head is at most requestHeadBytesMax bytes, a body (the framing of its chunks included) requestBodyBytesMax.
 *  - After an error nothing more can be read from the connection: answer, and close.
 *
 * Cost: some 6 µs for a browser's GET in one piece, with 8 headers.
 */

import { HTTPParser, methods } from 'http-parser-js'
import { assert } from '#src/assert.ts'
import type { ClientErrorCode } from '#src/errors.ts'

export interface HttpRequest {
  readonly method: string
  /** As it was sent. */
  readonly target: string
  /** The target up to its `?`, not decoded; of an absolute target only what follows the authority. */
  readonly path: string
  /** What follows the `?`, not decoded; empty if there is none. */
  readonly query: string
  /** Names in lower case; the values of a repeated header joined by ', '. The host of an absolute target replaces Host. */
  readonly headers: ReadonlyMap<string, string>
  readonly isHttp10: boolean
  /** True when the peer lets the connection be used for another request. */
  readonly keepsAlive: boolean
  /** Null without a body. A view into the bytes read, unless it came in several chunks: copy what is to be kept. */
  readonly body: Buffer | null
}

export interface RequestIncomplete {
  readonly kind: 'incomplete'
  readonly neededBytes: number
  readonly resumeFrom: number
  /** The peer waits for `CONTINUE` (http-response.ts) before it sends the body. True at most once a request. */
  readonly expectsContinue: boolean
}

export interface RequestRead {
  readonly kind: 'request'
  readonly request: HttpRequest
  /** Where the next request begins. */
  readonly bytesUsed: number
}

export interface RequestError {
  readonly kind: 'error'
  readonly status: number
  readonly code: ClientErrorCode
  readonly message: string
}

export type ReadResult = RequestIncomplete | RequestRead | RequestError

export interface RequestLimits {
  readonly requestHeadBytesMax: number
  readonly requestBodyBytesMax: number
}

const TAB = 0x09
const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20
const HASH = 0x23
const COLON = 0x3a
const SEMICOLON = 0x3b
const DELETE = 0x7f
const HEAD_END = Buffer.from('\r\n\r\n')

/** Classes of bytes: what may stand in a token (method, header name), in a target, and in a header's value. */
const IN_TOKEN = 1
const IN_TARGET = 2
const IN_VALUE = 4
const CLASSES = classesOfBytes()

/** Lines in a head; a request of a browser has some 20. */
const HEADERS_MAX = 128
/** What a chunk's line may hold beside its size: extensions, which are ignored. */
const CHUNK_LINE_BYTES_MAX = 256
/** What may follow the last chunk; it is looked at again with each byte that arrives, so it is kept short. */
const TRAILER_BYTES_MAX = 1_024
const CHUNK_SIZE_DIGITS_MAX = 8
/** Headers of which a second one is an attack or a fault; others are lists, or harmless. */
const SINGLE_HEADERS = new Set(['host', 'content-length', 'transfer-encoding', 'content-type', 'origin', 'expect'])

const KNOWN_METHODS = new Set(methods)
/** `HTTP/1.1` */
const VERSION_BYTES = 8
const VERSION_EXP = /^HTTP\/\d\.\d$/
const HOST_EXP = /^[A-Za-z0-9._~%!$&'()*+;=:[\]-]*$/
const ABSOLUTE_EXP = /^https?:\/\/([^/?]+)(.*)$/i

// The default, ASCII, clears the highest bit of each byte and so makes line ends out of 0x8a and 0x8d.
HTTPParser.encoding = 'latin1'
// Heads are bounded here; the parser's own bound of 80 KB would stand above requestHeadBytesMax.
HTTPParser.maxHeaderSize = Number.MAX_SAFE_INTEGER

/** A framing is a length of the body in bytes, or this. */
const CHUNKED = -1
/** What the parser answers to when it is to stop behind the head. */
const HEAD_ONLY = 2

/** Of a line whose end was looked for: it may become a good one when more bytes arrive; it cannot. */
const LINE_OPEN = -1
const LINE_BAD = -2

interface ParsedHead {
  method: number | string
  url: string
  versionMinor: number
  headers: string[]
}

function classesOfBytes(): Uint8Array {
  const classes = new Uint8Array(256)
  for (let byte = SPACE + 1; byte < DELETE; byte++) classes[byte] = IN_TARGET | IN_VALUE
  for (let byte = 0x80; byte <= 0xff; byte++) classes[byte] = IN_VALUE
  classes[SPACE] = IN_VALUE
  classes[TAB] = IN_VALUE
  classes[HASH] = IN_VALUE
  const marks = "!#$%&'*+-.^_`|~"
  const letters = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
  for (const character of marks + letters) {
    const byte = character.charCodeAt(0)
    classes[byte] = classes[byte]! | IN_TOKEN
  }
  return classes
}

function failed(status: number, code: ClientErrorCode, message: string): RequestError {
  return { kind: 'error', status, code, message }
}

function malformed(message: string): RequestError {
  return failed(400, 'REQUEST_MALFORMED', message)
}

function incomplete(neededBytes: number, resumeFrom: number, expectsContinue: boolean): RequestIncomplete {
  return { kind: 'incomplete', neededBytes, resumeFrom, expectsContinue }
}

export class RequestReader {
  /** No request is longer: a connection with more unread bytes than this has a request to read, or an error. */
  readonly requestBytesMax: number
  readonly #headBytesMax: number
  readonly #bodyBytesMax: number
  readonly #parser: InstanceType<typeof HTTPParser>
  /** What the parser found in the head that it was last given. */
  #head: ParsedHead | null = null
  /** Where the last chunked body that was walked through has its data: pairs of start and end. */
  readonly #chunks: number[] = []

  constructor(limits: RequestLimits) {
    assert(limits.requestHeadBytesMax > 0, 'a head may have bytes')
    assert(limits.requestBodyBytesMax >= 0, 'the length of a body is not negative')
    this.#headBytesMax = limits.requestHeadBytesMax
    this.#bodyBytesMax = limits.requestBodyBytesMax
    this.requestBytesMax = limits.requestHeadBytesMax + limits.requestBodyBytesMax
    this.#parser = new HTTPParser(HTTPParser.REQUEST)
    this.#parser[HTTPParser.kOnHeadersComplete] = (info: ParsedHead): number => {
      this.#head = info
      return HEAD_ONLY
    }
  }

  /** Reads the request that begins at the first of `bytes`. */
  read(bytes: Buffer, resumeFrom = 0): ReadResult {
    if (resumeFrom < 0) {
      const walked = this.#walkChunks(bytes, -resumeFrom)
      if (typeof walked !== 'number') return walked
    }
    const start = skipEmptyLines(bytes)
    const headEnd = this.#findHeadEnd(bytes, start, Math.max(start, resumeFrom))
    if (typeof headEnd !== 'number') return headEnd
    const fault = checkHead(bytes, start, headEnd)
    if (fault !== null) return fault
    return this.#readHead(bytes, start, headEnd)
  }

  /** The offset behind the empty line that ends the head. */
  #findHeadEnd(bytes: Buffer, start: number, from: number): number | ReadResult {
    const found = bytes.indexOf(HEAD_END, Math.max(start, from - HEAD_END.length + 1))
    if (found >= 0) {
      const end = found + HEAD_END.length
      return end > this.#headBytesMax ? this.#headTooLarge() : end
    }
    if (!isHeadSoFar(bytes, start, from)) return malformed('control character or bare line end in the head')
    if (bytes.length >= this.#headBytesMax) return this.#headTooLarge()
    return incomplete(bytes.length + 1, bytes.length, false)
  }

  #headTooLarge(): RequestError {
    const message = `request line and headers exceed ${this.#headBytesMax} bytes`
    return failed(431, 'REQUEST_HEAD_TOO_LARGE', message)
  }

  /** The head is whole and well formed: what it means, then the body. */
  #readHead(bytes: Buffer, start: number, headEnd: number): ReadResult {
    const head = this.#parse(bytes, start, headEnd)
    if (head === null) return malformed('request line or header cannot be read')
    const headers = headersOf(head.headers)
    if (!(headers instanceof Map)) return headers
    const isHttp10 = head.versionMinor === 0
    const framing = this.#framingOf(headers, isHttp10)
    if (typeof framing !== 'number') return framing
    const host = headers.get('host')
    if (host === undefined && !isHttp10) return malformed('Host is missing')
    if (host !== undefined && !HOST_EXP.test(host)) return malformed('Host is not a host')
    const expect = isHttp10 ? undefined : headers.get('expect')
    if (expect !== undefined && expect.toLowerCase() !== '100-continue') {
      return failed(417, 'REQUEST_MALFORMED', 'Expect is not 100-continue')
    }

    const target = targetOf(head.url)
    if (target === null) return malformed('target is neither a path nor an http URL')
    if (target.host !== null) headers.set('host', target.host)

    const body = this.#body(bytes, headEnd, framing, expect !== undefined)
    if (body !== null && 'kind' in body) return body
    const request: HttpRequest = {
      method: typeof head.method === 'number' ? methods[head.method]! : head.method,
      target: head.url,
      path: target.path,
      query: target.query,
      headers,
      isHttp10,
      keepsAlive: keepsAlive(headers.get('connection'), isHttp10),
      body: body === null ? null : body.bytes,
    }
    return { kind: 'request', request, bytesUsed: body === null ? headEnd : body.end }
  }

  /** Hands the head to the parser. Null when it finds what the checks did not: they are to be mended then. */
  #parse(bytes: Buffer, start: number, headEnd: number): ParsedHead | null {
    this.#head = null
    const used = this.#parser.execute(bytes, start, headEnd - start)
    const head = this.#head as ParsedHead | null
    this.#head = null
    if (used === headEnd - start && head !== null) return head
    this.#parser.initialize(HTTPParser.REQUEST)
    return null
  }

  /** The length of the body, or CHUNKED. */
  #framingOf(headers: Map<string, string>, isHttp10: boolean): number | RequestError {
    const length = headers.get('content-length')
    const coding = headers.get('transfer-encoding')
    if (coding !== undefined) {
      if (length !== undefined) return malformed('Transfer-Encoding together with Content-Length')
      if (isHttp10) return malformed('Transfer-Encoding in an HTTP/1.0 request')
      if (coding.toLowerCase() !== 'chunked') {
        return failed(501, 'REQUEST_MALFORMED', 'Transfer-Encoding is not chunked')
      }
      return CHUNKED
    }
    if (length === undefined) return 0
    if (!/^\d+$/.test(length)) return malformed('Content-Length is not a number')
    return Number(length) > this.#bodyBytesMax ? this.#bodyTooLarge() : Number(length)
  }

  #bodyTooLarge(): RequestError {
    return failed(413, 'REQUEST_BODY_TOO_LARGE', `body exceeds ${this.#bodyBytesMax} bytes`)
  }

  #body(
    bytes: Buffer,
    headEnd: number,
    framing: number,
    hasExpect: boolean,
  ): { readonly bytes: Buffer | null; readonly end: number } | RequestIncomplete | RequestError | null {
    if (framing === 0) return null
    // Whoever has sent a part of the body does not wait.
    const expectsContinue = hasExpect && bytes.length === headEnd
    if (framing !== CHUNKED) {
      const end = headEnd + framing
      if (bytes.length < end) return incomplete(end, 0, expectsContinue)
      return { bytes: bytes.subarray(headEnd, end), end }
    }
    const end = this.#walkChunks(bytes, headEnd)
    if (typeof end !== 'number') {
      if (end.kind === 'incomplete' && expectsContinue) return incomplete(end.neededBytes, end.resumeFrom, true)
      return end
    }
    if (end - headEnd > this.#bodyBytesMax) return this.#bodyTooLarge()
    return { bytes: joined(bytes, this.#chunks), end }
  }

  /**
   * Walks from one chunk to the next, from the line of the chunk at `at`; notes in #chunks where their data are. Returns
   * the offset behind the body when all of it is there.
   */
  #walkChunks(bytes: Buffer, at: number): number | RequestIncomplete | RequestError {
    this.#chunks.length = 0
    let chunkAt = at
    for (;;) {
      const lineEnd = findLineEnd(bytes, chunkAt, CHUNK_LINE_BYTES_MAX)
      if (lineEnd === LINE_BAD) return malformed('line of a chunk is too long or holds a control character')
      if (lineEnd === LINE_OPEN) return this.#awaitChunk(bytes.length + 1, chunkAt)
      const size = chunkSize(bytes, chunkAt, lineEnd)
      if (size < 0) return malformed('size of a chunk is not a hexadecimal number')
      const dataAt = lineEnd + 2
      if (size === 0) return this.#skipTrailers(bytes, chunkAt, dataAt)
      const dataEnd = dataAt + size
      if (dataEnd + 2 > this.requestBytesMax) return this.#bodyTooLarge()
      if (bytes.length < dataEnd + 2) return this.#awaitChunk(dataEnd + 2, chunkAt)
      if (bytes[dataEnd] !== CR || bytes[dataEnd + 1] !== LF) return malformed('chunk is longer than its size says')
      this.#chunks.push(dataAt, dataEnd)
      chunkAt = dataEnd + 2
    }
  }

  /** Trailers are checked as headers are, and ignored. `chunkAt` is the line of the last chunk. */
  #skipTrailers(bytes: Buffer, chunkAt: number, from: number): number | RequestIncomplete | RequestError {
    let at = from
    for (;;) {
      const lineEnd = findLineEnd(bytes, at, TRAILER_BYTES_MAX)
      if (lineEnd === LINE_BAD) return malformed('trailer is too long or holds a control character')
      if (lineEnd === LINE_OPEN) return this.#awaitChunk(bytes.length + 1, chunkAt)
      if (lineEnd === at) return at + 2
      if (endOfHeader(bytes, at, lineEnd) !== lineEnd) return malformed('trailer is not a name, a colon and a value')
      at = lineEnd + 2
      if (at - from > TRAILER_BYTES_MAX) return malformed('trailers are too long')
    }
  }

  #awaitChunk(neededBytes: number, chunkAt: number): RequestIncomplete | RequestError {
    return neededBytes > this.requestBytesMax ? this.#bodyTooLarge() : incomplete(neededBytes, -chunkAt, false)
  }
}

/** Empty lines before a request are ignored (RFC 9112, 2.2); they count as part of the head. */
function skipEmptyLines(bytes: Buffer): number {
  let at = 0
  while (bytes[at] === CR && bytes[at + 1] === LF) at += 2
  return at
}

/** True when the bytes from `from` on, of a head whose end is not there yet, can still become one. */
function isHeadSoFar(bytes: Buffer, start: number, from: number): boolean {
  for (let i = from; i < bytes.length; i++) {
    const byte = bytes[i]!
    if ((CLASSES[byte]! & IN_VALUE) !== 0) {
      if (i > start && bytes[i - 1] === CR) return false
    } else if (byte === LF) {
      if (i === start || bytes[i - 1] !== CR) return false
    } else if (byte !== CR || (i > start && bytes[i - 1] === CR)) {
      return false
    }
  }
  return true
}

/** Checks the request line and every header line, byte by byte. Null when all is well. */
function checkHead(bytes: Buffer, start: number, headEnd: number): RequestError | null {
  let at = checkRequestLine(bytes, start, headEnd)
  if (typeof at !== 'number') return at
  let count = 0
  while (at < headEnd - 2) {
    if (bytes[at] === SPACE || bytes[at] === TAB) return malformed('folded header')
    const lineEnd = endOfHeader(bytes, at, headEnd)
    if (lineEnd < 0 || bytes[lineEnd] !== CR || bytes[lineEnd + 1] !== LF) {
      return malformed('header is not a name, a colon and a value')
    }
    count += 1
    at = lineEnd + 2
  }
  return count > HEADERS_MAX ? failed(431, 'REQUEST_HEAD_TOO_LARGE', `more than ${HEADERS_MAX} headers`) : null
}

/** One method, one target, one version, one space between each. Returns where the headers begin. */
function checkRequestLine(bytes: Buffer, start: number, headEnd: number): number | RequestError {
  const methodEnd = endOfClass(bytes, start, headEnd, IN_TOKEN)
  const targetEnd = endOfClass(bytes, methodEnd + 1, headEnd, IN_TARGET)
  const lineEnd = targetEnd + 1 + VERSION_BYTES
  if (methodEnd === start || targetEnd === methodEnd + 1) return malformed('request line is not HTTP')
  if (bytes[methodEnd] !== SPACE || bytes[targetEnd] !== SPACE) return malformed('request line is not HTTP')
  if (bytes[lineEnd] !== CR || bytes[lineEnd + 1] !== LF) return malformed('request line is not HTTP')
  const version = bytes.toString('latin1', targetEnd + 1, lineEnd)
  if (version !== 'HTTP/1.1' && version !== 'HTTP/1.0') {
    if (!VERSION_EXP.test(version)) return malformed('request line is not HTTP')
    return failed(505, 'REQUEST_MALFORMED', 'version is neither HTTP/1.1 nor HTTP/1.0')
  }
  const method = bytes.toString('latin1', start, methodEnd)
  if (!KNOWN_METHODS.has(method) || method === 'CONNECT') return failed(501, 'METHOD_NOT_ALLOWED', 'unknown method')
  return lineEnd + 2
}

/** The offset of the first byte from `at` on that is not of the class. */
function endOfClass(bytes: Buffer, at: number, end: number, mask: number): number {
  let i = at
  while (i < end && (CLASSES[bytes[i]!]! & mask) !== 0) i++
  return i
}

/** The offset behind the name, colon and value of the header at `at`, or -1 when there is no name or colon. */
function endOfHeader(bytes: Buffer, at: number, end: number): number {
  const nameEnd = endOfClass(bytes, at, end, IN_TOKEN)
  if (nameEnd === at || bytes[nameEnd] !== COLON) return -1
  return endOfClass(bytes, nameEnd + 1, end, IN_VALUE)
}

/** Names in lower case to values. `list` has them in turn. */
function headersOf(list: readonly string[]): Map<string, string> | RequestError {
  const headers = new Map<string, string>()
  for (let i = 0; i < list.length; i += 2) {
    const name = list[i]!.toLowerCase()
    const known = headers.get(name)
    if (known !== undefined && SINGLE_HEADERS.has(name)) return malformed(`header ${name} stands twice`)
    headers.set(name, known === undefined ? list[i + 1]! : `${known}, ${list[i + 1]!}`)
  }
  return headers
}

interface Target {
  readonly path: string
  readonly query: string
  readonly host: string | null
}

/** A path with its query, an absolute http URL, or `*`; null for anything else. */
function targetOf(url: string): Target | null {
  let rest = url
  let host: string | null = null
  if (url.charCodeAt(0) !== 0x2f && url !== '*') {
    const match = ABSOLUTE_EXP.exec(url)
    if (match === null || !HOST_EXP.test(match[1]!)) return null
    host = match[1]!
    rest = match[2]!.startsWith('/') ? match[2]! : `/${match[2]!}`
  }
  const mark = rest.indexOf('?')
  if (mark < 0) return { path: rest, query: '', host }
  return { path: rest.slice(0, mark), query: rest.slice(mark + 1), host }
}

function keepsAlive(connection: string | undefined, isHttp10: boolean): boolean {
  if (connection === undefined) return !isHttp10
  const tokens = connection.toLowerCase().split(/[ \t]*,[ \t]*/)
  if (tokens.includes('close')) return false
  return !isHttp10 || tokens.includes('keep-alive')
}

/** The offset of the CR that ends the line at `at`, or LINE_OPEN, or LINE_BAD. */
function findLineEnd(bytes: Buffer, at: number, lengthMax: number): number {
  const end = Math.min(bytes.length, at + lengthMax + 1)
  const lineEnd = endOfClass(bytes, at, end, IN_VALUE)
  if (lineEnd === end) return end === bytes.length && end - at <= lengthMax ? LINE_OPEN : LINE_BAD
  if (bytes[lineEnd] !== CR) return LINE_BAD
  if (lineEnd + 1 === bytes.length) return LINE_OPEN
  return bytes[lineEnd + 1] === LF ? lineEnd : LINE_BAD
}

/** The size in the line of a chunk, or -1. What follows a semicolon is an extension and ignored. */
function chunkSize(bytes: Buffer, at: number, lineEnd: number): number {
  let size = 0
  let i = at
  for (; i < lineEnd && bytes[i] !== SEMICOLON; i++) {
    const digit = hexDigit(bytes[i]!)
    if (digit < 0 || i - at >= CHUNK_SIZE_DIGITS_MAX) return -1
    size = size * 16 + digit
  }
  return i === at ? -1 : size
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

/** The data of the chunks in one piece; null when there are none. */
function joined(bytes: Buffer, chunks: readonly number[]): Buffer | null {
  if (chunks.length === 0) return null
  if (chunks.length === 2) return bytes.subarray(chunks[0]!, chunks[1]!)
  const parts: Buffer[] = []
  for (let i = 0; i < chunks.length; i += 2) parts.push(bytes.subarray(chunks[i]!, chunks[i + 1]!))
  return Buffer.concat(parts)
}

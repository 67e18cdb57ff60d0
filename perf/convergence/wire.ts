/**
 * The bytes that a client of the convergence run reads, over any transport, as records and positions: heads of answers,
 * chunks, bodies of a length, WebSocket frames (RFC 6455, section 5), and in them the lines of SSE or NDJSON.
 *
 * Invariants:
 *  - Bytes may come cut anywhere: what is told does not depend on it.
 *  - What a transport hands over whole only (a frame) is not told before it is whole.
 *  - `isWithin` tells whether bytes of a flush have come whose position has not.
 *  - Nothing is told behind `stop`.
 */

import type { SessionRecord } from '#test/support/session-stream.ts'

export interface WireHandler {
  onRefused(status: number, text: string): void
  onWelcome(record: SessionRecord): void
  onRecord(record: SessionRecord): void
  /** A flush is whole. `session`: where the transport names it, else null. */
  onPosition(position: number, session: string | null): void
  onPing(payload: Buffer): void
  /** An answer with a length is whole. */
  onAnswered(): void
}

type Part = 'head' | 'length' | 'chunks' | 'frames'

const NONE = Buffer.alloc(0)
const NEWLINE = 0x0a
const LINE_END_BYTES = 2
const HEAD_END = '\r\n\r\n'
const SWITCHING = 101
const OK = 200
const [FIN_TEXT, FIN_CLOSE, FIN_PING] = [0x81, 0x88, 0x89]
const [LENGTH_16, LENGTH_64] = [126, 127]
const DATA = 'data: '
const ID = 'id: '

export class Wire {
  /** Of lines, without what the transport puts around them. */
  bytes = 0
  readonly #handler: WireHandler
  #part: Part = 'head'
  /** Begun and not whole: a head, the head of a chunk, a frame. */
  #unread: Buffer = NONE
  /** Bytes of the body, or of the chunk and its line end, that are still to come. */
  #left = 0
  #status = 0
  #refusal = ''
  #partial: Buffer = NONE
  #eventId = ''
  #hasRecords = false
  #isStopped = false

  constructor(handler: WireHandler) {
    this.#handler = handler
  }

  get isWithin(): boolean {
    return this.#hasRecords || this.#left > 0 || this.#unread.length > 0 || this.#partial.length > 0
  }

  stop(): void {
    this.#isStopped = true
  }

  /** The bytes are not kept. */
  push(bytes: Buffer): void {
    let rest = this.#unread.length === 0 ? bytes : Buffer.concat([this.#unread, bytes])
    this.#unread = NONE
    while (rest.length > 0 && !this.#isStopped) {
      const taken = this.#take(rest)
      if (taken === 0) {
        this.#unread = Buffer.from(rest)
        return
      }
      rest = rest.subarray(taken)
    }
  }

  /** How many bytes it took; 0: more are needed. */
  #take(bytes: Buffer): number {
    switch (this.#part) {
      case 'head':
        return this.#takeHead(bytes)
      case 'length':
        return this.#takeBody(bytes)
      case 'chunks':
        return this.#takeChunk(bytes)
      case 'frames':
        return this.#takeFrame(bytes)
    }
  }

  #takeHead(bytes: Buffer): number {
    const end = bytes.indexOf(HEAD_END)
    if (end < 0) return 0
    const head = bytes.toString('latin1', 0, end)
    this.#status = Number(head.slice(9, 12))
    const length = /^content-length: (\d+)$/im.exec(head)
    if (this.#status === SWITCHING) this.#part = 'frames'
    else if (length === null) this.#part = 'chunks'
    else {
      this.#part = 'length'
      this.#left = Number(length[1])
      if (this.#left === 0) this.#endBody()
    }
    return end + HEAD_END.length
  }

  #takeBody(bytes: Buffer): number {
    const length = Math.min(this.#left, bytes.length)
    this.#left -= length
    if (this.#status === OK) this.#text(bytes.subarray(0, length))
    else this.#refusal += bytes.toString('utf8', 0, length)
    if (this.#left === 0) this.#endBody()
    return length
  }

  #endBody(): void {
    this.#part = 'head'
    if (this.#isStopped) return
    if (this.#status === OK) this.#handler.onAnswered()
    else this.#handler.onRefused(this.#status, this.#refusal)
  }

  #takeChunk(bytes: Buffer): number {
    if (this.#left === 0) {
      const end = bytes.indexOf(NEWLINE)
      if (end < 0) return 0
      const length = Number.parseInt(bytes.toString('latin1', 0, end), 16)
      if (Number.isNaN(length)) throw new Error(`no length of a chunk: ${bytes.toString('latin1', 0, end)}`)
      this.#left = length + LINE_END_BYTES
      return end + 1
    }
    const text = Math.min(Math.max(0, this.#left - LINE_END_BYTES), bytes.length)
    const length = text > 0 ? text : Math.min(this.#left, bytes.length)
    this.#left -= length
    this.#text(bytes.subarray(0, text))
    return length
  }

  #takeFrame(bytes: Buffer): number {
    const short = bytes[1] ?? LENGTH_64
    const headLength = short === LENGTH_64 ? 10 : short === LENGTH_16 ? 4 : 2
    if (bytes.length < headLength) return 0
    const length = short === LENGTH_64 ? bytes.readUInt32BE(6) : short === LENGTH_16 ? bytes.readUInt16BE(2) : short
    if (bytes.length < headLength + length) return 0
    const payload = bytes.subarray(headLength, headLength + length)
    const kind = bytes[0]!
    if (kind === FIN_TEXT) this.#text(payload)
    else if (kind === FIN_PING) this.#handler.onPing(payload)
    else if (kind !== FIN_CLOSE) throw new Error(`a frame that nobody awaits: ${kind.toString(16)}`)
    return headLength + length
  }

  #text(bytes: Buffer): void {
    this.bytes += bytes.length
    let at = 0
    while (!this.#isStopped) {
      const end = bytes.indexOf(NEWLINE, at)
      if (end < 0) break
      const line = bytes.subarray(at, end)
      const whole = this.#partial.length === 0 ? line : Buffer.concat([this.#partial, line])
      this.#partial = NONE
      this.#line(whole.toString('utf8'))
      at = end + 1
    }
    if (at < bytes.length) this.#partial = Buffer.concat([this.#partial, bytes.subarray(at)])
  }

  #line(line: string): void {
    if (line === '') this.#dispatch()
    else if (line.startsWith('{')) this.#record(line)
    else if (line.startsWith(DATA)) this.#record(line.slice(DATA.length))
    else if (line.startsWith(ID)) this.#eventId = line.slice(ID.length)
    else if (line !== ':' && !line.startsWith('retry: ')) throw new Error(`no line of a stream: ${line}`)
  }

  #record(text: string): void {
    const record = JSON.parse(text) as SessionRecord
    if (record.session !== undefined) this.#handler.onWelcome(record)
    else if (record.position !== undefined) this.#reach(record.position, null)
    else {
      this.#hasRecords = true
      this.#handler.onRecord(record)
    }
  }

  /** An event of SSE is whole. */
  #dispatch(): void {
    if (this.#eventId === '') return
    const [session = '', position] = this.#eventId.split('.')
    this.#eventId = ''
    this.#reach(Number(position), session)
  }

  #reach(position: number, session: string | null): void {
    this.#hasRecords = false
    this.#handler.onPosition(position, session)
  }
}

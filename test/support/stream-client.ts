/**
 * A client of GET /stream on a bare socket: takes the chunks apart, reads SSE or NDJSON, and can read slowly or not at all,
 * so that what it does not read stays in the kernel as it would with any client.
 *
 * It reads into one buffer of its own (net's `onread`), whose size bounds what a paused client has taken already.
 */

import { connect, type Socket } from 'node:net'

export interface StreamRecord {
  readonly item?: string
  readonly seq?: number
  readonly snapshot?: boolean
  readonly time?: number
  readonly fields?: Readonly<Record<string, string | null>>
  readonly stale?: boolean
  readonly deleted?: boolean
  readonly lost?: number
  readonly closing?: { readonly code: string; readonly message: string; readonly retryMs?: number }
  readonly unsubscribed?: number
  readonly error?: { readonly code: string; readonly message: string }
}

/** Records of a session that most tests do not look at. */
const OWN_KEYS = ['session', 'position', 'subscribed']

export interface StreamClientOptions {
  readonly port: number
  /** The target, e.g. /stream?items=A. */
  readonly target: string
  readonly encoding?: 'sse' | 'ndjson'
  readonly version?: '1.0' | '1.1'
  /** What one reading of the socket takes at most. */
  readonly readBytes?: number
  readonly onRecord: (record: StreamRecord) => void
  /** Called behind each reading of the socket with the bytes that it gave. */
  readonly onRead?: (length: number) => void
  readonly onHead?: (status: number, head: string) => void
  readonly onClose?: () => void
}

const READ_BYTES = 65_536
const NEWLINE = 0x0a
const BRACE_OPEN = 0x7b
const DATA = 'data: '

export class StreamClient {
  readonly socket: Socket
  /** Body bytes without the framing of chunks. */
  bytes = 0
  /** The last `id:` of SSE, and how many came. */
  lastId = ''
  idCount = 0
  retryMs = 0
  /** The session's welcomes, positions and subscriptions. */
  readonly own: object[] = []
  /** The body came to its end as its framing says: the last chunk, or the end of an HTTP/1.0 connection. */
  isWhole = false
  /** Signs of life: empty lines of NDJSON, comments of SSE. */
  keepalives = 0
  readonly #options: StreamClientOptions
  #head: string | null = ''
  #isChunked = false
  /** Bytes of the chunk at hand that are still to come; -1 while its length is read. */
  #chunkRest = -1
  #chunkHead = ''
  #partial: Buffer | null = null

  constructor(options: StreamClientOptions) {
    this.#options = options
    const { port, target, encoding = 'ndjson', version = '1.1', readBytes = READ_BYTES } = options
    const buffer = Buffer.allocUnsafeSlow(readBytes)
    const onread = {
      buffer,
      callback: (length: number) => {
        this.#take(buffer.subarray(0, length))
        options.onRead?.(length)
        return true
      },
    }
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true, onread })
    this.socket.on('error', () => {})
    this.socket.on('close', () => {
      if (!this.#isChunked && this.#head === null) this.isWhole = true
      options.onClose?.()
    })
    const type = encoding === 'sse' ? 'text/event-stream' : 'application/x-ndjson'
    this.socket.write(`GET ${target} HTTP/${version}\r\nHost: 127.0.0.1:${port}\r\nAccept: ${type}\r\n\r\n`)
  }

  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  destroy(): void {
    this.socket.destroy()
  }

  #take(bytes: Buffer): void {
    if (this.#head === null) {
      this.#body(bytes)
      return
    }
    this.#head += bytes.toString('latin1')
    const end = this.#head.indexOf('\r\n\r\n')
    if (end < 0) return
    const head = this.#head.slice(0, end)
    const rest = Buffer.from(this.#head.slice(end + 4), 'latin1')
    this.#head = null
    this.#isChunked = /^transfer-encoding: chunked$/im.test(head)
    this.#options.onHead?.(Number(head.slice(9, 12)), head)
    this.#body(rest)
  }

  #body(bytes: Buffer): void {
    if (!this.#isChunked) {
      this.#text(bytes)
      return
    }
    let at = 0
    while (at < bytes.length) {
      if (this.#chunkRest > 2) {
        const end = Math.min(bytes.length, at + this.#chunkRest - 2)
        this.#chunkRest -= end - at
        this.#text(bytes.subarray(at, end))
        at = end
      } else if (this.#chunkRest >= 0) {
        // The line end behind a chunk.
        at++
        if (--this.#chunkRest === 0) this.#chunkRest = -1
      } else {
        const end = bytes.indexOf(NEWLINE, at)
        this.#chunkHead += bytes.toString('latin1', at, end < 0 ? bytes.length : end)
        at = end < 0 ? bytes.length : end + 1
        if (end >= 0) this.#beginChunk()
      }
    }
  }

  #beginChunk(): void {
    const length = Number.parseInt(this.#chunkHead, 16)
    if (Number.isNaN(length)) throw new Error(`no length of a chunk: ${JSON.stringify(this.#chunkHead)}`)
    this.#chunkHead = ''
    this.#chunkRest = length + 2
    if (length === 0) this.isWhole = true
  }

  #text(bytes: Buffer): void {
    this.bytes += bytes.length
    let at = 0
    for (;;) {
      const end = bytes.indexOf(NEWLINE, at)
      if (end < 0) break
      if (this.#partial === null) this.#line(bytes, at, end)
      else {
        const whole = Buffer.concat([this.#partial, bytes.subarray(at, end)])
        this.#partial = null
        this.#line(whole, 0, whole.length)
      }
      at = end + 1
    }
    if (at === bytes.length) return
    const rest = Buffer.from(bytes.subarray(at))
    this.#partial = this.#partial === null ? rest : Buffer.concat([this.#partial, rest])
  }

  #line(bytes: Buffer, start: number, end: number): void {
    if (bytes[start] === BRACE_OPEN && end > start) {
      this.#record(bytes.toString('utf8', start, end))
      return
    }
    const text = bytes.toString('utf8', start, end)
    if (text.startsWith(DATA)) {
      this.#record(text.slice(DATA.length))
    } else if (text.startsWith('id: ')) {
      this.lastId = text.slice(4)
      this.idCount++
    } else if (text.startsWith('retry: ')) {
      this.retryMs = Number(text.slice(7))
    } else if (text === ':' || (text === '' && this.#options.encoding !== 'sse')) {
      this.keepalives++
    } else if (text !== '') {
      throw new Error(`no line of a stream: ${JSON.stringify(text)}`)
    }
  }

  #record(text: string): void {
    const record = JSON.parse(text) as StreamRecord
    if (OWN_KEYS.some(key => key in record)) this.own.push(record)
    else this.#options.onRecord(record)
  }
}

/**
 * Reads what a client gets: HTTP heads, bodies (chunked, by length, or up to the end), and the records and flushes of SSE
 * or NDJSON. Written for the simulation alone and strict: anything that a correct server would not send throws.
 */

export interface RecordError {
  readonly code: string
}

export interface StreamRecord {
  readonly sub?: number
  readonly item?: string
  readonly seq?: number
  readonly snapshot?: boolean
  readonly time?: number
  readonly fields?: Readonly<Record<string, string | null>>
  readonly stale?: boolean
  readonly deleted?: boolean
  readonly lost?: number
  readonly out?: boolean
  readonly snapshotEnd?: boolean
  readonly cleared?: boolean
  readonly key?: string
  readonly command?: 'ADD' | 'UPDATE' | 'DELETE'
  /** Records of the session itself. */
  readonly session?: string
  readonly position?: number
  readonly recovered?: boolean
  readonly why?: string
  readonly subscriptions?: readonly number[]
  readonly request?: number
  readonly subscribed?: number
  readonly items?: number
  readonly changed?: number
  readonly maxFrequency?: number | null
  readonly paused?: number
  readonly resumed?: number
  readonly unsubscribed?: number
  readonly limits?: { readonly maxBandwidth: number | null; readonly maxDelay: number | null }
  readonly answer?: number | null
  readonly error?: RecordError
  readonly closing?: { readonly code: string }
}

export interface StreamListener {
  onRecord(record: StreamRecord, json: string): void
  /** What came since the last flush is the flush of this position. */
  onFlush(position: number): void
}

/** Whether the record counts as an update. */
export function isUpdate({ fields, command }: StreamRecord): boolean {
  return fields !== undefined || command !== undefined
}

const HEAD_END = '\r\n\r\n'

export class StreamReader {
  status = 0
  head = ''
  /** Of an answer that is no stream, when it is whole. */
  body = ''
  /** The body has ended by its own framing. */
  isComplete = false
  keepalives = 0
  /** A stream, and no answer of known length. */
  isStream = false
  readonly #isSse: boolean
  readonly #listener: StreamListener
  /** -1 where the head does not tell it. */
  #length = -1
  #isChunked = false
  #bytes = Buffer.alloc(0)
  #text = Buffer.alloc(0)

  constructor(isSse: boolean, listener: StreamListener) {
    this.#isSse = isSse
    this.#listener = listener
  }

  read(bytes: Buffer): void {
    if (bytes.length === 0) return
    if (this.isComplete) throw new Error('bytes behind the end of an answer')
    this.#bytes = Buffer.concat([this.#bytes, bytes])
    if (this.status === 0 && !this.#readHead()) return
    if (this.#length >= 0) this.#readSized(this.#length)
    else if (this.#isChunked) while (this.#readChunk());
    else this.#takePlain()
  }

  /** Takes the body of a poll's answer as records. */
  takeBody(): void {
    this.#takeText(Buffer.from(this.body))
    if (this.#text.length > 0) throw new Error('an answer ends within a record')
  }

  #readHead(): boolean {
    const end = this.#bytes.indexOf(HEAD_END)
    if (end < 0) return false
    this.head = this.#bytes.toString('latin1', 0, end)
    const status = /^HTTP\/1\.1 (\d{3}) /.exec(this.head)
    if (status === null) throw new Error(`no status line: ${JSON.stringify(this.head)}`)
    this.status = Number(status[1])
    this.#length = Number(/content-length: (\d+)/i.exec(this.head)?.[1] ?? -1)
    this.#isChunked = /transfer-encoding: chunked/i.test(this.head)
    this.isStream = this.status === 200 && this.#length < 0
    this.#bytes = this.#bytes.subarray(end + HEAD_END.length)
    return true
  }

  #readSized(length: number): void {
    if (this.#bytes.length < length) return
    if (this.#bytes.length > length) throw new Error('an answer is longer than its Content-Length')
    this.body = this.#bytes.toString('utf8')
    this.isComplete = true
  }

  #takePlain(): void {
    const part = this.#bytes
    this.#bytes = Buffer.alloc(0)
    this.#takeText(part)
  }

  #readChunk(): boolean {
    const lineEnd = this.#bytes.indexOf('\r\n')
    if (lineEnd < 0 || this.isComplete) return false
    const sizeText = this.#bytes.toString('latin1', 0, lineEnd)
    if (!/^[0-9a-f]+$/.test(sizeText)) throw new Error(`no chunk size: ${JSON.stringify(sizeText)}`)
    const size = Number.parseInt(sizeText, 16)
    const end = lineEnd + 2 + size
    if (this.#bytes.length < end + 2) return false
    if (this.#bytes.toString('latin1', end, end + 2) !== '\r\n') throw new Error('a chunk does not end with CR LF')
    const chunk = this.#bytes.subarray(lineEnd + 2, end)
    this.#bytes = this.#bytes.subarray(end + 2)
    if (size === 0) {
      if (this.#bytes.length > 0) throw new Error('bytes behind the last chunk')
      this.isComplete = true
    }
    this.#takeText(chunk)
    return true
  }

  #takeText(part: Buffer): void {
    this.#text = Buffer.concat([this.#text, part])
    const separator = this.#isSse ? '\n\n' : '\n'
    for (;;) {
      const end = this.#text.indexOf(separator)
      if (end < 0) return
      const block = this.#text.toString('utf8', 0, end)
      this.#text = this.#text.subarray(end + separator.length)
      const { json, position } = readBlock(block, this.#isSse)
      if (json !== '') this.#listener.onRecord(JSON.parse(json) as StreamRecord, json)
      else if (position < 0) this.keepalives++
      if (position >= 0) this.#listener.onFlush(position)
    }
  }
}

interface Block {
  /** '' for a sign of life, and for the end of a flush. */
  readonly json: string
  /** Of the flush that ends here, or -1. */
  readonly position: number
}

/** One event of SSE without its blank line, or one line. */
export function readBlock(block: string, isSse: boolean): Block {
  if (isSse) return readEvent(block)
  const end = /^\{"position":(\d+)\}$/.exec(block)
  return end === null ? { json: block, position: -1 } : { json: '', position: Number(end[1]) }
}

function readEvent(block: string): Block {
  let json = ''
  let position = -1
  for (const line of block.split('\n')) {
    const id = /^id: [A-Za-z0-9_-]{22}\.(\d+)$/.exec(line)
    if (line.startsWith('data: ')) json += line.slice('data: '.length)
    else if (id !== null) position = Number(id[1])
    else if (!/^(retry: \d+|:)$/.test(line)) throw new Error(`no line of SSE: ${JSON.stringify(line)}`)
  }
  return { json, position }
}

/** The records of one flush, and its position, or -1. */
export function readFlushText(text: string, isSse: boolean): { records: [StreamRecord, string][]; position: number } {
  const records: [StreamRecord, string][] = []
  let position = -1
  const blocks = text.split(isSse ? '\n\n' : '\n')
  for (const block of blocks.slice(0, -1)) {
    if (position >= 0) throw new Error('a flush goes on behind its position')
    const read = readBlock(block, isSse)
    if (read.json !== '') records.push([JSON.parse(read.json) as StreamRecord, read.json])
    position = read.position
  }
  if (blocks.at(-1) !== '') throw new Error('a flush ends within a record')
  return { records, position }
}

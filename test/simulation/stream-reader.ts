/**
 * Reads what a client gets: an HTTP head, a body (chunked, by length, or up to the end), and in a stream the records of
 * SSE or NDJSON. Written for the simulation alone and strict: anything that a correct server would not send throws.
 */

export interface StreamRecord {
  readonly item?: string
  readonly seq?: number
  readonly snapshot?: boolean
  readonly time?: number
  readonly fields?: Readonly<Record<string, string | null>>
  readonly stale?: boolean
  readonly deleted?: boolean
  readonly lost?: number
  readonly closing?: { readonly code: string }
  /** Records of the session itself. */
  readonly session?: string
  readonly position?: number
  readonly subscribed?: number
  readonly unsubscribed?: number
  readonly error?: { readonly code: string }
}

const HEAD_END = '\r\n\r\n'

export class StreamReader {
  status = 0
  head = ''
  /** The body as far as it has come, of an answer that is no stream. */
  body = ''
  /** The body has ended by its own framing. */
  isComplete = false
  keepalives = 0
  readonly #isSse: boolean
  readonly #onRecord: (record: StreamRecord) => void
  #bytes = Buffer.alloc(0)
  #text = Buffer.alloc(0)

  constructor(isSse: boolean, onRecord: (record: StreamRecord) => void) {
    this.#isSse = isSse
    this.#onRecord = onRecord
  }

  get isStream(): boolean {
    return this.status === 200 && /event-stream|ndjson/.test(this.head)
  }

  read(bytes: Buffer): void {
    if (bytes.length === 0) return
    if (this.isComplete) throw new Error('bytes behind the end of an answer')
    this.#bytes = Buffer.concat([this.#bytes, bytes])
    if (this.status === 0 && !this.#readHead()) return
    const length = /content-length: (\d+)/i.exec(this.head)
    if (length !== null) this.#readSized(Number(length[1]))
    else if (/transfer-encoding: chunked/i.test(this.head)) while (this.#readChunk());
    else this.#takePlain()
  }

  #readHead(): boolean {
    const end = this.#bytes.indexOf(HEAD_END)
    if (end < 0) return false
    this.head = this.#bytes.toString('latin1', 0, end)
    const status = /^HTTP\/1\.1 (\d{3}) /.exec(this.head)
    if (status === null) throw new Error(`no status line: ${JSON.stringify(this.head)}`)
    this.status = Number(status[1])
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
      const json = this.#isSse ? sseData(block) : block
      if (json === '') this.keepalives++
      else this.#onRecord(JSON.parse(json) as StreamRecord)
    }
  }
}

/** The data of one SSE event, '' for a comment. */
export function sseData(block: string): string {
  let data = ''
  for (const line of block.split('\n')) {
    if (line.startsWith('data: ')) data += line.slice('data: '.length)
    else if (!/^(id: [A-Za-z0-9_.-]{22}\.\d+|retry: \d+|:)$/.test(line))
      throw new Error(`no line of SSE: ${JSON.stringify(line)}`)
  }
  return data
}

/** The records of one flush. */
export function recordsOf(text: string, isSse: boolean): StreamRecord[] {
  return text
    .split(isSse ? '\n\n' : '\n')
    .map(block => (isSse && block !== '' ? sseData(block) : block))
    .filter(json => json !== '')
    .map(json => JSON.parse(json) as StreamRecord)
}

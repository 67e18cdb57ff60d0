/**
 * A client of the native protocol (docs/protocol.md) on real sockets, one stream of a session over any transport. It keeps
 * every record as it came, and counts as handled what stands before the last position: what a client resumes behind.
 */

import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import WebSocket from 'ws'
import { readTerse, type TerseViews } from '#src/client/terse.ts'
import { Arrivals } from './arrivals.ts'

export const TRANSPORTS = ['sse', 'ndjson', 'websocket', 'poll'] as const
export type Transport = (typeof TRANSPORTS)[number]

export interface CodedError {
  readonly code: string
  readonly message: string
}

/** All that a record may have (docs/protocol.md, 1 and 2). */
export interface SessionRecord {
  readonly session?: string
  readonly epoch?: string
  readonly position?: number
  readonly keepaliveMs?: number
  readonly resumeMs?: number
  readonly recovered?: boolean
  readonly why?: string
  readonly subscriptions?: readonly number[]
  readonly request?: number
  readonly sub?: number
  readonly item?: string
  readonly seq?: number
  readonly time?: number
  readonly key?: string
  readonly command?: 'ADD' | 'UPDATE' | 'DELETE'
  readonly cleared?: boolean
  readonly snapshotEnd?: boolean
  readonly out?: boolean
  readonly snapshot?: boolean
  readonly fields?: Readonly<Record<string, string | null>>
  readonly stale?: boolean
  readonly deleted?: boolean
  readonly lost?: number
  readonly subscribed?: number
  readonly items?: number
  readonly maxFrequency?: number | null
  readonly changed?: number
  readonly paused?: number
  readonly resumed?: number
  readonly unsubscribed?: number
  readonly limits?: { readonly maxBandwidth: number | null; readonly maxDelay: number | null }
  readonly answer?: number | null
  readonly error?: CodedError
  readonly outcome?: number | null
  readonly result?: unknown
  readonly closing?: CodedError & { readonly retryMs?: number }
}

/** What a session is taken up with. */
export interface Resume {
  readonly session: string
  readonly position: number
}

export interface SessionStreamOptions {
  readonly port: number
  readonly transport: Transport
  /** Where the server's paths begin, behind a proxy. */
  readonly prefix?: string
  /** Beside what resumes. */
  readonly query?: string
  readonly resume?: Resume
  /** Asks for the terse encoding; the table of views belongs to the client's session. */
  readonly terse?: TerseViews
  /** The body of the POST that opens a stream, or the first message of a WebSocket. */
  readonly requests?: readonly object[]
  /** Called behind each position; the stream may be cut in it. */
  readonly onPosition?: () => void
}

const ACCEPT: Readonly<Record<Transport, string>> = {
  sse: 'text/event-stream',
  ndjson: 'application/x-ndjson',
  websocket: '',
  poll: '',
}

/** Requests as the lines of a body or a message. */
export function linesOf(requests: readonly object[]): string {
  return requests.map(request => `${JSON.stringify(request)}\n`).join('')
}

export class SessionStream extends Arrivals<SessionRecord> {
  readonly transport: Transport
  session = ''
  /** Behind the last flush that came whole. */
  position = 0
  /** Records before that position. */
  handledCount = 0
  /** Of the answer that opened it, or refused it. */
  status = 0
  /** Why it was refused. */
  refusal = ''
  /** The last head, by name in lower case. */
  headers: IncomingMessage['headers'] = {}
  /** Of the close frame of a WebSocket. */
  closeCode = 0
  /** `retry:` of SSE, in ms. */
  retryMs = 0
  /** Polls that were answered. */
  answeredPolls = 0
  readonly #options: SessionStreamOptions
  #request: ClientRequest | null = null
  #response: IncomingMessage | null = null
  #socket: WebSocket | null = null
  #isCut = false
  #partial = ''
  #eventId = ''

  constructor(options: SessionStreamOptions) {
    super()
    this.#options = options
    this.transport = options.transport
    // A poll that goes on is not welcomed.
    this.session = options.resume?.session ?? ''
    this.position = options.resume?.position ?? 0
    if (options.transport === 'websocket') this.#openSocket()
    else this.#ask(options.resume, options.requests ?? null)
  }

  /** The records that a client has handled which resumes behind `position`. */
  get handled(): readonly SessionRecord[] {
    return this.all.slice(0, this.handledCount)
  }

  get resume(): Resume {
    return { session: this.session, position: this.position }
  }

  /** The welcome. */
  get welcome(): Promise<SessionRecord> {
    return this.find(record => record.session !== undefined)
  }

  /** Over WebSocket: sends requests in one message. */
  send(...requests: readonly object[]): void {
    this.#socket!.send(linesOf(requests))
  }

  /** The socket of a WebSocket. */
  get socket(): WebSocket {
    return this.#socket!
  }

  /** Reads no more, until it is cut. */
  pause(): void {
    this.#response?.pause()
    this.#socket?.pause()
  }

  /** Is gone at once, without a word; what was under way is not handled. */
  cut(): void {
    if (this.#isCut) return
    this.#isCut = true
    this.#request?.destroy()
    this.#socket?.terminate()
    this.end()
  }

  // ── HTTP ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  #ask(resume: Resume | undefined, requests: readonly object[] | null): void {
    const { port, transport } = this.#options
    const isSse = transport === 'sse'
    const headers: Record<string, string> = { Accept: ACCEPT[transport] }
    // What EventSource does by itself.
    if (isSse && resume !== undefined) headers['Last-Event-ID'] = `${resume.session}.${resume.position}`
    const path = targetOf(this.#options, isSse ? undefined : resume)
    const method = requests === null ? 'GET' : 'POST'
    const request = httpRequest({ host: '127.0.0.1', port, path, method, headers, agent: false })
    this.#request = request
    request.setNoDelay(true)
    request.on('response', response => this.#onResponse(response))
    request.on('error', () => this.end())
    request.end(requests === null ? '' : linesOf(requests))
  }

  #onResponse(response: IncomingMessage): void {
    this.status = response.statusCode ?? 0
    this.headers = response.headers
    this.#response = response
    let text = ''
    response.setEncoding('utf8').on('data', (chunk: unknown) => {
      if (this.#isCut) return
      if (this.status !== 200) text += String(chunk)
      else this.#take(String(chunk))
    })
    response.on('error', () => {})
    response.on('close', () => {
      if (this.status !== 200) this.refusal = codeOf(text)
      if (this.transport === 'poll' && this.status === 200) this.#onPolled(response.complete)
      else this.end()
    })
  }

  #onPolled(isWhole: boolean): void {
    if (this.#isCut) return
    if (isWhole) this.answeredPolls++
    if (!isWhole || this.all.at(-1)?.closing !== undefined) this.end()
    else this.#ask(this.resume, null)
  }

  // ── WebSocket ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #openSocket(): void {
    const { port, resume, requests } = this.#options
    const url = `ws://127.0.0.1:${port}${targetOf(this.#options, resume)}`
    const socket = new WebSocket(url, { perMessageDeflate: false })
    this.#socket = socket
    socket.on('upgrade', () => {
      this.status = 101
    })
    socket.on('open', () => {
      if (requests !== undefined) socket.send(linesOf(requests))
    })
    socket.on('message', data => {
      if (!this.#isCut) this.#take(String(data))
    })
    socket.on('unexpected-response', (_request, response) => {
      this.status = response.statusCode ?? 0
      this.headers = response.headers
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: unknown) => {
        text += String(chunk)
      })
      response.on('close', () => {
        this.refusal = codeOf(text)
        this.end()
      })
    })
    socket.on('error', () => {})
    socket.on('close', code => {
      this.closeCode = code
      this.end()
    })
  }

  // ── Records ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #take(text: string): void {
    const lines = (this.#partial + text).split('\n')
    this.#partial = lines.pop() ?? ''
    for (const line of lines) {
      if (this.#isCut) return
      this.#line(line)
    }
  }

  #line(line: string): void {
    if (line === '') this.#dispatch()
    else if (line.startsWith('{')) this.#record(line)
    else if (line.startsWith('data: ')) this.#record(line.slice('data: '.length))
    else if (line.startsWith('id: ')) this.#eventId = line.slice('id: '.length)
    else if (line.startsWith('retry: ')) this.retryMs = Number(line.slice('retry: '.length))
    else if (this.#options.terse !== undefined) this.#terse(line, this.#options.terse)
    else if (line !== ':') throw new Error(`no line of a stream: ${JSON.stringify(line)}`)
  }

  #record(text: string): void {
    const record = JSON.parse(text) as SessionRecord
    const { session, position } = record
    if (session !== undefined) {
      this.session = session
      if (record.recovered !== true) this.#options.terse?.clear()
    }
    this.push(record)
    if (position !== undefined) this.#reach(position)
  }

  #terse(line: string, views: TerseViews): void {
    const read = readTerse(line, views)
    if (read === null || 'error' in read) throw new Error(`no line of a stream: ${JSON.stringify(read)}`)
    if (!('defined' in read)) this.push(read)
  }

  /** An event of SSE is whole. */
  #dispatch(): void {
    if (this.#eventId === '') return
    const [session, position] = this.#eventId.split('.')
    this.#eventId = ''
    if (session !== this.session) throw new Error(`the id of another session: ${session}`)
    this.#reach(Number(position))
  }

  #reach(position: number): void {
    this.position = position
    this.handledCount = this.all.length
    if (!this.#isCut) this.#options.onPosition?.()
  }
}

function targetOf(options: SessionStreamOptions, resume: Resume | undefined): string {
  const { transport, prefix = '', query = '', terse } = options
  const path = `${prefix}${transport === 'poll' ? '/poll' : '/stream'}`
  const parts = query === '' ? [] : [query]
  if (terse !== undefined) parts.push('encoding=terse')
  if (resume !== undefined) parts.push(`session=${resume.session}`, `position=${resume.position}`)
  return parts.length === 0 ? path : `${path}?${parts.join('&')}`
}

function codeOf(text: string): string {
  try {
    return (JSON.parse(text) as { error: CodedError }).error.code
  } catch {
    return text
  }
}

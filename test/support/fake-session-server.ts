/**
 * A server of docs/protocol.md over real sockets, small: node:http and `ws` around fake-sessions.ts. It can be told to cut
 * connections, to hold streams back as a buffering proxy does, to refuse, to lose answers, to repeat a flush, to forget.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { soon } from '#src/time/real-timers.ts'
import type { FakeSession, FakeStream } from './fake-session.ts'
import { type FakePromises, type FakeRefusal, FakeSessions } from './fake-sessions.ts'

export type FakeTransport = FakeStream['transport']

const PROMISES: FakePromises = { keepaliveMs: 15_000, resumeMs: 30_000 }

/** A stream, with what the sockets need of it. */
interface OpenStream extends FakeStream {
  /** Sends what may be the beginning of a flush, and is cut. */
  tear(text: string): void
  repeat(): void
}

export class FakeSessionServer {
  readonly url: string
  readonly model: FakeSessions
  /** Transports whose streams open and bring nothing. */
  readonly buffering = new Set<FakeTransport>()
  /** Transports that are refused, with the status. */
  readonly refusing = new Map<FakeTransport, number>()
  /** Posts to /control that are carried out and whose answers are lost. */
  losesAnswers = 0
  /** What GET brings, by path: pages and scripts for browsers. */
  readonly files = new Map<string, { readonly type: string; readonly text: string }>()
  /** Streams that were asked for, in order. */
  readonly asked: FakeTransport[] = []
  readonly #server: Server
  readonly #webSockets = new WebSocketServer({ noServer: true })
  readonly #streams = new Set<OpenStream>()
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server, url: string, promises: FakePromises) {
    this.#server = server
    this.url = url
    this.model = new FakeSessions(promises, soon)
    server.on('connection', socket => {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => this.#sockets.delete(socket))
    })
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      response.on('error', () => {})
      readBody(request).then(
        body => this.#route(request, response, body),
        () => response.destroy(),
      )
    })
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.#upgrade(request, socket, head)
    })
  }

  static async listen(promises: Partial<FakePromises> = {}): Promise<FakeSessionServer> {
    const server = createServer()
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    return new FakeSessionServer(server, `http://127.0.0.1:${port}`, { ...PROMISES, ...promises })
  }

  // ── What may go wrong ──────────────────────────────────────────────────────────────────────────────────────────────

  /** Every connection is gone without a word. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Every stream brings the beginning of a flush that will never be whole, and is gone. */
  tear(record: object): void {
    for (const stream of [...this.#streams]) stream.tear(JSON.stringify(record))
  }

  /** The last flush of each stream comes again as it was. */
  repeat(): void {
    for (const stream of this.#streams) stream.repeat()
  }

  /** Asks the clients to come back. */
  closeStreams(code: string, retryMs: number): void {
    for (const stream of [...this.#streams]) stream.end({ code, message: 'the test says so', retryMs })
  }

  async close(): Promise<void> {
    this.cut()
    this.#webSockets.close()
    await new Promise(resolve => this.#server.close(resolve))
  }

  // ── Requests ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #route(request: IncomingMessage, response: ServerResponse, body: string): void {
    const { pathname, searchParams } = new URL(request.url ?? '', this.url)
    const file = this.files.get(pathname)
    if (request.method === 'GET' && file !== undefined)
      response.writeHead(200, { 'content-type': file.type }).end(file.text)
    else if (request.method !== 'POST') answer(response, 405, { error: { code: 'METHOD_NOT_ALLOWED', message: '' } })
    else if (pathname === '/control') this.#control(response, searchParams, body)
    else if (pathname === '/stream') this.#stream(response, 'sse', searchParams, body)
    else if (pathname === '/poll') this.#stream(response, 'poll', searchParams, body)
    else answer(response, 404, { error: { code: 'PATH_NOT_FOUND', message: '' } })
  }

  #control(response: ServerResponse, parameters: URLSearchParams, body: string): void {
    const answers = this.model.control(parameters.get('session') ?? '', body)
    if (!Array.isArray(answers)) {
      refuse(response, answers as FakeRefusal)
    } else if (this.losesAnswers > 0) {
      this.losesAnswers--
      response.destroy()
    } else {
      response.writeHead(200, { 'content-type': 'application/x-ndjson' }).end(linesOf(answers))
    }
  }

  #stream(response: ServerResponse, transport: 'sse' | 'poll', parameters: URLSearchParams, body: string): void {
    if (transport === 'sse' || parameters.get('wait') === '0') this.asked.push(transport)
    const status = this.refusing.get(transport)
    if (status !== undefined) {
      refuse(response, { status, code: 'SERVER_BUSY' })
      return
    }
    // Held back on the way: nobody knows that anybody asked.
    if (this.buffering.has(transport)) return
    const stream = transport === 'sse' ? new SseEnd(response) : new PollEnd(response)
    const session = this.model.open(stream, parameters, body)
    if ('status' in session) {
      refuse(response, session)
      return
    }
    this.#keep(stream, session)
    response.on('close', () => this.#gone(stream, session))
    if (stream instanceof PollEnd) stream.hold(session, Number(parameters.get('wait')))
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.asked.push('websocket')
    if (this.refusing.has('websocket')) {
      socket.end(`HTTP/1.1 ${this.refusing.get('websocket')} No\r\nConnection: close\r\n\r\n`)
      return
    }
    this.#webSockets.handleUpgrade(request, socket, head, webSocket => {
      webSocket.on('error', () => {})
      if (this.buffering.has('websocket')) return
      const { searchParams } = new URL(request.url ?? '', this.url)
      const stream = new WebSocketEnd(webSocket)
      const session = this.model.open(stream, searchParams, '')
      if ('status' in session) {
        webSocket.close()
        return
      }
      this.#keep(stream, session)
      webSocket.on('close', () => this.#gone(stream, session))
      webSocket.on('message', data => {
        if (session.stream === stream) session.answerInStream(session.carryOut(String(data)))
      })
    })
  }

  #keep(stream: OpenStream, session: FakeSession): void {
    this.#streams.add(stream)
    this.model.dirty(session)
  }

  /** A poll that was answered is no break. */
  #gone(stream: OpenStream, session: FakeSession): void {
    this.#streams.delete(stream)
    if (stream.canSend) this.model.unbind(session, stream)
  }
}

class WebSocketEnd implements OpenStream {
  readonly transport = 'websocket'
  readonly canSend = true
  readonly #webSocket: WebSocket
  #last = ''

  constructor(webSocket: WebSocket) {
    this.#webSocket = webSocket
  }

  send(records: readonly object[], position: number | null): void {
    this.#last = linesOf(position === null ? records : [...records, { position }])
    this.#webSocket.send(this.#last)
  }

  end(closing: { readonly code: string; readonly message: string; readonly retryMs?: number }): void {
    this.#webSocket.send(linesOf([{ closing }]))
    this.#webSocket.close(closing.code === 'SESSION_DESTROYED' ? 1000 : 4002)
  }

  tear(text: string): void {
    this.#webSocket.send(text, () => this.#webSocket.terminate())
  }

  repeat(): void {
    this.#webSocket.send(this.#last)
  }
}

class SseEnd implements OpenStream {
  readonly transport = 'sse'
  readonly canSend = true
  readonly #response: ServerResponse
  #last = ''

  constructor(response: ServerResponse) {
    this.#response = response
    response.writeHead(200, { 'content-type': 'text/event-stream' })
  }

  send(records: readonly object[], position: number | null): void {
    const events = records.map(record => `data: ${JSON.stringify(record)}\n\n`)
    if (position !== null) events.push(`id: SESSION.${position}\n${events.pop() ?? 'data: {}\n\n'}`)
    this.#last = events.join('')
    this.#response.write(this.#last)
  }

  end(closing: object): void {
    this.#response.end(`data: ${JSON.stringify({ closing })}\n\n`)
  }

  /** A whole event of a flush that is not. */
  tear(text: string): void {
    this.#response.write(`data: ${text}\n\n`, () => this.#response.socket?.destroy())
  }

  repeat(): void {
    this.#response.write(this.#last)
  }
}

class PollEnd implements OpenStream {
  readonly transport = 'poll'
  canSend = true
  readonly #response: ServerResponse
  #lines = ''
  #timer: NodeJS.Timeout | null = null

  constructor(response: ServerResponse) {
    this.#response = response
    response.on('close', () => clearTimeout(this.#timer ?? undefined))
  }

  /** Answered when there is something, or when the time is over. */
  hold(session: FakeSession, waitMs: number): void {
    const release = (): void => {
      if (!this.canSend || session.stream !== this) return
      const { records, position } = session.flush()
      this.send(records, position)
    }
    if (waitMs === 0) soon(release)
    else this.#timer = setTimeout(release, waitMs)
  }

  send(records: readonly object[], position: number | null): void {
    this.#lines += linesOf(records)
    if (position === null || !this.canSend) return
    this.#answer(this.#lines + linesOf([{ position }]))
  }

  end(closing: object): void {
    if (this.canSend) this.#answer(this.#lines + linesOf([{ closing }]))
  }

  /** An answer whose end is missing. */
  tear(text: string): void {
    if (!this.canSend) return
    this.canSend = false
    this.#response.writeHead(200, { 'content-type': 'application/x-ndjson', 'content-length': text.length + 100 })
    this.#response.write(text, () => this.#response.socket?.destroy())
  }

  /** An answer cannot come twice. */
  repeat(): void {}

  #answer(text: string): void {
    this.canSend = false
    this.#response.writeHead(200, { 'content-type': 'application/x-ndjson' }).end(text)
  }
}

function linesOf(records: readonly object[]): string {
  return records.map(record => `${JSON.stringify(record)}\n`).join('')
}

function refuse(response: ServerResponse, { status, code }: FakeRefusal): void {
  answer(response, status, { error: { code, message: 'refused by the fake server' } })
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

async function readBody(request: IncomingMessage): Promise<string> {
  let body = ''
  request.setEncoding('utf8')
  for await (const part of request) body += String(part)
  return body
}

/**
 * How a full client's stream comes, transport by transport: as text, whose lines are records. Long polling asks again by
 * itself, on one connection; the other transports are one exchange.
 */

import { Agent, type ClientRequest, get, type IncomingMessage } from 'node:http'
import WebSocket from 'ws'
import type { Workload } from '#perf/workload.ts'
import { acceptOf, millraceQuery } from './client-protocols.ts'

export interface FullSink {
  onText(text: string): void
  /** The stream has ended, and nobody had closed it. */
  onEnd(): void
}

export interface FullStream {
  /** Resolves when it is answered. */
  readonly opened: Promise<void>
  close(): void
}

const OK = 200
const SESSION_EXP = /^\{"session":"([^"]+)"/
const POSITION_EXP = /\{"position":(\d+)\}\n$/

/** `client`: its number. */
export function openFullStream(
  port: number,
  workload: Workload,
  names: readonly string[],
  client: number,
  sink: FullSink,
): FullStream {
  const query = String(millraceQuery(names, workload, client))
  if (workload.transport === 'websocket') return openWebSocket(`ws://127.0.0.1:${port}/stream?${query}`, sink)
  if (workload.transport === 'poll') return new PollStream(port, query, sink)
  return openResponse(port, `/stream?${query}`, acceptOf(workload), sink)
}

function openResponse(port: number, path: string, accept: string, sink: FullSink): FullStream {
  const { promise: opened, resolve, reject } = Promise.withResolvers<void>()
  const request = get({ host: '127.0.0.1', port, path, headers: { Accept: accept }, agent: false }, response => {
    if (response.statusCode !== OK) reject(refusal(response))
    response.setEncoding('utf8')
    response.on('data', (text: string) => sink.onText(text))
    response.on('error', () => {})
    response.on('close', () => sink.onEnd())
    resolve()
  })
  request.on('error', reject)
  return { opened, close: () => request.destroy() }
}

function openWebSocket(url: string, sink: FullSink): FullStream {
  const { promise: opened, resolve, reject } = Promise.withResolvers<void>()
  const socket = new WebSocket(url, { perMessageDeflate: false })
  socket.on('open', resolve)
  socket.on('message', data => sink.onText(String(data)))
  socket.on('error', reject)
  socket.on('close', () => sink.onEnd())
  return { opened, close: () => socket.terminate() }
}

class PollStream implements FullStream {
  readonly opened: Promise<void>
  readonly #port: number
  readonly #sink: FullSink
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })
  readonly #onOpen: () => void
  readonly #onRefused: (error: Error) => void
  #request: ClientRequest
  #session = ''

  constructor(port: number, query: string, sink: FullSink) {
    this.#port = port
    this.#sink = sink
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.opened = promise
    this.#onOpen = resolve
    this.#onRefused = reject
    this.#request = this.#poll(query)
  }

  close(): void {
    this.#request.destroy()
    this.#agent.destroy()
  }

  #poll(query: string): ClientRequest {
    const options = { host: '127.0.0.1', port: this.#port, path: `/poll?${query}`, agent: this.#agent }
    const request = get(options, response => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (text: string) => {
        body += text
      })
      response.on('error', () => {})
      response.on('close', () => this.#onAnswer(response, body))
    })
    return request.on('error', error => this.#fail(error))
  }

  /** An answer that is not whole has no position. */
  #onAnswer(response: IncomingMessage, body: string): void {
    if (response.statusCode !== OK) return this.#fail(refusal(response))
    this.#session = SESSION_EXP.exec(body)?.[1] ?? this.#session
    this.#onOpen()
    this.#sink.onText(body)
    const position = POSITION_EXP.exec(body)?.[1]
    if (position === undefined) this.#sink.onEnd()
    else this.#request = this.#poll(`session=${this.#session}&position=${position}`)
  }

  /** Where it is open already, the promise has long been kept. */
  #fail(error: Error): void {
    this.#onRefused(error)
    this.#sink.onEnd()
  }
}

function refusal({ statusCode }: IncomingMessage): Error {
  return new Error(`a stream was answered ${statusCode}`)
}

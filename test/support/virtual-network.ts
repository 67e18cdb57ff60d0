/**
 * A network in virtual time between the client library's own transports and the fake server's sessions: fetch and WebSocket
 * whose bytes take a random time, whose connections break, hang and are refused at random, and whose answers get lost.
 */

import type {
  Fetch,
  FetchInit,
  FetchResponse,
  WebSocketClass,
  WebSocketLike,
} from '#src/client/transports/transport.ts'
import type { FakeRuntime } from './fake-runtime.ts'
import type { FakeSession, FakeStream } from './fake-session.ts'
import type { FakeSessions } from './fake-sessions.ts'
import type { Random } from './random.ts'

/** Probabilities; of an opening, but for `lost`: of a post to /control. */
export interface NetworkFaults {
  /** Cannot be opened. */
  readonly refused: number
  /** Opens, and brings nothing. */
  readonly buffered: number
  /** Ends after a while, with what is on its way. */
  readonly cut: number
  /** Goes silent after a while, and does not end. */
  readonly hung: number
  /** Does not arrive; or arrives, and its answer does not come. */
  readonly lost: number
}

const LATENCY_MS_MAX = 40
/** A connection that breaks does so within this. */
const LIFE_MS_MAX = 1_500

const encoder = new TextEncoder()

export class VirtualNetwork {
  /** Nothing goes wrong any more. */
  isCalm = false
  readonly opened = { websocket: 0, sse: 0, poll: 0 }
  readonly WebSocket: WebSocketClass
  readonly #runtime: FakeRuntime
  readonly #model: FakeSessions
  readonly #random: Random
  readonly #faults: NetworkFaults

  constructor(runtime: FakeRuntime, model: FakeSessions, random: Random, faults: NetworkFaults) {
    this.#runtime = runtime
    this.#model = model
    this.#random = random
    this.#faults = faults
    const open = (url: string, webSocket: VirtualWebSocket): void => this.#openWebSocket(url, webSocket)
    this.WebSocket = class extends VirtualWebSocket {
      constructor(url: string) {
        super()
        open(url, this)
      }
    }
  }

  readonly fetch: Fetch = (url, init) => {
    const { pathname, searchParams } = new URL(url)
    if (pathname === '/control') return this.#control(searchParams, init)
    return new Promise((resolve, reject) => {
      const wire = this.#wire()
      init.signal?.addEventListener('abort', () => {
        wire.isOpen = false
        reject(new Error('aborted'))
      })
      if (this.#happens('refused')) wire.carry(() => reject(new Error('refused')))
      else if (pathname === '/stream') this.#openSse(wire, searchParams, init.body, resolve)
      else this.#openPoll(wire, searchParams, init.body, resolve, reject)
    })
  }

  // ── Transports ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #openWebSocket(url: string, webSocket: VirtualWebSocket): void {
    this.opened.websocket++
    const wire = this.#wire()
    webSocket.wire = wire
    const close = (): void => webSocket.onclose?.({ code: 1006, reason: '' })
    if (this.#happens('refused')) {
      wire.carry(close)
      return
    }
    const put = (text: string): void => wire.carry(() => webSocket.onmessage?.({ data: text }))
    const stream = new LineStream('websocket', put, () => wire.carry(close))
    wire.carry(() => {
      webSocket.onopen?.(undefined as never)
      if (this.#happens('buffered')) return
      const session = this.#model.open(stream, new URL(url).searchParams, '')
      if ('status' in session) {
        close()
        return
      }
      this.#mayBreak(wire, session, stream, close)
      webSocket.take = lines => {
        if (session.stream === stream) session.answerInStream(session.carryOut(lines))
      }
    })
  }

  #openSse(wire: Wire, parameters: URLSearchParams, lines: string, resolve: (response: FetchResponse) => void): void {
    this.opened.sse++
    const body = new Body()
    const end = (): void => body.end()
    const stream = new LineStream(
      'sse',
      text => this.#inPieces(wire, text, body),
      () => wire.carry(end),
    )
    wire.carry(() => {
      if (this.#happens('buffered')) return
      const session = this.#model.open(stream, parameters, lines)
      if ('status' in session) {
        resolve(textResponse(session.status, JSON.stringify({ error: { code: session.code, message: '' } })))
        return
      }
      this.#mayBreak(wire, session, stream, end)
      resolve({ ...textResponse(200, '', 'text/event-stream'), body: { getReader: () => body } })
    })
  }

  #openPoll(
    wire: Wire,
    parameters: URLSearchParams,
    lines: string,
    resolve: (response: FetchResponse) => void,
    reject: (error: Error) => void,
  ): void {
    this.opened.poll++
    const fail = (): void => wire.carry(() => reject(new Error('cut')))
    const stream = new LineStream('poll', text => wire.carry(() => resolve(textResponse(200, text))), fail)
    wire.carry(() => {
      const session = this.#model.open(stream, parameters, lines)
      if ('status' in session) {
        resolve(textResponse(session.status, JSON.stringify({ error: { code: session.code, message: '' } })))
        return
      }
      if (this.#happens('lost')) {
        // Its answer goes where nobody hears it.
        wire.isOpen = false
        this.#runtime.setTimer(() => reject(new Error('lost')), LATENCY_MS_MAX)
      }
      const release = (): void => {
        if (!stream.canSend || session.stream !== stream) return
        const { records, position } = session.flush()
        stream.send(records, position)
      }
      this.#runtime.setTimer(release, Number(parameters.get('wait')))
    })
  }

  #control(parameters: URLSearchParams, { body, signal }: FetchInit): Promise<FetchResponse> {
    return new Promise((resolve, reject) => {
      const wire = this.#wire()
      signal?.addEventListener('abort', () => reject(new Error('aborted')))
      const isLost = this.#happens('lost')
      const isBefore = this.#random.chance(0.5)
      wire.carry(() => {
        if (isLost && isBefore) {
          reject(new Error('lost'))
          return
        }
        const answers = this.#model.control(parameters.get('session') ?? '', body)
        wire.carry(() => {
          if (isLost) reject(new Error('lost'))
          else if (Array.isArray(answers)) resolve(textResponse(200, linesOf(answers)))
          else resolve(textResponse(404, JSON.stringify({ error: { code: 'SESSION_UNKNOWN', message: '' } })))
        })
      })
    })
  }

  // ── Chance ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  #happens(fault: keyof NetworkFaults): boolean {
    return !this.isCalm && this.#random.chance(this.#faults[fault])
  }

  #wire(): Wire {
    return new Wire(this.#runtime, this.#random)
  }

  #mayBreak(wire: Wire, session: FakeSession, stream: FakeStream, tell: () => void): void {
    const isCut = this.#happens('cut')
    if (!isCut && !this.#happens('hung')) return
    this.#runtime.setTimer(() => {
      wire.isOpen = false
      if (!isCut) return
      this.#model.unbind(session, stream)
      tell()
    }, this.#random.int(LIFE_MS_MAX))
  }

  /** Bytes are cut anywhere, in characters too. */
  #inPieces(wire: Wire, text: string, body: Body): void {
    const bytes = encoder.encode(text)
    const at = this.#random.int(bytes.length)
    for (const piece of [bytes.subarray(0, at), bytes.subarray(at)]) wire.carry(() => body.put(piece))
  }
}

/** One connection: what is carried arrives later, in order, unless it was closed meanwhile. */
class Wire {
  isOpen = true
  readonly #runtime: FakeRuntime
  readonly #random: Random
  #lastMs = 0

  constructor(runtime: FakeRuntime, random: Random) {
    this.#runtime = runtime
    this.#random = random
  }

  carry(call: () => void): void {
    const nowMs = this.#runtime.nowMs()
    this.#lastMs = Math.max(this.#lastMs, nowMs + this.#random.int(LATENCY_MS_MAX))
    this.#runtime.setTimer(() => {
      if (this.isOpen) call()
    }, this.#lastMs - nowMs)
  }
}

class LineStream implements FakeStream {
  readonly transport: FakeStream['transport']
  canSend = true
  readonly #put: (text: string) => void
  readonly #end: () => void
  #held = ''

  constructor(transport: FakeStream['transport'], put: (text: string) => void, end: () => void) {
    this.transport = transport
    this.#put = put
    this.#end = end
  }

  send(records: readonly object[], position: number | null): void {
    if (this.transport === 'sse') this.#sendEvents(records, position)
    else if (this.transport === 'websocket')
      this.#put(linesOf(position === null ? records : [...records, { position }]))
    else this.#answer(records, position)
  }

  end(closing: object): void {
    if (this.transport === 'sse') this.#sendEvents([{ closing }], null)
    else this.#put(linesOf([{ closing }]))
    if (this.transport === 'poll') this.canSend = false
    else this.#end()
  }

  #sendEvents(records: readonly object[], position: number | null): void {
    const events = records.map(record => `data: ${JSON.stringify(record)}\n\n`)
    if (position !== null) events.push(`id: SESSION.${position}\n${events.pop() ?? 'data: {}\n\n'}`)
    this.#put(events.join(''))
  }

  #answer(records: readonly object[], position: number | null): void {
    this.#held += linesOf(records)
    if (position === null) return
    this.canSend = false
    this.#put(this.#held + linesOf([{ position }]))
  }
}

class VirtualWebSocket implements WebSocketLike {
  onopen: WebSocketLike['onopen'] = null
  onmessage: WebSocketLike['onmessage'] = null
  onclose: WebSocketLike['onclose'] = null
  onerror: WebSocketLike['onerror'] = null
  wire: Wire | null = null
  /** The server's side. */
  take: (lines: string) => void = () => {}

  send(text: string): void {
    this.wire?.carry(() => this.take(text))
  }

  close(_code: number): void {
    if (this.wire !== null) this.wire.isOpen = false
  }
}

class Body {
  readonly #pieces: Uint8Array[] = []
  #isEnded = false
  #wake: () => void = () => {}

  put(piece: Uint8Array): void {
    this.#pieces.push(piece)
    this.#wake()
  }

  end(): void {
    this.#isEnded = true
    this.#wake()
  }

  async read(): Promise<{ done: boolean; value?: Uint8Array }> {
    while (this.#pieces.length === 0 && !this.#isEnded) {
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
    const value = this.#pieces.shift()
    return value === undefined ? { done: true } : { done: false, value }
  }
}

export function textResponse(status: number, text: string, type = 'application/x-ndjson'): FetchResponse {
  const headers = new Map([['content-type', type]])
  return {
    ok: status === 200,
    status,
    headers: { get: name => headers.get(name) ?? null },
    body: null,
    text: () => Promise.resolve(text),
  }
}

function linesOf(records: readonly object[]): string {
  return records.map(record => `${JSON.stringify(record)}\n`).join('')
}

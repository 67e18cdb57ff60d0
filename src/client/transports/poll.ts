/**
 * A stream by long polling: each answer is one flush, and the next poll, which names the position that was handled,
 * confirms it. The first poll is not held, so that its welcome comes at once. An answer that brings nothing sooner than
 * EMPTY_POLL_MS is no reason to ask again before that: whoever lies between may not let polls be held.
 *
 * A poll asks to be held for no longer than a stream may be silent.
 */

import { Control, failureOf, post, refusalOf } from './http.ts'
import {
  type FetchResponse,
  lost,
  type OpenStream,
  type Stream,
  type StreamEnd,
  type StreamRequest,
  type StreamSink,
  type TransportRuntime,
  urlOf,
} from './transport.ts'

const EMPTY_POLL_MS = 1_000
/** The most that a server lets be asked for. */
const WAIT_MS_MAX = 600_000
const NDJSON = 'application/x-ndjson'

export const openPoll: OpenStream = (runtime, request, sink) => new PollStream(runtime, request, sink)

class PollStream implements Stream {
  readonly isInBand = false
  readonly #control: Control
  readonly #sink: StreamSink
  readonly #abort = new AbortController()

  constructor(runtime: TransportRuntime, request: StreamRequest, sink: StreamSink) {
    this.#sink = sink
    this.#control = new Control(runtime.fetch, request, sink)
    void this.#run(runtime, request)
  }

  get isBusy(): boolean {
    return this.#control.isBusy
  }

  send(lines: string, isLast: boolean): void {
    this.#control.send(lines, isLast)
  }

  close(): void {
    this.#control.close()
    this.#abort.abort()
  }

  async #run(runtime: TransportRuntime, request: StreamRequest): Promise<void> {
    const { signal } = this.#abort
    let end: StreamEnd | null
    let isFirst = true
    try {
      const { query, lines } = request
      end = await this.#poll(runtime, request, query === '' ? 'wait=0' : `${query}&wait=0`, lines)
      isFirst = false
      while (end === null && !signal.aborted) end = await this.#pollAgain(runtime, request)
    } catch (error) {
      end = failureOf(error, isFirst ? 'TRANSPORT_FAILED' : 'CONNECTION_LOST')
    }
    if (signal.aborted || end === null) return
    this.close()
    this.#sink.ended(end)
  }

  async #pollAgain(runtime: TransportRuntime, request: StreamRequest): Promise<StreamEnd | null> {
    const askedMs = runtime.nowMs()
    const query = request.pollQuery()
    const end = await this.#poll(runtime, request, `${query}&wait=${Math.min(request.waitMs(), WAIT_MS_MAX)}`, '')
    const restMs = askedMs + EMPTY_POLL_MS - runtime.nowMs()
    // The same question again: the position is where it was.
    if (end === null && restMs > 0 && request.pollQuery() === query) await sleep(runtime, restMs, this.#abort.signal)
    return end
  }

  async #poll(
    { fetch }: TransportRuntime,
    { baseUrl }: StreamRequest,
    query: string,
    body: string,
  ): Promise<StreamEnd | null> {
    const { signal } = this.#abort
    return this.#take(await post(fetch, urlOf(baseUrl, '/poll', query), body, { accept: NDJSON, signal }))
  }

  /** Hands up the lines of an answer; null when the next poll may follow. */
  async #take(response: FetchResponse): Promise<StreamEnd | null> {
    if (!response.ok) return refusalOf(response)
    const type = response.headers.get('content-type') ?? ''
    if (!type.startsWith(NDJSON)) return lost('TRANSPORT_FAILED', `no flush but ${type}`)
    const text = await response.text()
    const { signal } = this.#abort
    if (signal.aborted) return null
    this.#sink.heard()
    for (const line of text.split('\n')) {
      if (signal.aborted) return null
      this.#sink.record(line)
    }
    return null
  }
}

function sleep({ setTimer, clearTimer }: TransportRuntime, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) return resolve()
    const end = (): void => {
      clearTimer(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimer(end, ms)
    signal.addEventListener('abort', end)
  })
}

/**
 * A stream of Server-Sent Events, read with fetch: an EventSource can neither post nor be told what to resume, and Node has
 * none.
 */

import { Control, failureOf, post, refusalOf } from './http.ts'
import { SseParser } from './sse-parser.ts'
import {
  type BodyReader,
  lost,
  type OpenStream,
  type Stream,
  type StreamEnd,
  type StreamRequest,
  type StreamSink,
  type TransportRuntime,
  urlOf,
} from './transport.ts'

const EVENT_STREAM = 'text/event-stream'
const POSITION_EXP = /\.(\d{1,16})$/

export const openSse: OpenStream = (runtime, request, sink) => new SseStream(runtime, request, sink)

class SseStream implements Stream {
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

  async #run({ fetch }: TransportRuntime, { baseUrl, query, lines }: StreamRequest): Promise<void> {
    const { signal } = this.#abort
    let end: StreamEnd
    try {
      const response = await post(fetch, urlOf(baseUrl, '/stream', query), lines, { accept: EVENT_STREAM, signal })
      const type = response.headers.get('content-type') ?? ''
      if (!response.ok) end = await refusalOf(response)
      else if (!type.startsWith(EVENT_STREAM)) end = lost('TRANSPORT_FAILED', `no event stream but ${type}`)
      else if (response.body === null) end = lost('TRANSPORT_FAILED', 'fetch does not stream here')
      else end = await this.#read(response.body.getReader())
    } catch (error) {
      end = failureOf(error, 'TRANSPORT_FAILED')
    }
    if (signal.aborted) return
    this.close()
    this.#sink.ended(end)
  }

  async #read(reader: BodyReader): Promise<StreamEnd> {
    const { signal } = this.#abort
    const decoder = new TextDecoder()
    const parser = new SseParser(({ data, id }) => {
      if (!signal.aborted) this.#sink.record(data)
      const position = id === null ? null : POSITION_EXP.exec(id)
      if (position !== null && !signal.aborted) this.#sink.flushed(Number(position[1]))
    })
    try {
      for (let part = await reader.read(); !part.done && !signal.aborted; part = await reader.read()) {
        this.#sink.heard()
        const piece = decoder.decode(part.value, { stream: true })
        if (!parser.push(piece)) return lost('TRANSPORT_FAILED', 'a line without an end')
      }
      return lost('CONNECTION_LOST', 'the stream has ended')
    } catch (error) {
      return failureOf(error, 'CONNECTION_LOST')
    }
  }
}

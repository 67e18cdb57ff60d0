/** Transports of the client library that do what a test says: it opens nothing, and hears whatever is sent. */

import { MillraceClient } from '#src/client/client.ts'
import type { ClientEvents } from '#src/client/events.ts'
import { baseUrlOf, type ClientOptions, settingsOf } from '#src/client/options.ts'
import type { Transports } from '#src/client/session.ts'
import type { Stream, StreamEnd, StreamRequest, StreamSink, TransportName } from '#src/client/transports/transport.ts'
import { FakeRuntime, settle } from './fake-runtime.ts'

export const SESSION = 'kR3aaaaaaaaaaaaaaaaaaa'
/** What no subscription is called: to end it changes nothing. */
export const NOBODY = 2 ** 31 - 1
export const OTHER_SESSION = 'zZ9aaaaaaaaaaaaaaaaaaa'

/** One opening of a transport, and the stream that came of it. */
export class ScriptedStream implements Stream {
  readonly transport: TransportName
  readonly request: StreamRequest
  readonly isInBand: boolean
  isBusy = false
  isClosed = false
  /** Sent on this stream, opening requests too, as they were parsed; acks as well. */
  readonly sent: Record<string, unknown>[] = []
  /** How often something was sent. */
  sends = 0
  readonly #sink: StreamSink

  constructor(transport: TransportName, request: StreamRequest, sink: StreamSink) {
    this.transport = transport
    this.request = request
    this.isInBand = transport === 'websocket'
    this.#sink = sink
    this.#keep(request.lines)
  }

  get parameters(): Record<string, string> {
    return Object.fromEntries(new URLSearchParams(this.request.query))
  }

  send(lines: string, _isLast: boolean): void {
    this.sends++
    this.isBusy = !this.isInBand
    this.#keep(lines)
  }

  close(): void {
    this.isClosed = true
  }

  heard(): void {
    this.#sink.heard()
  }

  line(text: string): void {
    this.#sink.heard()
    this.#sink.record(text)
  }

  say(...records: readonly object[]): void {
    for (const record of records) this.line(JSON.stringify(record))
  }

  welcome(more: object = {}): void {
    this.say({ session: SESSION, epoch: '9f2c', position: 0, keepaliveMs: 15_000, resumeMs: 30_000, ...more })
  }

  /** A whole flush. */
  flush(position: number, ...records: readonly object[]): void {
    this.say(...records, { position })
  }

  /** Answers all that was sent and has a number. */
  answerAll(): void {
    for (const { request } of this.sent.splice(0)) if (typeof request === 'number') this.say({ answer: request })
    this.posted()
  }

  /** Requests that travelled apart have come back. */
  posted(failure: Partial<StreamEnd> | null = null): void {
    if (this.isInBand) return
    this.isBusy = false
    this.#sink.sent(failure === null ? null : { ...END, ...failure })
  }

  end(end: Partial<StreamEnd> = {}): void {
    this.#sink.ended({ ...END, ...end })
  }

  #keep(lines: string): void {
    for (const line of lines.split('\n')) if (line !== '') this.sent.push(JSON.parse(line))
  }
}

const END: StreamEnd = { code: 'CONNECTION_LOST', message: 'the test says so', status: 0, retryMs: null }

type EventLog = { [Name in keyof ClientEvents]: ClientEvents[Name][] }

/** A client on scripted transports. */
export interface Bench {
  readonly client: MillraceClient
  readonly runtime: FakeRuntime
  /** All that were opened. */
  readonly streams: ScriptedStream[]
  /** The last one opened. */
  last(): ScriptedStream
  readonly events: EventLog
}

/** `isHeard`: somebody listens to the client's events. */
export function createBench(options: ClientOptions = {}, isHeard = true): Bench {
  const runtime = new FakeRuntime()
  runtime.WebSocket = class {} as never
  const streams: ScriptedStream[] = []
  const open =
    (name: TransportName): Transports[TransportName] =>
    (_runtime, request, sink) => {
      const stream = new ScriptedStream(name, request, sink)
      streams.push(stream)
      return stream
    }
  const transports = { websocket: open('websocket'), sse: open('sse'), poll: open('poll') }
  const settings = settingsOf({ runtime, ...options })
  const client = new MillraceClient(baseUrlOf('http://server.test'), settings, transports)
  const events: EventLog = { state: [], welcome: [], recovered: [], lost: [], closing: [], error: [] }
  for (const name of isHeard ? (Object.keys(events) as (keyof ClientEvents)[]) : []) {
    client.on(name, event => events[name].push(event as never))
  }
  return { client, runtime, streams, events, last: () => streams.at(-1)! }
}

/** A client whose stream was welcomed. */
export async function connectedBench(options: ClientOptions = {}, welcome: object = {}): Promise<Bench> {
  const bench = createBench(options)
  await settle()
  bench.last().welcome(welcome)
  return bench
}

/** One whose session has handled everything up to position 7. */
export async function resumableBench(options: ClientOptions = {}): Promise<Bench> {
  const bench = await connectedBench(options)
  bench.last().flush(7, { item: 'A', stale: true })
  return bench
}

/** Which transports were opened. */
export function openedOf({ streams }: Bench): string {
  return streams.map(({ transport }) => transport).join(' ')
}

/** The states, as `state transport CODE`. */
export function statesOf({ events }: Bench): string[] {
  return events.state.map(({ state, transport, reason }) =>
    [state, transport ?? '-', reason?.code ?? ''].join(' ').trim(),
  )
}

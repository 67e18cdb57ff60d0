/**
 * The contract of a transport: it opens a stream, hands up what comes in, takes requests down, and knows neither sessions
 * nor records. All three keep it, so that the session machine above has no branch for one of them.
 *
 * Invariants (test/rules.md, CL):
 *  - `ended` is called at most once, and nothing after it.
 *  - Once close() is called nothing is called any more.
 */

export type TransportName = 'websocket' | 'sse' | 'poll'

/** What a transport needs of where it runs. */
export interface TransportRuntime {
  /** Monotonic, in ms. */
  readonly nowMs: () => number
  /** Calls once, in `ms`. Whatever comes back is handed to clearTimer. */
  readonly setTimer: (call: () => void, ms: number) => unknown
  readonly clearTimer: (timer: unknown) => void
  readonly fetch: Fetch
  /** Null where there is none. */
  readonly WebSocket: WebSocketClass | null
}

export interface StreamRequest {
  /** Where the server is, without a slash at the end, e.g. https://example.com/prices */
  readonly baseUrl: string
  /** Parameters to open with, percent-encoded; '' for none. */
  readonly query: string
  /** Requests to be carried out before the stream begins, a line each; '' for none. */
  readonly lines: string
  /** The session that was welcomed: read when requests travel apart from the stream. */
  session(): string
  /** Parameters of the polls behind the first one, but for `wait`. */
  pollQuery(): string
  /** How long a poll may be held, in ms: beyond it, like every other stream, it is known to be dead. */
  waitMs(): number
}

/** Why a stream is no more, or a request was not taken. */
export interface StreamEnd {
  readonly code: string
  readonly message: string
  /** Of an HTTP answer, else 0. */
  readonly status: number
  /** When to come back, in ms; null: nobody said. */
  readonly retryMs: number | null
}

export interface StreamSink {
  /** A sign of life. */
  heard(): void
  /** A line; it may be empty. */
  record(line: string): void
  /** Everything up to here is this position; only of transports that do not say it in a record. */
  flushed(position: number): void
  /** What was handed to send() was answered (with records) or not taken; only where requests travel apart. */
  sent(failure: StreamEnd | null): void
  ended(end: StreamEnd): void
}

export interface Stream {
  /** Requests travel in the stream, in order and surely, and so do the client's signs of life. */
  readonly isInBand: boolean
  /** Requests are on their way, and others should wait for `sent`. */
  readonly isBusy: boolean
  /** Lines of requests. `isLast`: the stream is closed next, and nobody waits for the answer. */
  send(lines: string, isLast: boolean): void
  close(): void
}

export type OpenStream = (runtime: TransportRuntime, request: StreamRequest, sink: StreamSink) => Stream

/** The path with its query. */
export function urlOf(baseUrl: string, path: string, query: string): string {
  return `${baseUrl}${path}${query === '' ? '' : `?${query}`}`
}

/** An end without a reason of the server. */
export function lost(code: 'CONNECTION_LOST' | 'TRANSPORT_FAILED', message: string): StreamEnd {
  return { code, message, status: 0, retryMs: null }
}

// ── What is used of the platform, so that neither the types of browsers nor those of Node are asked for ────────────────

export interface FetchInit {
  readonly method: 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly cache: 'no-store'
  readonly signal?: AbortSignal
  /** The request outlives the page that made it. */
  readonly keepalive?: boolean
}

export interface FetchResponse {
  readonly ok: boolean
  readonly status: number
  readonly headers: { get(name: string): string | null }
  readonly body: { getReader(): BodyReader } | null
  text(): Promise<string>
}

export interface BodyReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>
}

export type Fetch = (url: string, init: FetchInit) => Promise<FetchResponse>

/** A function type that takes handlers of wider events too, as classes of WebSockets declare theirs differently. */
type Handler<Event> = { handle(event: Event): void }['handle'] | null

export interface WebSocketLike {
  onopen: Handler<never>
  onmessage: Handler<{ readonly data: unknown }>
  onclose: Handler<{ readonly code: number; readonly reason: string }>
  onerror: Handler<never>
  send(text: string): void
  close(code: number): void
}

export type WebSocketClass = new (url: string) => WebSocketLike

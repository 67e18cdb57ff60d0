/** What connect() takes, with defaults, and the checks of it. Units: ms, bytes. */

import { MillraceError } from './errors.ts'
import { platformRuntime, type Runtime } from './runtime.ts'
import type { TransportStorage } from './transport-order.ts'
import type { TransportName } from './transports/transport.ts'

export interface ReconnectOptions {
  /** The first wait is drawn from 0 to this; the bound doubles with every try in vain. */
  readonly minMs: number
  readonly maxMs: number
  /** A stream that held for so long makes the waits short again. */
  readonly stableMs: number
}

export type Encoding = 'terse' | 'json'

export interface ClientOptions {
  /** Those that may be used, best first. */
  readonly transports?: readonly TransportName[]
  /** How updates are written, but for SSE, which is always JSON: terse is a third of the bytes, JSON is for reading along. */
  readonly encoding?: Encoding
  /** How long a transport may take to bring its welcome, before the next one is tried. */
  readonly transportTimeoutMs?: number
  /** When to look whether a better transport has become usable; the wait doubles each time in vain. */
  readonly betterTransportMs?: number
  readonly reconnect?: Partial<ReconnectOptions>
  /** A stream is dead that is silent for the server's keepaliveMs and this. */
  readonly keepaliveSlackMs?: number
  /** The longest time for which what was handled goes unacknowledged, where it has to be (WebSocket). */
  readonly ackMs?: number
  /** Requests are sent again when they are not answered within this, where they travel apart from the stream. */
  readonly answerMs?: number
  /** The longest request, and how much is sent at once: not more than the server's requestBodyBytesMax. */
  readonly requestBytesMax?: number
  /** Bytes a second of the whole session, at most. */
  readonly maxBandwidth?: number
  /** How long updates may be gathered for. */
  readonly maxDelay?: number
  /** Where the transport that worked is remembered, e.g. localStorage. */
  readonly storage?: TransportStorage
  /** Replaces parts of the platform. */
  readonly runtime?: Partial<Runtime>
}

export interface Settings {
  readonly transports: readonly TransportName[]
  readonly encoding: Encoding
  readonly transportTimeoutMs: number
  readonly betterTransportMs: number
  readonly reconnect: ReconnectOptions
  readonly keepaliveSlackMs: number
  readonly ackMs: number
  readonly answerMs: number
  readonly requestBytesMax: number
  readonly maxBandwidth: number | null
  readonly maxDelay: number | null
  readonly storage: TransportStorage | null
  readonly runtime: Runtime
}

const TRANSPORTS: readonly TransportName[] = ['websocket', 'sse', 'poll']
const ENCODINGS: readonly Encoding[] = ['terse', 'json']

const DURATIONS = {
  transportTimeoutMs: 4_000,
  betterTransportMs: 300_000,
  keepaliveSlackMs: 5_000,
  ackMs: 5_000,
  answerMs: 10_000,
}
const RECONNECT: ReconnectOptions = { minMs: 500, maxMs: 30_000, stableMs: 10_000 }
const REQUEST_BYTES_MAX = 65_536
const REQUEST_BYTES_LEAST = 1_024

/** Throws OPTIONS_INVALID. */
export function settingsOf(options: ClientOptions): Settings {
  const { transports = TRANSPORTS, requestBytesMax = REQUEST_BYTES_MAX, maxBandwidth, maxDelay, storage } = options
  const { encoding = 'terse' } = options
  const runtime = { ...platformRuntime(), ...options.runtime }
  const reconnect = { ...RECONNECT, ...withoutUndefined(options.reconnect ?? {}) }
  const durations = { ...DURATIONS }
  for (const key of Object.keys(DURATIONS) as (keyof typeof DURATIONS)[])
    durations[key] = options[key] ?? DURATIONS[key]
  check(ENCODINGS.includes(encoding), `no such encoding: ${encoding}`)
  for (const [key, value] of Object.entries({ ...durations, ...reconnect }))
    check(value >= 0, `${key} is at least 0 ms`)
  check(reconnect.maxMs >= reconnect.minMs, 'reconnect.maxMs is at least reconnect.minMs')
  check(requestBytesMax >= REQUEST_BYTES_LEAST, `requestBytesMax is at least ${REQUEST_BYTES_LEAST} bytes`)
  check(maxBandwidth === undefined || maxBandwidth > 0, 'maxBandwidth is above 0 bytes a second')
  check(maxDelay === undefined || maxDelay >= 0, 'maxDelay is at least 0 ms')
  return {
    ...durations,
    transports: transportsOf(transports, runtime),
    encoding,
    reconnect,
    requestBytesMax,
    maxBandwidth: maxBandwidth ?? null,
    maxDelay: maxDelay ?? null,
    storage: storage ?? null,
    runtime,
  }
}

/** As addresses are joined to it: http or https, without a query, without a slash at the end. Throws OPTIONS_INVALID. */
export function baseUrlOf(url: string | URL): string {
  const page = (globalThis as { readonly location?: { readonly href: string } }).location?.href
  let parsed: URL
  try {
    parsed = new URL(url, page)
  } catch {
    throw new MillraceError('OPTIONS_INVALID', `not an address: ${url}`)
  }
  const protocol = parsed.protocol.replace(/^ws/, 'http')
  check(protocol === 'http:' || protocol === 'https:', `an address begins with http: or https:, not ${parsed.protocol}`)
  return `${protocol}//${parsed.host}${parsed.pathname.replace(/\/+$/, '')}`
}

export function check(isTrue: boolean, message: string): void {
  if (!isTrue) throw new MillraceError('OPTIONS_INVALID', message)
}

/** Those that can be used of those that are wished for. Throws OPTIONS_INVALID. */
export function transportsOf(transports: readonly TransportName[], runtime: Runtime): readonly TransportName[] {
  checkTransports(transports)
  return usable(transports, runtime)
}

function checkTransports(transports: readonly TransportName[]): void {
  check(transports.length > 0, 'transports names at least one')
  for (const name of transports) check(TRANSPORTS.includes(name), `no such transport: ${name}`)
  check(new Set(transports).size === transports.length, 'transports names each at most once')
}

/** Without a WebSocket there is no use in trying it; where it is the only one wanted, its failure tells why. */
function usable(transports: readonly TransportName[], { WebSocket }: Runtime): readonly TransportName[] {
  const others = transports.filter(name => name !== 'websocket')
  return WebSocket === null && others.length > 0 ? others : transports
}

/** Programs without types hand in undefined for what they leave out. */
function withoutUndefined<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>
}

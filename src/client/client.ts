/**
 * The client as the application sees it, and where its parts are put together.
 *
 *   application ─▶ Client ─▶ RequestQueue, Messages ─▶ Outbox ─┐
 *        ▲           │                                         ├─ Session ◀─▶ transports
 *        └─ callbacks ── SubscriptionTable ◀─── flushes ─ Inbox ┘
 */

import { Emitter, type Listener } from './emitter.ts'
import { MillraceError } from './errors.ts'
import type { ClientEvents, ClientState } from './events.ts'
import { Messages } from './messages.ts'
import {
  baseUrlOf,
  type ClientOptions,
  check,
  type Encoding,
  type Settings,
  settingsOf,
  transportsOf,
} from './options.ts'
import { type Request, RequestQueue } from './requests.ts'
import { Session, type Transports } from './session.ts'
import { ClientSubscription, type Subscription, type SubscriptionHandlers } from './subscription.ts'
import { SubscriptionTable } from './subscriptions.ts'
import { openPoll } from './transports/poll.ts'
import { openSse } from './transports/sse.ts'
import type { TransportName } from './transports/transport.ts'
import { openWebSocket } from './transports/websocket.ts'
import type { SubscriptionWish } from './wish.ts'

export interface Client {
  readonly state: ClientState
  /** The session's id; null before the first welcome. */
  readonly session: string | null
  /** What carries the stream; null when there is none. */
  readonly transport: TransportName | null
  /** How its updates are written; null when there is none. */
  readonly encoding: Encoding | null
  /** Calls the listener at each event; the function that comes back takes it off again. */
  on<Name extends keyof ClientEvents>(name: Name, listener: Listener<ClientEvents[Name]>): () => void
  /** Throws OPTIONS_INVALID, REQUEST_TOO_LARGE, REQUESTS_TOO_MANY, CLIENT_CLOSED; a refusal comes to the handlers. */
  subscribe(wish: SubscriptionWish, handlers?: SubscriptionHandlers): Subscription
  /**
   * Which transports are used from now on, best first. The session goes on over the first of them that works, at once where
   * it is another one than carries it now. Throws OPTIONS_INVALID, CLIENT_CLOSED.
   */
  setTransports(transports: readonly TransportName[]): void
  /** Bytes a second and ms of the whole session; null: none. What is left out stays. */
  setLimits(limits: { readonly maxBandwidth?: number | null; readonly maxDelay?: number | null }): Promise<void>
  /**
   * Sends `data` (what JSON can say) to the feed that handles `to`, and resolves with its answer. Rejects with its error, or
   * with the server's, or with MESSAGE_NOT_SENT, or with OUTCOME_UNKNOWN: then it may have been handled.
   */
  send(to: string, data: unknown, options?: { readonly timeoutMs?: number }): Promise<unknown>
  /** Ends the session and all that waits. Resolves when nothing is left that keeps the process. */
  close(): Promise<void>
}

const MESSAGE_TIMEOUT_MS = 5_000

const TRANSPORTS: Transports = { websocket: openWebSocket, sse: openSse, poll: openPoll }

/**
 * A client of the server at `url` (http or https, with the path that a proxy puts before it, if any), which connects by
 * itself and goes on until close(). What is subscribed to in the same turn travels with the first request. Throws
 * OPTIONS_INVALID.
 */
export function connect(url: string | URL, options: ClientOptions = {}): Client {
  return new MillraceClient(baseUrlOf(url), settingsOf(options), TRANSPORTS)
}

export class MillraceClient implements Client {
  readonly #settings: Settings
  readonly #events: Emitter<ClientEvents>
  readonly #requests: RequestQueue
  readonly #messages: Messages
  readonly #subscriptions = new SubscriptionTable()
  readonly #session: Session
  #lastSubscriptionId = 0
  /** An error listener is told what a callback threw: what it throws itself is told to nobody. */
  #isTellingFault = false

  constructor(baseUrl: string, settings: Settings, transports: Transports) {
    this.#settings = settings
    this.#events = new Emitter(call => this.#guard(call))
    this.#requests = new RequestQueue(settings.requestBytesMax)
    this.#messages = new Messages(settings.runtime, this.#requests)
    this.#session = new Session({
      settings,
      baseUrl,
      transports,
      events: this.#events,
      requests: this.#requests,
      messages: this.#messages,
      subscriptions: this.#subscriptions,
    })
    this.#session.start()
  }

  get state(): ClientState {
    return this.#session.state
  }

  get session(): string | null {
    return this.#session.id
  }

  get transport(): TransportName | null {
    return this.#session.transport
  }

  get encoding(): Encoding | null {
    return this.#session.encoding
  }

  on<Name extends keyof ClientEvents>(name: Name, listener: Listener<ClientEvents[Name]>): () => void {
    return this.#events.on(name, listener)
  }

  subscribe(wish: SubscriptionWish, handlers: SubscriptionHandlers = {}): Subscription {
    const id = this.#lastSubscriptionId + 1
    const subscription = new ClientSubscription(id, wish, handlers, {
      request: (request, settle) => this.#request(request, settle),
      guard: call => this.#guard(call),
      ended: () => this.#subscriptions.delete(id),
    })
    this.#lastSubscriptionId = id
    this.#subscriptions.add(subscription)
    return subscription
  }

  setTransports(transports: readonly TransportName[]): void {
    const names = transportsOf(transports, this.#settings.runtime)
    this.#mustBeOpen()
    this.#session.setTransports(names)
  }

  setLimits(limits: { readonly maxBandwidth?: number | null; readonly maxDelay?: number | null }): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#request({ limits }, error => {
        if (error === null) resolve()
        else reject(error)
      })
    })
  }

  async send(to: string, data: unknown, options: { readonly timeoutMs?: number } = {}): Promise<unknown> {
    const { timeoutMs = MESSAGE_TIMEOUT_MS } = options
    check(timeoutMs > 0, 'timeoutMs is above 0')
    this.#mustBeOpen()
    const outcome = this.#messages.send(to, data, timeoutMs, this.#session.resumeMs)
    this.#session.requested()
    return outcome
  }

  close(): Promise<void> {
    return this.#session.close()
  }

  #request(wish: object, settle: Request['settle']): void {
    this.#mustBeOpen()
    this.#requests.add('wish', wish, settle)
    this.#session.requested()
  }

  #mustBeOpen(): void {
    const { state } = this.#session
    if (state === 'closing' || state === 'closed') throw new MillraceError('CLIENT_CLOSED', 'the client is closed')
  }

  /** Runs a callback of the application. What it throws is told, or, where nobody listens, thrown where nothing is torn. */
  #guard(call: () => void): void {
    try {
      call()
    } catch (cause) {
      const isHeard = this.#events.hasListener('error') && !this.#isTellingFault
      if (isHeard) this.#tellFault(cause)
      else this.#throwLater(cause)
    }
  }

  #tellFault(cause: unknown): void {
    this.#isTellingFault = true
    const message = cause instanceof Error ? cause.message : String(cause)
    this.#events.emit('error', new MillraceError('HANDLER_FAILED', message, cause))
    this.#isTellingFault = false
  }

  #throwLater(cause: unknown): void {
    this.#settings.runtime.setTimer(() => {
      throw cause
    }, 0)
  }
}

/**
 * The client's side of a session: keeps a stream to it on whatever transport the network lets through, takes it up again
 * after a break, begins a new one when it is gone.
 *
 *                    welcome                  end of the stream
 *   connecting ─────────────────▶ connected ───────────────────▶ waiting
 *    ▲   │ ▲ next transport                                         │ backoff, or what the server said
 *    │   └─┘                                                        │
 *    └──────────────────────────────────────────────────────────────┘
 *
 *   close(): closing until the server has ended the session, then closed. A refusal that asking again cannot change: closed.
 *
 * Invariants (test/rules.md, CL):
 *  - At most one stream is listened to; what an older one still says is not heard.
 *  - A stream is resumed with the position of the last flush that was handled whole.
 *  - Who had a session is told, behind each welcome, by `recovered` that nothing is missing, or by `lost` that all begins
 *    anew.
 */

import { Backoff } from './backoff.ts'
import type { Emitter } from './emitter.ts'
import { errorOf, MillraceError } from './errors.ts'
import type { ClientEvents, ClientState } from './events.ts'
import { Inbox } from './inbox.ts'
import type { Messages } from './messages.ts'
import type { Encoding, Settings } from './options.ts'
import { Outbox } from './outbox.ts'
import type { AnswerRecord, FlushRecord, ServerRecord, WelcomeRecord } from './records.ts'
import type { RequestQueue } from './requests.ts'
import { Alarm } from './runtime.ts'
import { Scout } from './scout.ts'
import type { SubscriptionTable } from './subscriptions.ts'
import { TransportOrder } from './transport-order.ts'
import type { OpenStream, Stream, StreamEnd, StreamRequest, StreamSink, TransportName } from './transports/transport.ts'
import { Watchdog } from './watchdog.ts'

export type Transports = Readonly<Record<TransportName, OpenStream>>

export interface SessionParts {
  readonly settings: Settings
  readonly baseUrl: string
  readonly transports: Transports
  readonly events: Emitter<ClientEvents>
  readonly requests: RequestQueue
  readonly messages: Messages
  readonly subscriptions: SubscriptionTable
}

/** The session's limits: bytes a second, ms; null: none. */
export interface Limits {
  readonly maxBandwidth: number | null
  readonly maxDelay: number | null
}

/** A stream, from the attempt to open it to its end. */
interface Link {
  readonly transport: TransportName
  stream: Stream | null
  /** NaN before. */
  welcomedMs: number
  /** Nothing was heard since the welcome. */
  isSilent: boolean
}

/** How long a server is waited for when it is asked to end the session. */
const CLOSE_MS = 2_000
/** However late the server wants the client back, it comes then. */
const RETRY_MS_MAX = 3_600_000
/** Of a server that has not said so yet. */
const RESUME_MS_DEFAULT = 30_000
/** So often another stream may take the session before it is left to it. */
const REBOUNDS_MAX = 3
/** Asking again changes nothing. */
const FINAL_CODES = ['FORBIDDEN', 'QUERY_INVALID', 'SESSION_DESTROYED']
/** Statuses of a server, or of what stands before it, that has too much to do: another transport would not help it. */
const BUSY_STATUSES = [429, 503]

export class Session {
  state: ClientState = 'connecting'
  limits: Limits
  #welcome: WelcomeRecord | null = null
  readonly #parts: SessionParts
  readonly #inbox: Inbox
  readonly #outbox: Outbox
  readonly #order: TransportOrder
  readonly #backoff: Backoff
  readonly #watchdog: Watchdog
  readonly #scout: Scout
  /** Of the state: gives up a welcome, tries again, or gives up closing. */
  readonly #alarm: Alarm
  readonly #stopOnline: () => void
  #link: Link | null = null
  /** Why the session that there was is gone, while there is no other. */
  #lostWhy: string | null = null
  /** In a row, without a stable stream between them. */
  #rebounds = 0
  #closed: Promise<void> | null = null
  #resolveClosed: () => void = () => {}

  constructor(parts: SessionParts) {
    const { settings, baseUrl, transports, requests } = parts
    const { runtime, keepaliveSlackMs, maxBandwidth, maxDelay } = settings
    this.#parts = parts
    this.limits = { maxBandwidth, maxDelay }
    this.#inbox = new Inbox(records => this.#handle(records))
    this.#outbox = new Outbox(settings, requests, () => this.#inbox.position)
    this.#order = new TransportOrder(settings.transports, settings.storage, `millrace.transport ${baseUrl}`)
    this.#backoff = new Backoff(settings.reconnect, runtime.random)
    this.#watchdog = new Watchdog(runtime, keepaliveSlackMs, {
      probe: () => this.#outbox.probe(),
      dead: () => this.#onDead(),
    })
    this.#scout = new Scout({
      runtime,
      baseUrl,
      transports,
      waitMs: settings.betterTransportMs,
      timeoutMs: settings.transportTimeoutMs,
      onFound: name => this.#changeTo(name),
    })
    this.#alarm = new Alarm(runtime, () => this.#onAlarm())
    this.#stopOnline = runtime.onOnline(() => {
      if (this.state === 'waiting') this.#attempt(null)
    })
  }

  get id(): string | null {
    return this.#welcome?.session ?? null
  }

  get transport(): TransportName | null {
    return this.state === 'connected' ? this.#order.current : null
  }

  get encoding(): Encoding | null {
    const { transport } = this
    return transport === null ? null : this.#encodingOf(transport)
  }

  get resumeMs(): number {
    return this.#welcome?.resumeMs ?? RESUME_MS_DEFAULT
  }

  /** What is asked for until the caller has given way is in the first request. */
  start(): void {
    void Promise.resolve().then(() => {
      if (this.state === 'connecting') this.#attempt(null)
    })
  }

  /** The session goes on over the first of these that works; what carries it stays where it is the best of them. */
  setTransports(names: readonly TransportName[]): void {
    this.#order.choose(names)
    const link = this.#link
    const isBegun = link !== null || this.state === 'waiting'
    if (!isBegun || this.state === 'closing' || this.state === 'closed') return
    if (link?.transport === this.#order.current) {
      if (this.state === 'connected') this.#order.worked()
      this.#scout.stop()
    } else {
      this.#drop()
      this.#attempt(null)
    }
  }

  requested(): void {
    this.#outbox.pumpSoon()
  }

  /** Resolves when nothing is left that keeps the process. */
  close(): Promise<void> {
    if (this.#closed === null) {
      this.#closed = new Promise(resolve => {
        this.#resolveClosed = resolve
      })
      this.#beginClose()
    }
    return this.#closed
  }

  // ── Streams ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #attempt(reason: MillraceError | null): void {
    const { settings, transports, requests } = this.#parts
    const transport = this.#order.current
    const link: Link = { transport, stream: null, welcomedMs: Number.NaN, isSilent: true }
    this.#link = link
    const lines = this.#welcome === null ? requests.take(false) : ''
    this.#alarm.set(settings.transportTimeoutMs)
    const stream = transports[transport](settings.runtime, this.#requestOf(transport, lines), this.#sinkOf(link))
    if (this.#link !== link) {
      stream.close()
      return
    }
    link.stream = stream
    this.#enter('connecting', null, reason)
  }

  #requestOf(transport: TransportName, lines: string): StreamRequest {
    const { baseUrl } = this.#parts
    const encoding = this.#encodingOf(transport) === 'terse' ? 'encoding=terse' : ''
    const session = (): string => this.#welcome?.session ?? ''
    const at = (): string => `session=${encodeURIComponent(session())}&position=${this.#inbox.position}`
    return {
      baseUrl,
      query: queryOf(this.#welcome === null ? [encoding] : [at(), 'new=true', encoding], this.limits),
      lines,
      session,
      pollQuery: () => joined([at(), encoding]),
      waitMs: () => this.#welcome?.keepaliveMs ?? 0,
    }
  }

  #encodingOf(transport: TransportName): Encoding {
    return transport === 'sse' ? 'json' : this.#parts.settings.encoding
  }

  #sinkOf(link: Link): StreamSink {
    const isCurrent = (): boolean => this.#link === link
    return {
      heard: () => {
        if (!isCurrent()) return
        link.isSilent = false
        this.#watchdog.heard()
      },
      record: line => {
        if (isCurrent()) this.#onLine(link, line)
      },
      flushed: position => {
        if (isCurrent()) this.#onFlushed(position)
      },
      sent: failure => {
        if (isCurrent()) this.#onSent(link, failure)
      },
      ended: end => this.#onEnded(link, end, false),
    }
  }

  #onSent(link: Link, failure: StreamEnd | null): void {
    if (failure?.code === 'SESSION_UNKNOWN') this.#onEnded(link, failure, false)
    else this.#outbox.sent(failure)
  }

  /** `isAnnounced`: the server has said so in a record. */
  #onEnded(link: Link, end: StreamEnd, isAnnounced: boolean): void {
    if (this.#link !== link) return
    if (end.code === 'REQUEST_BODY_TOO_LARGE') this.#parts.requests.refuseSent(errorOf(end))
    this.#drop()
    if (this.state === 'closing') this.#finish(null)
    else if (FINAL_CODES.includes(end.code)) this.#finish(errorOf(end))
    else this.#comeBack(link, end, isAnnounced)
  }

  #comeBack(link: Link, end: StreamEnd, isAnnounced: boolean): void {
    const { reconnect, runtime } = this.#parts.settings
    if (runtime.nowMs() - link.welcomedMs >= reconnect.stableMs) {
      this.#backoff.reset()
      this.#rebounds = 0
    }
    const hadSession = this.#welcome !== null
    this.#judge(end, isAnnounced)
    const isGone = hadSession && end.code === 'SESSION_UNKNOWN'
    if (isGone || (!isAnnounced && this.#mayTryNext(link, end))) {
      this.#attempt(errorOf(end))
    } else {
      const waitMs = Math.max(this.#backoff.next(), Math.min(end.retryMs ?? 0, RETRY_MS_MAX))
      this.#alarm.set(waitMs)
      this.#enter('waiting', waitMs, errorOf(end))
    }
  }

  /** Whether the session is still there. */
  #judge({ code, retryMs }: StreamEnd, isAnnounced: boolean): void {
    const isRebound = code === 'SESSION_REBOUND'
    if (isRebound) this.#rebounds++
    if (code === 'SESSION_UNKNOWN' || (isRebound ? this.#rebounds >= REBOUNDS_MAX : isAnnounced && retryMs === null)) {
      this.#rebounds = 0
      this.#forget(code)
    }
  }

  /** Whether the failure is the transport's, and another one may be tried at once. */
  #mayTryNext(link: Link, { code, status }: StreamEnd): boolean {
    if (BUSY_STATUSES.includes(status)) return false
    if (Number.isNaN(link.welcomedMs)) {
      return this.#order.failed(code === 'TRANSPORT_TIMEOUT' || (status >= 400 && status < 500))
    }
    // The welcome came through, and nothing behind it: held back on the way, for all that can be known.
    return code === 'NOTHING_HEARD' && link.isSilent && this.#order.failed(true)
  }

  #onDead(): void {
    this.#fail('NOTHING_HEARD', 'the stream is silent for longer than it may be')
  }

  #fail(code: string, message: string): void {
    if (this.#link !== null) this.#onEnded(this.#link, { code, message, status: 0, retryMs: null }, false)
  }

  /** A better transport works: the session moves there. */
  #changeTo(name: TransportName): void {
    this.#drop()
    this.#order.prefer(name)
    this.#attempt(null)
  }

  /** There is no stream any more. */
  #drop(): void {
    this.#link?.stream?.close()
    this.#link = null
    this.#alarm.clear()
    this.#watchdog.stop()
    this.#scout.stop()
    this.#outbox.shut()
    this.#inbox.cut()
  }

  // ── The session ────────────────────────────────────────────────────────────────────────────────────────────────────

  #onWelcome(link: Link, stream: Stream, welcome: WelcomeRecord): void {
    const { settings, events } = this.#parts
    const old = this.#welcome
    const isSame = old?.session === welcome.session
    const isRecovered = isSame && welcome.recovered !== false
    if (old !== null && !isSame) this.#forget(welcome.why ?? 'SESSION_UNKNOWN')
    this.#welcome = welcome
    this.#alarm.clear()
    link.welcomedMs = settings.runtime.nowMs()
    link.isSilent = true
    this.#order.worked()
    this.#watchdog.start(welcome.keepaliveMs, stream.isInBand)
    this.#scout.start(this.#order.better)
    if (!isRecovered) this.#inbox.begin(welcome.position)
    const why = isSame ? (welcome.why ?? 'POSITION_UNKNOWN') : this.#lostWhy
    this.#lostWhy = null
    this.#outbox.open(stream)
    this.#enter('connected', null, null)
    events.emit('welcome', { session: welcome.session, epoch: welcome.epoch, transport: link.transport })
    if (isRecovered) events.emit('recovered', { session: welcome.session })
    else if (why !== null) events.emit('lost', { session: welcome.session, why, isNewSession: !isSame })
    if (!isSame) this.#parts.subscriptions.sessionIsNew()
    else if (!isRecovered) this.#parts.subscriptions.sessionBeginsAnew(welcome.subscriptions)
  }

  /** The session is gone, and the next one is to be asked for all that stood in it. */
  #forget(why: string): void {
    if (this.#welcome === null) return
    this.#welcome = null
    this.#lostWhy = why
    this.#parts.messages.sessionGone()
    this.#parts.requests.renew(this.#parts.subscriptions.renewals())
  }

  // ── Records ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #onLine(link: Link, line: string): void {
    try {
      const record = this.#inbox.read(line)
      if (record !== null) this.#onRecord(link, record)
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error
      this.#fail(error.code, error.message)
    }
  }

  #onRecord(link: Link, record: ServerRecord): void {
    if ('closing' in record) {
      const { code, message, retryMs = null } = record.closing
      this.#parts.events.emit('closing', { code, message, retryMs })
      this.#onEnded(link, { code, message, status: 0, retryMs }, true)
    } else if (this.state !== 'closing') {
      this.#greet(link, record)
      if (this.#link === link) this.#take(record)
    }
  }

  /**
   * The first record of a stream is its welcome. A session that was polled before may go without, and a later poll may bring
   * one, when what it asks for is no more.
   */
  #greet(link: Link, record: ServerRecord): void {
    const { stream } = link
    const isFirst = Number.isNaN(link.welcomedMs)
    if (stream === null) return
    if ('session' in record) {
      if (isFirst || record.recovered === false) this.#onWelcome(link, stream, record)
    } else if (isFirst) {
      if (link.transport !== 'poll' || this.#welcome === null) {
        throw new MillraceError('RECORD_INVALID', 'a stream begins with its welcome')
      }
      this.#onWelcome(link, stream, polled(this.#welcome))
    }
  }

  #take(record: ServerRecord): void {
    if ('item' in record) this.#inbox.hold(record)
    else if ('answer' in record) this.#onAnswer(record)
    else if ('outcome' in record) this.#parts.messages.outcome(record)
    else if ('session' in record || 'closing' in record) return
    else if ('position' in record) this.#onFlushed(record.position)
    else this.#inbox.hold(record)
  }

  #onAnswer({ answer, error }: AnswerRecord): void {
    const refusal = error === undefined ? null : errorOf(error)
    if (answer !== null) this.#parts.requests.answered(answer, refusal)
    else if (refusal !== null) this.#parts.events.emit('error', refusal)
    this.#outbox.pumpSoon()
  }

  #onFlushed(position: number): void {
    if (this.#inbox.flushed(position)) this.#outbox.handled()
  }

  #handle(records: readonly FlushRecord[]): void {
    for (const record of records) if ('limits' in record) this.limits = { ...this.limits, ...record.limits }
    this.#parts.subscriptions.take(records)
  }

  // ── States ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  #onAlarm(): void {
    if (this.state === 'waiting') this.#attempt(null)
    else if (this.state === 'connecting') this.#fail('TRANSPORT_TIMEOUT', 'no welcome in time')
    else if (this.state === 'closing') this.#finish(null)
  }

  /** Tells the error, then the state; the listeners of the one may have changed the other. */
  #enter(state: ClientState, retryInMs: number | null, reason: MillraceError | null): void {
    const { events } = this.#parts
    const link = this.#link
    this.state = state
    if (reason !== null) events.emit('error', reason)
    if (this.state !== state || this.#link !== link) return
    const transport = state === 'closed' ? null : this.#order.current
    events.emit('state', { state, transport, retryInMs, reason })
  }

  #beginClose(): void {
    const { requests, messages, subscriptions } = this.#parts
    const stream = this.state === 'connected' ? (this.#link?.stream ?? null) : null
    const error = new MillraceError('CLIENT_CLOSED', 'the client was closed')
    this.state = 'closing'
    this.#scout.stop()
    // Asked for, so no subscription ends with an error; who waits for an answer gets one.
    subscriptions.end(null)
    messages.end(error)
    requests.end(error)
    stream?.send('{"destroy":true}\n', true)
    if (stream?.isInBand === true) {
      this.#alarm.set(CLOSE_MS)
      this.#enter('closing', null, null)
    } else {
      this.#finish(null)
    }
  }

  /** Closed for good. */
  #finish(reason: MillraceError | null): void {
    const { requests, messages, subscriptions } = this.#parts
    this.#drop()
    this.#stopOnline()
    this.#closed ??= Promise.resolve()
    this.state = 'closed'
    if (reason !== null) {
      subscriptions.end(reason)
      messages.end(reason)
      requests.end(reason)
    }
    this.#enter('closed', null, reason)
    this.#resolveClosed()
  }
}

function queryOf(parts: string[], { maxBandwidth, maxDelay }: Limits): string {
  if (maxBandwidth !== null) parts.push(`maxBandwidth=${maxBandwidth}`)
  if (maxDelay !== null) parts.push(`maxDelay=${maxDelay}`)
  return joined(parts)
}

/** A query of those parts that are not empty. */
function joined(parts: readonly string[]): string {
  return parts.filter(part => part !== '').join('&')
}

/** A poll that goes on where the one before was is no new stream. */
function polled(welcome: WelcomeRecord): WelcomeRecord {
  const { session, epoch, position, keepaliveMs, resumeMs } = welcome
  return { session, epoch, position, keepaliveMs, resumeMs, recovered: true }
}

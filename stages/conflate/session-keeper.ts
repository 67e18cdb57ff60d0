/**
 * The sessions of a core thread: opened, bound to streams, set back, kept while they have no stream, ended.
 *
 * A session has one stream. One that is taken up elsewhere is first unbound: its old edge is told the last words for that
 * stream, and answers CLOSE behind the last byte; only then the new stream begins (fenced). A session without a stream goes
 * on conflating, and ends after `resumeMs`.
 *
 * Bounds: `sessionsMax`; beyond it the session that has been without a stream for longest makes room, and when there is none
 * the new one is refused.
 */

import { type Renewal, welcomeEvent } from '#src/codec/client-event.ts'
import { codecOf } from '#src/codec/json-stream.ts'
import { DelayBuckets } from '#src/domain/delay-buckets.ts'
import { DEFINED, type Interests, NONE } from '#src/domain/interests.ts'
import {
  type Binding,
  BLOCKED,
  ENDED,
  ENDING,
  GATHERING,
  IDLE,
  PACED,
  READY,
  Session,
  type SessionOwner,
  UNBOUND,
} from '#src/domain/session.ts'
import { SessionEvents } from '#src/domain/session-events.ts'
import type { BindRequest } from '#src/domain/session-request.ts'
import { waitingOf } from '#src/domain/waiting.ts'
import type { ClientErrorCode } from '#src/errors.ts'
import { M, type ThreadMetrics } from '#src/metrics/names.ts'
import type { TimingWheel } from '#src/time/timing-wheel.ts'
import type { EdgeLink } from './links.ts'
import type { Merger } from './merge.ts'
import { Rewinder } from './rewind.ts'
import type { Subscriber } from './subscriber.ts'

/** The text of a BIND record. */
export interface BindText {
  /** For the session, if it is a new one. */
  readonly id: string
  readonly address: string
  readonly bind: BindRequest
}

export interface SessionKeeperDeps {
  readonly interests: Interests
  readonly merger: Merger
  readonly subscriber: () => Subscriber
  readonly wheel: TimingWheel
  readonly metrics: ThreadMetrics
  readonly edges: readonly EdgeLink[]
  readonly epoch: string
  readonly sessionsMax: number
  readonly resumeMs: number
  readonly keepaliveMs: number
  readonly eventBytesMax: number
  /** Queues a session for its flush. */
  readonly enqueue: (session: Session) => void
  /** Says the last words of a session's stream; its edge answers CLOSE. */
  readonly unbind: (session: Session, code: ClientErrorCode, message: string, retryMs: number) => void
  /** Whether the edge's queue has room for one of the two that follow. */
  readonly hasRoom: (edge: EdgeLink) => boolean
  /** Tells the edge that the stream is open, or why not. */
  readonly tellOpened: (edge: EdgeLink, slot: number, generation: number, id: string) => void
  readonly tellRefused: (edge: EdgeLink, slot: number, generation: number, code: ClientErrorCode) => void
  /** Carries out what the request that opened the stream asks for beside the stream. */
  readonly carryOut: (session: Session, bind: BindRequest) => void
  /** The session is no more. */
  readonly onEnd: (session: Session) => void
}

/** A session that is polled is kept so long at least, whatever `resumeMs` is: it has no stream between two polls. */
const POLL_GAP_MS = 5_000
/** When a client whose session had too many events comes back. */
const EVENTS_RETRY_MS = 1_000

/** A stream that waits for the end of the one before it, or for room in its edge's queue. */
interface PendingBind {
  readonly edge: EdgeLink
  readonly slot: number
  readonly generation: number
  readonly text: BindText
}

export class SessionKeeper implements SessionOwner {
  readonly #deps: SessionKeeperDeps
  readonly #buckets: DelayBuckets
  readonly #rewinder: Rewinder
  readonly #byId = new Map<string, Session>()
  /** In the order in which they lost their streams. */
  readonly #unbound = new Set<Session>()
  readonly #pending = new Map<Session, PendingBind>()
  /** Binds whose edge had no room to be told. */
  readonly #owed: PendingBind[] = []
  /** More events than may wait were told them: their streams end at the end of the turn. */
  readonly #outspoken = new Set<Session>()
  nowMs = 0

  constructor(deps: SessionKeeperDeps) {
    this.#deps = deps
    const { interests, merger, metrics } = deps
    this.#buckets = new DelayBuckets(deps.wheel, bucket => {
      for (const session of bucket.gathering) {
        if (session.state !== GATHERING) continue
        session.state = READY
        deps.enqueue(session)
      }
      bucket.gathering.length = 0
    })
    this.#rewinder = new Rewinder({
      interests,
      advance: () => merger.advance(),
      onRecalled: (session, count) => {
        session.recalled += count
        metrics.add(M.updatesRecalled, count)
      },
      onConflated: (session, count) => {
        session.conflated += count
        metrics.add(M.updatesConflated, count)
      },
      markWaiting: (interest, session) => merger.markInterest(interest, session, this.nowMs),
      beginAnew: (view, interest, session) => merger.begin(view, interest, session, this.nowMs),
    })
  }

  get count(): number {
    return this.#byId.size
  }

  get unboundCount(): number {
    return this.#unbound.size
  }

  find(id: string): Session | null {
    return this.#byId.get(id) ?? null
  }

  sessions(): IterableIterator<Session> {
    return this.#byId.values()
  }

  /** A stream is asked for. False when the edge's queue is full: call again. */
  bind(edge: EdgeLink, slot: number, generation: number, text: BindText): boolean {
    const { resume, mayOpen } = text.bind
    if (!this.#deps.hasRoom(edge) || !this.#refuseOwed(resume?.session ?? null)) return false
    // What that told may have taken the room.
    this.#vacate(edge, slot, generation)
    if (!this.#deps.hasRoom(edge)) return false
    const known = resume === null ? null : this.find(resume.session)
    if (known === null) {
      if (resume !== null) this.#deps.metrics.add(M.sessionsUnknown, 1)
      if (resume !== null && !mayOpen) this.#deps.tellRefused(edge, slot, generation, 'SESSION_UNKNOWN')
      else this.#open(edge, slot, generation, text)
      return true
    }
    const pending = { edge, slot, generation, text }
    if (!this.#isAttached(known)) {
      this.#rebind(known, pending)
      return true
    }
    const other = this.#pending.get(known)
    if (other !== undefined) {
      if (!this.#deps.hasRoom(other.edge)) return false
      this.#deps.tellRefused(other.edge, other.slot, other.generation, 'SESSION_REBOUND')
      other.edge.sessions[other.slot] = null
    }
    edge.sessions[slot] = known
    this.#pending.set(known, pending)
    if (known.isBound) this.unbind(known, 'SESSION_REBOUND', 'another stream has taken the session')
    return true
  }

  /** A stream that waits for room gives way to a later one of its session. False when its edge's queue is still full. */
  #refuseOwed(id: string | null): boolean {
    const index = id === null ? -1 : this.#owed.findIndex(({ text }) => text.bind.resume?.session === id)
    if (index < 0) return true
    const { edge, slot, generation } = this.#owed[index]!
    if (!this.#deps.hasRoom(edge)) return false
    this.#deps.tellRefused(edge, slot, generation, 'SESSION_REBOUND')
    this.#owed.splice(index, 1)
    return true
  }

  /** Whether the edge of the session's stream has not said yet that its last byte is written. */
  #isAttached(session: Session): boolean {
    return this.#deps.edges[session.edge]!.sessions[session.slot] === session
  }

  /** A connection has gone, or has written the last words of its stream. */
  onClosed(edge: EdgeLink, slot: number, generation: number): void {
    const owed = this.#owed.findIndex(each => isAt(each, edge, slot, generation))
    if (owed >= 0) this.#owed.splice(owed, 1)
    const session = edge.sessions[slot] ?? null
    if (session === null) return
    const pending = this.#pending.get(session)
    if (pending !== undefined && isAt(pending, edge, slot, generation)) {
      this.#pending.delete(session)
      edge.sessions[slot] = null
      return
    }
    if (session.edge !== edge.index || session.slot !== slot || session.generation !== generation) return
    edge.sessions[slot] = null
    if (session.state === ENDING) this.end(session)
    else if (session.isBound) this.#loseStream(session)
    if (pending === undefined || session.state === ENDED) return
    this.#pending.delete(session)
    pending.edge.sessions[pending.slot] = null
    if (this.#deps.hasRoom(pending.edge)) this.#rebind(session, pending)
    else this.#owed.push(pending)
  }

  /** Whoever had a slot before has gone, although its edge could not say so yet. */
  #vacate(edge: EdgeLink, slot: number, generation: number): void {
    const old = edge.sessions[slot] ?? null
    if (old === null) return
    const pending = this.#pending.get(old)
    const isPending = pending?.edge === edge && pending.slot === slot
    const before = isPending ? pending.generation : old.generation
    if (before !== generation) this.onClosed(edge, slot, before)
  }

  /** Takes the stream from a session; what it lacks waits for the next one. */
  unbind(session: Session, code: ClientErrorCode, message: string, retryMs = 0): void {
    this.#deps.unbind(session, code, message, retryMs)
    this.#loseStream(session)
  }

  /** Batch has answered the session's poll: that exchange is over. */
  pollAnswered(session: Session): void {
    this.#deps.edges[session.edge]!.sessions[session.slot] = null
    this.#loseStream(session)
  }

  /** Ends a session: what it lacked is dropped. */
  end(session: Session): void {
    if (session.state === ENDED) return
    const { interests, wheel } = this.#deps
    session.state = ENDED
    this.#byId.delete(session.id)
    this.#unbound.delete(session)
    wheel.cancel(session)
    if (this.#isAttached(session)) this.#deps.edges[session.edge]!.sessions[session.slot] = null
    const pending = this.#pending.get(session)
    if (pending !== undefined) {
      // Its stream finds no session any more.
      this.#pending.delete(session)
      pending.edge.sessions[pending.slot] = null
      this.#owed.push(pending)
    }
    this.#deps.onEnd(session)
    if (session.bucket !== null) this.#buckets.leave(session.bucket, session)
    this.#deps.subscriber().end(session)
    interests.close(session)
  }

  /** The edge says that the connection's window has room again. */
  writable(session: Session): void {
    if (session.state !== BLOCKED) return
    this.#settle(session)
  }

  /** The session has something beside its data to say. */
  tell(session: Session, text: string): void {
    session.events ??= new SessionEvents(this.#deps.eventBytesMax)
    session.events.add(text)
    if (session.events.isGivenUp) this.#outspoken.add(session)
    if (session.state === IDLE || session.state === GATHERING) this.#enqueue(session)
  }

  /** The client has handled everything up to `position`. */
  confirm(session: Session, position: number): void {
    if (position <= session.confirmedAt || !session.wasSent(position)) return
    session.confirmedAt = position
    session.events?.confirm(position)
    session.left?.confirm(position)
  }

  /** Null leaves a limit as it is; 0 is none. */
  setLimits(session: Session, maxBandwidth: number | null, maxDelayMs: number | null): void {
    if (maxBandwidth !== null) this.#setBandwidth(session, maxBandwidth)
    if (maxDelayMs === null) return
    const isGathering = session.state === GATHERING
    if (session.bucket !== null) this.#buckets.leave(session.bucket, session)
    session.bucket = maxDelayMs > 0 ? this.#buckets.join(maxDelayMs) : null
    if (isGathering) this.#enqueue(session)
  }

  /** Bytes that were sent ahead of the old rate are owed at the new one. */
  #setBandwidth(session: Session, maxBandwidth: number): void {
    const owedMs = Math.max(0, session.paidMs - this.nowMs)
    session.paidMs = maxBandwidth === 0 ? 0 : this.nowMs + (owedMs * session.maxBandwidth) / maxBandwidth
    session.maxBandwidth = maxBandwidth
    if (session.state !== PACED) return
    if (session.paidMs > this.nowMs) this.#deps.wheel.schedule(session, session.paidMs)
    else this.#settle(session)
  }

  /** What is held, and sessions that gather, flush now. */
  flushWaiting(): void {
    for (const session of this.sessions()) this.#deps.subscriber().releaseHeld(session)
    this.#buckets.turnAll()
  }

  /** How many updates wait, of all sessions. */
  countWaiting(): number {
    let waiting = 0
    for (const session of this.sessions()) waiting += waitingOf(this.#deps.interests, session)
    return waiting
  }

  /** Ends the streams of sessions with too many events, and opens those that wait for room. Returns how many. */
  work(): number {
    let done = this.#outspoken.size
    for (const session of this.#outspoken) {
      // It may have begun anew meanwhile.
      if (!session.isBound || session.events?.isGivenUp !== true) continue
      this.unbind(session, 'SERVER_BUSY', 'more events wait than a session keeps', EVENTS_RETRY_MS)
    }
    this.#outspoken.clear()
    while (this.#owed.length > 0) {
      const owed = this.#owed.shift()!
      if (!this.bind(owed.edge, owed.slot, owed.generation, owed.text)) {
        this.#owed.unshift(owed)
        break
      }
      done++
    }
    return done
  }

  /** Ends the session that has been without a stream for longest; false when all have one. */
  evict(isIt: (session: Session) => boolean = () => true): boolean {
    for (const session of this.#unbound) {
      if (!isIt(session)) continue
      this.end(session)
      return true
    }
    return false
  }

  onReady(session: Session): void {
    if (session.bucket !== null) {
      session.state = GATHERING
      this.#buckets.gather(session.bucket, session, this.nowMs)
    } else {
      this.#enqueue(session)
    }
  }

  onTimer(session: Session): void {
    if (session.state === UNBOUND) {
      this.end(session)
    } else if (session.state === PACED) {
      this.#settle(session)
    } else if (session.isPoll && session.isBound) {
      session.isAnswerDue = true
      if (session.state === IDLE || session.state === GATHERING) this.#enqueue(session)
    }
  }

  #enqueue(session: Session): void {
    session.state = READY
    this.#deps.enqueue(session)
  }

  /** A session that was held up goes on. */
  #settle(session: Session): void {
    session.state = IDLE
    const hasMore = session.welcome !== null || session.isAnswerDue || (session.events?.waitingCount ?? 0) > 0
    if (hasMore || this.#deps.interests.firstWaiting(session) !== NONE) this.#enqueue(session)
    else if (session.isPoll && session.timerNext === null) {
      this.#deps.wheel.schedule(session, this.nowMs + session.waitMs)
    }
  }

  #open(edge: EdgeLink, slot: number, generation: number, text: BindText): void {
    const { interests, merger, sessionsMax, subscriber, tellOpened, tellRefused } = this.#deps
    if (this.count >= sessionsMax && !this.evict()) {
      tellRefused(edge, slot, generation, 'SESSIONS_TOO_MANY')
      return
    }
    const { bind } = text
    const binding = bindingOf(edge, slot, generation, text)
    const session = new Session(text.id, binding, merger.advance(), this.nowMs, interests, this)
    this.#byId.set(session.id, session)
    this.#attach(session, edge, slot, generation, text)
    session.maxBandwidth = bind.maxBandwidth
    session.bucket = bind.maxDelayMs > 0 ? this.#buckets.join(bind.maxDelayMs) : null
    const error = bind.opening === null ? null : subscriber().subscribe(session, bind.opening)
    if (error !== null) {
      this.end(session)
      tellRefused(edge, slot, generation, error.code)
      return
    }
    tellOpened(edge, slot, generation, session.id)
    this.#deps.metrics.add(M.sessionsOpened, 1)
    this.#welcome(session, session.startedAt, bind.resume === null ? 'new' : { why: 'SESSION_UNKNOWN', kept: null })
    this.#deps.carryOut(session, bind)
  }

  /** Begins another stream of a session that has none; its edge's queue has room. */
  #rebind(session: Session, { edge, slot, generation, text }: PendingBind): void {
    const { position } = text.bind.resume!
    const { encoding, transport } = session.binding
    this.#deps.tellOpened(edge, slot, generation, session.id)
    this.#unbound.delete(session)
    this.#deps.wheel.cancel(session)
    this.#attach(session, edge, slot, generation, text)
    const why = this.#rewinder.hindrance(session, position)
    if (why === null) {
      this.#rewinder.rewind(session, position)
      this.confirm(session, position)
      // A poll that goes on where the poll before ended needs no greeting.
      const isGreeted = session.isPoll && transport === 'poll'
      if (!isGreeted) this.#deps.metrics.add(M.sessionsRecovered, 1)
      this.#welcome(session, position, isGreeted ? null : 'recovered')
    } else {
      this.#rewinder.restart(session)
      this.#deps.metrics.add(M.sessionsRestarted, 1)
      this.#welcome(session, session.sentAt, {
        why: why as Renewal['why'],
        kept: {
          subscriptions: session.subscriptions.map(({ id }) => id),
          nextRequest: session.requests?.next ?? 1,
        },
      })
    }
    if (encoding !== text.bind.encoding) this.#forgetDefinitions(session)
    this.#deps.carryOut(session, text.bind)
  }

  #attach(session: Session, edge: EdgeLink, slot: number, generation: number, text: BindText): void {
    const { transport, encoding, waitMs } = text.bind
    session.binding = bindingOf(edge, slot, generation, text)
    session.edge = edge.index
    session.slot = slot
    session.generation = generation
    session.codec = codecOf(transport, encoding)
    session.isPoll = transport === 'poll'
    session.isConfirming = transport === 'websocket'
    session.waitMs = waitMs
    session.isAnswerDue = false
    edge.sessions[slot] = session
  }

  /** The stream's first record, null for none; with it goes what waits. */
  #welcome(session: Session, position: number, recovery: 'new' | 'recovered' | Renewal | null): void {
    const { epoch, keepaliveMs, resumeMs, wheel } = this.#deps
    session.welcome =
      recovery === null ? null : welcomeEvent({ session: session.id, epoch, position, keepaliveMs, resumeMs, recovery })
    if (session.isPoll) wheel.schedule(session, this.nowMs + session.waitMs)
    this.#settle(session)
  }

  #loseStream(session: Session): void {
    const { wheel, resumeMs } = this.#deps
    session.state = UNBOUND
    session.welcome = null
    session.isAnswerDue = false
    wheel.cancel(session)
    const keptMs = session.isPoll ? Math.max(resumeMs, POLL_GAP_MS) : resumeMs
    if (keptMs === 0) {
      this.end(session)
      return
    }
    this.#unbound.add(session)
    wheel.schedule(session, this.nowMs + keptMs)
  }

  #forgetDefinitions(session: Session): void {
    const { flags } = this.#deps.interests
    for (let interest = session.first; interest < session.end; interest++) flags[interest]! &= ~DEFINED
  }
}

function isAt(pending: PendingBind, edge: EdgeLink, slot: number, generation: number): boolean {
  return pending.edge === edge && pending.slot === slot && pending.generation === generation
}

function bindingOf(edge: EdgeLink, slot: number, generation: number, { address, bind }: BindText): Binding {
  return { edge: edge.index, slot, generation, address, transport: bind.transport, encoding: bind.encoding }
}

/**
 * Carries out what clients ask of their sessions, each numbered request once and in the order of the numbers, and answers.
 *
 * Bounds: a request that comes too early waits at most REQUEST_HOLD_MS for those before it (RequestOrder says how many
 * wait); a client that does not read what it is told may ask no more (SessionEvents).
 */

import { answerEvent, limitsEvent } from '#src/codec/client-event.ts'
import {
  type OnAnswered,
  ORDER_FORGOTTEN,
  ORDER_FULL,
  ORDER_HELD,
  ORDER_NOW,
  RequestOrder,
} from '#src/domain/request-order.ts'
import { ENDED, ENDING, type Session } from '#src/domain/session.ts'
import { type BindRequest, isLoggedMode, type SessionRequest } from '#src/domain/session-request.ts'
import type { Subscription } from '#src/domain/subscription.ts'
import type { ClientErrorCode } from '#src/errors.ts'
import type { Timed, TimingWheel } from '#src/time/timing-wheel.ts'
import type { Messages } from './messages.ts'
import type { SessionKeeper } from './session-keeper.ts'
import type { SubscriberError } from './session-room.ts'
import type { Subscriber } from './subscriber.ts'

const REQUEST_HOLD_MS = 10_000

export interface SessionRequestsDeps {
  readonly sessions: SessionKeeper
  readonly subscriber: Subscriber
  readonly messages: Messages
  readonly wheel: TimingWheel
  /** Ends a session whose client asks for it. */
  readonly destroy: (session: Session) => void
}

export class SessionRequests {
  readonly #deps: SessionRequestsDeps
  /** Of sessions that hold requests. */
  readonly #timers = new Map<Session, Timed>()
  nowMs = 0

  constructor(deps: SessionRequestsDeps) {
    this.#deps = deps
  }

  /** What the request that opened a stream asks for; answers go into the stream. */
  carryOut(session: Session, bind: BindRequest): void {
    this.handleAll(session, bind.requests, text => this.#tell(session, text))
  }

  /**
   * `onAnswered` is called once for each request that is answered, now or later; `onRefused` at once for each that has no
   * number and was not carried out.
   */
  handleAll(
    session: Session,
    requests: readonly SessionRequest[],
    onAnswered: OnAnswered,
    onRefused: OnAnswered = onAnswered,
  ): void {
    for (const request of requests) this.#handle(session, request, onAnswered, onRefused)
  }

  /** How many of the requests are going to be answered. */
  static answersOf(requests: readonly SessionRequest[]): number {
    return requests.filter(isAnswered).length
  }

  /** The session has ended: what it holds is answered. */
  onEnd(session: Session): void {
    this.#refuseHeld(session, 'SESSION_UNKNOWN', 'the session has ended')
  }

  #handle(session: Session, request: SessionRequest, onAnswered: OnAnswered, onRefused: OnAnswered): void {
    if (session.state >= ENDING) {
      // Behind a destroy nothing is carried out.
      if (isAnswered(request)) onAnswered(refusal(numberOf(request), 'SESSION_UNKNOWN', 'the session has ended'))
      return
    }
    if (request.kind === 'ack') {
      this.#deps.sessions.confirm(session, request.position)
      return
    }
    const { number } = request
    if (number === null) {
      const error = this.#perform(session, request)
      if (isAnswered(request)) onAnswered(answerEvent(null, error))
      else if (error !== null) onRefused(answerEvent(null, error))
      return
    }
    session.requests ??= new RequestOrder()
    const order = session.requests
    switch (order.offer(number, request, onAnswered)) {
      case ORDER_NOW:
        this.#performNext(session, order, request, onAnswered)
        this.#performHeld(session, order)
        return
      case ORDER_HELD:
        this.#awaitGap(session)
        return
      case ORDER_FORGOTTEN:
        onAnswered(refusal(number, 'REQUEST_FORGOTTEN', 'it was carried out, and its answer is not kept any more'))
        return
      case ORDER_FULL:
        onAnswered(refusal(number, 'REQUEST_GAP', 'too many requests wait for those before them'))
        return
      default:
        onAnswered(order.answerOf(number)!)
    }
  }

  #performNext(session: Session, order: RequestOrder, request: SessionRequest, onAnswered: OnAnswered): void {
    const isLast = request.kind === 'destroy' && session.state < ENDING
    const error = isLast ? null : this.#perform(session, request)
    const text = answerEvent(order.next, error)
    order.answered(text)
    onAnswered(text)
    // Its answer goes out with the session's last words.
    if (isLast) this.#perform(session, request)
  }

  #performHeld(session: Session, order: RequestOrder): void {
    for (let held = order.takeNext(); held !== null; held = order.takeNext()) {
      if (held.number < order.next) held.onAnswered(order.answerOf(held.number)!)
      else this.#performNext(session, order, held.request, held.onAnswered)
    }
    if (order.heldCount === 0) this.#stopAwaiting(session)
  }

  #awaitGap(session: Session): void {
    if (this.#timers.has(session)) return
    const timer: Timed = {
      timerDueMs: 0,
      timerNext: null,
      timerPrev: null,
      onTimer: () => this.#refuseHeld(session, 'REQUEST_GAP', 'a request before this one has not come'),
    }
    this.#timers.set(session, timer)
    this.#deps.wheel.schedule(timer, this.nowMs + REQUEST_HOLD_MS)
  }

  #stopAwaiting(session: Session): void {
    const timer = this.#timers.get(session)
    if (timer === undefined) return
    this.#deps.wheel.cancel(timer)
    this.#timers.delete(session)
  }

  #refuseHeld(session: Session, code: ClientErrorCode, message: string): void {
    this.#stopAwaiting(session)
    for (const held of session.requests?.takeHeld() ?? []) held.onAnswered(refusal(held.number, code, message))
  }

  /** Null, or why it changed nothing. */
  #perform(session: Session, request: SessionRequest): SubscriberError | null {
    const { sessions, subscriber, messages } = this.#deps
    if (session.state >= ENDING) return { code: 'SESSION_UNKNOWN', message: 'the session has ended' }
    if (request.kind === 'bad') return { code: request.code, message: request.message }
    if (session.events?.hasRoom === false && request.kind !== 'destroy') {
      return { code: 'SERVER_BUSY', message: 'the stream has not brought what earlier requests have led to' }
    }
    switch (request.kind) {
      case 'subscribe':
        return subscriber.subscribe(session, request.subscription)
      case 'unsubscribe':
        return subscriber.unsubscribe(session, request.id, null) ? null : unknown(request.id)
      case 'change':
      case 'pause':
      case 'resume':
        return this.#change(session, request)
      case 'limits':
        sessions.setLimits(session, request.maxBandwidth, request.maxDelayMs)
        this.#tell(session, limitsEvent(session.maxBandwidth, session.bucket?.intervalMs ?? 0))
        return null
      case 'message':
        messages.send(session, request)
        return null
      case 'destroy':
        this.#deps.destroy(session)
        return null
      case 'ack':
        return null
    }
  }

  #change(session: Session, request: Extract<SessionRequest, { readonly id: number }>): SubscriberError | null {
    const { subscriber } = this.#deps
    const subscription: Subscription | null = session.subscriptionOf(request.id)
    if (subscription === null) return unknown(request.id)
    if (request.kind !== 'change') {
      if (request.kind === 'pause') subscriber.pause(session, subscription)
      else subscriber.resume(session, subscription)
      return null
    }
    if (isLoggedMode(subscription.mode)) {
      return { code: 'REQUEST_INVALID', message: `a subscription of mode ${subscription.mode} has no maxFrequency` }
    }
    subscriber.change(session, subscription, request.maxFrequency)
    return null
  }

  #tell(session: Session, text: string): void {
    if (session.state !== ENDED) this.#deps.sessions.tell(session, text)
  }
}

/** A request without a number is answered only where it cannot be read. */
function isAnswered(request: SessionRequest): boolean {
  return request.kind !== 'ack' && (request.number !== null || request.kind === 'bad')
}

function numberOf(request: SessionRequest): number | null {
  return 'number' in request ? request.number : null
}

function refusal(number: number | null, code: ClientErrorCode, message: string): string {
  return answerEvent(number, { code, message })
}

function unknown(id: number): SubscriberError {
  return { code: 'SUBSCRIPTION_UNKNOWN', message: `there is no subscription ${id}` }
}

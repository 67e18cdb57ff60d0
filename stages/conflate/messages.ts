/**
 * Messages from clients on their way to the feeds that handle their targets, and the answers on their way back.
 *
 * A message goes to the feed that has handled its target for longest, once, behind those that its session sent before; its
 * outcome is an event of the session. Nobody is left waiting: without a handler, when the feed goes, and after `timeoutMs`
 * the outcome is an error.
 *
 * Bounds: `messagesMax` a session are unanswered; what finds a lane's queue full waits here, in order.
 */

import { outcomeErrorEvent, outcomeEvent } from '#src/codec/client-event.ts'
import { ANSWERED_BUSY, ANSWERED_GONE, MESSAGE, textBytesMax, writeText } from '#src/codec/record.ts'
import { ENDED, type Session } from '#src/domain/session.ts'
import type { SessionRequest } from '#src/domain/session-request.ts'
import type { ClientErrorCode } from '#src/errors.ts'
import { claimOrAwait } from '#src/ring/queue.ts'
import type { Timed, TimingWheel } from '#src/time/timing-wheel.ts'
import type { FeedSource, LaneLink } from './links.ts'

/** Before the text of a MESSAGE. */
const MESSAGE_TEXT = 12
const NUMBERS_WRAP = 2 ** 30
/** So much of a session's id, which is a secret, tells it from others. */
const PUBLIC_LETTERS = 8

type MessageRequest = Extract<SessionRequest, { kind: 'message' }>

interface Handler {
  readonly lane: LaneLink
  readonly source: FeedSource
  /** Targets, and beginnings of targets. */
  readonly names: ReadonlySet<string>
  readonly prefixes: readonly string[]
}

interface Open {
  readonly session: Session
  /** The session's number of the request; null when it had none. */
  readonly request: number | null
  readonly handler: Handler
  readonly timer: Timed
}

export interface MessagesDeps {
  readonly wheel: TimingWheel
  readonly messagesMax: number
  /** The longest answer that is told. */
  readonly answerLettersMax: number
  readonly tell: (session: Session, text: string) => void
}

export class Messages {
  readonly #deps: MessagesDeps
  /** In the order in which they came. */
  readonly #handlers: Handler[] = []
  readonly #open = new Map<number, Open>()
  readonly #counts = new Map<Session, number>()
  /** Found their lane's queue full. */
  readonly #waiting: { number: number; text: string }[] = []
  #numbers = 0
  nowMs = 0

  constructor(deps: MessagesDeps) {
    this.#deps = deps
  }

  /** A feed handles targets; one that ends in `*` stands for all that begin so. */
  handles(lane: LaneLink, source: FeedSource, targets: readonly string[]): void {
    const names = new Set(targets.filter(target => !target.endsWith('*')))
    const prefixes = targets.filter(target => target.endsWith('*')).map(target => target.slice(0, -1))
    this.#handlers.push({ lane, source, names, prefixes })
  }

  send(session: Session, request: MessageRequest): void {
    const { messagesMax, wheel } = this.#deps
    const count = this.#counts.get(session) ?? 0
    if (count >= messagesMax) {
      this.#fail(session, request.number, 'MESSAGES_TOO_MANY', `${messagesMax} messages are unanswered`)
      return
    }
    const handler = this.#handlerOf(request.to)
    if (handler === null) {
      this.#fail(session, request.number, 'MESSAGE_NO_HANDLER', 'no feed handles this target')
      return
    }
    const number = this.#newNumber()
    const timer: Timed = {
      timerDueMs: 0,
      timerNext: null,
      timerPrev: null,
      onTimer: () => this.#close(number, 'MESSAGE_TIMEOUT', 'its handler has not answered in time'),
    }
    this.#open.set(number, { session, request: request.number, handler, timer })
    this.#counts.set(session, count + 1)
    wheel.schedule(timer, this.nowMs + request.timeoutMs)
    const text = `{"to":${JSON.stringify(request.to)},"session":"${session.id.slice(0, PUBLIC_LETTERS)}","data":${request.data}}`
    if (this.#waiting.length > 0 || !this.#offer(number, handler, text)) this.#waiting.push({ number, text })
  }

  /** A feed has answered, or its lane has for it. */
  answered(number: number, text: string): void {
    const open = this.#open.get(number)
    if (open === undefined) return
    if (text === ANSWERED_GONE) {
      this.#close(number, 'MESSAGE_HANDLER_GONE', 'its handler has gone')
    } else if (text === ANSWERED_BUSY) {
      this.#close(number, 'SERVER_BUSY', 'its handler has too many messages to answer')
    } else {
      const answer = JSON.parse(text) as { result?: unknown; error?: string }
      this.#settle(number, open)
      if (open.session.state === ENDED) return
      if (text.length > this.#deps.answerLettersMax) {
        this.#fail(
          open.session,
          open.request,
          'MESSAGE_REFUSED',
          'its handler has answered more than an event may hold',
        )
        return
      }
      const event =
        answer.error === undefined
          ? outcomeEvent(open.request, text.slice('{"result":'.length, -1))
          : outcomeErrorEvent(open.request, { code: 'MESSAGE_REFUSED', message: answer.error })
      this.#deps.tell(open.session, event)
    }
  }

  /** A feed has gone: what it has not answered fails. */
  feedGone(source: FeedSource): void {
    const at = this.#handlers.findIndex(handler => handler.source === source)
    if (at < 0) return
    const [handler] = this.#handlers.splice(at, 1)
    for (const [number, open] of this.#open) {
      if (open.handler === handler) this.#close(number, 'MESSAGE_HANDLER_GONE', 'its handler has gone')
    }
  }

  /** Hands on what waits. Returns how many. */
  work(): number {
    if (this.#waiting.length === 0) return 0
    const full = new Set<LaneLink>()
    const left = this.#waiting.filter(({ number, text }) => {
      const open = this.#open.get(number)
      if (open === undefined) return false
      const { lane } = open.handler
      if (!full.has(lane) && this.#offer(number, open.handler, text)) return false
      full.add(lane)
      return true
    })
    const done = this.#waiting.length - left.length
    this.#waiting.length = 0
    this.#waiting.push(...left)
    return done
  }

  #handlerOf(target: string): Handler | null {
    for (const handler of this.#handlers) {
      if (handler.source.isSilent) continue
      if (handler.names.has(target) || handler.prefixes.some(prefix => target.startsWith(prefix))) return handler
    }
    return null
  }

  #offer(number: number, { lane, source }: Handler, text: string): boolean {
    const down = lane.down!
    const claim = claimOrAwait(down, MESSAGE_TEXT + textBytesMax(text))
    if (claim < 0) return false
    const word = claim >> 2
    down.memory.words[word] = source.slot
    down.memory.words[word + 1] = source.generation
    down.memory.words[word + 2] = number
    down.commit(MESSAGE, MESSAGE_TEXT + writeText(down.memory, claim + MESSAGE_TEXT, text))
    return true
  }

  #close(number: number, code: ClientErrorCode, message: string): void {
    const open = this.#open.get(number)
    if (open === undefined) return
    this.#settle(number, open)
    this.#fail(open.session, open.request, code, message)
  }

  #settle(number: number, { session, timer }: Open): void {
    this.#deps.wheel.cancel(timer)
    this.#open.delete(number)
    const waiting = this.#waiting.findIndex(each => each.number === number)
    if (waiting >= 0) this.#waiting.splice(waiting, 1)
    const count = this.#counts.get(session)! - 1
    if (count === 0) this.#counts.delete(session)
    else this.#counts.set(session, count)
  }

  #fail(session: Session, request: number | null, code: ClientErrorCode, message: string): void {
    if (session.state !== ENDED) this.#deps.tell(session, outcomeErrorEvent(request, { code, message }))
  }

  #newNumber(): number {
    do this.#numbers = (this.#numbers + 1) % NUMBERS_WRAP
    while (this.#open.has(this.#numbers))
    return this.#numbers
  }
}

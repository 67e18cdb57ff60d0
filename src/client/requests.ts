/**
 * Requests in the order in which they are to be carried out, from the wish to the answer.
 *
 *   sent on this stream      sent on an earlier one      not sent yet
 *   ├── number, in flight ──┤├── number ───────────────┤├── no number ──┤
 *   the head of the queue                                        its end
 *
 * A request gets its number when it is first sent. Unanswered ones are sent again on the next stream, with the same number,
 * so that the server carries each out once. A new session knows no numbers: what waits is numbered anew.
 *
 * Invariants (test/rules.md, CL):
 *  - Numbers are sent in order and without a gap. What is not to be carried out any more leaves a request that asks for
 *    nothing in its place.
 *  - At most IN_FLIGHT_MAX are unanswered: a server holds as many, and remembers as many answers.
 *  - A message is handed to one session only, and not before that session has been heard.
 */

import { MillraceError } from './errors.ts'

export interface Request {
  /** What is asked for, as JSON without a number. */
  body: string
  /** 0: it has none in this session. */
  number: number
  readonly kind: RequestKind
  /** Called once: with null, or with what it was refused for. */
  readonly settle: (error: MillraceError | null) => void
}

/**
 * wish: of the application; carried over into a new session. own: of the library, for this session only. message: may have
 * been carried out when its session is gone, so it is not carried over once it was sent.
 */
export type RequestKind = 'wish' | 'own' | 'message'

/** What servers keep, of requests that came early and of answers. */
export const IN_FLIGHT_MAX = 64
/** Requests that wait for a connection, or for their turn. */
export const REQUESTS_MAX = 1_024

/** Changes nothing, and is answered: the end of a subscription that never was, as ids are counted from 1. */
const NOTHING = '{"unsubscribe":2147483647}'

const NUMBER_BYTES = 32
const encoder = new TextEncoder()

export class RequestQueue {
  readonly #bytesMax: number
  #queue: Request[] = []
  /** How many of the first are in flight. */
  #sent = 0
  /** The last number given out in this session. */
  #lastNumber = 0

  /** `bytesMax` bounds a request, and what is sent at once. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get inFlight(): number {
    return this.#sent
  }

  /** Of the application. Throws when JSON cannot say it, when it is too large, or when too many wait. */
  add(kind: 'wish' | 'message', wish: object, settle: Request['settle']): Request {
    const request = requestOf(kind, wish, settle)
    if (bytesOf(request) > this.#bytesMax) {
      throw new MillraceError('REQUEST_TOO_LARGE', `a request has at most ${this.#bytesMax} bytes`)
    }
    if (this.#queue.length >= REQUESTS_MAX) {
      throw new MillraceError('REQUESTS_TOO_MANY', `${REQUESTS_MAX} requests wait already`)
    }
    this.#queue.push(request)
    return request
  }

  /** Asks for an answer, and nothing else. */
  addNothing(): void {
    this.#queue.push(nothing(0))
  }

  /**
   * The next lines to send on this stream, which count as sent; '' when there are none, or none may go. To a session that
   * was not heard yet (`isHeard` false) only what comes before the first message.
   */
  take(isHeard: boolean): string {
    let lines = ''
    let bytes = 0
    while (this.#sent < Math.min(this.#queue.length, IN_FLIGHT_MAX)) {
      const request = this.#queue[this.#sent]!
      bytes += bytesOf(request)
      if ((request.kind === 'message' && !isHeard) || (lines !== '' && bytes > this.#bytesMax)) break
      if (request.number === 0) request.number = ++this.#lastNumber
      lines += `{"request":${request.number},${request.body.slice(1)}\n`
      this.#sent++
    }
    return lines
  }

  /** Nothing is in flight any more: the stream is gone, or its answers do not come. */
  unsend(): void {
    this.#sent = 0
  }

  /** A new session, which has nothing but what it is asked for: first `own`, then what waits. */
  renew(own: readonly Request[]): void {
    const isLost = ({ kind, number }: Request): boolean => kind === 'message' && number > 0
    const old = this.#queue
    const kept = old.filter(request => request.kind !== 'own' && !isLost(request))
    for (const request of kept) request.number = 0
    this.#queue = [...own, ...kept]
    this.#sent = 0
    this.#lastNumber = 0
    for (const request of old) if (isLost(request)) request.settle(outcomeUnknown())
  }

  /** An answer has come; one that nobody waits for is passed over, as answers may be repeated. */
  answered(number: number, error: MillraceError | null): void {
    const index = this.#queue.findIndex(request => request.number === number)
    if (index < 0) return
    const [request] = this.#queue.splice(index, 1)
    if (index < this.#sent) this.#sent--
    request!.settle(error)
  }

  /** The server does not read what is in flight: each is refused, and its number is used up by nothing. */
  refuseSent(error: MillraceError): void {
    const refused = this.#queue.slice(0, this.#sent)
    for (const [index, { number, kind }] of refused.entries()) {
      if (kind !== 'own') this.#queue[index] = nothing(number)
    }
    this.#sent = 0
    for (const { kind, settle } of refused) if (kind !== 'own') settle(error)
  }

  /** The request is not to be sent any more. True: it never was, and is gone. False: it may be under way. */
  withdraw(request: Request): boolean {
    if (request.number > 0) {
      request.body = NOTHING
      return false
    }
    this.#queue = this.#queue.filter(one => one !== request)
    return true
  }

  /** Nothing is carried out any more. */
  end(error: MillraceError): void {
    const old = this.#queue
    this.#queue = []
    this.#sent = 0
    for (const { settle } of old) settle(error)
  }
}

/** Throws when JSON cannot say it. */
export function requestOf(kind: RequestKind, wish: object, settle: Request['settle']): Request {
  try {
    return { body: JSON.stringify(wish), number: 0, kind, settle }
  } catch (cause) {
    throw new MillraceError('OPTIONS_INVALID', 'JSON cannot say this', cause)
  }
}

/** Takes the place of `number`. */
function nothing(number: number): Request {
  return { body: NOTHING, number, kind: 'own', settle: () => {} }
}

export function outcomeUnknown(): MillraceError {
  return new MillraceError('OUTCOME_UNKNOWN', 'the message was sent, and its session is no more')
}

/** In UTF-8, with its number. */
function bytesOf({ body }: Request): number {
  return encoder.encode(body).length + NUMBER_BYTES
}

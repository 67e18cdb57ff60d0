/**
 * The order of a session's numbered requests, whatever connections they took: each is carried out once, in the order of
 * the numbers, and one that comes again is answered as it was then.
 *
 * Bounds: `HELD_MAX` requests wait for those before them; the answers of the last `ANSWERS_MAX` are kept.
 */

import type { SessionRequest } from './session-request.ts'

export const HELD_MAX = 64
export const ANSWERS_MAX = 64

/** Gets the answer's text when the request was carried out, or refused. */
export type OnAnswered = (text: string) => void

export interface HeldRequest {
  readonly number: number
  readonly request: SessionRequest
  readonly onAnswered: OnAnswered
}

/** What is to be done with a request. */
export const ORDER_NOW = 0
export const ORDER_HELD = 1
export const ORDER_REPEATED = 2
export const ORDER_FORGOTTEN = 3
export const ORDER_FULL = 4

export class RequestOrder {
  /** The number that comes next. */
  next = 1
  readonly #held: HeldRequest[] = []
  readonly #answers: string[] = []

  get heldCount(): number {
    return this.#held.length
  }

  /** What is to be done with request `number`. One that is held gets its answer later. */
  offer(number: number, request: SessionRequest, onAnswered: OnAnswered): number {
    if (number === this.next) return ORDER_NOW
    if (number < this.next) return this.answerOf(number) === null ? ORDER_FORGOTTEN : ORDER_REPEATED
    if (this.#held.length === HELD_MAX) return ORDER_FULL
    const at = this.#held.findIndex(each => each.number > number)
    this.#held.splice(at < 0 ? this.#held.length : at, 0, { number, request, onAnswered })
    return ORDER_HELD
  }

  /** The request that came next was answered so. */
  answered(text: string): void {
    this.next++
    if (this.#answers.length === ANSWERS_MAX) this.#answers.shift()
    this.#answers.push(text)
  }

  answerOf(number: number): string | null {
    return this.#answers[this.#answers.length - (this.next - number)] ?? null
  }

  /** Takes the held request whose turn has come, or null. Of several with one number all but the first are repetitions. */
  takeNext(): HeldRequest | null {
    const first = this.#held[0]
    if (first === undefined || first.number > this.next) return null
    this.#held.shift()
    return first
  }

  /** Gives up what is held: the requests before it have not come. */
  takeHeld(): readonly HeldRequest[] {
    return this.#held.splice(0)
  }
}

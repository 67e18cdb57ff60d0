/**
 * Follows the answers of long polling: when one is whole, the next poll is sent at once, with the position that the answer
 * ends on. Of an answer its head is read, of its body the last line, and of the first one the session's id too.
 *
 * Invariants (test/rules.md, PF):
 *  - However the bytes are cut, each answer that is whole is followed by one poll with its session and position.
 *  - An answer that is none of a stream that goes on (no 200, without a length or a position, behind another that nobody
 *    had asked for) ends it: nothing is asked any more.
 *
 * Cost: some 1 µs an answer, whatever its length, on a busy machine.
 */

import type { StreamFollower } from './follower.ts'
import { HttpHead } from './http-head.ts'

const ANSWER_EXP = /^HTTP\/1\.1 200 .*?\r\nContent-Length: (\d+)\r\n/s
/** What the first body begins with, as long as it is. */
const SESSION_EXP = /^\{"session":"([\w-]{22})"/
const SESSION_BYTES = 35
/** What each body ends with, as long as it may be: a position has 16 digits at most. */
const POSITION_EXP = /(?:^|\n)\{"position":(\d+)\}\n$/
const POSITION_BYTES_MAX = 32

export class AnswerFollower implements StreamFollower {
  isOver = false
  readonly #head = new HttpHead()
  /** Bytes of the body that are still to come; 0: an answer's head is. */
  #left = 0
  /** The beginning of the first body, until it has told the session. */
  #opening = ''
  #session = ''
  /** What is there of the end of the body at hand. */
  #ending = ''
  /** The last poll; '' while that is the one that opens the session. */
  #poll = ''
  #hasRead = false

  follow(bytes: Buffer, start: number, end: number): Buffer | null {
    this.#hasRead = true
    let at = start
    if (this.#left === 0) {
      at = this.#takeHead(bytes, start, end)
      if (at < 0) return null
    }
    const behind = at + this.#left
    const bodyEnd = Math.min(behind, end)
    if (this.#session === '') this.#takeOpening(bytes, at, bodyEnd)
    const endingAt = Math.max(at, behind - POSITION_BYTES_MAX)
    if (endingAt < bodyEnd) this.#ending += bytes.toString('latin1', endingAt, bodyEnd)
    this.#left = behind - bodyEnd
    if (this.#left > 0) return null
    this.isOver = bodyEnd < end
    return this.#next()
  }

  /** The last poll again: a session is bound to no connection. */
  goOn(): Buffer | null {
    if (this.isOver || this.#poll === '' || !this.#hasRead) return null
    this.#hasRead = false
    this.#head.clear()
    this.#left = 0
    this.#ending = ''
    return Buffer.from(this.#poll)
  }

  /** Returns where the body begins; -1 while that is not known. */
  #takeHead(bytes: Buffer, start: number, end: number): number {
    const at = this.#head.take(bytes, start, end)
    if (at < 0) {
      this.isOver = this.#head.isTooLong
      return -1
    }
    this.#left = Number(ANSWER_EXP.exec(this.#head.text)?.[1] ?? 0)
    this.isOver = this.#left === 0
    this.#head.clear()
    return this.isOver ? -1 : at
  }

  #takeOpening(bytes: Buffer, at: number, end: number): void {
    this.#opening += bytes.toString('latin1', at, Math.min(end, at + SESSION_BYTES - this.#opening.length))
    this.#session = SESSION_EXP.exec(this.#opening)?.[1] ?? ''
  }

  #next(): Buffer | null {
    const position = POSITION_EXP.exec(this.#ending)?.[1]
    this.#ending = ''
    if (position === undefined || this.#session === '') this.isOver = true
    if (this.isOver) return null
    this.#poll = `GET /poll?session=${this.#session}&position=${position} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`
    return Buffer.from(this.#poll)
  }
}

/**
 * What a session's flushes left behind and later ones brought: of such an interest the state that it had meanwhile. With
 * it a session can be set back to any of its flushes (rewind.ts). An interest that has never been left behind needs no entry,
 * so most sessions have no such log at all.
 *
 * An entry: from the flush at position `from` on, up to, not including, the one at `to`, the session had of an interest what
 * the entry says. Entries stand in the order of `to`.
 *
 * Bound: `entriesMax`; beyond it the oldest goes, and `horizon` is the lowest position that can still be set back to.
 */

import type { Interests } from './interests.ts'

/** Numbers of an entry. */
const INTEREST = 0
const FROM = 1
const TO = 2
const POSITION = 3
const SEQ = 4
const DELETIONS = 5
const FLAGS = 6
const BASE = 7
const WIDTH = 8

const START_ENTRIES = 8

export const NOT_LEFT = -1

export class LeftLog {
  readonly #entriesMax: number
  #numbers = new Float64Array(START_ENTRIES * WIDTH)
  #count = 0
  horizon = 0

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax
  }

  get size(): number {
    return this.#count
  }

  /** The interest, which flushes from `from` on left as it is now, is about to get what it lacks in the flush at `to`. */
  append(interests: Interests, interest: number, from: number, to: number): void {
    if (this.#entriesMax === 0) {
      this.horizon = to
      return
    }
    if (this.#count === this.#entriesMax) {
      this.horizon = this.#numbers[TO]!
      this.#drop(1)
    }
    if (this.#count * WIDTH === this.#numbers.length) {
      const numbers = new Float64Array(this.#numbers.length * 2)
      numbers.set(this.#numbers)
      this.#numbers = numbers
    }
    const numbers = this.#numbers
    const at = this.#count++ * WIDTH
    numbers[at + INTEREST] = interest
    numbers[at + FROM] = from
    numbers[at + TO] = to
    numbers[at + POSITION] = interests.positions[interest]!
    numbers[at + SEQ] = interests.sentSeqs[interest]!
    numbers[at + DELETIONS] = interests.deletions[interest]!
    numbers[at + FLAGS] = interests.flags[interest]!
    numbers[at + BASE] = interests.bases[interest]!
  }

  /** The entry that tells what the session had of an interest at its flush of `position`; NOT_LEFT: it had everything. */
  find(interest: number, position: number): number {
    for (let entry = 0; entry < this.#count; entry++) {
      const at = entry * WIDTH
      if (this.#numbers[at + INTEREST] !== interest) continue
      if (this.#numbers[at + FROM]! <= position && position < this.#numbers[at + TO]!) return entry
    }
    return NOT_LEFT
  }

  /** The base of an entry's interest. */
  baseOf(entry: number): number {
    return this.#numbers[entry * WIDTH + BASE]!
  }

  /** Sets an interest to what an entry says; returns since when it had been left so. */
  restore(interests: Interests, entry: number): number {
    const at = entry * WIDTH
    const interest = this.#numbers[at + INTEREST]!
    interests.positions[interest] = this.#numbers[at + POSITION]!
    interests.sentSeqs[interest] = this.#numbers[at + SEQ]!
    interests.deletions[interest] = this.#numbers[at + DELETIONS]!
    interests.flags[interest] = this.#numbers[at + FLAGS]!
    interests.bases[interest] = this.#numbers[at + BASE]!
    return this.#numbers[at + FROM]!
  }

  /** Nobody sets the session back behind `position` any more. */
  confirm(position: number): void {
    let gone = 0
    while (gone < this.#count && this.#numbers[gone * WIDTH + TO]! <= position) gone++
    if (gone > 0) this.#drop(gone)
  }

  /** The session was set back to `position`: what flushes behind it brought was not brought. */
  rewind(position: number): void {
    while (this.#count > 0 && this.#numbers[(this.#count - 1) * WIDTH + TO]! > position) this.#count--
  }

  /** The interest is no more. */
  forget(interest: number): void {
    let kept = 0
    for (let entry = 0; entry < this.#count; entry++) {
      if (this.#numbers[entry * WIDTH + INTEREST] === interest) continue
      if (kept !== entry) this.#numbers.copyWithin(kept * WIDTH, entry * WIDTH, (entry + 1) * WIDTH)
      kept++
    }
    this.#count = kept
  }

  /** The interest has another number. */
  move(from: number, to: number): void {
    for (let at = 0; at < this.#count * WIDTH; at += WIDTH) {
      if (this.#numbers[at + INTEREST] === from) this.#numbers[at + INTEREST] = to
    }
  }

  /** All interests of the session have other numbers: the first had `from` and has `to`. */
  shift(from: number, to: number): void {
    for (let at = 0; at < this.#count * WIDTH; at += WIDTH) this.#numbers[at + INTEREST]! += to - from
  }

  #drop(count: number): void {
    this.#numbers.copyWithin(0, count * WIDTH, this.#count * WIDTH)
    this.#count -= count
  }
}

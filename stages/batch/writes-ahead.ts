/**
 * How many writes an edge has been handed and has not done yet. A write costs microseconds whatever it carries, so what
 * waits in an edge's ring is counted in writes: beyond a bound, sessions wait with what they lack, which gathers or
 * conflates, instead of standing in the ring as bytes. So what waited leaves in one write, and is newer when it does.
 *
 * Invariant: `marks` are positions in the ring, in order, each with the writes between it and the one before.
 */

import { assert } from '#src/assert.ts'

export class WritesAhead {
  readonly #marks: Int32Array
  readonly #writes: Int32Array
  #first = 0
  #end = 0
  #sum = 0

  /** At most `marksMax` marks are kept: who notes only below a bound of so many writes never has more. */
  constructor(marksMax: number) {
    this.#marks = new Int32Array(marksMax)
    this.#writes = new Int32Array(marksMax)
  }

  /** The ring's records up to `position` hold `writes` more. */
  note(position: number, writes: number): void {
    assert(this.#end - this.#first < this.#marks.length, 'there is room for a mark')
    const place = this.#end++ % this.#marks.length
    this.#marks[place] = position
    this.#writes[place] = writes
    this.#sum += writes
  }

  /** Writes behind `consumed`, the position up to which the edge has come. */
  countBehind(consumed: number): number {
    while (this.#first < this.#end) {
      const place = this.#first % this.#marks.length
      // Positions wrap: their difference is what counts.
      if (((this.#marks[place]! - consumed) | 0) > 0) break
      this.#sum -= this.#writes[place]!
      this.#first++
    }
    return this.#sum
  }
}

/**
 * Where the bodies of one core thread lie once they are made: a buffer filled from its start to its end, then from its
 * start again. A body's place is (epoch, offset); one of an older epoch is gone and is made anew when somebody needs it.
 *
 * Invariant: between two calls of `turn`, no body is overwritten.
 */

export class BodyHeap {
  readonly bytes: Buffer
  epoch = 1
  #top = 0

  constructor(capacity: number) {
    this.bytes = Buffer.alloc(capacity)
  }

  /** Begins anew at the start when less than `bytesMin` is left. Bodies of before may then be overwritten. */
  turn(bytesMin: number): void {
    if (this.#top + bytesMin <= this.bytes.length) return
    this.#top = 0
    this.epoch++
  }

  hasRoom(bytesMax: number): boolean {
    return this.#top + bytesMax <= this.bytes.length
  }

  /** Where the next body begins. */
  get top(): number {
    return this.#top
  }

  /** The body that began at `top` ends at `end`. */
  finish(end: number): void {
    this.#top = end
  }
}

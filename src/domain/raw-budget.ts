/**
 * What the readers of every update (modes raw and distinct) and of tables cost one core thread in memory, bounded: the logs
 * of items, and what a view keeps besides. Who takes bytes gives back as many when it goes.
 *
 * At the bound: a stream that would begin a log or a view is refused, a log that would grow stays as it is and pushes its
 * oldest entries out earlier, a body is not kept.
 *
 * The rows that views show grow with their tables, whatever the bound: what is let in is then less.
 *
 * Invariant: 0 <= usedBytes, and only takeAnyway brings it above bytesMax.
 */

import { assert } from '#src/assert.ts'

/** About what a log or a view takes before it holds anything. */
export const RAW_OBJECT_BYTES = 512

export class RawBudget {
  usedBytes = 0
  readonly #bytesMax: number

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  hasRoom(bytes: number): boolean {
    return this.usedBytes + bytes <= this.#bytesMax
  }

  /** False when there is no room: then nothing was taken. */
  take(bytes: number): boolean {
    if (!this.hasRoom(bytes)) return false
    this.usedBytes += bytes
    return true
  }

  takeAnyway(bytes: number): void {
    this.usedBytes += bytes
  }

  release(bytes: number): void {
    assert(bytes <= this.usedBytes, 'no more is given back than was taken')
    this.usedBytes -= bytes
  }
}

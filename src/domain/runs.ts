/**
 * Gives out runs of consecutive numbers, each a power of two long and beginning at a multiple of its length, and takes
 * them back: what belongs together lies together in tables that such numbers index. A buddy allocator: a run that is
 * given back joins its free other half.
 *
 * Invariant: every number below `end` is in one run that is in use or in one that is free, never in both; no two free
 * runs could be joined.
 */

import { assert } from '#src/assert.ts'

const BITS_MAX = 30

export class Runs {
  /** By log2 of the length: where free runs begin. */
  readonly #free: Set<number>[] = []
  /** Numbers that were ever in a run lie below. */
  end = 0

  constructor() {
    for (let bits = 0; bits <= BITS_MAX; bits++) this.#free.push(new Set())
  }

  /** The first number of a run of 2 ** bits. */
  take(bits: number): number {
    assert(bits >= 0 && bits <= BITS_MAX, 'a run has a length that can be')
    for (let larger = bits; larger <= BITS_MAX; larger++) {
      for (const start of this.#free[larger]!) {
        this.#free[larger]!.delete(start)
        this.#giveTail(start, larger, bits)
        return start
      }
    }
    const length = 2 ** bits
    const start = Math.ceil(this.end / length) * length
    // What is passed over to begin at a multiple is free in smaller runs.
    while (this.end < start) {
      const gap = Math.min(lowestBit(this.end), start - this.end)
      this.#free[Math.log2(gap)]!.add(this.end)
      this.end += gap
    }
    this.end = start + length
    return start
  }

  giveBack(start: number, bits: number): void {
    let first = start
    let size = bits
    while (size < BITS_MAX) {
      const buddy = first ^ (1 << size)
      if (!this.#free[size]!.delete(buddy)) break
      first = Math.min(first, buddy)
      size++
    }
    this.#free[size]!.add(first)
  }

  /** Of a run of 2 ** larger, all behind the first 2 ** bits is free. */
  #giveTail(start: number, larger: number, bits: number): void {
    for (let size = bits; size < larger; size++) this.#free[size]!.add(start + 2 ** size)
  }
}

function lowestBit(value: number): number {
  return value & -value
}

/**
 * The bytes of all current values of one core thread, in one buffer, so that merging allocates nothing.
 *
 * Blocks have sizes that are powers of two, from 8 B to 64 KiB; a free block holds the number (offset / 8) of the next
 * free one of its class, so that the store may be as large as its setting allows. The buffer doubles as needed up to
 * `bytesMax`; after an allocation, `bytes` must be read again.
 *
 * Invariants: a block is in use or in its class's free list, never both; `usedBytes` is the sum of the blocks in use.
 */

import { assert } from '#src/assert.ts'

/** The length of a null value. */
export const NULL_VALUE = -1

/** Returned by allocate when `bytesMax` is reached. */
export const NO_ROOM = -1

const CLASS_BITS_MIN = 3
const CLASS_BITS_MAX = 16
const BLOCK_BYTES_MIN = 1 << CLASS_BITS_MIN
const START_BYTES = 1 << 20
const NO_BLOCK = -1

export class ValueStore {
  bytes: Buffer
  usedBytes = 0
  readonly #bytesMax: number
  readonly #freeHeads: number[] = []
  #top = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
    this.bytes = Buffer.alloc(Math.min(START_BYTES, bytesMax))
    for (let bits = 0; bits <= CLASS_BITS_MAX; bits++) this.#freeHeads.push(NO_BLOCK)
  }

  /** The class (log2 of the block's size) that holds `length` bytes. */
  static classOf(length: number): number {
    return length <= 8 ? CLASS_BITS_MIN : 32 - Math.clz32(length - 1)
  }

  /** Returns the offset of a block of class `bits`, or NO_ROOM. */
  allocate(bits: number): number {
    assert(bits >= CLASS_BITS_MIN && bits <= CLASS_BITS_MAX, 'a block has a known class')
    const size = 1 << bits
    const head = this.#freeHeads[bits]!
    if (head !== NO_BLOCK) {
      this.#freeHeads[bits] = this.bytes.readInt32LE(head * BLOCK_BYTES_MIN)
      this.usedBytes += size
      return head * BLOCK_BYTES_MIN
    }
    if (this.#top + size > this.bytes.length && !this.#grow(this.#top + size)) return NO_ROOM
    const offset = this.#top
    this.#top += size
    this.usedBytes += size
    return offset
  }

  free(offset: number, bits: number): void {
    this.bytes.writeInt32LE(this.#freeHeads[bits]!, offset)
    this.#freeHeads[bits] = offset / BLOCK_BYTES_MIN
    this.usedBytes -= 1 << bits
  }

  #grow(bytesMin: number): boolean {
    if (bytesMin > this.#bytesMax) return false
    const grown = Buffer.alloc(Math.min(this.#bytesMax, Math.max(bytesMin, this.bytes.length * 2)))
    this.bytes.copy(grown, 0, 0, this.#top)
    this.bytes = grown
    return true
  }
}

/**
 * Cuts the chunks of a connection into lines, each ended by a newline, and holds the bytes of a line that is not whole
 * yet. Hands out one line a call, so that the caller may stop between any two (its ring is full) and go on later.
 *
 *   push(chunk)                the last chunk must be used up: next() has returned false
 *   while (next()) …           a line: bytes from start up to end, without the newline; or isTooLong
 *
 * Invariants (test/rules.md, F):
 *  - Lines come out whole, once, in order, however the bytes are cut into chunks.
 *  - A line of more than lineBytesMax is told once, as soon as that is certain (isTooLong, start = end); what is left of it
 *    is skipped. It counts as one line.
 *  - What is held of an unfinished line never exceeds lineBytesMax.
 *
 * The bytes of a line belong to the chunk, or to the splitter when the line came in pieces: they may be read until the
 * next call of next(). The chunk is kept, and must not change, until next() returns false. Nothing is allocated when a
 * chunk ends with a line's end; a partial line is copied once, into a buffer that grows by doubling and stays.
 */

import { assert } from '#src/assert.ts'

const NEWLINE = 0x0a
/** Short of a typical line, as most feeds cut their writes at line ends. */
const CARRY_BYTES_START = 256
const NOTHING = Buffer.alloc(0)

export class LineSplitter {
  /** The line that next() found. */
  bytes: Buffer = NOTHING
  start = 0
  end = 0
  isTooLong = false
  readonly #lineBytesMax: number
  #chunk: Buffer = NOTHING
  #position = 0
  #carry: Buffer = NOTHING
  #carriedBytes = 0
  /** The rest of a line that was told as too long. */
  #isSkipping = false

  constructor(lineBytesMax: number) {
    assert(Number.isInteger(lineBytesMax) && lineBytesMax > 0, 'a line has room for a byte')
    this.#lineBytesMax = lineBytesMax
  }

  /** Bytes held of a line whose newline has not come; when the connection ends, they are lost. */
  get partialBytes(): number {
    return this.#carriedBytes
  }

  /** True when next() has returned false: everything is handed out, and a chunk may be pushed. */
  get isDrained(): boolean {
    return this.#chunk === NOTHING
  }

  push(chunk: Buffer): void {
    assert(this.isDrained, 'a chunk is pushed when the last one is used up')
    if (chunk.length === 0) return
    this.#chunk = chunk
    this.#position = 0
  }

  /** Finds the next line; false when the chunk is used up. */
  next(): boolean {
    if (this.#isSkipping && !this.#skip()) return this.#release()
    const chunk = this.#chunk
    const start = this.#position
    if (start >= chunk.length) return this.#release()
    const end = chunk.indexOf(NEWLINE, start)
    if (end < 0) return this.#keep(start) || this.#release()
    this.#position = end + 1
    if (this.#carriedBytes + end - start > this.#lineBytesMax) return this.#tellTooLong()
    if (this.#carriedBytes > 0) return this.#joined(start, end)
    this.bytes = chunk
    this.start = start
    this.end = end
    this.isTooLong = false
    return true
  }

  /** Moves behind the newline that ends a line too long; false when it has not come. */
  #skip(): boolean {
    const end = this.#chunk.indexOf(NEWLINE, this.#position)
    if (end < 0) return false
    this.#position = end + 1
    this.#isSkipping = false
    return true
  }

  /** The line that began in earlier chunks and ends in this one. */
  #joined(start: number, end: number): boolean {
    this.#append(start, end)
    this.bytes = this.#carry
    this.start = 0
    this.end = this.#carriedBytes
    this.isTooLong = false
    this.#carriedBytes = 0
    return true
  }

  /** Holds the chunk's last, unfinished line. True when that is now certain to be too long, which is a line to tell. */
  #keep(start: number): boolean {
    const chunk = this.#chunk
    this.#position = chunk.length
    if (this.#carriedBytes + chunk.length - start > this.#lineBytesMax) {
      this.#isSkipping = true
      return this.#tellTooLong()
    }
    this.#append(start, chunk.length)
    return false
  }

  #append(start: number, end: number): void {
    const bytesNeeded = this.#carriedBytes + end - start
    if (bytesNeeded > this.#carry.length) {
      let capacity = Math.max(this.#carry.length, CARRY_BYTES_START)
      while (capacity < bytesNeeded) capacity *= 2
      const carry = Buffer.allocUnsafeSlow(Math.min(capacity, this.#lineBytesMax))
      this.#carry.copy(carry, 0, 0, this.#carriedBytes)
      this.#carry = carry
    }
    this.#chunk.copy(this.#carry, this.#carriedBytes, start, end)
    this.#carriedBytes = bytesNeeded
  }

  #tellTooLong(): boolean {
    this.#carriedBytes = 0
    this.bytes = NOTHING
    this.start = 0
    this.end = 0
    this.isTooLong = true
    return true
  }

  #release(): boolean {
    this.#chunk = NOTHING
    this.#position = 0
    this.bytes = this.#carry
    this.start = 0
    this.end = 0
    this.isTooLong = false
    return false
  }
}

/**
 * Counts updates in what a socket brought, without parsing it: by the marker before each update's stamp. What is split
 * between two reads is carried from one to the next.
 *
 * Updates of a workload are mostly equally long, so the next marker is looked for first where the last two say that it
 * will be. That may not jump over an update: a jump is only tried over less than twice the shortest distance that two
 * markers can have, which the owner states; everywhere else the bytes are searched.
 *
 * Read buffers are `READ_BYTES` long and stand behind `CARRY_BYTES` of the same memory, where the carry goes.
 */

import { MARKER, readStamp, STAMP_DIGITS } from './stamp.ts'

const MARKER_BYTES = Buffer.from(MARKER)
const MARKER_LENGTH = MARKER_BYTES.length
/** What an update has of interest: its marker and the stamp behind it. */
const SPAN = MARKER_LENGTH + STAMP_DIGITS

const DIGIT_0 = 0x30
const DIGIT_9 = 0x39

export const CARRY_BYTES = 32
export const READ_BYTES = 1 << 16

/** Of one connection: the last bytes that may be the beginning of a marker and stamp. */
export interface Carry {
  readonly bytes: Buffer
  length: number
}

export function newCarry(): Carry {
  return { bytes: Buffer.alloc(SPAN - 1), length: 0 }
}

/** Takes the stamp of each update, in µs, and where in the scanner's memory it begins. */
export type TakeStamp = (stamp: number, at: number) => void

export class Scanner {
  /** The carry's place, then the read's: sockets read into `target`. */
  readonly memory = Buffer.alloc(CARRY_BYTES + READ_BYTES)
  readonly target = this.memory.subarray(CARRY_BYTES)
  readonly #distanceMin: number
  #stride = 0
  #first = 0

  /** `distanceMin`: the fewest bytes from one marker to the next. */
  constructor(distanceMin: number) {
    this.#distanceMin = Math.max(distanceMin, SPAN)
  }

  /** Counts the updates in the `length` bytes at `target`, behind what the connection carried; `take` may be null. */
  scan(carry: Carry, length: number, take: TakeStamp | null): number {
    const { memory } = this
    const start = CARRY_BYTES - carry.length
    for (let i = 0; i < carry.length; i++) memory[start + i] = carry.bytes[i]!
    const end = CARRY_BYTES + length
    const isStrideSafe = this.#stride >= this.#distanceMin && this.#stride < 2 * this.#distanceMin
    let stride = isStrideSafe ? this.#stride : 0
    let count = 0
    let behind = start
    let at = this.#firstIn(start, end)
    while (at >= 0) {
      count++
      if (take !== null) take(readStamp(memory, at + MARKER_LENGTH), at + MARKER_LENGTH)
      behind = at + SPAN
      if (stride > 0 && this.#isMarker(at + stride, end)) {
        at += stride
        continue
      }
      const next = this.#find(behind, end)
      if (next >= 0) stride = this.#learn(next - at)
      at = next
    }
    this.#keep(carry, behind, end)
    return count
  }

  /** Returns the stride if it may be jumped over, else 0. */
  #learn(stride: number): number {
    this.#stride = stride
    return stride < 2 * this.#distanceMin ? stride : 0
  }

  /** No update stands before the first one where it stood last time, if that is nearer than two updates can be. */
  #firstIn(start: number, end: number): number {
    if (this.#first < this.#distanceMin && this.#isMarker(start + this.#first, end)) return start + this.#first
    const at = this.#find(start, end)
    if (at >= 0) this.#first = at - start
    return at
  }

  #keep(carry: Carry, behind: number, end: number): void {
    const from = Math.max(behind, end - (SPAN - 1))
    carry.length = end - from
    for (let i = from; i < end; i++) carry.bytes[i - from] = this.memory[i]!
  }

  /** Whether a marker with its whole stamp stands at `at`. */
  #isMarker(at: number, end: number): boolean {
    if (at + SPAN > end) return false
    for (let i = 0; i < MARKER_LENGTH; i++) if (this.memory[at + i] !== MARKER_BYTES[i]) return false
    return true
  }

  /**
   * The next marker with its whole stamp, or -1. A stamp is a run of digits behind a byte that is none: where `last`, which
   * may be its last one, is no digit, no stamp ends before as many bytes further; where it is one, a stamp can only be the
   * run that it stands in. So few bytes are looked at.
   */
  #find(from: number, end: number): number {
    const { memory } = this
    let last = from + SPAN - 1
    while (last < end) {
      let before = last
      while (before > last - STAMP_DIGITS && isDigit(memory[before]!)) before--
      const at = before + 1 - MARKER_LENGTH
      if (before === last - STAMP_DIGITS && this.#isMarker(at, end)) return at
      last = Math.max(last + 1, before + STAMP_DIGITS)
    }
    return -1
  }
}

function isDigit(byte: number): boolean {
  return byte >= DIGIT_0 && byte <= DIGIT_9
}

/**
 * Numbers that several threads see without a message.
 *
 * InFlightWords: for each pair of a core and an edge thread one int32 a connection slot:
 *
 *     bit 31      bit 30     bits 29 … 0
 *     always 0    waiting    bytes in flight
 *
 * Core adds what it hands to the ring, edge subtracts what the peer (or the kernel) has taken, and also what it
 * discards because its connection is gone: every added byte is subtracted once, so a slot that is used again needs no
 * reset. Batch, which stops at the window, sets *waiting* and looks at the bytes again; write, which has subtracted and
 * is below the low mark, takes *waiting* and, if it was set, sends one `writable` record. The order of the two steps on
 * each side (Dekker) leaves no gap in which both miss each other. Only write takes it: a slot has one word for all cores,
 * and a core that took it could take what another has set for the slot's next connection. So a `writable` may come that
 * nobody waits for.
 *
 * Beside each word stands the window of its slot, where the edge has set one: how many bytes may be in flight.
 *
 * Counters: float64 cells, each block written by one thread and read by any. An aligned store of 8 bytes is not torn on
 * the 64-bit machines that Node 24 runs on; a reader may see it a little late, which does for metrics.
 *
 * A slot or cell outside the block throws (the atomics check) or is the caller's broken invariant (counters).
 */

import { assert } from '#src/assert.ts'
import { LINE_BYTES } from './layout.ts'

const WAITING = 1 << 30
/** The most bytes in flight that a slot can count; far above every window. */
export const IN_FLIGHT_BYTES_MAX = WAITING - 1

export class InFlightWords {
  readonly slots: number
  readonly #words: Int32Array<SharedArrayBuffer>
  readonly #windows: Int32Array<SharedArrayBuffer>

  /** The memory for `slots` connections, all zero: to be sent to both threads. */
  static create(slots: number): SharedArrayBuffer {
    assert(Number.isInteger(slots) && slots > 0, 'there is at least one slot')
    return new SharedArrayBuffer(slots * 2 * Int32Array.BYTES_PER_ELEMENT)
  }

  constructor(memory: SharedArrayBuffer) {
    this.slots = memory.byteLength / (2 * Int32Array.BYTES_PER_ELEMENT)
    this.#words = new Int32Array(memory, 0, this.slots)
    this.#windows = new Int32Array(memory, this.slots * Int32Array.BYTES_PER_ELEMENT, this.slots)
  }

  /** Edge: at most `bytes` are to be in flight; 0 takes the setting back. */
  setWindow(slot: number, bytes: number): void {
    assertBytes(bytes)
    Atomics.store(this.#windows, slot, bytes)
  }

  /** The window of a slot, `otherwise` where none is set. */
  window(slot: number, otherwise: number): number {
    const bytes = Atomics.load(this.#windows, slot)
    return bytes === 0 ? otherwise : bytes
  }

  /** Core: `bytes` more are on their way. */
  add(slot: number, bytes: number): void {
    assertBytes(bytes)
    const before = Atomics.add(this.#words, slot, bytes) & IN_FLIGHT_BYTES_MAX
    assert(before + bytes <= IN_FLIGHT_BYTES_MAX, 'bytes in flight stay below IN_FLIGHT_BYTES_MAX')
  }

  /** Edge: `bytes` have arrived or were discarded. Returns how many are left. */
  subtract(slot: number, bytes: number): number {
    assertBytes(bytes)
    const left = (Atomics.sub(this.#words, slot, bytes) & IN_FLIGHT_BYTES_MAX) - bytes
    assert(left >= 0, 'no more bytes arrive than were sent')
    return left
  }

  bytes(slot: number): number {
    return Atomics.load(this.#words, slot) & IN_FLIGHT_BYTES_MAX
  }

  /** Core: stops at the window. Look at the bytes once more after it; the mark stays in any case. */
  setWaiting(slot: number): void {
    Atomics.or(this.#words, slot, WAITING)
  }

  /** Edge: whether batch waits for the window. */
  isWaiting(slot: number): boolean {
    return (Atomics.load(this.#words, slot) & WAITING) !== 0
  }

  /** Edge: clears *waiting*; true when it was set. One load when it is not. */
  takeWaiting(slot: number): boolean {
    if ((Atomics.load(this.#words, slot) & WAITING) === 0) return false
    return (Atomics.and(this.#words, slot, ~WAITING) & WAITING) !== 0
  }
}

function assertBytes(bytes: number): void {
  assert((bytes | 0) === bytes, 'bytes in flight are a whole number')
  assert(bytes >= 0, 'bytes in flight are not negative')
}

/** A block of `count` counters, all 0. Behind it lies an unused line, so that two blocks never share one. */
export function createCounters(count: number): SharedArrayBuffer {
  assert(Number.isInteger(count) && count > 0, 'a block has at least one counter')
  return new SharedArrayBuffer(count * Float64Array.BYTES_PER_ELEMENT + LINE_BYTES)
}

/** The counters of a block, as many as it was made for. */
export function countersOf(memory: SharedArrayBuffer): Float64Array<SharedArrayBuffer> {
  return new Float64Array(memory, 0, (memory.byteLength - LINE_BYTES) / Float64Array.BYTES_PER_ELEMENT)
}

/**
 * The newest updates of one item, whole and in order, shared by all its raw subscriptions: each has only a cursor.
 * It exists from the first raw subscription to the last one's end; its bytes come with its entries and double as needed.
 *
 * An entry is an update, a snapshot, or one of the marks that must keep their place among them (deleted, stale, fresh).
 * Its bytes are a run of fields: number of the field (2 B), length (2 B, NULL_LENGTH for null), value.
 *
 * Invariants:
 *  - first <= every valid cursor <= end; positions only grow; a cursor below `first` has lost what lay between.
 *  - At most `entriesMax` entries and `bytesMax` bytes, or as many as the thread's budget gives; a new entry pushes the
 *    oldest ones out, when the log cannot grow. Entries never wrap; one without bytes takes one, so that it has a place
 *    of its own.
 *  - An entry that finds no room at all is pushed out at once: whoever needed it has lost it, and is told so.
 */

import { assert } from '#src/assert.ts'
import { copyBytes } from '#src/bytes.ts'
import { RAW_OBJECT_BYTES, type RawBudget } from './raw-budget.ts'

export const ENTRY_UPDATE = 0
export const ENTRY_SNAPSHOT = 1
export const ENTRY_DELETED = 2
export const ENTRY_STALE = 3
export const ENTRY_FRESH = 4

export const NULL_LENGTH = 0xffff
export const FIELD_HEADER_BYTES = 4

/** Returned by append when the entry finds no room. */
export const NOT_KEPT = -1

const START_BYTES = 1_024
const START_PLACES = 16
/** What an entry takes besides its bytes: see Entries. */
const ENTRY_BYTES = 25
const NO_BYTES = Buffer.alloc(0)

interface Entries {
  /** A power of two. */
  readonly count: number
  readonly kinds: Uint8Array
  readonly offsets: Int32Array
  readonly lengths: Int32Array
  readonly timesMs: Float64Array
  /** The core's position at each. */
  readonly madeAt: Float64Array
}

export class ItemLog {
  bytes: Buffer = NO_BYTES
  first = 0
  end = 0
  /** The core's position at the newest entry that was pushed out; 0 when none was. */
  pushedOutAt = 0
  readonly #bytesMax: number
  readonly #entriesMax: number
  readonly #budget: RawBudget
  /** Of the budget. */
  #takenBytes = 0
  #entries = makeEntries(0)
  #head = 0

  /** `bytesMax` holds at least one entry of the longest kind. */
  constructor(bytesMax: number, entriesMax: number, budget: RawBudget) {
    assert(entriesMax > 0, 'a log holds at least one entry')
    this.#bytesMax = bytesMax
    this.#entriesMax = entriesMax
    this.#budget = budget
    this.#take(RAW_OBJECT_BYTES)
  }

  /** The log ends: its budget gets back what it took. */
  release(): void {
    this.#budget.release(this.#takenBytes)
    this.#takenBytes = 0
  }

  /** Makes room for an entry of `length` bytes, made at the core's `position`; returns where its bytes go, or NOT_KEPT. */
  append(kind: number, length: number, timeMs: number, position: number): number {
    const bytesTaken = Math.max(1, length)
    assert(bytesTaken <= this.#bytesMax, 'a log entry fits the log')
    if (this.end - this.first === this.#entriesMax) this.#pushOut()
    if (this.end - this.first === this.#entries.count) this.#addPlaces()
    if (!this.#fits(bytesTaken)) this.#addBytes(bytesTaken)
    if (this.#entries.count === 0 || bytesTaken > this.bytes.length) {
      this.first = ++this.end
      this.pushedOutAt = position
      return NOT_KEPT
    }
    if (this.end - this.first === this.#entries.count) this.#pushOut()
    let offset = this.first === this.end ? 0 : this.#head
    if (offset + bytesTaken > this.bytes.length) {
      this.#evict(offset, this.bytes.length)
      offset = 0
    }
    this.#evict(offset, offset + bytesTaken)
    const slot = this.slotOf(this.end)
    const { kinds, offsets, lengths, timesMs, madeAt } = this.#entries
    kinds[slot] = kind
    offsets[slot] = offset
    lengths[slot] = length
    timesMs[slot] = timeMs
    madeAt[slot] = position
    this.#head = offset + bytesTaken
    this.end++
    return offset
  }

  slotOf(position: number): number {
    return position % this.#entries.count
  }

  kindAt(position: number): number {
    return this.#entries.kinds[this.slotOf(position)]!
  }

  offsetAt(position: number): number {
    return this.#entries.offsets[this.slotOf(position)]!
  }

  lengthAt(position: number): number {
    return this.#entries.lengths[this.slotOf(position)]!
  }

  timeMsAt(position: number): number {
    return this.#entries.timesMs[this.slotOf(position)]!
  }

  /** The first entry that was made behind the core's `position`; it may be one that was pushed out (pushedOutAt). */
  firstBehind(position: number): number {
    let low = this.first
    let high = this.end
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if (this.#entries.madeAt[this.slotOf(middle)]! > position) high = middle
      else low = middle + 1
    }
    return low
  }

  #pushOut(): void {
    this.pushedOutAt = this.#entries.madeAt[this.slotOf(this.first)]!
    this.first++
  }

  #take(bytes: number): boolean {
    if (!this.#budget.take(bytes)) return false
    this.#takenBytes += bytes
    return true
  }

  /** Whether an entry of `length` bytes finds a place without pushing another one out. */
  #fits(length: number): boolean {
    const capacity = this.bytes.length
    if (this.first === this.end) return length <= capacity
    const tail = this.offsetAt(this.first)
    if (this.#head <= tail) return this.#head + length <= tail
    return this.#head + length <= capacity || length <= tail
  }

  /** Takes more places for entries, as far as both bounds let it. */
  #addPlaces(): void {
    const before = this.#entries
    const countMax = 2 ** Math.ceil(Math.log2(this.#entriesMax))
    const count = Math.min(countMax, Math.max(START_PLACES, before.count * 2))
    if (count === before.count || !this.#take((count - before.count) * ENTRY_BYTES)) return
    const after = makeEntries(count)
    for (let at = this.first; at < this.end; at++) {
      const [source, target] = [at % before.count, at % count]
      after.kinds[target] = before.kinds[source]!
      after.offsets[target] = before.offsets[source]!
      after.lengths[target] = before.lengths[source]!
      after.timesMs[target] = before.timesMs[source]!
      after.madeAt[target] = before.madeAt[source]!
    }
    this.#entries = after
  }

  /** Takes more bytes, as far as both bounds let it; the entries move to the front of them. */
  #addBytes(length: number): void {
    let live = 0
    for (let at = this.first; at < this.end; at++) live += Math.max(1, this.lengthAt(at))
    const before = this.bytes.length
    // There may be room enough in all and none in one piece.
    let capacity = Math.max(START_BYTES, before * 2)
    while (capacity < live + length) capacity *= 2
    capacity = Math.min(capacity, this.#bytesMax)
    if (capacity <= before || !this.#take(capacity - before)) return
    const grown = Buffer.alloc(capacity)
    let target = 0
    for (let at = this.first; at < this.end; at++) {
      copyBytes(this.bytes, this.offsetAt(at), grown, target, this.lengthAt(at))
      this.#entries.offsets[this.slotOf(at)] = target
      target += Math.max(1, this.lengthAt(at))
    }
    this.bytes = grown
    this.#head = target
  }

  /** Pushes out the oldest entries whose bytes lie in [start, end). */
  #evict(start: number, end: number): void {
    while (this.first < this.end) {
      const slot = this.slotOf(this.first)
      const offset = this.#entries.offsets[slot]!
      if (offset >= end || offset + Math.max(1, this.#entries.lengths[slot]!) <= start) return
      this.#pushOut()
    }
  }
}

function makeEntries(count: number): Entries {
  return {
    count,
    kinds: new Uint8Array(count),
    offsets: new Int32Array(count),
    lengths: new Int32Array(count),
    timesMs: new Float64Array(count),
    madeAt: new Float64Array(count),
  }
}

/**
 * The newest updates of one item, whole and in order, shared by all its raw subscriptions: each has only a cursor.
 * It exists from the first raw subscription to the last one's end.
 *
 * An entry is an update, a snapshot, or one of the marks that must keep their place among them (deleted, stale, fresh).
 * Its bytes are a run of fields: number of the field (2 B), length (2 B, NULL_LENGTH for null), value.
 *
 * Invariants:
 *  - first <= every valid cursor <= end; positions only grow; a cursor below `first` has lost what lay between.
 *  - At most `entriesMax` entries and `bytesMax` bytes; a new entry pushes the oldest ones out. Entries never wrap;
 *    one without bytes takes one, so that it has a place of its own.
 */

import { assert } from '#src/assert.ts'

export const ENTRY_UPDATE = 0
export const ENTRY_SNAPSHOT = 1
export const ENTRY_DELETED = 2
export const ENTRY_STALE = 3
export const ENTRY_FRESH = 4

export const NULL_LENGTH = 0xffff
export const FIELD_HEADER_BYTES = 4

export class ItemLog {
  readonly bytes: Buffer
  readonly entriesMax: number
  /** Places of entries: the power of two that holds entriesMax. */
  readonly slotCount: number
  first = 0
  end = 0
  readonly #kinds: number[] = []
  readonly #offsets: number[] = []
  readonly #lengths: number[] = []
  readonly #seqs: number[] = []
  readonly #timesMs: number[] = []
  #head = 0

  /** `bytesMax` holds at least one entry of the longest kind. */
  constructor(bytesMax: number, entriesMax: number) {
    assert(entriesMax > 0, 'a log holds at least one entry')
    this.bytes = Buffer.alloc(bytesMax)
    this.entriesMax = entriesMax
    this.slotCount = 2 ** Math.ceil(Math.log2(entriesMax))
  }

  /** Makes room for an entry of `length` bytes and returns where its bytes go. */
  append(kind: number, length: number, seq: number, timeMs: number): number {
    const bytesTaken = Math.max(1, length)
    assert(bytesTaken <= this.bytes.length, 'a log entry fits the log')
    if (this.end - this.first === this.entriesMax) this.first++
    let offset = this.#head
    if (offset + bytesTaken > this.bytes.length) {
      this.#evict(offset, this.bytes.length)
      offset = 0
    }
    this.#evict(offset, offset + bytesTaken)
    const slot = this.slotOf(this.end)
    this.#kinds[slot] = kind
    this.#offsets[slot] = offset
    this.#lengths[slot] = length
    this.#seqs[slot] = seq
    this.#timesMs[slot] = timeMs
    this.#head = offset + bytesTaken
    this.end++
    return offset
  }

  slotOf(position: number): number {
    return position % this.slotCount
  }

  kindAt(position: number): number {
    return this.#kinds[this.slotOf(position)]!
  }

  offsetAt(position: number): number {
    return this.#offsets[this.slotOf(position)]!
  }

  lengthAt(position: number): number {
    return this.#lengths[this.slotOf(position)]!
  }

  /** The item's rawSeq after the entry. */
  seqAt(position: number): number {
    return this.#seqs[this.slotOf(position)]!
  }

  timeMsAt(position: number): number {
    return this.#timesMs[this.slotOf(position)]!
  }

  /** Pushes out the oldest entries whose bytes lie in [start, end). */
  #evict(start: number, end: number): void {
    while (this.first < this.end) {
      const slot = this.slotOf(this.first)
      const offset = this.#offsets[slot]!
      if (offset >= end || offset + Math.max(1, this.#lengths[slot]!) <= start) return
      this.first++
    }
  }
}

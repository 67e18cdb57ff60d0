/**
 * A queue as slow and as obvious as it can be: an array of records with positions that are plain numbers and never
 * overflow. It says what claim must answer and what a drain must hand over.
 */

const HEADER_BYTES = 8

export interface ModelRecord {
  readonly type: number
  readonly payload: readonly number[]
  /** Where its header begins, behind padding if there is any, and where the next record may begin. */
  readonly start: number
  readonly end: number
}

export class QueueModel {
  readonly records: ModelRecord[] = []
  readonly #capacity: number
  committed: number
  published: number
  consumed: number

  constructor(capacity: number, startPosition: number) {
    this.#capacity = capacity
    this.committed = startPosition
    this.published = startPosition
    this.consumed = startPosition
  }

  /** Where a record with a payload of `length` bytes would begin, or null when there is no room. */
  claim(length: number): number | null {
    const start = this.#startOf(length)
    return start + this.#bytesOf(length) - this.consumed <= this.#capacity ? start : null
  }

  /** The offset of the payload of a record that begins at `start`. */
  offsetOf(start: number): number {
    return (((start % this.#capacity) + this.#capacity) % this.#capacity) + HEADER_BYTES
  }

  commit(start: number, type: number, payload: readonly number[]): void {
    const end = start + this.#bytesOf(payload.length)
    this.records.push({ type, payload, start, end })
    this.committed = end
  }

  publish(): void {
    this.published = this.committed
  }

  /** The records that a drain of `countMax` hands over when the handler refuses the one with number `refuseAt`. */
  drain(countMax: number, refuseAt: number): ModelRecord[] {
    const taken: ModelRecord[] = []
    while (taken.length < countMax && this.records.length > 0) {
      const next = this.records[0]!
      if (next.end > this.published) break
      this.consumed = next.start
      if (taken.length === refuseAt) break
      this.consumed = next.end
      taken.push(this.records.shift()!)
    }
    return taken
  }

  #bytesOf(length: number): number {
    return Math.ceil((HEADER_BYTES + length) / 8) * 8
  }

  #startOf(length: number): number {
    const toEnd = this.#capacity - (this.offsetOf(this.committed) - HEADER_BYTES)
    return this.#bytesOf(length) <= toEnd ? this.committed : this.committed + toEnd
  }
}

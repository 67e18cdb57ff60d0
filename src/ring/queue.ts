/**
 * The contract of a queue of variable-length records between one producer and one consumer. ring.ts implements it
 * between two threads, local-queue.ts within one; no stage can tell which it was handed.
 *
 * Invariants (test/rules.md, Q):
 *  - Records come out whole, once, in the order of their commits.
 *  - The bytes in the queue never exceed its capacity. A claim that does not fit returns FULL and changes nothing.
 *  - What is committed is seen by the consumer after the next publish, not before.
 *  - Positions only grow (modulo 2^32, in bytes, headers and padding counted).
 *
 * Units: lengths, offsets, capacities and positions in bytes. A payload starts at an offset that is a multiple of 8,
 * so that a record's layout may use `words[offset >> 2]` and `doubles[offset >> 3]`.
 */

/** Returned by claim when the record does not fit now. The caller's policy decides: hold, conflate, refuse, drop. */
export const FULL = -1
/**
 * Returned by claim when the other side has closed or died: at the latest by the first claim behind a publish, and
 * always instead of FULL. What a batch under way still takes in nobody reads.
 */
export const CLOSED = -2

/** Views over the memory in which records lie; the same objects for the life of the queue. */
export interface RecordMemory {
  readonly bytes: Buffer
  readonly words: Int32Array
  readonly doubles: Float64Array
}

export interface RecordProducer {
  readonly memory: RecordMemory
  readonly capacity: number
  /** The longest payload that a claim may ask for; asking for more is a broken invariant. */
  readonly recordBytesMax: number
  /**
   * Reserves room for a payload of up to `lengthMax` bytes. Returns its offset, or FULL, or CLOSED. A claim that is not
   * committed is given up by the next claim.
   */
  claim(lengthMax: number): number
  /** Ends the claimed record: `length` bytes of payload, at most what was claimed; `type` is 1 to 65,535. */
  commit(type: number, length: number): void
  /** Shows all committed records to the consumer and wakes it if it sleeps. Once a batch. */
  publish(): void
  /** The position behind the last committed record. */
  position(): number
  /** The position up to which the consumer has finished, read afresh. `position() - consumed() | 0` is never negative. */
  consumed(): number
  /** Asks to be woken when the consumer has made room. Try the claim once more after this call. */
  awaitRoom(): void
  /** No more records will come. */
  close(): void
}

/**
 * Takes one record. Returns false to leave this record (and all behind it) in the queue. The payload may be read only
 * during the call.
 */
export type RecordHandler = (type: number, offset: number, length: number) => boolean

export interface RecordConsumer {
  readonly memory: RecordMemory
  /** Hands over up to `countMax` records and frees them all at once, also when the handler throws. Returns how many. */
  drain(handler: RecordHandler, countMax: number): number
  isEmpty(): boolean
  /** Published and not yet freed. */
  usedBytes(): number
  /** True when the producer has closed and everything is drained. */
  isEnded(): boolean
  /** No more records will be taken: the producer's claims return CLOSED. */
  close(): void
}

/** Claims; where there is no room, asks to be woken when there is, and tries once more. */
export function claimOrAwait(producer: RecordProducer, lengthMax: number): number {
  const claim = producer.claim(lengthMax)
  if (claim !== FULL) return claim
  producer.awaitRoom()
  return producer.claim(lengthMax)
}

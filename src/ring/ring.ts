/**
 * The queue of records between two threads: one writes, one reads (contract: queue.ts; drawing: layout.ts).
 *
 * Who writes what: the producer the data and PRODUCER_POSITION, the consumer CONSUMER_POSITION and nothing else; each
 * reads the other's position. Records are written with plain stores; the sequentially consistent store of the position
 * behind them publishes them all. The two ends may be made anew on the same memory (they go on where the positions
 * stand), but at any time one thread at most uses each.
 *
 * Invariants (test/rules.md, Q):
 *  - consumed <= published <= committed <= consumed + capacity.
 *  - The bytes between consumed and published are whole records, and the producer does not touch them.
 *  - Each end writes its position once a batch, in one place; the consumer in a `finally`, so that a handler that
 *    throws loses neither the position nor the records behind. The record it threw on counts as taken.
 *
 * Full: claim returns FULL. Who means to wait sets ROOM_AWAITED and claims once more (claimOrAwait); the consumer looks
 * at the word after it has published its position, clears it and rings: one of the two sees the other (Dekker).
 *
 * A side dies: what it had not published was never there, so the other sees no torn record. It cannot say so itself:
 * the supervisor makes that end anew in its own thread and closes it, with the bell of the other side:
 * `new RingProducer(memory, bell).close()`. The memory is then left behind, never used for another ring.
 *
 * Cost: claim and commit a load of CLOSED_BITS (its line is never written in normal service) and a few local
 * operations; the other's position is loaded when the copy says full, and once a drain. In batches of 64, a record of
 * 64 bytes takes some 200 ns from thread to thread on two busy cores, nearly half of it the native copy of its bytes
 * (perf/micro/ring.ts). Nothing is allocated after construction.
 */

import { assert } from '#src/assert.ts'
import type { Doorbell } from './doorbell.ts'
import {
  assertClaim,
  assertCommit,
  assertDimensions,
  assertHeader,
  assertStart,
  CLOSED_BITS,
  CONSUMER_CLOSED,
  CONSUMER_POSITION,
  CONTROL_BYTES,
  CONTROL_WORDS,
  HEADER_BYTES,
  lengthAt,
  NO_CLAIM,
  PRODUCER_CLOSED,
  PRODUCER_POSITION,
  ROOM_AWAITED,
  recordBytesMaxDefault,
  recordBytesOf,
  recordStartOf,
  TYPE_PADDING,
  typeAt,
  viewsOf,
  writeHeader,
} from './layout.ts'
import {
  CLOSED,
  FULL,
  type RecordConsumer,
  type RecordHandler,
  type RecordMemory,
  type RecordProducer,
} from './queue.ts'

/** A ring as it is sent to the threads at its ends (workerData, postMessage): the memory is shared, not copied. */
export interface RingMemory {
  readonly shared: SharedArrayBuffer
  readonly recordBytesMax: number
}

/**
 * Makes an empty ring. `capacityBytes` is a power of two from 64 B to 512 MiB; `recordBytesMax` is the longest payload,
 * header not counted. `startPosition` is for tests that want to be near the overflow of positions.
 */
export function createRing(
  capacityBytes: number,
  recordBytesMax: number = recordBytesMaxDefault(capacityBytes),
  startPosition = 0,
): RingMemory {
  assertDimensions(capacityBytes, recordBytesMax)
  assertStart(startPosition)
  const shared = new SharedArrayBuffer(CONTROL_BYTES + capacityBytes)
  const control = new Int32Array(shared, 0, CONTROL_WORDS)
  Atomics.store(control, PRODUCER_POSITION, startPosition)
  Atomics.store(control, CONSUMER_POSITION, startPosition)
  return { shared, recordBytesMax }
}

function capacityOf(memory: RingMemory): number {
  const capacity = memory.shared.byteLength - CONTROL_BYTES
  assertDimensions(capacity, memory.recordBytesMax)
  return capacity
}

export class RingProducer implements RecordProducer {
  readonly memory: RecordMemory
  readonly capacity: number
  readonly recordBytesMax: number
  readonly #control: Int32Array<SharedArrayBuffer>
  readonly #consumerBell: Doorbell
  #positionCommitted: number
  #positionPublished: number
  #consumedCache: number
  #claimStart: number
  #claimLengthMax: number

  constructor(memory: RingMemory, consumerBell: Doorbell) {
    this.capacity = capacityOf(memory)
    this.recordBytesMax = memory.recordBytesMax
    this.memory = viewsOf(memory.shared, CONTROL_BYTES, this.capacity)
    this.#control = new Int32Array(memory.shared, 0, CONTROL_WORDS)
    this.#consumerBell = consumerBell
    this.#positionPublished = Atomics.load(this.#control, PRODUCER_POSITION)
    this.#positionCommitted = this.#positionPublished
    this.#consumedCache = Atomics.load(this.#control, CONSUMER_POSITION)
    this.#claimStart = this.#positionCommitted
    this.#claimLengthMax = NO_CLAIM
  }

  claim(lengthMax: number): number {
    assertClaim(lengthMax, this.recordBytesMax)
    this.#claimLengthMax = NO_CLAIM
    if (Atomics.load(this.#control, CLOSED_BITS) !== 0) return CLOSED
    const capacity = this.capacity
    const recordBytes = recordBytesOf(lengthMax)
    const start = recordStartOf(this.#positionCommitted, recordBytes, capacity)
    const end = (start + recordBytes) | 0
    if (((end - this.#consumedCache) | 0) > capacity && ((end - this.consumed()) | 0) > capacity) return FULL
    this.#claimStart = start
    this.#claimLengthMax = lengthMax
    return (start & (capacity - 1)) + HEADER_BYTES
  }

  commit(type: number, length: number): void {
    assertCommit(type, length, this.#claimLengthMax)
    const words = this.memory.words
    const mask = this.capacity - 1
    const start = this.#claimStart
    const paddingBytes = (start - this.#positionCommitted) | 0
    if (paddingBytes > 0) {
      writeHeader(words, this.#positionCommitted & mask, TYPE_PADDING, paddingBytes - HEADER_BYTES)
    }
    writeHeader(words, start & mask, type, length)
    this.#positionCommitted = (start + recordBytesOf(length)) | 0
    this.#claimLengthMax = NO_CLAIM
  }

  publish(): void {
    if (this.#positionPublished === this.#positionCommitted) return
    this.#positionPublished = this.#positionCommitted
    Atomics.store(this.#control, PRODUCER_POSITION, this.#positionPublished)
    this.#consumerBell.ring()
  }

  awaitRoom(): void {
    Atomics.store(this.#control, ROOM_AWAITED, 1)
  }

  /** Publishes what is committed, then closes. */
  close(): void {
    this.publish()
    Atomics.or(this.#control, CLOSED_BITS, PRODUCER_CLOSED)
    this.#consumerBell.ring()
  }

  position(): number {
    return this.#positionCommitted
  }

  consumed(): number {
    this.#consumedCache = Atomics.load(this.#control, CONSUMER_POSITION)
    return this.#consumedCache
  }
}

export class RingConsumer implements RecordConsumer {
  readonly memory: RecordMemory
  readonly #capacity: number
  readonly #control: Int32Array<SharedArrayBuffer>
  readonly #producerBell: Doorbell
  #position: number
  #isDraining: boolean
  #isClosed: boolean

  constructor(memory: RingMemory, producerBell: Doorbell) {
    this.#capacity = capacityOf(memory)
    this.memory = viewsOf(memory.shared, CONTROL_BYTES, this.#capacity)
    this.#control = new Int32Array(memory.shared, 0, CONTROL_WORDS)
    this.#producerBell = producerBell
    this.#position = Atomics.load(this.#control, CONSUMER_POSITION)
    this.#isDraining = false
    this.#isClosed = false
  }

  /** Takes what was published before it began: the other's position is loaded once. */
  drain(handler: RecordHandler, countMax: number): number {
    assert(!this.#isDraining, 'a drain does not run inside a drain of the same queue')
    const words = this.memory.words
    const capacity = this.#capacity
    const end = Atomics.load(this.#control, PRODUCER_POSITION)
    let position = this.#position
    let count = 0
    this.#isDraining = true
    try {
      while (position !== end && count < countMax && !this.#isClosed) {
        const index = position & (capacity - 1)
        const length = lengthAt(words, index)
        const type = typeAt(words, index)
        assertHeader(type, length, index, (end - position) | 0, capacity)
        const start = position
        position = (start + recordBytesOf(length)) | 0
        if (type === TYPE_PADDING) continue
        if (handler(type, index + HEADER_BYTES, length)) {
          count++
        } else {
          position = start
          break
        }
      }
    } finally {
      this.#isDraining = false
      if (position !== this.#position) this.#free(position)
    }
    return count
  }

  isEmpty(): boolean {
    return Atomics.load(this.#control, PRODUCER_POSITION) === this.#position
  }

  usedBytes(): number {
    return (Atomics.load(this.#control, PRODUCER_POSITION) - this.#position) | 0
  }

  /** The producer publishes before it closes: so the look at the bits comes first. */
  isEnded(): boolean {
    return (Atomics.load(this.#control, CLOSED_BITS) & PRODUCER_CLOSED) !== 0 && this.isEmpty()
  }

  /** Wakes the producer, which may wait for room that will not come. What is in the ring stays there, unread. */
  close(): void {
    this.#isClosed = true
    Atomics.or(this.#control, CLOSED_BITS, CONSUMER_CLOSED)
    this.#producerBell.ring()
  }

  #free(position: number): void {
    this.#position = position
    Atomics.store(this.#control, CONSUMER_POSITION, position)
    if (Atomics.load(this.#control, ROOM_AWAITED) === 0) return
    Atomics.store(this.#control, ROOM_AWAITED, 0)
    this.#producerBell.ring()
  }
}

/**
 * Writing records into a queue's memory and reading them: all that is done for each record, the same for a ring (ring.ts)
 * and for a local queue (local-queue.ts). Those add how positions get to the other end, which happens once a batch.
 *
 * Invariants (test/rules.md, Q):
 *  - consumed <= published <= committed <= consumed + capacity.
 *  - The bytes between consumed and published are whole records, and the writer does not touch them.
 *  - Each end shows its position once a batch, in one place; the reader in a `finally`, so that a handler that throws
 *    loses neither the position nor the records behind. The record it threw on counts as taken.
 *
 * The writer looks at the other end seldom. It keeps a copy of the consumed position, which can only be behind, and looks
 * again when the copy says full. Whether an end has closed it asks at the first claim behind a publish and before it says
 * FULL; until then it writes what nobody will read, as it may have done the moment before.
 *
 * How V8 compiles modules decides how this file is written: it builds a module's own constants and functions into the
 * code, but loads imported and exported ones from their cells at every use, and checks them. That was a third of what a
 * record costs (perf/README.md). So the hot path uses names of this file only, and none of them is exported.
 */

import { assert as importedAssert } from '#src/assert.ts'
import {
  CAPACITY_BYTES_MAX,
  CAPACITY_BYTES_MIN,
  HEADER_BYTES,
  RECORD_ALIGNMENT,
  TYPE_MAX,
  TYPE_MIN,
  TYPE_PADDING,
} from './layout.ts'
import {
  CLOSED,
  FULL,
  type RecordConsumer,
  type RecordHandler,
  type RecordMemory,
  type RecordProducer,
} from './queue.ts'

const assert: typeof importedAssert = importedAssert
const headerBytes = HEADER_BYTES
const alignment = RECORD_ALIGNMENT
const typePadding = TYPE_PADDING
const typeMin = TYPE_MIN
const typeMax = TYPE_MAX
const full = FULL
const closed = CLOSED
/** What a writer has claimed when it has claimed nothing. */
const NO_CLAIM = -1

/** The producer of a queue, but for how its position gets to the consumer. */
export abstract class RecordWriter implements RecordProducer {
  readonly memory: RecordMemory
  readonly capacity: number
  readonly recordBytesMax: number
  #committed: number
  #published: number
  #consumedCache: number
  #claimStart: number
  #claimLengthMax: number

  /** An empty batch at `published`, the position that the consumer sees. */
  constructor(memory: RecordMemory, recordBytesMax: number, published: number, consumed: number) {
    this.memory = memory
    this.capacity = memory.bytes.length
    this.recordBytesMax = recordBytesMax
    this.#committed = published
    this.#published = published
    this.#consumedCache = consumed
    this.#claimStart = published
    this.#claimLengthMax = NO_CLAIM
  }

  claim(lengthMax: number): number {
    assertClaim(lengthMax, this.recordBytesMax)
    this.#claimLengthMax = NO_CLAIM
    const committed = this.#committed
    if (committed === this.#published && this.isClosed()) return closed
    const capacity = this.capacity
    const recordBytes = recordBytesOf(lengthMax)
    const start = recordStartOf(committed, recordBytes, capacity)
    const end = (start + recordBytes) | 0
    if (((end - this.#consumedCache) | 0) > capacity && ((end - this.consumed()) | 0) > capacity) {
      return this.isClosed() ? closed : full
    }
    this.#claimStart = start
    this.#claimLengthMax = lengthMax
    return (start & (capacity - 1)) + headerBytes
  }

  commit(type: number, length: number): void {
    assertCommit(type, length, this.#claimLengthMax)
    const words = this.memory.words
    const mask = this.capacity - 1
    const start = this.#claimStart
    const paddingBytes = (start - this.#committed) | 0
    if (paddingBytes > 0) writeHeader(words, this.#committed & mask, typePadding, paddingBytes - headerBytes)
    writeHeader(words, start & mask, type, length)
    this.#committed = (start + recordBytesOf(length)) | 0
    this.#claimLengthMax = NO_CLAIM
  }

  publish(): void {
    if (this.#published === this.#committed) return
    this.#published = this.#committed
    this.showPublished(this.#published)
  }

  position(): number {
    return this.#committed
  }

  consumed(): number {
    this.#consumedCache = this.loadConsumed()
    return this.#consumedCache
  }

  abstract awaitRoom(): void
  abstract close(): void
  /** Whether either end has closed. */
  protected abstract isClosed(): boolean
  protected abstract loadConsumed(): number
  protected abstract showPublished(position: number): void
}

/** The consumer of a queue, but for how its position gets to the producer. */
export abstract class RecordReader implements RecordConsumer {
  readonly memory: RecordMemory
  readonly #capacity: number
  #position: number
  #isDraining: boolean
  #isClosed: boolean

  constructor(memory: RecordMemory, consumed: number) {
    this.memory = memory
    this.#capacity = memory.bytes.length
    this.#position = consumed
    this.#isDraining = false
    this.#isClosed = false
  }

  /** Takes what was published before it began: the other's position is loaded once. */
  drain(handler: RecordHandler, countMax: number): number {
    assert(!this.#isDraining, 'a drain does not run inside a drain of the same queue')
    const words = this.memory.words
    const capacity = this.#capacity
    const end = this.loadPublished()
    let position = this.#position
    let count = 0
    this.#isDraining = true
    try {
      while (position !== end && count < countMax && !this.#isClosed) {
        const index = position & (capacity - 1)
        const length = words[index >> 2]!
        const type = words[(index >> 2) + 1]!
        const start = position
        const recordBytes = recordBytesOf(length)
        assertHeader(type, length, recordBytes, (end - start) | 0, capacity - index)
        position = (start + recordBytes) | 0
        if (type === typePadding) continue
        if (handler(type, index + headerBytes, length)) {
          count++
        } else {
          position = start
          break
        }
      }
    } finally {
      this.#isDraining = false
      if (position !== this.#position) {
        this.#position = position
        this.showConsumed(position)
      }
    }
    return count
  }

  isEmpty(): boolean {
    return this.loadPublished() === this.#position
  }

  usedBytes(): number {
    return (this.loadPublished() - this.#position) | 0
  }

  /** The producer publishes before it closes: so the look at its end comes first. */
  isEnded(): boolean {
    return this.isProducerClosed() && this.isEmpty()
  }

  /** What is in the queue stays there, unread. */
  close(): void {
    this.#isClosed = true
    this.showClosed()
  }

  protected abstract isProducerClosed(): boolean
  protected abstract loadPublished(): number
  protected abstract showConsumed(position: number): void
  protected abstract showClosed(): void
}

/** The bytes that a record takes: header, payload, alignment. */
function recordBytesOf(length: number): number {
  return (length + headerBytes + alignment - 1) & -alignment
}

/** Where a record of `recordBytes` begins when it is written at `position`: there, or behind padding at index 0. */
function recordStartOf(position: number, recordBytes: number, capacity: number): number {
  const bytesToEnd = capacity - (position & (capacity - 1))
  return recordBytes <= bytesToEnd ? position : (position + bytesToEnd) | 0
}

function writeHeader(words: Int32Array, index: number, type: number, length: number): void {
  words[index >> 2] = length
  words[(index >> 2) + 1] = type
}

function assertClaim(lengthMax: number, recordBytesMax: number): void {
  assert(
    (lengthMax | 0) === lengthMax && lengthMax >= 0 && lengthMax <= recordBytesMax,
    'the length of a claim is a whole number up to recordBytesMax',
  )
}

/** What crosses a queue is checked twice: here when it is written … */
function assertCommit(type: number, length: number, lengthClaimed: number): void {
  assert(
    (length | 0) === length && length >= 0 && length <= lengthClaimed,
    'a commit ends a claim with a whole number of bytes, no more than were claimed',
  )
  assert((type | 0) === type && type >= typeMin && type <= typeMax, 'the type of a record is in its range')
}

/** … and here when it is read, against what lies between the record's start and the ends: published, and of the data. */
function assertHeader(
  type: number,
  length: number,
  recordBytes: number,
  bytesPublished: number,
  bytesToEnd: number,
): void {
  assert(length >= 0 && recordBytes > 0, 'the length in a header is in its range')
  assert(
    recordBytes <= bytesPublished && recordBytes <= bytesToEnd,
    'a record ends before the published end and the wrap',
  )
  assert(
    type === typePadding ? recordBytes === bytesToEnd : type >= typeMin && type <= typeMax,
    'the type in a header is in its range, and padding ends where the data ends',
  )
}

/** Holds for every queue, when it is made and again when a thread gets it. */
export function assertDimensions(capacity: number, recordBytesMax: number): void {
  assert(capacity >= CAPACITY_BYTES_MIN, 'the capacity is at least CAPACITY_BYTES_MIN')
  assert(capacity <= CAPACITY_BYTES_MAX, 'the capacity is at most CAPACITY_BYTES_MAX')
  assert((capacity & (capacity - 1)) === 0, 'the capacity is a power of two')
  assert((recordBytesMax | 0) === recordBytesMax, 'recordBytesMax is a whole number')
  assert(recordBytesMax >= 0, 'recordBytesMax is not negative')
  assert(recordBytesOf(recordBytesMax) <= capacity / 2, 'the longest record is at most half the capacity')
}

export function assertStart(position: number): void {
  assert((position | 0) === position, 'a position is an int32')
  assert(position % RECORD_ALIGNMENT === 0, 'a position is a multiple of the alignment')
}

/** Views over `capacity` bytes of data; `byteOffset` is a multiple of 8. */
export function viewsOf(buffer: ArrayBufferLike, byteOffset: number, capacity: number): RecordMemory {
  return {
    bytes: Buffer.from(buffer, byteOffset, capacity),
    words: new Int32Array(buffer, byteOffset, capacity / Int32Array.BYTES_PER_ELEMENT),
    doubles: new Float64Array(buffer, byteOffset, capacity / Float64Array.BYTES_PER_ELEMENT),
  }
}

/**
 * The queue of records within one thread, for the placement `single` and for simulation: the same contract (queue.ts)
 * and the same records (layout.ts) as a ring, over plain memory, without atomics.
 *
 * Both ends share one state: three positions and the flags. What holds for the ring holds here:
 *  - consumed <= published <= committed <= consumed + capacity.
 *  - A drain hands over what was published before it began, and frees it when it ends, also by a throw. A handler may
 *    claim, commit and publish into the very queue that is being drained: those records wait for the next drain, and
 *    until this one ends their room counts as taken. It must not drain that queue.
 *
 * `wake` is called when the other end may have something to do: after a publish that showed records, after a drain that
 * made room somebody awaited, after a close. It is called in the middle of somebody's work: it marks or schedules the
 * next round (as a doorbell does), and never works itself.
 *
 * Cost: claim, commit and hand-over some 40 ns a record on a busy machine, besides the copy of its bytes
 * (perf/micro/ring.ts). Nothing is allocated after construction.
 */

import { assert } from '#src/assert.ts'
import {
  assertClaim,
  assertCommit,
  assertDimensions,
  assertHeader,
  assertStart,
  HEADER_BYTES,
  lengthAt,
  NO_CLAIM,
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

export interface LocalQueue {
  readonly producer: RecordProducer
  readonly consumer: RecordConsumer
}

/** Makes an empty queue; the parameters mean what they mean for createRing. */
export function createLocalQueue(
  capacityBytes: number,
  recordBytesMax: number = recordBytesMaxDefault(capacityBytes),
  wake: () => void = () => {},
  startPosition = 0,
): LocalQueue {
  assertDimensions(capacityBytes, recordBytesMax)
  assertStart(startPosition)
  const state = new LocalState(capacityBytes, wake, startPosition)
  return { producer: new LocalProducer(state, recordBytesMax), consumer: new LocalConsumer(state) }
}

/** What a ring keeps in its control words, and the data. */
class LocalState {
  readonly memory: RecordMemory
  readonly capacity: number
  readonly wake: () => void
  published: number
  consumed: number
  isRoomAwaited = false
  isProducerClosed = false
  isConsumerClosed = false

  constructor(capacity: number, wake: () => void, startPosition: number) {
    this.memory = viewsOf(new ArrayBuffer(capacity), 0, capacity)
    this.capacity = capacity
    this.wake = wake
    this.published = startPosition
    this.consumed = startPosition
  }
}

class LocalProducer implements RecordProducer {
  readonly memory: RecordMemory
  readonly capacity: number
  readonly recordBytesMax: number
  readonly #state: LocalState
  #positionCommitted: number
  #claimStart: number
  #claimLengthMax: number

  constructor(state: LocalState, recordBytesMax: number) {
    this.memory = state.memory
    this.capacity = state.capacity
    this.recordBytesMax = recordBytesMax
    this.#state = state
    this.#positionCommitted = state.published
    this.#claimStart = state.published
    this.#claimLengthMax = NO_CLAIM
  }

  claim(lengthMax: number): number {
    assertClaim(lengthMax, this.recordBytesMax)
    this.#claimLengthMax = NO_CLAIM
    const state = this.#state
    if (state.isConsumerClosed || state.isProducerClosed) return CLOSED
    const recordBytes = recordBytesOf(lengthMax)
    const start = recordStartOf(this.#positionCommitted, recordBytes, state.capacity)
    if (((start + recordBytes - state.consumed) | 0) > state.capacity) return FULL
    this.#claimStart = start
    this.#claimLengthMax = lengthMax
    return (start & (state.capacity - 1)) + HEADER_BYTES
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
    if (this.#state.published === this.#positionCommitted) return
    this.#state.published = this.#positionCommitted
    this.#state.wake()
  }

  awaitRoom(): void {
    this.#state.isRoomAwaited = true
  }

  /** Publishes what is committed, then closes. */
  close(): void {
    this.#state.published = this.#positionCommitted
    this.#state.isProducerClosed = true
    this.#state.wake()
  }

  position(): number {
    return this.#positionCommitted
  }

  consumed(): number {
    return this.#state.consumed
  }
}

class LocalConsumer implements RecordConsumer {
  readonly memory: RecordMemory
  readonly #state: LocalState
  #isDraining: boolean

  constructor(state: LocalState) {
    this.memory = state.memory
    this.#state = state
    this.#isDraining = false
  }

  drain(handler: RecordHandler, countMax: number): number {
    assert(!this.#isDraining, 'a drain does not run inside a drain of the same queue')
    const state = this.#state
    const words = this.memory.words
    const capacity = state.capacity
    const end = state.published
    let position = state.consumed
    let count = 0
    this.#isDraining = true
    try {
      while (position !== end && count < countMax && !state.isConsumerClosed) {
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
      if (position !== state.consumed) this.#free(position)
    }
    return count
  }

  isEmpty(): boolean {
    return this.#state.published === this.#state.consumed
  }

  usedBytes(): number {
    return (this.#state.published - this.#state.consumed) | 0
  }

  isEnded(): boolean {
    return this.#state.isProducerClosed && this.isEmpty()
  }

  close(): void {
    this.#state.isConsumerClosed = true
    this.#state.wake()
  }

  #free(position: number): void {
    this.#state.consumed = position
    if (!this.#state.isRoomAwaited) return
    this.#state.isRoomAwaited = false
    this.#state.wake()
  }
}

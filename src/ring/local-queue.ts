/**
 * The queue of records within one thread, for simulation and tests: the same contract (queue.ts) and the same code for
 * each record (records.ts) as a ring, over plain memory, without atomics.
 *
 * Both ends share one state: what a ring keeps in its control words. A handler may claim, commit and publish into the
 * very queue that is being drained: those records wait for the next drain, and until this one ends their room counts as
 * taken. It must not drain that queue.
 *
 * `wake` is called when the other end may have something to do: after a publish that showed records, after a drain that
 * made room somebody awaited, after a close. It is called in the middle of somebody's work: it marks or schedules the
 * next round (as a doorbell does), and never works itself.
 *
 * Nothing is allocated after construction.
 */

import { recordBytesMaxDefault } from './layout.ts'
import type { RecordConsumer, RecordMemory, RecordProducer } from './queue.ts'
import { assertDimensions, assertStart, RecordReader, RecordWriter, viewsOf } from './records.ts'

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
  const memory = viewsOf(new ArrayBuffer(capacityBytes), 0, capacityBytes)
  const state: LocalState = {
    wake,
    published: startPosition,
    consumed: startPosition,
    isRoomAwaited: false,
    isProducerClosed: false,
    isConsumerClosed: false,
  }
  return { producer: new LocalProducer(memory, recordBytesMax, state), consumer: new LocalConsumer(memory, state) }
}

/** What a ring keeps in its control words. */
interface LocalState {
  readonly wake: () => void
  published: number
  consumed: number
  isRoomAwaited: boolean
  isProducerClosed: boolean
  isConsumerClosed: boolean
}

class LocalProducer extends RecordWriter {
  readonly #state: LocalState

  constructor(memory: RecordMemory, recordBytesMax: number, state: LocalState) {
    super(memory, recordBytesMax, state.published, state.consumed)
    this.#state = state
  }

  awaitRoom(): void {
    this.#state.isRoomAwaited = true
  }

  /** Publishes what is committed, then closes. */
  close(): void {
    this.publish()
    this.#state.isProducerClosed = true
    this.#state.wake()
  }

  protected isClosed(): boolean {
    return this.#state.isProducerClosed || this.#state.isConsumerClosed
  }

  protected loadConsumed(): number {
    return this.#state.consumed
  }

  protected showPublished(position: number): void {
    this.#state.published = position
    this.#state.wake()
  }
}

class LocalConsumer extends RecordReader {
  readonly #state: LocalState

  constructor(memory: RecordMemory, state: LocalState) {
    super(memory, state.consumed)
    this.#state = state
  }

  protected isProducerClosed(): boolean {
    return this.#state.isProducerClosed
  }

  protected loadPublished(): number {
    return this.#state.published
  }

  protected showConsumed(position: number): void {
    this.#state.consumed = position
    if (!this.#state.isRoomAwaited) return
    this.#state.isRoomAwaited = false
    this.#state.wake()
  }

  protected showClosed(): void {
    this.#state.isConsumerClosed = true
    this.#state.wake()
  }
}

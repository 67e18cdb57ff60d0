/**
 * The queue of records between two threads: one writes, one reads (contract: queue.ts; drawing: layout.ts). records.ts
 * does what is done for each record; here is how positions, room and closing cross from thread to thread.
 *
 * Who writes what: the producer the data and PRODUCER_POSITION, the consumer CONSUMER_POSITION and nothing else; each
 * reads the other's position. Records are written with plain stores; the sequentially consistent store of the position
 * behind them publishes them all. The two ends may be made anew on the same memory (they go on where the positions
 * stand), but at any time one thread at most uses each.
 *
 * Full: claim returns FULL. Who means to wait sets ROOM_AWAITED and claims once more (claimOrAwait); the consumer looks
 * at the word after it has published its position, clears it and rings: one of the two sees the other (Dekker).
 *
 * A side dies: what it had not published was never there, so the other sees no torn record. It cannot say so itself:
 * the supervisor makes that end anew in its own thread and closes it, with the bell of the other side:
 * `new RingProducer(memory, bell).close()`. The memory is then left behind, never used for another ring.
 *
 * Cost: a few local operations a record. V8 13.6 calls a builtin for each atomic operation (9 ns), so there is none for
 * a record, but one for the first claim of a batch, two for a publish, three for a drain. What remains is the copy of
 * the bytes and their way from cache to cache (perf/micro/ring.ts, figures in perf/README.md). Nothing is allocated
 * after construction.
 */

import type { Doorbell } from './doorbell.ts'
import {
  CLOSED_BITS,
  CONSUMER_CLOSED,
  CONSUMER_POSITION,
  CONTROL_BYTES,
  CONTROL_WORDS,
  PRODUCER_CLOSED,
  PRODUCER_POSITION,
  ROOM_AWAITED,
  recordBytesMaxDefault,
} from './layout.ts'
import type { RecordMemory } from './queue.ts'
import { assertDimensions, assertStart, RecordReader, RecordWriter, viewsOf } from './records.ts'

type Control = Int32Array<SharedArrayBuffer>

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

/** The views and the control words of a ring, checked: it may come from another thread. */
function openRing({ shared, recordBytesMax }: RingMemory): { memory: RecordMemory; control: Control } {
  const capacity = shared.byteLength - CONTROL_BYTES
  assertDimensions(capacity, recordBytesMax)
  return { memory: viewsOf(shared, CONTROL_BYTES, capacity), control: new Int32Array(shared, 0, CONTROL_WORDS) }
}

export class RingProducer extends RecordWriter {
  readonly #control: Control
  readonly #consumerBell: Doorbell

  constructor(ring: RingMemory, consumerBell: Doorbell) {
    const { memory, control } = openRing(ring)
    const published = Atomics.load(control, PRODUCER_POSITION)
    super(memory, ring.recordBytesMax, published, Atomics.load(control, CONSUMER_POSITION))
    this.#control = control
    this.#consumerBell = consumerBell
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

  protected isClosed(): boolean {
    return Atomics.load(this.#control, CLOSED_BITS) !== 0
  }

  protected loadConsumed(): number {
    return Atomics.load(this.#control, CONSUMER_POSITION)
  }

  protected showPublished(position: number): void {
    Atomics.store(this.#control, PRODUCER_POSITION, position)
    this.#consumerBell.ring()
  }
}

export class RingConsumer extends RecordReader {
  readonly #control: Control
  readonly #producerBell: Doorbell

  constructor(ring: RingMemory, producerBell: Doorbell) {
    const { memory, control } = openRing(ring)
    super(memory, Atomics.load(control, CONSUMER_POSITION))
    this.#control = control
    this.#producerBell = producerBell
  }

  protected isProducerClosed(): boolean {
    return (Atomics.load(this.#control, CLOSED_BITS) & PRODUCER_CLOSED) !== 0
  }

  protected loadPublished(): number {
    return Atomics.load(this.#control, PRODUCER_POSITION)
  }

  protected showConsumed(position: number): void {
    Atomics.store(this.#control, CONSUMER_POSITION, position)
    if (Atomics.load(this.#control, ROOM_AWAITED) === 0) return
    Atomics.store(this.#control, ROOM_AWAITED, 0)
    this.#producerBell.ring()
  }

  /** Wakes the producer, which may wait for room that will not come. */
  protected showClosed(): void {
    Atomics.or(this.#control, CLOSED_BITS, CONSUMER_CLOSED)
    this.#producerBell.ring()
  }
}

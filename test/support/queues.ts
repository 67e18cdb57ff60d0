/** Both kinds of queue, made in the same way, so that one test body holds both to the contract of src/ring/queue.ts. */

import { silentBell } from '#src/ring/doorbell.ts'
import { recordBytesMaxDefault } from '#src/ring/layout.ts'
import { createLocalQueue } from '#src/ring/local-queue.ts'
import type { RecordConsumer, RecordProducer } from '#src/ring/queue.ts'
import { createRing, RingConsumer, RingProducer } from '#src/ring/ring.ts'

export interface QueueEnds {
  readonly producer: RecordProducer
  readonly consumer: RecordConsumer
}

export interface QueueKind {
  readonly name: string
  make(capacity: number, recordBytesMax?: number, startPosition?: number): QueueEnds
}

const ring: QueueKind = {
  name: 'ring',
  make(capacity, recordBytesMax = recordBytesMaxDefault(capacity), startPosition = 0) {
    const memory = createRing(capacity, recordBytesMax, startPosition)
    return { producer: new RingProducer(memory, silentBell), consumer: new RingConsumer(memory, silentBell) }
  },
}

const localQueue: QueueKind = {
  name: 'local queue',
  make(capacity, recordBytesMax = recordBytesMaxDefault(capacity), startPosition = 0) {
    return createLocalQueue(capacity, recordBytesMax, () => {}, startPosition)
  },
}

export const QUEUE_KINDS: readonly QueueKind[] = [ring, localQueue]

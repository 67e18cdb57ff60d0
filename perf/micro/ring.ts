/**
 * What a record costs from stage to stage: from one thread to another through a ring, and within a thread through a
 * local queue; 64 B, an update, and 944 B, a chunk for a socket. The producer copies the bytes in, a range of a larger
 * buffer as values and bodies are; the consumer looks at the first and the last word. Batches of 64 records are
 * published, drains take as many as a stage does. Both threads spin, so there is no wake-up in the figures; the clock
 * starts when both run compiled code.
 *
 *   node perf/micro/ring.ts [--small]
 *
 * Two threads want two cores to themselves.
 */

import { once } from 'node:events'
import { parentPort, Worker, workerData } from 'node:worker_threads'
import { copyBytes } from '#src/bytes.ts'
import { silentBell } from '#src/ring/doorbell.ts'
import { createLocalQueue } from '#src/ring/local-queue.ts'
import { FULL, type RecordConsumer, type RecordProducer } from '#src/ring/queue.ts'
import { createRing, RingConsumer, type RingMemory, RingProducer } from '#src/ring/ring.ts'
import { realClock } from '#src/time/clock.ts'

export interface MicroResult {
  readonly name: string
  readonly nsPerRecord: number
  /** Made of all that was taken, so that nothing is optimised away; the same for the same size. */
  readonly hash: number
}

interface ThreadSettings {
  readonly perfRing: RingMemory
  readonly lengthBytes: number
  readonly records: number
}

const CAPACITY_BYTES = 2 ** 20
const BATCH = 64
/** As the knob drainRecordsMax has it. */
const DRAIN_RECORDS_MAX = 1024
const LENGTHS_BYTES = [64, 944]
/** What the records are ranges of: small enough to stay in a cache. */
const SOURCE_BYTES = 2 ** 15
const RECORDS_SMALL = 2_000
const RECORDS = 1_000_000
/** The share of the records that go first and are not counted. */
const WARM_UP_SHARE = 0.2
const REPEATS = 3

/** Each figure is the best of three. The rings go first: a thread of the server knows one kind of queue only. */
export async function run(isSmall: boolean): Promise<MicroResult[]> {
  const records = isSmall ? RECORDS_SMALL : RECORDS
  const results: MicroResult[] = []
  for (const length of LENGTHS_BYTES) results.push(await best(() => measureRing(`ring, ${length} B`, length, records)))
  for (const length of LENGTHS_BYTES) {
    results.push(await best(() => measureLocalQueue(`local queue, ${length} B`, length, records)))
  }
  return results
}

async function best(measure: () => MicroResult | Promise<MicroResult>): Promise<MicroResult> {
  let result = await measure()
  for (let repeat = 1; repeat < REPEATS; repeat++) {
    const next = await measure()
    if (next.nsPerRecord < result.nsPerRecord) result = next
  }
  return result
}

async function measureRing(name: string, lengthBytes: number, records: number): Promise<MicroResult> {
  const perfRing = createRing(CAPACITY_BYTES)
  const settings: ThreadSettings = { perfRing, lengthBytes, records }
  const worker = new Worker(new URL(import.meta.url), { workerData: settings })
  const ended = once(worker, 'exit')
  await once(worker, 'message')
  const taker = new Taker(new RingConsumer(perfRing, silentBell))
  const nsPerRecord = measureNs(taker, records, () => {})
  await ended
  return { name, nsPerRecord, hash: taker.hash }
}

function measureLocalQueue(name: string, lengthBytes: number, records: number): MicroResult {
  const { producer, consumer } = createLocalQueue(CAPACITY_BYTES)
  const writer = new Writer(producer, lengthBytes, records)
  const taker = new Taker(consumer)
  const nsPerRecord = measureNs(taker, records, () => writer.writeBatch())
  return { name, nsPerRecord, hash: taker.hash }
}

/** Takes all records, `before` each drain; the clock starts behind the warm-up and stops behind the last. */
function measureNs(taker: Taker, records: number, before: () => void): number {
  const takeUntil = (count: number): void => {
    for (; taker.taken < count; taker.take()) before()
  }
  takeUntil(records * WARM_UP_SHARE)
  const first = taker.taken
  const startMs = realClock.nowMs()
  takeUntil(records)
  return ((realClock.nowMs() - startMs) * 1e6) / Math.max(1, records - first)
}

class Taker {
  taken = 0
  hash = 0
  readonly #consumer: RecordConsumer

  constructor(consumer: RecordConsumer) {
    this.#consumer = consumer
  }

  take(): number {
    return this.#consumer.drain(this.#take, DRAIN_RECORDS_MAX)
  }

  readonly #take = (_type: number, offset: number, length: number): boolean => {
    const words = this.#consumer.memory.words
    this.hash = (Math.imul(this.hash, 31) + words[offset >> 2]! + words[(offset + length - 4) >> 2]!) | 0
    this.taken++
    return true
  }
}

class Writer {
  readonly #producer: RecordProducer
  readonly #source = Buffer.from(Array.from({ length: SOURCE_BYTES }, (_, index) => index & 0xff))
  readonly #lengthBytes: number
  readonly #records: number
  #sourceOffset = 0
  #written = 0

  constructor(producer: RecordProducer, lengthBytes: number, records: number) {
    this.#producer = producer
    this.#lengthBytes = lengthBytes
    this.#records = records
  }

  isDone(): boolean {
    return this.#written === this.#records
  }

  /** Writes up to a batch, as much as there is room for, and publishes it. */
  writeBatch(): void {
    const producer = this.#producer
    const length = this.#lengthBytes
    const { bytes, words } = producer.memory
    const end = Math.min(this.#written + BATCH, this.#records)
    for (; this.#written < end; this.#written++) {
      const offset = producer.claim(length)
      if (offset === FULL) break
      copyBytes(this.#source, this.#nextOffset(length), bytes, offset, length)
      words[offset >> 2] = this.#written
      producer.commit(1, length)
    }
    producer.publish()
  }

  #nextOffset(length: number): number {
    const offset = this.#sourceOffset
    this.#sourceOffset = offset + 2 * length < SOURCE_BYTES ? offset + length : 0
    return offset
  }
}

function produce(settings: ThreadSettings): void {
  const producer = new RingProducer(settings.perfRing, silentBell)
  const writer = new Writer(producer, settings.lengthBytes, settings.records)
  parentPort!.postMessage('ready')
  while (!writer.isDone()) writer.writeBatch()
  producer.close()
}

if (workerData?.perfRing !== undefined) {
  produce(workerData as ThreadSettings)
} else if (import.meta.main) {
  for (const { name, nsPerRecord, hash } of await run(process.argv.includes('--small'))) {
    console.log(`${name.padEnd(20)} ${nsPerRecord.toFixed(0).padStart(6)} ns a record   (${hash})`)
  }
}

/**
 * What a record costs from stage to stage: from one thread to another through a ring, and within a thread through a
 * local queue; 64 B, an update, and 944 B, a chunk for a socket. The producer copies the bytes in, the consumer looks
 * at the first and the last word. Batches of 64 records. Both threads spin, so there is no wake-up in the figures.
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
const LENGTHS_BYTES = [64, 944]
const RECORDS_SMALL = 2_000
const RECORDS = 1_000_000
const REPEATS = 3

/** Each figure is the best of three, after one run that is not counted. */
export async function run(isSmall: boolean): Promise<MicroResult[]> {
  const records = isSmall ? RECORDS_SMALL : RECORDS
  const results: MicroResult[] = []
  for (const length of LENGTHS_BYTES) {
    results.push(await best(() => measureRing(`ring, ${length} B`, length, records)))
    results.push(await best(() => measureLocalQueue(`local queue, ${length} B`, length, records)))
  }
  return results
}

async function best(measure: () => MicroResult | Promise<MicroResult>): Promise<MicroResult> {
  await measure()
  let result = await measure()
  for (let repeat = 1; repeat < REPEATS; repeat++) {
    const next = await measure()
    if (next.nsPerRecord < result.nsPerRecord) result = next
  }
  return result
}

/** The clock starts with the first record and stops behind the last. */
async function measureRing(name: string, lengthBytes: number, records: number): Promise<MicroResult> {
  const perfRing = createRing(CAPACITY_BYTES)
  const settings: ThreadSettings = { perfRing, lengthBytes, records }
  const worker = new Worker(new URL(import.meta.url), { workerData: settings })
  const ended = once(worker, 'exit')
  await once(worker, 'message')
  const taker = new Taker(new RingConsumer(perfRing, silentBell))
  while (taker.take() === 0);
  const startMs = realClock.nowMs()
  const first = taker.taken
  while (taker.taken < records) taker.take()
  const nsPerRecord = ((realClock.nowMs() - startMs) * 1e6) / Math.max(1, records - first)
  await ended
  return { name, nsPerRecord, hash: taker.hash }
}

function measureLocalQueue(name: string, lengthBytes: number, records: number): MicroResult {
  const { producer, consumer } = createLocalQueue(CAPACITY_BYTES)
  const source = sourceOf(lengthBytes)
  const taker = new Taker(consumer)
  const startMs = realClock.nowMs()
  for (let written = 0; taker.taken < records; taker.take()) written += writeBatch(producer, source, written, records)
  return { name, nsPerRecord: ((realClock.nowMs() - startMs) * 1e6) / records, hash: taker.hash }
}

class Taker {
  taken = 0
  hash = 0
  readonly #consumer: RecordConsumer

  constructor(consumer: RecordConsumer) {
    this.#consumer = consumer
  }

  take(): number {
    return this.#consumer.drain(this.#take, BATCH)
  }

  readonly #take = (_type: number, offset: number, length: number): boolean => {
    const words = this.#consumer.memory.words
    this.hash = (Math.imul(this.hash, 31) + words[offset >> 2]! + words[(offset + length - 4) >> 2]!) | 0
    this.taken++
    return true
  }
}

function sourceOf(lengthBytes: number): Buffer {
  return Buffer.from(Array.from({ length: lengthBytes }, (_, index) => index & 0xff))
}

/** Writes up to a batch and publishes it; returns how many records there was room for. */
function writeBatch(producer: RecordProducer, source: Buffer, written: number, records: number): number {
  const { bytes, words } = producer.memory
  const count = Math.min(BATCH, records - written)
  let index = 0
  for (; index < count; index++) {
    const offset = producer.claim(source.length)
    if (offset === FULL) break
    copyBytes(source, 0, bytes, offset, source.length)
    words[offset >> 2] = written + index
    producer.commit(1, source.length)
  }
  producer.publish()
  return index
}

function produce(settings: ThreadSettings): void {
  const producer = new RingProducer(settings.perfRing, silentBell)
  const source = sourceOf(settings.lengthBytes)
  parentPort!.postMessage('ready')
  for (let written = 0; written < settings.records; ) {
    written += writeBatch(producer, source, written, settings.records)
  }
  producer.close()
}

if (workerData?.perfRing !== undefined) {
  produce(workerData as ThreadSettings)
} else if (import.meta.main) {
  for (const { name, nsPerRecord, hash } of await run(process.argv.includes('--small'))) {
    console.log(`${name.padEnd(20)} ${nsPerRecord.toFixed(0).padStart(6)} ns a record   (${hash})`)
  }
}

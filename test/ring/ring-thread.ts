/**
 * One end of a ring in a thread of its own, with a duty cycle that sleeps whenever there is nothing to do: the worker
 * of ring-threads.test.ts, which uses the same classes for the end that it keeps itself.
 */

import { isMainThread, type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { Doorbell, Sleeper } from '#src/ring/doorbell.ts'
import { CLOSED, claimOrAwait, FULL } from '#src/ring/queue.ts'
import { RingConsumer, type RingMemory, RingProducer } from '#src/ring/ring.ts'
import { Random } from '#test/support/random.ts'

export interface EndSettings {
  readonly ring: RingMemory
  readonly ownWord: SharedArrayBuffer
  readonly peerWord: SharedArrayBuffer
  readonly port: MessagePort
  readonly seed: number
  /** How many records the producer sends before it closes. */
  readonly count: number
  /** The most records between two publishes, and of a drain. */
  readonly batchMax: number
}

export interface EndResult {
  readonly records: number
  /** Records that were not what they should have been. */
  readonly wrong: number
  readonly sleeps: number
  readonly isClosed: boolean
}

/** Sleeps and is woken as doorbell.ts tells it. */
class DutyCycle {
  readonly bell: Doorbell
  sleeps = 0
  readonly #sleeper: Sleeper
  #resolve: () => void = () => {}

  constructor(settings: EndSettings) {
    const { ownWord, peerWord, port } = settings
    this.bell = new Doorbell(peerWord, () => port.postMessage(null))
    this.#sleeper = new Sleeper(ownWord)
    port.on('message', () => this.wake())
  }

  wake(): void {
    this.#resolve()
  }

  /** Works until `isDone`; `work` returns false when there was nothing to do. */
  async run(work: () => boolean, isDone: () => boolean): Promise<void> {
    while (!isDone()) {
      if (work()) continue
      this.#sleeper.beginSleep()
      if (!work() && !isDone()) {
        this.sleeps++
        await new Promise<void>(resolve => {
          this.#resolve = resolve
        })
      }
      this.#sleeper.endSleep()
    }
  }
}

/** Both ends know from the seed which records there are: lengths at random, types and bytes from the number. */
class Script {
  number = 0
  length = 0
  readonly #random: Random
  readonly #recordBytesMax: number

  constructor(settings: EndSettings) {
    this.#random = new Random(settings.seed)
    this.#recordBytesMax = settings.ring.recordBytesMax
    this.length = this.#random.int(this.#recordBytesMax + 1)
  }

  get type(): number {
    return 1 + (this.number % 0xffff)
  }

  byteAt(index: number): number {
    return (this.number * 31 + index) & 0xff
  }

  next(): void {
    this.number++
    this.length = this.#random.int(this.#recordBytesMax + 1)
  }
}

export class ProducerEnd {
  readonly producer: RingProducer
  readonly #settings: EndSettings
  readonly #cycle: DutyCycle
  readonly #script: Script
  readonly #random: Random
  isClosed = false

  constructor(settings: EndSettings) {
    this.#settings = settings
    this.#cycle = new DutyCycle(settings)
    this.producer = new RingProducer(settings.ring, this.#cycle.bell)
    this.#script = new Script(settings)
    this.#random = new Random(settings.seed + 1)
  }

  async run(): Promise<EndResult> {
    await this.#cycle.run(
      () => this.work(),
      () => this.isClosed || this.#script.number === this.#settings.count,
    )
    this.producer.close()
    return { records: this.#script.number, wrong: 0, sleeps: this.#cycle.sleeps, isClosed: this.isClosed }
  }

  /** What a knock from another thread than the peer does: the supervisor's. */
  wake(): void {
    this.#cycle.wake()
  }

  /** Writes one batch, or what there is room for. */
  work(): boolean {
    const batch = 1 + this.#random.int(this.#settings.batchMax)
    let written = 0
    while (written < batch && this.#script.number < this.#settings.count && this.#write()) written++
    this.producer.publish()
    return written > 0
  }

  #write(): boolean {
    const script = this.#script
    const offset = claimOrAwait(this.producer, script.length)
    if (offset === CLOSED) this.isClosed = true
    if (offset === CLOSED || offset === FULL) return false
    const bytes = this.producer.memory.bytes
    for (let i = 0; i < script.length; i++) bytes[offset + i] = script.byteAt(i)
    this.producer.commit(script.type, script.length)
    script.next()
    return true
  }
}

export class ConsumerEnd {
  readonly consumer: RingConsumer
  wrong = 0
  readonly #settings: EndSettings
  readonly #cycle: DutyCycle
  readonly #script: Script

  constructor(settings: EndSettings) {
    this.#settings = settings
    this.#cycle = new DutyCycle(settings)
    this.consumer = new RingConsumer(settings.ring, this.#cycle.bell)
    this.#script = new Script(settings)
  }

  get records(): number {
    return this.#script.number
  }

  /** Takes records until the ring has ended, or until there have been `countMax`. */
  async run(countMax = Number.POSITIVE_INFINITY): Promise<EndResult> {
    await this.#cycle.run(
      () => this.work() > 0,
      () => this.consumer.isEnded() || this.records >= countMax,
    )
    return { records: this.records, wrong: this.wrong, sleeps: this.#cycle.sleeps, isClosed: false }
  }

  /** What a knock from another thread than the peer does: the supervisor's. */
  wake(): void {
    this.#cycle.wake()
  }

  work(): number {
    return this.consumer.drain(this.#take, this.#settings.batchMax)
  }

  readonly #take = (type: number, offset: number, length: number): boolean => {
    const script = this.#script
    const bytes = this.consumer.memory.bytes
    let isRight = type === script.type && length === script.length
    for (let i = 0; i < length && isRight; i++) isRight = bytes[offset + i] === script.byteAt(i)
    if (!isRight) this.wrong++
    script.next()
    return true
  }
}

export type Role = 'producer' | 'consumer'

if (!isMainThread && workerData?.ringRole !== undefined) {
  const settings = workerData as EndSettings & { ringRole: Role }
  const end = settings.ringRole === 'producer' ? new ProducerEnd(settings) : new ConsumerEnd(settings)
  parentPort!.postMessage(await end.run())
  settings.port.close()
}

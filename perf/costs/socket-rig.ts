/**
 * One process that writes and the processes that read, connected: its sockets are in the order of the readers, so that
 * the first of them belong to as few readers as can be. Every byte that is written is waited for and counted at the
 * reader's end before the next round, so the kernel's buffers never fill.
 */

import { setTimeout as pause } from 'node:timers/promises'
import { HelperProcess } from './helper-process.ts'
import type { ReaderAnswer, ReaderOrder, WriterAnswer, WriterOrder } from './socket-orders.ts'

export interface RigSettings {
  /** 2 at least. */
  readonly sockets: number
  /** A process has a bound on its files, and a source address one on its ports. */
  readonly socketsPerReader: number
  /** Between connecting and a look at the memory. */
  readonly settleMs: number
}

export interface RoundCost {
  readonly userUs: number
  readonly systemUs: number
  readonly wallUs: number
  readonly waiting: number
}

export interface PaceCost extends RoundCost {
  readonly lateTicks: number
  readonly latenciesUs: readonly number[]
}

/** Connections that are there before the memory of the others is taken: the first ones load and compile code. */
const FIRST_SHARE = 0.02

export class SocketRig {
  readonly #settings: RigSettings
  readonly #writer: HelperProcess<WriterOrder, WriterAnswer>
  readonly #readers: HelperProcess<ReaderOrder, ReaderAnswer>[] = []

  constructor(settings: RigSettings) {
    this.#settings = settings
    this.#writer = new HelperProcess(new URL('./socket-writer.ts', import.meta.url))
    for (let from = 0; from < settings.sockets; from += settings.socketsPerReader) {
      this.#readers.push(new HelperProcess(new URL('./socket-reader.ts', import.meta.url)))
    }
  }

  /** Makes all connections; returns what one of them, idle, adds to the writer's resident memory, in bytes. */
  async connect(): Promise<number> {
    const { sockets, settleMs } = this.#settings
    const { port } = await this.#writer.ask({ do: 'listen' })
    const first = Math.max(1, Math.round(this.#shareOf(0, sockets) * FIRST_SHARE))
    const before = await this.#connectReader(0, port, first, first)
    let made = 0
    for (let reader = 0; reader < this.#readers.length; reader++) {
      const share = this.#shareOf(reader, sockets)
      made += share
      await this.#connectReader(reader, port, reader === 0 ? share - first : share, made)
    }
    await pause(settleMs)
    const after = await this.#writer.ask({ do: 'accept', sockets })
    return (after.residentBytes - before) / (sockets - first)
  }

  /** Rounds of one write of `bytes` to each of the first `sockets`; one more before them is not counted. */
  async write(sockets: number, bytes: number, rounds: number): Promise<RoundCost> {
    const sum = { userUs: 0, systemUs: 0, wallUs: 0, waiting: 0 }
    for (let round = -1; round < rounds; round++) {
      await this.#expect(sockets, bytes, 0)
      const cost = await this.#writer.ask({ do: 'write', sockets, bytes })
      await this.#read(sockets)
      if (round < 0) continue
      for (const key of ['userUs', 'systemUs', 'wallUs', 'waiting'] as const) sum[key] += cost[key]
    }
    return sum
  }

  /** `ticks` rounds, one each `intervalMs`, whether or not the readers keep up. */
  async pace(sockets: number, bytes: number, ticks: number, intervalMs: number): Promise<PaceCost> {
    await this.#expect(sockets, bytes * ticks, bytes)
    const cost = await this.#writer.ask({ do: 'pace', sockets, bytes, ticks, intervalMs })
    const latenciesUs = await this.#read(sockets)
    return { ...cost, latenciesUs }
  }

  /** Ends all processes, whatever became of them. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#readers.map(reader => reader.ask({ do: 'leave' })))
    await Promise.all([this.#writer, ...this.#readers].map(process => process.stop()))
  }

  /** Of the first `sockets`, those of one reader. */
  #shareOf(reader: number, sockets: number): number {
    const { socketsPerReader } = this.#settings
    return Math.max(0, Math.min(socketsPerReader, sockets - reader * socketsPerReader))
  }

  /** Returns the writer's resident memory when it has `total` connections. */
  async #connectReader(reader: number, port: number, sockets: number, total: number): Promise<number> {
    await this.#readers[reader]!.ask({ do: 'connect', port, sockets, localAddress: `127.0.0.${2 + reader}` })
    return (await this.#writer.ask({ do: 'accept', sockets: total })).residentBytes
  }

  async #expect(sockets: number, bytes: number, stampEvery: number): Promise<void> {
    await Promise.all(
      this.#readers.map((reader, i) => {
        return reader.ask({ do: 'expect', sockets: this.#shareOf(i, sockets), bytes, stampEvery })
      }),
    )
  }

  /** Returns the latencies that the readers took since they were told what to expect. */
  async #read(sockets: number): Promise<number[]> {
    const busy = this.#readers.filter((_, i) => this.#shareOf(i, sockets) > 0)
    const answers = await Promise.all(busy.map(reader => reader.ask({ do: 'read' })))
    return answers.flatMap(answer => [...answer.latenciesUs])
  }
}

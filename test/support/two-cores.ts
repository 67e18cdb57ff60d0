/**
 * Two whole cores and the queues between them, in plain memory, with one lane into both: for what replicas do. An item's
 * name decides its home; itemAt finds a name for one.
 */

import { FeedLineParser, LINE_DELETE } from '#src/codec/feed-line.ts'
import { NameTable } from '#src/codec/name-table.ts'
import {
  BIND,
  CLOSE,
  CONTROL_TEXT,
  FEED_UP,
  FLUSH,
  FLUSH_CONNECTIONS,
  textBytesMax,
  writeText,
} from '#src/codec/record.ts'
import { makeConfig } from '#src/config/check.ts'
import type { Config } from '#src/config/config.ts'
import { homeOf } from '#src/domain/home.ts'
import { silentLog } from '#src/log.ts'
import { BLOCK_SLOTS, ThreadMetrics } from '#src/metrics/names.ts'
import { createLocalQueue } from '#src/ring/local-queue.ts'
import { countersOf, createCounters, InFlightWords } from '#src/ring/shared-words.ts'
import { VirtualClock } from '#src/time/clock.ts'
import { TimingWheel } from '#src/time/timing-wheel.ts'
import { Lane } from '#stages/lane.ts'
import { buildCore, type CoreRole } from '#stages/pipeline.ts'
import { bindText, type StreamWish, withoutOwn } from './bind.ts'
import { recordsOf, type StreamRecord } from './core-bench.ts'

const QUEUE_BYTES = 1 << 20
const FEED_SLOT = 1
const CORES = [0, 1] as const

export class TwoCores {
  readonly clock = new VirtualClock()
  readonly cores: CoreRole[] = []
  readonly metrics: ThreadMetrics[] = []
  readonly #wheels = CORES.map(() => new TimingWheel(this.clock.nowMs()))
  readonly #data = CORES.map(() => createLocalQueue(QUEUE_BYTES))
  readonly #controls = CORES.map(() => createLocalQueue(QUEUE_BYTES))
  readonly #outs = CORES.map(() => createLocalQueue(QUEUE_BYTES))
  readonly #inFlight = new InFlightWords(InFlightWords.create(16))
  readonly #lane: Lane
  readonly #parser: FeedLineParser

  /** Settings of each core; they may be smaller here than the program allows. */
  constructor(...settings: readonly Partial<Config>[]) {
    const between = CORES.map(() => ({ data: createLocalQueue(QUEUE_BYTES), control: createLocalQueue(QUEUE_BYTES) }))
    for (const core of CORES) {
      const config = { ...makeConfig(), resumeMs: 0, ...settings[core] }
      const metrics = new ThreadMetrics(countersOf(createCounters(BLOCK_SLOTS)))
      const [mine, theirs] = [between[core]!, between[1 - core]!]
      const peer = {
        core: 1 - core,
        data: theirs.data.consumer,
        dataOut: mine.data.producer,
        control: theirs.control.consumer,
        controlOut: mine.control.producer,
      }
      this.metrics.push(metrics)
      this.cores.push(
        buildCore(
          { config, clock: this.clock, wheel: this.#wheels[core]!, metrics, log: silentLog },
          {
            core,
            cores: 2,
            lanes: [{ data: this.#data[core]!.consumer, down: createLocalQueue(QUEUE_BYTES).producer }],
            edges: [
              {
                control: this.#controls[core]!.consumer,
                out: this.#outs[core]!.producer,
                inFlight: this.#inFlight,
              },
            ],
            peers: [peer],
            epoch: `e${core}`,
          },
        ),
      )
    }
    const config = makeConfig()
    const items = new NameTable(config.itemsMax, config.itemNameBytesMax)
    const fields = new NameTable(config.fieldNamesMax, config.fieldNameBytesMax)
    this.#lane = new Lane(
      this.#data.map(queue => queue.producer),
      items,
      fields,
    )
    this.#parser = new FeedLineParser(config, items, fields)
    this.feedLife(FEED_UP)
  }

  /** The `index`th name whose home is the core. */
  static itemAt(core: number, index = 0): string {
    let left = index
    for (let i = 0; ; i++) if (homeOf(`i${i}`, 2) === core && left-- === 0) return `i${i}`
  }

  feedLife(type: number): void {
    this.#lane.offerAll(type, FEED_SLOT, 0, type === FEED_UP ? 'feed' : null)
    this.#lane.publish()
  }

  feed(line: object): void {
    const bytes = Buffer.from(JSON.stringify(line))
    const isDeletion = this.#parser.parse(bytes, 0, bytes.length) === LINE_DELETE
    this.#lane.offer(this.#parser, isDeletion, FEED_SLOT, 0, this.clock.nowMs())
    this.#lane.publish()
  }

  open(core: number, slot: number, items: readonly string[], wish: StreamWish = {}): void {
    this.#tell(core, BIND, slot, JSON.stringify(bindText(slot, 1, { items, ...wish })))
  }

  /** Another stream of a session, from a position. */
  resume(core: number, slot: number, session: string, position: number): void {
    const wish = { resume: { session, position } }
    this.#tell(core, BIND, slot, JSON.stringify(bindText(slot, 1, wish)))
  }

  close(core: number, slot: number): void {
    this.#tell(core, CLOSE, slot, '')
  }

  #tell(core: number, type: number, slot: number, text: string): void {
    const { producer } = this.#controls[core]!
    const claim = producer.claim(CONTROL_TEXT + textBytesMax(text))
    producer.memory.words[claim >> 2] = slot
    producer.memory.words[(claim >> 2) + 1] = 1
    producer.commit(type, CONTROL_TEXT + writeText(producer.memory, claim + CONTROL_TEXT, text))
    producer.publish()
  }

  /** Turns of both until there is nothing to do, `ms` later. */
  settle(ms = 0): void {
    this.clock.advance(ms)
    while (this.turn() > 0);
  }

  /** A turn of each. Returns how much they did. */
  turn(): number {
    const nowMs = this.clock.nowMs()
    let done = 0
    for (const core of CORES) {
      done += this.#wheels[core]!.advance(nowMs)
      for (const stage of this.cores[core]!.stages) done += stage.work(nowMs)
      this.cores[core]!.publish()
    }
    return done
  }

  /** The records that have come from a core, whoever they are for; they count as taken at once. */
  take(core: number): StreamRecord[] {
    return this.#drain(core).flatMap(({ records }) => records)
  }

  /** The same by slot: what is for several connections comes for each. */
  takeBySlot(core: number): [slot: number, records: StreamRecord[]][] {
    return this.#drain(core).flatMap(({ slots, records }) =>
      slots.map((slot): [number, StreamRecord[]] => [slot, records]),
    )
  }

  #drain(core: number): { slots: number[]; records: StreamRecord[] }[] {
    const flushes: { slots: number[]; records: StreamRecord[] }[] = []
    const { consumer } = this.#outs[core]!
    consumer.drain((type, offset) => {
      if (type !== FLUSH) return true
      const words = consumer.memory.words.subarray(offset >> 2)
      const [count, length] = [words[0]!, words[1]!]
      const start = offset + FLUSH_CONNECTIONS + count * 8
      const slots = Array.from({ length: count }, (_, i) => words[(FLUSH_CONNECTIONS >> 2) + 2 * i]!)
      for (const slot of slots) this.#inFlight.subtract(slot, length)
      const records = recordsOf(withoutOwn(consumer.memory.bytes.toString('utf8', start, start + length)))
      flushes.push({ slots, records })
      return true
    }, Number.POSITIVE_INFINITY)
    return flushes
  }
}

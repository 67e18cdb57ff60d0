/**
 * A whole core, conflate and batch as pipeline.ts puts them together, with queues in plain memory and a clock that stands
 * still: lines of feeds go in, records for an edge come out. The edge is the test: it says what its peers have taken.
 */

import { FeedLineParser, LINE_DELETE, LINE_UPDATE } from '#src/codec/feed-line.ts'
import { NameTable } from '#src/codec/name-table.ts'
import {
  ANSWER,
  ANSWER_TEXT,
  BIND,
  CLOSE,
  CONNECTION_BYTES,
  CONTROL,
  CONTROL_TEXT,
  CONTROL_TEXT_3,
  END,
  FEED_UP,
  FLUSH,
  FLUSH_CONNECTIONS,
  QUERY,
  REFUSED,
  readText,
  textBytesMax,
  WRITABLE,
  writeText,
} from '#src/codec/record.ts'
import { makeConfig } from '#src/config/check.ts'
import type { Config } from '#src/config/config.ts'
import type { SessionRequest } from '#src/domain/session-request.ts'
import { silentLog } from '#src/log.ts'
import { BLOCK_SLOTS, ThreadMetrics } from '#src/metrics/names.ts'
import { createLocalQueue, type LocalQueue } from '#src/ring/local-queue.ts'
import { countersOf, createCounters, InFlightWords } from '#src/ring/shared-words.ts'
import { VirtualClock } from '#src/time/clock.ts'
import { TimingWheel } from '#src/time/timing-wheel.ts'
import { HTTP_SLOT, Lane } from '#stages/lane.ts'
import { buildCore, type CoreRole } from '#stages/pipeline.ts'
import { FeedRoute } from '#stages/route/feed-route.ts'
import { bindText, type StreamWish, withoutOwn } from './bind.ts'

export interface Flush {
  readonly type: 'flush' | 'end'
  readonly slots: readonly number[]
  readonly generations: readonly number[]
  readonly updates: number
  readonly text: string
}

/** A record of a stream, as JSON. */
export interface StreamRecord {
  readonly item: string
  readonly seq?: number
  readonly snapshot?: true
  readonly time?: number
  readonly fields?: Readonly<Record<string, string | null>>
  readonly stale?: boolean
  readonly deleted?: true
  readonly lost?: number
  readonly key?: string
  readonly command?: 'ADD' | 'UPDATE' | 'DELETE'
  readonly cleared?: true
  readonly snapshotEnd?: true
}

const QUEUE_BYTES = 1 << 20

export class CoreBench {
  readonly config: Config
  readonly clock = new VirtualClock()
  readonly core: CoreRole
  readonly inFlight: InFlightWords
  readonly metrics = new ThreadMetrics(countersOf(createCounters(BLOCK_SLOTS)))
  readonly #wheel: TimingWheel
  readonly lane: Lane
  /** What take found besides flushes. */
  readonly refusals: string[] = []
  readonly answers: { status: number; isCut: boolean; body: string }[] = []
  /** What the lane has heard is wanted or not. */
  readonly wishes: { slot: number; item: string; isWanted: boolean }[] = []
  readonly #route: FeedRoute
  readonly #parser: FeedLineParser
  readonly #control: LocalQueue
  readonly #out: LocalQueue

  /** Settings may be smaller here than the program allows. Sessions end with their streams, unless `resumeMs` is set. */
  constructor(settings: Partial<Config> = {}, outBytes = QUEUE_BYTES, downBytes = QUEUE_BYTES) {
    const config = { ...makeConfig(), resumeMs: 0, ...settings }
    this.config = config
    this.inFlight = new InFlightWords(InFlightWords.create(256))
    const nowMs = this.clock.nowMs()
    this.#wheel = new TimingWheel(nowMs)
    const data = createLocalQueue(QUEUE_BYTES)
    const down = createLocalQueue(downBytes)
    this.#control = createLocalQueue(QUEUE_BYTES)
    this.#out = createLocalQueue(outBytes)
    this.core = buildCore(
      { config, clock: this.clock, wheel: this.#wheel, metrics: this.metrics, log: silentLog },
      {
        core: 0,
        cores: 1,
        lanes: [{ data: data.consumer, down: down.producer }],
        edges: [{ control: this.#control.consumer, out: this.#out.producer, inFlight: this.inFlight }],
        peers: [],
        epoch: 'e',
      },
    )
    const items = new NameTable(config.itemsMax, config.itemNameBytesMax)
    const fields = new NameTable(config.fieldNamesMax, config.fieldNameBytesMax)
    this.lane = new Lane([data.producer], items, fields)
    this.#route = new FeedRoute({
      lane: this.lane,
      downs: [down.consumer],
      drainRecordsMax: 1_000,
      queueCapacity: downBytes,
      tellWanted: (slot, item, isWanted) => this.wishes.push({ slot, item, isWanted }),
      tellRefused: () => {},
      tellMessage: () => null,
    })
    this.#parser = new FeedLineParser(config, items, fields)
    this.lane.offerAll(FEED_UP, HTTP_SLOT, 0, 'http')
  }

  /** FEED_UP, FEED_DOWN, FEED_SILENT or FEED_ALIVE of the feed in a slot. */
  feedLife(type: number, slot: number, flags = 0): void {
    this.lane.offerAll(type, slot, flags, type === FEED_UP ? `feed ${slot}` : null)
    this.lane.publish()
  }

  /** The lane hears what the core has told it. */
  hearLane(): void {
    this.#route.work()
  }

  /** A line of a feed, or (slot HTTP_SLOT) an update over HTTP; it must be a good one. */
  feed(line: object, slot = HTTP_SLOT): void {
    const bytes = Buffer.from(JSON.stringify(line))
    const kind = this.#parser.parse(bytes, 0, bytes.length)
    if (kind !== LINE_UPDATE && kind !== LINE_DELETE) throw new Error(this.#parser.errorMessage)
    this.lane.offer(this.#parser, kind === LINE_DELETE, slot, 0, this.clock.nowMs())
    this.lane.publish()
  }

  open(slot: number, generation: number, wish: StreamWish): void {
    this.#tell(BIND, slot, generation, JSON.stringify(bindText(slot, generation, wish)))
  }

  /** What a client asks of its session; answers go into its stream. */
  control(session: string, ...requests: readonly SessionRequest[]): void {
    this.#ask(0, true, { session, requests })
  }

  /** The same on a connection of its own, which gets the answers. */
  post(slot: number, session: string, ...requests: readonly SessionRequest[]): void {
    this.#ask(slot, false, { session, requests })
  }

  #ask(slot: number, isInStream: boolean, asked: object): void {
    const text = JSON.stringify(asked)
    const { producer } = this.#control
    const claim = producer.claim(CONTROL_TEXT_3 + textBytesMax(text))
    producer.memory.words[claim >> 2] = slot
    producer.memory.words[(claim >> 2) + 1] = 1
    producer.memory.words[(claim >> 2) + 2] = isInStream ? 1 : 0
    producer.commit(CONTROL, CONTROL_TEXT_3 + writeText(producer.memory, claim + CONTROL_TEXT_3, text))
    producer.publish()
  }

  query(slot: number, query: object): void {
    this.#tell(QUERY, slot, 1, JSON.stringify(query))
  }

  close(slot: number, generation: number): void {
    this.#tell(CLOSE, slot, generation, '')
  }

  /** One turn of the duty cycle, `ms` later. */
  turn(ms = 0): number {
    this.clock.advance(ms)
    const nowMs = this.clock.nowMs()
    let done = this.#wheel.advance(nowMs)
    for (const stage of this.core.stages) done += stage.work(nowMs)
    this.core.publish()
    return done
  }

  /** Turns until there is nothing to do. */
  settle(): void {
    while (this.turn() > 0);
  }

  /**
   * What the edge finds in its ring, up to `countMax` records: without what sessions are told beside data, and without
   * flushes that hold nothing else, which their peers take at once.
   */
  take(countMax = Number.POSITIVE_INFINITY): Flush[] {
    const taken: Flush[] = []
    for (const flush of this.takeAll(countMax)) {
      const text = withoutOwn(flush.text)
      if (text !== '') taken.push({ ...flush, text })
      else {
        for (const [index, slot] of flush.slots.entries()) {
          this.took(slot, flush.generations[index]!, Math.min(flush.text.length, this.inFlight.bytes(slot)))
        }
      }
    }
    return taken
  }

  /** Everything that the edge finds in its ring. */
  takeAll(countMax = Number.POSITIVE_INFINITY): Flush[] {
    const flushes: Flush[] = []
    const { memory } = this.#out.consumer
    this.#out.consumer.drain((type, offset, length) => {
      const words = memory.words.subarray(offset >> 2)
      if (type === FLUSH) {
        const [count, bytes, updates] = [words[0]!, words[1]!, words[2]!]
        const at = FLUSH_CONNECTIONS >> 2
        const pairs = Array.from({ length: count }, (_, i) => [words[at + 2 * i]!, words[at + 2 * i + 1]!] as const)
        const start = offset + FLUSH_CONNECTIONS + count * CONNECTION_BYTES
        flushes.push({
          type: 'flush',
          slots: pairs.map(([slot]) => slot),
          generations: pairs.map(([, generation]) => generation),
          updates,
          text: memory.bytes.toString('utf8', start, start + bytes),
        })
      } else if (type === END) {
        const text = memory.bytes.toString('utf8', offset + CONTROL_TEXT_3, offset + length)
        flushes.push({ type: 'end', slots: [words[0]!], generations: [words[1]!], updates: 0, text })
      } else if (type === REFUSED) {
        this.refusals.push(readText(memory, offset + CONTROL_TEXT, length - CONTROL_TEXT))
      } else if (type === ANSWER) {
        const body = readText(memory, offset + ANSWER_TEXT, length - ANSWER_TEXT)
        this.answers.push({ status: words[2]!, isCut: words[3] === 1, body })
      }
      return true
    }, countMax)
    return flushes
  }

  /** The peer has taken all that is in flight to it; write's side of the protocol. */
  took(slot: number, generation: number, bytes = this.inFlight.bytes(slot)): void {
    const left = this.inFlight.subtract(slot, bytes)
    if (left <= this.config.windowBytes >> 1 && this.inFlight.takeWaiting(slot)) {
      this.#tell(WRITABLE, slot, generation, '')
    }
  }

  #tell(type: number, slot: number, generation: number, text: string): void {
    const { producer } = this.#control
    const claim = producer.claim(CONTROL_TEXT + textBytesMax(text))
    producer.memory.words[claim >> 2] = slot
    producer.memory.words[(claim >> 2) + 1] = generation
    producer.commit(type, CONTROL_TEXT + writeText(producer.memory, claim + CONTROL_TEXT, text))
    producer.publish()
  }
}

/** The records of a flush, either encoding. */
export function recordsOf(text: string): StreamRecord[] {
  return text
    .split('\n')
    .map(line => (line.startsWith('data: ') ? line.slice(6) : line))
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line) as StreamRecord)
}

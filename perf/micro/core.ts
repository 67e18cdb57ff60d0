/**
 * What an update costs in a core, without threads, sockets or clients: conflate merges it and marks its interests,
 * batch turns what 10,000 sessions lack into records; a reader that does nothing takes them from the ring. The clock is
 * virtual: 100 items with 10 updates a second each, every session on 10 of them.
 *
 *   node perf/micro/core.ts [--small]
 *
 * CPU time of this process, so that others on the machine disturb it little.
 */

import { FeedLineParser } from '#src/codec/feed-line.ts'
import { NameTable } from '#src/codec/name-table.ts'
import {
  BIND,
  CONNECTION_BYTES,
  CONTROL_TEXT,
  FEED_UP,
  FLUSH,
  FLUSH_CONNECTIONS,
  writeText,
} from '#src/codec/record.ts'
import { makeConfig } from '#src/config/check.ts'
import type { BindRequest } from '#src/domain/session-request.ts'
import { silentLog } from '#src/log.ts'
import { BLOCK_SLOTS, ThreadMetrics } from '#src/metrics/names.ts'
import { silentBell } from '#src/ring/doorbell.ts'
import { createLocalQueue } from '#src/ring/local-queue.ts'
import { createRing, RingConsumer, RingProducer } from '#src/ring/ring.ts'
import { countersOf, createCounters, InFlightWords } from '#src/ring/shared-words.ts'
import { VirtualClock } from '#src/time/clock.ts'
import { TimingWheel } from '#src/time/timing-wheel.ts'
import { Lane } from '#stages/lane.ts'
import { buildCore } from '#stages/pipeline.ts'

export interface CoreResult {
  readonly name: string
  readonly nsPerUpdate: number
  /** Updates and bytes that came out: the same for the same seed. */
  readonly updates: number
  readonly bytes: number
}

interface Load {
  readonly name: string
  readonly sessions: number
  readonly mode: 'merge' | 'raw'
  readonly maxDelayMs: number
  readonly items: number
  readonly itemsPerSession: number
  /** Updates of an item in 100 ms. */
  readonly perTick: number
}

const SIZE = { sessions: 10_000, ticks: 20 }
const SIZE_SMALL = { sessions: 50, ticks: 4 }
const TICK_MS = 100
const STEP_MS = 5
const REPEATS = 3
const MIB = 2 ** 20

export function run(isSmall: boolean): CoreResult[] {
  const { sessions, ticks } = isSmall ? SIZE_SMALL : SIZE
  const base = { sessions, maxDelayMs: 100, items: 100, itemsPerSession: 10, perTick: 1 }
  const loads: Load[] = [
    { ...base, name: 'raw, maxDelay=100', mode: 'raw' },
    { ...base, name: 'merge, maxDelay=100', mode: 'merge' },
    { ...base, name: 'raw, maxDelay=100, 3 updates an item a flush', mode: 'raw', perTick: 3 },
    { ...base, name: 'raw, one item, at once', mode: 'raw', maxDelayMs: 0, items: 1, itemsPerSession: 1 },
  ]
  return loads.map(load => {
    const results = Array.from({ length: isSmall ? 1 : REPEATS }, () => measure(load, ticks))
    return results.sort((a, b) => a.nsPerUpdate - b.nsPerUpdate)[0]!
  })
}

function measure(load: Load, ticks: number): CoreResult {
  const config = makeConfig()
  const clock = new VirtualClock()
  const metrics = new ThreadMetrics(countersOf(createCounters(BLOCK_SLOTS)))
  const wheel = new TimingWheel(clock.nowMs())
  const inFlight = new InFlightWords(InFlightWords.create(load.sessions))
  const data = createLocalQueue(4 * MIB)
  const control = createLocalQueue(16 * MIB)
  const ring = createRing(32 * MIB)
  const out = new RingConsumer(ring, silentBell)
  const core = buildCore(
    { config, clock, wheel, metrics, log: silentLog },
    {
      core: 0,
      cores: 1,
      lanes: [{ data: data.consumer, down: createLocalQueue(MIB).producer }],
      edges: [{ control: control.consumer, out: new RingProducer(ring, silentBell), inFlight }],
      peers: [],
      epoch: 'e',
    },
  )
  const items = new NameTable(config.itemsMax, config.itemNameBytesMax)
  const fields = new NameTable(config.fieldNamesMax, config.fieldNameBytesMax)
  const lane = new Lane([data.producer], items, fields)
  const parser = new FeedLineParser(config, items, fields)
  lane.offerAll(FEED_UP, 0, 0, 'http')

  let updates = 0
  let bytes = 0
  const take = (): void => {
    const { words } = out.memory
    out.drain((type, offset) => {
      if (type !== FLUSH) return true
      const word = offset >> 2
      const count = words[word]!
      const length = words[word + 1]!
      updates += words[word + 2]! * count
      bytes += length * count
      const first = (offset + FLUSH_CONNECTIONS) >> 2
      for (let i = 0; i < count; i++) inFlight.subtract(words[first + (i * CONNECTION_BYTES) / 4]!, length)
      return true
    }, Number.POSITIVE_INFINITY)
  }
  const settle = (): void => {
    let done = 1
    while (done > 0) {
      const nowMs = clock.nowMs()
      done = wheel.advance(nowMs)
      for (const stage of core.stages) done += stage.work(nowMs)
      core.publish()
      take()
    }
  }

  const next = random()
  for (let slot = 0; slot < load.sessions; slot++) {
    const chosen = new Set<number>()
    while (chosen.size < load.itemsPerSession) chosen.add(next(load.items))
    const bind = bindOf(load, [...chosen].map(nameOf))
    open(control.producer, slot, JSON.stringify({ id: `s${slot}`, address: '', bind }))
    if (slot % 100 === 0) settle()
  }
  settle()
  let number = 0
  const tick = (): void => {
    const steps = TICK_MS / STEP_MS
    const perStep = (load.items * load.perTick) / steps
    let due = 0
    for (let step = 0; step < steps; step++) {
      clock.advance(STEP_MS)
      due += perStep
      for (; due >= 1; due--) {
        const line = Buffer.from(lineOf(number++ % load.items, next))
        parser.parse(line, 0, line.length)
        lane.offer(parser, false, 0, 0, clock.nowMs())
      }
      lane.publish()
      settle()
    }
  }
  for (let i = 0; i < 4; i++) tick()
  updates = 0
  bytes = 0
  const before = process.cpuUsage()
  for (let i = 0; i < ticks; i++) tick()
  const used = process.cpuUsage(before)
  return { name: load.name, nsPerUpdate: ((used.user + used.system) * 1_000) / updates, updates, bytes }
}

function open(producer: ReturnType<typeof createLocalQueue>['producer'], slot: number, text: string): void {
  const claim = producer.claim(CONTROL_TEXT + text.length * 3)
  producer.memory.words[claim >> 2] = slot
  producer.memory.words[(claim >> 2) + 1] = 1
  producer.commit(BIND, CONTROL_TEXT + writeText(producer.memory, claim + CONTROL_TEXT, text))
  producer.publish()
}

function bindOf({ mode, maxDelayMs }: Load, items: readonly string[]): BindRequest {
  const base = {
    ...{ id: 0, items, prefixes: [], fields: null, filter: null, window: null },
    ...{ maxFrequency: 0, hasSnapshot: true, historyMax: null, bufferSize: 0 },
  }
  return {
    transport: 'ndjson',
    encoding: 'json',
    resume: null,
    mayOpen: true,
    opening: { ...base, mode, onLost: 'snapshot' },
    maxDelayMs,
    maxBandwidth: 0,
    requests: [],
    waitMs: 0,
  }
}

function nameOf(item: number): string {
  return `i${String(item).padStart(3, '0')}`
}

function lineOf(item: number, next: (max: number) => number): string {
  const price = () => `${100 + next(900)}.${10 + next(90)}`
  const fields = {
    bid: price(),
    ask: price(),
    last: price(),
    size: String(100 + next(900)),
    at: String(1e12 + next(1e9)),
  }
  return JSON.stringify({ item: nameOf(item), fields })
}

function random(): (max: number) => number {
  let state = 12_345
  return max => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return (state >>> 8) % max
  }
}

if (import.meta.main) {
  for (const { name, nsPerUpdate, updates, bytes } of run(process.argv.includes('--small'))) {
    console.log(
      `${name.padEnd(46)} ${nsPerUpdate.toFixed(0).padStart(6)} ns an update (${updates} updates, ${bytes} B)`,
    )
  }
}

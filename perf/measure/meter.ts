/**
 * Makes a Run of what was counted between two looks at everybody's counters, and of what was seen each second between
 * them. Pure: it is handed what was counted.
 */

import type { Histogram } from 'hdr-histogram-js'
import type { ClientsCount } from '#perf/load/crew.ts'
import { addEncoded, newHistogram, quantilesOf } from '#perf/load/histogram.ts'
import type { GroupCount, GroupName } from '#perf/load/messages.ts'
import type { Ledger, QueueUse, Run, Sample, ThreadUse } from '#perf/result.ts'
import type { Insight } from '#perf/targets/target.ts'
import type { CpuUse } from './proc.ts'

/** A client whose loop is busier than this limits what is measured. */
const BOTTLENECK_SHARE = 0.9
/** So much of what is due has to come, or to be conflated. */
export const HELD_SHARE = 0.99
/** A part of a second that is shorter tells little of what a second brings. */
const SAMPLE_SECONDS_MIN = 0.5

export interface Look {
  readonly atMs: number
  readonly server: CpuUse
  readonly clients: CpuUse
  readonly feed: CpuUse
  readonly residentBytes: number
  readonly insight: Insight | null
  /** Updates that full clients have read so far. */
  readonly fullReceived: number
}

/** Of one group of clients over the time. */
interface GroupTotal {
  received: number
  bytes: number
  reads: number
  readonly latency: Histogram
  readonly age: Histogram
}

/** What a run is called, and what was known of its server before it. */
export interface RunHead {
  readonly target: string
  readonly label: string
  readonly options: string
  readonly residentBytes: { readonly empty: number; readonly connected: number }
}

export class Meter {
  readonly #before: Look
  readonly #totals = new Map<GroupName, GroupTotal>()
  readonly #samples: Sample[] = []
  readonly #queues = new Map<string, QueueUse>()
  /** By thread and by client process: sums over the looks. */
  readonly #threads = new Map<string, number>()
  readonly #clientUse: number[] = []
  #looks = 0
  #last: Look
  #maxBytes: number
  #due = 0

  constructor(before: Look) {
    this.#before = before
    this.#last = before
    this.#maxBytes = before.residentBytes
  }

  /** What was counted since the last look; `due`: updates that clients were due in that time. */
  add(counts: readonly ClientsCount[], due: number, look: Look): void {
    const seconds = (look.atMs - this.#last.atMs) / 1_000
    const latency = newHistogram()
    let received = look.fullReceived - this.#last.fullReceived
    for (const [index, { groups, utilisation }] of counts.entries()) {
      this.#clientUse[index] = (this.#clientUse[index] ?? 0) + utilisation
      for (const group of groups) {
        this.#addGroup(group)
        if (!isCounted(group.name)) continue
        received += group.received
        if (isFast(group.name)) addEncoded(latency, group.latency)
      }
    }
    if (look.insight !== null) this.#noteInsight(look.insight)
    if (seconds >= SAMPLE_SECONDS_MIN) {
      this.#samples.push({
        second: this.#samples.length + 1,
        delivered: received / seconds,
        p99Ms: quantilesOf(latency)?.p99 ?? null,
        cpuShare: (look.server.ranSeconds - this.#last.server.ranSeconds) / seconds,
        residentBytes: look.residentBytes,
      })
    }
    this.#maxBytes = Math.max(this.#maxBytes, look.residentBytes)
    this.#due += due
    this.#looks++
    this.#last = look
  }

  /** The last second. */
  get sample(): Sample | undefined {
    return this.#samples.at(-1)
  }

  run({ target, label, options, residentBytes }: RunHead): Run {
    const [before, last] = [this.#before, this.#last]
    const seconds = (last.atMs - before.atMs) / 1_000
    const counted = this.#counted()
    const fast = this.#fast()
    const received = counted.received + last.fullReceived - before.fullReceived
    const cpuSeconds = last.server.ranSeconds - before.server.ranSeconds
    const ledger = ledgerBetween(before.insight, last.insight)
    const flushes = before.insight && last.insight ? last.insight.flushes - before.insight.flushes : 0
    const share = (seen: 'server' | 'clients' | 'feed') => (last[seen].ranSeconds - before[seen].ranSeconds) / seconds
    const clientUtilisation = Math.max(0, ...this.#clientUse) / Math.max(1, this.#looks)
    return {
      target,
      label,
      options,
      seconds,
      due: this.#due,
      received,
      receivedPerSecond: received / seconds,
      ledger,
      serverCpuSecondsPerMillion: received === 0 ? 0 : (cpuSeconds / received) * 1e6,
      serverCpuShare: share('server'),
      clientCpuShare: share('clients'),
      feedCpuShare: share('feed'),
      latencyMs: quantilesOf(fast.latency),
      ageMs: quantilesOf(fast.age),
      bytesPerUpdate: counted.received === 0 ? 0 : counted.bytes / counted.received,
      updatesPerRead: counted.reads === 0 ? 0 : counted.received / counted.reads,
      updatesPerWrite: ledger === null || flushes === 0 ? null : ledger.delivered / flushes,
      residentBytes: { ...residentBytes, max: this.#maxBytes },
      threads: [...this.#threads].map(([name, sum]): ThreadUse => ({ name, utilisation: sum / this.#looks })),
      queues: [...this.#queues.values()],
      clientUtilisation,
      isClientBottleneck: clientUtilisation >= BOTTLENECK_SHARE,
      serverWaitedShare: waitedShare(before.server, last.server, seconds),
      isHeld: received + (ledger?.conflated ?? 0) >= this.#due * HELD_SHARE,
      faults: [],
      samples: this.#samples,
      extra: this.#slowExtras(),
    }
  }

  #addGroup(group: GroupCount): void {
    let total = this.#totals.get(group.name)
    if (total === undefined) {
      total = { received: 0, bytes: 0, reads: 0, latency: newHistogram(), age: newHistogram() }
      this.#totals.set(group.name, total)
    }
    total.received += group.received
    total.bytes += group.bytes
    total.reads += group.reads
    addEncoded(total.latency, group.latency)
    addEncoded(total.age, group.age)
  }

  #counted(): { received: number; bytes: number; reads: number } {
    const all = { received: 0, bytes: 0, reads: 0 }
    for (const [name, total] of this.#totals) {
      if (!isCounted(name)) continue
      all.received += total.received
      all.bytes += total.bytes
      all.reads += total.reads
    }
    return all
  }

  /** What is timed is whoever reads as fast as it can; slow ones have figures of their own in `extra`. */
  #fast(): { latency: Histogram; age: Histogram } {
    const [latency, age] = [newHistogram(), newHistogram()]
    for (const [name, total] of this.#totals) {
      if (!isFast(name)) continue
      latency.add(total.latency)
      age.add(total.age)
    }
    return { latency, age }
  }

  #slowExtras(): Record<string, number> {
    const slow = this.#totals.get('slow')
    const age = slow === undefined ? null : quantilesOf(slow.age)
    return age === null ? {} : { 'slow clients: age p50 ms': age.p50, 'slow clients: age p99 ms': age.p99 }
  }

  #noteInsight(insight: Insight): void {
    for (const queue of insight.queues) {
      const key = `${queue.stage} ${queue.unit}`
      const depthMax = Math.max(queue.depthMax, this.#queues.get(key)?.depthMax ?? 0)
      this.#queues.set(key, { ...queue, depthMax })
    }
    for (const { name, utilisation } of insight.threads) {
      this.#threads.set(name, (this.#threads.get(name) ?? 0) + utilisation)
    }
  }
}

/** Clients that are there to be there are due nothing. */
function isCounted(name: GroupName): boolean {
  return name !== 'idle' && name !== 'storm'
}

/** Not those that come and go: the first that they get are old values, and not late. */
function isFast(name: GroupName): boolean {
  return name === 'fast' || name === 'raw'
}

function waitedShare(before: CpuUse, last: CpuUse, seconds: number): number | null {
  if (before.waitedSeconds === null || last.waitedSeconds === null) return null
  return (last.waitedSeconds - before.waitedSeconds) / seconds
}

/** What waits may have become less. */
function ledgerBetween(before: Insight | null, after: Insight | null): Ledger | null {
  if (before === null || after === null) return null
  const [a, b] = [before.ledger, after.ledger]
  return {
    published: b.published - a.published,
    delivered: b.delivered - a.delivered,
    conflated: b.conflated - a.conflated,
    dropped: b.dropped - a.dropped,
    lost: b.lost - a.lost,
    waiting: b.waiting - a.waiting,
  }
}

/**
 * Every metric, once: its name, its help, its kind, its labels, and where a thread's block of numbers holds it.
 *
 * A block is a Float64Array, shared between its thread, which alone writes it, and whoever renders it. The layout follows
 * from the order of the rows below:
 *
 *   a row without labels of its own    one slot
 *   a row by stage                     one slot a stage: M.stageRecords + CONFLATE
 *   a histogram by stage               WAIT_SLOTS a stage: a count for each bucket, one for what is longer, the sum
 *   a row by quantile                  one slot a quantile: M.latency + 0 … 3
 *
 * Invariants (test/rules.md, M):
 *  - Names are millrace_<subject>_<unit>, counters end in _total; units are base units (seconds, bytes).
 *  - No two rows share a slot; BLOCK_SLOTS holds all of them and fills whole cache lines.
 *
 *  - Counting neither waits nor allocates. A reader may see one number of a batch and not yet the next; each is whole.
 *
 * Cost: 4 ns for an addition, some 30 for a waiting time. When you add a row here, that is all there is to do.
 */

import { assert } from '#src/assert.ts'

export const STAGES = ['accept', 'parse', 'route', 'conflate', 'batch', 'write'] as const
export type StageName = (typeof STAGES)[number]

/** The number of a stage: added to the slot of a row by stage. */
export const ACCEPT = 0
export const PARSE = 1
export const ROUTE = 2
export const CONFLATE = 3
export const BATCH = 4
export const WRITE = 5

/** Upper bounds of the buckets of waiting times, in ms; they are told in seconds. */
export const WAIT_BOUNDS_MS = [
  0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000,
] as const
/** What one stage's waiting times take: a slot a bucket, one for longer ones, the sum in seconds. */
export const WAIT_SLOTS = WAIT_BOUNDS_MS.length + 2
/** Of those, where the sum is. */
export const WAIT_SUM = WAIT_BOUNDS_MS.length + 1

/** The quantiles of M.latency, in the order of their slots; 1 is the maximum. */
export const QUANTILES = ['0.5', '0.9', '0.99', '1'] as const

export type MetricKind = 'counter' | 'gauge' | 'histogram'
/** What tells the slots of one row apart. */
export type MetricLabel = 'none' | 'stage' | 'quantile'

export interface MetricRow {
  readonly name: string
  readonly kind: MetricKind
  readonly label: MetricLabel
  readonly help: string
}

function counter(name: string, help: string): MetricRow {
  return { name, kind: 'counter', label: 'none', help }
}

function gauge(name: string, help: string): MetricRow {
  return { name, kind: 'gauge', label: 'none', help }
}

function byStage(kind: MetricKind, name: string, help: string): MetricRow {
  return { name, kind, label: 'stage', help }
}

export const METRICS = {
  stageRecords: byStage('counter', 'millrace_stage_records_total', 'Records that the stage has handled.'),
  stageBatches: byStage(
    'counter',
    'millrace_stage_batches_total',
    'Batches they came in: records a batch is the quotient.',
  ),
  stageRefused: byStage('counter', 'millrace_stage_refused_total', 'Records that the stage did not let in.'),
  stageBusy: byStage('counter', 'millrace_stage_busy_seconds_total', 'Time spent in the stage.'),
  stageQueueBytes: byStage('gauge', 'millrace_stage_queue_bytes', "Bytes in the stage's inbound queues."),
  stageQueueRecords: byStage(
    'gauge',
    'millrace_stage_queue_records',
    "Records in the stage's inbound queues, where they are counted.",
  ),
  stageQueueCapacity: byStage(
    'gauge',
    'millrace_stage_queue_capacity_bytes',
    "The bound of the stage's inbound queues, in bytes.",
  ),
  stageQueueCapacityRecords: byStage(
    'gauge',
    'millrace_stage_queue_capacity_records',
    "The bound of the stage's inbound queues, in records, where they are counted so.",
  ),
  stageWait: byStage(
    'histogram',
    'millrace_stage_wait_seconds',
    'How long records waited for the stage, a batch at a time.',
  ),

  feedLines: counter('millrace_feed_lines_total', 'Lines read from feeds.'),
  feedBytes: counter('millrace_feed_bytes_total', 'Bytes read from feeds.'),
  feedErrors: counter('millrace_feed_errors_total', 'Lines of feeds that were refused, or reported as errors.'),
  feedConnections: gauge('millrace_feed_connections', 'Feeds that are connected.'),
  feedsStale: counter('millrace_feeds_stale_total', 'Feeds that went away and left their items stale.'),

  updatesPublished: counter('millrace_updates_published_total', 'Updates published to sessions: one a subscription.'),
  updatesDelivered: counter('millrace_updates_delivered_total', 'Updates that connections took.'),
  updatesConflated: counter(
    'millrace_updates_conflated_total',
    'Updates superseded by a newer value before they were sent.',
  ),
  updatesDropped: counter('millrace_updates_dropped_total', 'Updates discarded by a named policy.'),
  updatesRecalled: counter(
    'millrace_updates_recalled_total',
    'Updates handed over that a client had not got when it resumed: they wait again.',
  ),
  updatesLost: counter('millrace_updates_lost_total', 'Updates gone with a fault: a thread, a connection.'),
  updatesRefused: counter('millrace_updates_refused_total', 'Updates that were not let in: a bound was reached.'),
  updatesWaiting: gauge('millrace_updates_waiting', 'Updates that sessions have not been sent yet.'),

  items: gauge('millrace_items', 'Items held.'),
  rows: gauge('millrace_rows', 'Rows of items that are tables.'),
  sessions: gauge('millrace_sessions', 'Sessions, with a stream or without.'),
  sessionsUnbound: gauge('millrace_sessions_unbound', 'Sessions that have no stream at present.'),
  sessionsOpened: counter('millrace_sessions_opened_total', 'Sessions that were opened.'),
  sessionsRecovered: counter(
    'millrace_sessions_recovered_total',
    'Streams that took a session up where their client was; of polls those that tell so.',
  ),
  sessionsRestarted: counter(
    'millrace_sessions_restarted_total',
    'Streams whose session had to begin anew, as it could not go on where their client was.',
  ),
  sessionsUnknown: counter('millrace_sessions_unknown_total', 'Streams that asked for a session that is no more.'),
  connections: gauge('millrace_connections', 'Open connections of clients.'),
  connectionsOpened: counter('millrace_connections_total', 'Connections of clients that were let in.'),
  connectionsRefused: counter('millrace_connections_refused_total', 'Connections of clients that were not let in.'),
  connectionsStalled: counter('millrace_connections_stalled_total', 'Connections closed because they took no byte.'),
  requests: counter('millrace_requests_total', 'HTTP requests read, those with errors included.'),

  flushes: counter('millrace_flushes_total', 'Flushes: moments at which what a session lacked became bytes.'),
  flushBytes: counter('millrace_flush_bytes_total', 'Bytes of flushes handed to connections.'),
  flushShared: counter('millrace_flush_shared_total', 'Connections that got a flush made for several.'),
  staleRecords: counter('millrace_stale_records_total', 'Records for an earlier user of a slot, discarded.'),
  keepalives: counter('millrace_keepalives_total', 'Signs of life written to silent streams.'),
  wakeups: counter('millrace_wakeups_total', 'Times that the thread was woken by a doorbell.'),

  valueStoreBytes: gauge('millrace_value_store_bytes', 'Memory that the values of items take.'),
  loopUtilisation: gauge(
    'millrace_loop_utilisation_ratio',
    "Share of the time that the thread's loop was busy: 0 to 1.",
  ),
  residentBytes: gauge('millrace_resident_bytes', 'Resident memory of the whole process, told by one of its threads.'),
  aliveSeconds: gauge('millrace_thread_alive_seconds', 'When the thread last turned, in seconds since 1970.'),
  latency: {
    name: 'millrace_latency_seconds',
    kind: 'gauge',
    label: 'quantile',
    help: 'From the receipt of an update to its write, in the last window; quantile 1 is the longest. 0 if none.',
  },
} as const satisfies Readonly<Record<string, MetricRow>>

export type MetricKey = keyof typeof METRICS

/** Float64 numbers in a line of a cache that fetches two lines at once. */
const SLOTS_PER_LINE = 16

function slotCount(row: MetricRow): number {
  if (row.label === 'quantile') return QUANTILES.length
  if (row.label === 'none') return 1
  return STAGES.length * (row.kind === 'histogram' ? WAIT_SLOTS : 1)
}

interface Layout {
  readonly slots: Readonly<Record<MetricKey, number>>
  readonly count: number
}

function layout(): Layout {
  const slots: Partial<Record<MetricKey, number>> = {}
  let next = 0
  for (const key of Object.keys(METRICS) as MetricKey[]) {
    slots[key] = next
    next += slotCount(METRICS[key])
  }
  const count = Math.ceil(next / SLOTS_PER_LINE) * SLOTS_PER_LINE
  // Filled key by key the object is a dictionary to V8, and each M.name of hot code a lookup (17 ns an addition instead
  // of 4). One made by JSON.parse has its keys in its shape.
  const shaped = JSON.parse(JSON.stringify(slots)) as Record<MetricKey, number>
  return { slots: Object.freeze(shaped), count }
}

const LAYOUT = layout()

/** The first slot of each metric in a thread's block. */
export const M = LAYOUT.slots
/** The length of a thread's block, in numbers of 8 bytes. */
export const BLOCK_SLOTS = LAYOUT.count

const BOUND_COUNT = WAIT_BOUNDS_MS.length
const BOUNDS = Float64Array.from(WAIT_BOUNDS_MS)

/** How a thread counts: numbers in its own block. Times are taken a batch at a time by the caller. */
export class ThreadMetrics {
  readonly #block: Float64Array

  constructor(block: Float64Array) {
    assert(block.length >= BLOCK_SLOTS, 'a block holds every metric')
    this.#block = block
  }

  /** Counters: `n` more at the slot, which is M.name, or M.name + stage. */
  add(slot: number, n: number): void {
    this.#block[slot]! += n
  }

  /** Gauges: what it is now. */
  set(slot: number, v: number): void {
    this.#block[slot] = v
  }

  get(slot: number): number {
    return this.#block[slot]!
  }

  /** `count` records have waited `ms` for the stage. A time below 0 (clocks of two threads) or NaN counts as 0. */
  observeWait(stage: number, ms: number, count: number): void {
    const waitMs = Number.isNaN(ms) ? 0 : Math.max(ms, 0)
    const first = M.stageWait + stage * WAIT_SLOTS
    let bucket = 0
    while (bucket < BOUND_COUNT && waitMs > BOUNDS[bucket]!) bucket++
    this.#block[first + bucket]! += count
    this.#block[first + WAIT_SUM]! += (waitMs / 1_000) * count
  }

  /** A batch of a stage, counted at its end. */
  observeBatch(stage: number, records: number, busyMs: number): void {
    assert(stage >= 0 && stage < STAGES.length, 'a batch belongs to a stage')
    this.#block[M.stageRecords + stage]! += records
    this.#block[M.stageBatches + stage]! += 1
    this.#block[M.stageBusy + stage]! += busyMs > 0 ? busyMs / 1_000 : 0
  }
}

/**
 * batch: turns a session's lack into bytes at its flush.
 *
 * Inbound: for each edge the queue of sessions that have something and may send it (bounded: a session stands in it at
 * most once). When full: cannot be. When the edge is behind (writes-ahead.ts), its ring full or the connection's window, a
 * session goes on waiting, and conflates: nothing waits as bytes.
 *
 * A turn takes up to `flushSessionsMax` sessions of an edge in two passes: the first decides for each which bodies it
 * gets and finds those in step; the second writes one record per group and only then changes what the sessions have.
 *
 * In flight per connection: at most `windowBytes`, or one flush when nothing else is (a single body may be larger than
 * `flushBytesMax`, then it goes alone).
 */

import { copyBytes } from '#src/bytes.ts'
import { HEAD_BYTES_MAX, STREAM_CODECS } from '#src/codec/json-stream.ts'
import { CLOCK_WRAP_MS, CONNECTION_BYTES, CONTROL_TEXT, END, FLUSH, FLUSH_CONNECTIONS } from '#src/codec/record.ts'
import type { Config } from '#src/config/config.ts'
import type { FieldTable } from '#src/domain/field-table.ts'
import { ReadyQueue } from '#src/domain/ready-queue.ts'
import { BLOCKED, ENDED, ENDING, IDLE, READY, type Session } from '#src/domain/session.ts'
import { NONE, type Subscriptions } from '#src/domain/subscriptions.ts'
import type { ValueStore } from '#src/domain/value-store.ts'
import type { ClientErrorCode } from '#src/errors.ts'
import { BATCH, M, type ThreadMetrics } from '#src/metrics/names.ts'
import { claimOrAwait, FULL, type RecordProducer } from '#src/ring/queue.ts'
import type { InFlightWords } from '#src/ring/shared-words.ts'
import type { Stage } from '#stages/stage.ts'
import { Bodies } from './bodies.ts'
import { BodyHeap } from './body-heap.ts'
import { Collector } from './collector.ts'
import { FlushGroups, PARTIAL, PLAIN, WHOLE } from './flush-groups.ts'
import { Handover } from './handover.ts'
import { WritesAhead } from './writes-ahead.ts'

/** Bodies of one turn lie here; a larger heap makes fewer bodies anew. */
const HEAP_BYTES_MIN = 8 << 20
/** The longest item is a twelfth of an edge's ring at most (config/check.ts): half a heap, what a turn has, holds two. */
const HEAP_RING_PARTS = 3
const TOKENS_MAX = 1 << 16
/** Behind by this part of writesAheadMax, an edge gets no second flush for a connection. */
const NEAR_PARTS = 4

/** Where a session's flushes go. */
export interface BatchOutput {
  readonly ring: RecordProducer
  readonly inFlight: InFlightWords
}

export interface BatchDeps {
  readonly config: Config
  readonly outputs: readonly BatchOutput[]
  readonly subscriptions: Subscriptions
  readonly fields: FieldTable
  readonly store: ValueStore
  readonly metrics: ThreadMetrics
  /** `EPOCH.` in ASCII: this core's life, before each position. */
  readonly epoch: Buffer
  readonly position: () => number
  /** The session has been told its last; it ends. */
  readonly onEnded: (session: Session) => void
}

interface Flow {
  readonly output: BatchOutput
  readonly ready: ReadyQueue
  /** Sessions that are to be told why they end. */
  readonly ending: { session: Session; last: Buffer }[]
  isFull: boolean
  readonly ahead: WritesAhead
}

export class Batch implements Stage {
  readonly name = 'batch'
  readonly queueUnit = 'records'
  readonly bodies: Bodies
  readonly #deps: BatchDeps
  readonly #flows: Flow[]
  readonly #groups: FlushGroups
  readonly #collector: Collector
  readonly #handover: Handover
  #nowMs = 0
  /** The server goes down. */
  #isLast = false
  constructor(deps: BatchDeps) {
    this.#deps = deps
    const { config } = deps
    const heapBytes = Math.max(HEAP_BYTES_MIN, Math.ceil(config.edgeRingBytes / HEAP_RING_PARTS))
    this.bodies = new Bodies(new BodyHeap(heapBytes), deps.fields, deps.store)
    this.#groups = new FlushGroups(config.flushSessionsMax, TOKENS_MAX)
    this.#collector = new Collector(this.bodies, this.#groups, deps.subscriptions)
    this.#handover = new Handover(deps.subscriptions, deps.metrics)
    this.#flows = deps.outputs.map(output => ({
      output,
      ready: new ReadyQueue(),
      ending: [],
      isFull: false,
      ahead: new WritesAhead(config.writesAheadMax),
    }))
  }

  enqueue(session: Session): void {
    this.#flows[session.edge]!.ready.push(session)
  }

  work(nowMs: number): number {
    this.#nowMs = nowMs
    const { config } = this.#deps
    let done = 0
    for (const flow of this.#flows) {
      flow.isFull = false
      if (flow.ready.length > 0 && !this.#isBehind(flow, config.writesAheadMax)) done += this.#turn(flow)
      if (flow.ending.length > 0) done += this.#endSome(flow)
    }
    return done
  }

  /** Flushes what waits, however far the edges are behind: nothing new comes. Windows and rings fill, or nothing is left. */
  flushLast(nowMs: number): void {
    this.#isLast = true
    while (this.work(nowMs) > 0);
  }

  publish(): void {
    for (const flow of this.#flows) flow.output.ring.publish()
  }

  queueDepth(): number {
    let depth = 0
    for (const flow of this.#flows) depth += flow.ready.length
    return depth
  }

  queueCapacity(): number {
    return this.#deps.config.sessionsMax
  }

  /** Queues the last words of a session: it gets nothing after them. */
  end(session: Session, code: ClientErrorCode, message: string, retryMs: number): void {
    if (session.state >= ENDING) return
    session.state = ENDING
    const last = STREAM_CODECS[session.codec]!.closing(code, message, retryMs)
    this.#flows[session.edge]!.ending.push({ session, last })
  }

  /** Whether the edge is `writesMax` behind or more; then it wakes this thread when it has done some. */
  #isBehind({ ahead, output: { ring } }: Flow, writesMax: number): boolean {
    if (this.#isLast) return false
    if (ahead.countBehind(ring.consumed()) < writesMax) return false
    ring.awaitRoom()
    return ahead.countBehind(ring.consumed()) >= writesMax
  }

  /** One turn of an edge. Returns how many sessions it settled. */
  #turn(flow: Flow): number {
    const groups = this.#groups
    const { heap } = this.bodies
    const { inFlight } = flow.output
    const writesNear = Math.ceil(this.#deps.config.writesAheadMax / NEAR_PARTS)
    heap.turn(heap.bytes.length >> 1)
    groups.begin()
    let settled = 0
    while (!groups.isFull) {
      const session = flow.ready.take()
      if (session === null) break
      if (session.state !== READY) continue
      // Its last flush is on its way: what comes meanwhile goes in one with the next, unless the edge is nearly there.
      if (inFlight.bytes(session.slot) > 0 && this.#isBehind(flow, writesNear)) {
        flow.ready.putBack(session)
        break
      }
      const outcome = this.#collect(flow, session)
      if (outcome === TURN_FULL) {
        flow.ready.putBack(session)
        break
      }
      if (outcome === SETTLED) settled++
    }
    let writes = 0
    for (let group = 0; group < groups.groupCount; group++) writes += this.#write(flow, group)
    if (writes > 0 && !this.#isLast) flow.ahead.note(flow.output.ring.position(), writes)
    if (flow.isFull) this.#putBack(flow)
    return settled + writes
  }

  /** Decides what a session gets: adds it to the groups, or settles it (blocked, or nothing to send). */
  #collect(flow: Flow, session: Session): number {
    const { windowBytes, flushBytesMax } = this.#deps.config
    const flying = flow.output.inFlight.bytes(session.slot)
    if (flying >= windowBytes) return this.#block(flow, session, flying) ? SETTLED : this.#collect(flow, session)
    const groups = this.#groups
    const start = groups.tokenCount
    const collector = this.#collector
    const budget = flying === 0 ? flushBytesMax : Math.min(flushBytesMax, windowBytes - flying - HEAD_BYTES_MAX)
    collector.collect(session, budget, flying === 0)
    const { taken, kind } = collector
    if (groups.tokenCount > start) {
      const member = groups.add(session, start, collector.flushBytes, collector.flushUpdates, taken)
      groups.kinds[member] = kind
      if (kind === PARTIAL) groups.parts.set(member, collector.position, collector.seq, collector.isStaleTold)
      return COLLECTED
    }
    if (taken > 0) {
      this.#commit(flow, session, taken, 0, WHOLE, NONE)
      return SETTLED
    }
    if (collector.isTurnFull) return TURN_FULL
    // Not even one body fits beside what is in flight.
    return this.#block(flow, session, flying) ? SETTLED : this.#collect(flow, session)
  }

  /** Waits for the connection's window; false when room was made meanwhile. */
  #block(flow: Flow, session: Session, flying: number): boolean {
    const { inFlight } = flow.output
    inFlight.setWaiting(session.slot)
    // The mark stays: the slot may have become another core's meanwhile, and be waited for there. What it brings here is
    // one `writable` that nobody waits for.
    if (inFlight.bytes(session.slot) < flying) return false
    session.state = BLOCKED
    return true
  }

  /** Writes one record for all members of a group. Returns for how many. */
  #write(flow: Flow, group: number): number {
    const groups = this.#groups
    const { ring, inFlight } = flow.output
    const count = groups.memberCounts[group]!
    const byteCount = groups.byteCounts[group]!
    const bytesStart = FLUSH_CONNECTIONS + count * CONNECTION_BYTES
    const claim = flow.isFull ? FULL : claimOrAwait(ring, bytesStart + byteCount + HEAD_BYTES_MAX)
    let member = groups.firstMembers[group]!
    if (claim < 0) {
      flow.isFull = true
      return 0
    }
    const { words, doubles } = ring.memory
    const first = groups.sessions[member]!
    const length = this.#writeBytes(ring.memory.bytes, claim + bytesStart, group, first.codec)
    words[claim >> 2] = count
    words[(claim >> 2) + 1] = length
    const updateCount = groups.updateCounts[group]!
    words[(claim >> 2) + 2] = updateCount
    words[(claim >> 2) + 3] = this.#nowMs % CLOCK_WRAP_MS
    const waitingSinceMs = this.#deps.subscriptions.waitingSinceMs[first.number]!
    doubles[(claim >> 3) + 2] = waitingSinceMs
    let word = (claim + FLUSH_CONNECTIONS) >> 2
    for (; member >= 0; member = groups.nextMember[member]!) {
      const session = groups.sessions[member]!
      words[word++] = session.slot
      words[word++] = session.generation
      inFlight.add(session.slot, length)
      this.#commit(flow, session, groups.taken[member]!, updateCount, groups.kinds[member]!, member)
      groups.sessions[member] = null
    }
    ring.commit(FLUSH, bytesStart + length)
    const { metrics } = this.#deps
    if (!Number.isNaN(waitingSinceMs)) metrics.observeWait(BATCH, this.#nowMs - waitingSinceMs, count)
    metrics.add(M.flushes, count)
    metrics.add(M.flushShared, count - 1)
    return count
  }

  /** The ring was full: those who got nothing are first again, in the order they were, or a newcomer would pass them. */
  #putBack(flow: Flow): void {
    const groups = this.#groups
    for (let member = groups.memberCount - 1; member >= 0; member--) {
      const session = groups.sessions[member] ?? null
      if (session !== null) flow.ready.putBack(session)
      groups.sessions[member] = null
    }
  }

  /** The bodies one behind the other, the head before the last of them. Returns the length. */
  #writeBytes(out: Buffer, start: number, group: number, codec: number): number {
    const groups = this.#groups
    const { bytes } = this.bodies.heap
    const last = groups.ends[group]! - 1
    let at = start
    for (let token = groups.starts[group]!; token < last; token++) {
      at = copyBytes(bytes, groups.tokens[token]!, out, at, groups.tokenLengths[token]!)
    }
    const offset = groups.tokens[last]!
    const before = groups.tokenLasts[last]!
    at = copyBytes(bytes, offset, out, at, before)
    at = STREAM_CODECS[codec]!.head(out, at, this.#deps.epoch, this.#deps.position())
    return copyBytes(bytes, offset + before, out, at, groups.tokenLengths[last]! - before) - start
  }

  /** The first `taken` subscriptions that wait have been handed over; of kind PARTIAL also a part of the next one. */
  #commit(flow: Flow, session: Session, taken: number, updateCount: number, kind: number, member: number): void {
    const { subscriptions } = this.#deps
    const handover = this.#handover
    let isEnding = false
    let subscription = subscriptions.firstWaiting(session)
    for (let i = 0; i < taken; i++) {
      const view = subscriptions.views[subscription]!
      if (kind === PLAIN) handover.plain(session, view, subscription, this.#nowMs)
      else if (view.mode === 'raw') isEnding = handover.raw(session, view, subscription) || isEnding
      else handover.merge(session, view, subscription, this.#nowMs)
      subscriptions.clear(subscription)
      subscription = subscriptions.nextWaiting(session, subscription)
    }
    if (kind === PARTIAL) handover.part(subscription, this.#groups.parts, member)
    session.handedOver += updateCount
    if (isEnding) {
      this.end(
        session,
        'UPDATES_LOST',
        'the stream fell behind the log of an item, and was to end then (onLost=end)',
        0,
      )
      return
    }
    if (subscription === NONE) {
      session.state = IDLE
      subscriptions.waitingSinceMs[session.number] = Number.NaN
    } else {
      // The others come first next time: one with much to send does not starve them.
      const behind = kind === PARTIAL ? subscription + 1 : subscription
      session.turn = behind === session.end ? session.first : behind
      flow.ready.push(session)
    }
  }

  #endSome(flow: Flow): number {
    let done = 0
    while (flow.ending.length > 0) {
      const { session, last } = flow.ending[0]!
      if (session.state !== ENDED) {
        const claim = claimOrAwait(flow.output.ring, CONTROL_TEXT + last.length)
        if (claim < 0) break
        const { bytes, words } = flow.output.ring.memory
        words[claim >> 2] = session.slot
        words[(claim >> 2) + 1] = session.generation
        last.copy(bytes, claim + CONTROL_TEXT)
        flow.output.ring.commit(END, CONTROL_TEXT + last.length)
        this.#deps.onEnded(session)
      }
      flow.ending.shift()
      done++
    }
    return done
  }
}

const COLLECTED = 0
const SETTLED = 1
const TURN_FULL = 2

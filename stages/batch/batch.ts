/**
 * batch: turns a session's lack into bytes at its flush.
 *
 * Inbound: for each edge the queue of sessions that have something and may send it (bounded: a session stands in it at
 * most once). When full: cannot be. When the edge's ring is full, or the connection's window, a session stays dirty and
 * conflates: nothing waits as bytes.
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
import { ENTRY_SNAPSHOT, ENTRY_STALE } from '#src/domain/item-log.ts'
import { ReadyQueue } from '#src/domain/ready-queue.ts'
import { BLOCKED, ENDED, ENDING, IDLE, READY, type Session } from '#src/domain/session.ts'
import { CLEAN, NEEDS_SNAPSHOT, type Subscription } from '#src/domain/subscription.ts'
import type { ValueStore } from '#src/domain/value-store.ts'
import type { ClientErrorCode } from '#src/errors.ts'
import { BATCH, M, type ThreadMetrics } from '#src/metrics/names.ts'
import { claimOrAwait, FULL, type RecordProducer } from '#src/ring/queue.ts'
import type { InFlightWords } from '#src/ring/shared-words.ts'
import type { Stage } from '#stages/stage.ts'
import { Bodies, concerns, NO_ROOM } from './bodies.ts'
import { BodyHeap } from './body-heap.ts'
import { FlushGroups } from './flush-groups.ts'

/** Bodies of one turn lie here; a larger heap makes fewer bodies anew. */
const HEAP_BYTES_MIN = 8 << 20
/** The longest item is a twelfth of an edge's ring at most (config/check.ts): half a heap, what a turn has, holds two. */
const HEAP_RING_PARTS = 3
const TOKENS_MAX = 1 << 16

/** Where a session's flushes go. */
export interface BatchOutput {
  readonly ring: RecordProducer
  readonly inFlight: InFlightWords
}

export interface BatchDeps {
  readonly config: Config
  readonly outputs: readonly BatchOutput[]
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
}

export class Batch implements Stage {
  readonly name = 'batch'
  readonly queueUnit = 'records'
  readonly bodies: Bodies
  readonly #deps: BatchDeps
  readonly #flows: Flow[]
  readonly #groups: FlushGroups
  #nowMs = 0
  /** Of the flush in the making: bytes it may have, whether nothing else is in flight, what it has. */
  #budget = 0
  #isAlone = false
  #runBytes = 0
  #runUpdates = 0
  #isTurnFull = false
  /** Of the bodies that go together or not at all. */
  #unitToken = 0
  #unitBytes = 0
  #unitUpdates = 0
  #isUnitCut = false

  constructor(deps: BatchDeps) {
    this.#deps = deps
    const { config } = deps
    const heapBytes = Math.max(HEAP_BYTES_MIN, Math.ceil(config.edgeRingBytes / HEAP_RING_PARTS))
    this.bodies = new Bodies(new BodyHeap(heapBytes), deps.fields, deps.store)
    this.#groups = new FlushGroups(config.flushSessionsMax, TOKENS_MAX)
    this.#flows = deps.outputs.map(output => ({ output, ready: new ReadyQueue(), ending: [], isFull: false }))
  }

  enqueue(session: Session): void {
    this.#flows[session.edge]!.ready.push(session)
  }

  work(nowMs: number): number {
    this.#nowMs = nowMs
    let done = 0
    for (const flow of this.#flows) {
      flow.isFull = false
      if (flow.ready.length > 0) done += this.#turn(flow)
      if (flow.ending.length > 0) done += this.#endSome(flow)
    }
    return done
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

  /** One turn of an edge. Returns how many sessions it settled. */
  #turn(flow: Flow): number {
    const groups = this.#groups
    const { heap } = this.bodies
    heap.turn(heap.bytes.length >> 1)
    groups.begin()
    let settled = 0
    while (!groups.isFull) {
      const session = flow.ready.take()
      if (session === null) break
      if (session.state !== READY) continue
      const outcome = this.#collect(flow, session)
      if (outcome === TURN_FULL) {
        flow.ready.putBack(session)
        break
      }
      if (outcome === SETTLED) settled++
    }
    for (let group = 0; group < groups.groupCount; group++) settled += this.#write(flow, group)
    if (flow.isFull) this.#putBack(flow)
    return settled
  }

  /** Decides what a session gets: adds it to the groups, or settles it (blocked, or nothing to send). */
  #collect(flow: Flow, session: Session): number {
    const { windowBytes, flushBytesMax } = this.#deps.config
    const flying = flow.output.inFlight.bytes(session.slot)
    if (flying >= windowBytes) return this.#block(flow, session, flying) ? SETTLED : this.#collect(flow, session)
    const groups = this.#groups
    const start = groups.tokenCount
    this.#budget = flying === 0 ? flushBytesMax : Math.min(flushBytesMax, windowBytes - flying - HEAD_BYTES_MAX)
    this.#isAlone = flying === 0
    this.#runBytes = 0
    this.#runUpdates = 0
    this.#isTurnFull = false
    let taken = 0
    let subscription = session.dirtyHead
    let isPartial = false
    while (subscription !== null) {
      const tokensBefore = groups.tokenCount
      const isRaw = subscription.view.mode === 'raw'
      const isWhole = isRaw ? this.#collectRaw(session, subscription) : this.#collectMerge(session.codec, subscription)
      if (!isWhole) {
        isPartial = isRaw && groups.tokenCount > tokensBefore
        break
      }
      taken++
      subscription = subscription.nextDirty
    }
    if (groups.tokenCount > start) {
      groups.add(session, start, this.#runBytes, this.#runUpdates, taken, isPartial)
      return COLLECTED
    }
    if (taken > 0) {
      this.#commit(flow, session, taken, false, 0)
      return SETTLED
    }
    if (this.#isTurnFull) return TURN_FULL
    // Not even one body fits beside what is in flight.
    return this.#block(flow, session, flying) ? SETTLED : this.#collect(flow, session)
  }

  /** Adds a merge subscription's bodies, all or none. */
  #collectMerge(codec: number, subscription: Subscription): boolean {
    this.#beginUnit()
    const { bodies } = this
    const { view } = subscription
    const { item } = view
    const isDeleted = subscription.hasItem && subscription.sentDeletions !== item.deletions
    if (isDeleted) this.#take(bodies.deleted(view, codec))
    if (item.isKnown) {
      const hasItem = subscription.hasItem && !isDeleted
      const isStaleTold = hasItem && subscription.isStaleTold
      if (isStaleTold && !item.isStale) this.#take(bodies.stale(view, codec, false))
      if (!hasItem || subscription.sentItemSeq < item.replacedSeq) {
        this.#takeUpdate(bodies.snapshot(view, codec))
      } else {
        const count = Bodies.changedCount(view, subscription.sentItemSeq)
        if (count > 0) this.#takeUpdate(bodies.delta(view, codec, subscription.sentItemSeq, count))
      }
      if (item.isStale && !isStaleTold) this.#take(bodies.stale(view, codec, true))
    }
    return this.#endUnit()
  }

  /** Adds as many of a raw subscription's entries as fit. Returns true when it then has everything. */
  #collectRaw(session: Session, subscription: Subscription): boolean {
    const { view } = subscription
    const log = view.item.log!
    if (isCutOff(subscription)) return this.#collectAnew(session, subscription)
    subscription.nextCursor = subscription.cursor
    subscription.nextSeq = subscription.sentSeq
    subscription.nextIsStaleTold = subscription.isStaleTold
    while (subscription.nextCursor < log.end) {
      const position = subscription.nextCursor
      const isUpdate = log.kindAt(position) <= ENTRY_SNAPSHOT
      if (!isUpdate || concerns(view, log, position)) {
        const seq = subscription.nextSeq + 1
        this.#beginUnit()
        const body = this.bodies.entry(view, session.codec, log, position, seq)
        if (isUpdate) this.#takeUpdate(body)
        else this.#take(body)
        if (!this.#endUnit()) return false
        if (isUpdate) subscription.nextSeq = seq
        else subscription.nextIsStaleTold = log.kindAt(position) === ENTRY_STALE
      }
      subscription.nextCursor++
    }
    return true
  }

  /** A raw subscription that begins, or that fell off the log's end: what it lost, and a snapshot unless it ends. */
  #collectAnew(session: Session, subscription: Subscription): boolean {
    const { bodies } = this
    const { codec, origin } = session
    const { view } = subscription
    const { item } = view
    const lost = lostBy(subscription)
    this.#beginUnit()
    if (lost > 0) this.#take(bodies.lost(view, codec, lost))
    const isBeginning = subscription.sentItemSeq === NEEDS_SNAPSHOT
    if (isBeginning || lost === 0 || origin.onLost === 'snapshot') {
      if (item.isKnown) {
        // Where the log has pushed out marks only, the values are those that the session has.
        if (isBeginning || lost > 0) this.#takeUpdate(bodies.snapshot(view, codec))
        // Marks went with the log's end: what they came to is told.
        const isMarksOnly = lost === 0 && !isBeginning
        if (isMarksOnly || item.isStale !== subscription.isStaleTold) {
          this.#take(bodies.stale(view, codec, item.isStale))
        }
      } else if (subscription.hasItem || lost > 0) {
        this.#take(bodies.deleted(view, codec))
      }
    }
    subscription.nextCursor = item.log!.end
    subscription.nextSeq = view.seq
    subscription.nextIsStaleTold = item.isKnown && item.isStale
    return this.#endUnit()
  }

  #beginUnit(): void {
    this.#unitToken = this.#groups.tokenCount
    this.#unitBytes = 0
    this.#unitUpdates = 0
    this.#isUnitCut = false
  }

  #take(offset: number): void {
    if (offset === NO_ROOM || !this.#groups.hasTokenRoom(1)) {
      this.#isUnitCut = true
      this.#isTurnFull = true
      return
    }
    this.#groups.push(offset, this.bodies.length)
    this.#unitBytes += this.bodies.length
  }

  #takeUpdate(offset: number): void {
    this.#take(offset)
    this.#unitUpdates++
  }

  /** Keeps the unit when it fits the flush's budget, or stands alone on a connection with nothing in flight. */
  #endUnit(): boolean {
    const isFirst = this.#isAlone && this.#runBytes === 0
    if (this.#isUnitCut || (this.#runBytes + this.#unitBytes > this.#budget && !isFirst)) {
      this.#groups.tokenCount = this.#unitToken
      return false
    }
    this.#runBytes += this.#unitBytes
    this.#runUpdates += this.#unitUpdates
    return true
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

  /** Writes one record for all members of a group. Returns how many sessions it settled. */
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
    words[(claim >> 2) + 2] = groups.updateCounts[group]!
    words[(claim >> 2) + 3] = this.#nowMs % CLOCK_WRAP_MS
    const { waitingSinceMs } = first
    doubles[(claim >> 3) + 2] = waitingSinceMs
    let word = (claim + FLUSH_CONNECTIONS) >> 2
    for (; member >= 0; member = groups.nextMember[member]!) {
      const session = groups.sessions[member]!
      words[word++] = session.slot
      words[word++] = session.generation
      inFlight.add(session.slot, length)
      this.#commit(flow, session, groups.taken[member]!, groups.partial[member] === 1, groups.updateCounts[group]!)
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
    for (let token = groups.starts[group]!; token <= last; token++) {
      if (token === last) at = STREAM_CODECS[codec]!.head(out, at, this.#deps.epoch, this.#deps.position())
      at = copyBytes(bytes, groups.tokens[token]!, out, at, groups.tokenLengths[token]!)
    }
    return at - start
  }

  /** The first `taken` dirty subscriptions have been handed over; with `isPartial` also a part of the next one. */
  #commit(flow: Flow, session: Session, taken: number, isPartial: boolean, updateCount: number): void {
    let subscription = session.dirtyHead
    let isEnding = false
    for (let i = 0; i < taken; i++) {
      if (subscription!.view.mode === 'raw') isEnding = this.#commitRaw(session, subscription!) || isEnding
      else this.#commitMerge(session, subscription!)
      subscription!.state = CLEAN
      subscription!.view.makeClean(subscription!)
      subscription = subscription!.nextDirty
    }
    session.dropDirty(taken)
    if (isPartial) {
      this.#commitRaw(session, session.dirtyHead!)
      session.rotateDirty()
    }
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
    if (session.dirtyHead === null) {
      session.state = IDLE
      session.waitingSinceMs = Number.NaN
    } else {
      flow.ready.push(session)
    }
  }

  #commitMerge(session: Session, subscription: Subscription): void {
    const { view } = subscription
    const { item } = view
    const published = view.seq - subscription.sentSeq
    if (published > 0) this.#countConflated(session, item.isKnown ? published - 1 : published)
    subscription.sentSeq = view.seq
    subscription.sentItemSeq = item.seq
    subscription.sentDeletions = item.deletions
    subscription.hasItem = item.isKnown
    subscription.isStaleTold = item.isKnown && item.isStale
    // A mark alone is no update: the next one need not wait for it.
    const isUpdated = published > 0 && item.isKnown
    if (isUpdated && subscription.intervalMs > 0) subscription.nextTurnMs = this.#nowMs + subscription.intervalMs
  }

  /** Returns true when the session is to end because it lost updates. */
  #commitRaw(session: Session, subscription: Subscription): boolean {
    const { metrics } = this.#deps
    const { view } = subscription
    const lost = lostBy(subscription)
    if (lost > 0) {
      session.dropped += lost
      metrics.add(M.updatesDropped, lost)
    } else if (subscription.sentItemSeq === NEEDS_SNAPSHOT) {
      // What came between the request and its first flush stands in the snapshot.
      this.#countConflated(session, subscription.nextSeq - subscription.sentSeq - (view.item.isKnown ? 1 : 0))
    }
    const isEnding = lost > 0 && session.origin.onLost === 'end'
    if (lost > 0 && !isEnding && view.item.isKnown) metrics.add(M.updatesPublished, 1)
    subscription.sentSeq = subscription.nextSeq
    subscription.cursor = subscription.nextCursor
    subscription.isStaleTold = subscription.nextIsStaleTold
    subscription.sentItemSeq = 0
    subscription.sentDeletions = view.item.deletions
    subscription.hasItem = view.item.isKnown
    return isEnding
  }

  #countConflated(session: Session, count: number): void {
    session.conflated += count
    this.#deps.metrics.add(M.updatesConflated, count)
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

/** A raw subscription that cannot go on from the log: it is to begin, or the log has pushed out what it lacks. */
function isCutOff(subscription: Subscription): boolean {
  return subscription.sentItemSeq === NEEDS_SNAPSHOT || subscription.cursor < subscription.view.item.log!.first
}

/** How many updates a raw subscription has lost: all that it lacks when the log has pushed out the first of them. */
function lostBy(subscription: Subscription): number {
  const { view } = subscription
  if (subscription.sentItemSeq === NEEDS_SNAPSHOT || subscription.cursor >= view.item.log!.first) return 0
  return view.seq - subscription.sentSeq
}

const COLLECTED = 0
const SETTLED = 1
const TURN_FULL = 2

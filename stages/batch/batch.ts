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
 * Each turn has a position of its own, and a session at most one flush in it: so a client that tells the position of the
 * last flush that it has handled tells exactly what it has (rewind.ts).
 *
 * In flight per connection: at most its window, or one flush when nothing else is (a single body may be larger than
 * `flushBytesMax`, then it goes alone). Where the peer confirms, up to half a window may be in flight unnoticed: what is
 * left below it counts as nothing. A session with a cap on its bandwidth waits until what it was sent is paid for.
 */

import { copyBytes } from '#src/bytes.ts'
import { HEAD_BYTES_MAX, ID_OFFSET, STREAM_CODECS, type StreamCodec } from '#src/codec/json-stream.ts'
import { CLOCK_WRAP_MS, CONNECTION_BYTES, CONTROL_TEXT_3, END, FLUSH, FLUSH_CONNECTIONS } from '#src/codec/record.ts'
import { closeCodeOf } from '#src/codec/websocket-frame.ts'
import type { Config } from '#src/config/config.ts'
import type { FieldTable } from '#src/domain/field-table.ts'
import { type Interests, NONE } from '#src/domain/interests.ts'
import { ReadyQueue } from '#src/domain/ready-queue.ts'
import { BLOCKED, ENDED, ENDING, IDLE, PACED, READY, type Session } from '#src/domain/session.ts'
import type { ValueStore } from '#src/domain/value-store.ts'
import type { View } from '#src/domain/view.ts'
import type { ClientErrorCode } from '#src/errors.ts'
import { BATCH, M, type ThreadMetrics } from '#src/metrics/names.ts'
import { claimOrAwait, FULL, type RecordProducer } from '#src/ring/queue.ts'
import type { InFlightWords } from '#src/ring/shared-words.ts'
import type { TimingWheel } from '#src/time/timing-wheel.ts'
import type { Stage } from '#stages/stage.ts'
import { windowStart } from '#stages/web-side.ts'
import { Bodies } from './bodies.ts'
import { BodyHeap } from './body-heap.ts'
import { Collector } from './collector.ts'
import { FlushGroups, PARTIAL, PLAIN, WHOLE } from './flush-groups.ts'
import { Handover } from './handover.ts'
import { RowBlocks } from './row-blocks.ts'
import { WritesAhead } from './writes-ahead.ts'

/** Bodies of one turn lie here; a larger heap makes fewer bodies anew. */
const HEAP_BYTES_MIN = 8 << 20
/** The longest item is a twelfth of an edge's ring at most (config/check.ts): half a heap, what a turn has, holds two. */
const HEAP_RING_PARTS = 3
const TOKENS_MAX = 1 << 16
/** Of what a session that ends was told, what goes with its last words. */
const LAST_LETTERS_MAX = 2_048
const LAST_BYTES_MAX = 8_192
/** Behind by this part of writesAheadMax, an edge gets no second flush for a connection. */
const NEAR_PARTS = 4

/** Of a second's bandwidth, so much goes in one flush; but not less than this many bytes. */
const PACE_PARTS = 4
const PACED_BYTES_MIN = 512

/** Where a session's flushes go. */
export interface BatchOutput {
  readonly ring: RecordProducer
  readonly inFlight: InFlightWords
}

export interface BatchDeps {
  readonly config: Config
  readonly outputs: readonly BatchOutput[]
  readonly interests: Interests
  readonly fields: FieldTable
  readonly store: ValueStore
  readonly metrics: ThreadMetrics
  /** The position of the next turn. */
  readonly advance: () => number
  readonly wheel: TimingWheel
  /** The session has been told its last; it ends. */
  readonly onEnded: (session: Session) => void
  /** The session's poll is answered. */
  readonly onPollAnswered: (session: Session) => void
  /** An interest of raw mode has fallen behind its log, and its subscription is to end then. */
  readonly onLost: (session: Session, subscription: number) => void
}

/** The last words of a stream. */
interface LastWords {
  readonly slot: number
  readonly generation: number
  readonly closeCode: number
  readonly bytes: Buffer
  /** The session that ends with its stream; null where it lives on. */
  readonly session: Session | null
}

interface Flow {
  readonly edge: number
  readonly output: BatchOutput
  readonly ready: ReadyQueue
  /** Streams that are to be told why they end. */
  readonly ending: LastWords[]
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
  #position = 0
  /** Of the bytes written last: where in them the session's id goes, or -1. */
  #idAt = -1
  /** Being written. */
  #group = 0
  /** Subscriptions that are to end behind the turn. */
  readonly #lost: { session: Session; id: number }[] = []
  readonly #answered: Session[] = []
  /** The server goes down. */
  #isLast = false
  constructor(deps: BatchDeps) {
    this.#deps = deps
    const { config } = deps
    const heapBytes = Math.max(HEAP_BYTES_MIN, Math.ceil(config.edgeRingBytes / HEAP_RING_PARTS))
    this.bodies = new Bodies(new BodyHeap(heapBytes), deps.fields, deps.store)
    const blocks = new RowBlocks(this.bodies.heap, deps.fields, deps.store, config.flushBytesMax)
    this.#groups = new FlushGroups(config.flushSessionsMax, TOKENS_MAX)
    this.#collector = new Collector(this.bodies, blocks, this.#groups, deps.interests)
    this.#handover = new Handover(deps.interests, deps.metrics, config.resumeEntriesMax)
    this.#flows = deps.outputs.map((output, edge) => ({
      edge,
      output,
      ready: new ReadyQueue(),
      ending: [],
      isFull: false,
      ahead: new WritesAhead(config.writesAheadMax),
    }))
  }

  enqueue(session: Session): void {
    // It may stand in the queue of the edge that its last stream was at: it is sent on from there.
    if (session.isQueued) return
    session.isQueued = true
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

  /** Queues the last words of a session: it gets nothing after them. One without a stream ends at once. */
  end(session: Session, code: ClientErrorCode, message: string, retryMs: number): void {
    if (session.state >= ENDING) return
    if (!session.isBound) {
      this.#deps.onEnded(session)
      return
    }
    session.state = ENDING
    const said = STREAM_CODECS[session.codec]!.closing(code, message, retryMs)
    this.#closeStream(session, session, code, Buffer.concat([...untold(session), said]))
  }

  /** Queues the last words of a session's stream; the session lives on. */
  unbind(session: Session, code: ClientErrorCode, message: string, retryMs: number): void {
    this.#closeStream(session, null, code, STREAM_CODECS[session.codec]!.closing(code, message, retryMs))
  }

  #closeStream(
    { edge, slot, generation }: Session,
    ending: Session | null,
    code: ClientErrorCode,
    bytes: Buffer,
  ): void {
    this.#flows[edge]!.ending.push({ slot, generation, closeCode: closeCodeOf(code), bytes, session: ending })
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
    this.#position = this.#deps.advance()
    this.#handover.position = this.#position
    let settled = 0
    while (!groups.isFull) {
      const session = flow.ready.take()
      if (session === null) break
      session.isQueued = false
      if (session.state !== READY) continue
      if (session.edge !== flow.edge) {
        this.enqueue(session)
        continue
      }
      // Its last flush is on its way: what comes meanwhile goes in one with the next, unless the edge is nearly there.
      if (inFlight.bytes(session.slot) > 0 && this.#isBehind(flow, writesNear)) {
        putBack(flow, session)
        break
      }
      const outcome = this.#collect(flow, session)
      if (outcome === TURN_FULL) {
        putBack(flow, session)
        break
      }
      if (outcome === SETTLED) settled++
    }
    let writes = 0
    for (let group = 0; group < groups.groupCount; group++) writes += this.#write(flow, group)
    if (writes > 0 && !this.#isLast) flow.ahead.note(flow.output.ring.position(), writes)
    if (flow.isFull) this.#putBack(flow)
    this.#settleTurn()
    return settled + writes
  }

  /** What changes a session's interests or its stream waits until nothing of the turn is under way. */
  #settleTurn(): void {
    const { onLost, onPollAnswered } = this.#deps
    for (const { session, id } of this.#lost) onLost(session, id)
    this.#lost.length = 0
    for (const session of this.#answered) onPollAnswered(session)
    this.#answered.length = 0
  }

  /** Decides what a session gets: adds it to the groups, or settles it (blocked, or nothing to send). */
  #collect(flow: Flow, session: Session): number {
    if (session.maxBandwidth > 0 && session.paidMs > this.#nowMs && !this.#isLast) {
      session.state = PACED
      this.#deps.wheel.schedule(session, session.paidMs)
      return SETTLED
    }
    const { inFlight } = flow.output
    const flying = inFlight.bytes(session.slot)
    const window = this.#windowOf(session, inFlight)
    if (flying >= window) return this.#block(flow, session, flying) ? SETTLED : this.#collect(flow, session)
    const groups = this.#groups
    const start = groups.tokenCount
    const collector = this.#collector
    const isAlone = flying === 0 || (session.isConfirming && flying < window >> 1)
    collector.collect(session, this.#budgetOf(session, flying, window), isAlone)
    const { taken, kind } = collector
    if (groups.tokenCount > start) {
      const member = groups.add(session, start, collector.draft.bytes, collector.draft.updates, taken)
      groups.kinds[member] = kind
      groups.events[member] = collector.events
      if (kind === PARTIAL) groups.parts.set(member, collector.part)
      return COLLECTED
    }
    if (taken > 0) {
      this.#commit(session, taken, 0, WHOLE, NONE)
      return SETTLED
    }
    if (collector.draft.isTurnFull) return TURN_FULL
    // Not even one body fits beside what is in flight.
    return this.#block(flow, session, flying) ? SETTLED : this.#collect(flow, session)
  }

  /** Bytes that may be in flight. That of a WebSocket follows its pongs. */
  #windowOf(session: Session, inFlight: InFlightWords): number {
    const { config } = this.#deps
    return session.isConfirming ? inFlight.window(session.slot, windowStart(config)) : config.windowBytes
  }

  #budgetOf(session: Session, flying: number, window: number): number {
    const { flushBytesMax } = this.#deps.config
    const room = flying === 0 ? flushBytesMax : Math.min(flushBytesMax, window - flying - HEAD_BYTES_MAX)
    if (session.maxBandwidth === 0) return room
    return Math.min(room, Math.max(PACED_BYTES_MIN, Math.floor(session.maxBandwidth / PACE_PARTS)))
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
    this.#group = group
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
    words[(claim >> 2) + 6] = this.#idAt
    const waitingSinceMs = this.#deps.interests.waitingSinceMs[first.number]!
    doubles[(claim >> 3) + 2] = waitingSinceMs
    let word = (claim + FLUSH_CONNECTIONS) >> 2
    for (; member >= 0; member = groups.nextMember[member]!) {
      const session = groups.sessions[member]!
      words[word++] = session.slot
      words[word++] = session.generation
      inFlight.add(session.slot, length)
      this.#commit(session, groups.taken[member]!, updateCount, groups.kinds[member]!, member)
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
      if (session !== null) putBack(flow, session)
      groups.sessions[member] = null
    }
  }

  /** The bodies one behind the other, the head before the last of them or the tail behind it. Returns the length. */
  #writeBytes(out: Buffer, start: number, group: number, codec: number): number {
    const groups = this.#groups
    const stream = STREAM_CODECS[codec]!
    const last = groups.ends[group]! - 1
    let at = start
    for (let token = groups.starts[group]!; token < last; token++) at = this.#writeToken(out, at, token, 0, stream)
    if (!stream.hasHead) {
      this.#idAt = -1
      return stream.tail(out, this.#writeToken(out, at, last, 0, stream), this.#position) - start
    }
    const before = groups.tokenLasts[last]!
    at = copyBytes(this.bodies.heap.bytes, groups.tokens[last]!, out, at, before)
    this.#idAt = at - start + ID_OFFSET
    return this.#writeToken(out, stream.head(out, at, this.#position), last, before, stream) - start
  }

  /** A token from its byte `from` on, behind its tag. */
  #writeToken(out: Buffer, start: number, token: number, from: number, stream: StreamCodec): number {
    const groups = this.#groups
    const tag = groups.tokenTags[token]!
    const skipped = tag === 0 ? from : stream.tagSkip
    const at = tag === 0 ? start : stream.tag(out, start, tag)
    const { bytes } = this.bodies.heap
    return copyBytes(bytes, groups.tokens[token]! + skipped, out, at, groups.tokenLengths[token]! - skipped)
  }

  /** The first `taken` interests that wait have been handed over; of kind PARTIAL also a part of the next one. */
  #commit(session: Session, taken: number, updateCount: number, kind: number, member: number): void {
    const { interests } = this.#deps
    const handover = this.#handover
    let interest = interests.firstWaiting(session)
    for (let i = 0; i < taken; i++) {
      const view = interests.views[interest]!
      if (kind === PLAIN) handover.plain(session, view, interest, this.#nowMs)
      else if (view.isLogged) this.#commitLogged(session, view, interest)
      else if (view.rows !== null) handover.table(session, view, interest, this.#nowMs)
      else handover.merge(session, view, interest, this.#nowMs)
      interests.clear(interest)
      interest = interests.nextWaiting(session, interest)
    }
    if (kind === PARTIAL) handover.part(session, interest, this.#groups.parts, member)
    session.handedOver += updateCount
    if (interest === NONE) {
      session.state = IDLE
      interests.waitingSinceMs[session.number] = Number.NaN
      // What waited came to nothing, and the time of its poll is over.
      if (member === NONE && session.isAnswerDue) {
        session.state = READY
        this.enqueue(session)
      }
    } else {
      handover.leave(session, interest)
      // The others come first next time: one with much to send does not starve them.
      const behind = kind === PARTIAL ? interest + 1 : interest
      session.turn = behind === session.end ? session.first : behind
      this.enqueue(session)
    }
    if (member !== NONE) this.#commitFlush(session, member)
  }

  #commitLogged(session: Session, view: View, interest: number): void {
    if (!this.#handover.logged(session, view, interest)) return
    this.#lost.push({ session, id: this.#deps.interests.ids[interest]! })
  }

  /** What a flush means to its session, beside its data. */
  #commitFlush(session: Session, member: number): void {
    session.sentAt = this.#position
    if (session.welcome !== null || session.events !== null || session.isPoll) {
      session.welcome = null
      session.isAnswerDue = false
      const { events } = session
      events?.sent(this.#groups.events[member]!, this.#position)
      if (session.isPoll) this.#answered.push(session)
      else if (events !== null && events.waitingCount > 0 && session.state === IDLE) {
        session.state = READY
        this.enqueue(session)
      }
    }
    if (session.maxBandwidth > 0) {
      const bytes = this.#groups.byteCounts[this.#group]! + HEAD_BYTES_MAX
      session.paidMs = Math.max(session.paidMs, this.#nowMs) + (bytes * MS_PER_S) / session.maxBandwidth
    }
  }

  #endSome(flow: Flow): number {
    let done = 0
    while (flow.ending.length > 0) {
      const { session, slot, generation, closeCode, bytes } = flow.ending[0]!
      if (session?.state !== ENDED) {
        const claim = claimOrAwait(flow.output.ring, CONTROL_TEXT_3 + bytes.length)
        if (claim < 0) break
        const { memory } = flow.output.ring
        memory.words[claim >> 2] = slot
        memory.words[(claim >> 2) + 1] = generation
        memory.words[(claim >> 2) + 2] = closeCode
        bytes.copy(memory.bytes, claim + CONTROL_TEXT_3)
        flow.output.ring.commit(END, CONTROL_TEXT_3 + bytes.length)
        if (session !== null) this.#deps.onEnded(session)
      }
      flow.ending.shift()
      done++
    }
    return done
  }
}

/** What a session that ends was told and not sent: answers, above all. Only so much of it that an edge's ring has room. */
function untold({ codec, welcome, events }: Session): Buffer[] {
  const texts = events?.waiting(LAST_LETTERS_MAX) ?? []
  if (welcome !== null) texts.unshift(welcome)
  const bodies = texts.map(text => STREAM_CODECS[codec]!.event(text))
  return bodies.reduce((sum, { length }) => sum + length, 0) > LAST_BYTES_MAX ? [] : bodies
}

/** First again, in the order it was. */
function putBack(flow: Flow, session: Session): void {
  session.isQueued = true
  flow.ready.putBack(session)
}

const MS_PER_S = 1_000
const COLLECTED = 0
const SETTLED = 1
const TURN_FULL = 2

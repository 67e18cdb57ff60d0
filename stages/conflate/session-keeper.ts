/**
 * The sessions of a core thread: opened and closed by their edges, with their subscriptions and views.
 *
 * Outcomes: a session beyond `sessionsMax`, or one whose items find no room in the table, or whose raw views find none in
 * their budget, is refused with a code. A session that ends gives up what it still lacked: counted as dropped.
 */

import { codecOf } from '#src/codec/json-stream.ts'
import { DelayBuckets } from '#src/domain/delay-buckets.ts'
import type { FieldTable } from '#src/domain/field-table.ts'
import { FrequencyLimit } from '#src/domain/frequency-limit.ts'
import type { Item } from '#src/domain/item.ts'
import { ItemLog } from '#src/domain/item-log.ts'
import type { ItemTable } from '#src/domain/item-table.ts'
import { RAW_OBJECT_BYTES, RawBudget } from '#src/domain/raw-budget.ts'
import { BLOCKED, ENDED, GATHERING, IDLE, READY, Session } from '#src/domain/session.ts'
import type { Mode, StreamRequest } from '#src/domain/stream-request.ts'
import { NONE, type Subscriptions } from '#src/domain/subscriptions.ts'
import { View } from '#src/domain/view.ts'
import type { ClientErrorCode } from '#src/errors.ts'
import { M, type ThreadMetrics } from '#src/metrics/names.ts'
import type { TimingWheel } from '#src/time/timing-wheel.ts'
import type { ItemKeeper } from './item-keeper.ts'
import type { EdgeLink } from './links.ts'
import type { Merger } from './merge.ts'

/** The text of an OPEN record. */
export interface OpenText {
  readonly id: string
  readonly address: string
  readonly request: StreamRequest
}

export interface SessionKeeperDeps {
  readonly subscriptions: Subscriptions
  readonly items: ItemTable
  readonly fields: FieldTable
  readonly keeper: ItemKeeper
  readonly merger: Merger
  readonly wheel: TimingWheel
  readonly metrics: ThreadMetrics
  readonly edges: readonly EdgeLink[]
  readonly sessionsMax: number
  readonly maxFrequencyCap: number
  readonly rawLogBytes: number
  readonly rawLogUpdates: number
  readonly rawStoreBytes: number
  /** Queues a session for its flush. */
  readonly enqueue: (session: Session) => void
}

export class SessionKeeper {
  readonly #deps: SessionKeeperDeps
  readonly #buckets: DelayBuckets
  readonly #rawBudget: RawBudget
  readonly #onReady: (session: Session) => void
  #count = 0
  nowMs = 0

  constructor(deps: SessionKeeperDeps) {
    this.#deps = deps
    this.#rawBudget = new RawBudget(deps.rawStoreBytes)
    this.#buckets = new DelayBuckets(deps.wheel, bucket => {
      for (const session of bucket.gathering) {
        if (session.state !== GATHERING) continue
        session.state = READY
        deps.enqueue(session)
      }
      bucket.gathering.length = 0
    })
    this.#onReady = session => this.#makeReady(session)
  }

  get count(): number {
    return this.#count
  }

  /** What logs and views of raw mode take. */
  get rawBytes(): number {
    return this.#rawBudget.usedBytes
  }

  /** Opens a session; returns why not, or null. */
  open(edge: EdgeLink, slot: number, generation: number, text: OpenText): ClientErrorCode | null {
    const { items, keeper, sessionsMax } = this.#deps
    const { request } = text
    if (this.#count >= sessionsMax) return 'SESSIONS_TOO_MANY'
    const old = edge.sessions[slot]
    if (old !== null && old !== undefined) this.end(edge, old)

    const { encoding, mode, onLost } = request
    const fields = request.fields === null ? null : [...request.fields].sort()
    const key = fields === null ? mode : `${mode}:${fields.join()}`
    const found: Item[] = []
    for (const name of request.items) {
      const item = items.ensure(name, this.nowMs, true)
      if (item === null) break
      found.push(item)
    }
    if (found.length < request.items.length || (mode === 'raw' && !this.#hasRawRoom(found, key))) {
      // What was made for this request alone goes again.
      for (const item of found) keeper.lostInterest(item, this.nowMs)
      return 'SERVER_BUSY'
    }

    const origin = {
      id: text.id,
      edge: edge.index,
      slot,
      generation,
      address: text.address,
      encoding,
      mode,
      onLost,
      sinceMs: this.nowMs,
    }
    const bucket = request.maxDelayMs > 0 ? this.#buckets.join(request.maxDelayMs) : null
    const { subscriptions } = this.#deps
    const session = new Session(origin, codecOf(encoding), bucket, subscriptions, found.length, this.#onReady)
    edge.sessions[slot] = session
    this.#count++
    const intervalMs = mode === 'raw' ? 0 : this.#intervalMs(request.maxFrequency)
    for (const [index, item] of found.entries()) {
      const view = item.viewOf(key) ?? this.#addView(item, mode, fields, key)
      this.#subscribe(session, session.first + index, view, intervalMs)
    }
    return null
  }

  /** A raw stream that begins logs or views finds room for them, and for one log in full. */
  #hasRawRoom(items: readonly Item[], key: string): boolean {
    let missing = 0
    for (const item of items) {
      if (item.log === null) missing += RAW_OBJECT_BYTES
      if (item.viewOf(key) === null) missing += RAW_OBJECT_BYTES
    }
    return missing === 0 || this.#rawBudget.hasRoom(Math.max(missing, this.#deps.rawLogBytes))
  }

  /** The connection has gone, or the stream has been ended: what the session lacked is dropped. */
  end(edge: EdgeLink, session: Session): void {
    const { subscriptions, keeper, wheel, metrics } = this.#deps
    if (session.state === ENDED) return
    session.state = ENDED
    if (edge.sessions[session.slot] === session) edge.sessions[session.slot] = null
    this.#count--
    if (session.bucket !== null) this.#buckets.leave(session.bucket, session)
    for (let subscription = session.first; subscription < session.end; subscription++) {
      const view = subscriptions.views[subscription]!
      const { item } = view
      const limit = subscriptions.limits[subscription] ?? null
      if (limit?.isHeld === true) wheel.cancel(limit)
      const waiting = view.seq - subscriptions.sentSeqs[subscription]!
      session.dropped += waiting
      metrics.add(M.updatesDropped, waiting)
      view.remove(subscriptions, subscription)
      if (view.count === 0) this.#removeView(view)
      item.subscriptionCount--
      keeper.lostInterest(item, this.nowMs)
    }
    subscriptions.close(session)
  }

  /** The edge says that the connection's window has room again. */
  writable(session: Session): void {
    if (session.state !== BLOCKED) return
    session.state = IDLE
    if (this.#deps.subscriptions.firstWaiting(session) !== NONE) {
      session.state = READY
      this.#deps.enqueue(session)
    }
  }

  /** What is held, and sessions that gather, flush now. */
  flushWaiting(): void {
    for (const session of this.sessions()) {
      for (let subscription = session.first; subscription < session.end; subscription++) {
        const limit = this.#deps.subscriptions.limits[subscription] ?? null
        if (limit?.isHeld !== true) continue
        this.#deps.wheel.cancel(limit)
        limit.onTimer()
      }
    }
    this.#buckets.turnAll()
  }

  /** How many updates wait, of all sessions. */
  countWaiting(): number {
    let waiting = 0
    for (const session of this.sessions()) waiting += waitingOf(this.#deps.subscriptions, session)
    return waiting
  }

  *sessions(): IterableIterator<Session> {
    for (const edge of this.#deps.edges) {
      for (const session of edge.sessions) if (session !== null && session !== undefined) yield session
    }
  }

  #makeReady(session: Session): void {
    if (session.bucket !== null) {
      session.state = GATHERING
      this.#buckets.gather(session.bucket, session, this.nowMs)
    } else {
      session.state = READY
      this.#deps.enqueue(session)
    }
  }

  #intervalMs(asked: number): number {
    const cap = this.#deps.maxFrequencyCap
    const frequency = asked === 0 ? cap : cap === 0 ? asked : Math.min(asked, cap)
    return frequency === 0 ? 0 : 1_000 / frequency
  }

  #subscribe(session: Session, subscription: number, view: View, intervalMs: number): void {
    const { subscriptions, merger, keeper } = this.#deps
    const { number } = session
    if (intervalMs > 0) {
      subscriptions.limits[subscription] = new FrequencyLimit(subscriptions, subscription, number, intervalMs)
    }
    view.add(subscriptions, subscription, number)
    view.item.subscriptionCount++
    merger.begin(view, subscription, number, this.nowMs)
    keeper.gainedInterest(view.item)
  }

  #addView(item: Item, mode: Mode, names: readonly string[] | null, key: string): View {
    const { fields, rawLogBytes, rawLogUpdates } = this.#deps
    const fieldIds = names === null ? null : names.map(name => fields.find(name)).filter(id => id >= 0)
    const view = new View(item, mode, fieldIds, key)
    if (names !== null) {
      view.fieldsAwaited = names.filter(name => fields.find(name) < 0)
      for (const name of view.fieldsAwaited) fields.await(name, view)
    }
    item.addView(view)
    if (mode === 'raw') {
      view.budget = this.#rawBudget
      view.take(RAW_OBJECT_BYTES)
      item.log ??= new ItemLog(rawLogBytes, rawLogUpdates, this.#rawBudget)
      view.end = item.log.end
    }
    return view
  }

  #removeView(view: View): void {
    for (const name of view.fieldsAwaited) this.#deps.fields.stopAwaiting(name, view)
    view.budget?.release(view.takenBytes)
    view.item.removeView(view)
  }
}

/** For tests and /sessions: how many updates of a session wait. */
export function waitingOf(subscriptions: Subscriptions, session: Session): number {
  let waiting = 0
  for (let subscription = session.first; subscription < session.end; subscription++) {
    waiting += subscriptions.views[subscription]!.seq - subscriptions.sentSeqs[subscription]!
  }
  return waiting
}

/** When the oldest update that waits for the session was received; NaN when none does. */
export function waitingSinceMsOf(subscriptions: Subscriptions, session: Session): number {
  const sinceMs = session.number === NONE ? Number.NaN : subscriptions.waitingSinceMs[session.number]!
  let oldestMs = Number.isNaN(sinceMs) ? Number.POSITIVE_INFINITY : sinceMs
  for (let subscription = session.first; subscription < session.end; subscription++) {
    const limit = subscriptions.limits[subscription] ?? null
    if (limit?.isHeld === true) oldestMs = Math.min(oldestMs, limit.heldSinceMs)
  }
  return Number.isFinite(oldestMs) ? oldestMs : Number.NaN
}

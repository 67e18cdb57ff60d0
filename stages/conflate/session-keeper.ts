/**
 * The sessions of a core thread: opened and closed by their edges, with their subscriptions and views.
 *
 * Outcomes: a session beyond `sessionsMax`, or one whose items or fields find no room in the tables, is refused with a
 * code. A session that ends gives up what it still lacked: counted as dropped.
 */

import { codecOf } from '#src/codec/json-stream.ts'
import { DelayBuckets } from '#src/domain/delay-buckets.ts'
import type { FieldTable } from '#src/domain/field-table.ts'
import type { Item } from '#src/domain/item.ts'
import { ItemLog } from '#src/domain/item-log.ts'
import type { ItemTable } from '#src/domain/item-table.ts'
import { BLOCKED, ENDED, GATHERING, IDLE, READY, Session } from '#src/domain/session.ts'
import type { Mode, StreamRequest } from '#src/domain/stream-request.ts'
import { CLEAN, HELD, Subscription } from '#src/domain/subscription.ts'
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
  readonly items: ItemTable
  readonly fields: FieldTable
  readonly keeper: ItemKeeper
  readonly merger: Merger
  readonly wheel: TimingWheel
  readonly metrics: ThreadMetrics
  readonly edges: readonly EdgeLink[]
  readonly sessionsMax: number
  readonly fieldNamesMax: number
  readonly maxFrequencyCap: number
  readonly rawLogBytes: number
  readonly rawLogUpdates: number
  /** Queues a session for its flush. */
  readonly enqueue: (session: Session) => void
}

export class SessionKeeper {
  readonly #deps: SessionKeeperDeps
  readonly #buckets: DelayBuckets
  readonly #onReady: (session: Session) => void
  #count = 0
  nowMs = 0

  constructor(deps: SessionKeeperDeps) {
    this.#deps = deps
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

  /** Opens a session; returns why not, or null. */
  open(edge: EdgeLink, slot: number, generation: number, text: OpenText): ClientErrorCode | null {
    const { items, fields, sessionsMax, fieldNamesMax } = this.#deps
    const { request } = text
    if (this.#count >= sessionsMax) return 'SESSIONS_TOO_MANY'
    const old = edge.sessions[slot]
    if (old !== null && old !== undefined) this.end(edge, old)

    let fieldIds: number[] | null = null
    if (request.fields !== null) {
      fieldIds = []
      for (const name of request.fields) {
        const known = fields.find(name)
        // Subscribers may fill half of the table, so that they cannot keep feeds out.
        const id = known >= 0 || fields.size < fieldNamesMax >> 1 ? fields.idOf(name) : -1
        if (id < 0) return 'SERVER_BUSY'
        fieldIds.push(id)
      }
      fieldIds.sort((a, b) => a - b)
    }
    const found: Item[] = []
    for (const name of request.items) {
      const item = items.ensure(name, this.nowMs, true)
      if (item === null) return 'SERVER_BUSY'
      found.push(item)
    }

    const { encoding, mode, onLost } = request
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
    const session = new Session(origin, codecOf(encoding), bucket, this.#onReady)
    edge.sessions[slot] = session
    this.#count++
    const intervalMs = mode === 'raw' ? 0 : this.#intervalMs(request.maxFrequency)
    for (const item of found) this.#subscribe(session, item, mode, fieldIds, intervalMs)
    return null
  }

  /** The connection has gone, or the stream has been ended: what the session lacked is dropped. */
  end(edge: EdgeLink, session: Session): void {
    const { keeper, wheel, metrics } = this.#deps
    if (session.state === ENDED) return
    session.state = ENDED
    if (edge.sessions[session.slot] === session) edge.sessions[session.slot] = null
    this.#count--
    if (session.bucket !== null) this.#buckets.leave(session.bucket, session)
    for (const subscription of session.subscriptions) {
      const { view } = subscription
      const { item } = view
      if (subscription.state === HELD) wheel.cancel(subscription)
      const waiting = subscription.sentSeq < 0 ? 0 : view.seq - subscription.sentSeq
      session.dropped += waiting
      metrics.add(M.updatesDropped, waiting)
      view.remove(subscription)
      if (view.subscriptions.length === 0) removeView(item, view)
      item.subscriptionCount--
      keeper.lostInterest(item, this.nowMs)
    }
    session.subscriptions.length = 0
    session.dirtyHead = null
    session.dirtyTail = null
  }

  /** The edge says that the connection's window has room again. */
  writable(session: Session): void {
    if (session.state !== BLOCKED) return
    session.state = IDLE
    if (session.dirtyHead !== null) {
      session.state = READY
      this.#deps.enqueue(session)
    }
  }

  /** Sessions that gather flush now. */
  flushGathering(): void {
    this.#buckets.turnAll()
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

  #subscribe(session: Session, item: Item, mode: Mode, fieldIds: readonly number[] | null, intervalMs: number): void {
    const view = this.#viewOf(item, mode, fieldIds)
    const subscription = new Subscription(session, view, intervalMs)
    session.subscriptions.push(subscription)
    view.add(subscription)
    item.subscriptionCount++
    this.#deps.merger.begin(subscription, this.nowMs)
    this.#deps.keeper.gainedInterest(item)
  }

  #viewOf(item: Item, mode: Mode, fieldIds: readonly number[] | null): View {
    const key = fieldIds === null ? mode : `${mode}:${fieldIds.join(',')}`
    for (const view of item.views) if (view.key === key) return view
    const view = new View(item, mode, fieldIds, key)
    item.views.push(view)
    if (mode === 'raw') {
      item.log ??= new ItemLog(this.#deps.rawLogBytes, this.#deps.rawLogUpdates)
      if (fieldIds !== null) view.entrySeqs = new Array<number>(item.log.slotCount).fill(view.seq)
    }
    return view
  }
}

function removeView(item: Item, view: View): void {
  item.views.splice(item.views.indexOf(view), 1)
  if (view.mode === 'raw' && !item.views.some(other => other.mode === 'raw')) item.log = null
}

/** For tests and /sessions: how many updates of a session wait. */
export function waitingOf(session: Session): number {
  let waiting = 0
  for (const { view, sentSeq, state } of session.subscriptions) {
    if (state !== CLEAN) waiting += view.seq - sentSeq
  }
  return waiting
}

/**
 * One subscription: what is wanted, what the server has granted, the items it has, and the application's callbacks.
 *
 *            subscribed           paused
 *   pending ────────────▶ active ◀───────▶ paused         ended: refused, unsubscribed, or the client was closed
 *
 * It outlives sessions: when one is gone, what is wanted is asked of the next one. Until `subscribed` nothing that bears
 * its id concerns it.
 *
 * Invariants (test/rules.md, CL):
 *  - Callbacks see whole flushes, in order, each update once.
 *  - From the call of unsubscribe() on, only onUnsubscribed is called.
 */

import { errorOf, MillraceError } from './errors.ts'
import { type Item, ItemState, type ItemView, type RowChange, type Update } from './item-state.ts'
import type { ChangedRecord, DataRecord, RowCommand, SubscribedRecord, UnsubscribedRecord } from './records.ts'
import { type Request, requestOf } from './requests.ts'
import { orderOf } from './table.ts'
import { checkWish, type SubscriptionWish } from './wish.ts'

/** All may be left out. What a callback throws is told as HANDLER_FAILED, and stops nothing. */
export interface SubscriptionHandlers {
  /** An item has changed: all of it, merged, and the update that changed it. */
  readonly onItem?: (item: Item, update: Update) => void
  /** An update as it came. */
  readonly onUpdate?: (update: Update) => void
  /** All updates of one flush, behind the callbacks of each. */
  readonly onBatch?: (updates: readonly Update[]) => void
  /** Of `command`: a row has come, changed or gone. */
  readonly onRow?: (table: Item, change: RowChange) => void
  /**
   * Of `command`: once a flush for each table that it has touched, behind the callbacks of its rows: now the table is as the
   * server has it, unless its snapshot is still to end. `changes` are those since it was last cleared; none where it was only
   * cleared or completed.
   */
  readonly onTable?: (table: Item, changes: readonly RowChange[]) => void
  /** Of `command`: the table has no rows now, and its snapshot begins. */
  readonly onCleared?: (table: Item) => void
  /** Of `distinct` and `command`: what came of the item is its snapshot, what comes is new. */
  readonly onSnapshotEnd?: (item: Item) => void
  /** Of `merge` with a filter: the value does not pass it any more; this is what it was. It may pass again, with a snapshot. */
  readonly onOut?: (item: Item) => void
  /** No feed answers for the item any more, or one does again: see isStale. */
  readonly onStale?: (item: Item) => void
  /** The item has ended; this is what it was. It may begin again. */
  readonly onDeleted?: (item: Item) => void
  /** So many updates of the item are gone. Of `raw` a snapshot or the end follows, of `distinct` those behind them. */
  readonly onLost?: (item: string, count: number) => void
  /** The server could not go on where it was: the items are empty, and what there is comes again with snapshots. */
  readonly onReset?: () => void
  /** The subscription stands; again in each new session. `items` is how many items it has now. */
  readonly onSubscribed?: (items: number) => void
  /** It is no more: null when that was asked for. */
  readonly onUnsubscribed?: (error: MillraceError | null) => void
}

export type SubscriptionState = 'pending' | 'active' | 'paused' | 'ended'

export interface Subscription {
  readonly id: number
  readonly state: SubscriptionState
  /** The items by name, as they are now. */
  readonly items: ReadonlyMap<string, Item>
  /** Updates a second of each item, as granted; null: no limit, or not known. */
  readonly maxFrequency: number | null
  /** Resolves when the server has taken the subscription, rejects when it has refused it. */
  ready(): Promise<void>
  /** `null`: as often as the server allows. */
  change(wish: { readonly maxFrequency: number | null }): Promise<void>
  /** Nothing comes until it is resumed; then what was missed, as far as it is not superseded. */
  pause(): Promise<void>
  resume(): Promise<void>
  unsubscribe(): Promise<void>
}

/** What a subscription needs of its client. */
export interface SubscriptionOwner {
  /** Hands a request to the server; throws when it cannot be taken. */
  request(wish: object, settle: Request['settle']): void
  /** Runs a callback of the application. */
  guard(call: () => void): void
  ended(id: number): void
}

/** Of deleted items so many are remembered; of one that is forgotten, what comes again is taken for history. */
const ENDED_MAX = 1_000

type Draft<T> = { -readonly [K in keyof T]: T[K] }

export class ClientSubscription implements Subscription {
  readonly id: number
  state: SubscriptionState = 'pending'
  readonly items = new Map<string, ItemState>()
  /** Of `distinct`: items that are deleted, and had ended their history. When they come again all of it is new. */
  readonly #ended = new Set<string>()
  maxFrequency: number | null = null
  readonly #owner: SubscriptionOwner
  readonly #handlers: SubscriptionHandlers
  readonly #wish: Draft<SubscriptionWish>
  readonly #view: ItemView
  readonly #ready: Promise<void>
  /** The application's own request waits for its answer. */
  #isAsking = true
  /** One of the library's, in a new session, does. */
  #isRenewing = false
  /** `subscribed` has been heard in this session. */
  isLive = false
  #isPaused = false
  #isLeaving = false
  #batch: Update[] = []
  /** The tables that this flush has touched, with what it has changed in them. */
  #touched = new Map<ItemState, RowChange[]>()

  /** Throws when the wish is none, or when the owner cannot take it. */
  constructor(id: number, wish: SubscriptionWish, handlers: SubscriptionHandlers, owner: SubscriptionOwner) {
    checkWish(wish)
    this.id = id
    this.#wish = { ...wish, items: typeof wish.items === 'string' ? [wish.items] : [...wish.items] }
    const hasHistory = wish.mode === 'distinct' && wish.snapshot !== false && wish.snapshot !== 0
    this.#view = { hasHistory, order: orderOf(wish.sort) }
    this.#handlers = handlers
    this.#owner = owner
    let settleReady: Request['settle'] = () => {}
    this.#ready = new Promise((resolve, reject) => {
      settleReady = error => (error === null ? resolve() : reject(error))
    })
    // Who does not ask for it learns of a refusal from onUnsubscribed.
    this.#ready.catch(() => {})
    owner.request(this.#subscribeWish(), error => {
      settleReady(error)
      this.#onAnswer(error)
    })
  }

  ready(): Promise<void> {
    return this.#ready
  }

  change({ maxFrequency }: { readonly maxFrequency: number | null }): Promise<void> {
    return this.#ask({ change: { id: this.id, maxFrequency } }, () => {
      if (maxFrequency === null) delete this.#wish.maxFrequency
      else this.#wish.maxFrequency = maxFrequency
    })
  }

  pause(): Promise<void> {
    return this.#ask({ pause: this.id }, () => {
      this.#isPaused = true
      this.#showState()
    })
  }

  resume(): Promise<void> {
    return this.#ask({ resume: this.id }, () => {
      this.#isPaused = false
      this.#showState()
    })
  }

  unsubscribe(): Promise<void> {
    if (this.state === 'ended') return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#owner.request({ unsubscribe: this.id }, error => {
        const isGone = error === null || error.code === 'SUBSCRIPTION_UNKNOWN'
        if (isGone) resolve()
        else reject(error)
        this.end(isGone ? null : error)
      })
      this.#isLeaving = true
    })
  }

  // ── Of the client ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** What a new session is to be asked for; none while the application's own request still waits. */
  renewals(): Request[] {
    if (this.#isAsking) return []
    this.#isRenewing = true
    const subscribe = requestOf('own', this.#subscribeWish(), error => this.#onAnswer(error))
    return this.#isPaused ? [subscribe, requestOf('own', { pause: this.id }, () => {})] : [subscribe]
  }

  /** What there was counts no more. `isLive`: the session goes on, and has this subscription. */
  reset(isLive: boolean): void {
    if (this.state === 'ended') return
    this.isLive = isLive
    this.#showState()
    const hadItems = this.items.size > 0
    this.items.clear()
    this.#ended.clear()
    if (hadItems && this.#isHeard) this.#call(() => this.#handlers.onReset?.())
  }

  /** It stands, as far as is known: no answer to a subscribe is awaited. */
  get isSettled(): boolean {
    return !this.#isAsking && !this.#isRenewing
  }

  take(record: DataRecord): void {
    if (!this.isLive || !this.#isHeard) return
    const { item, fields, command, key, lost } = record
    if (command !== undefined) this.#changeRow(item, command, key!, record)
    else if (fields !== undefined) this.#update(record)
    else if (lost !== undefined) this.#lose(item, lost)
    else this.#mark(record)
  }

  flushed(): void {
    const batch = this.#batch
    const touched = this.#touched
    if (batch.length > 0) {
      this.#batch = []
      if (this.#isHeard) this.#call(() => this.#handlers.onBatch?.(batch))
    }
    if (touched.size > 0) {
      this.#touched = new Map()
      for (const [table, changes] of touched) this.#tableFlushed(table, changes)
    }
  }

  subscribed({ items, maxFrequency }: SubscribedRecord): void {
    if (this.isLive) return
    this.isLive = true
    this.maxFrequency = maxFrequency ?? null
    this.#showState()
    if (this.#isHeard) this.#call(() => this.#handlers.onSubscribed?.(items))
  }

  changed({ maxFrequency }: ChangedRecord): void {
    this.maxFrequency = maxFrequency
  }

  unsubscribed({ error }: UnsubscribedRecord): void {
    this.flushed()
    this.end(error === undefined ? null : errorOf(error))
  }

  end(error: MillraceError | null): void {
    if (this.state === 'ended') return
    this.state = 'ended'
    this.isLive = false
    this.#owner.ended(this.id)
    this.#call(() => this.#handlers.onUnsubscribed?.(error))
  }

  // ── Data ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  #update(record: DataRecord): void {
    const item = this.#item(record.item)
    const update = item.merge(record.seq!, record.fields!, record)
    if (update === null) return
    this.#batch.push(update)
    this.#call(() => this.#handlers.onUpdate?.(update))
    if (this.#isHeard) this.#call(() => this.#handlers.onItem?.(item, update))
  }

  #changeRow(name: string, command: RowCommand, key: string, record: DataRecord): void {
    const table = this.#item(name)
    const change = table.changeRow(command, key, record.seq!, record)
    if (change === null) return
    this.#changesOf(table).push(change)
    this.#call(() => this.#handlers.onRow?.(table, change))
  }

  #lose(name: string, count: number): void {
    this.items.get(name)?.lose()
    this.#call(() => this.#handlers.onLost?.(name, count))
  }

  #mark({ item: name, deleted, out, stale, cleared, snapshotEnd }: DataRecord): void {
    if (deleted === true) this.#delete(name)
    else if (out === true) this.#remove(name, item => this.#handlers.onOut?.(item))
    else if (cleared === true) this.#clear(this.#item(name))
    else if (snapshotEnd === true) this.#complete(this.#item(name))
    else if (stale !== undefined) this.#setStale(this.#item(name), stale)
  }

  #delete(name: string): void {
    if (this.#view.hasHistory && this.items.get(name)?.isComplete === true) {
      this.#ended.add(name)
      if (this.#ended.size > ENDED_MAX) this.#ended.delete(this.#ended.values().next().value!)
    }
    this.#remove(name, item => this.#handlers.onDeleted?.(item))
  }

  #remove(name: string, tell: (item: Item) => void): void {
    const item = this.items.get(name)
    if (item === undefined) return
    this.items.delete(name)
    this.#touched.delete(item)
    this.#call(() => tell(item))
  }

  #clear(table: ItemState): void {
    table.clear()
    // What was changed before counts no more.
    this.#touched.set(table, [])
    this.#call(() => this.#handlers.onCleared?.(table))
  }

  #complete(item: ItemState): void {
    if (!item.complete()) return
    if (this.#wish.mode === 'command') this.#changesOf(item)
    this.#call(() => this.#handlers.onSnapshotEnd?.(item))
  }

  #setStale(item: ItemState, isStale: boolean): void {
    if (item.isStale === isStale) return
    item.isStale = isStale
    this.#call(() => this.#handlers.onStale?.(item))
  }

  #tableFlushed(table: ItemState, changes: readonly RowChange[]): void {
    // Callbacks before this one may have ended the subscription.
    if (this.#isHeard) this.#call(() => this.#handlers.onTable?.(table, changes))
  }

  /** Of this flush. */
  #changesOf(table: ItemState): RowChange[] {
    let changes = this.#touched.get(table)
    if (changes === undefined) {
      changes = []
      this.#touched.set(table, changes)
    }
    return changes
  }

  #item(name: string): ItemState {
    let item = this.items.get(name)
    if (item === undefined) {
      item = new ItemState(name, this.#view)
      item.isComplete = this.#ended.delete(name)
      this.items.set(name, item)
    }
    return item
  }

  // ── Requests ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #subscribeWish(): object {
    return { subscribe: { id: this.id, ...this.#wish } }
  }

  /** `granted` runs when the server has done it. */
  #ask(wish: object, granted: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      if (!this.#isHeard) {
        reject(new MillraceError('SUBSCRIPTION_ENDED', 'the subscription is no more'))
        return
      }
      this.#owner.request(wish, error => {
        if (error === null) {
          granted()
          resolve()
        } else {
          reject(error)
        }
      })
    })
  }

  /** The application has not asked for the end, nor was it told of it. */
  get #isHeard(): boolean {
    return this.state !== 'ended' && !this.#isLeaving
  }

  #onAnswer(error: MillraceError | null): void {
    this.#isAsking = false
    this.#isRenewing = false
    if (error !== null) this.end(error)
  }

  #showState(): void {
    if (this.state !== 'ended') this.state = this.isLive ? (this.#isPaused ? 'paused' : 'active') : 'pending'
  }

  #call(call: () => void): void {
    this.#owner.guard(call)
  }
}

/**
 * Subscriptions as sessions begin, change and end them: which interests they have, in which views, how often they may be
 * sent. It tells sessions what became of it by events.
 *
 * Bounds: those of a session (session-room.ts); items that exist only because somebody asks for them
 * (ItemTable); logs, and views of logs and tables (RawBudget). Beyond them a subscription is refused whole; one that follows a
 * prefix and meets a bound later ends, and is told why.
 */

import { changedEvent, pausedEvent, resumedEvent, subscribedEvent, unsubscribedEvent } from '#src/codec/client-event.ts'
import { quoted } from '#src/codec/http-fields.ts'
import type { FieldTable } from '#src/domain/field-table.ts'
import type { Filter } from '#src/domain/filter/filter.ts'
import { filterOf } from '#src/domain/filter/parse-filter.ts'
import { FrequencyLimit } from '#src/domain/frequency-limit.ts'
import { FOLLOWED, type Interests, LEFT } from '#src/domain/interests.ts'
import type { Item } from '#src/domain/item.ts'
import type { ItemTable } from '#src/domain/item-table.ts'
import { RAW_OBJECT_BYTES } from '#src/domain/raw-budget.ts'
import { RowSelection, selectAll } from '#src/domain/row-selection.ts'
import { ROW_VIEW_BYTES, RowView } from '#src/domain/row-view.ts'
import { Runs } from '#src/domain/runs.ts'
import { ENDING, type Session } from '#src/domain/session.ts'
import { isLoggedMode, type Mode, type SubscriptionRequest } from '#src/domain/session-request.ts'
import { Subscription } from '#src/domain/subscription.ts'
import { View } from '#src/domain/view.ts'
import { ViewFilter } from '#src/domain/view-filter.ts'
import { M, type ThreadMetrics } from '#src/metrics/names.ts'
import type { TimingWheel } from '#src/time/timing-wheel.ts'
import { Followers } from './followers.ts'
import type { ItemKeeper } from './item-keeper.ts'
import type { Logs } from './logs.ts'
import type { Merger } from './merge.ts'
import { SessionRoom, type SessionRoomSettings, type SubscriberError } from './session-room.ts'
import type { Tables } from './tables.ts'

export interface SubscriberSettings extends SessionRoomSettings {
  readonly maxFrequencyCap: number
  readonly rawLogBytes: number
}

export interface SubscriberDeps {
  readonly settings: SubscriberSettings
  readonly interests: Interests
  readonly items: ItemTable
  readonly fields: FieldTable
  readonly keeper: ItemKeeper
  readonly merger: Merger
  readonly logs: Logs
  readonly tables: Tables
  readonly wheel: TimingWheel
  readonly metrics: ThreadMetrics
  /** A prefix has got its first follower, or lost its last one. */
  readonly onFollowed: (prefix: string, isFollowed: boolean) => void
  /** Tells a session something. */
  readonly tell: (session: Session, text: string) => void
  /** Ends a session without a stream that holds room of logs or tables, the oldest but the one that asks; false: there is none. */
  readonly evictRaw: (asking: Session) => boolean
}

const MS_PER_S = 1_000
const BUSY: SubscriberError = { code: 'SERVER_BUSY', message: 'the server has no room for more items' }

export class Subscriber {
  readonly #deps: SubscriberDeps
  readonly #followers: Followers
  readonly #room: SessionRoom
  readonly #viewNumbers = new Runs()
  /** The filter that a view was last made with: those of a subscription are made one after another, and share it. */
  #filterKey: string | null = null
  #filter: Filter | null = null
  nowMs = 0

  constructor(deps: SubscriberDeps) {
    this.#deps = deps
    this.#followers = new Followers(deps.onFollowed)
    this.#room = new SessionRoom(deps.settings, deps.interests)
  }

  /** What logs, and views of logs and tables, take. */
  get rawBytes(): number {
    return this.#deps.logs.budget.usedBytes
  }

  /** Begins a subscription; null, or why not. */
  subscribe(session: Session, request: SubscriptionRequest): SubscriberError | null {
    const { merger, tell } = this.#deps
    if (session.subscriptionOf(request.id) !== null) {
      return { code: 'SUBSCRIPTION_EXISTS', message: `there is a subscription ${request.id}` }
    }
    const intervalMs = isLoggedMode(request.mode) ? 0 : this.#intervalMs(request.maxFrequency)
    const subscription = new Subscription(request, intervalMs, merger.advance())
    // Two subscriptions of one session never share a view: its number tells them apart.
    if (session.subscriptions.some(({ key }) => key === subscription.key)) subscription.key += `\n${request.id}`
    const names = this.#namesOf(request)
    const refused = request.items.find(name => !this.#isAllowed(name, request.mode))
    if (refused !== undefined) return notAllowed(refused, request.mode)
    const hindrance = this.#room.hindrance(session, request, names.length)
    if (hindrance !== null) return hindrance
    const found = this.#findItems(session, names, subscription)
    if (!Array.isArray(found)) return found as SubscriberError
    session.subscriptions = [...session.subscriptions, subscription]
    session.isTagged ||= request.id !== 0
    tell(session, subscribedEvent(request.id, found.length, frequencyOf(intervalMs)))
    this.#deps.interests.reserve(session, found.length)
    for (const [index, item] of found.entries()) {
      this.#add(session, subscription, item, index >= request.items.length, false)
    }
    for (const prefix of subscription.prefixes) this.#followers.add(prefix, session, subscription)
    return null
  }

  /** Ends a subscription; `error` tells why, where the client has not asked for it. False when there is no such one. */
  unsubscribe(session: Session, id: number, error: SubscriberError | null): boolean {
    const subscription = session.subscriptionOf(id)
    if (subscription === null) return false
    const { interests, tell } = this.#deps
    for (let interest = session.end - 1; interest >= session.first; interest--) {
      if (interests.owners[interest] === subscription) this.#remove(session, interest)
    }
    for (const prefix of subscription.prefixes) this.#followers.remove(prefix, session, subscription)
    session.subscriptions = session.subscriptions.filter(each => each !== subscription)
    tell(session, unsubscribedEvent(id, error))
    return true
  }

  /** Updates a second of each item; 0 is as many as the server allows. */
  change(session: Session, subscription: Subscription, maxFrequency: number): void {
    subscription.intervalMs = this.#intervalMs(maxFrequency)
    this.#forEach(session, subscription, interest => {
      const limit = this.#limit(session, interest)
      const before = limit.intervalMs
      limit.intervalMs = intervalOf(subscription, this.#deps.interests.views[interest]!.item)
      limit.nextTurnMs += limit.intervalMs - before
      this.#settleLimit(session, interest, limit)
    })
    this.#deps.tell(session, changedEvent(subscription.id, frequencyOf(subscription.intervalMs)))
  }

  pause(session: Session, subscription: Subscription): void {
    const { interests, wheel } = this.#deps
    subscription.isPaused = true
    this.#forEach(session, subscription, interest => {
      const limit = this.#limit(session, interest)
      limit.isPaused = true
      wheel.cancel(limit)
      if (interests.isWaiting(interest)) this.#hold(interest, limit, interests.waitingSinceMs[session.number]!)
    })
    this.#deps.tell(session, pausedEvent(subscription.id))
  }

  resume(session: Session, subscription: Subscription): void {
    subscription.isPaused = false
    this.#forEach(session, subscription, interest => {
      const limit = this.#limit(session, interest)
      limit.isPaused = false
      this.#settleLimit(session, interest, limit)
    })
    this.#deps.tell(session, resumedEvent(subscription.id))
  }

  /** The session ends: what it lacked is dropped. */
  end(session: Session): void {
    for (let interest = session.end - 1; interest >= session.first; interest--) this.#remove(session, interest)
    for (const subscription of session.subscriptions) {
      for (const prefix of subscription.prefixes) this.#followers.remove(prefix, session, subscription)
    }
    session.subscriptions = []
  }

  /** What frequency limits hold back goes now. */
  releaseHeld(session: Session): void {
    const { interests, wheel } = this.#deps
    for (let interest = session.first; interest < session.end; interest++) {
      const limit = interests.limits[interest] ?? null
      if (limit?.isHeld !== true || limit.isPaused) continue
      wheel.cancel(limit)
      limit.onTimer()
    }
  }

  /** Another core has an item that somebody follows here: it is asked for, and comes as a replica. */
  onAnnounced(name: string): void {
    if (this.#followers.of(name).length === 0) return
    const item = this.#deps.items.ensure(name, this.nowMs, true)
    // Where there is no room for it, its followers are told by the bound that they meet themselves.
    if (item === null) return
    this.follow(item)
    // None of them may have had room for it.
    this.#deps.keeper.lostInterest(item, this.nowMs)
  }

  /** Those who follow a beginning of the item's name have it from now on. */
  follow(item: Item): void {
    for (const { session, subscription } of this.#followers.of(item.name)) {
      // One who stood further behind may have made room for another; one who stands here twice may have ended.
      if (session.state >= ENDING || !session.subscriptions.includes(subscription)) continue
      if (this.#has(item, session, subscription) || !item.settings.modes.includes(subscription.mode)) continue
      const hindrance = this.#room.hasItems(session.count + 1) ?? this.#roomProblem(session, [item], subscription)
      if (hindrance !== null) {
        this.unsubscribe(session, subscription.id, hindrance)
        continue
      }
      this.#deps.interests.reserve(session, 1)
      const interest = this.#add(session, subscription, item, true, true)
      // Flushes before this one left it behind, in a way: they brought nothing of it.
      this.#deps.interests.flags[interest]! |= LEFT
      this.#deps.interests.leftAt[interest] = 0
      session.hasLeft = true
    }
  }

  /** An item was deleted: who follows a beginning of its name is told, and has it no more. */
  onDeleted(item: Item): void {
    const { interests, tell } = this.#deps
    for (const view of [...item.views]) {
      // Who reads the log finds the deletion in it, behind what came before.
      if (view.isLogged) continue
      const gone: { session: Session; id: number }[] = []
      view.forEach((interest, number) => {
        if ((interests.flags[interest]! & FOLLOWED) === 0) return
        gone.push({ session: interests.sessions[number]!, id: interests.ids[interest]! })
      })
      for (const { session, id } of gone) {
        for (let interest = session.first; interest < session.end; interest++) {
          if (interests.views[interest] !== view || interests.ids[interest] !== id) continue
          this.#remove(session, interest)
          break
        }
        tell(session, `{${id === 0 ? '' : `"sub":${id},`}"item":${JSON.stringify(item.name)},"deleted":true}`)
      }
    }
  }

  #isAllowed(name: string, mode: Mode): boolean {
    return this.#deps.items.settingsOf(name).modes.includes(mode)
  }

  #namesOf(request: SubscriptionRequest): readonly string[] {
    if (request.prefixes.length === 0) return request.items
    const named = new Set(request.items)
    const followed: string[] = []
    for (const item of this.#deps.items.values()) {
      if (!item.isKnown || named.has(item.name)) continue
      if (!request.prefixes.some(prefix => item.name.startsWith(prefix))) continue
      if (item.settings.modes.includes(request.mode)) followed.push(item.name)
    }
    return [...request.items, ...followed]
  }

  /** The items of a subscription, made where they are new; or why there is no room. */
  #findItems(
    session: Session,
    names: readonly string[],
    subscription: Subscription,
  ): readonly Item[] | SubscriberError {
    const { items, keeper } = this.#deps
    const found: Item[] = []
    for (const name of names) {
      const item = items.ensure(name, this.nowMs, true)
      if (item === null) break
      found.push(item)
    }
    const problem = found.length < names.length ? BUSY : this.#roomProblem(session, found, subscription)
    if (problem === null) return found
    // What was made for this request alone goes again.
    for (const item of found) keeper.lostInterest(item, this.nowMs)
    return problem
  }

  /** Why there is no room for what a subscription reads of items; null when there is. */
  #roomProblem(session: Session, items: readonly Item[], subscription: Subscription): SubscriberError | null {
    const { mode } = subscription
    if (mode === 'merge') return null
    const problem = mode === 'command' ? this.#room.hasRows(session, items) : null
    return problem ?? (this.#hasRoom(session, items, subscription) ? null : BUSY)
  }

  /** A subscription that begins logs or views of its own finds room for them, and for one log in full. */
  #hasRoom(session: Session, items: readonly Item[], { mode, key }: Subscription): boolean {
    let missing = 0
    for (const item of items) {
      if (isLoggedMode(mode) && item.log === null) missing += RAW_OBJECT_BYTES
      if (item.viewOf(key) !== null) continue
      missing += mode === 'command' ? ROW_VIEW_BYTES * (item.table?.capacity ?? 0) + RAW_OBJECT_BYTES : RAW_OBJECT_BYTES
    }
    if (missing === 0) return true
    const needed = Math.max(missing, this.#deps.settings.rawLogBytes)
    while (!this.#deps.logs.budget.hasRoom(needed)) if (!this.#deps.evictRaw(session)) return false
    return true
  }

  /** `isNew`: the item has just got its first value, which is a change to whoever wants no snapshot. */
  #add(session: Session, subscription: Subscription, item: Item, isFollowing: boolean, isNew: boolean): number {
    const { interests, merger, keeper } = this.#deps
    const view = item.viewOf(subscription.key) ?? this.#addView(item, subscription)
    const interest = interests.add(session, subscription)
    if (isFollowing) interests.flags[interest] = FOLLOWED
    const { isPaused } = subscription
    const intervalMs = intervalOf(subscription, item)
    if (intervalMs > 0 || isPaused) {
      const limit = new FrequencyLimit(interests, interest, session.number, intervalMs)
      limit.isPaused = isPaused
      interests.limits[interest] = limit
    }
    view.add(interests, interest, session.number)
    item.interestCount++
    merger.begin(view, interest, session.number, this.nowMs, isNew)
    keeper.gainedInterest(item)
    return interest
  }

  /** Gives up an interest: what it lacked is dropped. */
  #remove(session: Session, interest: number): void {
    const { interests, keeper, wheel, metrics } = this.#deps
    const view = interests.views[interest]!
    const { item } = view
    const limit = interests.limits[interest] ?? null
    if (limit?.isHeld === true) wheel.cancel(limit)
    const waiting = view.seq - interests.sentSeqs[interest]!
    session.dropped += waiting
    metrics.add(M.updatesDropped, waiting)
    view.remove(interests, interest)
    if (view.count === 0) this.#removeView(view)
    interests.remove(session, interest)
    item.interestCount--
    keeper.lostInterest(item, this.nowMs)
  }

  #has(item: Item, session: Session, subscription: Subscription): boolean {
    const view = item.viewOf(subscription.key)
    if (view === null) return false
    const { interests } = this.#deps
    for (let interest = session.first; interest < session.end; interest++) {
      if (interests.views[interest] === view && interests.owners[interest] === subscription) return true
    }
    return false
  }

  #forEach(session: Session, subscription: Subscription, visit: (interest: number) => void): void {
    const { owners } = this.#deps.interests
    for (let interest = session.first; interest < session.end; interest++) {
      if (owners[interest] === subscription) visit(interest)
    }
  }

  /** The interest's limit, made where it has none. */
  #limit(session: Session, interest: number): FrequencyLimit {
    const { interests } = this.#deps
    const known = interests.limits[interest] ?? null
    if (known !== null) return known
    const intervalMs = intervalOf(interests.owners[interest]!, interests.views[interest]!.item)
    const limit = new FrequencyLimit(interests, interest, session.number, intervalMs)
    limit.nextTurnMs = this.nowMs
    this.#moveTo(session, interest, limit)
    return limit
  }

  /** A limit that has changed: what it holds goes when its turn has come; one that limits nothing goes itself. */
  #settleLimit(session: Session, interest: number, limit: FrequencyLimit): void {
    const { wheel } = this.#deps
    if (limit.isPaused) return
    if (limit.isHeld) {
      wheel.cancel(limit)
      if (limit.nextTurnMs > this.nowMs && limit.intervalMs > 0) wheel.schedule(limit, limit.nextTurnMs)
      else limit.onTimer()
    }
    if (limit.intervalMs === 0) this.#moveTo(session, interest, null)
  }

  #moveTo(session: Session, interest: number, limit: FrequencyLimit | null): void {
    const { interests } = this.#deps
    const view = interests.views[interest]!
    view.remove(interests, interest)
    interests.limits[interest] = limit
    view.add(interests, interest, session.number)
  }

  #hold(interest: number, limit: FrequencyLimit, sinceMs: number): void {
    const { interests, merger } = this.#deps
    interests.clear(interest)
    merger.hold(interest, limit, sinceMs)
  }

  #intervalMs(asked: number): number {
    const cap = this.#deps.settings.maxFrequencyCap
    const frequency = asked === 0 ? cap : cap === 0 ? asked : Math.min(asked, cap)
    return frequency === 0 ? 0 : MS_PER_S / frequency
  }

  #addView(item: Item, subscription: Subscription): View {
    const { mode, fields: names, key } = subscription
    const { fields, logs, tables, merger } = this.#deps
    const fieldIds = names === null ? null : names.map(name => fields.find(name)).filter(id => id >= 0)
    const view = new View(item, mode, fieldIds, key, names)
    view.number = this.#viewNumbers.take(0)
    if (names !== null) {
      view.fieldsAwaited = names.filter(name => fields.find(name) < 0)
      for (const name of view.fieldsAwaited) fields.await(name, view)
    }
    if (mode === 'command') this.#showRows(view, item, subscription)
    else if (subscription.filterKey !== null) {
      view.filter = new ViewFilter(this.#filterOf(subscription.filterKey), tables.context)
      view.isIn = item.isKnown && view.filter.passesItem(item)
      view.turnedAt = merger.position
    }
    view.hasFunctions = mode === 'merge' && (item.settings.functions?.hasAny(names) ?? false)
    item.addView(view)
    if (view.isLogged) {
      view.budget = logs.budget
      view.take(RAW_OBJECT_BYTES)
      view.end = logs.begin(item).end
    }
    return view
  }

  /** What the view shows of the item's table, beginning with the rows there are. */
  #showRows(view: View, item: Item, { filterKey, window }: Subscription): void {
    const { tables, logs } = this.#deps
    const filter = filterKey === null ? null : this.#filterOf(filterKey)
    const table = tables.begin(item)
    view.budget = logs.budget
    const rows = new RowView(table, view.seq, view.end, tables.deletedRowsMax, bytes => view.takeAnyway(bytes))
    view.rows = rows
    view.selection = new RowSelection(rows, tables.context, filter, window)
    selectAll(view.selection, table, tables.context.advance)
    view.seq = rows.seq
    view.end = rows.end
  }

  #filterOf(key: string): Filter {
    if (this.#filter === null || this.#filterKey !== key) {
      this.#filterKey = key
      this.#filter = filterOf(key)
    }
    return this.#filter
  }

  #removeView(view: View): void {
    view.rows?.clear(0)

    for (const name of view.fieldsAwaited) this.#deps.fields.stopAwaiting(name, view)
    view.budget?.release(view.takenBytes)
    this.#viewNumbers.giveBack(view.number, 0)
    view.item.removeView(view)
  }
}

/** Updates a second, to three places; 0 is no limit. */
function frequencyOf(intervalMs: number): number {
  return intervalMs === 0 ? 0 : Math.round(1_000_000 / intervalMs) / 1_000
}

/** The least time between two updates of an item: the rule of the item may ask for more than the client. */
function intervalOf({ mode, intervalMs }: Subscription, { settings }: Item): number {
  if (settings.maxFrequency === 0 || isLoggedMode(mode)) return intervalMs
  return Math.max(intervalMs, MS_PER_S / settings.maxFrequency)
}

function notAllowed(name: string, mode: Mode): SubscriberError {
  return { code: 'MODE_NOT_ALLOWED', message: `${quoted(name)} cannot be read in mode ${mode}` }
}

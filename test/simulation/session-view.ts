/**
 * What a client has of its session, as it reads the real bytes: its subscriptions, each item of them held to the truth
 * (item-watch.ts), its events, each of which must be the next one that the session was told.
 *
 * At the end of each flush all of it is kept under the flush's position. A session that is taken up from a position goes on
 * from what was kept there: so nothing may be missing, and nothing may come twice but what was not handled as a whole flush.
 */

import assert from 'node:assert/strict'
import type { Has } from './item-has.ts'
import { ItemWatch } from './item-watch.ts'
import { hasFunctions } from './model.ts'
import type { SessionLedger } from './session-ledger.ts'
import { isUpdate, type StreamRecord } from './stream-reader.ts'
import type { SubscriptionLife } from './subscription-life.ts'
import { TableWatch } from './table-watch.ts'
import type { Truth } from './taps.ts'

/** Flushes that a client remembers. */
const KEPT_MAX = 12

type Watch = ItemWatch | TableWatch

interface LiveSubscription {
  readonly life: SubscriptionLife
  isPaused: boolean
  readonly watches: Map<string, Watch>
}

interface Kept {
  readonly events: number
  readonly updates: number
  readonly subscriptions: readonly {
    readonly life: SubscriptionLife
    readonly isPaused: boolean
    readonly watches: readonly (readonly [string, Watch, Watch['has']])[]
  }[]
}

export class SessionView {
  readonly ledger: SessionLedger
  readonly subscriptions = new Map<number, LiveSubscription>()
  /** The last position that was handled. */
  position: number
  /** Positions of the flushes that were handled, and the updates in them. */
  flushes: number[] = []
  updates = 0
  /** How many of what the session was told have come. */
  events: number
  /** A stream was asked for behind this position, and what is kept of it may be needed. */
  pinned = -1
  readonly #truth: Truth
  readonly #logEventsMin: number
  readonly #kept = new Map<number, Kept>()
  #isSetBack = false
  /** Up to this event they may be about subscriptions that had gone when the session began anew. */
  #oldEvents = 0

  constructor(ledger: SessionLedger, position: number, truth: Truth, logEventsMin: number) {
    this.ledger = ledger
    this.position = position
    this.events = 0
    this.#truth = truth
    this.#logEventsMin = logEventsMin
    this.#keep()
  }

  get id(): string {
    return this.ledger.session.id
  }

  /** Positions that it can go back to, the last one first. */
  get positions(): readonly number[] {
    return [...this.#kept.keys()].reverse()
  }

  /** Takes a record of the flush at `position`, other than a welcome and last words. */
  take(record: StreamRecord, json: string, position: number): void {
    if (this.#isEvent(record)) this.#takeEvent(record, json)
    else this.#takeData(record, position)
  }

  /** The flush is whole, and handled. */
  finish(position: number): void {
    assert.ok(position > this.position, `${this.id}: position ${position} behind ${this.position}`)
    this.position = position
    this.flushes.push(position)
    this.#checkTables(position)
    for (const { watches } of this.subscriptions.values()) {
      for (const watch of watches.values()) if (watch instanceof ItemWatch) watch.functions?.finish()
    }
    this.#keep()
  }

  /** Behind a flush with which nothing is lacking of a table it is right. */
  #checkTables(position: number): void {
    for (const { sub, item, place } of this.ledger.tablesAt(position)) {
      const watch = this.subscriptions.get(sub)?.watches.get(item)
      if (watch instanceof TableWatch) watch.checkAt(place, `${this.id}, subscription ${sub}, position ${position}`)
    }
  }

  /** The session goes on behind `position`. */
  goBack(position: number): void {
    const kept = this.#kept.get(position) ?? assert.fail(`${this.id}: nothing is kept of position ${position}`)
    this.position = position
    this.flushes = this.flushes.filter(each => each <= position)
    for (const each of this.#kept.keys()) if (each > position) this.#kept.delete(each)
    this.events = kept.events
    this.updates = kept.updates
    this.subscriptions.clear()
    for (const { life, isPaused, watches } of kept.subscriptions) {
      for (const [, watch, has] of watches) putBack(watch, has)
      this.subscriptions.set(life.wish.id, {
        life,
        isPaused,
        watches: new Map(watches.map(([name, watch]) => [name, watch])),
      })
    }
    this.#isSetBack = true
  }

  /** The session begins anew, with what the welcome names. */
  beginAnew(welcome: StreamRecord): void {
    const position = welcome.position!
    const { events, told, lives, nextRequest } =
      this.ledger.restarts.get(position) ?? assert.fail(`${this.id}: did not begin anew at ${position}`)
    assert.deepEqual(
      welcome.subscriptions,
      lives.map(({ life }) => life.wish.id),
      `${this.id}: the subscriptions that it has`,
    )
    assert.equal(welcome.request, nextRequest, `${this.id}: the request that it expects`)
    this.position = position
    this.flushes = []
    this.updates = 0
    this.events = events
    this.#oldEvents = told
    this.subscriptions.clear()
    for (const { life, isPaused } of lives) {
      this.subscriptions.set(life.wish.id, { life, isPaused, watches: new Map() })
    }
    this.#kept.clear()
    this.#keep()
  }

  /** An interest that has begun anew may stand elsewhere. A table is told to be empty then, where it is to be. */
  watch(subscription: LiveSubscription, name: string, position: number): Watch {
    const { life, watches } = subscription
    const start = life.startOf(name, position)
    let watch = watches.get(name)
    if (watch === undefined || (this.#hasNewStarts(life, name) && watch.start !== start)) {
      const item = this.#truth.item(name)
      const before = watch
      if (life.wish.mode === 'command') {
        watch = new TableWatch(item, life.wish, start)
      } else {
        watch = new ItemWatch(item, life.wish, start, Math.min(this.#logEventsMin, item.settings.logUpdates))
        watch.wasEndTold = before instanceof ItemWatch && before.isEndTold
      }
      watch.isSetBack = this.#isSetBack
      watches.set(name, watch)
    }
    return watch
  }

  #hasNewStarts({ wish }: SubscriptionLife, name: string): boolean {
    if (hasFunctions(this.#truth.item(name), wish)) return true
    return wish.mode === 'distinct' || (wish.mode !== 'command' && wish.filter !== null)
  }

  /** At the end, when all has been read: it has everything that the session was told and sent, and the truth. */
  checkSettled(): void {
    const { ledger, id } = this
    assert.equal(this.events, ledger.told.length, `${id}: all that it was told has come`)
    assert.deepEqual(
      this.flushes,
      ledger.flushes.map(({ position }) => position),
      `${id}: all flushes have come`,
    )
    assert.equal(this.updates, ledger.updatesInFlushes, `${id}: all updates have come`)
    let lost = 0
    for (const subscription of this.subscriptions.values()) {
      const { life, isPaused } = subscription
      for (const name of life.live.keys()) {
        const watch = this.watch(subscription, name, Number.POSITIVE_INFINITY)
        lost += watch.lostTotal
        if (!isPaused) watch.checkConverged(`${id}, ${JSON.stringify(life.wish)}`)
      }
      for (const [name, { hasItem }] of subscription.watches) {
        assert.ok(!hasItem || life.live.has(name), `${id}: ${name} is followed no more`)
      }
    }
    if (ledger.isPlain) {
      assert.equal(lost, ledger.session.dropped, `${id}: all that was dropped has been told as lost`)
    }
  }

  #isEvent({ item, deleted, sub }: StreamRecord): boolean {
    if (item === undefined) return true
    // Who follows an item and is told its end has it no more.
    return deleted === true && (this.subscriptions.get(sub ?? 0)?.life.isFollowed(item) ?? true)
  }

  #isOfNone({ item, sub, paused, resumed, unsubscribed }: StreamRecord): boolean {
    const id = item === undefined ? (paused ?? resumed ?? unsubscribed) : (sub ?? 0)
    if (id === undefined) return false
    const life = this.subscriptions.get(id)?.life
    // One of the same number had it before, if the beginning of this one is yet to be told.
    return life === undefined || this.ledger.told.slice(this.events).some(event => event.life === life)
  }

  #takeEvent(record: StreamRecord, json: string): void {
    const { told } = this.ledger
    const next = told[this.events]
    assert.equal(json, next?.text, `${this.id}: event ${this.events} of ${told.length}`)
    if (this.events++ < this.#oldEvents && this.#isOfNone(record)) return
    if (record.subscribed !== undefined) {
      this.subscriptions.set(record.subscribed, { life: next!.life!, isPaused: false, watches: new Map() })
    } else if (record.unsubscribed !== undefined) {
      this.#takeEnd(record)
    } else if (record.paused !== undefined) {
      this.#of(record.paused).isPaused = true
    } else if (record.resumed !== undefined) {
      this.#of(record.resumed).isPaused = false
    } else if (record.item !== undefined) {
      this.#of(record.sub ?? 0).watches.delete(record.item)
    } else if (record.answer !== undefined) {
      this.ledger.onAnswered(record, json)
    }
  }

  #takeEnd({ unsubscribed, error }: StreamRecord): void {
    const { wish } = this.#of(unsubscribed!).life
    this.subscriptions.delete(unsubscribed!)
    if (error === undefined) return
    if (error.code === 'UPDATES_LOST') {
      assert.ok(wish.mode === 'raw' && wish.onLost === 'end', 'only who asked for it ends when it lost')
    } else {
      assert.equal(error.code, 'ITEMS_TOO_MANY', `${this.id}: why subscription ${unsubscribed} ends`)
      assert.ok(wish.prefixes.length > 0, 'only who follows items can have too many later')
    }
  }

  #takeData(record: StreamRecord, position: number): void {
    const subscription = this.#of(record.sub ?? 0)
    const { wish } = subscription.life
    assert.ok(!subscription.isPaused, `${this.id}: data of a subscription that is paused: ${JSON.stringify(record)}`)
    const name = record.item!
    const isWished = wish.items.includes(name) || wish.prefixes.some(prefix => name.startsWith(prefix))
    assert.ok(isWished, `${this.id}: ${name} was not asked for`)
    try {
      const watch = this.watch(subscription, name, position)
      const functions = watch instanceof ItemWatch ? watch.functions : null
      watch.take(functions === null ? record : functions.take(record, this.ledger.places.get(position)!.get(name)!))
    } catch (error) {
      if (error instanceof Error) error.message += `\n  ${this.id}: ${JSON.stringify(wish)}: ${JSON.stringify(record)}`
      throw error
    }
    if (isUpdate(record)) this.updates++
  }

  #of(id: number): LiveSubscription {
    return this.subscriptions.get(id) ?? assert.fail(`${this.id}: there is no subscription ${id}`)
  }

  #keep(): void {
    const subscriptions = [...this.subscriptions.values()].map(({ life, isPaused, watches }) => ({
      life,
      isPaused,
      watches: [...watches].map(([name, watch]) => [name, watch, watch.has] as const),
    }))
    this.#kept.set(this.position, { events: this.events, updates: this.updates, subscriptions })
    for (const position of this.#kept.keys()) {
      if (this.#kept.size <= KEPT_MAX) return
      if (position !== this.pinned) this.#kept.delete(position)
    }
  }
}

function putBack(watch: Watch, has: Watch['has']): void {
  if (watch instanceof TableWatch) watch.putBack(has as TableWatch['has'])
  else watch.putBack(has as Has)
}

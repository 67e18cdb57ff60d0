/**
 * What the simulation keeps of each session beside the product, from what passes between the threads.
 *
 *  - The ledger (law 8): what was published to the session comes from the truth's events as its core reaches them, what was
 *    handed over from the bytes of the flushes: published + recalled = handed over + conflated + dropped + waiting.
 *  - The flushes that count: those behind a position that the session was set back to count no more.
 *  - What the session was told, in order, and which request led to it: each request is carried out once, in its order.
 *  - What a flush may be: the window, the frequency of items, the session's bandwidth.
 */

import assert from 'node:assert/strict'
import type { Interests } from '#src/domain/interests.ts'
import { ENDED, type Session } from '#src/domain/session.ts'
import type { Subscription } from '#src/domain/subscription.ts'
import { waitingOf } from '#src/domain/waiting.ts'
import { isLogged, type ModelItem, passes, rowsShown } from './model.ts'
import { type ClientRequest, EVENT_OF_VERB } from './requests.ts'
import { isUpdate, type StreamRecord } from './stream-reader.ts'
import { ROUNDING_MS, type Start, SubscriptionLife } from './subscription-life.ts'
import type { Truth } from './taps.ts'
import type { SessionWish, SubscriptionWish } from './wishes.ts'

/** Of requests that were not carried out, and may be sent again. */
const NO_ANSWERS = ['REQUEST_GAP', 'SESSION_UNKNOWN']

/** Something that the session was told beside its data. */
interface Told {
  readonly text: string
  /** Of `subscribed`. */
  readonly life: SubscriptionLife | null
  /** The request that led to it, or null. */
  readonly number: number | null
}

interface SentFlush {
  readonly position: number
  readonly updates: number
  /** Updates that it told to be lost. */
  readonly lost: number
  /** How many of the events the session had then been sent. */
  readonly events: number
  /** Tables of which nothing was lacking then, and where the core stood. */
  readonly tables: readonly TableHad[]
}

export interface TableHad {
  readonly sub: number
  readonly item: string
  readonly place: number
}

/** Tables that a flush is about, as the core has them when it has handed the flush over. */
export interface TableState extends TableHad {
  readonly isLacking: boolean
  /** More of it is due at once. */
  readonly isCut: boolean
}

/** An interest that has begun: what was published to it then is known when the truth has the event that it began at. */
interface Begun {
  readonly life: SubscriptionLife
  readonly item: ModelItem
  readonly place: number
  readonly hasSnapshot: boolean
  /** Of distinct mode: as many updates the history has. */
  readonly historyCount: number
}

interface Restart {
  readonly events: number
  /** How many it had been told of. */
  readonly told: number
  readonly lives: readonly { life: SubscriptionLife; isPaused: boolean }[]
  readonly nextRequest: number
}

export class SessionLedger {
  readonly session: Session
  readonly core: number
  readonly wish: SessionWish
  /** By position of a flush and item with merge functions: the event at which the core stood that made it. */
  readonly places = new Map<number, ReadonlyMap<string, number>>()
  /** What its client asks of it, in the order of the numbers; the client adds to it. */
  readonly requests: ClientRequest[]
  readonly told: Told[] = []
  flushes: SentFlush[] = []
  readonly restarts = new Map<number, Restart>()
  /** How many streams it has had. */
  streams = 0
  /** The highest position that its client has confirmed. */
  confirmed = -1
  #lastPosition = -1
  #published = 0
  #handedOver = 0
  #events = 0
  #recalled = 0
  /** The position of who has had no flush, and the events sent then. */
  #base: { position: number; events: number }
  #lastRequest = 0
  #wasChanged = false
  /** More events waited than are kept: what was told is lost until it begins anew. */
  #hasGivenUp = false
  #hasEverGivenUp = false
  #bandwidth: number
  #paidMs = 0
  readonly #lives = new Map<Subscription, SubscriptionLife>()
  readonly #interests: Interests
  readonly #maxFrequencyCap: number
  readonly #truth: Truth
  readonly #begun: Begun[] = []
  /** Tables, by subscription and item, of which a flush has brought a part. */
  readonly #cut = new Set<string>()

  constructor(
    session: Session,
    interests: Interests,
    core: number,
    wish: SessionWish,
    requests: ClientRequest[],
    maxFrequencyCap: number,
    truth: Truth,
  ) {
    this.#truth = truth
    this.session = session
    this.#interests = interests
    this.core = core
    this.wish = wish
    this.requests = requests
    this.#maxFrequencyCap = maxFrequencyCap
    this.#bandwidth = wish.maxBandwidth
    this.#base = { position: session.startedAt, events: 0 }
  }

  get isOpen(): boolean {
    return this.session.state !== ENDED
  }

  get published(): number {
    this.#countBegun()
    return this.#published
  }

  get handedOver(): number {
    return this.#handedOver
  }

  get bandwidth(): number {
    return this.#bandwidth
  }

  /** The session may have told its client that it was told too much, on a stream that is read later, too. */
  get hasEverGivenUp(): boolean {
    return this.#hasEverGivenUp
  }

  /** It has had one stream, and what it had at its beginning. */
  get isPlain(): boolean {
    return this.streams === 1 && !this.#wasChanged
  }

  get updatesInFlushes(): number {
    return this.flushes.reduce((sum, { updates }) => sum + updates, 0)
  }

  /** Tables that the flush at `position` has brought all of. */
  tablesAt(position: number): readonly TableHad[] {
    return this.flushes.find(flush => flush.position === position)?.tables ?? []
  }

  lives(): IterableIterator<SubscriptionLife> {
    return this.#lives.values()
  }

  // ── What its core does ─────────────────────────────────────────────────────────────────────────────────────────────

  onTold(record: StreamRecord, text: string): void {
    const kind = Object.keys(record)[0]!
    let life: SubscriptionLife | null = null
    let number: number | null = null
    const isOpening = record.subscribed !== undefined && this.told.length === 0 && this.wish.opening !== null
    if (isOpening) life = new SubscriptionLife(this.wish.opening!, this.#intervalOf(this.wish.opening!))
    else if (this.#isAskedFor(record)) {
      const request = this.#requestOf(kind, record)
      number = request.number
      if (request.wish !== null) life = new SubscriptionLife(request.wish, this.#intervalOf(request.wish))
    }
    if (life !== null) this.#lives.set(this.session.subscriptionOf(life.wish.id)!, life)
    if (!isOpening) this.#wasChanged = true
    this.told.push({ text, life, number })
    if (this.session.events?.isGivenUp) {
      this.#hasGivenUp = true
      this.#hasEverGivenUp = true
    }
    this.#apply(record)
  }

  /** An interest begins: it has nothing of its item, and counts a snapshot as published to it, where it gets one. */
  onBegin(
    owner: Subscription,
    name: string,
    isNew: boolean,
    { position, place, base, history }: Pick<Start, 'position' | 'place' | 'base' | 'history'>,
    historyCount: number,
  ): void {
    const life = this.#lives.get(owner) ?? assert.fail(`a subscription that was not asked for has ${name}`)
    const item = this.#truth.item(name)
    assert.ok(item.settings.modes.includes(life.wish.mode), `${name} is not read in mode ${life.wish.mode}`)
    const hasEnd = life.wish.hasSnapshot
    const start = {
      position,
      place,
      base,
      hasSnapshot: (hasEnd && item.settings.hasSnapshot) || isNew,
      hasEnd,
      history,
    }
    life.begin(name, start)
    this.#begun.push({ life, item, place, hasSnapshot: start.hasSnapshot, historyCount })
  }

  #countBegun(): void {
    for (const { life, item, place, hasSnapshot, historyCount } of this.#begun.splice(0)) {
      const event = item.events[place]
      if (event === undefined || event.state === null) {
        assert.equal(historyCount, 0, `${item.name} is not known and has no history`)
      } else if (life.wish.mode === 'command') {
        this.#published += rowsShown(event.rows, life.wish).size
      } else if (life.wish.mode === 'distinct') {
        this.#published += historyCount
      } else if (hasSnapshot && passes(life.wish, event.state)) {
        this.#published++
      }
    }
  }

  /** The session's core has reached an event of an item. */
  onEvent(item: ModelItem, place: number): void {
    if (!this.isOpen) return
    this.#countBegun()
    for (const life of this.#lives.values()) this.#published += life.onEvent(item, place)
  }

  /** Its client has got the answer to a request, in the stream or to a POST. */
  onAnswered({ answer, error }: StreamRecord, json: string): void {
    if (error !== undefined && NO_ANSWERS.includes(error.code)) return
    const { id } = this.session
    const request = this.requests.find(({ number }) => number === answer)
    assert.ok(request !== undefined, `session ${id}: an answer to nothing: ${json}`)
    if (request.answer !== null)
      assert.equal(json, request.answer, `session ${id}: a request is answered as it was then`)
    request.answer = json
    const isEventTold = this.told.some(({ number }) => number === request.number)
    const isDone = error === undefined && EVENT_OF_VERB[request.verb] !== null
    const isAllowed = this.#truth.allows(request.wish)
    const isMode = error?.code === 'MODE_NOT_ALLOWED'
    assert.ok(isAllowed ? !isMode : error !== undefined, `session ${id}: modes that are allowed: ${json}`)
    assert.equal(
      isEventTold,
      isDone,
      `session ${id}: request ${answer} is carried out when its answer says so: ${json}`,
    )
  }

  onWhole(name: string, place: number): void {
    for (const life of this.#lives.values()) life.onWhole(name, place)
  }

  onConfirmed(position: number): void {
    if (this.#isKnown(position)) this.confirmed = Math.max(this.confirmed, position)
  }

  /** A stream of the session goes on behind `position`. */
  onRecovered(position: number): void {
    const { id, recalled, left, events } = this.session
    assert.ok(this.#isKnown(position), `session ${id} recovers from ${position}, which it was never sent`)
    assert.ok(position >= this.confirmed, `session ${id} recovers from ${position}, behind ${this.confirmed}`)
    const gone = this.flushes
      .filter(flush => flush.position > position)
      .reduce((sum, { updates, lost }) => sum + updates + lost, 0)
    // Of a table rows that came and went count too, as they may have been told; and so do values that passed a filter anew.
    const isGuessed = [...this.#lives.values()].some(({ wish }) => wish.mode === 'command' || wish.filter !== null)
    const isWithin = recalled - this.#recalled <= gone
    assert.ok(isWithin || isGuessed, `session ${id} recalls ${recalled - this.#recalled} of ${gone}`)
    assert.ok((left?.horizon ?? 0) <= position && (events?.horizon ?? 0) <= position)
    this.#recalled = recalled
    this.flushes = this.flushes.filter(flush => flush.position <= position)
    this.#events = this.flushes.at(-1)?.events ?? this.#base.events
  }

  /** The session begins anew at `base`, as it cannot go on behind `asked`. */
  onRestarted(asked: number, base: number, why: string, mayForget: boolean): void {
    const { id } = this.session
    if (why === 'POSITION_UNKNOWN') {
      assert.ok(!this.#isKnown(asked), `session ${id} was sent position ${asked}`)
    } else {
      assert.equal(why, 'POSITION_TOO_OLD')
      const isLast = asked === (this.flushes.at(-1)?.position ?? this.#base.position)
      const isRaw = [...this.#lives.values()].some(({ wish }) => isLogged(wish))
      assert.ok(!isLast || this.#hasGivenUp, `session ${id} goes on from its last position`)
      assert.ok(asked < this.confirmed || isRaw || mayForget, `session ${id} knows what it was sent behind ${asked}`)
    }
    if (this.#hasGivenUp) this.#events = this.told.length
    this.#hasGivenUp = false
    this.flushes = []
    this.#base = { position: base, events: this.#events }
    this.#recalled = this.session.recalled
    this.restarts.set(base, {
      events: this.#events,
      told: this.told.length,
      lives: this.session.subscriptions.map(subscription => {
        const life = this.#lives.get(subscription)!
        return { life, isPaused: life.isPaused }
      }),
      nextRequest: this.session.requests?.next ?? 1,
    })
  }

  /** Batch hands a flush over: `length` bytes. */
  onFlush(
    records: readonly [StreamRecord, string][],
    position: number,
    length: number,
    nowMs: number,
    tables: readonly TableState[],
  ): void {
    const { id } = this.session
    this.#countBegun()
    assert.ok(position > this.#lastPosition, `session ${id}: position ${position} behind ${this.#lastPosition}`)
    this.#lastPosition = position
    const isUnpaid = this.#bandwidth > 0 && nowMs + ROUNDING_MS < this.#paidMs
    assert.ok(!isUnpaid, `session ${id}: a flush ${this.#paidMs - nowMs} ms before the last ones are paid for`)
    if (this.#bandwidth > 0) this.#paidMs = Math.max(this.#paidMs, nowMs) + (length * 1_000) / this.#bandwidth
    const before = this.#handedOver
    const data = this.#takeOwn(records)
    const lostItems = new Set<string>()
    let lostUpdates = 0
    const rowsSent = new Set<string>()
    // What was sent in parts goes on no more.
    const endedParts = new Set<string>()
    let rowsDueMax = 0
    for (const [record, json] of data) {
      const { sub = 0, item, lost, command, cleared, deleted } = record
      assert.ok(item !== undefined, `session ${id}: behind data there is ${json}`)
      if (lost !== undefined) {
        lostUpdates += lost
        lostItems.add(`${sub} ${item}`)
      }
      const life = this.lifeOf(sub)
      if (cleared === true || deleted === true) endedParts.add(`${sub} ${item}`)
      if (cleared === true) {
        const place = tables.find(each => each.sub === sub && each.item === item)!.place
        const rows = this.#truth.item(item).events[place]?.rows
        rowsDueMax += rows === undefined ? 0 : rowsShown(rows, life.wish).size
      }
      if (!isUpdate(record)) continue
      this.#handedOver++
      if (command !== undefined) {
        rowsSent.add(`${sub} ${item}`)
        continue
      }
      if (lostItems.delete(`${sub} ${item}`) && life.wish.mode === 'raw') this.#published++
      life.onUpdateSent(this.#truth.item(item), nowMs)
    }
    for (const { sub, item, isCut } of tables) {
      const key = `${sub} ${item}`
      const isGoingOn = this.#cut.has(key)
      const isTurn = rowsSent.has(key) || (isGoingOn && !endedParts.has(key))
      if (isTurn) this.lifeOf(sub).onUpdateSent(this.#truth.item(item), nowMs, isGoingOn, !isCut)
    }
    this.#countTablesAnew(rowsDueMax)
    const had: TableHad[] = []
    for (const { isLacking, isCut, sub, item, place } of tables) {
      if (isCut) this.#cut.add(`${sub} ${item}`)
      else this.#cut.delete(`${sub} ${item}`)
      if (!isLacking) had.push({ sub, item, place })
    }
    const updates = this.#handedOver - before
    this.flushes.push({ position, updates, lost: lostUpdates, events: this.#events, tables: had })
  }

  /** A table that is sent from its beginning to who was behind is published anew, as far as more is due than waited. */
  #countTablesAnew(rowsDueMax: number): void {
    const { session } = this
    const { conflated, dropped, recalled } = session
    const settled = this.#handedOver + conflated + dropped + waitingOf(this.#interests, session) - recalled
    const anew = settled - this.#published
    assert.ok(
      anew >= 0 && anew <= rowsDueMax,
      `session ${session.id}: ${anew} published anew of ${rowsDueMax} rows sent`,
    )
    this.#published += anew
  }

  lifeOf(id: number): SubscriptionLife {
    const subscription = this.session.subscriptionOf(id)
    const life = subscription === null ? undefined : this.#lives.get(subscription)
    return life ?? assert.fail(`session ${this.session.id} has no subscription ${id}`)
  }

  /** Between two turns of its core. */
  check(): void {
    const { session, published } = this
    const waiting = this.isOpen ? waitingOf(this.#interests, session) : 0
    const { handedOver, conflated, dropped, recalled } = session
    const label = `session ${session.id}`
    assert.equal(handedOver, this.#handedOver, `${label}: handed over`)
    assert.ok(
      conflated >= 0 && dropped >= 0 && waiting >= 0 && recalled >= 0,
      `${label}: no count is negative: ${conflated} conflated, ${dropped} dropped, ${waiting} waiting, ${recalled} recalled`,
    )
    assert.equal(
      handedOver + conflated + dropped + waiting,
      published + recalled,
      `${label}: ${handedOver} handed over + ${conflated} conflated + ${dropped} dropped + ${waiting} waiting = ` +
        `${published} published + ${recalled} recalled`,
    )
  }

  // ── Within ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  #isKnown(position: number): boolean {
    return position === this.#base.position || this.flushes.some(flush => flush.position === position)
  }

  #intervalOf(wish: SubscriptionWish): number {
    return isLogged(wish) ? 0 : this.#intervalFor(wish.maxFrequency)
  }

  #intervalFor(maxFrequency: number): number {
    const cap = this.#maxFrequencyCap
    const frequency = maxFrequency === 0 ? cap : Math.min(maxFrequency, cap || maxFrequency)
    return frequency === 0 ? 0 : 1_000 / frequency
  }

  /** What no request led to: the end of what could not go on, items that are gone, answers. */
  #isAskedFor({ item, answer, error }: StreamRecord): boolean {
    return item === undefined && answer === undefined && error === undefined
  }

  /** The request that is being carried out: it comes next, and was not carried out before. */
  #requestOf(kind: string, record: StreamRecord): ClientRequest {
    const { id, requests } = this.session
    const number = requests?.next ?? assert.fail(`session ${id} was told ${kind} and asked for nothing`)
    const request = this.requests.find(each => each.number === number)
    assert.ok(request !== undefined, `session ${id}: request ${number} was made`)
    assert.equal(
      number,
      Math.max(number, this.#lastRequest + 1),
      `session ${id}: request ${number} is carried out once`,
    )
    assert.equal(kind, EVENT_OF_VERB[request.verb], `session ${id}: what request ${number} leads to`)
    if (request.id >= 0)
      assert.equal(Object.values(record)[0], request.id, `session ${id}: what request ${number} is about`)
    this.#lastRequest = number
    return request
  }

  #apply(record: StreamRecord): void {
    const { subscribed, changed, paused, resumed, unsubscribed, limits } = record
    if (subscribed !== undefined || changed !== undefined) {
      const life = this.lifeOf(subscribed ?? changed!)
      if (changed !== undefined) life.change(this.#intervalFor(record.maxFrequency ?? 0))
      const told = record.maxFrequency ?? 0
      assert.ok(
        Math.abs((told === 0 ? 0 : 1_000 / told) - life.intervalMs) < 0.01,
        'the frequency that it has got is told',
      )
    }
    if (paused !== undefined) this.lifeOf(paused).isPaused = true
    if (resumed !== undefined) this.lifeOf(resumed).isPaused = false
    if (unsubscribed !== undefined) {
      for (const [subscription, life] of this.#lives) {
        if (life.wish.id === unsubscribed && !this.session.subscriptions.includes(subscription)) {
          this.#lives.delete(subscription)
        }
      }
    }
    if (limits !== undefined) {
      const { maxBandwidth } = limits
      if (maxBandwidth === null || maxBandwidth > this.#bandwidth) this.#paidMs = 0
      this.#bandwidth = maxBandwidth ?? 0
    }
  }

  /** Takes the session's own records: a welcome, and the events that come next. Returns the data behind them. */
  #takeOwn(records: readonly [StreamRecord, string][]): readonly [StreamRecord, string][] {
    let at = records[0]?.[0].session === undefined ? 0 : 1
    while (at < records.length && records[at]![1] === this.told[this.#events]?.text) {
      const [{ item, sub = 0 }] = records[at++]!
      this.#events++
      // An item that was followed has ended: no table of it goes on.
      if (item !== undefined) this.#cut.delete(`${sub} ${item}`)
    }
    const data = records.slice(at)
    const hasAll = this.#events === this.told.length || this.#hasGivenUp
    assert.ok(data.length === 0 || hasAll, `session ${this.session.id}: events come before data`)
    return data
  }
}

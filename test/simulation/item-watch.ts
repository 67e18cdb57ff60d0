/**
 * Holds one item of one subscription to the truth, record by record as the client reads them.
 *
 * It keeps the places in the item's list of events at which the client may stand (`places`): after a snapshot, every one
 * with exactly that state; from then on a record leads from a place only to those that its seq and its contents allow.
 * No place left is a failure, so order, duplicates, gaps and values are all checked by the same few lines:
 *  - merge: seq grows by the number of published events between (the gap is what was conflated), and the state after the
 *    record is the truth there. With a filter it may be told that the item is out: then it has none until a snapshot.
 *  - raw: the next event that the view shows is exactly this one; none is left out but by `lost`, which tells their number.
 *  - distinct: the same from the first update of its history on; behind `lost` it goes on with the event behind those.
 *
 * A subscription that wants no snapshot of an item that is known knows where it stands, and of the values what it is told.
 *
 * What it has is kept at each flush and put back when the session is set back to that flush.
 */

import assert from 'node:assert/strict'
import { FunctionWatch } from './function-watch.ts'
import type { Has } from './item-has.ts'
import {
  hasFunctions,
  type ItemEvent,
  isLogged,
  isPublished,
  isSameState,
  type ModelItem,
  passes,
  projected,
  type Sight,
  type State,
  shownAsIs,
  type Value,
} from './model.ts'
import { PublishedCounts } from './published-counts.ts'
import { eventsText, isRecordOf, isSameTime } from './record-fit.ts'
import type { StreamRecord } from './stream-reader.ts'
import type { Start } from './subscription-life.ts'

export class ItemWatch {
  readonly #item: ModelItem
  readonly #sight: Sight
  /** Before this event nothing may be told. */
  readonly #start: number
  readonly start: Start
  readonly functions: FunctionWatch | null
  readonly #logEventsMin: number
  readonly #published: PublishedCounts
  #places: readonly number[] | null = null
  #seq = -1
  /** What the last `lost` told, until the snapshot behind it. */
  #lost = 0
  /** Distinct: the history begins with the whole value as it was at this event; -1 when that was told, or is not so. */
  #stateAt = -1
  /** Distinct: marks tell what those that were lost came to. */
  #isAfterLost = false
  #isEndTold = false
  /** It begins with the value at its first flush, if that passes, and goes on behind it. */
  #isOfState = false
  wasEndTold = false
  #isDeletedTold = false
  /** Raw: a snapshot out of turn was told; whether the item is stale is told behind it. */
  #isAfterSnapshot = false
  /** The fields are those that were told, and there may be others. */
  #isPartial = false
  fields: ReadonlyMap<string, Value> | null = null
  /** Null: it was not told anything of it, with a filter that nothing has passed. */
  isStale: boolean | null = false
  updates = 0
  lostTotal = 0
  /** The session was set back, so marks may be told that tell nothing. */
  isSetBack = false

  /** `logEventsMin`: as many of the newest events are in the item's log at least. */
  constructor(item: ModelItem, sight: Sight, start: Start, logEventsMin: number) {
    this.start = start
    this.functions = hasFunctions(item, sight) ? new FunctionWatch(item, sight, start) : null
    this.#item = item
    this.#sight = sight
    this.#published = new PublishedCounts(item, sight)
    this.#start = start.place
    this.#logEventsMin = logEventsMin
    if (sight.mode === 'distinct') this.#beginHistory(item.events[start.place], start)
    else this.#beginState(item.events[start.place], start)
  }

  #beginState(first: ItemEvent | undefined, { place, hasSnapshot }: Start): void {
    const sight = this.#sight
    if (sight.mode === 'raw' && sight.filter !== null) this.isStale = null
    if (first === undefined || first.state === null) return
    const isShown = passes(sight, first.state)
    this.#isOfState = isShown && hasSnapshot
    if (isShown ? hasSnapshot : !isLogged(sight)) return
    this.#places = [place]
    this.#isPartial = true
    this.fields = new Map()
    this.isStale = isShown ? first.isStale : null
  }

  #beginHistory(first: ItemEvent | undefined, { place, hasEnd, history }: Start): void {
    if (first === undefined || first.state === null) return
    this.#isPartial = true
    this.fields = new Map()
    this.isStale = hasEnd ? false : first.isStale
    if (history === null) this.#places = [place]
    else if (history.isState) this.#stateAt = history.place
    else this.#places = [history.place - 1]
  }

  /** Where its snapshot ends was told, or was of what it had before it began anew. */
  get isEndTold(): boolean {
    return this.#isEndTold || this.wasEndTold
  }

  get hasItem(): boolean {
    return this.fields !== null
  }

  get has(): Has {
    return {
      places: this.#places,
      seq: this.#seq,
      lost: this.#lost,
      stateAt: this.#stateAt,
      isAfterLost: this.#isAfterLost,
      isEndTold: this.#isEndTold,
      isDeletedTold: this.#isDeletedTold,
      isAfterSnapshot: this.#isAfterSnapshot,
      fields: this.fields,
      isPartial: this.#isPartial,
      isStale: this.isStale,
      updates: this.updates,
      lostTotal: this.lostTotal,
      functionBase: this.functions?.base ?? null,
    }
  }

  putBack(has: Has): void {
    this.#places = has.places
    this.#seq = has.seq
    this.#lost = has.lost
    this.#stateAt = has.stateAt
    this.#isAfterLost = has.isAfterLost
    this.#isEndTold = has.isEndTold
    this.#isDeletedTold = has.isDeletedTold
    this.#isAfterSnapshot = has.isAfterSnapshot
    this.fields = has.fields
    this.#isPartial = has.isPartial
    this.isStale = has.isStale
    this.updates = has.updates
    this.lostTotal = has.lostTotal
    this.functions?.putBack(has.functionBase)
    this.isSetBack = true
  }

  take(record: StreamRecord): void {
    if (record.fields !== undefined) this.#takeUpdate(record)
    else if (record.lost !== undefined) this.#takeLost(record.lost)
    else if (record.deleted === true) this.#takeDeleted()
    else if (record.stale !== undefined) this.#takeStale(record.stale)
    else if (record.out === true) this.#takeOut()
    else if (record.snapshotEnd === true) this.#takeSnapshotEnd()
    else assert.fail(`a record that says nothing: ${JSON.stringify(record)}`)
  }

  /** At the end, when everything has been read: the client has what the item is. */
  checkConverged(who: string): void {
    const { state, isStale, name, events } = this.#item
    const label = `${who}: at the end of ${name}`
    if (isLogged(this.#sight) && (this.#sight.mode === 'distinct' || this.#sight.filter !== null)) {
      return this.#checkAllCame(label)
    }
    const truth = passes(this.#sight, state) ? shownAsIs(this.#item, this.#sight, state!) : null
    if (this.#isPartial && truth !== null) {
      const untold = new Set(events.slice(this.#start + 1).flatMap(event => [...event.changed]))
      for (const name of truth.keys()) if (!untold.has(name) && !this.fields!.has(name)) truth.delete(name)
    }
    assert.deepEqual(this.fields, truth, `${label}: fields`)
    assert.equal(this.isStale, truth !== null && isStale, `${label}: stale`)
  }

  /** Nothing is left that is to be told. */
  #checkAllCame(label: string): void {
    const { state, isStale, events } = this.#item
    if (this.#lost > 0) this.#passLostBare()
    const begun = this.#isOfState ? events.length : this.#start
    const places = this.#stateAt >= 0 ? [] : (this.#places ?? [begun])
    assert.ok(
      places.some(place => this.#nextUpdate(place) < 0),
      `${label}: stands at ${places.join()} of ${events.length}, state at ${this.#stateAt}, and all updates have come`,
    )
    if (this.isStale !== null) assert.equal(this.isStale, state !== null && isStale, `${label}: stale`)
    if (this.#sight.filter === null) assert.equal(this.fields !== null, state !== null, `${label}: there, or not`)
    if (this.#sight.mode !== 'distinct') return
    assert.ok(this.isEndTold || !this.start.hasEnd, `${label}: the end of its snapshot was told`)
  }

  #takeUpdate(record: StreamRecord): void {
    const { item, seq, snapshot } = record
    assert.ok(seq !== undefined, 'an update has a seq')
    assert.ok(seq > this.#seq, `${item}: seq ${seq} after ${this.#seq}`)
    const told = Object.entries(record.fields!)
    const { fields: wished } = this.#sight
    if (snapshot === true) this.#isPartial = false
    for (const [name] of told) assert.ok(wished?.includes(name) ?? true, `${item}: field ${name} was not asked for`)
    const isBare = isLogged(this.#sight) && this.#sight.filter !== null
    const mayBegin = snapshot === true || isBare || this.#isAfterLost
    assert.ok(this.fields !== null || mayBegin, `${item}: an update before the first snapshot`)
    if (isBare && this.#lost > 0 && (snapshot !== true || (this.#seq >= 0 && seq > this.#seq + this.#lost)))
      this.#passLostBare()
    const isAt = this.#stateAt >= 0
    const isAnyOne =
      !isAt && this.#places === null && isLogged(this.#sight) && (isBare || this.#sight.mode === 'distinct')
    const isNext = isLogged(this.#sight) && (this.#places !== null || isAt || isAnyOne) && this.#lost === 0
    if (isAt) this.#toFirstState(record, told)
    else if (isAnyOne && this.#lost === 0 && (this.#sight.mode === 'distinct' || snapshot !== true)) {
      this.#toAnyUpdate(record, told)
    } else if (isNext && this.#places !== null) this.#toNextUpdate(record, told, seq)
    this.fields = snapshot === true || this.fields === null ? new Map(told) : new Map([...this.fields, ...told])
    const isState = this.#places === null || (!isNext && !isAt)
    if (isState) this.#toState(seq, snapshot === true)
    this.#isAfterSnapshot = isState && this.#sight.mode === 'raw'
    this.#isAfterLost = false
    if (this.#isDeletedTold || this.isStale === null) this.isStale = isBare && snapshot !== true ? this.isStale : false
    this.#isDeletedTold = false
    this.#seq = seq
    this.#lost = 0
    this.updates++
    this.#checkTime(record, isNext)
  }

  /** The places from which `seq` and the state that the client has now follow. */
  #toState(seq: number, isSnapshot: boolean): void {
    const { events } = this.#item
    const before = this.#places
    const gap = seq - this.#seq
    const isGapKnown = this.#seq >= 0
    if (this.#lost > 0 && before !== null && isGapKnown)
      assert.equal(gap, this.#lost, `${this.#item.name}: the snapshot behind lost stands at its end`)
    const wanted =
      before === null || !isGapKnown ? null : new Set(before.map(place => this.#published.upTo(place) + gap))
    const from = before === null ? this.#start : Math.min(...before)
    const places: number[] = []
    for (let place = Math.max(0, from); place < events.length; place++) {
      const { state } = events[place]!
      if (state === null || (wanted !== null && !wanted.has(this.#published.upTo(place)))) continue
      if (this.#isAt(state)) places.push(place)
    }
    this.#settle(places, `seq ${seq} (gap ${gap})${isSnapshot ? ', a snapshot' : ''}`)
  }

  /** Whether what the client has is the state, as far as it can know. */
  #isAt(state: State): boolean {
    const seen = shownAsIs(this.#item, this.#sight, state)
    if (!this.#isPartial) return isSameState(seen, this.fields!)
    return [...this.fields!].every(([name, value]) => seen.get(name) === value)
  }

  #toNextUpdate(record: StreamRecord, told: [string, Value][], seq: number): void {
    if (this.#seq >= 0) assert.equal(seq, this.#seq + 1, `${this.#item.name}: raw mode leaves no gap`)
    // Behind what was lost the marks that came between are told as what they came to.
    if (this.#isAfterLost) {
      const isTold = (place: number) => this.#isUpdateAt(this.#item.events[place]!, record, told)
      const behind = [...new Set(this.#places!.map(place => this.#nextUpdate(place)))]
      return this.#settle(
        behind.filter(place => place >= 0 && isTold(place)),
        `seq ${seq} behind lost`,
      )
    }
    const next = this.#nextPlaces(event => this.#isUpdateAt(event, record, told))
    this.#settle([...next, ...this.#nextBehindMarks(record, told)], `seq ${seq}`)
  }

  /** Where the log has pushed out marks and nothing published, and they came to nothing that would have to be told. */
  #nextBehindMarks(record: StreamRecord, told: [string, Value][]): number[] {
    if (this.isStale === true) return []
    const { events } = this.#item
    return this.#places!.filter(place => events.length - place > this.#logEventsMin)
      .map(place => [place, this.#nextUpdate(place)] as const)
      .filter(([place, next]) => {
        const between = events.slice(place + 1, Math.max(place + 1, next))
        const isToldOfNone = this.#seq < 0 || this.fields === null || !between.some(({ kind }) => kind === 'deleted')
        return next >= 0 && isToldOfNone && this.#isUpdateAt(events[next]!, record, told)
      })
      .map(([, next]) => next)
  }

  /** Distinct: the first of a history is the whole value as it was at an event. */
  #toFirstState(record: StreamRecord, told: [string, Value][]): void {
    const { events, name } = this.#item
    const place = this.#stateAt
    const state = events[place]!.state!
    const isIt = record.snapshot === true && isSameState(projected(state, this.#sight.fields), new Map(told))
    assert.ok(isIt, `${name}: ${JSON.stringify(record)} is not what the item was at ${place}`)
    this.#stateAt = -1
    this.#places = [place]
  }

  /** Where it stands is not known, as it had nothing: any update of the view. */
  #toAnyUpdate(record: StreamRecord, told: [string, Value][]): void {
    const places = [...this.#item.events.keys()].filter(place => {
      const event = this.#item.events[place]!
      return place > this.#start && isPublished(event, this.#sight) && this.#isUpdateAt(event, record, told)
    })
    this.#settle(places, 'the first update')
  }

  #isUpdateAt(event: ItemEvent, record: StreamRecord, told: [string, Value][]): boolean {
    return isRecordOf(event, record, told, this.#sight.fields)
  }

  /** Raw: from each place the next event that the view shows, where `fits` says that this is it. */
  #nextPlaces(fits: (event: ItemEvent) => boolean): readonly number[] {
    const places: number[] = []
    for (const place of this.#places ?? []) {
      const next = this.#nextShown(place)
      if (next >= 0 && fits(this.#item.events[next]!) && !places.includes(next)) places.push(next)
    }
    return places
  }

  #nextShown(place: number): number {
    const isShown = (event: ItemEvent) => event.kind !== 'update' || isPublished(event, this.#sight)
    return this.#item.events.findIndex((event, at) => at > place && isShown(event))
  }

  #nextUpdate(place: number): number {
    const { events } = this.#item
    return events.findIndex((event, at) => at > place && isPublished(event, this.#sight))
  }

  #takeLost(lost: number): void {
    assert.ok(isLogged(this.#sight), 'only raw and distinct mode lose')
    assert.ok(lost > 0, 'lost tells at least one')
    this.lostTotal += lost
    if (this.#lost > 0) this.#passLostBare()
    if (this.#sight.mode === 'distinct') return this.#passLost(lost)
    this.#lost = lost
    // Who waited for the item and had nothing yet may have lost what came first.
    const from = this.#places === null ? this.#start : Math.min(...this.#places)
    const published = this.#published.upTo(this.#item.events.length - 1) - this.#published.upTo(from)
    assert.ok(lost <= published, `${this.#item.name}: lost ${lost}, of ${published} published`)
  }

  /** Distinct: goes on behind so many. */
  #passLost(lost: number): void {
    const { name } = this.#item
    let left = lost
    if (this.#stateAt >= 0) {
      this.#places = [this.#stateAt]
      this.#stateAt = -1
      left--
    }
    this.#isAfterLost = true
    if (this.#seq >= 0) this.#seq += lost
    if (this.#places === null) {
      const since = this.#published.upTo(this.#start)
      this.#places = [...this.#item.events.keys()].filter(
        place => place > this.#start && this.#published.upTo(place) - since >= left,
      )
      return
    }
    let places = [...this.#places]
    for (; left > 0; left--) places = places.map(place => this.#nextUpdate(place)).filter(place => place >= 0)
    assert.ok(places.length > 0, `${name}: lost ${lost}, and there were less behind ${this.#places.join()}`)
    this.#places = [...new Set(places)]
  }

  /** Raw with a filter: what was lost ended with a value that does not pass, so no snapshot has come. */
  #passLostBare(): void {
    this.#passLost(this.#lost)
    this.#lost = 0
  }

  /** Merge mode with a filter: the newest values do not pass. */
  #takeOut(): void {
    const { name } = this.#item
    const { mode, filter } = this.#sight
    assert.ok(mode === 'merge' && filter !== null, `${name}: out of no filter`)
    assert.ok(this.fields !== null || this.isSetBack, `${name}: out, and it was not in`)
    this.fields = null
    this.#isPartial = false
    this.isStale = false
  }

  #takeSnapshotEnd(): void {
    const { name } = this.#item
    assert.ok(this.#sight.mode === 'distinct', `${name}: only distinct mode tells where a snapshot ends`)
    assert.ok(this.start.hasEnd && !this.#isEndTold, `${name}: the end of its snapshot is told once`)
    this.#isEndTold = true
    const places = this.#places
    assert.equal(this.#stateAt, -1, `${name}: the end of a snapshot whose first update has not come`)
    if (this.start.history === null || places === null) return
    assert.ok(
      places.some(place => this.#published.upTo(place) >= this.#published.upTo(this.start.place)),
      `${name}: the end of a snapshot of which something has not come`,
    )
  }

  #takeDeleted(): void {
    const { name, events } = this.#item
    const isLost = this.#lost > 0 || this.#isAfterLost
    const isBare = isLogged(this.#sight) && this.#sight.filter !== null
    const isIdle = (this.isSetBack && this.#sight.mode === 'merge') || isBare || isLost
    assert.ok(this.fields !== null || this.#lost > 0 || isIdle, `${name}: deleted before its first snapshot`)
    if (isBare && this.#lost > 0 && this.#places === null) this.#passLostBare()
    if (this.#isAfterLost) {
      // Where it stands is not changed by what the marks came to.
    } else if (isLogged(this.#sight) && this.#lost === 0 && (this.#places !== null || !isBare)) {
      const next = this.#nextPlaces(event => event.kind === 'deleted')
      this.#settle([...next, ...this.#behindMarks(event => event.kind === 'deleted')], 'deleted')
    } else {
      const from = this.#places === null ? this.#start : Math.min(...this.#places)
      assert.ok(
        events.some((event, place) => place > from && event.kind === 'deleted'),
        `${name}: deleted, but it was not`,
      )
      if (this.#lost > 0) {
        if (this.#places !== null) {
          if (this.#seq >= 0) this.#seq += this.#lost
          this.#settle(this.#placesOf('deleted', from, this.#lost), 'deleted behind lost')
        }
        this.#lost = 0
      }
    }
    this.fields = null
    this.#isPartial = false
    this.isStale = false
    this.#isDeletedTold = true
  }

  #placesOf(kind: ItemEvent['kind'], from: number, gap: number): number[] {
    const counts = this.#places!.map(place => this.#published.upTo(place) + gap)
    const isAt = (place: number) => this.#seq < 0 || counts.includes(this.#published.upTo(place))
    return [...this.#item.events.keys()].filter(
      place => place > from && this.#item.events[place]!.kind === kind && isAt(place),
    )
  }

  #takeStale(isStale: boolean): void {
    if (this.fields === null && this.isSetBack && this.#sight.mode === 'merge') return
    // Which of the marks before a deletion it knows is not known of who was set back behind that.
    const mayBeKnown = this.isSetBack && isStale === (this.isStale ?? false)
    // What was deleted behind a mark that the log has pushed out is told to be fresh, too.
    if (this.#isDeletedTold && isStale === this.isStale && this.#sight.mode === 'distinct') return
    const isBare = isLogged(this.#sight) && this.#sight.filter !== null
    assert.ok(
      this.fields !== null || isBare || this.#isAfterLost,
      `${this.#item.name}: stale ${isStale} before its first snapshot`,
    )
    this.isStale = isStale
    if (!isLogged(this.#sight) || this.#isAfterLost || (isBare && (this.#places === null || this.#lost > 0))) return
    // At the end of a history it is told how the item is.
    if (this.#sight.mode === 'distinct' && this.start.hasEnd && !this.#isEndTold) this.#isAfterSnapshot = true
    const { events } = this.#item
    const stood = this.#places!
    const next = this.#nextPlaces(event => event.kind === (isStale ? 'stale' : 'fresh'))
    const isHere = (place: number) => mayBeKnown || (this.#isAfterSnapshot && events[place]!.isStale === isStale)
    const behind = this.#behindMarks(event => event.isStale === isStale)
    this.#settle([...new Set([...stood.filter(isHere), ...next, ...behind])], `stale ${isStale}`)
    this.#isAfterSnapshot = false
  }

  /** Where the client may stand when the log has pushed out marks and nothing published: what is so now is told. */
  #behindMarks(fits: (event: ItemEvent) => boolean): number[] {
    const { events } = this.#item
    const from = Math.min(...this.#places!)
    if (events.length - from <= this.#logEventsMin) return []
    const counts = this.#places!.map(place => this.#published.upTo(place))
    return [...events.keys()].filter(
      place => place > from && fits(events[place]!) && counts.includes(this.#published.upTo(place)),
    )
  }

  /** `time` is that of the newest event that concerned the view. The first snapshot's may be a newer one's. */
  #checkTime(record: StreamRecord, isNext: boolean): void {
    if (isNext || this.updates === 1 || isLogged(this.#sight)) return
    const { events } = this.#item
    const fitting = this.#places!.filter(place => {
      let at = place
      while (at > 0 && !isPublished(events[at]!, this.#sight)) at--
      return isSameTime(record.time, events[at]!.timeMs)
    })
    assert.ok(fitting.length > 0, `${this.#item.name}: time ${record.time} is not that of the newest update`)
  }

  #settle(places: readonly number[], label: string): void {
    if (places.length === 0) {
      const { events, name } = this.#item
      const stood = (this.#places ?? []).join(',')
      const shown = this.fields === null ? 'nothing' : JSON.stringify([...this.fields])
      assert.fail(
        `${name}: ${label} fits no truth\n  stood at ${stood} of ${events.length}, seq ${this.#seq}, lost ${this.#lost}\n` +
          `  has ${shown}\n  last events ${eventsText(this.#item)}`,
      )
    }
    this.#places = places
  }
}

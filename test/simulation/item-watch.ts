/**
 * Holds one item of one subscription to the truth, record by record as the client reads them.
 *
 * It keeps the places in the item's list of events at which the client may stand (`places`): after a snapshot, every one
 * with exactly that state; from then on a record leads from a place only to those that its seq and its contents allow.
 * No place left is a failure, so order, duplicates, gaps and values are all checked by the same few lines:
 *  - merge: seq grows by the number of published events between (the gap is what was conflated), and the state after the
 *    record is the truth there.
 *  - raw: the next event that the view shows is exactly this one; none is left out but by `lost`, which tells their number.
 *
 * A subscription that wants no snapshot of an item that is known knows where it stands, and of the values what it is told.
 *
 * What it has is kept at each flush and put back when the session is set back to that flush.
 */

import assert from 'node:assert/strict'
import {
  type ItemEvent,
  isPublished,
  isSameState,
  type ModelItem,
  projected,
  type Sight,
  type State,
  type Value,
} from './model.ts'
import type { StreamRecord } from './stream-reader.ts'
import type { Start } from './subscription-life.ts'

/** What a client has of an item. */
interface Has {
  readonly places: readonly number[] | null
  readonly seq: number
  readonly lost: number
  readonly isDeletedTold: boolean
  readonly isAfterSnapshot: boolean
  readonly fields: ReadonlyMap<string, Value> | null
  readonly isPartial: boolean
  readonly isStale: boolean
  readonly updates: number
  readonly lostTotal: number
}

export class ItemWatch {
  readonly #item: ModelItem
  readonly #sight: Sight
  /** Before this event nothing may be told. */
  readonly #start: number
  readonly #logEventsMin: number
  /** By event: how many up to it, itself included, were published to the view. */
  readonly #counts: number[] = []
  #places: readonly number[] | null = null
  #seq = -1
  /** What the last `lost` told, until the snapshot behind it. */
  #lost = 0
  #isDeletedTold = false
  /** Raw: a snapshot out of turn was told; whether the item is stale is told behind it. */
  #isAfterSnapshot = false
  /** The fields are those that were told, and there may be others. */
  #isPartial = false
  fields: ReadonlyMap<string, Value> | null = null
  isStale = false
  updates = 0
  lostTotal = 0
  /** Merge mode: the session was set back, so marks may be told that tell nothing. */
  isSetBack = false

  /** `logEventsMin`: as many of the newest events are in the item's log at least. */
  constructor(item: ModelItem, sight: Sight, { place, hasSnapshot }: Start, logEventsMin: number) {
    this.#item = item
    this.#sight = sight
    this.#start = place
    this.#logEventsMin = logEventsMin
    const first = item.events[place]
    if (hasSnapshot || first === undefined || first.state === null) return
    this.#places = [place]
    this.#isPartial = true
    this.fields = new Map()
    this.isStale = first.isStale
  }

  get has(): Has {
    return {
      places: this.#places,
      seq: this.#seq,
      lost: this.#lost,
      isDeletedTold: this.#isDeletedTold,
      isAfterSnapshot: this.#isAfterSnapshot,
      fields: this.fields,
      isPartial: this.#isPartial,
      isStale: this.isStale,
      updates: this.updates,
      lostTotal: this.lostTotal,
    }
  }

  putBack(has: Has): void {
    this.#places = has.places
    this.#seq = has.seq
    this.#lost = has.lost
    this.#isDeletedTold = has.isDeletedTold
    this.#isAfterSnapshot = has.isAfterSnapshot
    this.fields = has.fields
    this.#isPartial = has.isPartial
    this.isStale = has.isStale
    this.updates = has.updates
    this.lostTotal = has.lostTotal
    this.isSetBack = true
  }

  take(record: StreamRecord): void {
    if (record.fields !== undefined) this.#takeUpdate(record)
    else if (record.lost !== undefined) this.#takeLost(record.lost)
    else if (record.deleted === true) this.#takeDeleted()
    else if (record.stale !== undefined) this.#takeStale(record.stale)
    else assert.fail(`a record that says nothing: ${JSON.stringify(record)}`)
  }

  /** At the end, when everything has been read: the client has what the item is. */
  checkConverged(who: string): void {
    const { state, isStale, name, events } = this.#item
    const label = `${who}: at the end of ${name}`
    const truth = state === null ? null : projected(state, this.#sight.fields)
    if (this.#isPartial && truth !== null) {
      const untold = new Set(events.slice(this.#start + 1).flatMap(event => [...event.changed]))
      for (const name of truth.keys()) if (!untold.has(name) && !this.fields!.has(name)) truth.delete(name)
    }
    assert.deepEqual(this.fields, truth, `${label}: fields`)
    assert.equal(this.isStale, state !== null && isStale, `${label}: stale`)
  }

  #takeUpdate(record: StreamRecord): void {
    const { item, seq, snapshot } = record
    assert.ok(seq !== undefined, 'an update has a seq')
    assert.ok(seq > this.#seq, `${item}: seq ${seq} after ${this.#seq}`)
    const told = Object.entries(record.fields!)
    const { fields: wished } = this.#sight
    if (snapshot === true) this.#isPartial = false
    for (const [name] of told) assert.ok(wished?.includes(name) ?? true, `${item}: field ${name} was not asked for`)
    assert.ok(this.fields !== null || snapshot === true, `${item}: an update before the first snapshot`)
    const isNext = this.#sight.mode === 'raw' && this.#places !== null && this.#lost === 0
    if (isNext) this.#toNextUpdate(record, told, seq)
    this.fields = snapshot === true || this.fields === null ? new Map(told) : new Map([...this.fields, ...told])
    if (!isNext) this.#toState(seq, snapshot === true)
    this.#isAfterSnapshot = !isNext && this.#sight.mode === 'raw'
    if (this.#isDeletedTold) this.isStale = false
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
    const wanted = before === null || !isGapKnown ? null : new Set(before.map(place => this.#countAt(place) + gap))
    const from = before === null ? this.#start : Math.min(...before)
    const places: number[] = []
    for (let place = Math.max(0, from); place < events.length; place++) {
      const { state } = events[place]!
      if (state === null || (wanted !== null && !wanted.has(this.#countAt(place)))) continue
      if (this.#isAt(state)) places.push(place)
    }
    this.#settle(places, `seq ${seq} (gap ${gap})${isSnapshot ? ', a snapshot' : ''}`)
  }

  /** Whether what the client has is the state, as far as it can know. */
  #isAt(state: State): boolean {
    const seen = projected(state, this.#sight.fields)
    if (!this.#isPartial) return isSameState(seen, this.fields!)
    return [...this.fields!].every(([name, value]) => seen.get(name) === value)
  }

  #toNextUpdate(record: StreamRecord, told: [string, Value][], seq: number): void {
    if (this.#seq >= 0) assert.equal(seq, this.#seq + 1, `${this.#item.name}: raw mode leaves no gap`)
    const next = this.#nextPlaces(event => {
      if (event.kind !== 'update') return false
      if ((record.snapshot === true) !== (event.isSnapshot || !event.wasKnown)) return false
      if (!isSameTime(record.time, event.timeMs)) return false
      return isSameState(projected(new Map(event.fields), this.#sight.fields), new Map(told))
    })
    this.#settle(next, `seq ${seq}`)
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
    const { events } = this.#item
    for (let next = place + 1; next < events.length; next++) {
      const event = events[next]!
      if (event.kind !== 'update' || isPublished(event, this.#sight)) return next
    }
    return -1
  }

  #takeLost(lost: number): void {
    assert.equal(this.#sight.mode, 'raw', 'only raw mode loses')
    assert.ok(lost > 0, 'lost tells at least one')
    this.lostTotal += lost
    this.#lost = lost
    // Who waited for the item and had nothing yet may have lost what came first.
    const from = this.#places === null ? this.#start : Math.min(...this.#places)
    const published = this.#countAt(this.#item.events.length - 1) - (from < 0 ? 0 : this.#countAt(from))
    assert.ok(lost <= published, `${this.#item.name}: lost ${lost}, of ${published} published`)
  }

  #takeDeleted(): void {
    const { name, events } = this.#item
    const isIdle = this.isSetBack && this.#sight.mode === 'merge'
    assert.ok(this.fields !== null || this.#lost > 0 || isIdle, `${name}: deleted before its first snapshot`)
    if (this.#sight.mode === 'raw' && this.#lost === 0) {
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
    const counts = this.#places!.map(place => this.#countAt(place) + gap)
    const isAt = (place: number) => this.#seq < 0 || counts.includes(this.#countAt(place))
    return [...this.#item.events.keys()].filter(
      place => place > from && this.#item.events[place]!.kind === kind && isAt(place),
    )
  }

  #takeStale(isStale: boolean): void {
    if (this.fields === null && this.isSetBack && this.#sight.mode === 'merge') return
    assert.ok(this.fields !== null, `${this.#item.name}: stale ${isStale} before its first snapshot`)
    this.isStale = isStale
    if (this.#sight.mode !== 'raw') return
    const { events } = this.#item
    const stood = this.#places!
    const next = this.#nextPlaces(event => event.kind === (isStale ? 'stale' : 'fresh'))
    const here = this.#isAfterSnapshot ? stood.filter(place => events[place]!.isStale === isStale) : []
    this.#isAfterSnapshot = false
    this.#settle(
      [...new Set([...here, ...next, ...this.#behindMarks(event => event.isStale === isStale)])],
      `stale ${isStale}`,
    )
  }

  /** Where the client may stand when the log has pushed out marks and nothing published: what is so now is told. */
  #behindMarks(fits: (event: ItemEvent) => boolean): number[] {
    const { events } = this.#item
    const from = Math.min(...this.#places!)
    if (events.length - from <= this.#logEventsMin) return []
    const counts = this.#places!.map(place => this.#countAt(place))
    return [...events.keys()].filter(
      place => place > from && fits(events[place]!) && counts.includes(this.#countAt(place)),
    )
  }

  /** `time` is that of the newest event that concerned the view. The first snapshot's may be a newer one's. */
  #checkTime(record: StreamRecord, isNext: boolean): void {
    if (isNext || this.updates === 1 || this.#sight.mode === 'raw') return
    const { events } = this.#item
    const fitting = this.#places!.filter(place => {
      let at = place
      while (at > 0 && !isPublished(events[at]!, this.#sight)) at--
      return isSameTime(record.time, events[at]!.timeMs)
    })
    assert.ok(fitting.length > 0, `${this.#item.name}: time ${record.time} is not that of the newest update`)
  }

  #countAt(place: number): number {
    const { events } = this.#item
    for (let at = this.#counts.length; at <= place; at++) {
      this.#counts.push((this.#counts[at - 1] ?? 0) + (isPublished(events[at]!, this.#sight) ? 1 : 0))
    }
    return this.#counts[place] ?? 0
  }

  #settle(places: readonly number[], label: string): void {
    if (places.length === 0) {
      const { events, name } = this.#item
      const stood = (this.#places ?? []).join(',')
      const shown = this.fields === null ? 'nothing' : JSON.stringify([...this.fields])
      const first = Math.max(0, events.length - 8)
      const truth = events.slice(first).map((event, i) => {
        return `${first + i}:${event.kind}${event.isSnapshot ? '!' : ''}${JSON.stringify(event.fields)}`
      })
      assert.fail(
        `${name}: ${label} fits no truth\n  stood at ${stood} of ${events.length}, seq ${this.#seq}, lost ${this.#lost}\n` +
          `  has ${shown}\n  last events ${truth.join('\n    ')}`,
      )
    }
    this.#places = places
  }
}

function isSameTime(told: number | undefined, timeMs: number): boolean {
  return told === undefined ? Number.isNaN(timeMs) : told === timeMs
}

/**
 * Holds one item of one stream to the truth, record by record as the client reads them.
 *
 * It keeps the places in the item's list of events at which the client may stand (`places`): after a snapshot, every one
 * with exactly that state; from then on a record leads from a place only to those that its seq and its contents allow.
 * No place left is a failure, so order, duplicates, gaps and values are all checked by the same few lines:
 *  - merge: seq grows by the number of published events between (the gap is what was conflated), and the state after the
 *    record is the truth there.
 *  - raw: the next event that the view shows is exactly this one; none is left out but by `lost`, which tells their number.
 */

import assert from 'node:assert/strict'
import { type ItemEvent, isPublished, isSameState, type ModelItem, projected, type Value, type Wish } from './model.ts'
import type { StreamRecord } from './stream-reader.ts'

export class ItemWatch {
  readonly #item: ModelItem
  readonly #wish: Wish
  /** Before this event nothing may be told. */
  readonly #start: number
  readonly #logEventsMin: number
  /** By event: how many up to it, itself included, were published to the view. */
  readonly #counts: number[] = []
  #places: number[] | null = null
  #seq = -1
  /** What the last `lost` told, until the snapshot behind it. */
  #lost = 0
  #isDeletedTold = false
  /** Raw: a snapshot out of turn was told; whether the item is stale is told behind it. */
  #isAfterSnapshot = false
  fields: Map<string, Value> | null = null
  isStale = false
  updates = 0
  lostTotal = 0

  /** `logEventsMin`: as many of the newest events are in the item's log at least. */
  constructor(item: ModelItem, wish: Wish, start: number, logEventsMin: number) {
    this.#item = item
    this.#wish = wish
    this.#start = start
    this.#logEventsMin = logEventsMin
  }

  take(record: StreamRecord): void {
    if (record.fields !== undefined) this.#takeUpdate(record)
    else if (record.lost !== undefined) this.#takeLost(record.lost)
    else if (record.deleted === true) this.#takeDeleted()
    else if (record.stale !== undefined) this.#takeStale(record.stale)
    else assert.fail(`a record that says nothing: ${JSON.stringify(record)}`)
  }

  /** At the end, when everything has been read: the client has what the item is. */
  checkConverged(): void {
    const { state, isStale, name } = this.#item
    const label = `at the end of ${name}`
    assert.deepEqual(this.fields, state === null ? null : projected(state, this.#wish.fields), `${label}: fields`)
    assert.equal(this.isStale, state !== null && isStale, `${label}: stale`)
  }

  #takeUpdate(record: StreamRecord): void {
    const { item, seq, snapshot } = record
    assert.ok(seq !== undefined, 'an update has a seq')
    assert.ok(seq > this.#seq, `${item}: seq ${seq} after ${this.#seq}`)
    const told = Object.entries(record.fields!)
    const { fields: wished } = this.#wish
    for (const [name] of told) assert.ok(wished?.includes(name) ?? true, `${item}: field ${name} was not asked for`)
    assert.ok(this.fields !== null || snapshot === true, `${item}: an update before the first snapshot`)
    const isNext = this.#wish.mode === 'raw' && this.#places !== null && this.#lost === 0 && this.#seq >= 0
    if (isNext) this.#toNextUpdate(record, told, seq)
    this.fields = snapshot === true || this.fields === null ? new Map(told) : new Map([...this.fields, ...told])
    if (!isNext) this.#toState(seq, snapshot === true)
    this.#isAfterSnapshot = !isNext && this.#wish.mode === 'raw'
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
    if (this.#lost > 0 && before !== null)
      assert.equal(gap, this.#lost, `${this.#item.name}: the snapshot behind lost stands at its end`)
    const wanted = before === null ? null : new Set(before.map(place => this.#countAt(place) + gap))
    const from = before === null ? this.#start : Math.min(...before)
    const places: number[] = []
    for (let place = Math.max(0, from); place < events.length; place++) {
      const { state } = events[place]!
      if (state === null || (wanted !== null && !wanted.has(this.#countAt(place)))) continue
      if (isSameState(projected(state, this.#wish.fields), this.fields!)) places.push(place)
    }
    this.#settle(places, `seq ${seq} (gap ${gap})${isSnapshot ? ', a snapshot' : ''}`)
  }

  #toNextUpdate(record: StreamRecord, told: [string, Value][], seq: number): void {
    assert.equal(seq, this.#seq + 1, `${this.#item.name}: raw mode leaves no gap`)
    this.#toNext(`seq ${seq}`, event => {
      if (event.kind !== 'update') return false
      if ((record.snapshot === true) !== (event.isSnapshot || !event.wasKnown)) return false
      if (!isSameTime(record.time, event.timeMs)) return false
      return isSameState(projected(new Map(event.fields), this.#wish.fields), new Map(told))
    })
  }

  /** Raw: from each place to the next event that the view shows, where `fits` says that this is it. */
  #toNext(label: string, fits: (event: ItemEvent) => boolean): void {
    const places: number[] = []
    for (const place of this.#places ?? []) {
      const next = this.#nextShown(place)
      if (next >= 0 && fits(this.#item.events[next]!) && !places.includes(next)) places.push(next)
    }
    this.#settle(places, label)
  }

  #nextShown(place: number): number {
    const { events } = this.#item
    for (let next = place + 1; next < events.length; next++) {
      const event = events[next]!
      if (event.kind !== 'update' || isPublished(event, this.#wish)) return next
    }
    return -1
  }

  #takeLost(lost: number): void {
    assert.equal(this.#wish.mode, 'raw', 'only raw mode loses')
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
    assert.ok(this.fields !== null || this.#lost > 0, `${name}: deleted before its first snapshot`)
    if (this.#wish.mode === 'raw' && this.#lost === 0) {
      this.#toNext('deleted', event => event.kind === 'deleted')
    } else {
      const from = this.#places === null ? this.#start : Math.min(...this.#places)
      assert.ok(
        events.some((event, place) => place > from && event.kind === 'deleted'),
        `${name}: deleted, but it was not`,
      )
      if (this.#lost > 0) {
        if (this.#places !== null) {
          this.#seq += this.#lost
          this.#settle(this.#placesOf('deleted', from, this.#lost), 'deleted behind lost')
        }
        this.#lost = 0
      }
    }
    this.fields = null
    this.isStale = false
    this.#isDeletedTold = true
  }

  #placesOf(kind: ItemEvent['kind'], from: number, gap: number): number[] {
    const counts = this.#places!.map(place => this.#countAt(place) + gap)
    return [...this.#item.events.keys()].filter(
      place => place > from && this.#item.events[place]!.kind === kind && counts.includes(this.#countAt(place)),
    )
  }

  #takeStale(isStale: boolean): void {
    assert.ok(this.fields !== null, `${this.#item.name}: stale ${isStale} before its first snapshot`)
    this.isStale = isStale
    if (this.#wish.mode !== 'raw') return
    const { events } = this.#item
    const stood = this.#places!
    const next = stood.map(place => this.#nextShown(place)).filter(place => isMark(events[place], isStale))
    const here = this.#isAfterSnapshot ? stood.filter(place => events[place]!.isStale === isStale) : []
    this.#isAfterSnapshot = false
    this.#settle([...new Set([...here, ...next, ...this.#behindMarks(isStale)])], `stale ${isStale}`)
  }

  /** Where the client may stand when the log has pushed out marks and nothing published: what is so now is told. */
  #behindMarks(isStale: boolean): number[] {
    const { events } = this.#item
    const from = Math.min(...this.#places!)
    if (events.length - from <= this.#logEventsMin) return []
    const counts = this.#places!.map(place => this.#countAt(place))
    return [...events.keys()].filter(
      place => place > from && events[place]!.isStale === isStale && counts.includes(this.#countAt(place)),
    )
  }

  /** `time` is that of the newest event that concerned the view. The first snapshot's may be a newer one's. */
  #checkTime(record: StreamRecord, isNext: boolean): void {
    if (isNext || this.updates === 1 || this.#wish.mode === 'raw') return
    const { events } = this.#item
    const fitting = this.#places!.filter(place => {
      let at = place
      while (at > 0 && !isPublished(events[at]!, this.#wish)) at--
      return isSameTime(record.time, events[at]!.timeMs)
    })
    assert.ok(fitting.length > 0, `${this.#item.name}: time ${record.time} is not that of the newest update`)
  }

  #countAt(place: number): number {
    const { events } = this.#item
    for (let at = this.#counts.length; at <= place; at++) {
      this.#counts.push((this.#counts[at - 1] ?? 0) + (isPublished(events[at]!, this.#wish) ? 1 : 0))
    }
    return this.#counts[place] ?? 0
  }

  #settle(places: number[], label: string): void {
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

function isMark(event: ItemEvent | undefined, isStale: boolean): boolean {
  return event?.kind === (isStale ? 'stale' : 'fresh')
}

function isSameTime(told: number | undefined, timeMs: number): boolean {
  return told === undefined ? Number.isNaN(timeMs) : told === timeMs
}

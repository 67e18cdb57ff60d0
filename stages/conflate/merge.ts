/**
 * Merges updates into items and marks what each subscribed session now lacks. The hottest code of a core thread: it
 * reads the record where it lies in the queue and allocates nothing once an item and its fields are known.
 *
 * Outcomes: an update is published to every interest of a view that it concerns; an interest that already waits
 * is left alone (that is conflation: counted at the flush, as the gap in the view's seq). A field or value beyond the
 * bounds is refused, counted, and told to the feed; the rest of its update counts, and what is refused goes into no log
 * and to no replica (its field's number in the record becomes NO_FIELD).
 *
 * What an item's life has to say (stale, fresh, deleted) waits for no frequency limit, and takes along what was held.
 */

import {
  FIELD_COUNT_MASK,
  FIELD_HEADER,
  FLAG_ROW,
  FLAG_SNAPSHOT,
  NO_FIELD,
  NULL_FIELD,
  refuseField,
  UPDATE_FIELDS,
} from '#src/codec/record.ts'
import { NO_FUNCTION } from '#src/domain/field-functions.ts'
import type { FieldTable } from '#src/domain/field-table.ts'
import type { FrequencyLimit } from '#src/domain/frequency-limit.ts'
import { type Interests, LEFT } from '#src/domain/interests.ts'
import type { Item, Source } from '#src/domain/item.ts'
import { ENTRY_DELETED, ENTRY_FRESH, ENTRY_SNAPSHOT, ENTRY_STALE, ENTRY_UPDATE } from '#src/domain/item-log.ts'
import type { RowView } from '#src/domain/row-view.ts'
import { NULL_VALUE, type ValueStore } from '#src/domain/value-store.ts'
import type { View } from '#src/domain/view.ts'
import type { ViewFilter } from '#src/domain/view-filter.ts'
import type { FeedErrorCode } from '#src/errors.ts'
import { M, type ThreadMetrics } from '#src/metrics/names.ts'
import type { RecordMemory } from '#src/ring/queue.ts'
import type { TimingWheel } from '#src/time/timing-wheel.ts'
import { Beginnings } from './beginnings.ts'
import { ItemStretches } from './item-stretches.ts'
import type { LaneLink } from './links.ts'
import type { Logs } from './logs.ts'
import type { Tables } from './tables.ts'

export interface MergeDeps {
  readonly interests: Interests
  readonly fields: FieldTable
  readonly store: ValueStore
  readonly logs: Logs
  readonly tables: Tables
  readonly wheel: TimingWheel
  readonly metrics: ThreadMetrics
  readonly fieldsMax: number
  /** An item has got its first value, or was deleted: behind what is told of it. */
  readonly onKnown: (item: Item) => void
  readonly onDeleted: (item: Item) => void
  /** Tells a feed that part of its line was refused. */
  readonly refuse: (lane: LaneLink, slot: number, line: number, code: FeedErrorCode) => void
}

export class Merger {
  readonly #interests: Interests
  readonly #store: ValueStore
  readonly #logs: Logs
  readonly #tables: Tables
  readonly #beginnings: Beginnings
  readonly #stretches: ItemStretches
  readonly #wheel: TimingWheel
  readonly #metrics: ThreadMetrics
  readonly #fieldsMax: number
  readonly #refuse: MergeDeps['refuse']
  readonly #onKnown: MergeDeps['onKnown']
  readonly #onDeleted: MergeDeps['onDeleted']
  /**
   * This core's clock: it grows with each update, deletion and mark, and with each turn of batch. What a flush carries is
   * everything up to the position of its turn.
   */
  position = 0
  nowMs = 0

  constructor(deps: MergeDeps) {
    this.#interests = deps.interests
    this.#store = deps.store
    this.#logs = deps.logs
    this.#tables = deps.tables
    this.#beginnings = new Beginnings(deps.interests, deps.metrics)
    this.#stretches = new ItemStretches(deps.interests, deps.fields)
    this.#wheel = deps.wheel
    this.#metrics = deps.metrics
    this.#fieldsMax = deps.fieldsMax
    this.#refuse = deps.refuse
    this.#onKnown = deps.onKnown
    this.#onDeleted = deps.onDeleted
  }

  /** The next position. */
  advance(): number {
    return ++this.position
  }

  /** Applies an UPDATE record. */
  update(
    lane: LaneLink,
    item: Item,
    source: Source | null,
    memory: RecordMemory,
    offset: number,
    length: number,
  ): void {
    this.#tables.isEmptied = false
    const word = offset >> 2
    const flags = memory.words[word + 3]!
    const fieldCount = flags & FIELD_COUNT_MASK
    const isSnapshot = (flags & FLAG_SNAPSHOT) !== 0
    const receivedMs = memory.doubles[(offset >> 3) + 3]!
    if (source !== null) this.#hear(item, source, receivedMs)
    // At its home the update has made the item fresh; a replica is told by the update itself.
    else if (item.isStale && !item.isIncomplete) this.setStale(item, false, receivedMs)

    const bytes = memory.bytes
    const start = offset + UPDATE_FIELDS
    const isSaidRow = (flags & FLAG_ROW) !== 0
    // What a home makes of a record its replicas are told.
    const isRow = lane.isPeer ? isSaidRow : (item.settings.isTable ?? isSaidRow)
    if (isRow !== isSaidRow) memory.words[word + 3] = flags ^ FLAG_ROW
    if (isRow) {
      const problem =
        this.#tables.check(lane, bytes, start, offset + length) ??
        (isSnapshot ? null : this.#tables.checkFields(lane, item, bytes, start, offset + length))
      if (problem !== null) {
        if (!lane.isPeer) this.#refuse(lane, memory.words[word + 1]!, memory.words[word + 2]!, problem)
        return
      }
    }
    const store = this.#store
    const position = ++this.position
    const wasKnown = item.isKnown
    // A snapshot's fields stand beside those that they replace until it is whole.
    const fieldsMax = isSnapshot ? this.#fieldsMax * 2 : this.#fieldsMax
    let changed = 0
    let isIncomplete = false
    if (isSnapshot) item.beginSnapshot()
    let at = start
    const stretches = this.#stretches.of(item)
    for (let i = 0; i < fieldCount; i++) {
      let isStored = true
      // A number that was never bound stands for a field that was refused before (NO_FIELD).
      const number = bytes[at]! | (bytes[at + 1]! << 8)
      const fieldId = lane.fields[number] ?? -1
      const length16 = bytes[at + 2]! | (bytes[at + 3]! << 8)
      const length = length16 === NULL_FIELD ? NULL_VALUE : length16
      at += FIELD_HEADER
      let index = fieldId < 0 ? -1 : item.indexOf(fieldId, i)
      const column = stretches === null || fieldId < 0 ? NO_FUNCTION : this.#stretches.columnOf(item, fieldId)
      if (column !== NO_FUNCTION && !stretches!.columns.accepts(column, bytes, at, length)) {
        if (!lane.isPeer) this.#refuse(lane, memory.words[word + 1]!, memory.words[word + 2]!, 'FEED_VALUE_INVALID')
        refuseField(bytes, at - FIELD_HEADER)
        if (length > 0) at += length
        continue
      }
      if (index >= 0 && item.holds(store, index, bytes, at, length)) {
        // A value that comes again is one more to a function of all values.
        if (column !== NO_FUNCTION) {
          item.changedAt[index] = position
          changed++
        }
        if (isSnapshot) item.nameInSnapshot(index)
      } else {
        if (index < 0) {
          if (fieldId < 0 || item.fieldCount >= fieldsMax) {
            const code = fieldId < 0 ? 'FEED_NAMES_TOO_MANY' : 'FEED_FIELDS_TOO_MANY'
            if (!lane.isPeer) this.#refuse(lane, memory.words[word + 1]!, memory.words[word + 2]!, code)
            else if (number !== NO_FIELD) isIncomplete = true
            refuseField(bytes, at - FIELD_HEADER)
            if (length > 0) at += length
            continue
          }
          index = item.addField(fieldId)
        }
        if (isSnapshot) item.nameInSnapshot(index)
        if (item.put(store, index, bytes, at, length)) {
          item.changedAt[index] = position
          changed++
        } else {
          isStored = false
          if (item.changedAt[index] === 0) item.removeLastField()
          if (lane.isPeer) {
            isIncomplete = true
          } else {
            this.#refuse(lane, memory.words[word + 1]!, memory.words[word + 2]!, 'FEED_STORE_FULL')
            // An operation on a row is the row's: where it is carried out it needs its key.
            if (!isRow) refuseField(bytes, at - FIELD_HEADER)
          }
        }
      }
      if (column !== NO_FUNCTION && isStored) stretches!.note(position, column, bytes, at, length)
      if (length > 0) at += length
    }
    const removed = isSnapshot ? item.endSnapshot(store) : 0

    item.touchedMs = receivedMs
    item.rawSeq++
    const timeMs = memory.doubles[(offset >> 3) + 2]!
    item.timeMs = timeMs
    if (!wasKnown) item.isKnown = true
    const isChange = changed > 0 || removed > 0 || !wasKnown
    if (isChange) {
      item.seq++
      item.position = position
      if (removed > 0 || !wasKnown) item.replacedAt = position
    }
    if (isRow) {
      const problem = this.#tables.apply(lane, item, bytes, start, at, isSnapshot, position)
      if (problem !== null && lane.isPeer) isIncomplete = true
      else if (problem !== null) {
        this.#refuse(lane, memory.words[word + 1]!, memory.words[word + 2]!, problem)
        if (!this.#tables.isCarriedOut) memory.words[word + 3]! &= ~FLAG_ROW
      }
    }
    if (item.log === null && item.settings.keepsLog) this.#logs.begin(item)
    else if (item.log !== null) {
      const kind = isSnapshot || !wasKnown ? ENTRY_SNAPSHOT : ENTRY_UPDATE
      this.#logs.writeUpdate(lane, item.log, kind, bytes, start, at, timeMs, position)
    }
    const views = item.views
    for (let v = 0; v < views.length; v++) {
      const view = views[v]!
      if (view.rows !== null) {
        if (view.rows.seq > view.seq) this.#publishRows(view, view.rows, receivedMs)
      } else if (view.isLogged) {
        view.forgetRunsBefore(item.log!.first)
        // An item that appears is told to every view, also to one none of whose fields it names.
        const isTold = isSnapshot || !wasKnown
        if (view.filter !== null) {
          if (isChange) turn(view, view.filter, position)
          if (!view.filter.passesFields(bytes, start, at, lane.fields)) continue
        }
        if (isTold || view.fieldIds === null || namesAny(lane, view, bytes, start, at)) {
          this.#publish(view, receivedMs)
        }
      } else if (isChange) {
        const hasTurned = view.filter !== null && turn(view, view.filter, position)
        const isAll = hasTurned || view.fieldIds === null || removed > 0 || !wasKnown
        if (!isAll && !changedIn(item, view, position)) continue
        if (view.isIn) this.#publish(view, receivedMs)
        else if (hasTurned) this.#markView(view, receivedMs, false)
      }
    }
    if (isIncomplete) this.#setIncomplete(item, receivedMs)
    if (!wasKnown) this.#onKnown(item)
  }

  /**
   * A replica has no room for a value that its home has: its readers are told that it is stale, until its home is asked
   * for the whole state anew (ItemKeeper) and that has come whole.
   */
  #setIncomplete(item: Item, receivedMs: number): void {
    this.setStale(item, true, receivedMs)
    item.isIncomplete = true
  }

  /** Lets an interest begin that has nothing of its item (beginnings.ts). */
  begin(view: View, interest: number, session: number, receivedMs: number, isNew = false): void {
    if (this.#beginnings.begin(view, interest, session, isNew)) this.markInterest(interest, session, receivedMs)
  }

  /** An interest lacks something. */
  markInterest(interest: number, session: number, receivedMs: number): void {
    const limit = this.#interests.limits[interest] ?? null
    if (limit !== null) this.#markLimited(limit, receivedMs, false)
    else this.#interests.mark(interest, session, receivedMs)
  }

  /** An interest that lacks something is held until its limit lets it go: flushes leave it behind meanwhile. */
  hold(interest: number, limit: FrequencyLimit, sinceMs: number): void {
    const { flags, leftAt, sessions } = this.#interests
    limit.isHeld = true
    limit.heldSinceMs = sinceMs
    if ((flags[interest]! & LEFT) !== 0) return
    sessions[limit.session]!.hasLeft = true
    flags[interest]! |= LEFT
    leftAt[interest] = this.position
  }

  delete(item: Item, receivedMs: number): void {
    item.touchedMs = receivedMs
    if (!item.isKnown) return
    item.markedAt = ++this.position
    item.deletedAt = item.markedAt
    item.clear(this.#store)
    this.#tables.clear(item, item.deletedAt)
    item.stretches?.clear()
    item.deletions++
    for (const view of item.views) if (view.filter !== null) view.isIn = false
    item.isStale = false
    item.isIncomplete = false
    if (item.log !== null) item.log.append(ENTRY_DELETED, 0, Number.NaN, this.position)
    this.#markAll(item, receivedMs)
    this.#onDeleted(item)
  }

  setStale(item: Item, isStale: boolean, receivedMs: number): void {
    if (item.isStale === isStale || !item.isKnown || item.isIncomplete) return
    item.isStale = isStale
    item.markedAt = ++this.position
    if (item.log !== null) item.log.append(isStale ? ENTRY_STALE : ENTRY_FRESH, 0, Number.NaN, this.position)
    this.#markAll(item, receivedMs)
  }

  /** A source has published the item: it answers for it from now on, and the item is not stale. */
  #hear(item: Item, source: Source, receivedMs: number): void {
    if (item.lastSource !== source) {
      if (!item.sources.includes(source)) {
        item.sources.push(source)
        source.items.add(item)
      }
      item.lastSource = source
    }
    if (item.isStale) this.setStale(item, false, receivedMs)
  }

  #publish(view: View, receivedMs: number): void {
    view.seq++
    view.timeMs = view.item.timeMs
    this.#metrics.add(M.updatesPublished, view.count)
    this.#markView(view, receivedMs, false)
  }

  /** Rows have come into the view, changed or left it. */
  #publishRows(view: View, rows: RowView, receivedMs: number): void {
    this.#metrics.add(M.updatesPublished, (rows.seq - view.seq) * view.count)
    view.seq = rows.seq
    view.timeMs = view.item.timeMs
    this.#markView(view, receivedMs, false)
  }

  #markAll(item: Item, receivedMs: number): void {
    for (const view of item.views) {
      view.forgetRuns()
      for (const limit of view.limits) this.#releaseHeld(limit)
      this.#markView(view, receivedMs, true)
    }
  }

  #releaseHeld(limit: FrequencyLimit): void {
    if (!limit.isHeld || limit.isPaused) return
    this.#wheel.cancel(limit)
    limit.onTimer()
  }

  #markView(view: View, receivedMs: number, isAtOnce: boolean): void {
    const table = this.#interests
    const { members, memberCount } = view
    // What the log took in while they were clean did not concern those who chose fields: it is not lost to them when the
    // log pushes it out. To the others everything does, and a clean one stands at the log's end anyway.
    const isPlaced = view.isLogged && (view.fieldIds !== null || view.filter !== null)
    view.end = endOf(view)
    for (let i = 0; i < memberCount; i++) {
      const interest = members[i * 2]!
      const isNew = table.mark(interest, members[i * 2 + 1]!, receivedMs)
      if (isPlaced && isNew) table.positions[interest] = view.end - 1
    }
    for (const limit of view.limits) {
      const isNew = !limit.isHeld && !table.isWaiting(limit.interest)
      if (isPlaced && isNew) table.positions[limit.interest] = view.end - 1
      this.#markLimited(limit, receivedMs, isAtOnce)
    }
  }

  #markLimited(limit: FrequencyLimit, receivedMs: number, isAtOnce: boolean): void {
    if (limit.isHeld || this.#interests.isWaiting(limit.interest)) return
    if (limit.isPaused) {
      this.hold(limit.interest, limit, receivedMs)
      return
    }
    if (this.nowMs < limit.nextTurnMs && !isAtOnce) {
      this.hold(limit.interest, limit, receivedMs)
      this.#wheel.schedule(limit, limit.nextTurnMs)
      return
    }
    this.#interests.mark(limit.interest, limit.session, receivedMs)
  }
}

/** The position of who has everything of the view. */
export function endOf({ item, rows, isLogged }: View): number {
  return isLogged ? item.log!.end : rows === null ? item.position : rows.end
}

/** Holds the item's newest values against the view's filter; true when the answer is another one than before. */
export function turn(view: View, filter: ViewFilter, position: number): boolean {
  const isIn = view.item.isKnown && filter.passesItem(view.item)
  if (isIn === view.isIn) return false
  view.isIn = isIn
  view.turnedAt = position
  view.forgetRuns()
  return true
}

function namesAny(lane: LaneLink, view: View, bytes: Buffer, start: number, end: number): boolean {
  let at = start
  while (at < end) {
    if (view.includes(lane.fields[bytes[at]! | (bytes[at + 1]! << 8)] ?? NO_FIELD)) return true
    const length = bytes[at + 2]! | (bytes[at + 3]! << 8)
    at += FIELD_HEADER + (length === NULL_FIELD ? 0 : length)
  }
  return false
}

function changedIn(item: Item, view: View, position: number): boolean {
  for (let i = 0; i < item.fieldCount; i++) {
    if (item.changedAt[i] === position && view.includes(item.fieldIds[i]!)) return true
  }
  return false
}

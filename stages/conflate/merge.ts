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
  FLAG_SNAPSHOT,
  NO_FIELD,
  NULL_FIELD,
  REPLICA_FIELDS,
  REPLICA_IS_KNOWN,
  REPLICA_IS_STALE,
  UPDATE_FIELDS,
} from '#src/codec/record.ts'
import type { FrequencyLimit } from '#src/domain/frequency-limit.ts'
import { HAS_ITEM, type Interests, LEFT, NEEDS_SNAPSHOT, SNAPSHOT_DUE, STALE_TOLD } from '#src/domain/interests.ts'
import { type Item, NULL_VALUE, type Source } from '#src/domain/item.ts'
import { ENTRY_DELETED, ENTRY_FRESH, ENTRY_SNAPSHOT, ENTRY_STALE, ENTRY_UPDATE } from '#src/domain/item-log.ts'
import type { ValueStore } from '#src/domain/value-store.ts'
import type { View } from '#src/domain/view.ts'
import type { FeedErrorCode } from '#src/errors.ts'
import { M, type ThreadMetrics } from '#src/metrics/names.ts'
import type { RecordMemory } from '#src/ring/queue.ts'
import type { TimingWheel } from '#src/time/timing-wheel.ts'
import type { LaneLink } from './links.ts'
import type { Logs } from './logs.ts'

export interface MergeDeps {
  readonly interests: Interests
  readonly store: ValueStore
  readonly logs: Logs
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
  update(lane: LaneLink, item: Item, source: Source | null, memory: RecordMemory, offset: number): void {
    const word = offset >> 2
    const flags = memory.words[word + 3]!
    const fieldCount = flags & FIELD_COUNT_MASK
    const isSnapshot = (flags & FLAG_SNAPSHOT) !== 0
    const receivedMs = memory.doubles[(offset >> 3) + 3]!
    if (source !== null) this.#hear(item, source, receivedMs)
    // At its home the update has made the item fresh; a replica is told by the update itself.
    else if (item.isStale && !item.isIncomplete) this.setStale(item, false, receivedMs)

    const bytes = memory.bytes
    const store = this.#store
    const position = ++this.position
    const wasKnown = item.isKnown
    // A snapshot's fields stand beside those that they replace until it is whole.
    const fieldsMax = isSnapshot ? this.#fieldsMax * 2 : this.#fieldsMax
    let changed = 0
    let isIncomplete = false
    if (isSnapshot) item.beginSnapshot()
    let at = offset + UPDATE_FIELDS
    for (let i = 0; i < fieldCount; i++) {
      // A number that was never bound stands for a field that was refused before (NO_FIELD).
      const number = bytes[at]! | (bytes[at + 1]! << 8)
      const fieldId = lane.fields[number] ?? -1
      const length16 = bytes[at + 2]! | (bytes[at + 3]! << 8)
      const length = length16 === NULL_FIELD ? NULL_VALUE : length16
      at += FIELD_HEADER
      let index = fieldId < 0 ? -1 : item.indexOf(fieldId, i)
      if (index >= 0 && item.holds(store, index, bytes, at, length)) {
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
          if (item.changedAt[index] === 0) item.removeLastField()
          if (lane.isPeer) {
            isIncomplete = true
          } else {
            this.#refuse(lane, memory.words[word + 1]!, memory.words[word + 2]!, 'FEED_STORE_FULL')
            refuseField(bytes, at - FIELD_HEADER)
          }
        }
      }
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
    if (item.log === null && item.settings.keepsLog) this.#logs.begin(item)
    else if (item.log !== null) {
      const kind = isSnapshot || !wasKnown ? ENTRY_SNAPSHOT : ENTRY_UPDATE
      this.#logs.writeUpdate(lane, item.log, kind, bytes, offset + UPDATE_FIELDS, at, timeMs, position)
    }
    const views = item.views
    for (let v = 0; v < views.length; v++) {
      const view = views[v]!
      if (view.isLogged) {
        view.forgetRunsBefore(item.log!.first)
        // An item that appears is told to every view, also to one none of whose fields it names.
        const isTold = isSnapshot || !wasKnown
        if (isTold || view.fieldIds === null || namesAny(lane, view, bytes, offset + UPDATE_FIELDS, at)) {
          this.#publish(view, receivedMs)
        }
      } else if (isChange && (view.fieldIds === null || removed > 0 || !wasKnown || changedIn(item, view, position))) {
        this.#publish(view, receivedMs)
      }
    }
    if (isIncomplete) this.#setIncomplete(item, receivedMs)
    if (!wasKnown) this.#onKnown(item)
  }

  /** Applies a REPLICA record: the item's whole state at its home, with the home's counters. */
  replica(lane: LaneLink, item: Item, memory: RecordMemory, offset: number): void {
    const word = offset >> 2
    const double = offset >> 3
    const state = memory.words[word + 1]!
    const wasKnown = item.isKnown
    for (const view of item.views) this.#conflateWaiting(view)
    item.clear(this.#store)
    item.isIncomplete = false
    item.seq = memory.doubles[double + 4]!
    item.rawSeq = memory.doubles[double + 5]!
    item.position = ++this.position
    item.replacedAt = item.position
    item.markedAt = item.position
    item.timeMs = memory.doubles[double + 2]!
    item.isStale = (state & REPLICA_IS_STALE) !== 0
    item.isKnown = (state & REPLICA_IS_KNOWN) !== 0
    const fieldCount = memory.words[word + 3]! & FIELD_COUNT_MASK
    const bytes = memory.bytes
    let at = offset + REPLICA_FIELDS
    for (let i = 0; i < fieldCount; i++) {
      const fieldId = lane.fields[bytes[at]! | (bytes[at + 1]! << 8)]!
      const length16 = bytes[at + 2]! | (bytes[at + 3]! << 8)
      const length = length16 === NULL_FIELD ? NULL_VALUE : length16
      at += FIELD_HEADER
      if (fieldId < 0) {
        item.isIncomplete = true
      } else {
        const index = item.addField(fieldId)
        item.changedAt[index] = item.position
        if (!item.put(this.#store, index, bytes, at, length)) {
          item.removeLastField()
          item.isIncomplete = true
        }
      }
      if (length > 0) at += length
    }
    if (item.isIncomplete) item.isStale = true
    if (item.log !== null) this.#logs.writeState(item)
    const receivedMs = memory.doubles[double + 3]!
    for (const view of item.views) {
      view.seq = view.isLogged ? item.rawSeq : item.seq
      view.end = view.isLogged ? item.log!.end : item.position
      view.timeMs = item.timeMs
      view.forgetRuns()
      view.forEach((interest, session) => {
        this.begin(view, interest, session, receivedMs)
      })
    }
    // What there was is in no log: whoever was sent less has nothing. A replica of nothing lacks nothing.
    if (wasKnown || item.isKnown) item.beganAt = item.position
    // Who has come to follow a beginning of its name since it was asked for could not find it.
    if (!wasKnown && item.isKnown) this.#onKnown(item)
  }

  /** A new whole state takes the place of what was waiting. */
  #conflateWaiting(view: View): void {
    const { sessions, sentSeqs } = this.#interests
    view.forEach((interest, session) => {
      const waiting = view.seq - sentSeqs[interest]!
      sessions[session]!.conflated += waiting
      this.#metrics.add(M.updatesConflated, waiting)
    })
  }

  /**
   * A replica has no room for a value that its home has: its readers are told that it is stale, until its home is asked
   * for the whole state anew (ItemKeeper) and that has come whole.
   */
  #setIncomplete(item: Item, receivedMs: number): void {
    this.setStale(item, true, receivedMs)
    item.isIncomplete = true
  }

  /**
   * Lets an interest that has nothing of a known item begin with its snapshot, which counts as one update published
   * to it, or, where its subscription wants none, with the next change.
   */
  begin(view: View, interest: number, session: number, receivedMs: number, isNew = false): void {
    const table = this.#interests
    const { item } = view
    // What the log has taken in since the view's last change did not concern it.
    const end = view.isLogged ? item.log!.end : view.end
    const hasSnapshot = table.owners[interest]!.hasSnapshot && item.settings.hasSnapshot
    table.deletions[interest] = item.deletions
    if (view.mode === 'distinct') {
      this.#beginHistory(view, interest, hasSnapshot, isNew)
      if (hasSnapshot || isNew) this.markInterest(interest, session, receivedMs)
      return
    }
    if (item.isKnown && !isNew && !hasSnapshot) {
      table.positions[interest] = end
      table.sentSeqs[interest] = view.seq
      table.flags[interest]! |= item.isStale ? HAS_ITEM | STALE_TOLD : HAS_ITEM
      return
    }
    table.positions[interest] = item.isKnown ? NEEDS_SNAPSHOT : end
    table.sentSeqs[interest] = item.isKnown ? view.seq - 1 : view.seq
    if (!item.isKnown) return
    this.#metrics.add(M.updatesPublished, 1)
    this.markInterest(interest, session, receivedMs)
  }

  /** Lets an interest of distinct mode begin with the newest updates that the log has. */
  #beginHistory(view: View, interest: number, hasSnapshot: boolean, isNew: boolean): void {
    const table = this.#interests
    const { item, reach } = view
    const log = item.log!
    const wanted = hasSnapshot ? (table.owners[interest]!.historyMax ?? item.settings.historyMax) : 0
    const count = item.isKnown ? reach.history(log, isNew ? Math.max(1, wanted) : wanted) : 0
    table.positions[interest] = reach.start(log, count)
    table.sentSeqs[interest] = view.seq - count
    if (item.isKnown) table.flags[interest]! |= item.isStale && !hasSnapshot ? HAS_ITEM | STALE_TOLD : HAS_ITEM
    if (hasSnapshot) table.flags[interest]! |= SNAPSHOT_DUE
    this.#metrics.add(M.updatesPublished, count)
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
    item.deletions++
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
    const isPlaced = view.isLogged && view.fieldIds !== null
    view.end = view.isLogged ? view.item.log!.end : view.item.position
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

/** Marks a field of a record as refused. */
function refuseField(bytes: Buffer, offset: number): void {
  bytes[offset] = NO_FIELD & 0xff
  bytes[offset + 1] = NO_FIELD >> 8
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

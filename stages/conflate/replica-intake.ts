/**
 * Takes over the whole state of an item that has its home on another core: its rows and the newest updates of its log, then
 * REPLICA, which ends it. They may come over many turns, as the queue has room; they are staged, and applied all at once, so
 * that no flush sees a half of it.
 *
 * Invariants: at most one whole state is on its way from a peer; BIND_ITEM begins it. What answers a wish for the item that
 * was withdrawn meanwhile is for nobody.
 */

import {
  FIELD_COUNT_MASK,
  FIELD_HEADER,
  NULL_FIELD,
  REPLICA_FIELDS,
  REPLICA_IS_KNOWN,
  REPLICA_IS_STALE,
  REPLICA_ROW,
  UPDATE_FIELDS,
} from '#src/codec/record.ts'
import type { Interests } from '#src/domain/interests.ts'
import type { Item } from '#src/domain/item.ts'
import { NULL_VALUE, type ValueStore } from '#src/domain/value-store.ts'
import type { View } from '#src/domain/view.ts'
import { M, type ThreadMetrics } from '#src/metrics/names.ts'
import type { RecordMemory } from '#src/ring/queue.ts'
import type { LaneLink } from './links.ts'
import type { Logs } from './logs.ts'
import { endOf, type Merger, turn } from './merge.ts'
import { StagedRecords } from './staged-records.ts'
import type { Tables } from './tables.ts'

export interface ReplicaIntakeDeps {
  readonly interests: Interests
  readonly store: ValueStore
  readonly logs: Logs
  readonly tables: Tables
  readonly metrics: ThreadMetrics
  readonly merger: Merger
  readonly onKnown: (item: Item) => void
}

/** One a peer. */
export class ReplicaIntake {
  readonly #deps: ReplicaIntakeDeps
  readonly #lane: LaneLink
  readonly #staged = new StagedRecords()

  constructor(deps: ReplicaIntakeDeps, lane: LaneLink) {
    this.#deps = deps
    this.#lane = lane
  }

  /** BIND_ITEM: another whole state begins. */
  begin(): void {
    this.#staged.clear()
  }

  /** REPLICA_ROW and REPLICA_ENTRY. */
  stage(type: number, memory: RecordMemory, offset: number, length: number): void {
    this.#staged.append(type, memory, offset, length)
  }

  /** REPLICA: what is staged, and the item's value and counters as its home has them. */
  take(item: Item, memory: RecordMemory, offset: number): void {
    const { store, logs, merger, onKnown } = this.#deps
    const lane = this.#lane
    const word = offset >> 2
    const double = offset >> 3
    const state = memory.words[word + 1]!
    const wasKnown = item.isKnown
    for (const view of item.views) this.#conflateWaiting(view)
    item.clear(store)
    item.isAwaited = false
    item.isAsking = false
    item.isIncomplete = false
    item.stretches?.clear()
    this.#deps.tables.clear(item, merger.advance())
    const hasLog = this.#takeStaged(item)
    item.seq = memory.doubles[double + 4]!
    item.rawSeq = memory.doubles[double + 5]!
    item.position = merger.advance()
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
        if (!item.put(store, index, bytes, at, length)) {
          item.removeLastField()
          item.isIncomplete = true
        }
      }
      if (length > 0) at += length
    }
    if (item.isIncomplete) item.isStale = true
    if (item.log !== null && !hasLog) logs.writeState(item)
    const receivedMs = memory.doubles[double + 3]!
    for (const view of item.views) {
      view.seq = view.rows !== null ? view.rows.seq : view.isLogged ? item.rawSeq : item.seq
      view.end = endOf(view)
      view.timeMs = item.timeMs
      if (view.filter !== null) turn(view, view.filter, item.position)
      view.forgetRuns()
      view.forEach((interest, session) => {
        merger.begin(view, interest, session, receivedMs)
      })
    }
    // What there was is in no log: whoever was sent less has nothing. A replica of nothing lacks nothing.
    if (wasKnown || item.isKnown) item.beganAt = item.position
    // Who has come to follow a beginning of its name since it was asked for could not find it.
    if (!wasKnown && item.isKnown) onKnown(item)
  }

  /** True when the item's log has been taken over; one that has entries goes on with the item's value instead. */
  #takeStaged(item: Item): boolean {
    const { logs, merger } = this.#deps
    const { memory } = this.#staged
    let hasLog = false
    if (memory === null) return hasLog
    this.#staged.forEach((type, offset, length) => {
      if (type === REPLICA_ROW) {
        this.#takeRow(item, memory, offset, length)
      } else {
        const log = logs.begin(item)
        hasLog ||= log.first === log.end
        if (hasLog) logs.takeEntry(this.#lane, log, memory, offset, length, merger.advance())
      }
    })
    this.#staged.clear()
    return hasLog
  }

  #takeRow(item: Item, memory: RecordMemory, offset: number, length: number): void {
    const { tables, merger } = this.#deps
    const start = offset + UPDATE_FIELDS
    const end = offset + length
    const isGood = tables.check(this.#lane, memory.bytes, start, end) === null
    if (!isGood || tables.apply(this.#lane, item, memory.bytes, start, end, false, merger.advance()) !== null) {
      item.isIncomplete = true
    }
  }

  /** A new whole state takes the place of what was waiting. */
  #conflateWaiting(view: View): void {
    const { interests, metrics } = this.#deps
    view.forEach((interest, session) => {
      const waiting = view.seq - interests.sentSeqs[interest]!
      interests.sessions[session]!.conflated += waiting
      metrics.add(M.updatesConflated, waiting)
    })
  }
}

/**
 * The records of a client that reads updates, in mode distinct, and the account of each of its items.
 *
 *  - distinct: each update is the one behind the last, with the fields of its line of the recording; a gap is told as `lost`,
 *    once or more, before the update behind it; `snapshotEnd` comes once, in the life of a session that is the first one before any
 *    update;
 *  - order: its time never goes back;
 *  - duplicates: as in values-judge.ts.
 *
 * Where a session begins anew its items begin with a history: what that repeats counts once, and what lies between it and
 * what came before is *skipped*: nobody tells how much that is, but its seq does. So of each item, at the end, what was
 * delivered, lost and skipped is what was published; and where an item has a field `size`, so are the sums of it.
 */

import type { SessionRecord } from '#test/support/session-stream.ts'
import type { Fields } from '#test/support/stream-model.ts'
import { isSame, type Judge } from './judge.ts'
import type { ClientPlan } from './plan.ts'
import type { Recorded } from './recorded.ts'
import { unitsOf } from './sums.ts'
import type { Tally } from './tally.ts'

/** What became of an item's updates: how many, and what their sizes come to in units (sums.ts). */
export interface Account {
  delivered: number
  lost: number
  skipped: number
  deliveredSum: bigint
  missedSum: bigint
}

interface ItemUpdates extends Account {
  /** The last of this life of the session; null: none as yet, and there is no telling which is next. */
  last: number | null
  /** The last of all lives. */
  top: number
  time: number
  /** Told as lost since the last update. */
  due: number
  isComplete: boolean
  stream: number
}

export class UpdatesJudge implements Judge {
  readonly items = new Map<string, ItemUpdates>()
  readonly #recorded: Recorded
  readonly #tally: Tally
  #lives = 0

  constructor({ items }: ClientPlan, recorded: Recorded, tally: Tally) {
    this.#recorded = recorded
    this.#tally = tally
    for (const item of items) {
      const account = { delivered: 0, lost: 0, skipped: 0, deliveredSum: 0n, missedSum: 0n }
      this.items.set(item, { ...account, last: 0, top: 0, time: 0, due: 0, isComplete: false, stream: 0 })
    }
  }

  /** Whether the session has begun anew: then updates may be skipped that nobody tells of. */
  get hasBegunAnew(): boolean {
    return this.#lives > 1
  }

  beginAnew(): void {
    this.#lives++
    for (const state of this.items.values()) {
      state.last = this.#lives === 1 ? 0 : null
      state.due = 0
      state.time = 0
      state.isComplete = false
    }
  }

  take(record: SessionRecord, item: string): boolean {
    const state = this.items.get(item)
    const { seq, fields, lost, snapshotEnd } = record
    if (state === undefined) return false
    if (seq !== undefined && fields !== undefined) this.#update(record, state, seq, fields)
    else if (lost !== undefined) this.#loses(record, state, lost)
    else if (snapshotEnd === true) this.#complete(record, state)
    else return false
    return true
  }

  seqOf(item: string): number | null {
    return this.items.get(item)?.last ?? null
  }

  isAtTruth(loops: number): boolean {
    const isThere = ([item, { top, isComplete }]: [string, ItemUpdates]) =>
      isComplete && top === this.#recorded.publishedOf(item, loops)
    return [...this.items].every(isThere)
  }

  #complete(record: SessionRecord, state: ItemUpdates): void {
    if (state.isComplete) this.#wrong(record, state, 'the history has ended')
    state.isComplete = true
  }

  #loses(record: SessionRecord, state: ItemUpdates, lost: number): void {
    if (lost <= 0) this.#wrong(record, state, 'no loss is due')
    state.due += lost
    this.#tally.lost += lost
  }

  #update(record: SessionRecord, state: ItemUpdates, seq: number, fields: Readonly<Fields>): void {
    const tally = this.#tally
    const { time = 0 } = record
    const item = record.item!
    tally.records++
    if (!this.hasBegunAnew && !state.isComplete) this.#wrong(record, state, 'nothing was published before it')
    if (state.last !== null && seq <= state.last) tally.comesAgain(record, state.last, state.stream)
    else if (state.last !== null && seq !== state.last + state.due + 1) this.#wrong(record, state, 'not the next one')
    if (time < state.time) tally.find('order', `time ${state.time} of ${item}, then ${JSON.stringify(record)}`)
    const line = this.#recorded.lineAt(item, seq)
    if (!isSame(fields, line)) this.#wrong(record, state, `${JSON.stringify(line)} is due`)
    this.#enter(state, item, seq, fields)
    state.due = 0
    state.last = seq
    state.time = time
    state.stream = tally.stream
  }

  /** Each seq counts once. */
  #enter(state: ItemUpdates, item: string, seq: number, fields: Readonly<Fields>): void {
    if (seq <= state.top) return
    const missed = seq - state.top - 1
    const lost = Math.min(state.due, missed)
    state.lost += lost
    state.skipped += missed - lost
    for (let gone = state.top + 1; gone < seq; gone++) state.missedSum += this.#recorded.sizeAt(item, gone)
    state.delivered++
    if (typeof fields.size === 'string' && this.#recorded.isTrade(item)) state.deliveredSum += unitsOf(fields.size)
    state.top = seq
  }

  #wrong(record: SessionRecord, { last, due }: ItemUpdates, why: string): void {
    this.#tally.find('distinct', `seq ${last}, lost ${due}, then ${JSON.stringify(record)}: ${why}`)
  }
}

/**
 * The records of a client that reads values, in mode merge or raw.
 *
 *  - order: each item begins with a snapshot, its seq grows, its time never goes back;
 *  - state: at each seq the item has exactly the fields that the recording gives it there, so that nothing is left out;
 *  - raw: each seq is the one behind the last, with the fields of that line of the recording; a gap is told as `lost`, and
 *    the snapshot behind it stands at its end;
 *  - duplicates: no seq of an item, on a stream that was recovered, up to the one that stood here when the stream began.
 */

import type { SessionRecord } from '#test/support/session-stream.ts'
import type { Fields } from '#test/support/stream-model.ts'
import { isSame, type Judge, type ValueMode } from './judge.ts'
import type { ClientPlan } from './plan.ts'
import type { Recorded } from './recorded.ts'
import type { Tally } from './tally.ts'

interface ItemState {
  seq: number
  time: number
  fields: Fields
  /** The stream that brought it. */
  stream: number
}

export class ValuesJudge implements Judge {
  readonly items = new Map<string, ItemState>()
  readonly #mode: ValueMode
  readonly #plan: ClientPlan
  readonly #recorded: Recorded
  readonly #tally: Tally
  /** By item: told as lost, the snapshot behind it is still to come. */
  readonly #lost = new Map<string, number>()

  constructor(mode: ValueMode, plan: ClientPlan, recorded: Recorded, tally: Tally) {
    this.#mode = mode
    this.#plan = plan
    this.#recorded = recorded
    this.#tally = tally
  }

  beginAnew(): void {
    this.items.clear()
    this.#lost.clear()
  }

  take(record: SessionRecord, item: string): boolean {
    const { seq, fields, lost } = record
    if (seq !== undefined && fields !== undefined) this.#update(record, item, seq, fields)
    else if (lost !== undefined) this.#loses(item, lost)
    else return false
    return true
  }

  seqOf(item: string): number | null {
    return this.items.get(item)?.seq ?? null
  }

  isAtTruth(): boolean {
    const { items } = this.#plan
    const { truth } = this.#recorded
    return (
      this.items.size === items.length &&
      items.every(item => isSame(this.items.get(item)?.fields ?? {}, truth.get(item)!))
    )
  }

  #loses(item: string, lost: number): void {
    if (this.#mode !== 'raw' || this.#lost.has(item) || lost <= 0) this.#tally.find('raw', `lost ${lost} of ${item}`)
    this.#lost.set(item, lost)
    this.#tally.lost += lost
  }

  #update(record: SessionRecord, item: string, seq: number, fields: Readonly<Fields>): void {
    const { snapshot = false, time = 0 } = record
    const tally = this.#tally
    const before = this.items.get(item)
    tally.records++
    if (before === undefined) {
      if (!snapshot) tally.find('order', `${item} begins without a snapshot: ${JSON.stringify(record)}`)
      this.#lost.delete(item)
      this.items.set(item, { seq, time, fields: { ...fields }, stream: tally.stream })
      this.#checkState(record, fields)
      return
    }
    if (seq <= before.seq) tally.comesAgain(record, before.seq, before.stream)
    else if (this.#mode === 'raw') this.#checkRaw(record, item, before)
    else tally.conflated += seq - before.seq - 1
    if (time < before.time) tally.find('order', `time ${before.time} of ${item}, then ${JSON.stringify(record)}`)
    before.seq = seq
    before.time = time
    before.stream = tally.stream
    if (snapshot) before.fields = { ...fields }
    else Object.assign(before.fields, fields)
    this.#checkState(record, before.fields)
  }

  #checkState(record: SessionRecord, fields: Readonly<Fields>): void {
    const expected = this.#recorded.stateAt(this.#mode, record.item!, record.seq!)
    if (expected !== undefined && isSame(fields, expected)) return
    this.#tally.find(
      'state',
      `${JSON.stringify(record)} makes ${JSON.stringify(fields)}, not ${expected === undefined ? 'of the recording' : JSON.stringify(expected)}`,
    )
  }

  #checkRaw(record: SessionRecord, item: string, before: ItemState): void {
    const { snapshot, fields } = record
    const seq = record.seq!
    const lost = this.#lost.get(item)
    this.#lost.delete(item)
    const isNext = lost === undefined ? seq === before.seq + 1 : seq === before.seq + lost && snapshot === true
    if (!isNext) {
      this.#tally.find('raw', `seq ${before.seq}, lost ${lost ?? 0}, then ${JSON.stringify(record)}`)
      return
    }
    if (snapshot === true) return
    const line = this.#recorded.lineAt(item, seq)
    if (!isSame(fields!, line)) this.#tally.find('raw', `${JSON.stringify(line)} is due: ${JSON.stringify(record)}`)
  }
}

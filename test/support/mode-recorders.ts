/**
 * Applications of the client library that believe nothing, of tables and of distinct updates: they merge by themselves, and
 * say what they were told wrongly. (client-recorder.ts: of items.)
 */

import type { Item, RowChange, SubscriptionHandlers, Update } from '#src/client/index.ts'
import type { FakeFields } from './fake-filter.ts'
import { orderOf } from './fake-table.ts'

interface SeenTable {
  rows: Map<string, FakeFields>
  isComplete: boolean
  /** Of the last change; -1 behind a snapshot. */
  countedTo: number
  seq: number
  /** Since the flush began, or the table was cleared. */
  changes: RowChange[]
}

/** A table as text. */
export function tableText(rows: Iterable<readonly [key: string, fields: FakeFields]>): string {
  const sorted = [...rows].map(([key, fields]) => [key, Object.entries(fields).toSorted()])
  return JSON.stringify(sorted.toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1)))
}

export class TableRecorder {
  readonly tables = new Map<string, SeenTable>()
  /** What must not be: a change twice or out of order, a row that differs, a count that is wrong, a wrong order. */
  readonly faults: string[] = []
  readonly counts = { changes: 0, cleared: 0, completed: 0, conflated: 0 }
  readonly #sort: string | null
  readonly #isTrue: (item: string, table: string) => boolean

  /** `isTrue`: whether a whole table is one that the server has had. */
  constructor(sort: string | null, isTrue: (item: string, table: string) => boolean) {
    this.#sort = sort
    this.#isTrue = isTrue
  }

  readonly handlers: SubscriptionHandlers = {
    onRow: (table, change) => this.#change(table, change),
    onTable: (table, changes) => this.#compare(table, changes),
    onCleared: ({ name, rows, isComplete }) => {
      if (rows.size > 0 || isComplete) this.faults.push(`${name} is cleared and has ${rows.size} rows`)
      this.tables.set(name, { rows: new Map(), isComplete: false, countedTo: -1, seq: -1, changes: [] })
      this.counts.cleared++
    },
    onSnapshotEnd: ({ name }) => {
      const seen = this.tables.get(name)
      if (seen === undefined || seen.isComplete) this.faults.push(`the snapshot of ${name} has ended twice`)
      else seen.isComplete = true
      this.counts.completed++
    },
    onDeleted: ({ name }) => {
      if (!this.tables.delete(name)) this.faults.push(`${name} is deleted and was not there`)
    },
    onReset: () => this.tables.clear(),
    onUpdate: ({ item }) => this.faults.push(`an update of ${item}`),
  }

  #change(table: Item, change: RowChange): void {
    const { item, key, command, seq, fields, row, isSnapshot, conflated } = change
    const seen = this.tables.get(item)
    if (seen === undefined) {
      this.faults.push(`${item} was not cleared`)
      return
    }
    const before = seen.rows.get(key)
    if (seq <= seen.seq) this.faults.push(`${item} ${seq} behind ${seen.seq}`)
    if (command !== 'ADD' && before === undefined) this.faults.push(`${item} ${seq}: ${command} of nobody`)
    if (command === 'DELETE') seen.rows.delete(key)
    else seen.rows.set(key, command === 'ADD' ? { ...fields } : { ...before, ...fields })
    const gap = seen.countedTo < 0 ? 0 : seq - seen.countedTo - 1
    if (conflated !== gap || isSnapshot === seen.isComplete) this.faults.push(`${item} ${seq}: ${conflated} conflated`)
    if (row !== (table.rows.get(key) ?? null)) this.faults.push(`${item} ${seq}: another row`)
    if (seen.isComplete) seen.countedTo = seq
    seen.seq = seq
    seen.changes.push(change)
    this.counts.changes++
    this.counts.conflated += conflated
  }

  #compare(table: Item, changes: readonly RowChange[]): void {
    const { name, rows, isComplete } = table
    const seen = this.tables.get(name)
    if (
      seen === undefined ||
      changes.length !== seen.changes.length ||
      changes.some((one, i) => one !== seen.changes[i])
    ) {
      this.faults.push(`${name}: other changes than were told`)
      return
    }
    seen.changes = []
    const text = tableText(seen.rows)
    if (text !== tableText([...rows].map(([key, { fields }]) => [key, fields]))) this.faults.push(`${name} differs`)
    if (isComplete && !this.#isTrue(name, text)) this.faults.push(`${name} was never ${text}`)
    const keys = table.sortedRows().map(({ key }) => key)
    const order = this.#sort === null ? undefined : orderOf(this.#sort)
    const expected =
      order === undefined ? [...seen.rows.keys()].toSorted() : [...seen.rows].sort(order).map(([key]) => key)
    if (keys.join() !== expected.join()) this.faults.push(`${name} is in the order ${keys}, not ${expected}`)
  }
}

interface SeenUpdates {
  n: number
  isComplete: boolean
  lost: number
}

/** Of items whose updates are `{ n }`, counted up by 1. */
export class DistinctRecorder {
  readonly items = new Map<string, SeenUpdates>()
  /** What must not be: an update twice or out of order, a gap that was not told, history behind its end. */
  readonly faults: string[] = []
  readonly counts = { history: 0, news: 0, lost: 0 }

  readonly handlers: SubscriptionHandlers = {
    onUpdate: update => this.#update(update),
    onLost: (item, count) => {
      const seen = this.items.get(item)
      if (seen !== undefined) seen.lost += count
      this.counts.lost += count
    },
    onSnapshotEnd: ({ name }) => {
      const seen = this.items.get(name)
      if (seen?.isComplete === true) this.faults.push(`the history of ${name} has ended twice`)
      this.items.set(name, { n: -1, lost: 0, ...seen, isComplete: true })
    },
    onDeleted: ({ name }) => {
      const isComplete = this.items.get(name)?.isComplete === true
      this.items.set(name, { n: -1, lost: 0, isComplete })
    },
    onReset: () => this.items.clear(),
  }

  #update({ item, fields, isHistory, conflated }: Update): void {
    const n = Number(fields.n)
    const seen = this.items.get(item) ?? { n: -1, isComplete: false, lost: 0 }
    if (seen.n >= 0 && n !== seen.n + 1 + seen.lost)
      this.faults.push(`${item}: ${n} behind ${seen.n}, ${seen.lost} lost`)
    if (isHistory === seen.isComplete) this.faults.push(`${item}: ${n} is history: ${isHistory}`)
    if (conflated !== 0) this.faults.push(`${item}: ${n} after ${conflated}`)
    this.items.set(item, { n, isComplete: seen.isComplete, lost: 0 })
    if (isHistory) this.counts.history++
    else this.counts.news++
  }
}

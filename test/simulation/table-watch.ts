/**
 * Holds the table that one subscription of mode command has of an item to the truth: what each record may say of it, and,
 * where the server says that nothing is lacking, that it is the table (flush by flush: session-ledger.ts tells where the core
 * stood then).
 *
 * What it has is kept at each flush and put back when the session is set back to that flush.
 */

import assert from 'node:assert/strict'
import type { Line } from '../support/core-client.ts'
import { type RowFields, TableClient } from '../support/table-client.ts'
import { type ModelItem, rowsShown, type Sight } from './model.ts'
import type { StreamRecord } from './stream-reader.ts'
import type { Start } from './subscription-life.ts'

export class TableWatch {
  readonly start: Start
  readonly #item: ModelItem
  readonly #sight: Sight
  #table = new TableClient()
  updates = 0
  readonly lostTotal = 0
  isSetBack = false

  constructor(item: ModelItem, sight: Sight, start: Start) {
    this.#item = item
    this.#sight = sight
    this.start = start
  }

  get hasItem(): boolean {
    return this.#table.rows.size > 0
  }

  get has(): TableClient {
    return copyOf(this.#table)
  }

  putBack(has: TableClient): void {
    this.#table = copyOf(has)
    this.isSetBack = true
  }

  take(record: StreamRecord): void {
    const { item, key, command, fields } = record
    this.#table.take(record as Line)
    assert.deepEqual(this.#table.faults, [], `${item}: ${JSON.stringify(record)}`)
    if (command === undefined) {
      const isKnown = record.cleared ?? record.snapshotEnd ?? record.deleted ?? record.stale
      assert.ok(isKnown !== undefined, `a record of no table: ${JSON.stringify(record)}`)
      return
    }
    this.updates++
    assert.ok(key !== undefined && (command === 'DELETE') === (fields === undefined), `${item}: a row`)
    for (const name of Object.keys(fields ?? {})) {
      assert.ok(this.#sight.fields?.includes(name) ?? true, `${item}: field ${name} was not asked for`)
    }
  }

  /** The server says that nothing was lacking when its core stood at `place`. */
  checkAt(place: number, who: string): void {
    const event = this.#item.events[place]
    const label = `${who}: ${this.#item.name} at ${place}`
    const isKnown = event !== undefined && event.state !== null
    const shown = event === undefined ? new Map<string, RowFields>() : rowsShown(event.rows, this.#sight)
    assert.deepEqual(plain(this.#table.rows), plain(shown), `${label}: rows`)
    assert.equal(this.#table.isStale, isKnown && event.isStale, `${label}: stale`)
    assert.ok(!isKnown || this.#table.isComplete, `${label}: the end of its snapshot was told`)
  }

  /** At the end, when everything has been read. */
  checkConverged(who: string): void {
    this.checkAt(this.#item.events.length - 1, `${who}: at the end`)
  }
}

function plain(rows: ReadonlyMap<string, RowFields>): Map<string, RowFields> {
  return new Map([...rows].map(([key, row]) => [key, { ...row }]))
}

function copyOf(table: TableClient): TableClient {
  const copy = new TableClient()
  for (const [key, row] of table.rows) copy.rows.set(key, row)
  copy.isComplete = table.isComplete
  copy.isStale = table.isStale
  copy.seq = table.seq
  return copy
}

/**
 * The tables of a full client: what its records make of them, what is wrong on the way, and whether they are the feed's at the
 * end. What a window shows is worked out of all rows, the plain way. Stamps are not compared: rows have many.
 */

import { sideOf, type Workload } from '#perf/workload.ts'

type Fields = Readonly<Record<string, string | null>>

export interface RowRecord {
  readonly item: string
  readonly seq?: number
  readonly key?: string
  readonly command?: 'ADD' | 'UPDATE' | 'DELETE'
  readonly fields?: Fields
  readonly cleared?: boolean
  readonly snapshotEnd?: boolean
}

interface Table {
  readonly rows: Map<string, Fields>
  seq: number
  isComplete: boolean
}

export class FullTables {
  readonly #tables = new Map<string, Table>()
  readonly #window: number
  readonly #side: 'bid' | 'ask'

  constructor({ window }: Workload, client: number) {
    this.#window = window
    this.#side = sideOf(client)
  }

  /** What is wrong with the record; null: nothing. */
  take({ item, seq, key, command, fields, cleared, snapshotEnd }: RowRecord): string | null {
    if (cleared === true) this.#tables.set(item, { rows: new Map(), seq: 0, isComplete: false })
    const table = this.#tables.get(item)
    if (table === undefined) return `${item}: a table that was not begun`
    if (snapshotEnd === true) table.isComplete = true
    if (command === undefined || key === undefined || seq === undefined) return null
    const before = table.seq
    table.seq = seq
    const row = table.rows.get(key)
    if (command === 'DELETE') table.rows.delete(key)
    else table.rows.set(key, command === 'ADD' ? { ...fields } : { ...row, ...fields })
    if (seq <= before) return `${item}: seq ${seq} after ${before}`
    return command === 'UPDATE' && row === undefined ? `${item}: an UPDATE of ${key}, which is not there` : null
  }

  /** `rows`: all that the feed's table has. Null: the client has what it should. */
  differenceTo(item: string, rows: Readonly<Record<string, Fields>>): string | null {
    const table = this.#tables.get(item)
    if (table === undefined || !table.isComplete) return `${item} is not complete`
    const expected = this.#shown(rows)
    if (expected.length !== table.rows.size) return `${item} ended with ${table.rows.size} rows, not ${expected.length}`
    for (const [key, fields] of expected) {
      for (const [name, value] of Object.entries(fields)) {
        const found = table.rows.get(key)?.[name]
        if (found !== value) return `${item}: ${name} of ${key} ended as ${found}, not ${value}`
      }
    }
    return null
  }

  #shown(rows: Readonly<Record<string, Fields>>): [string, Fields][] {
    const all = Object.entries(rows)
    if (this.#window === 0) return all
    const sign = this.#side === 'bid' ? -1 : 1
    const side = all.filter(([, fields]) => fields.side === this.#side)
    return side.toSorted(([, a], [, b]) => sign * (Number(a.price) - Number(b.price))).slice(0, this.#window)
  }
}

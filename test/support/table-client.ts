/** A client's table as the records of mode command make it, and what is told of it; and the same by rules, without a server. */

import type { RowWindow } from '#src/domain/session-request.ts'
import type { Line } from './core-client.ts'

export type RowFields = Readonly<Record<string, string | null>>
export type Rows = ReadonlyMap<string, RowFields>

export class TableClient {
  readonly rows = new Map<string, RowFields>()
  /** Records since the beginning, by command. */
  readonly counts = { ADD: 0, UPDATE: 0, DELETE: 0 }
  isComplete = false
  isStale = false
  seq = -1
  /** What a right server never tells. */
  readonly faults: string[] = []

  take(line: Line): void {
    const { key, command, fields, seq } = line
    if (line.deleted === true) {
      this.rows.clear()
      this.isStale = false
      this.seq = -1
    }
    if (line.stale !== undefined) this.isStale = line.stale
    if (line.cleared === true) {
      this.rows.clear()
      this.isComplete = false
      this.seq = -1
    }
    if (line.snapshotEnd === true) this.isComplete = true
    if (command === undefined) return
    this.counts[command]++
    if (seq! <= this.seq) this.faults.push(`seq ${seq} behind ${this.seq}`)
    this.seq = seq!
    if (command === 'DELETE') this.rows.delete(key!)
    else if (command === 'ADD') this.rows.set(key!, fields!)
    else if (!this.rows.has(key!)) this.faults.push(`UPDATE of ${key}, which is not there`)
    else this.rows.set(key!, { ...this.rows.get(key!), ...fields })
  }
}

/** The operations of a feed, as they should leave the table. */
export class TableModel {
  readonly rows = new Map<string, RowFields>()

  apply(fields: RowFields, isSnapshot = false): void {
    const { key, command, ...values } = fields
    if (isSnapshot || command === 'CLEAR') this.rows.clear()
    if (command === 'DELETE') this.rows.delete(key!)
    if (command === 'ADD') this.rows.set(key!, values)
    if (command === 'UPDATE') this.rows.set(key!, { ...this.rows.get(key!), ...values })
  }
}

/** The rows that a client with these wishes sees. */
export function shownOf(
  all: Rows,
  passes: (key: string, row: RowFields) => boolean,
  window: RowWindow | null,
  chosen: readonly string[] | null,
): Map<string, RowFields> {
  const kept = [...all].filter(([key, row]) => passes(key, row))
  const inOrder = window === null ? kept : kept.toSorted((a, b) => compareRows(a, b, window))
  const shown = window === null ? inOrder : inOrder.slice(window.from, window.from + window.count)
  const isChosen = (name: string) => chosen === null || chosen.includes(name)
  return new Map(
    shown.map(([key, row]) => [key, Object.fromEntries(Object.entries(row).filter(([name]) => isChosen(name)))]),
  )
}

function compareRows([aKey, a]: [string, RowFields], [bKey, b]: [string, RowFields], window: RowWindow): number {
  const isByKey = window.sort === 'key'
  const [x, y] = isByKey ? [aKey, bKey] : [a[window.sort] ?? null, b[window.sort] ?? null]
  const kind = kindOf(x) - kindOf(y)
  if (kind !== 0) return kind
  const sign = window.isDescending ? -1 : 1
  const order = x === null ? 0 : kindOf(x) === 0 ? Number(x) - Number(y) : x < y! ? -1 : x > y! ? 1 : 0
  return order !== 0 ? order * sign : aKey < bKey ? -1 : aKey > bKey ? 1 : 0
}

function kindOf(value: string | null): number {
  return value === null ? 2 : /^-?\d+(\.\d+)?$/.test(value) ? 0 : 1
}

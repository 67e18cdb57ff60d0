/**
 * The records of a client that reads tables, in mode command: whole ones, or windows on them.
 *
 *  - table: a table begins with `cleared`, `snapshotEnd` comes once behind it; an UPDATE is of a row that the client has;
 *  - order: seq grows from one `cleared` to the next;
 *  - state: of a whole table each record makes of its row what the recording makes of it at that seq; of a window each makes
 *    a row that the recording knows, of the window's side;
 *  - duplicates: as in values-judge.ts.
 */

import type { SessionRecord } from '#test/support/session-stream.ts'
import type { RowFields } from '#test/support/table-client.ts'
import { isSame, type Judge } from './judge.ts'
import type { ClientPlan } from './plan.ts'
import type { RecordedTables } from './recorded-tables.ts'
import type { Tally } from './tally.ts'

interface TableState {
  readonly rows: Map<string, RowFields>
  /** 0: none has come since the table was cleared. */
  seq: number
  isComplete: boolean
  /** The stream that brought its last record. */
  stream: number
}

export class TableJudge implements Judge {
  readonly tables = new Map<string, TableState>()
  readonly #plan: ClientPlan
  readonly #recorded: RecordedTables
  readonly #tally: Tally

  constructor(plan: ClientPlan, recorded: RecordedTables, tally: Tally) {
    this.#plan = plan
    this.#recorded = recorded
    this.#tally = tally
  }

  beginAnew(): void {
    this.tables.clear()
  }

  take(record: SessionRecord, item: string): boolean {
    const { key, command, seq, cleared, snapshotEnd } = record
    if (cleared === true) {
      this.tables.set(item, { rows: new Map(), seq: 0, isComplete: false, stream: this.#tally.stream })
      return true
    }
    const table = this.tables.get(item)
    if (table === undefined) {
      this.#wrong(record, 'the table has not begun')
    } else if (snapshotEnd === true) {
      if (table.isComplete) this.#wrong(record, 'it has ended')
      table.isComplete = true
    } else if (command !== undefined && key !== undefined && seq !== undefined) {
      this.#row(record, item, table, key, seq)
    } else return false
    return true
  }

  seqOf(item: string): number | null {
    return this.tables.get(item)?.seq ?? null
  }

  isAtTruth(): boolean {
    const { items, window } = this.#plan
    return items.every(item => {
      const table = this.tables.get(item)
      if (table === undefined || !table.isComplete) return false
      const truth = this.#recorded.shown(item, window)
      const rows = [...truth]
      return rows.length === table.rows.size && rows.every(([key, fields]) => isSame(table.rows.get(key) ?? {}, fields))
    })
  }

  #row(record: SessionRecord, item: string, table: TableState, key: string, seq: number): void {
    const { command, fields = {} } = record
    const tally = this.#tally
    tally.records++
    if (seq <= table.seq) tally.comesAgain(record, table.seq, table.stream)
    else if (table.isComplete && table.seq > 0) tally.conflated += seq - table.seq - 1
    if (command === 'DELETE') table.rows.delete(key)
    else if (command === 'ADD') table.rows.set(key, fields)
    else if (!table.rows.has(key)) this.#wrong(record, 'there is no such row')
    else table.rows.set(key, { ...table.rows.get(key), ...fields })
    table.seq = seq
    table.stream = tally.stream
    this.#checkState(record, item, key, seq, command === 'DELETE' ? null : (table.rows.get(key) ?? null))
  }

  #checkState(record: SessionRecord, item: string, key: string, seq: number, row: RowFields | null): void {
    const { window } = this.#plan
    const isRight =
      window === null
        ? this.#recorded.isAt(item, seq, key, row)
        : row === null || (row.side === window.side && this.#recorded.hasHad(item, key, row))
    if (!isRight)
      this.#tally.find('state', `${JSON.stringify(record)} makes ${JSON.stringify(row)}, not of the recording`)
  }

  #wrong(record: SessionRecord, why: string): void {
    this.#tally.find('table', `${JSON.stringify(record)}: ${why}`)
  }
}

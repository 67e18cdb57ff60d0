/**
 * What `millrace watch` draws on a terminal: one row an item, below it the rows of an item that is a table, one column a
 * field. Pure: records and times in, text out.
 *
 * Invariants (test/rules.md, N):
 *  - Bounded by what was asked for: items by the command line, rows of a table by TABLE_ROWS_MAX, columns by COLUMNS_MAX;
 *    what the server sends beyond is not kept.
 *  - A cell that changed in the last HIGHLIGHT_MS is marked by an arrow or a star, and by colour besides.
 */

import { orderOf, type RowOrder, Table } from '#src/client/table.ts'
import { printable } from '#src/printable.ts'

/** A record of a stream: an update, or a mark on an item, or the server's last word. */
export interface StreamRecord {
  readonly item?: string
  readonly seq?: number
  readonly snapshot?: boolean
  readonly time?: number
  readonly fields?: Readonly<Record<string, string | null>>
  readonly stale?: boolean
  readonly deleted?: boolean
  readonly lost?: number
  readonly out?: boolean
  readonly cleared?: boolean
  readonly snapshotEnd?: boolean
  /** What it does to the row of this key. */
  readonly command?: 'ADD' | 'UPDATE' | 'DELETE'
  readonly key?: string
  readonly closing?: { readonly code: string; readonly message: string; readonly retryMs?: number }
  /** Why a subscription has ended. */
  readonly error?: { readonly code: string; readonly message: string }
}

const COLUMNS_MAX = 64
const CELL_LENGTH_MAX = 24
const TABLE_ROWS_MAX = 1_000
export const HIGHLIGHT_MS = 1_000

const RESET = '\u001b[0m'
const BOLD = '\u001b[1m'
const DIM = '\u001b[2m'
const GREEN = '\u001b[32m'
const RED = '\u001b[31m'
const YELLOW = '\u001b[33m'

type Change = 'up' | 'down' | 'other'

const MARKS = { up: ['▲', GREEN], down: ['▼', RED], other: ['*', YELLOW] } as const

interface Cell {
  text: string
  change: Change
  changedMs: number
}

interface Row {
  readonly name: string
  readonly cells: Map<string, Cell>
  state: '' | 'stale' | 'deleted' | 'out'
  lostCount: number
}

/** An item, and its rows where it is a table: their order is in `table`, what is drawn of them in `rows`. */
interface WatchedItem extends Row {
  readonly table: Table
  readonly rows: Map<string, Row>
}

export class WatchTable {
  readonly #items: Map<string, WatchedItem>
  readonly #columns: string[]
  readonly #isFixed: boolean
  #changedMs = Number.NEGATIVE_INFINITY

  /** `fields` are the columns; without any, those that come. `sort` is the field that rows of tables are in order of. */
  constructor(items: readonly string[], fields: readonly string[], sort = '') {
    const order = orderOf(sort === '' ? undefined : sort)
    this.#items = new Map(items.map(name => [name, itemOf(name, order)]))
    this.#columns = fields.slice(0, COLUMNS_MAX)
    this.#isFixed = fields.length > 0
  }

  /** Takes one record; one of an item that was not asked for is passed over. */
  apply(record: StreamRecord, nowMs: number): void {
    const item = record.item === undefined ? undefined : this.#items.get(record.item)
    if (item === undefined) return
    this.#changedMs = nowMs
    if (record.lost !== undefined) item.lostCount += record.lost
    if (record.stale !== undefined) item.state = record.stale ? 'stale' : ''
    if (record.deleted === true) end(item, 'deleted')
    if (record.out === true) end(item, 'out')
    if (record.cleared === true) clearRows(item)
    if (item.state !== 'stale' && (record.fields !== undefined || record.cleared === true)) item.state = ''
    if (record.command !== undefined) this.#changeRow(item, record, nowMs)
    else if (record.fields !== undefined) this.#setAll(item, record.fields, record.snapshot === true, nowMs)
  }

  /** True when a drawing made now may differ from the one made at `drawnMs`: something changed, or a mark fades. */
  isChangedSince(drawnMs: number): boolean {
    return drawnMs < this.#changedMs + HIGHLIGHT_MS
  }

  /** The lines of the table, at most `linesMax` of at most `width` visible characters. */
  render(width: number, linesMax: number, nowMs: number): string[] {
    const rows = [...this.#items.values()].flatMap(rowsOf)
    const itemWidth = Math.min(
      rows.reduce((length, { name }) => Math.max(length, name.length), 4),
      40,
    )
    const columns = this.#columnsThatFit(rows, width - itemWidth - 10)
    const heads = columns.map(([field, length]) => printable(field, length).padStart(length))
    const lines = [`${BOLD}${'item'.padEnd(itemWidth)}${heads.map(head => ` ${head} `).join('')}  state${RESET}`]
    const shown = rows.slice(0, Math.max(0, linesMax - (rows.length + 1 > linesMax ? 2 : 1)))
    for (const row of shown) lines.push(rowText(row, itemWidth, columns, nowMs))
    if (shown.length < rows.length) lines.push(`${DIM}… and ${rows.length - shown.length} more${RESET}`)
    return lines.slice(0, linesMax)
  }

  /** One beyond the bound is not kept. */
  #changeRow({ table, rows }: WatchedItem, record: StreamRecord, nowMs: number): void {
    const { command = 'UPDATE', key = '', seq = 0, fields = {} } = record
    if (!rows.has(key) && rows.size >= TABLE_ROWS_MAX) return
    if (table.apply(command, key, seq, fields) === null) return
    if (command === 'DELETE') {
      rows.delete(key)
      return
    }
    const row = rows.get(key) ?? rowOf(`  ${key}`)
    rows.set(key, row)
    this.#setAll(row, fields, command === 'ADD', nowMs)
  }

  #setAll(row: Row, fields: Readonly<Record<string, string | null>>, isWhole: boolean, nowMs: number): void {
    if (isWhole) dropMissing(row, fields)
    for (const [field, value] of Object.entries(fields)) this.#set(row, field, value, nowMs)
  }

  #set(row: Row, field: string, value: string | null, nowMs: number): void {
    if (!this.#columns.includes(field)) {
      if (this.#isFixed || this.#columns.length >= COLUMNS_MAX) return
      this.#columns.push(field)
    }
    const text = value === null ? '' : printable(value, CELL_LENGTH_MAX)
    const cell = row.cells.get(field)
    if (cell === undefined) {
      row.cells.set(field, { text, change: 'other', changedMs: Number.NEGATIVE_INFINITY })
    } else if (cell.text !== text) {
      cell.change = changeOf(cell.text, text)
      cell.text = text
      cell.changedMs = nowMs
    }
  }

  #columnsThatFit(rows: readonly Row[], room: number): [field: string, length: number][] {
    const columns: [string, number][] = []
    let used = 0
    for (const field of this.#columns) {
      const longest = rows.reduce((length, { cells }) => Math.max(length, cells.get(field)?.text.length ?? 0), 0)
      const length = Math.min(CELL_LENGTH_MAX, Math.max(field.length, longest))
      used += length + 2
      if (used > room) break
      columns.push([field, length])
    }
    return columns
  }
}

function rowOf(name: string): Row {
  return { name, cells: new Map(), state: '', lostCount: 0 }
}

function itemOf(name: string, order: RowOrder): WatchedItem {
  return { ...rowOf(name), table: new Table(order), rows: new Map() }
}

/** The item, and below it the rows of its table in their order. */
function rowsOf(item: WatchedItem): readonly Row[] {
  return [item, ...item.table.sorted().map(({ key }) => item.rows.get(key)!)]
}

function end(item: WatchedItem, state: 'deleted' | 'out'): void {
  item.state = state
  item.cells.clear()
  clearRows(item)
}

function clearRows({ table, rows }: WatchedItem): void {
  table.clear()
  rows.clear()
}

/** A snapshot is all there is: what it does not name has gone. */
function dropMissing(row: Row, fields: Readonly<Record<string, string | null>>): void {
  for (const field of [...row.cells.keys()]) {
    if (!Object.hasOwn(fields, field)) row.cells.delete(field)
  }
}

function changeOf(source: string, target: string): Change {
  const step = Number(target) - Number(source)
  if (Number.isNaN(step) || source === '' || target === '' || step === 0) return 'other'
  return step > 0 ? 'up' : 'down'
}

function rowText(row: Row, itemWidth: number, columns: readonly [string, number][], nowMs: number): string {
  const cells = columns.map(([field, length]) => cellText(row.cells.get(field), length, nowMs))
  const lost = row.lostCount > 0 ? ` lost ${row.lostCount}` : ''
  const isDim = row.state !== ''
  const name = printable(row.name, itemWidth).padEnd(itemWidth)
  return `${isDim ? DIM : ''}${name}${cells.join('')}  ${row.state}${lost}${isDim ? RESET : ''}`
}

function cellText(cell: Cell | undefined, length: number, nowMs: number): string {
  const text = (cell?.text ?? '').padStart(length)
  if (cell === undefined || nowMs - cell.changedMs >= HIGHLIGHT_MS) return ` ${text} `
  const [mark, colour] = MARKS[cell.change]
  return `${colour} ${text}${mark}${RESET}`
}

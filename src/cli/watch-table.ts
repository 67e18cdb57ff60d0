/**
 * What `millrace watch` draws on a terminal: one row an item, one column a field. Pure: records and times in, text out.
 *
 * Invariants (test/rules.md, N):
 *  - Bounded by what was asked for: rows by the items on the command line, columns by COLUMNS_MAX; what the server sends
 *    beyond is not kept.
 *  - A cell that changed in the last HIGHLIGHT_MS is marked by an arrow or a star, and by colour besides.
 */

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
  readonly closing?: { readonly code: string; readonly message: string; readonly retryMs?: number }
  /** Why a subscription has ended. */
  readonly error?: { readonly code: string; readonly message: string }
}

const COLUMNS_MAX = 64
const CELL_LENGTH_MAX = 24
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
  readonly item: string
  readonly cells: Map<string, Cell>
  state: '' | 'stale' | 'deleted'
  lostCount: number
}

export class WatchTable {
  readonly #rows: Map<string, Row>
  readonly #columns: string[]
  readonly #isFixed: boolean
  #changedMs = Number.NEGATIVE_INFINITY

  /** `fields` are the columns; without any, those that come. */
  constructor(items: readonly string[], fields: readonly string[]) {
    this.#rows = new Map(items.map(item => [item, { item, cells: new Map(), state: '', lostCount: 0 }]))
    this.#columns = fields.slice(0, COLUMNS_MAX)
    this.#isFixed = fields.length > 0
  }

  /** Takes one record; one of an item that was not asked for is passed over. */
  apply(record: StreamRecord, nowMs: number): void {
    const row = record.item === undefined ? undefined : this.#rows.get(record.item)
    if (row === undefined) return
    this.#changedMs = nowMs
    if (record.lost !== undefined) row.lostCount += record.lost
    if (record.stale !== undefined) row.state = record.stale ? 'stale' : ''
    if (record.deleted === true) {
      row.state = 'deleted'
      row.cells.clear()
    }
    if (record.fields === undefined) return
    if (row.state === 'deleted') row.state = ''
    if (record.snapshot === true) dropMissing(row, record.fields)
    for (const [field, value] of Object.entries(record.fields)) this.#set(row, field, value, nowMs)
  }

  /** True when a drawing made now may differ from the one made at `drawnMs`: something changed, or a mark fades. */
  isChangedSince(drawnMs: number): boolean {
    return drawnMs < this.#changedMs + HIGHLIGHT_MS
  }

  /** The lines of the table, at most `linesMax` of at most `width` visible characters. */
  render(width: number, linesMax: number, nowMs: number): string[] {
    const rows = [...this.#rows.values()]
    const itemWidth = Math.min(Math.max(4, ...rows.map(row => row.item.length)), 40)
    const columns = this.#columnsThatFit(rows, width - itemWidth - 10)
    const heads = columns.map(([field, length]) => printable(field, length).padStart(length))
    const lines = [`${BOLD}${'item'.padEnd(itemWidth)}${heads.map(head => ` ${head} `).join('')}  state${RESET}`]
    const shown = rows.slice(0, Math.max(0, linesMax - (rows.length + 1 > linesMax ? 2 : 1)))
    for (const row of shown) lines.push(rowText(row, itemWidth, columns, nowMs))
    if (shown.length < rows.length) lines.push(`${DIM}… and ${rows.length - shown.length} more${RESET}`)
    return lines.slice(0, linesMax)
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
      const lengths = rows.map(row => row.cells.get(field)?.text.length ?? 0)
      const length = Math.min(CELL_LENGTH_MAX, Math.max(field.length, ...lengths))
      used += length + 2
      if (used > room) break
      columns.push([field, length])
    }
    return columns
  }
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
  const name = printable(row.item, itemWidth).padEnd(itemWidth)
  return `${isDim ? DIM : ''}${name}${cells.join('')}  ${row.state}${lost}${isDim ? RESET : ''}`
}

function cellText(cell: Cell | undefined, length: number, nowMs: number): string {
  const text = (cell?.text ?? '').padStart(length)
  if (cell === undefined || nowMs - cell.changedMs >= HIGHLIGHT_MS) return ` ${text} `
  const [mark, colour] = MARKS[cell.change]
  return `${colour} ${text}${mark}${RESET}`
}

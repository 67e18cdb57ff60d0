/**
 * What the recording makes of its tables when it is played in loops, by seq: the row that each event leaves. An event is a row
 * that comes, changes or goes, or all of them going at once; what changes nothing is none.
 *
 * As in recorded.ts it holds for views that are there before the first line, and the second loop stands for all behind it: they begin
 * with the rows that the first one ended with, since a row's last ADD, DELETE or values decide, whatever there was.
 */

import { type RowFields, TableModel } from '#test/support/table-client.ts'
import { type BookWindow, isSame, type RecordedLine } from './judge.ts'

interface RowEvent {
  /** Null: all rows went. */
  readonly key: string | null
  /** Null: it went. */
  readonly row: RowFields | null
}

class TableHistory {
  /** By seq, through both loops; none at 0. */
  readonly events: RowEvent[] = [{ key: null, row: null }]
  /** By key: rows that it has had, as text. */
  readonly had = new Map<string, Set<string>>()
  readonly model = new TableModel()
  firstEnd = 0

  play(lines: readonly RecordedLine[]): void {
    for (const { fields, snapshot } of lines) this.#apply(fields, snapshot === true)
  }

  #apply(fields: RowFields, isSnapshot: boolean): void {
    const { rows } = this.model
    const { key, command } = fields
    if (isSnapshot || command === 'CLEAR') {
      rows.clear()
      this.events.push({ key: null, row: null })
    }
    if (command === 'CLEAR') return
    const before = rows.get(key!)
    this.model.apply(fields)
    const after = rows.get(key!) ?? null
    if (before === undefined ? after === null : after !== null && isSame(before, after)) return
    this.events.push({ key: key!, row: after })
    if (after === null) return
    const had = this.had.get(key!) ?? new Set()
    had.add(rowText(after))
    this.had.set(key!, had)
  }
}

export class RecordedTables {
  readonly #tables = new Map<string, TableHistory>()
  /** By item and window, as they were worked out. */
  readonly #shown = new Map<string, ReadonlyMap<string, RowFields>>()

  constructor(input: readonly RecordedLine[]) {
    const lines = Map.groupBy(
      input.filter(({ mode }) => mode === 'command'),
      ({ item }) => item,
    )
    for (const [item, some] of lines) {
      const table = new TableHistory()
      table.play(some)
      table.firstEnd = table.events.length - 1
      table.play(some)
      this.#tables.set(item, table)
    }
  }

  get names(): string[] {
    return [...this.#tables.keys()]
  }

  /** Whether the event of that seq left the row so (null: none) under that key. */
  isAt(item: string, seq: number, key: string, row: RowFields | null): boolean {
    const table = this.#tables.get(item)
    if (table === undefined || seq < 1) return false
    const { events, firstEnd } = table
    const secondEnd = events.length - 1
    const at = seq <= secondEnd ? seq : firstEnd + 1 + ((seq - firstEnd - 1) % (secondEnd - firstEnd))
    const event = events[at]
    if (event === undefined || event.key !== key) return false
    return event.row === null || row === null ? event.row === row : isSame(row, event.row)
  }

  /** Whether the row has ever been so. */
  hasHad(item: string, key: string, row: RowFields): boolean {
    return this.#tables.get(item)?.had.get(key)?.has(rowText(row)) === true
  }

  /** The rows behind a whole loop, or those of them that a window shows. */
  shown(item: string, window: BookWindow | null): ReadonlyMap<string, RowFields> {
    const { rows } = this.#tables.get(item)!.model
    if (window === null) return rows
    const { side, count } = window
    const name = `${side} ${count} ${item}`
    const known = this.#shown.get(name)
    if (known !== undefined) return known
    const sign = side === 'bid' ? -1 : 1
    const shown = new Map(
      [...rows]
        .filter(([, row]) => row.side === side)
        .toSorted(([aKey, a], [bKey, b]) => sign * (Number(a.price) - Number(b.price)) || (aKey < bKey ? -1 : 1))
        .slice(0, count),
    )
    this.#shown.set(name, shown)
    return shown
  }
}

function rowText(row: RowFields): string {
  return JSON.stringify(Object.entries(row).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

/**
 * The truth: what items are, told slowly and obviously, from the lines that feeds sent and the order in which their homes
 * took them (taps.ts tells that order). Nothing of the product's own state is read here.
 *
 * An item is the list of its events; each event holds the whole state after it, and of a table its rows. What a client may
 * see follows from the list: a view (mode, choice of fields, filter, window) is concerned by some of the events, its seq
 * counts those.
 */

import type { StretchFunction } from '#src/domain/merge-function.ts'
import type { RowWindow } from '#src/domain/session-request.ts'
import { modelDecimal } from '../support/decimal-model.ts'
import { type ModelFilter, modelPasses } from '../support/filter-model.ts'
import { type RowFields, type Rows, shownOf } from '../support/table-client.ts'

export type Value = string | null
export type State = ReadonlyMap<string, Value>

/** What a feed's line, or a publication over HTTP, said. */
export interface LineTruth {
  readonly item: string
  readonly isDeletion: boolean
  readonly isSnapshot: boolean
  /** It says that it is an operation on a row. */
  readonly isRow?: boolean
  /** NaN when the line had none. */
  readonly timeMs: number
  readonly fields: readonly (readonly [string, Value])[]
}

/** What an operation did to a row. */
interface RowChange {
  readonly key: string
  readonly changed: ReadonlySet<string>
  /** Values that it had are no more. */
  readonly isAnew: boolean
}

export interface ItemEvent {
  readonly kind: 'update' | 'deleted' | 'purged' | 'stale' | 'fresh'
  readonly isSnapshot: boolean
  readonly wasKnown: boolean
  readonly fields: readonly (readonly [string, Value])[]
  /** Fields whose values differ from before. */
  readonly changed: ReadonlySet<string>
  readonly hasRemoved: boolean
  readonly timeMs: number
  /** Before and after the event; null while the item is not known. */
  readonly before: State | null
  readonly state: State | null
  readonly isStale: boolean
  /** Rows before and after, without what `isCleared` took. */
  readonly rowsBefore: Rows
  readonly rows: Rows
  readonly isCleared: boolean
  readonly row: RowChange | null
}

export interface FilterWish {
  readonly text: string
  readonly tree: ModelFilter
}

/** What of an item a subscription sees. */
export interface Sight {
  readonly mode: 'merge' | 'raw' | 'distinct' | 'command'
  readonly fields: readonly string[] | null
  readonly filter: FilterWish | null
  readonly window: RowWindow | null
}

/** What is set for an item. */
export interface ModelSettings {
  readonly modes: readonly Sight['mode'][]
  readonly isTable: boolean | null
  readonly maxFrequency: number
  readonly hasSnapshot: boolean
  readonly historyMax: number
  readonly keepsLog: boolean
  readonly logUpdates: number
  /** By field; none is the newest value. */
  readonly functions: ReadonlyMap<string, StretchFunction>
}

/** The bounds of an item. */
export interface ModelBounds {
  readonly fieldsMax: number
  readonly tableRowsMax: number
}

/** Somebody who publishes, as one core sees it: a feed's connection, or an edge's HTTP interface. */
export class ModelSource {
  readonly name: string
  isSilent = false
  readonly items = new Set<ModelItem>()

  constructor(name: string) {
    this.name = name
  }
}

const NO_ROWS: Rows = new Map()

const NOTHING: Omit<ItemEvent, 'kind' | 'before' | 'state' | 'isStale' | 'rowsBefore' | 'rows'> = {
  isSnapshot: false,
  wasKnown: true,
  fields: [],
  changed: new Set(),
  hasRemoved: false,
  timeMs: Number.NaN,
  isCleared: false,
  row: null,
}

export class ModelItem {
  readonly name: string
  readonly settings: ModelSettings
  readonly events: ItemEvent[] = []
  readonly sources = new Set<ModelSource>()
  state: State | null = null
  isStale = false
  rows: Rows = NO_ROWS
  touchedMs = 0
  readonly #bounds: ModelBounds

  constructor(name: string, bounds: ModelBounds, settings: ModelSettings) {
    this.name = name
    this.settings = settings
    this.#bounds = bounds
  }

  /** An operation on a row that names none, or is none, or has more fields than the item has room for, changes nothing. */
  isRefused({ isDeletion, isSnapshot, isRow = false, fields }: LineTruth): boolean {
    if (isDeletion || !(this.settings.isTable ?? isRow)) return false
    const names = new Set([...(this.state?.keys() ?? []), ...fields.map(([name]) => name)])
    if (!isSnapshot && names.size > this.#bounds.fieldsMax) return true
    const { key = null, command = null } = Object.fromEntries(fields) as { key?: Value; command?: Value }
    if (command === 'CLEAR') return false
    return key === null || key === '' || !['ADD', 'UPDATE', 'DELETE'].includes(command ?? '')
  }

  apply(line: LineTruth, source: ModelSource, receivedMs: number): void {
    if (line.isDeletion) {
      this.touchedMs = receivedMs
      if (this.state === null) return
      const before = this.state
      const rowsBefore = this.rows
      this.state = null
      this.isStale = false
      this.rows = NO_ROWS
      this.#append('deleted', before, rowsBefore)
      return
    }
    this.sources.add(source)
    source.items.add(this)
    this.setStale(false)
    if (this.isRefused(line)) return
    this.touchedMs = receivedMs
    this.#update(line)
  }

  setStale(isStale: boolean): void {
    if (this.state === null || this.isStale === isStale) return
    this.isStale = isStale
    this.#append(isStale ? 'stale' : 'fresh', this.state, this.rows)
  }

  purge(): void {
    for (const source of this.sources) source.items.delete(this)
    this.sources.clear()
    const before = this.state
    const rowsBefore = this.rows
    this.state = null
    this.isStale = false
    this.rows = NO_ROWS
    this.#append('purged', before, rowsBefore)
  }

  #update(line: LineTruth): void {
    const before = this.state ?? new Map<string, Value>()
    const after = new Map(before)
    const changed = new Set<string>()
    const taken: (readonly [string, Value])[] = []
    const { functions } = this.settings
    for (const [name, value] of line.fields) {
      if (!isTakenBy(functions.get(name), value)) continue
      // A snapshot replaces what there was, so it is bounded by its own line only.
      if (!after.has(name) && after.size >= this.#bounds.fieldsMax && !line.isSnapshot) continue
      taken.push([name, value])
      // A value that comes again is one more to a function.
      if (!after.has(name) || after.get(name) !== value || functions.has(name)) changed.add(name)
      after.set(name, value)
    }
    const named = new Set(taken.map(([name]) => name))
    const removed = line.isSnapshot ? [...before.keys()].filter(name => !named.has(name)) : []
    for (const name of removed) after.delete(name)
    const known = this.state
    const isRow = this.settings.isTable ?? line.isRow ?? false
    const rowsBefore = this.rows
    const operation = isRow ? this.#operate(line, taken) : { isCleared: false, row: null }
    this.state = after
    this.events.push({
      kind: 'update',
      isSnapshot: line.isSnapshot,
      wasKnown: known !== null,
      fields: taken,
      changed,
      hasRemoved: removed.length > 0,
      timeMs: line.timeMs,
      before: known,
      state: after,
      isStale: false,
      rowsBefore: operation.isCleared ? NO_ROWS : rowsBefore,
      rows: this.rows,
      ...operation,
    })
  }

  /** Values of fields that the item has no room for are none of a row's. */
  #operate({ fields, isSnapshot }: LineTruth, taken: ItemEvent['fields']): Pick<ItemEvent, 'isCleared' | 'row'> {
    const { key, command } = Object.fromEntries(fields) as { key: string; command: string }
    const isCleared = isSnapshot || command === 'CLEAR'
    const rows = new Map(isCleared ? [] : this.rows)
    this.rows = rows
    if (command === 'CLEAR') return { isCleared, row: null }
    const before = rows.get(key)
    if (command === 'DELETE') {
      rows.delete(key)
      return { isCleared, row: null }
    }
    if (before === undefined && rows.size >= this.#bounds.tableRowsMax) return { isCleared, row: null }
    const given: RowFields = Object.fromEntries(taken.filter(([name]) => name !== 'key' && name !== 'command'))
    const after = command === 'ADD' ? given : { ...before, ...given }
    rows.set(key, after)
    const changed = new Set(Object.keys(after).filter(name => before === undefined || before[name] !== after[name]))
    const isAnew = before !== undefined && Object.keys(before).some(name => !(name in after))
    return { isCleared, row: { key, changed, isAnew } }
  }

  #append(kind: 'deleted' | 'purged' | 'stale' | 'fresh', before: State | null, rowsBefore: Rows): void {
    const { state, isStale, rows } = this
    this.events.push({ ...NOTHING, kind, before, state, isStale, rowsBefore, rows })
  }
}

/** Whether a field's function can take a value; those of the simulation are short. */
function isTakenBy(one: StretchFunction | undefined, value: Value): boolean {
  return one === undefined || one === 'first' || one === 'count' || value === null || modelDecimal(value) !== null
}

/** How many updates an event is to the subscribers of a view; of a table each row that comes, changes or goes is one. */
export function publishedBy(event: ItemEvent, sight: Sight): number {
  if (event.kind !== 'update') return 0
  return sight.mode === 'command' ? rowsPublished(event, sight) : isPublished(event, sight) ? 1 : 0
}

/** Whether a view that is none of a table's rows counts the event: whether it is published to the view's subscribers. */
export function isPublished(event: ItemEvent, sight: Sight): boolean {
  if (event.kind !== 'update') return false
  const { fields, filter } = sight
  if (isLogged(sight)) {
    if (filter !== null && !modelPasses(filter.tree, Object.fromEntries(event.fields))) return false
    if (!event.wasKnown) return true
    return fields === null || event.isSnapshot || event.fields.some(([name]) => fields.includes(name))
  }
  if (!passes(sight, event.state)) return false
  if (!event.wasKnown || event.hasRemoved) return true
  if (event.changed.size > 0 && !passes(sight, event.before)) return true
  return fields === null ? event.changed.size > 0 : fields.some(name => event.changed.has(name))
}

export function isLogged({ mode }: Sight): boolean {
  return mode === 'raw' || mode === 'distinct'
}

/** Whether a value passes a view's filter; one that is not there does not. */
export function passes({ filter }: Sight, state: State | null): boolean {
  return state !== null && (filter === null || modelPasses(filter.tree, Object.fromEntries(state)))
}

/** The rows that a view shows. */
export function rowsShown(rows: Rows, { filter, window, fields }: Sight): Map<string, RowFields> {
  const isIn = (key: string, row: RowFields) => filter === null || modelPasses(filter.tree, { ...row, key })
  return shownOf(rows, isIn, window, fields)
}

function rowsPublished({ rowsBefore, rows, isCleared, row }: ItemEvent, sight: Sight): number {
  let count = isCleared ? 1 : 0
  if (rowsBefore === rows) return count
  const [before, after] = [rowsShown(rowsBefore, sight), rowsShown(rows, sight)]
  for (const key of before.keys()) if (!after.has(key)) count++
  for (const key of after.keys()) if (!before.has(key)) count++
  if (row === null || !before.has(row.key) || !after.has(row.key)) return count
  const { changed, isAnew } = row
  const isShown = sight.fields === null ? changed.size > 0 : sight.fields.some(name => changed.has(name))
  return isAnew || isShown ? count + 1 : count
}

/** What of a state a view shows as it is: what it tells of fields with functions are their results. */
export function shownAsIs(item: ModelItem, { mode, fields }: Sight, state: State): Map<string, Value> {
  const { functions } = item.settings
  return new Map([...projected(state, fields)].filter(([name]) => mode !== 'merge' || !functions.has(name)))
}

/** Whether a view tells results of functions. */
export function hasFunctions({ settings }: ModelItem, { mode }: Sight): boolean {
  return mode === 'merge' && settings.functions.size > 0
}

/** What of a state a view shows. */
export function projected(state: State, fields: readonly string[] | null): Map<string, Value> {
  return new Map([...state].filter(([name]) => fields === null || fields.includes(name)))
}

export function isSameState(a: State, b: State): boolean {
  if (a.size !== b.size) return false
  for (const [name, value] of a) if (!b.has(name) || b.get(name) !== value) return false
  return true
}

/**
 * The truth: what items are, told slowly and obviously, from the lines that feeds sent and the order in which their homes
 * took them (taps.ts tells that order). Nothing of the product's own state is read here.
 *
 * An item is the list of its events; each event holds the whole state after it. What a client may see follows from the
 * list: a view (mode and choice of fields) is concerned by some of the events, its seq counts those.
 */

export type Value = string | null
export type State = ReadonlyMap<string, Value>

/** What a feed's line, or a publication over HTTP, said. */
export interface LineTruth {
  readonly item: string
  readonly isDeletion: boolean
  readonly isSnapshot: boolean
  /** NaN when the line had none. */
  readonly timeMs: number
  readonly fields: readonly (readonly [string, Value])[]
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
  /** After the event; null while the item is not known. */
  readonly state: State | null
  readonly isStale: boolean
}

/** What of an item a subscription sees. */
export interface Sight {
  readonly mode: 'merge' | 'raw'
  readonly fields: readonly string[] | null
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

const NOTHING: Omit<ItemEvent, 'kind' | 'state' | 'isStale'> = {
  isSnapshot: false,
  wasKnown: true,
  fields: [],
  changed: new Set(),
  hasRemoved: false,
  timeMs: Number.NaN,
}

export class ModelItem {
  readonly name: string
  readonly events: ItemEvent[] = []
  readonly sources = new Set<ModelSource>()
  state: State | null = null
  isStale = false
  touchedMs = 0
  readonly #fieldsMax: number

  constructor(name: string, fieldsMax: number) {
    this.name = name
    this.#fieldsMax = fieldsMax
  }

  apply(line: LineTruth, source: ModelSource, receivedMs: number): void {
    this.touchedMs = receivedMs
    if (line.isDeletion) {
      if (this.state === null) return
      this.state = null
      this.isStale = false
      this.#append('deleted')
      return
    }
    this.sources.add(source)
    source.items.add(this)
    this.setStale(false)
    this.#update(line)
  }

  setStale(isStale: boolean): void {
    if (this.state === null || this.isStale === isStale) return
    this.isStale = isStale
    this.#append(isStale ? 'stale' : 'fresh')
  }

  purge(): void {
    for (const source of this.sources) source.items.delete(this)
    this.sources.clear()
    this.state = null
    this.isStale = false
    this.#append('purged')
  }

  #update(line: LineTruth): void {
    const before = this.state ?? new Map<string, Value>()
    const after = new Map(before)
    const changed = new Set<string>()
    const taken: (readonly [string, Value])[] = []
    for (const [name, value] of line.fields) {
      // A snapshot replaces what there was, so it is bounded by its own line only.
      if (!after.has(name) && after.size >= this.#fieldsMax && !line.isSnapshot) continue
      taken.push([name, value])
      if (!after.has(name) || after.get(name) !== value) changed.add(name)
      after.set(name, value)
    }
    const named = new Set(line.fields.map(([name]) => name))
    const removed = line.isSnapshot ? [...before.keys()].filter(name => !named.has(name)) : []
    for (const name of removed) after.delete(name)
    const wasKnown = this.state !== null
    this.state = after
    this.events.push({
      kind: 'update',
      isSnapshot: line.isSnapshot,
      wasKnown,
      fields: taken,
      changed,
      hasRemoved: removed.length > 0,
      timeMs: line.timeMs,
      state: after,
      isStale: false,
    })
  }

  #append(kind: 'deleted' | 'purged' | 'stale' | 'fresh'): void {
    this.events.push({ ...NOTHING, kind, state: this.state, isStale: this.isStale })
  }
}

/** Whether a view counts the event: whether it is published to the view's subscribers. */
export function isPublished(event: ItemEvent, sight: Sight): boolean {
  if (event.kind !== 'update') return false
  if (!event.wasKnown) return true
  const { fields } = sight
  if (sight.mode === 'raw') {
    return fields === null || event.isSnapshot || event.fields.some(([name]) => fields.includes(name))
  }
  if (event.hasRemoved) return true
  return fields === null ? event.changed.size > 0 : fields.some(name => event.changed.has(name))
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

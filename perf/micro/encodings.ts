/**
 * What an update costs in bytes: JSON beside the terse encoding (docs/protocol.md, section 7), on the recorded market.
 * Of each item whose updates merge the changes are written as a subscriber who misses nothing gets them: first a
 * snapshot, then the fields that changed; an update that repeats what is there is none. The subscription has id 0,
 * which JSON leaves out.
 *
 *   node perf/micro/encodings.ts [--small]
 *
 * Lines with their newlines, without what a transport adds and without positions, which are alike in both. Each terse
 * line is read back and must be the record that JSON has.
 */

import { type Recording, readRecording } from '#perf/load/recording.ts'
import { readTerse, type TerseRecord, type TerseViews } from '#src/client/terse.ts'
import { beginUpdate, endUpdate, writeDefinition, writePair, writeValue } from '#src/codec/terse-stream.ts'
import { recordingPath } from '#test/support/recording.ts'

export interface EncodingResult {
  readonly name: string
  readonly updates: number
  /** Of all updates. */
  readonly bytes: number
  /** Of the lines that name the views, once each. */
  readonly definitionBytes: number
}

/** An update of the market. */
export interface MarketUpdate {
  readonly item: string
  readonly timeMs: number
  readonly fields: Readonly<Record<string, string | null>>
}

/** Kinds of the recording's items whose updates merge. */
const MERGE_PREFIXES = ['quote.', 'ticker.']
/** When the recording is said to begin: a time as long as today's. */
const START_MS = 1_626_992_742_115
const US_PER_MS = 1_000
const UPDATES_SMALL = 500
const LINE_BYTES_MAX = 65_536

/** Null where the recording is absent. */
export function run(isSmall: boolean): EncodingResult[] | null {
  const path = recordingPath()
  if (path === null) return null
  const updates = mergeUpdatesOf(readRecording(path))
  return measure(isSmall ? updates.slice(0, UPDATES_SMALL) : updates)
}

/** Each encoding without times, then with them; JSON is the first of both. */
export function measure(updates: readonly MarketUpdate[]): EncodingResult[] {
  const results: EncodingResult[] = []
  for (const hasTime of [false, true]) {
    const items = itemsOf(updates)
    const label = hasTime ? 'with time' : 'without time'
    const sinks = [
      new JsonSink(`JSON, ${label}`),
      new TerseSink(`terse, fields by place, ${label}`, true, items),
      new TerseSink(`terse, fields by name, ${label}`, false, items),
    ]
    for (const update of updates) {
      const item = items.get(update.item)!
      const record = item.apply(update, hasTime)
      if (record !== null) for (const sink of sinks) sink.write(item, record)
    }
    results.push(...sinks)
  }
  return results
}

function mergeUpdatesOf({ names, lines }: Recording): MarketUpdate[] {
  const updates: MarketUpdate[] = []
  for (const { atUs, item, fields } of lines) {
    const name = names[item]!
    if (!MERGE_PREFIXES.some(prefix => name.startsWith(prefix))) continue
    updates.push({ item: name, timeMs: START_MS + Math.round(atUs / US_PER_MS), fields })
  }
  return updates
}

/** By name, each with a number and all fields that it will ever have. */
function itemsOf(updates: readonly MarketUpdate[]): ReadonlyMap<string, MarketItem> {
  const fields = new Map<string, Set<string>>()
  for (const update of updates) {
    const names = fields.get(update.item) ?? new Set<string>()
    for (const name of Object.keys(update.fields)) names.add(name)
    fields.set(update.item, names)
  }
  return new Map([...fields].map(([name, names], number) => [name, new MarketItem(number, name, [...names])]))
}

class MarketItem {
  readonly number: number
  readonly name: string
  readonly fields: readonly string[]
  readonly #values = new Map<string, string | null>()
  #seq = 0

  constructor(number: number, name: string, fields: readonly string[]) {
    this.number = number
    this.name = name
    this.fields = fields
  }

  /** The record of what the update changes; null when that is nothing. */
  apply({ fields, timeMs }: MarketUpdate, hasTime: boolean): TerseRecord | null {
    const changed: Record<string, string | null> = {}
    for (const name of this.fields) {
      const value = fields[name]
      if (value === undefined || value === this.#values.get(name)) continue
      changed[name] = value
      this.#values.set(name, value)
    }
    if (Object.keys(changed).length === 0) return null
    const isFirst = ++this.#seq === 1
    return {
      item: this.name,
      seq: this.#seq,
      ...(isFirst ? { snapshot: true } : {}),
      ...(hasTime ? { time: timeMs } : {}),
      fields: changed,
    }
  }
}

class JsonSink implements EncodingResult {
  readonly name: string
  readonly definitionBytes = 0
  updates = 0
  bytes = 0

  constructor(name: string) {
    this.name = name
  }

  write(_item: MarketItem, record: TerseRecord): void {
    this.updates++
    this.bytes += Buffer.byteLength(JSON.stringify(record)) + 1
  }
}

class TerseSink implements EncodingResult {
  readonly name: string
  definitionBytes = 0
  updates = 0
  bytes = 0
  readonly #isByPlace: boolean
  readonly #views: TerseViews = new Map()
  readonly #out = Buffer.alloc(LINE_BYTES_MAX)

  constructor(name: string, isByPlace: boolean, items: ReadonlyMap<string, MarketItem>) {
    this.name = name
    this.#isByPlace = isByPlace
    for (const item of items.values()) this.#define(item)
  }

  write(item: MarketItem, record: TerseRecord): void {
    const out = this.#out
    const begun = beginUpdate(out, 0, item.number, record.seq!, record.snapshot === true, record.time ?? Number.NaN)
    const end = endUpdate(out, this.#writeFields(item, record.fields!, begun))
    const readBack = readTerse(out.toString('utf8', 0, end - 1), this.#views)
    if (JSON.stringify(readBack) !== JSON.stringify(record)) throw new Error(`${out.toString('utf8', 0, end)} is wrong`)
    this.updates++
    this.bytes += end
  }

  #define(item: MarketItem): void {
    const fields = this.#isByPlace ? item.fields.map(contentOf) : null
    const end = writeDefinition(this.#out, 0, item.number, 0, contentOf(item.name), fields)
    readTerse(this.#out.toString('utf8', 0, end - 1), this.#views)
    this.definitionBytes += end
  }

  #writeFields(item: MarketItem, fields: Readonly<Record<string, string | null>>, begun: number): number {
    const out = this.#out
    let at = begun
    let skipped = 0
    for (const name of item.fields) {
      const value = fields[name]
      if (value === undefined) {
        skipped++
        continue
      }
      const content = contentOf(value ?? '')
      const length = value === null ? -1 : content.length
      at = this.#isByPlace
        ? writeValue(out, at, skipped, content, 0, length)
        : writePair(out, at, prefixOf(name), content, 0, length)
      skipped = 0
    }
    return at
  }
}

/** JSON string content. */
function contentOf(text: string): Buffer {
  return Buffer.from(JSON.stringify(text).slice(1, -1))
}

function prefixOf(name: string): Buffer {
  return Buffer.from(`${JSON.stringify(name)}:"`)
}

if (import.meta.main) {
  const results = run(process.argv.includes('--small'))
  if (results === null) console.log('the recording is not here: MILLRACE_DATA names the folder of capture.ndjson.gz')
  let jsonBytes = 0
  for (const { name, updates, bytes, definitionBytes } of results ?? []) {
    if (name.startsWith('JSON')) jsonBytes = bytes
    const perUpdate = (bytes / updates).toFixed(1).padStart(6)
    const share = ((100 * bytes) / jsonBytes).toFixed(1).padStart(5)
    const totals = `${updates} updates, ${bytes} B, definitions ${definitionBytes} B`
    console.log(`${name.padEnd(38)} ${perUpdate} B an update  ${share} % of JSON  (${totals})`)
  }
}

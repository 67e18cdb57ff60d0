/**
 * What it costs to hold a filter against values: filters as dealing screens have them, and each kind of condition alone,
 * against rows of a market. Values lie in one buffer, as in the value store; a row is set before it is held, as the
 * caller of a filter has to.
 *
 *   node perf/micro/filter.ts [--small]
 *
 * Each figure is the best of many short runs, as the best of them then saw nobody else on the machine.
 */

import { Filter } from '#src/domain/filter/filter.ts'
import { FilterValues } from '#src/domain/filter/filter-values.ts'
import { parseFilter } from '#src/domain/filter/parse-filter.ts'
import { realClock } from '#src/time/clock.ts'

export interface FilterResult {
  readonly text: string
  readonly nsPerRow: number
  /** Of a round through all rows. */
  readonly passed: number
}

export const ROWS = 256
const VENUES = ['kraken', 'coinbase', 'bitstamp', 'gemini']
const FILTERS = [
  'bid > 1.1 and venue = "kraken"',
  'bid > 1.1',
  'venue = "kraken"',
  'venue < "gemini"',
  'venue in ("kraken", "gemini", "bitfinex", "bitstamp")',
  'ask > bid',
  'phase is null',
  'bid >= 1.105 and bid < 1.115 and not (venue in ("kraken", "gemini") or phase = "halted") or name = "say \\"x\\""',
]
const LIMITS = { filterLengthMax: 2_048, fieldNameBytesMax: 64 }
const REPEATS_SMALL = 2
const REPEATS = 20_000
const NS_PER_MS = 1e6

export function run(isSmall: boolean): FilterResult[] {
  const rows = Array.from({ length: ROWS }, (_, index) => new Row(index))
  const benches = FILTERS.map(text => new Bench(text, rows))
  for (const bench of benches) bench.measure()
  return benches.map(bench => bench.best(isSmall ? REPEATS_SMALL : REPEATS))
}

/** The values of one item: JSON string content in one buffer. */
class Row {
  readonly bytes: Buffer
  readonly #places = new Map<string, [offset: number, length: number]>()

  constructor(index: number) {
    const fields = {
      bid: `1.1${String(index % 100).padStart(2, '0')}10`,
      ask: `1.1${String(index % 100).padStart(2, '0')}20`,
      venue: VENUES[index % VENUES.length]!,
      name: index % 2 === 0 ? 'say "x"' : 'EUR/USD',
    }
    let text = ''
    for (const [name, value] of Object.entries(fields)) {
      const content = JSON.stringify(value).slice(1, -1)
      this.#places.set(name, [text.length, content.length])
      text += content
    }
    this.bytes = Buffer.from(text)
  }

  /** Null where the row has no such field. */
  placeOf(field: string): readonly [offset: number, length: number] {
    return this.#places.get(field) ?? [0, -1]
  }
}

class Bench {
  readonly #text: string
  readonly #filter: Filter
  readonly #values = new FilterValues()
  readonly #rows: readonly Row[]
  /** Offset and length of each field of each row. */
  readonly #places: Int32Array
  #passed = 0

  constructor(text: string, rows: readonly Row[]) {
    const filter = parseFilter(text, LIMITS)
    if (!(filter instanceof Filter)) throw new Error(filter.message)
    this.#text = text
    this.#filter = filter
    this.#rows = rows
    this.#places = Int32Array.from(rows.flatMap(row => filter.fields.flatMap(field => row.placeOf(field))))
  }

  best(repeats: number): FilterResult {
    let nsPerRow = Number.POSITIVE_INFINITY
    for (let repeat = 0; repeat < repeats; repeat++) nsPerRow = Math.min(nsPerRow, this.measure())
    return { text: this.#text, nsPerRow, passed: this.#passed }
  }

  /** One round through all rows; ns a row. */
  measure(): number {
    const rows = this.#rows
    const places = this.#places
    const values = this.#values
    const fieldCount = this.#filter.fields.length
    this.#passed = 0
    let at = 0
    const startMs = realClock.nowMs()
    for (let i = 0; i < rows.length; i++) {
      for (let place = 0; place < fieldCount; place++) {
        values.set(place, rows[i]!.bytes, places[at]!, places[at + 1]!)
        at += 2
      }
      if (this.#filter.passes(values)) this.#passed++
    }
    return ((realClock.nowMs() - startMs) * NS_PER_MS) / rows.length
  }
}

if (import.meta.main) {
  for (const { text, nsPerRow, passed } of run(process.argv.includes('--small'))) {
    console.log(`${nsPerRow.toFixed(0).padStart(5)} ns   ${String(passed).padStart(3)} of ${ROWS} pass   ${text}`)
  }
}

/**
 * What a feed's line costs on its way in: cut out of its chunk, and parsed. Lines as the recording has them, 159 B with
 * their newline, give or take a few bytes, in chunks of 64 KiB; names known, as they are but for the first line of each.
 *
 *   node perf/micro/feed-line.ts
 */

import { FeedLineParser, LINE_UPDATE } from '#src/codec/feed-line.ts'
import { LineSplitter } from '#src/codec/lines.ts'
import { NameTable } from '#src/codec/name-table.ts'
import { realClock } from '#src/time/clock.ts'

export interface MicroResult {
  readonly name: string
  readonly nsPerLine: number
  /** Made of all that was parsed, so that nothing is optimised away; the same for the same size. */
  readonly hash: number
}

const CHUNK_BYTES = 65_536
const ITEMS = 1_000
const LINES_SMALL = 1_000
const LINES = 5_000
/** Short and many, as the best of them then saw nobody else on the machine. */
const REPEATS_SMALL = 2
const REPEATS = 300

const LIMITS = { itemNameBytesMax: 256, fieldNameBytesMax: 64, fieldsMax: 128, valueBytesMax: 16_384 }

/** Each figure is the best of many, after a run of all kinds that is not counted. */
export function run(isSmall: boolean): MicroResult[] {
  const lines = isSmall ? LINES_SMALL : LINES
  const repeats = isSmall ? REPEATS_SMALL : REPEATS
  const benches = [
    new Bench('plain ASCII', lineText),
    new Bench('numbers as values', index => lineText(index).replace(/"(\d+\.?\d*)"/g, '$1')),
    new Bench('as recorded', index => lineText(index).replace(/^\{(.*?),"time":\d+/, '{"at":123.4,$1')),
    new Bench('beyond ASCII', index => lineText(index).replace('EUR', '€')),
    new Bench('with an escape', index => lineText(index).replace('EUR', '\\u0041')),
  ]
  for (const bench of benches) bench.measure(lines)
  return benches.map(bench => bench.best(lines, repeats))
}

function lineText(index: number): string {
  const number = index % ITEMS
  const item = `quote.venue.EUR-${String(number).padStart(4, '0')}`
  const [bid, ask] = [`1.${10_000 + number}`, `1.${20_000 + number}`]
  const fields = `"bid":"${bid}","bid_size":"200","ask":"${ask}","ask_size":"297","volume":"1234567.8901"`
  return `{"item":"${item}","time":${1_626_992_742_115 + index},"fields":{${fields}}}`
}

class Bench {
  readonly #name: string
  #hash = 0
  readonly #chunks: readonly Buffer[]
  readonly #splitter = new LineSplitter(65_536)
  readonly #parser = new FeedLineParser(
    LIMITS,
    new NameTable(100_000, LIMITS.itemNameBytesMax),
    new NameTable(10_000, LIMITS.fieldNameBytesMax),
  )

  constructor(name: string, textOf: (index: number) => string) {
    this.#name = name
    this.#chunks = chunksOf(textOf)
  }

  best(lines: number, repeats: number): MicroResult {
    let nsPerLine = Number.POSITIVE_INFINITY
    for (let repeat = 0; repeat < repeats; repeat++) nsPerLine = Math.min(nsPerLine, this.measure(lines))
    return { name: this.#name, nsPerLine, hash: this.#hash }
  }

  /** Parses at least so many lines; returns what one took, in ns. */
  measure(linesWanted: number): number {
    let lines = 0
    const startMs = realClock.nowMs()
    while (lines < linesWanted) for (const chunk of this.#chunks) lines += this.#parse(chunk)
    return ((realClock.nowMs() - startMs) * 1e6) / lines
  }

  #parse(chunk: Buffer): number {
    const splitter = this.#splitter
    const parser = this.#parser
    let lines = 0
    splitter.push(chunk)
    while (splitter.next()) {
      if (parser.parse(splitter.bytes, splitter.start, splitter.end) !== LINE_UPDATE)
        throw new Error(parser.errorMessage)
      this.#hash = (Math.imul(this.#hash, 31) + parser.itemId + parser.valueLengths[parser.fieldCount - 1]!) | 0
      lines++
    }
    return lines
  }
}

/** The texts one after another, cut as a socket cuts them. */
function chunksOf(textOf: (index: number) => string): Buffer[] {
  let text = ''
  for (let index = 0; index < ITEMS; index++) text += `${textOf(index)}\n`
  const bytes = Buffer.from(text)
  const chunks: Buffer[] = []
  for (let start = 0; start < bytes.length; start += CHUNK_BYTES) {
    chunks.push(Buffer.from(bytes.subarray(start, start + CHUNK_BYTES)))
  }
  return chunks
}

if (import.meta.main) {
  for (const { name, nsPerLine, hash } of run(false)) {
    console.log(`${name.padEnd(20)} ${nsPerLine.toFixed(0).padStart(6)} ns a line   (${hash})`)
  }
}

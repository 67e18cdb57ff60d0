/**
 * `millrace watch`: a client of GET /stream in NDJSON. A table on a terminal, else one line a record.
 *
 * Invariants (test/rules.md, N):
 *  - A lost stream is opened again after a delay that doubles up to RETRY_MS_MAX, with full jitter; after a record it
 *    begins small again. A refusal that asking again cannot change (4xx) ends the command.
 *  - Memory is bounded: a record longer than RECORD_BYTES_MAX ends the stream, and what standard output does not take is
 *    not read from the server.
 */

import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { LineSplitter } from '#src/codec/lines.ts'
import type { LoadedCommand } from '#src/config/load.ts'
import { type RandomSource, SeededRandom } from '#src/domain/random.ts'
import { ProgramError } from '#src/errors.ts'
import { printable } from '#src/printable.ts'
import { type Clock, realClock } from '#src/time/clock.ts'
import { sleep } from '#src/time/real-timers.ts'
import { hostText, reachableHost } from './addresses.ts'
import { listenForStop } from './signals.ts'
import { tell } from './terminal.ts'
import { type StreamRecord, WatchTable } from './watch-table.ts'

const RECORD_BYTES_MAX = 16_777_216
const REFUSAL_BYTES_MAX = 65_536
const RETRY_MS_MIN = 250
const RETRY_MS_MAX = 10_000
/** Longer than three keepalives at their default: a stream silent for so long is dead. */
const SILENCE_MS_MAX = 50_000
const DRAW_INTERVAL_MS = 100

/** Where records go. */
interface RecordOutput {
  /** One line of the stream and what it says. Resolves when the next may come. */
  take(line: string, record: StreamRecord): Promise<void> | void
  /** Something about the connection, for people. */
  note(text: string): void
  close(): void
}

/** Why a stream ended, and how long the server asks to stay away. */
interface StreamEnd {
  readonly reason: string
  readonly retryMs: number
}

/** Runs until it is stopped, or has seen --count records; returns the exit code. */
export async function watch(loaded: LoadedCommand<'watch'>): Promise<number> {
  const stop = listenForStop()
  const items = loaded.operands.flatMap(operand => operand.split(','))
  const fields = loaded.options.fields === '' ? [] : loaded.options.fields.split(',')
  const isTable = process.stdout.isTTY === true && !loaded.options.json
  const output = isTable
    ? new TableOutput(new WatchTable(items, fields, loaded.options.sort), realClock, stop.signal)
    : new LineOutput(loaded.options.json)
  const random = new SeededRandom(randomInt(2 ** 31))
  const watcher = new Watcher(streamUrl(loaded, items), output, random, stop.signal, loaded.options.count)
  try {
    await watcher.run()
  } finally {
    output.close()
  }
  return 0
}

/** The address of the stream: every name is escaped by itself, as the commas between them are not part of a name. */
export function streamUrl({ options, config }: LoadedCommand<'watch'>, items: readonly string[]): URL {
  const base =
    options.url === '' ? `http://${hostText(reachableHost(config.httpHost))}:${config.httpPort}/` : options.url
  const { fields, maxFrequency, mode, filter, sort, rows } = options
  const escaped = (names: readonly string[]): string => names.map(encodeURIComponent).join(',')
  const query = [`items=${escaped(items)}`]
  if (fields !== '') query.push(`fields=${escaped(fields.split(','))}`)
  if (maxFrequency > 0) query.push(`maxFrequency=${maxFrequency}`)
  if (mode !== 'merge') query.push(`mode=${mode}`)
  if (filter !== '') query.push(`filter=${escaped([filter])}`)
  if (sort !== '') query.push(`sort=${escaped([sort])}`)
  if (rows > 0) query.push(`count=${rows}`)
  return new URL(`stream?${query.join('&')}`, base.endsWith('/') ? base : `${base}/`)
}

/** Opens the stream, and again, until it is told to stop. */
class Watcher {
  readonly #url: URL
  readonly #output: RecordOutput
  readonly #random: RandomSource
  readonly #signal: AbortSignal
  readonly #countMax: number
  #recordsCount = 0
  #failuresCount = 0

  constructor(url: URL, output: RecordOutput, random: RandomSource, signal: AbortSignal, countMax: number) {
    this.#url = url
    this.#output = output
    this.#random = random
    this.#signal = signal
    this.#countMax = countMax
  }

  async run(): Promise<void> {
    while (!this.#isDone()) {
      const { reason, retryMs } = await this.#stream()
      if (this.#isDone()) return
      const boundMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** this.#failuresCount)
      this.#failuresCount = Math.min(this.#failuresCount + 1, 16)
      const delayMs = Math.round(Math.min(retryMs, RETRY_MS_MAX) + this.#random.next() * boundMs)
      this.#output.note(`${reason}; again in ${(delayMs / 1_000).toFixed(1)} s`)
      await sleep(delayMs, this.#signal)
    }
  }

  #isDone(): boolean {
    return this.#signal.aborted || (this.#countMax > 0 && this.#recordsCount >= this.#countMax)
  }

  /** One connection, from its start to its end. */
  async #stream(): Promise<StreamEnd> {
    try {
      const response = await this.#open()
      if (response.statusCode !== 200) return await this.#refused(response)
      this.#output.note(`connected to ${this.#url.host}`)
      return await this.#read(response)
    } catch (error) {
      if (error instanceof ProgramError) throw error
      const { code, message } = error as NodeJS.ErrnoException
      return { reason: `${this.#url.host}: ${message === '' || code === 'ECONNREFUSED' ? code : message}`, retryMs: 0 }
    }
  }

  #open(): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const options = { headers: { accept: 'application/x-ndjson' }, agent: false as const, signal: this.#signal }
    const request = get(this.#url, { ...options, timeout: SILENCE_MS_MAX }, resolve)
    request.on('timeout', () => request.destroy(new Error('the server is silent')))
    request.on('error', reject)
    return promise
  }

  /** Records until the stream ends, or is ended here. */
  async #read(response: IncomingMessage): Promise<StreamEnd> {
    const splitter = new LineSplitter(RECORD_BYTES_MAX)
    for await (const chunk of response) {
      splitter.push(chunk)
      while (splitter.next()) {
        if (splitter.isTooLong) throw new Error(`a record is longer than ${RECORD_BYTES_MAX} bytes`)
        const line = splitter.bytes.toString('utf8', splitter.start, splitter.end).trimEnd()
        // An empty line is the server's sign of life.
        if (line === '') continue
        const record = parseRecord(line)
        if (record.closing !== undefined) {
          const { code, message, retryMs = 0 } = record.closing
          return { reason: `the server ends the stream: ${code}: ${message}`, retryMs }
        }
        this.#failuresCount = 0
        if (record.error !== undefined) {
          return {
            reason: `the server ends the subscription: ${record.error.code}: ${record.error.message}`,
            retryMs: 0,
          }
        }
        // What is told of the session itself is nothing to show.
        if (record.item === undefined) continue
        this.#recordsCount++
        await this.#output.take(line, record)
        if (this.#isDone()) return { reason: 'enough', retryMs: 0 }
      }
    }
    return { reason: 'the stream ended', retryMs: 0 }
  }

  /** An answer that is no stream: worth another try, or the end of the command. */
  async #refused(response: IncomingMessage): Promise<StreamEnd> {
    const status = response.statusCode ?? 0
    const parts: Buffer[] = []
    let length = 0
    for await (const chunk of response) {
      length += chunk.length
      if (length > REFUSAL_BYTES_MAX) break
      parts.push(chunk)
    }
    const reason = `${this.#url.host} answers ${status}: ${refusalText(Buffer.concat(parts).toString('utf8'))}`
    const isForGood = status < 500 && status !== 408 && status !== 429
    if (isForGood) throw new ProgramError('CONNECT_FAILED', reason)
    const retryAfterS = Number(response.headers['retry-after'] ?? 0)
    return { reason, retryMs: Number.isFinite(retryAfterS) ? Math.max(0, retryAfterS * 1_000) : 0 }
  }
}

function parseRecord(line: string): StreamRecord {
  let record: unknown
  try {
    record = JSON.parse(line)
  } catch {
    throw new Error(`the server sent no JSON: ${printable(line, 60)}`)
  }
  if (typeof record !== 'object' || record === null)
    throw new Error(`the server sent no record: ${printable(line, 60)}`)
  return record as StreamRecord
}

/** The code and message of a JSON error, or the body's beginning. */
function refusalText(body: string): string {
  try {
    const { code, message } = JSON.parse(body).error
    return printable(`${code}: ${message}`, 500)
  } catch {
    return printable(body.trim(), 200)
  }
}

/** One line a record on standard output; notes go to stderr. */
class LineOutput implements RecordOutput {
  readonly #isJson: boolean

  constructor(isJson: boolean) {
    this.#isJson = isJson
  }

  async take(line: string, record: StreamRecord): Promise<void> {
    const isTaken = process.stdout.write(`${this.#isJson ? line : recordText(record)}\n`)
    if (!isTaken) await once(process.stdout, 'drain')
  }

  note(text: string): void {
    tell(process.stderr, text)
  }

  close(): void {}
}

/** A record for people, in one line: `sim.quote.EURUSD #12 bid=1.08742 ask=1.08744`, `book.A #7 ADD bid:1.1 size=5`. */
export function recordText(record: StreamRecord): string {
  const parts = [printable(String(record.item ?? '?'))]
  if (record.seq !== undefined) parts.push(`#${record.seq}`)
  if (record.command !== undefined) parts.push(`${printable(record.command)} ${valueText(record.key ?? null)}`)
  if (record.snapshot === true) parts.push('snapshot')
  if (record.stale !== undefined) parts.push(record.stale ? 'stale' : 'fresh')
  if (record.deleted === true) parts.push('deleted')
  if (record.lost !== undefined) parts.push(`lost ${record.lost}`)
  if (record.out === true) parts.push('out')
  if (record.cleared === true) parts.push('cleared')
  if (record.snapshotEnd === true) parts.push('snapshot end')
  for (const [field, value] of Object.entries(record.fields ?? {})) {
    parts.push(`${printable(field)}=${valueText(value)}`)
  }
  return parts.join(' ')
}

/** Quoted where it could be taken for something else. */
function valueText(value: string | null): string {
  const text = value === null ? 'null' : /^[^\s"=]+$/.test(value) && value !== 'null' ? value : JSON.stringify(value)
  return printable(text, 1_000)
}

/** The table on the terminal's other screen, drawn at most ten times a second and only when it would differ. */
class TableOutput implements RecordOutput {
  readonly #table: WatchTable
  readonly #clock: Clock
  #note = 'connecting'
  #isNoteNew = true
  #isClosed = false

  constructor(table: WatchTable, clock: Clock, signal: AbortSignal) {
    this.#table = table
    this.#clock = clock
    process.stdout.write('\u001b[?1049h\u001b[?25l')
    // A second signal ends the process at once; the terminal is given back even so.
    process.once('exit', () => this.close())
    void this.#drawWhileOpen(signal)
  }

  take(_line: string, record: StreamRecord): void {
    this.#table.apply(record, this.#clock.nowMs())
  }

  note(text: string): void {
    this.#note = text
    this.#isNoteNew = true
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    process.stdout.write('\u001b[?25h\u001b[?1049l')
  }

  async #drawWhileOpen(signal: AbortSignal): Promise<void> {
    let drawnMs = Number.NEGATIVE_INFINITY
    let size = ''
    while (!this.#isClosed && !signal.aborted) {
      const nowMs = this.#clock.nowMs()
      const { columns = 80, rows = 24 } = process.stdout
      const isResized = size !== `${columns}x${rows}`
      // A terminal that does not take the last drawing gets no further one.
      const isTaken = !process.stdout.writableNeedDrain
      if (isTaken && (isResized || this.#isNoteNew || this.#table.isChangedSince(drawnMs))) {
        size = `${columns}x${rows}`
        drawnMs = nowMs
        this.#isNoteNew = false
        this.#draw(columns, rows, nowMs)
      }
      await sleep(DRAW_INTERVAL_MS, signal)
    }
  }

  #draw(columns: number, rows: number, nowMs: number): void {
    const lines = [printable(`millrace watch: ${this.#note}`, columns), ...this.#table.render(columns, rows - 1, nowMs)]
    process.stdout.write(`\u001b[H${lines.map(line => `${line}\u001b[K`).join('\r\n')}\u001b[J`)
  }
}

/**
 * A client that reads what it gets, as an application would: it keeps the value of every item, and finds out what is
 * wrong: a record that is no JSON, a seq that does not grow, in raw mode one that is left out without a word, a stream
 * that ends, values that are not the feed's last ones. A few of them run beside the load.
 */

import { FILTERS, type Workload } from '#perf/workload.ts'
import { openFullStream } from './full-stream.ts'
import { FullTables, type RowRecord } from './full-tables.ts'

interface StreamRecord extends Partial<RowRecord> {
  readonly snapshot?: boolean
  readonly out?: boolean
  readonly lost?: number
  readonly stale?: boolean
  readonly closing?: { readonly code: string }
}

/** One or the other. */
interface Truth {
  readonly item: string
  readonly fields?: Readonly<Record<string, string | null>>
  readonly rows?: Readonly<Record<string, Readonly<Record<string, string | null>>>>
}

interface Held {
  seq: number
  /** Updates that the server has said it left out since. */
  lost: number
  fields: Record<string, string | null>
}

/** Kept of one client: the first tell what the others follow from. */
const FAULTS_MAX = 3
const SHOWN_LENGTH_MAX = 200
const DATA = 'data: '

export class FullClient {
  readonly #faults: string[] = []
  readonly #items = new Map<string, Held>()
  readonly #workload: Workload
  readonly #names: readonly string[]
  readonly #number: number
  /** Where its items are tables. */
  readonly #tables: FullTables | null
  #received = 0
  #rest = ''
  #isClosed = false
  #stop: () => void = () => {}

  /** `number`: as those of load clients. */
  constructor(workload: Workload, names: readonly string[], number: number) {
    this.#workload = workload
    this.#names = names
    this.#number = number
    this.#tables = workload.mode === 'command' ? new FullTables(workload, number) : null
  }

  /** Updates that it has read. */
  get received(): number {
    return this.#received
  }

  open(port: number): Promise<void> {
    const sink = { onText: (text: string) => this.#onText(text), onEnd: () => this.#onEnd() }
    const stream = openFullStream(port, this.#workload, this.#names, this.#number, sink)
    this.#stop = () => stream.close()
    return stream.opened
  }

  close(): void {
    this.#isClosed = true
    this.#stop()
  }

  /** `truth`: lines of items with all their fields, or their rows. */
  isAt(truth: readonly string[]): boolean {
    return this.#differenceTo(truth) === null
  }

  /** What was wrong on the way, and that it has not ended on the truth. */
  faultsAt(truth: readonly string[]): string[] {
    const difference = this.#differenceTo(truth)
    return difference === null ? this.#faults : [...this.#faults, difference]
  }

  #differenceTo(truth: readonly string[]): string | null {
    for (const line of truth) {
      const { item, fields = {}, rows = {} } = JSON.parse(line) as Truth
      if (!this.#names.includes(item)) continue
      const difference = this.#tables?.differenceTo(item, rows) ?? null
      if (difference !== null) return difference
      if (this.#tables !== null) continue
      const held = this.#items.get(item)
      if (!FILTERS[this.#workload.filter].passes(fields)) {
        if (held !== undefined) return `${item} is there, and does not pass the filter`
        continue
      }
      for (const [name, value] of Object.entries(fields)) {
        if (held?.fields[name] !== value) return `${item}.${name} ended as ${held?.fields[name]}, not ${value}`
      }
    }
    return null
  }

  #onText(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop()!
    for (const line of lines) this.#onLine(line)
  }

  #onLine(line: string): void {
    const isSse = this.#workload.transport === 'sse'
    // What else SSE says (ids, comments) is not looked at; an empty line is a sign of life.
    if (line === '' || (isSse && !line.startsWith(DATA))) return
    const record = parsed(isSse ? line.slice(DATA.length) : line)
    if (record === null) this.#fault(`no record: ${line.slice(0, SHOWN_LENGTH_MAX)}`)
    else this.#onRecord(record)
  }

  #onRecord(record: StreamRecord): void {
    const { item, seq, fields, snapshot, out, lost, stale, closing } = record
    if (closing !== undefined) this.#fault(`a stream was ended: ${closing.code}`)
    if (stale === true) this.#fault(`${item} is stale, and its feed is there`)
    if (item === undefined) return
    if (this.#tables !== null) {
      this.#onRow(this.#tables, { ...record, item })
      return
    }
    if (out === true) this.#items.delete(item)
    const held = this.#items.get(item)
    if (lost !== undefined && held !== undefined) held.lost += lost
    if (seq === undefined || fields === undefined) return
    this.#received++
    if (held === undefined) {
      this.#items.set(item, { seq, lost: 0, fields: { ...fields } })
      return
    }
    const isGap = this.#isWhole && seq !== held.seq + held.lost + 1 && snapshot !== true
    if (seq <= held.seq || isGap) this.#fault(`${item}: seq ${seq} after ${held.seq}`)
    held.seq = seq
    held.lost = 0
    held.fields = snapshot === true ? { ...fields } : Object.assign(held.fields, fields)
  }

  /** Whether each update comes, or is told as lost. */
  get #isWhole(): boolean {
    return this.#workload.mode === 'raw' || this.#workload.mode === 'distinct'
  }

  #onRow(tables: FullTables, record: RowRecord): void {
    if (record.command !== undefined) this.#received++
    const fault = tables.take(record)
    if (fault !== null) this.#fault(fault)
  }

  #onEnd(): void {
    if (!this.#isClosed) this.#fault('a stream ended')
  }

  #fault(text: string): void {
    if (this.#faults.length < FAULTS_MAX) this.#faults.push(text)
  }
}

function parsed(text: string): StreamRecord | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : null
  } catch {
    return null
  }
}

/**
 * What comes in: lines become records, data and events are held until their flush is whole, and then handed over at once.
 * A flush that was cut off is never seen, and comes again on the next stream.
 *
 * Invariants (test/rules.md, CL):
 *  - `position` is that of the last flush that was handled whole.
 *  - A flush whose position is not behind that is a repetition, and is dropped.
 */

import { MillraceError } from './errors.ts'
import { type FlushRecord, lineReader, type ReadLine, type ServerRecord } from './records.ts'

/** Records of one flush: beyond any server's. */
const FLUSH_RECORDS_MAX = 1_000_000

export class Inbox {
  readonly #handle: (records: readonly FlushRecord[]) => void
  #readLine: ReadLine = lineReader()
  #position = 0
  #flush: FlushRecord[] = []

  constructor(handle: (records: readonly FlushRecord[]) => void) {
    this.#handle = handle
  }

  get position(): number {
    return this.#position
  }

  /** The session begins, or begins anew, at this position. */
  begin(position: number): void {
    this.#position = position
    this.#readLine = lineReader()
  }

  /** The stream is gone, and with it what was left of its last flush. */
  cut(): void {
    this.#flush = []
  }

  /** Null for a line that says nothing. Throws RECORD_INVALID. */
  read(line: string): ServerRecord | null {
    return this.#readLine(line)
  }

  /** Throws RECORD_INVALID when the flush does not end. */
  hold(record: FlushRecord): void {
    if (this.#flush.length >= FLUSH_RECORDS_MAX) throw new MillraceError('RECORD_INVALID', 'a flush without an end')
    this.#flush.push(record)
  }

  /** The flush is whole. True when it was a new one. */
  flushed(position: number): boolean {
    const records = this.#flush
    this.#flush = []
    if (position <= this.#position) return false
    this.#handle(records)
    this.#position = position
    return true
  }
}

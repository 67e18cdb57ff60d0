/**
 * What the floor writes, and when: the bytes that Millrace would write for the same workload as NDJSON over HTTP, at the
 * same times. Pure functions of the workload, so that nothing of it is work while updates are written but putting a text
 * together once for all who get it.
 *
 * A write goes to a *channel*, a set of readers that get the same bytes:
 *  - maxDelay 0: a channel is an item, and a write is one update of it, at its due time;
 *  - otherwise it is one of PHASES groups of clients, and a write is all that a client of it is due in one maxDelay (in
 *    merge mode at most one update of each of its items). Which items those are is not what they asked for: clients of
 *    a phase share one buffer, as no work is to be done for any of them alone.
 */

import { MARKER, STAMP_DIGITS } from '#perf/load/stamp.ts'
import { lineOf, type Workload } from '#perf/workload.ts'

export interface FloorWrite {
  readonly channel: number
  /** How many writes the channel has had before. */
  readonly round: number
  readonly dueUs: number
}

/** As many as the batch stage spreads the sessions of one interval over. */
const PHASES = 8
/** Different values that each item goes through, as the feed's. */
const VARIANTS = 8
const US_PER_MS = 1_000
const US_PER_SECOND = 1_000_000
const FIELDS = ',"fields":'

/** A record's text around what changes with each update: its seq and its stamp. */
interface Template {
  readonly beforeSeq: string
  readonly beforeStamp: string
  readonly end: string
}

export class FloorSchedule {
  readonly channels: number
  readonly isBatched: boolean
  readonly #workload: Workload
  readonly #startUs: number
  readonly #periodUs: number
  readonly #recordsPerWrite: number
  readonly #templates: readonly (readonly Template[])[]

  constructor(workload: Workload, startUs: number) {
    const { items, itemsPerClient, ratePerItem, maxDelayMs, mode } = workload
    const due = (itemsPerClient * ratePerItem * maxDelayMs) / 1_000
    this.isBatched = maxDelayMs > 0
    this.channels = this.isBatched ? PHASES : items
    this.#workload = workload
    this.#startUs = startUs
    this.#periodUs = this.isBatched ? maxDelayMs * US_PER_MS : US_PER_SECOND / ratePerItem
    this.#recordsPerWrite = mode === 'merge' ? Math.min(due, itemsPerClient) : due
    this.#templates = Array.from({ length: items }, (_, item) => {
      return Array.from({ length: VARIANTS }, (_, variant) => templateOf(lineOf(workload, item, variant)))
    })
  }

  /** Writes have numbers from 0 on, in the order of their due times. */
  at(number: number): FloorWrite {
    const { channels } = this
    const dueUs = Math.floor(this.#startUs + (number * this.#periodUs) / channels)
    return { channel: number % channels, round: Math.floor(number / channels), dueUs }
  }

  /** The chunk of a write; null where nothing is due by then. */
  chunk(write: FloorWrite): Buffer | null {
    const records = this.isBatched ? this.#recordsUntil(write) : this.#record(write.channel, write.round, write.dueUs)
    if (records === '') return null
    return Buffer.from(`${records.length.toString(16)}\r\n${records}\r\n`, 'latin1')
  }

  /** Those of one interval, due evenly spread over it. */
  #recordsUntil({ round, dueUs }: FloorWrite): string {
    const first = Math.floor(round * this.#recordsPerWrite)
    const count = Math.floor((round + 1) * this.#recordsPerWrite) - first
    const { items } = this.#workload
    let records = ''
    for (let i = 0; i < count; i++) {
      const number = first + i
      const stampUs = dueUs - (this.#periodUs * (count - i - 0.5)) / count
      records += this.#record(number % items, Math.floor(number / items), stampUs)
    }
    return records
  }

  #record(item: number, round: number, stampUs: number): string {
    const { beforeSeq, beforeStamp, end } = this.#templates[item]![round % VARIANTS]!
    return `${beforeSeq}${round + 1}${beforeStamp}${String(Math.floor(stampUs)).padStart(STAMP_DIGITS, '0')}${end}`
  }
}

function templateOf(line: string): Template {
  const fieldsAt = line.indexOf(FIELDS)
  const stampAt = line.indexOf(MARKER) + MARKER.length
  return {
    beforeSeq: `${line.slice(0, fieldsAt)},"seq":`,
    beforeStamp: line.slice(fieldsAt, stampAt),
    end: `${line.slice(stampAt + STAMP_DIGITS)}\n`,
  }
}

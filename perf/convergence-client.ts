/**
 * A client of the convergence run: applies every record to a state of its own, counts the gaps in seq (what was
 * conflated), and notes how old values are when they are read.
 */

import { StreamClient, type StreamRecord } from '#test/support/stream-client.ts'

export type Pace = 'fast' | 'slow' | 'stalled'

/** What a slow client takes at once; it then rests for as long as that takes at its rate. */
const SLOW_READ_BYTES = 4_096

export interface ClientPlan {
  readonly port: number
  readonly items: readonly string[]
  readonly encoding: 'sse' | 'ndjson'
  readonly pace: Pace
  readonly slowBytesPerSecond: number
}

export class ConvergenceClient {
  readonly pace: Pace
  readonly encoding: 'sse' | 'ndjson'
  readonly state = new Map<string, Record<string, string | null>>()
  records = 0
  conflated = 0
  problem: string | null = null
  isOpen = false
  /** Of the first record read after the stall: it may have lain in the kernel. */
  firstReadAgeMs: number | null = null
  /** Of the first record that was sent to the server after the reading went on. */
  firstFreshAgeMs: number | null = null
  readonly #stream: StreamClient
  readonly #seqs = new Map<string, number>()
  #resumedMs = Number.POSITIVE_INFINITY

  constructor(plan: ClientPlan) {
    this.pace = plan.pace
    this.encoding = plan.encoding
    const isSlow = plan.pace === 'slow'
    this.#stream = new StreamClient({
      port: plan.port,
      target: `/stream?items=${plan.items.map(encodeURIComponent).join(',')}`,
      encoding: plan.encoding,
      ...(isSlow ? { readBytes: SLOW_READ_BYTES } : {}),
      onRead: length => {
        if (isSlow) this.#rest((length / plan.slowBytesPerSecond) * 1_000)
      },
      onHead: status => {
        this.isOpen = status === 200
        if (!this.isOpen) this.problem ??= `status ${status}`
      },
      onRecord: record => this.#apply(record),
      onClose: () => {
        this.isOpen = false
      },
    })
  }

  get bytes(): number {
    return this.#stream.bytes
  }

  stall(): void {
    this.#stream.pause()
  }

  resume(): void {
    this.#resumedMs = Date.now()
    this.#stream.resume()
  }

  destroy(): void {
    this.#stream.destroy()
  }

  #rest(ms: number): void {
    this.#stream.pause()
    setTimeout(() => this.#stream.resume(), ms)
  }

  #apply(record: StreamRecord): void {
    const { item, seq, fields, snapshot, time } = record
    if (item === undefined || seq === undefined || fields === undefined) {
      this.problem ??= `unexpected record: ${JSON.stringify(record)}`
      return
    }
    const before = this.#seqs.get(item)
    if (before !== undefined) {
      if (seq <= before) this.problem ??= `seq ${seq} of ${item} behind ${before}`
      this.conflated += seq - before - 1
    } else if (snapshot !== true) {
      this.problem ??= `${item} begins without a snapshot`
    }
    this.#seqs.set(item, seq)
    this.records++
    if (snapshot === true) this.state.set(item, { ...fields })
    else Object.assign(this.state.get(item)!, fields)
    if (this.#resumedMs !== Number.POSITIVE_INFINITY && this.firstFreshAgeMs === null) this.#noteAge(time!)
  }

  #noteAge(sentMs: number): void {
    const ageMs = Date.now() - sentMs
    this.firstReadAgeMs ??= ageMs
    if (sentMs > this.#resumedMs) this.firstFreshAgeMs = ageMs
  }
}

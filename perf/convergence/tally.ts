/**
 * What a client of the convergence run counts, and the first finding of each kind, with what stands around it: which client,
 * on which of its streams.
 */

import type { SessionRecord } from '#test/support/session-stream.ts'
import type { ClientPlan } from './plan.ts'

/** What must not be: see knowledge.ts, and the judge of each mode. */
export type Finding = 'order' | 'state' | 'raw' | 'distinct' | 'table' | 'duplicate'

export class Tally {
  readonly findings = new Map<Finding, string>()
  /** Updates, and rows. */
  records = 0
  /** Of what conflates: the gaps of seq. */
  conflated = 0
  /** Of what does not: as `lost` told. */
  lost = 0
  duplicates = 0
  /** The number of the stream at hand, and whether it goes on behind the position that it was asked for. */
  stream = 0
  isRecovered = false
  readonly #plan: ClientPlan
  /** How the stream at hand began. */
  #begin = ''

  constructor(plan: ClientPlan) {
    this.#plan = plan
  }

  /** A stream begins; `begin` says how, for findings. */
  open(begin: string): void {
    this.stream++
    this.#begin = begin
    this.isRecovered = false
  }

  find(kind: Finding, what: string): void {
    if (this.findings.has(kind)) return
    const { index, pace, mode } = this.#plan
    this.findings.set(kind, `client ${index}, ${pace} ${mode}, stream ${this.stream} ${this.#begin}: ${what}`)
  }

  /** A record whose seq is not behind `seq`, which stream number `stream` had brought. */
  comesAgain(record: SessionRecord, seq: number, stream: number): void {
    if (this.isRecovered && stream < this.stream) this.repeats(record, seq)
    else this.find('order', `seq ${seq} of ${record.item}, then ${JSON.stringify(record)}`)
  }

  repeats(record: SessionRecord, seq: number): void {
    this.duplicates++
    this.find('duplicate', `seq ${seq} stood here, then ${JSON.stringify(record)}`)
  }
}

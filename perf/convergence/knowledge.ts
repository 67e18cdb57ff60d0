/**
 * What a client of the convergence run has handled, and the check of every record against it.
 *
 * Records count when their flush is whole: `commit` applies them, and the position behind them is what the client resumes
 * with; what is behind it when a stream goes is given up (`discard`). So whoever is told that it was recovered is owed
 * nothing that is here already, and everything that is not.
 *
 * Checked, the first finding of each kind kept with what stands around it:
 *  - order: each item begins with a snapshot, its seq grows, its time never goes back, positions grow, `subscribed` comes once;
 *  - state: at each seq the item has exactly the fields that the recording gives it there, so that nothing is left out;
 *  - raw: each seq is the one behind the last, with the fields of that line of the recording; a gap is told as `lost`, and
 *    the snapshot behind it stands at its end;
 *  - duplicates: no seq of an item, on a stream that was recovered, up to the one that stood here when the stream began.
 */

import type { Resume, SessionRecord } from '#test/support/session-stream.ts'
import type { Fields } from '#test/support/stream-model.ts'
import type { ClientPlan } from './plan.ts'
import type { Recorded } from './recorded.ts'

interface ItemState {
  seq: number
  time: number
  fields: Fields
  /** The stream that brought it. */
  stream: number
}

export type Finding = 'order' | 'state' | 'raw' | 'duplicate'

export class Knowledge {
  readonly items = new Map<string, ItemState>()
  readonly findings = new Map<Finding, string>()
  records = 0
  /** Merge: the gaps of seq. */
  conflated = 0
  /** Raw: as `lost` told. */
  lost = 0
  duplicates = 0
  readonly #plan: ClientPlan
  readonly #recorded: Recorded
  #resume: Resume | null = null
  #isSubscribed = false
  #pending: SessionRecord[] = []
  /** By item: told as lost, the snapshot behind it is still to come. */
  readonly #lost = new Map<string, number>()
  #stream = 0
  /** Of the stream: how it began, for findings. */
  #begin = ''
  #isRecovered = false

  constructor(plan: ClientPlan, recorded: Recorded) {
    this.#plan = plan
    this.#recorded = recorded
  }

  /** What the client resumes with; null: it has no session yet. */
  get resume(): Resume | null {
    return this.#resume
  }

  /** A stream begins; `begin` says how, for findings. */
  open(begin: string): void {
    this.#stream++
    this.#begin = begin
    this.#isRecovered = false
  }

  /** The stream goes on behind the position that it was asked for; `welcome`: what says so, null where nothing does. */
  recover(welcome: SessionRecord | null): void {
    this.#isRecovered = true
    if (welcome === null || this.#resume === null) return
    const { session, position } = this.#resume
    if (welcome.session !== session || welcome.position !== position) this.#find('order', JSON.stringify(welcome))
  }

  /** The stream begins a session, or begins one anew. */
  beginAnew({ session, position }: SessionRecord): void {
    this.#resume = { session: session!, position: position! }
    this.items.clear()
    this.#lost.clear()
    this.#isSubscribed = false
  }

  take(record: SessionRecord): void {
    this.#pending.push(record)
  }

  commit(position: number, session: string | null): void {
    if (this.#resume === null || (session !== null && session !== this.#resume.session)) {
      this.#find('order', `position ${position} of ${session ?? 'no session'}, in that of ${this.#resume?.session}`)
      return
    }
    // A poll that had nothing to tell is answered with the position of before.
    if (position < this.#resume.position || (position === this.#resume.position && this.#pending.length > 0))
      this.#find('order', `position ${position} behind ${this.#resume.position}`)
    for (const record of this.#pending) this.#apply(record)
    this.#pending = []
    this.#resume = { session: this.#resume.session, position }
  }

  /** The stream is gone: what had no position is given up, but must have been new all the same. */
  discard(): void {
    for (const record of this.#pending) {
      const before = record.item === undefined ? undefined : this.items.get(record.item)
      if (this.#isRecovered && before !== undefined && (record.seq ?? before.seq + 1) <= before.seq) {
        this.#duplicate(record, before)
      }
    }
    this.#pending = []
  }

  #apply(record: SessionRecord): void {
    const { item, seq, fields, lost, subscribed } = record
    if (item !== undefined && seq !== undefined && fields !== undefined) this.#update(record, item, seq, fields)
    else if (item !== undefined && lost !== undefined) this.#loses(item, lost)
    else if (subscribed === undefined) this.#find('order', `an unexpected record: ${JSON.stringify(record)}`)
    else if (this.#isSubscribed) this.#find('order', 'subscribed comes again')
    else this.#isSubscribed = true
  }

  #loses(item: string, lost: number): void {
    if (this.#plan.mode !== 'raw' || this.#lost.has(item) || lost <= 0) this.#find('raw', `lost ${lost} of ${item}`)
    this.#lost.set(item, lost)
    this.lost += lost
  }

  #update(record: SessionRecord, item: string, seq: number, fields: Readonly<Fields>): void {
    const { snapshot = false, time = 0 } = record as SessionRecord & { readonly time?: number }
    const before = this.items.get(item)
    this.records++
    if (before === undefined) {
      if (!snapshot) this.#find('order', `${item} begins without a snapshot: ${JSON.stringify(record)}`)
      this.#lost.delete(item)
      this.items.set(item, { seq, time, fields: { ...fields }, stream: this.#stream })
      this.#checkState(record, fields)
      return
    }
    if (seq <= before.seq) {
      if (this.#isRecovered && before.stream < this.#stream) this.#duplicate(record, before)
      else this.#find('order', `seq ${before.seq} of ${item}, then ${JSON.stringify(record)}`)
    } else if (this.#plan.mode === 'raw') this.#checkRaw(record, item, before)
    else this.conflated += seq - before.seq - 1
    if (time < before.time) this.#find('order', `time ${before.time} of ${item}, then ${JSON.stringify(record)}`)
    before.seq = seq
    before.time = time
    before.stream = this.#stream
    if (snapshot) before.fields = { ...fields }
    else Object.assign(before.fields, fields)
    this.#checkState(record, before.fields)
  }

  #checkState(record: SessionRecord, fields: Readonly<Fields>): void {
    const expected = this.#recorded.stateAt(this.#plan.mode, record.item!, record.seq!)
    if (expected !== undefined && isSame(fields, expected)) return
    this.#find(
      'state',
      `${JSON.stringify(record)} makes ${JSON.stringify(fields)}, not ${expected === undefined ? 'of the recording' : JSON.stringify(expected)}`,
    )
  }

  #checkRaw(record: SessionRecord, item: string, before: ItemState): void {
    const { snapshot, fields } = record
    const seq = record.seq!
    const lost = this.#lost.get(item)
    this.#lost.delete(item)
    const isNext = lost === undefined ? seq === before.seq + 1 : seq === before.seq + lost && snapshot === true
    if (!isNext) {
      this.#find('raw', `seq ${before.seq}, lost ${lost ?? 0}, then ${JSON.stringify(record)}`)
      return
    }
    if (snapshot === true) return
    const line = this.#recorded.lineAt(item, seq)
    if (!isSame(fields!, line)) this.#find('raw', `${JSON.stringify(line)} is due: ${JSON.stringify(record)}`)
  }

  #duplicate(record: SessionRecord, before: ItemState): void {
    this.duplicates++
    this.#find('duplicate', `seq ${before.seq} stood here, then ${JSON.stringify(record)}`)
  }

  #find(kind: Finding, what: string): void {
    if (this.findings.has(kind)) return
    const { index, pace, mode } = this.#plan
    this.findings.set(kind, `client ${index}, ${pace} ${mode}, stream ${this.#stream} ${this.#begin}: ${what}`)
  }
}

export function isSame(found: Readonly<Fields>, expected: Readonly<Fields>): boolean {
  const names = Object.keys(expected)
  return names.length === Object.keys(found).length && names.every(name => found[name] === expected[name])
}

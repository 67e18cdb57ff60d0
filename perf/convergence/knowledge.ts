/**
 * What a client of the convergence run has handled, and the check of every record against it.
 *
 * Records count when their flush is whole: `commit` applies them, and the position behind them is what the client resumes
 * with; what is behind it when a stream goes is given up (`discard`). So whoever is told that it was recovered is owed
 * nothing that is here already, and everything that is not.
 *
 * Checked here: positions grow, `subscribed` comes once, and of what is given up nothing was here on a stream that was
 * recovered. What the records of an item must be is for the judge of the client's mode to say: merge and raw
 * (values-judge.ts), distinct (updates-judge.ts), command (table-judge.ts).
 */

import type { Resume, SessionRecord } from '#test/support/session-stream.ts'
import type { Judge } from './judge.ts'
import type { ClientPlan } from './plan.ts'
import type { Recorded } from './recorded.ts'
import { TableJudge } from './table-judge.ts'
import { Tally } from './tally.ts'
import { UpdatesJudge } from './updates-judge.ts'
import { ValuesJudge } from './values-judge.ts'

export class Knowledge {
  readonly tally: Tally
  readonly judge: Judge
  #resume: Resume | null = null
  #isSubscribed = false
  #pending: SessionRecord[] = []

  constructor(plan: ClientPlan, recorded: Recorded) {
    this.tally = new Tally(plan)
    this.judge = judgeOf(plan, recorded, this.tally)
  }

  /** What the client resumes with; null: it has no session yet. */
  get resume(): Resume | null {
    return this.#resume
  }

  /** A stream begins; `begin` says how, for findings. */
  open(begin: string): void {
    this.tally.open(begin)
  }

  /** The stream goes on behind the position that it was asked for; `welcome`: what says so, null where nothing does. */
  recover(welcome: SessionRecord | null): void {
    this.tally.isRecovered = true
    if (welcome === null || this.#resume === null) return
    const { session, position } = this.#resume
    if (welcome.session !== session || welcome.position !== position) this.#outOfOrder(JSON.stringify(welcome))
  }

  /** The stream begins a session, or begins one anew. */
  beginAnew({ session, position }: SessionRecord): void {
    this.#resume = { session: session!, position: position! }
    this.#isSubscribed = false
    this.judge.beginAnew()
  }

  take(record: SessionRecord): void {
    this.#pending.push(record)
  }

  commit(position: number, session: string | null): void {
    if (this.#resume === null || (session !== null && session !== this.#resume.session)) {
      this.#outOfOrder(`position ${position} of ${session ?? 'no session'}, in that of ${this.#resume?.session}`)
      return
    }
    // A poll that had nothing to tell is answered with the position of before.
    if (position < this.#resume.position || (position === this.#resume.position && this.#pending.length > 0))
      this.#outOfOrder(`position ${position} behind ${this.#resume.position}`)
    for (const record of this.#pending) this.#apply(record)
    this.#pending = []
    this.#resume = { session: this.#resume.session, position }
  }

  /** The stream is gone: what had no position is given up, but must have been new all the same. */
  discard(): void {
    const begun = new Set<string>()
    for (const record of this.#pending) {
      const { item, seq, cleared } = record
      if (item === undefined) continue
      if (cleared === true) begun.add(item)
      const before = begun.has(item) ? null : this.judge.seqOf(item)
      if (this.tally.isRecovered && before !== null && seq !== undefined && seq <= before)
        this.tally.repeats(record, before)
    }
    this.#pending = []
  }

  #apply(record: SessionRecord): void {
    const { item, subscribed } = record
    if (item !== undefined && this.judge.take(record, item)) return
    if (subscribed === undefined) this.#outOfOrder(`an unexpected record: ${JSON.stringify(record)}`)
    else if (this.#isSubscribed) this.#outOfOrder('subscribed comes again')
    else this.#isSubscribed = true
  }

  #outOfOrder(what: string): void {
    this.tally.find('order', what)
  }
}

function judgeOf(plan: ClientPlan, recorded: Recorded, tally: Tally): Judge {
  const { mode } = plan
  if (mode === 'distinct') return new UpdatesJudge(plan, recorded, tally)
  if (mode === 'command') return new TableJudge(plan, recorded.tables, tally)
  return new ValuesJudge(mode, plan, recorded, tally)
}

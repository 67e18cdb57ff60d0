/**
 * The subscriptions of all sessions of a core thread: one session's interest in one view each, and all that is kept of
 * what the session was sent. Two counters and a few marks: that is what a client costs which has stopped reading, for ever
 * (law 2).
 *
 * A subscription is a number; what is kept of it lies in tables of numbers, and a session's subscriptions lie side by
 * side. So an update that concerns a thousand sessions sets a thousand bits in one small table, and a flush reads a few
 * lines of memory; as objects each cost several cache misses, which was most of a core's time (measured: 700 ns an
 * update of 10,000 sessions with objects; perf/micro/core.ts tells what it is now).
 *
 * Life in merge mode: *clean* (has everything) → marked by an update → *held* until its next turn when it has a frequency
 * limit that is not over yet (limit.ts) → *waiting* (its bit is set) → clean again at the flush. Raw mode is the same with
 * a position in the item's log; waiting means that the position is behind the log's end.
 *
 * Invariants:
 *  - A session's subscriptions are [first, end); they serve in turn: a flush begins at `turn` and goes round.
 *  - sentSeqs[s] is the seq of its view that the session has: the view's own when nothing is lacking.
 */

import type { FrequencyLimit } from './frequency-limit.ts'
import { Runs } from './runs.ts'
import type { Session } from './session.ts'
import type { View } from './view.ts'

/** The position of a subscription that is to begin, or to go on, with a snapshot. */
export const NEEDS_SNAPSHOT = -1

/** Flags: the session knows the item; it was told that the item is stale. */
export const HAS_ITEM = 1
export const STALE_TOLD = 2

/** Returned where no subscription waits. */
export const NONE = -1

const START_PLACES = 1_024
const WORD_BITS = 5

export class Subscriptions {
  // By subscription.
  readonly views: (View | null)[] = []
  /** Null: as often as there is something. */
  readonly limits: (FrequencyLimit | null)[] = []
  sentSeqs = new Float64Array(START_PLACES)
  /** Merge: the item's seq up to which the session has every change. Raw: of the next entry of the item's log to send. */
  positions = new Float64Array(START_PLACES)
  /** The item's deletions as the session knows them; told anew when the item's differ. */
  deletions = new Uint32Array(START_PLACES)
  flags = new Uint8Array(START_PLACES)
  /** Its place in the view's list. */
  places = new Int32Array(START_PLACES)
  /** A bit each: it has something to send. */
  #waiting = new Int32Array(START_PLACES >> WORD_BITS)
  readonly #runs = new Runs()

  // By session.
  readonly sessions: (Session | null)[] = []
  /** 1 for a session that has nothing to send. */
  idle = new Uint8Array(START_PLACES)
  /** When the oldest update that may be sent was received, in ms; NaN when none may. What is held has its own. */
  waitingSinceMs = new Float64Array(START_PLACES)
  readonly #numbers = new Runs()

  /** Numbers a new session and `count` subscriptions of it, all clean and of no view yet. */
  open(session: Session, count: number): void {
    const number = this.#numbers.take(0)
    if (number >= this.idle.length) {
      this.idle = grown(this.idle, new Uint8Array(this.idle.length * 2))
      this.waitingSinceMs = grown(this.waitingSinceMs, new Float64Array(this.waitingSinceMs.length * 2))
    }
    this.sessions[number] = session
    this.waitingSinceMs[number] = Number.NaN
    const first = this.#runs.take(bitsFor(count))
    this.#grow(first + count)
    for (let i = first; i < first + count; i++) {
      this.views[i] = null
      this.limits[i] = null
      this.deletions[i] = 0
      this.flags[i] = 0
    }
    session.number = number
    session.first = first
    session.end = first + count
    session.turn = first
  }

  /** Takes the numbers back; nothing of the session is in any view. */
  close(session: Session): void {
    for (let i = session.first; i < session.end; i++) {
      this.clear(i)
      this.views[i] = null
      this.limits[i] = null
    }
    this.#runs.giveBack(session.first, bitsFor(session.end - session.first))
    this.sessions[session.number] = null
    this.#numbers.giveBack(session.number, 0)
    session.number = NONE
    session.end = session.first
  }

  isWaiting(subscription: number): boolean {
    return (this.#waiting[subscription >>> WORD_BITS]! & (1 << (subscription & 31))) !== 0
  }

  /**
   * Marks that it has something to send since `receivedMs`; false when that was marked. A session that was idle is told.
   */
  mark(subscription: number, session: number, receivedMs: number): boolean {
    const word = subscription >>> WORD_BITS
    const bit = 1 << (subscription & 31)
    const before = this.#waiting[word]!
    if ((before & bit) !== 0) return false
    this.#waiting[word] = before | bit
    const sinceMs = this.waitingSinceMs[session]!
    // NaN where nothing else waits; what was held may be older.
    if (!(sinceMs <= receivedMs)) this.waitingSinceMs[session] = receivedMs
    if (this.idle[session] === 1) this.sessions[session]!.onReady()
    return true
  }

  clear(subscription: number): void {
    this.#waiting[subscription >>> WORD_BITS]! &= ~(1 << (subscription & 31))
  }

  /** The session's first subscription that waits, in its turn; or NONE. */
  firstWaiting({ first, end, turn }: Session): number {
    const found = this.#find(turn, end)
    return found !== NONE ? found : this.#find(first, turn)
  }

  /** The next one that waits behind `subscription`, in turn; or NONE. */
  nextWaiting({ first, end, turn }: Session, subscription: number): number {
    if (subscription < turn) return this.#find(subscription + 1, turn)
    const found = this.#find(subscription + 1, end)
    return found !== NONE ? found : this.#find(first, turn)
  }

  /** The first that waits from `from` up to, not including, `end`. */
  #find(from: number, end: number): number {
    if (from >= end) return NONE
    const last = (end - 1) >>> WORD_BITS
    let word = from >>> WORD_BITS
    let bits = this.#waiting[word]! & (-1 << (from & 31))
    while (bits === 0) {
      if (word === last) return NONE
      bits = this.#waiting[++word]!
    }
    const found = (word << WORD_BITS) + 31 - Math.clz32(bits & -bits)
    return found < end ? found : NONE
  }

  #grow(end: number): void {
    let places = this.sentSeqs.length
    if (end <= places) return
    while (places < end) places *= 2
    this.sentSeqs = grown(this.sentSeqs, new Float64Array(places))
    this.positions = grown(this.positions, new Float64Array(places))
    this.deletions = grown(this.deletions, new Uint32Array(places))
    this.flags = grown(this.flags, new Uint8Array(places))
    this.places = grown(this.places, new Int32Array(places))
    this.#waiting = grown(this.#waiting, new Int32Array(places >> WORD_BITS))
  }
}

/** log2 of the run that holds `count`. */
function bitsFor(count: number): number {
  return count <= 1 ? 0 : 32 - Math.clz32(count - 1)
}

function grown<T extends { set(from: T): void }>(from: T, to: T): T {
  to.set(from)
  return to
}

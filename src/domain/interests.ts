/**
 * The interests of all sessions of a core thread: one session's interest in one view each, as its subscriptions choose
 * them, and all that is kept of what the session was sent. Two counters and a few marks: that is what a client costs which
 * has stopped reading, for ever (law 2).
 *
 * An interest is a number; what is kept of it lies in tables of numbers, and a session's interests lie side by
 * side. So an update that concerns a thousand sessions sets a thousand bits in one small table, and a flush reads a few
 * lines of memory; as objects each cost several cache misses, which was most of a core's time (measured: 700 ns an
 * update of 10,000 sessions with objects; perf/micro/core.ts tells what it is now).
 *
 * Life in merge mode: *clean* (has everything) → marked by an update → *held* until its next turn when it has a frequency
 * limit that is not over yet (frequency-limit.ts) → *waiting* (its bit is set) → clean again at the flush. Raw and distinct mode are
 * the same with a position in the item's log; waiting means that the position is behind the log's end.
 *
 * Invariants:
 *  - A session's interests are [first, end), without holes; they serve in turn: a flush begins at `turn` and goes round.
 *    Another number may become an interest's when the session gains or loses one.
 *  - sentSeqs[i] is the seq of its view that the session has: the view's own when nothing is lacking.
 *  - An interest that a flush of its session left behind, lacking something, is LEFT, and leftAt[i] is the position of the
 *    first such flush (rewind.ts); one that is not had everything at each of them.
 */

import { assert } from '#src/assert.ts'
import type { FrequencyLimit } from './frequency-limit.ts'
import { Runs } from './runs.ts'
import type { Session } from './session.ts'
import type { Subscription } from './subscription.ts'
import type { View } from './view.ts'

/** The position of an interest that is to begin, or to go on, with a snapshot. */
export const NEEDS_SNAPSHOT = -1

/**
 * Flags: the session knows the item; it was told that the item is stale; it was left behind by a flush; it was told what
 * the view's number stands for (terse encoding); it follows a prefix, and goes with its item; it is not known whether it
 * was told that the item is stale, so it is to be told how that is; it is to be told where its snapshot ends.
 */
export const HAS_ITEM = 1
export const STALE_TOLD = 2
export const LEFT = 4
export const DEFINED = 8
export const FOLLOWED = 16
export const UNSURE = 32
export const SNAPSHOT_DUE = 64

/** Returned where no interest waits. */
export const NONE = -1

const START_PLACES = 1_024
const WORD_BITS = 5

export class Interests {
  // By interest.
  readonly views: (View | null)[] = []
  readonly owners: (Subscription | null)[] = []
  /** Null: as often as there is something. */
  readonly limits: (FrequencyLimit | null)[] = []
  /** The client's id of the subscription. */
  ids = new Int32Array(START_PLACES)
  sentSeqs = new Float64Array(START_PLACES)
  /** Merge: the core's position up to which the session has every change. Else: the next entry of the item's log to send. */
  positions = new Float64Array(START_PLACES)
  /** The item's deletions as the session knows them; told anew when the item's differ. */
  deletions = new Uint32Array(START_PLACES)
  flags = new Uint8Array(START_PLACES)
  /** Of who is LEFT: the position of the first flush that left it behind. */
  leftAt = new Float64Array(START_PLACES)
  /**
   * Of a table: the core's position up to which the session has everything; behind it, up to `positions`, it has some rows.
   * While the table is sent from its beginning on, where that began.
   */
  bases = new Float64Array(START_PLACES)
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

  /** Numbers a new session, which has no interests yet. */
  open(session: Session): void {
    const number = this.#numbers.take(0)
    if (number >= this.idle.length) {
      this.idle = grown(this.idle, new Uint8Array(this.idle.length * 2))
      this.waitingSinceMs = grown(this.waitingSinceMs, new Float64Array(this.waitingSinceMs.length * 2))
    }
    this.sessions[number] = session
    this.waitingSinceMs[number] = Number.NaN
    session.number = number
  }

  /** Takes the session's number back; it has no interests any more. */
  close(session: Session): void {
    assert(session.first === session.end, 'a session that ends has given up its interests')
    if (session.runBits >= 0) this.#runs.giveBack(session.first, session.runBits)
    session.runBits = NONE
    this.sessions[session.number] = null
    this.#numbers.giveBack(session.number, 0)
    session.number = NONE
  }

  /** Sees to it that the session can gain `count` interests. Those it has may get other numbers. */
  reserve(session: Session, count: number): void {
    const used = session.end - session.first
    const bits = bitsFor(used + count)
    if (bits <= session.runBits) return
    const first = this.#runs.take(bits)
    this.#grow(first + 2 ** bits)
    for (let i = 0; i < used; i++) this.#move(session.first + i, first + i)
    session.turn = first + (session.turn - session.first)
    session.left?.shift(session.first, first)
    if (session.runBits >= 0) this.#runs.giveBack(session.first, session.runBits)
    session.runBits = bits
    session.first = first
    session.end = first + used
  }

  /** A new interest of the session, clean and of no view yet; there is room for it (reserve). Returns its number. */
  add(session: Session, owner: Subscription): number {
    assert(session.runBits >= 0 && session.end - session.first < 2 ** session.runBits, 'room was reserved')
    const interest = session.end++
    this.views[interest] = null
    this.owners[interest] = owner
    this.limits[interest] = null
    this.ids[interest] = owner.id
    this.deletions[interest] = 0
    this.flags[interest] = 0
    this.clear(interest)
    return interest
  }

  /** Gives up an interest that is in no view; the session's last one takes its number. */
  remove(session: Session, interest: number): void {
    const last = --session.end
    session.left?.forget(interest)
    if (last !== interest) {
      this.#move(last, interest)
      session.left?.move(last, interest)
    }
    this.clear(last)
    this.views[last] = null
    this.owners[last] = null
    this.limits[last] = null
    if (session.turn >= session.end) session.turn = session.first
  }

  #move(from: number, to: number): void {
    this.views[to] = this.views[from]!
    this.owners[to] = this.owners[from]!
    this.limits[to] = this.limits[from]!
    this.ids[to] = this.ids[from]!
    this.sentSeqs[to] = this.sentSeqs[from]!
    this.positions[to] = this.positions[from]!
    this.deletions[to] = this.deletions[from]!
    this.flags[to] = this.flags[from]!
    this.leftAt[to] = this.leftAt[from]!
    this.bases[to] = this.bases[from]!
    this.places[to] = this.places[from]!
    this.clear(to)
    if (this.isWaiting(from)) this.#waiting[to >>> WORD_BITS]! |= 1 << (to & 31)
    this.clear(from)
    this.views[from] = null
    this.owners[from] = null
    this.limits[from] = null
    this.views[to]?.renumber(this, to)
  }

  isWaiting(interest: number): boolean {
    return (this.#waiting[interest >>> WORD_BITS]! & (1 << (interest & 31))) !== 0
  }

  /**
   * Marks that it has something to send since `receivedMs`; false when that was marked. A session that was idle is told.
   */
  mark(interest: number, session: number, receivedMs: number): boolean {
    const word = interest >>> WORD_BITS
    const bit = 1 << (interest & 31)
    const before = this.#waiting[word]!
    if ((before & bit) !== 0) return false
    this.#waiting[word] = before | bit
    const sinceMs = this.waitingSinceMs[session]!
    // NaN where nothing else waits; what was held may be older.
    if (!(sinceMs <= receivedMs)) this.waitingSinceMs[session] = receivedMs
    if (this.idle[session] === 1) this.sessions[session]!.onReady()
    return true
  }

  clear(interest: number): void {
    this.#waiting[interest >>> WORD_BITS]! &= ~(1 << (interest & 31))
  }

  /** The session's first interest that waits, in its turn; or NONE. */
  firstWaiting({ first, end, turn }: Session): number {
    const found = this.#find(turn, end)
    return found !== NONE ? found : this.#find(first, turn)
  }

  /** The next one that waits behind `interest`, in turn; or NONE. */
  nextWaiting({ first, end, turn }: Session, interest: number): number {
    if (interest < turn) return this.#find(interest + 1, turn)
    const found = this.#find(interest + 1, end)
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
    this.ids = grown(this.ids, new Int32Array(places))
    this.leftAt = grown(this.leftAt, new Float64Array(places))
    this.bases = grown(this.bases, new Float64Array(places))
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

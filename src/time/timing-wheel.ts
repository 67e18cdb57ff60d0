/**
 * All the timers of a thread (law 4: an idle connection has none of its own): a hierarchical timing wheel over entries
 * that carry their own links. Scheduling, cancelling and firing allocate nothing and cost the same however many there are.
 *
 *     level 0   256 slots of    4 ms   the next 1.02 s
 *     level 1   256 slots of 1.02 s    the next 4.4 min     a slot is spread over level 0 when its time begins
 *     level 2   256 slots of  4.4 min  the next 18.6 h      a slot is spread over levels 1 and 0
 *
 * What is due later lies in the last slot of level 2 and is placed anew when that is reached. Each slot is a ring of
 * entries closed by a sentinel; a bitmap of the slots that are not empty makes a jump of hours, and the question for
 * the next due time, a look at 24 words.
 *
 * Invariants (test/rules.md, T):
 *  - An entry fires at the first `advance` to its tick or beyond: the tick of 4 ms whose beginning is at or after the
 *    due time, so never early and at most one tick late. What is already due when it is scheduled gets the next tick.
 *  - Entries fire in the order of their ticks; what order within a tick is the same in each run.
 *  - An entry is off the wheel when its onTimer is called; that may schedule and cancel any entry. Nothing that is
 *    scheduled during an advance fires in that advance unless it is due later than the advance's time: so each advance ends.
 *  - An onTimer that throws ends the advance; the others fire in the next one.
 *  - cursor: the tick up to which everything has fired. Slots of a level whose time is the cursor's are empty, outside
 *    of advance; a slot ahead holds entries of one lap only.
 *
 * Units: milliseconds of a Clock; ticks are its time divided by 4, kept as whole doubles.
 */

import { assert, unreachable } from '#src/assert.ts'

export const TICK_MS = 4
const SLOT_BITS = 8
const SLOTS = 1 << SLOT_BITS
const SLOT_MASK = SLOTS - 1
const LEVELS = 3
const LEVEL_1_TICKS = SLOTS
const LEVEL_2_TICKS = SLOTS * SLOTS
const WORD_BITS = 32
const LEVEL_WORDS = SLOTS / WORD_BITS

/** Something that is due. It belongs to one wheel at most; its fields are the wheel's, initially 0, null, null. */
export interface Timed {
  /** The beginning of the tick on which it fires, or fired last. */
  timerDueMs: number
  timerNext: Timed | null
  timerPrev: Timed | null
  /** `nowMs` is the time given to advance. */
  onTimer(nowMs: number): void
}

/** The sentinel of a slot's list. */
class Slot implements Timed {
  timerDueMs = 0
  timerNext: Timed
  timerPrev: Timed
  /** In all levels: level * SLOTS + index. */
  readonly number: number

  constructor(number: number) {
    this.timerNext = this
    this.timerPrev = this
    this.number = number
  }

  onTimer(): void {
    unreachable(this.number as never)
  }
}

export class TimingWheel {
  readonly #slots: readonly Slot[]
  /** One bit a slot, set while the slot is not empty. */
  readonly #occupied: Int32Array
  #cursor: number
  /** The tick of the last advance; ahead of the cursor during one. */
  #nowTick: number
  #isAdvancing: boolean
  #size: number
  /** Told each due time that is set: a thread that sleeps until the wheel's next one may have to wake earlier. */
  onScheduled: ((dueMs: number) => void) | null

  constructor(nowMs: number) {
    assert(nowMs >= 0 && nowMs < Number.POSITIVE_INFINITY, 'a wheel starts at a time')
    this.#slots = Array.from({ length: LEVELS * SLOTS }, (_, number) => new Slot(number))
    this.#occupied = new Int32Array(LEVELS * LEVEL_WORDS)
    this.#cursor = Math.floor(nowMs / TICK_MS)
    this.#nowTick = this.#cursor
    this.#isAdvancing = false
    this.#size = 0
    this.onScheduled = null
  }

  get size(): number {
    return this.#size
  }

  /** Puts an entry on the wheel, or moves it when it is there already. */
  schedule(entry: Timed, dueMs: number): void {
    assert(dueMs < Number.POSITIVE_INFINITY, 'an entry has a due time')
    if (entry.timerNext === null) this.#size++
    else this.#unlink(entry)
    const tick = Math.max(Math.ceil(dueMs / TICK_MS), this.#nowTick + 1)
    entry.timerDueMs = tick * TICK_MS
    this.#place(entry, tick)
    this.onScheduled?.(entry.timerDueMs)
  }

  /** Takes an entry off the wheel; does nothing when it is not there. */
  cancel(entry: Timed): void {
    if (entry.timerNext === null) return
    this.#unlink(entry)
    this.#size--
  }

  isScheduled(entry: Timed): boolean {
    return entry.timerNext !== null
  }

  /** Fires what is due at `nowMs` and returns how many that were. A time before the last one fires nothing. */
  advance(nowMs: number): number {
    assert(!this.#isAdvancing, 'a wheel is not advanced by its own entries')
    const tick = Math.floor(nowMs / TICK_MS)
    if (!(tick >= this.#nowTick)) return 0
    this.#nowTick = tick
    let fired = 0
    if (this.#size > 0) {
      this.#isAdvancing = true
      try {
        for (let stop = this.#nextStop(); stop <= tick; stop = this.#nextStop()) {
          this.#moveTo(stop)
          fired += this.#fireSlot(this.#slots[stop & SLOT_MASK]!, nowMs)
        }
      } finally {
        this.#isAdvancing = false
      }
    }
    this.#cursor = tick
    return fired
  }

  /**
   * No entry fires before this time; Infinity when there is none. Either an entry is due at it, or a slot of an upper
   * level is to be spread: a thread that sleeps until then, advances and asks again wakes at most three times an entry.
   */
  nextDueMs(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : this.#nextStop() * TICK_MS
  }

  /** Sets the cursor to a tick ahead and spreads the slots of the upper levels whose time begins with it. */
  #moveTo(tick: number): void {
    this.#cursor = tick
    if (tick % LEVEL_1_TICKS !== 0) return
    if (tick % LEVEL_2_TICKS === 0) this.#spread(this.#slots[2 * SLOTS + ((tick / LEVEL_2_TICKS) & SLOT_MASK)]!)
    this.#spread(this.#slots[SLOTS + ((tick / LEVEL_1_TICKS) & SLOT_MASK)]!)
  }

  #spread(slot: Slot): void {
    for (let entry = slot.timerNext; entry !== slot; entry = slot.timerNext) {
      this.#unlink(entry)
      this.#place(entry, entry.timerDueMs / TICK_MS)
    }
  }

  #fireSlot(slot: Slot, nowMs: number): number {
    let fired = 0
    for (let entry = slot.timerNext; entry !== slot; entry = slot.timerNext) {
      this.#unlink(entry)
      this.#size--
      fired++
      entry.onTimer(nowMs)
    }
    return fired
  }

  /** `tick` is the cursor's (while it is being spread) or later. */
  #place(entry: Timed, tick: number): void {
    this.#link(entry, this.#slotNumberOf(tick))
  }

  /** The lowest level on which the tick's slot is less than one lap ahead, so that it cannot be taken for an earlier one. */
  #slotNumberOf(tick: number): number {
    const cursor = this.#cursor
    if (tick - cursor < SLOTS) return tick & SLOT_MASK
    const slot1 = Math.floor(tick / LEVEL_1_TICKS)
    if (slot1 - Math.floor(cursor / LEVEL_1_TICKS) < SLOTS) return SLOTS + (slot1 & SLOT_MASK)
    const slot2 = Math.floor(tick / LEVEL_2_TICKS)
    const last2 = Math.floor(cursor / LEVEL_2_TICKS) + SLOTS - 1
    return 2 * SLOTS + (Math.min(slot2, last2) & SLOT_MASK)
  }

  #link(entry: Timed, number: number): void {
    const slot = this.#slots[number]!
    const last = slot.timerPrev
    if (last === slot) this.#occupied[number >> 5]! |= 1 << (number & (WORD_BITS - 1))
    entry.timerPrev = last
    entry.timerNext = slot
    last.timerNext = entry
    slot.timerPrev = entry
  }

  #unlink(entry: Timed): void {
    const prev = entry.timerPrev!
    const next = entry.timerNext!
    prev.timerNext = next
    next.timerPrev = prev
    entry.timerNext = null
    entry.timerPrev = null
    if (prev !== next) return
    // Only the sentinel is its own neighbour on both sides.
    const number = (prev as Slot).number
    this.#occupied[number >> 5]! &= ~(1 << (number & (WORD_BITS - 1)))
  }

  /** The first tick from the cursor on at which something is to be fired or spread. */
  #nextStop(): number {
    let stop = Number.POSITIVE_INFINITY
    let levelTicks = 1
    for (let level = 0; level < LEVELS; level++) {
      const here = Math.floor(this.#cursor / levelTicks)
      const ahead = this.#occupiedAhead(level, here & SLOT_MASK)
      if (ahead >= 0) stop = Math.min(stop, (here + ahead) * levelTicks)
      levelTicks *= SLOTS
    }
    return stop
  }

  /** How many slots ahead of `index` (itself included) the first that is not empty lies, around the level; or -1. */
  #occupiedAhead(level: number, index: number): number {
    for (let ahead = 0; ahead < SLOTS; ) {
      const slot = (index + ahead) & SLOT_MASK
      const bit = slot & (WORD_BITS - 1)
      const word = this.#occupied[level * LEVEL_WORDS + (slot >> 5)]! >>> bit
      if (word !== 0) return ahead + (WORD_BITS - 1 - Math.clz32(word & -word))
      ahead += WORD_BITS - bit
    }
    return -1
  }
}

/**
 * Wakes a thread that sleeps, and costs next to nothing when it does not.
 *
 * Each thread has one sleep word that all its neighbours share: AWAKE or ASLEEP. The thread itself sets both (Sleeper);
 * a neighbour that has work for it rings (Doorbell): one atomic load when it is awake; when it is asleep, whoever turns
 * the word back to AWAKE knocks, by whatever wakes an event loop (a message to its port, 10 µs).
 *
 * How to sleep without losing a wake-up. The sleeper says that it sleeps and then looks once more; the neighbour makes
 * its work visible and then looks whether somebody sleeps. All four are sequentially consistent (Dekker), so at least
 * one of the two sees the other:
 *
 *     sleeper                                   neighbour
 *     work until there is none                  publish (or free room, or close)
 *     sleeper.beginSleep()                      bell.ring()
 *     the same work once more
 *     none: wait for the knock, in the event loop
 *     sleeper.endSleep()
 *
 * `The same work` includes what waits for room in a ring: claimOrAwait (queue.ts), not claim alone, because the room
 * that it was woken for may have been too little.
 *
 * Invariants: at most one knock a sleep; none to a thread that is awake. A knock may arrive late, after the sleep has
 * ended by itself: it then wakes for nothing, which must do no harm.
 */

import { assert } from '#src/assert.ts'
import { LINE_BYTES } from './layout.ts'

const AWAKE = 0
const ASLEEP = 1

/** The memory of one thread's sleep word: a line of its own. Give it to the thread and to all that may wake it. */
export function createSleepWord(): SharedArrayBuffer {
  return new SharedArrayBuffer(LINE_BYTES)
}

/** The sleeping side; one for each sleep word. */
export class Sleeper {
  readonly #word: Int32Array<SharedArrayBuffer>

  constructor(sleepWord: SharedArrayBuffer) {
    this.#word = wordOf(sleepWord)
  }

  /** From now on a bell knocks. Look for work once more before you really sleep. */
  beginSleep(): void {
    Atomics.store(this.#word, 0, ASLEEP)
  }

  /** From now on no bell knocks. For whoever is awake already it does nothing. */
  endSleep(): void {
    Atomics.store(this.#word, 0, AWAKE)
  }
}

/** The waking side; each neighbour may have one of its own. */
export class Doorbell {
  readonly #word: Int32Array<SharedArrayBuffer>
  readonly #knock: () => void

  constructor(sleepWord: SharedArrayBuffer, knock: () => void) {
    this.#word = wordOf(sleepWord)
    this.#knock = knock
  }

  /** Knocks when the thread sleeps and nobody has knocked yet. Call it after the work is visible. */
  ring(): void {
    if (Atomics.load(this.#word, 0) !== ASLEEP) return
    if (Atomics.compareExchange(this.#word, 0, ASLEEP, AWAKE) === ASLEEP) this.#knock()
  }
}

function wordOf(sleepWord: SharedArrayBuffer): Int32Array<SharedArrayBuffer> {
  assert(sleepWord.byteLength === LINE_BYTES, 'a sleep word is what createSleepWord made')
  return new Int32Array(sleepWord, 0, 1)
}

/** For a neighbour that never sleeps or looks by itself: a poller, a test, the same thread. */
export const silentBell = new Doorbell(createSleepWord(), () => {})

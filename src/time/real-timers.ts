/**
 * The machine's timers: the only place that sets them. Everything else takes a clock and is told what time it is
 * (clock.ts), or sleeps here.
 *
 * Units: milliseconds; due times are those of a Clock.
 */

/** Node's timers fire at once beyond this. */
const TIMER_MS_MAX = 2_147_483_647

/** One timer that is set again and again: a thread's single wake-up. One allocation a setting, so: once a sleep. */
export class Alarm {
  readonly #callback: () => void
  readonly #keepsProcess: boolean
  #timer: NodeJS.Timeout | null = null
  #dueMs = Number.POSITIVE_INFINITY

  /** With `keepsProcess` false an alarm that is set does not keep the process (or the thread) from ending. */
  constructor(callback: () => void, keepsProcess = true) {
    this.#callback = callback
    this.#keepsProcess = keepsProcess
  }

  get isSet(): boolean {
    return this.#timer !== null
  }

  /**
   * Calls the callback once, at about `dueMs` (Node may be a millisecond early or any time late: look at the clock);
   * an earlier setting is forgotten. Never for Infinity; a time beyond 24 days fires after 24 days.
   */
  setAt(dueMs: number, nowMs: number): void {
    if (this.#timer !== null && dueMs === this.#dueMs) return
    this.clear()
    if (dueMs === Number.POSITIVE_INFINITY) return
    const delayMs = Math.min(Math.max(0, Math.ceil(dueMs - nowMs)), TIMER_MS_MAX)
    this.#dueMs = dueMs
    this.#timer = setTimeout(() => {
      this.#timer = null
      this.#callback()
    }, delayMs)
    if (!this.#keepsProcess) this.#timer.unref()
  }

  clear(): void {
    if (this.#timer === null) return
    clearTimeout(this.#timer)
    this.#timer = null
  }
}

/** Calls back when what waits now has been seen to. */
export function soon(callback: () => void): void {
  setImmediate(callback)
}

/** Resolves after `ms`, or as soon as `signal` is aborted: who sleeps looks at the signal itself. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal?.aborted === true) return resolve()
    const end = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, Math.min(Math.max(0, ms), TIMER_MS_MAX))
    signal?.addEventListener('abort', end, { once: true })
  })
}

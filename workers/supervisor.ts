/**
 * Watches the threads: one that ends by itself has died; one whose loop has not turned for a while hangs. Either way the
 * server cannot keep its promises (a core's items and sessions are gone, a ring has nobody at one end), so it says which
 * thread and why, and stops: whoever runs it starts it anew, and feeds and clients come back by themselves.
 */

import { ProgramError } from '#src/errors.ts'
import { M } from '#src/metrics/names.ts'
import type { Clock } from '#src/time/clock.ts'
import { Alarm } from '#src/time/real-timers.ts'
import type { Crew } from './pool.ts'

/** A loop turns at least once a second; a garbage collection or a stopped machine is forgiven this long. */
export const HANG_MS = 30_000
const LOOK_MS = 5_000

export interface Watched {
  readonly crew: Crew
  readonly counters: Float64Array
}

export class Supervisor {
  readonly failed: Promise<ProgramError>
  readonly #threads: readonly Watched[]
  readonly #clock: Clock
  readonly #alarm: Alarm
  #fail: (error: ProgramError) => void = () => {}
  #isStopping = false
  readonly #startedMs: number
  #lookedMs: number

  constructor(threads: readonly Watched[], clock: Clock) {
    this.#threads = threads
    this.#clock = clock
    this.#startedMs = clock.nowMs()
    this.#lookedMs = this.#startedMs
    this.failed = new Promise(resolve => {
      this.#fail = resolve
    })
    for (const { crew } of threads) {
      crew.ended.then(
        () => this.#onEnded(crew.name, 'it ended by itself'),
        (error: Error) => this.#onEnded(crew.name, error.message),
      )
    }
    this.#alarm = new Alarm(() => this.#look())
    this.#alarm.setAt(this.#lookedMs + LOOK_MS, this.#lookedMs)
  }

  /** From now on threads may end. */
  stop(): void {
    this.#isStopping = true
    this.#alarm.clear()
  }

  #onEnded(name: string, reason: string): void {
    if (!this.#isStopping) this.#fail(new ProgramError('THREAD_DIED', `thread ${name} died: ${reason}`))
  }

  #look(): void {
    const nowMs = this.#clock.nowMs()
    // When this thread has slept too, the machine was stopped: that is no hang.
    const wasStopped = nowMs - this.#lookedMs > LOOK_MS * 2
    this.#lookedMs = nowMs
    for (const { crew, counters } of this.#threads) {
      const aliveMs = Math.max(this.#startedMs, counters[M.aliveSeconds]! * 1_000)
      if (!wasStopped && nowMs - aliveMs > HANG_MS) {
        this.#fail(
          new ProgramError('THREAD_DIED', `thread ${crew.name} hangs: its loop has not turned for ${HANG_MS} ms`),
        )
        return
      }
    }
    this.#alarm.setAt(nowMs + LOOK_MS, nowMs)
  }
}

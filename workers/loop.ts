/**
 * The duty cycle of a thread: run every stage once, show what they queued, and go on as long as there was something to
 * do; then sleep in the event loop until a doorbell, a deadline, or a socket.
 *
 * Between two turns the event loop sees to the sockets (setImmediate), so neither starves the other. Before it sleeps the
 * thread announces it and runs one more turn: whatever was queued before the announcement is found, whatever comes later
 * rings (doorbell.ts).
 *
 * Measuring: one reading of the clock a stage that did something.
 */

import { M, STAGES, type ThreadMetrics } from '#src/metrics/names.ts'
import type { Sleeper } from '#src/ring/doorbell.ts'
import type { Clock } from '#src/time/clock.ts'
import { Alarm, soon } from '#src/time/real-timers.ts'
import type { TimingWheel } from '#src/time/timing-wheel.ts'
import type { Role } from '#stages/pipeline.ts'

export interface LoopDeps {
  readonly roles: readonly Role[]
  readonly wheel: TimingWheel
  readonly clock: Clock
  readonly metrics: ThreadMetrics
  readonly sleeper: Sleeper
  /** A stage threw: an invariant is broken and the thread cannot go on. */
  readonly onFailure: (error: unknown) => void
}

/** Runs each stage of the roles once; returns how many things they did. */
export function runTurn(
  roles: readonly Role[],
  wheel: TimingWheel,
  clock: Clock,
  metrics: ThreadMetrics,
  nowMs: number,
): number {
  let done = wheel.advance(nowMs)
  let startMs = nowMs
  for (const role of roles) {
    for (const stage of role.stages) {
      const count = stage.work(nowMs)
      if (count === 0) continue
      const endMs = clock.nowMs()
      metrics.observeBatch(STAGES.indexOf(stage.name), count, endMs - startMs)
      startMs = endMs
      done += count
    }
    role.publish()
  }
  return done
}

export class Loop {
  readonly #deps: LoopDeps
  readonly #alarm: Alarm
  readonly #run: () => void
  #isScheduled = false
  #isAsleep = false
  #isStopped = false
  #alarmMs = Number.POSITIVE_INFINITY

  constructor(deps: LoopDeps) {
    this.#deps = deps
    this.#run = () => this.#turn()
    this.#alarm = new Alarm(() => {
      this.#alarmMs = Number.POSITIVE_INFINITY
      this.wake()
    })
    deps.wheel.onScheduled = dueMs => {
      if (this.#isAsleep && dueMs < this.#alarmMs) this.#setAlarm(dueMs)
    }
  }

  /** A doorbell was rung, or a deadline has come. */
  wake(): void {
    if (this.#isScheduled || this.#isStopped) return
    this.#isScheduled = true
    this.#isAsleep = false
    this.#deps.sleeper.endSleep()
    soon(this.#run)
  }

  stop(): void {
    this.#isStopped = true
    this.#alarm.clear()
    this.#deps.wheel.onScheduled = null
  }

  #turn(): void {
    this.#isScheduled = false
    if (this.#isStopped) return
    const { roles, wheel, clock, metrics, sleeper, onFailure } = this.#deps
    try {
      if (runTurn(roles, wheel, clock, metrics, clock.nowMs()) > 0) {
        this.wake()
        return
      }
      sleeper.beginSleep()
      if (runTurn(roles, wheel, clock, metrics, clock.nowMs()) > 0) {
        this.wake()
        return
      }
    } catch (error) {
      this.stop()
      onFailure(error)
      return
    }
    metrics.add(M.wakeups, 1)
    this.#isAsleep = true
    this.#alarmMs = Number.POSITIVE_INFINITY
    const dueMs = wheel.nextDueMs()
    if (dueMs !== Number.POSITIVE_INFINITY) this.#setAlarm(dueMs)
  }

  #setAlarm(dueMs: number): void {
    this.#alarmMs = dueMs
    this.#alarm.setAt(dueMs, this.#deps.clock.nowMs())
  }
}

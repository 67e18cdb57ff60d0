/**
 * Notices that a stream is dead though nothing says so: a half-open connection, a laptop that slept.
 *
 * A server says something at least every `keepaliveMs`, so silence for that long and some slack is death. Over WebSocket
 * what it says may be a ping, which browsers do not show. There, a quarter of the slack after keepaliveMs, `probe` asks
 * for an answer, and only silence for the rest of the slack behind that question is death. A server whose keepalive can
 * be seen is never asked.
 *
 * Invariants (test/rules.md, CL):
 *  - `heard` costs a clock reading: the timer is not moved, it looks again when it fires.
 *  - A timer that fires late (a throttled tab) judges by what was heard, and never without the question where there is one.
 */

import { Alarm, type Runtime } from './runtime.ts'

const PROBE_PART = 0.25

export interface WatchdogCalls {
  readonly probe: () => void
  readonly dead: () => void
}

export class Watchdog {
  readonly #runtime: Runtime
  readonly #calls: WatchdogCalls
  readonly #slackMs: number
  readonly #alarm: Alarm
  #patienceMs = 0
  #canProbe = false
  #isProbing = false
  /** When something was heard, or asked. */
  #lastMs = 0

  constructor(runtime: Runtime, slackMs: number, calls: WatchdogCalls) {
    this.#runtime = runtime
    this.#slackMs = slackMs
    this.#calls = calls
    this.#alarm = new Alarm(runtime, () => this.#look())
  }

  /** A stream begins, of a server that is never silent for longer than `keepaliveMs`; 0: one that promises nothing. */
  start(keepaliveMs: number, canProbe: boolean): void {
    this.stop()
    if (keepaliveMs <= 0) return
    this.#canProbe = canProbe
    this.#patienceMs = keepaliveMs + this.#slackMs * (canProbe ? PROBE_PART : 1)
    this.heard()
    this.#alarm.set(this.#patienceMs)
  }

  heard(): void {
    this.#lastMs = this.#runtime.nowMs()
    this.#isProbing = false
  }

  stop(): void {
    this.#alarm.clear()
  }

  #look(): void {
    const boundMs = this.#isProbing ? this.#slackMs * (1 - PROBE_PART) : this.#patienceMs
    const restMs = this.#lastMs + boundMs - this.#runtime.nowMs()
    if (restMs > 0) {
      this.#alarm.set(restMs)
    } else if (this.#canProbe && !this.#isProbing) {
      this.#lastMs = this.#runtime.nowMs()
      this.#isProbing = true
      this.#alarm.set(this.#slackMs * (1 - PROBE_PART))
      this.#calls.probe()
    } else {
      this.#calls.dead()
    }
  }
}

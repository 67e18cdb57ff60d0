/**
 * Where the client library runs, without a clock, a network or chance: time stands still until a test moves it, and random
 * numbers are those that the test puts in.
 */

import type { Runtime } from '#src/client/runtime.ts'
import type { Fetch, WebSocketClass } from '#src/client/transports/transport.ts'
import { soon } from '#src/time/real-timers.ts'

interface Timer {
  readonly dueMs: number
  readonly call: () => void
}

/** What promises that are settled already have to do is done. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise<void>(resolve => soon(resolve))
}

export class FakeRuntime implements Runtime {
  /** What random() gives; the tests that do not care wait for the bound, nearly. */
  draw: () => number = () => 0.999_999
  fetch: Fetch = () => Promise.reject(new Error('nothing is fetched in this test'))
  WebSocket: WebSocketClass | null = null
  /** Who wants to know that the network is there again. */
  readonly online = new Set<() => void>()
  readonly #timers = new Set<Timer>()
  #nowMs = 5_000

  readonly nowMs = (): number => this.#nowMs

  readonly random = (): number => this.draw()

  readonly onOnline = (listener: () => void): (() => void) => {
    this.online.add(listener)
    return () => this.online.delete(listener)
  }

  readonly setTimer = (call: () => void, ms: number): Timer => {
    const timer = { dueMs: this.#nowMs + ms, call }
    this.#timers.add(timer)
    return timer
  }

  readonly clearTimer = (timer: unknown): void => {
    this.#timers.delete(timer as Timer)
  }

  get timers(): number {
    return this.#timers.size
  }

  /** When the next timer fires, in ms from now; Infinity without one. */
  get nextMs(): number {
    return Math.min(...[...this.#timers].map(({ dueMs }) => dueMs)) - this.#nowMs
  }

  /** Moves time, stops at each timer on the way and lets promises settle there. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms
    for (let timer = this.#dueBy(endMs); timer !== null; timer = this.#dueBy(endMs)) {
      this.#nowMs = Math.max(this.#nowMs, timer.dueMs)
      this.#timers.delete(timer)
      timer.call()
      await settle()
    }
    this.#nowMs = endMs
    await settle()
  }

  /** Time passes and no timer fires, as on a machine that sleeps. */
  sleep(ms: number): void {
    this.#nowMs += ms
  }

  /** Fires the next timer, if there is one; without waiting for any promise. */
  step(): boolean {
    const timer = this.#dueBy(Number.POSITIVE_INFINITY)
    if (timer === null) return false
    this.#nowMs = Math.max(this.#nowMs, timer.dueMs)
    this.#timers.delete(timer)
    timer.call()
    return true
  }

  /** Of those due by then the first one; of those due at once the one that was set first. */
  #dueBy(endMs: number): Timer | null {
    let first: Timer | null = null
    for (const timer of this.#timers) {
      if (timer.dueMs <= endMs && (first === null || timer.dueMs < first.dueMs)) first = timer
    }
    return first
  }
}

/** A browser's clocks and timers that stand still until a test moves them. */

import type { Platform } from '#src/page/app/platform.ts'

interface Timer {
  dueMs: number
  /** Infinity: once. */
  readonly everyMs: number
  readonly call: () => void
}

export class FakePlatform implements Platform {
  #nowMs = 0
  readonly #timers = new Set<Timer>()
  #soon: (() => void)[] = []

  readonly nowMs = (): number => this.#nowMs
  readonly wallMs = (): number => 1_700_000_000_000 + this.#nowMs

  readonly every = (ms: number, call: () => void): (() => void) =>
    this.#add({ dueMs: this.#nowMs + ms, everyMs: ms, call })

  readonly after = (ms: number, call: () => void): (() => void) =>
    this.#add({ dueMs: this.#nowMs + ms, everyMs: Number.POSITIVE_INFINITY, call })

  readonly soon = (call: () => void): void => {
    this.#soon.push(call)
  }

  get timerCount(): number {
    return this.#timers.size
  }

  /** The end of a turn. */
  settle(): void {
    while (this.#soon.length > 0) this.#soon.shift()!()
  }

  advance(ms: number): void {
    const endMs = this.#nowMs + ms
    for (;;) {
      const [next] = [...this.#timers].sort((a, b) => a.dueMs - b.dueMs)
      if (next === undefined || next.dueMs > endMs) break
      this.#nowMs = next.dueMs
      next.dueMs += next.everyMs
      if (next.everyMs === Number.POSITIVE_INFINITY) this.#timers.delete(next)
      next.call()
      this.settle()
    }
    this.#nowMs = endMs
  }

  #add(timer: Timer): () => void {
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }
}

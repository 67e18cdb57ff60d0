/**
 * Time as it is handed to everything that needs it. Nothing outside src/time reads a clock or sets a timer.
 * Unit: milliseconds, fractional.
 */

export interface Clock {
  /** Monotonic within the process and comparable between its threads; near the wall clock's ms since 1970. */
  nowMs(): number
}

/** The machine's clock. */
export const realClock: Clock = {
  nowMs: () => performance.timeOrigin + performance.now(),
}

/** A clock that stands still until it is moved: for simulation and tests. */
export class VirtualClock implements Clock {
  #nowMs: number

  constructor(startMs = 1_000_000) {
    this.#nowMs = startMs
  }

  nowMs(): number {
    return this.#nowMs
  }

  advance(ms: number): void {
    this.#nowMs += ms
  }
}

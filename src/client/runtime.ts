/**
 * What the library takes from where it runs: a clock, timers, random numbers, fetch and WebSocket. Browsers and Node have
 * all of it; tests and programs with needs of their own (a fetch with credentials, say) hand in other ones.
 *
 * The only place of the library that touches a clock or sets a timer.
 */

import type { TransportRuntime, WebSocketClass } from './transports/transport.ts'

export interface Runtime extends TransportRuntime {
  /** From 0 to 1, 1 excluded. */
  readonly random: () => number
  /** Calls the listener when the way to the network is there again; the function that comes back ends that. */
  readonly onOnline: (listener: () => void) => () => void
}

/** Timers of browsers and Node fire at once beyond this. */
const TIMER_MS_MAX = 2_147_483_647
const RANDOM_RANGE = 2 ** 32

export function platformRuntime(): Runtime {
  return {
    nowMs: () => performance.now(),
    random: () => crypto.getRandomValues(new Uint32Array(1))[0]! / RANDOM_RANGE,
    setTimer: (call, ms) => setTimeout(call, ms),
    clearTimer: timer => clearTimeout(timer as number),
    fetch: (url, init) => fetch(url, init),
    WebSocket: 'WebSocket' in globalThis ? (globalThis.WebSocket as WebSocketClass) : null,
    onOnline,
  }
}

/** Browsers tell their pages and workers; where nobody tells, tries come when they are due. */
function onOnline(listener: () => void): () => void {
  const scope = globalThis as Partial<Pick<EventTarget, 'addEventListener' | 'removeEventListener'>>
  scope.addEventListener?.('online', listener)
  return () => scope.removeEventListener?.('online', listener)
}

/** One timer that is set again and again. */
export class Alarm {
  readonly #runtime: Runtime
  readonly #call: () => void
  #timer: unknown = null

  constructor(runtime: Runtime, call: () => void) {
    this.#runtime = runtime
    this.#call = call
  }

  get isSet(): boolean {
    return this.#timer !== null
  }

  /** In `ms` from now; an earlier setting is forgotten. */
  set(ms: number): void {
    this.clear()
    this.#timer = this.#runtime.setTimer(
      () => {
        this.#timer = null
        this.#call()
      },
      Math.min(Math.max(0, ms), TIMER_MS_MAX),
    )
  }

  clear(): void {
    if (this.#timer === null) return
    this.#runtime.clearTimer(this.#timer)
    this.#timer = null
  }
}

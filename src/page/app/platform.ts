/**
 * What the page takes from the browser besides the DOM: clocks and timers. The only place of the page that touches them, so
 * that everything else can be run by a test with its own.
 */

export interface Platform {
  /** Monotonic, in ms. */
  readonly nowMs: () => number
  /** Since 1970, in ms, by this machine's clock. */
  readonly wallMs: () => number
  /** Calls each `ms` until the function that comes back is called. */
  readonly every: (ms: number, call: () => void) => () => void
  /** Calls once, in `ms`, unless the function that comes back is called first. */
  readonly after: (ms: number, call: () => void) => () => void
  /** Calls when what runs now is done, and before anything else. */
  readonly soon: (call: () => void) => void
}

export const browserPlatform: Platform = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  every: (ms, call) => {
    const timer = setInterval(call, ms)
    return () => clearInterval(timer)
  },
  after: (ms, call) => {
    const timer = setTimeout(call, ms)
    return () => clearTimeout(timer)
  },
  soon: call => queueMicrotask(call),
}

/** What the two threads of doorbell-costs.ts share. */

import type { MessagePort } from 'node:worker_threads'

export interface SleeperTask {
  /** Null: sleeps in Atomics.wait. */
  readonly port: MessagePort | null
  readonly sleepWord: SharedArrayBuffer
  readonly words: Int32Array<SharedArrayBuffer>
}

const WORDS_BYTES = 64

export function createWords(): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(WORDS_BYTES))
}

/** The last ring that was answered; whoever rings looks at it. */
export const WOKEN = 0
/** The last ring that was made: what a sleeper in Atomics.wait waits on. */
export const RUNG = 1
/** Never changes: to pause on. */
export const QUIET = 2
/** What RUNG says to a sleeper in Atomics.wait that may go. */
export const STOP = -1

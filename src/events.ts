/**
 * What happens to a server as a whole, told to whoever listens: the control plane's events, a handful in a server's life.
 * Nothing of the data plane is an event. The only door to eventemitter3.
 *
 * Invariants (test/rules.md, P):
 *  - In this order, each at most once: started, listening, draining, stopped. A server that cannot start tells none
 *    after the last one that came true.
 *  - failed comes at most once, between listening and stopped: a thread died. Draining and stopped come after it when
 *    the server is closed, as they do otherwise.
 *  - Listeners run at once, in the order they came; one that throws throws into the server: listeners do not throw.
 */

import { EventEmitter } from 'eventemitter3'
import type { ProgramError } from '#src/errors.ts'

export interface Listening {
  readonly httpPort: number
  readonly feedPort: number
}

export interface LifecycleEvents {
  /** The threads are there; nothing listens yet. */
  started: (server: { readonly placement: string; readonly threads: readonly string[] }) => void
  /** Every listener accepts. */
  listening: (ports: Listening) => void
  /** The server goes down: it is not ready any more, sessions are told to come back. */
  draining: () => void
  /** Every thread has ended. */
  stopped: () => void
  failed: (reason: ProgramError) => void
}

export type Lifecycle = EventEmitter<LifecycleEvents>

export function createLifecycle(): Lifecycle {
  return new EventEmitter<LifecycleEvents>()
}

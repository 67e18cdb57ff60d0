/** What a client tells its application besides data. */

import type { MillraceError } from './errors.ts'
import type { TransportName } from './transports/transport.ts'

/**
 * connecting: until the server's welcome. connected: there is a stream. waiting: until the next try. closing: close() waits
 * for the server. closed: for good.
 */
export type ClientState = 'connecting' | 'connected' | 'waiting' | 'closing' | 'closed'

export interface StateEvent {
  readonly state: ClientState
  /** The one that is tried, or carries the stream, or is tried next; null when closed. */
  readonly transport: TransportName | null
  /** Of `waiting`: when the next try is, in ms. */
  readonly retryInMs: number | null
  /** Why the state before did not last; null where that was asked for. */
  readonly reason: MillraceError | null
}

/** A stream has begun. */
export interface WelcomeEvent {
  readonly session: string
  readonly epoch: string
  readonly transport: TransportName
}

/** The session was taken up where it was: nothing is missing and nothing is repeated. */
export interface RecoveredEvent {
  readonly session: string
}

/** The session could not be taken up: what the application has is not certain any more, and all begins anew. */
export interface LostEvent {
  readonly session: string
  /** SESSION_UNKNOWN, POSITION_UNKNOWN, POSITION_TOO_OLD, or why the server ended the session. */
  readonly why: string
  /** False: the same session goes on, with snapshots. */
  readonly isNewSession: boolean
}

/** The server ends the stream. */
export interface ClosingEvent {
  readonly code: string
  readonly message: string
  /** When to come back; null: the session is no more. */
  readonly retryMs: number | null
}

export interface ClientEvents {
  readonly state: StateEvent
  readonly welcome: WelcomeEvent
  readonly recovered: RecoveredEvent
  readonly lost: LostEvent
  readonly closing: ClosingEvent
  /** What went wrong, also where the library helps itself. Told once, before the state that it leads to. */
  readonly error: MillraceError
}

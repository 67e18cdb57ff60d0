/** What clients ask for (docs/protocol.md), after validation: every value is within its limits. */

import type { ClientErrorCode } from '#src/errors.ts'

export const MODES = ['merge', 'distinct', 'command', 'raw'] as const
export type Mode = (typeof MODES)[number]
/** Whether its subscriptions read the item's log, and not only its newest values. */
export function isLoggedMode(mode: Mode): boolean {
  return mode === 'raw' || mode === 'distinct'
}

/** Raw mode only: what happens to a subscription that fell off the end of an item's log. */
export type OnLost = 'end' | 'snapshot'
/** How records are written. */
export type Encoding = 'json' | 'terse'
/** What carries a stream. */
export type Transport = 'sse' | 'ndjson' | 'websocket' | 'poll'

/** The rows `from` to `from + count - 1` in the order of a field. */
export interface RowWindow {
  readonly sort: string
  readonly isDescending: boolean
  readonly from: number
  readonly count: number
}

export interface SubscriptionRequest {
  /** The client's choice, 0 to SUBSCRIPTION_ID_MAX. */
  readonly id: number
  /** Distinct names of items, in the order asked for. */
  readonly items: readonly string[]
  /** Distinct beginnings of names, without their `*`: every item that begins so. Together with `items` at least one. */
  readonly prefixes: readonly string[]
  /** Distinct names of fields, or null for all. */
  readonly fields: readonly string[] | null
  readonly mode: Mode
  /** The key of a filter (filter.ts) that values are held against, or null. */
  readonly filter: string | null
  /** Command mode only: which rows, in which order; null: all. */
  readonly window: RowWindow | null
  /** Updates a second an item; 0 is no limit. */
  readonly maxFrequency: number
  /** Whether an item begins with its whole current value, or in distinct mode with updates that it had before. */
  readonly hasSnapshot: boolean
  /** Distinct mode only: of how many updates the snapshot is at most; null: as is set for the item. */
  readonly historyMax: number | null
  /** Distinct mode only: how many updates of an item may wait, before the oldest are dropped; 0: as many as its log holds. */
  readonly bufferSize: number
  readonly onLost: OnLost
}

export const SUBSCRIPTION_ID_MAX = 2 ** 31 - 1

/** `number` orders a session's requests; null: as it comes, answered only where it is refused. */
export type SessionRequest =
  | { readonly kind: 'subscribe'; readonly number: number | null; readonly subscription: SubscriptionRequest }
  | { readonly kind: 'change'; readonly number: number | null; readonly id: number; readonly maxFrequency: number }
  | { readonly kind: 'pause' | 'resume' | 'unsubscribe'; readonly number: number | null; readonly id: number }
  | {
      readonly kind: 'limits'
      readonly number: number | null
      /** Bytes a second; 0 is no limit, null leaves it. */
      readonly maxBandwidth: number | null
      /** In ms; 0 is none, null leaves it. */
      readonly maxDelayMs: number | null
    }
  | {
      readonly kind: 'message'
      readonly number: number | null
      readonly to: string
      /** As JSON text. */
      readonly data: string
      readonly timeoutMs: number
    }
  | { readonly kind: 'destroy'; readonly number: number | null }
  | { readonly kind: 'ack'; readonly position: number }
  | { readonly kind: 'bad'; readonly number: number | null; readonly code: ClientErrorCode; readonly message: string }

/** What a stream, or a poll, is to carry. */
export interface BindRequest {
  readonly transport: Transport
  readonly encoding: Encoding
  /** The session to take up, and the last position handled; null: a new one. */
  readonly resume: { readonly session: string; readonly position: number } | null
  /** Where the session is no more: a new one takes its place. */
  readonly mayOpen: boolean
  /** Of a new session: its first subscription. */
  readonly opening: SubscriptionRequest | null
  /** Of a new session, in ms; 0 is none. */
  readonly maxDelayMs: number
  /** Of a new session, in bytes a second; 0 is no limit. */
  readonly maxBandwidth: number
  /** Carried out before the stream begins. */
  readonly requests: readonly SessionRequest[]
  /** Of a poll: how long it is held while there is nothing to say. */
  readonly waitMs: number
}

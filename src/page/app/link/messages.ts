/**
 * What a page and the hub say to each other over a port. The hub holds the one connection to the server (hub.ts), in a
 * shared worker for all tabs or in the page itself; both ends are plain data, so they need not know which.
 *
 *   page ─▶ hub   hello, want, drop, rate, transport, beat, bye
 *   hub ─▶ page   welcome, changes, connection, forgotten
 */

import type { ClientState, FieldValues, TransportName } from '#src/client/index.ts'

/** What a panel wants to see: a subscription, but for its rate, which is the same for all. */
export interface Wish {
  readonly items: readonly string[]
  readonly mode: 'merge' | 'distinct' | 'command'
  readonly filter?: string
  readonly sort?: string
  readonly count?: number
  /** Of `distinct`: so many of the newest updates first. */
  readonly snapshot?: number
}

/** Which transports may be used: all, best first, or one alone. */
export type TransportChoice = 'auto' | TransportName

export const TRANSPORT_CHOICES: readonly TransportChoice[] = ['auto', 'websocket', 'sse', 'poll']

export type ToHub =
  | { readonly kind: 'hello' }
  /** `id` is the page's own; what comes of the wish bears it. */
  | { readonly kind: 'want'; readonly id: number; readonly wish: Wish }
  | { readonly kind: 'drop'; readonly id: number }
  /** Updates a second of each item; null: as they come. */
  | { readonly kind: 'rate'; readonly rate: number | null }
  | { readonly kind: 'transport'; readonly choice: TransportChoice }
  /** The page is still there: a port does not say that its page has gone. */
  | { readonly kind: 'beat' }
  | { readonly kind: 'bye' }

export type FromHub =
  | { readonly kind: 'welcome' }
  | { readonly kind: 'changes'; readonly id: number; readonly changes: readonly Change[] }
  | { readonly kind: 'connection'; readonly connection: ConnectionView }
  /** The hub has given the page up, which was silent for too long: it says hello again. */
  | { readonly kind: 'forgotten' }

/** One thing that befell a wish, in order. Who comes late gets the same words, put together from what is there. */
export type Change =
  | {
      readonly type: 'update'
      readonly item: string
      readonly fields: FieldValues
      readonly timeMs: number | null
      /** The fields are all that the item has. */
      readonly isSnapshot: boolean
      /** Of `distinct`: it was there before the wish. */
      readonly isHistory: boolean
    }
  | {
      readonly type: 'row'
      readonly item: string
      readonly key: string
      readonly command: 'ADD' | 'UPDATE' | 'DELETE'
      readonly fields: FieldValues
    }
  | { readonly type: 'cleared' | 'complete' | 'deleted'; readonly item: string }
  | { readonly type: 'stale'; readonly item: string; readonly isStale: boolean }
  | { readonly type: 'lost'; readonly item: string; readonly count: number }
  /** What there was counts no more; it comes again. */
  | { readonly type: 'reset' }
  | { readonly type: 'subscribed'; readonly items: number }
  | { readonly type: 'ended'; readonly code: string; readonly message: string }

/** What the connection does, told each second and when it changes. */
export interface ConnectionView {
  readonly state: ClientState
  readonly transport: TransportName | null
  readonly choice: TransportChoice
  readonly encoding: 'terse' | 'json' | null
  readonly session: string | null
  /** In a shared worker. */
  readonly isShared: boolean
  readonly tabs: number
  readonly subscriptions: number
  readonly items: number
  readonly rate: number | null
  /** Breaks after which the session went on where it was, and those after which it began anew. */
  readonly recovered: number
  readonly begunAnew: number
  /** What went wrong last; null while it is connected. */
  readonly problem: string | null
  readonly received: number
  readonly conflated: number
  readonly receivedPerSecond: number
  readonly conflatedPerSecond: number
  /** Of letters before any compression; null where nothing was counted. */
  readonly bytesPerSecond: number
  /** Of updates of the last second that say their time: the median, and the last one. Null: there were none. */
  readonly ageMedianMs: number | null
  readonly ageLastMs: number | null
}

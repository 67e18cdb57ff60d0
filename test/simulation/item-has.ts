/** What a client has of an item, as it is kept at each flush and put back when the session is set back to that flush. */

import type { Value } from './model.ts'

export interface Has {
  readonly places: readonly number[] | null
  readonly seq: number
  readonly lost: number
  readonly stateAt: number
  readonly isAfterLost: boolean
  readonly isEndTold: boolean
  readonly isDeletedTold: boolean
  readonly isAfterSnapshot: boolean
  readonly fields: ReadonlyMap<string, Value> | null
  readonly isPartial: boolean
  readonly isStale: boolean | null
  readonly updates: number
  readonly lostTotal: number
  readonly functionBase: number | null
}

/**
 * A client's subscription in its session: a choice of items and fields, with how they are to be sent. What is kept for each
 * of its items is an interest (interests.ts).
 */

import type { Mode, OnLost, RowWindow, SubscriptionRequest } from './session-request.ts'

export class Subscription {
  /** The client's choice. */
  readonly id: number
  readonly mode: Mode
  /** Sorted, or null for all. */
  readonly fields: readonly string[] | null
  /** Of its views: what they have in common. */
  key: string
  /** Names that begin so are followed as they come and go. */
  readonly prefixes: readonly string[]
  /** Of the filter that values are held against, or null. What it says is kept by the views, which share it. */
  readonly filterKey: string | null
  readonly window: RowWindow | null
  readonly hasSnapshot: boolean
  readonly historyMax: number | null
  readonly bufferSize: number
  readonly onLost: OnLost
  /** The core's position when it began: who was sent less knows nothing of it. */
  startedAt: number
  /** The least time between two updates of an item; 0 is none. */
  intervalMs: number
  isPaused = false

  constructor(request: SubscriptionRequest, intervalMs: number, startedAt: number) {
    const { id, mode, fields, prefixes, onLost } = request
    this.id = id
    this.mode = mode
    this.fields = fields === null ? null : [...fields].sort()
    this.filterKey = request.filter
    this.window = request.window
    this.key = keyOf(mode, this.fields, request)
    this.prefixes = prefixes
    this.hasSnapshot = request.hasSnapshot
    this.historyMax = request.historyMax
    this.bufferSize = request.bufferSize
    this.onLost = onLost
    this.startedAt = startedAt
    this.intervalMs = intervalMs
  }
}

/** What its views have in common, as text: equal texts are equal views. */
function keyOf(mode: Mode, fields: readonly string[] | null, { filter, window }: SubscriptionRequest): string {
  const chosen = fields === null ? mode : `${mode}:${fields.join()}`
  if (filter === null && window === null) return chosen
  return JSON.stringify([chosen, filter, window === null ? null : Object.values(window)])
}

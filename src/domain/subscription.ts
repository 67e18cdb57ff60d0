/**
 * A client's subscription in its session: a choice of items and fields, with how they are to be sent. What is kept for each
 * of its items is an interest (interests.ts).
 */

import type { Mode, OnLost, SubscriptionRequest } from './session-request.ts'

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
    this.key = this.fields === null ? mode : `${mode}:${this.fields.join()}`
    this.prefixes = prefixes
    this.hasSnapshot = request.hasSnapshot
    this.historyMax = request.historyMax
    this.bufferSize = request.bufferSize
    this.onLost = onLost
    this.startedAt = startedAt
    this.intervalMs = intervalMs
  }
}

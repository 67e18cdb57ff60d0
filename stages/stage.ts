/**
 * The contract of a stage: a handler with a bounded inbound queue, a stated policy when that is full, a batching limit
 * and the same metrics as every other stage.
 *
 * A stage gets its queues, clock and metrics handed in; it knows no thread and no other stage. `work` takes what waits
 * in its inbound queue, up to its batching limit, and returns how many things it did: 0 tells the duty cycle that it
 * has nothing to do. It never blocks, and never throws for what a peer did.
 */

import type { StageName } from '#src/metrics/names.ts'

export interface Stage {
  readonly name: StageName
  work(nowMs: number): number
  /** What waits in the inbound queue, and its bound, in `queueUnit`. */
  readonly queueUnit: 'bytes' | 'records'
  queueDepth(): number
  queueCapacity(): number
}

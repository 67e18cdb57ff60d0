/**
 * A server that a workload can be put through: Millrace, a peer, or the floor (a loop that only writes). Started as
 * processes of its own; what they use is read from /proc.
 */

import type { ClientProtocol } from '#perf/load/client-protocols.ts'
import type { FeedProtocol } from '#perf/load/feed-protocols.ts'
import type { Ledger, QueueUse, ThreadUse } from '#perf/result.ts'
import type { Workload } from '#perf/workload.ts'

export interface Target {
  readonly name: string
  /** One line: what it is and in which setting. */
  readonly about: string
  /** How clients talk to it. */
  readonly client: ClientProtocol
  /** How the feed talks to it; null: it makes the updates itself (the floor). */
  readonly feed: FeedProtocol | null
  /** Null when it can run here, else what is missing and how to get it. */
  whyMissing(): string | null
  start(workload: Workload): Promise<RunningTarget>
}

/** What a server says of itself. */
export interface Insight {
  readonly ledger: Ledger
  /** Writes of flushes to sockets so far. */
  readonly flushes: number
  readonly threads: readonly ThreadUse[]
  /** With the depth of this moment. */
  readonly queues: readonly QueueUse[]
}

export interface RunningTarget {
  /** Its processes: their CPU and memory are the server's. */
  readonly pids: readonly number[]
  readonly clientPort: number
  readonly feedPort: number
  /** All clients are there: one that makes its updates itself begins with them. */
  begin?(): void
  /** Null: it does not tell. */
  insight(): Promise<Insight | null>
  stop(): Promise<void>
}

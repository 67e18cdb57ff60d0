/** What the harness and its load processes tell each other. */

import type { Workload } from '#perf/workload.ts'

/**
 * - fast, raw: read as fast as they can, `raw` those whose mode differs from the workload's;
 * - churning: the same, but each closes its connection now and then and opens another;
 * - slow, stalled: read a few bytes a second; nothing;
 * - idle: have an item that nobody publishes;
 * - storm: have an item that is published once; they come all at once.
 */
export type GroupName = 'fast' | 'raw' | 'churning' | 'slow' | 'stalled' | 'idle' | 'storm'

/** Clients that behave alike. */
export interface ClientGroup {
  readonly name: GroupName
  /** Number of its first client: says which items each reads. */
  readonly first: number
  readonly count: number
  /** Null: as fast as it can; 0: nothing once it has its items. */
  readonly bytesPerSecond: number | null
  /** Null: those that the workload gives to each client. */
  readonly items: readonly string[] | null
  readonly mode: Workload['mode']
  readonly maxDelayMs: number
  /** How long a connection lives, in the mean; null: until the end. */
  readonly lifeMs: number | null
  /** What it takes for a client to be served: the head of its stream, or the first update. */
  readonly servedBy: 'head' | 'update'
}

export interface ClientJob {
  readonly port: number
  readonly protocol: string
  readonly workload: Workload
  /** Names of the workload's items. */
  readonly names: readonly string[]
  readonly groups: readonly ClientGroup[]
  /** The fewest bytes between two updates: see Scanner. */
  readonly distanceMin: number
  /** The first two numbers of the loopback addresses that this process connects from: see sourceAddress. */
  readonly network: string
}

export interface GroupCount {
  readonly name: GroupName
  readonly received: number
  readonly bytes: number
  readonly reads: number
  /** HdrHistograms in base64, of µs: of the time since the last count. */
  readonly latency: string
  readonly age: string
  /** Connections that the server ended since the start. */
  readonly closed: number
  /** Connections that the client ended to make another, or went on over another instead of, since the start. */
  readonly renewed: number
}

/** How long clients waited that came together. */
export interface Waits {
  readonly clients: number
  /** From the first attempt to when all were served. */
  readonly seconds: number
  /** Attempts that failed and were made again. */
  readonly failures: number
  /** HdrHistograms in base64, of µs, from a client's first attempt: to its first byte, to when it was served. */
  readonly firstByte: string
  readonly served: string
}

export type ToClients =
  | { readonly do: 'open'; readonly job: ClientJob }
  /** One client of so many takes the latency of each of its updates; 0: none. */
  | { readonly do: 'time'; readonly every: number }
  /** Answered by a count of what came since the last one. */
  | { readonly do: 'count' }
  /** Stalled clients read again. */
  | { readonly do: 'resume' }
  /** All connections are closed and made again, at once. */
  | { readonly do: 'reconnect' }
  /** Updates with this stamp are the last ones: each client gets one of each of its items. No connection is renewed any more. */
  | { readonly do: 'ending'; readonly stamp: number }
  /** Answered by how many clients, of those that read all they get, have not exactly the last updates. */
  | { readonly do: 'ends' }

export type FromClients =
  | { readonly is: 'open'; readonly waits: Waits }
  | { readonly is: 'count'; readonly groups: readonly GroupCount[]; readonly utilisation: number }
  /** Of each client that stalled: how old the first update was that became due after it read again; null: none came. */
  | { readonly is: 'resumed'; readonly freshAgesMs: readonly (number | null)[] }
  | { readonly is: 'reconnected'; readonly waits: Waits }
  | { readonly is: 'ending' }
  | { readonly is: 'ends'; readonly wrong: number }
  | { readonly is: 'failed'; readonly why: string }

export interface FeedJob {
  readonly port: number
  readonly protocol: string
  readonly workload: Workload
  /** A recording to play instead: a path. The rate is then how much faster than it was recorded. */
  readonly recording: string | null
}

/** As much as a server takes, on so many connections, within the windows that it grants. */
export interface FloodJob {
  readonly connections: number
  readonly seconds: number
}

export type ToFeed =
  | { readonly do: 'open'; readonly job: FeedJob }
  /** Updates a second of each item. */
  | { readonly do: 'rate'; readonly rate: number }
  | { readonly do: 'flood'; readonly job: FloodJob }
  /** Answered by what was due since the last count. */
  | { readonly do: 'count' }
  | { readonly do: 'stop' }
  /** Publishes a last update of every item, with this stamp. */
  | { readonly do: 'close'; readonly stamp: number }

export type FromFeed =
  | { readonly is: 'open' }
  /** By item; those of a flood, which are due when they are sent, too. */
  | { readonly is: 'count'; readonly due: readonly number[]; readonly sent: number; readonly lateMsMax: number }
  /** Until the last line was acknowledged; busy: share of that time that the feed's event loop was. */
  | { readonly is: 'flooded'; readonly lines: number; readonly seconds: number; readonly utilisation: number }
  | { readonly is: 'stopped' }
  /** By item: a line with what all its fields are now. */
  | { readonly is: 'closed'; readonly truth: readonly string[] }
  | { readonly is: 'failed'; readonly why: string }

/**
 * Which threads there are and what each does: a pure function of the settings.
 *
 * `pools`: feedThreads take feeds, coreThreads conflate, edgeThreads serve clients; with feedThreads = 0 the edges take
 * feeds too. `single`: one thread does everything; main only watches it, as it does the pools.
 *
 * Numbers: a thread has its place in the list; a lane (whoever may publish: feed and edge threads), a core and an edge are
 * each counted from 0. A key goes to a thread by homeOf (items) or in turn (sessions).
 */

import type { Config } from '#src/config/config.ts'

export type PoolName = 'feed' | 'core' | 'edge' | 'single'

export interface ThreadPlan {
  /** Such as `core-1`: profilers, logs and metrics show it. */
  readonly name: string
  readonly pool: PoolName
  readonly index: number
  readonly takesFeeds: boolean
  /** -1 where the thread has no such part. */
  readonly lane: number
  readonly core: number
  readonly edge: number
}

export interface Placement {
  readonly threads: readonly ThreadPlan[]
  readonly lanes: number
  readonly cores: number
  readonly edges: number
}

export function planThreads(config: Config): Placement {
  if (config.placement === 'single') {
    const thread = { name: 'single-0', pool: 'single', index: 0, takesFeeds: true, lane: 0, core: 0, edge: 0 } as const
    return { threads: [thread], lanes: 1, cores: 1, edges: 1 }
  }
  const { feedThreads, coreThreads, edgeThreads } = config
  const threads: ThreadPlan[] = []
  for (let i = 0; i < feedThreads; i++) {
    threads.push({ name: `feed-${i}`, pool: 'feed', index: i, takesFeeds: true, lane: i, core: -1, edge: -1 })
  }
  for (let i = 0; i < coreThreads; i++) {
    threads.push({ name: `core-${i}`, pool: 'core', index: i, takesFeeds: false, lane: -1, core: i, edge: -1 })
  }
  for (let i = 0; i < edgeThreads; i++) {
    const lane = feedThreads + i
    threads.push({ name: `edge-${i}`, pool: 'edge', index: i, takesFeeds: feedThreads === 0, lane, core: -1, edge: i })
  }
  return { threads, lanes: feedThreads + edgeThreads, cores: coreThreads, edges: edgeThreads }
}

/**
 * A mixed load for a long time: clients in merge mode, clients in raw mode beside them, and clients that come and go.
 * Nothing may be wrong at its end, nobody cut off, and memory may not have grown.
 */

import { groupOf } from '#perf/load/groups.ts'
import type { ClientGroup } from '#perf/load/messages.ts'
import type { Run, Sample } from '#perf/result.ts'
import type { Workload } from '#perf/workload.ts'
import {
  BASE,
  benchOptions,
  notForPeers,
  ownRows,
  placements,
  type RowPlan,
  runRows,
  type Variant,
  type VariantContext,
  withBench,
  workloadOf,
} from './variant.ts'

const RAW_SHARE = 0.2
const CHURNING_SHARE = 0.1
const LIFE_MS = 5_000
const SMALL_LIFE_MS = 400
const MB = 1e6

const LOAD: Workload = {
  ...BASE,
  items: 100,
  itemsPerClient: 10,
  ratePerItem: 5,
  mode: 'merge',
  maxDelayMs: 100,
  warmupSeconds: 5,
  seconds: 600,
}

export const SOAK_VARIANT: Variant = {
  name: 'soak',
  about:
    '1,000 clients, each on 10 of 100 items, 5 updates/s an item, for 10 minutes: 70 % merge, 20 % raw, 10 % that reconnect every few seconds',
  run: async context => {
    const workload = workloadOf(LOAD, context, { items: 20 })
    const { rows, missing } = await runRows(
      ownRows(workload, placements(context).slice(0, 1), context),
      context,
      runSoak,
    )
    return { rows, missing: [...missing, ...notForPeers(context)] }
  },
}

function runSoak(plan: RowPlan, context: VariantContext): Promise<Run> {
  const { label, workload } = plan
  const { ratePerItem, warmupSeconds, seconds } = workload
  const groups = groupsOf(workload, context.isSmall ? SMALL_LIFE_MS : LIFE_MS)
  return withBench(plan, { ...benchOptions(plan, context), groups }, async bench => {
    const run = await bench.measure(label, ratePerItem, warmupSeconds, seconds)
    const renewed = bench.renewed
    const faults = await bench.finish()
    return { ...run, faults, extra: { ...run.extra, ...memoryOf(run.samples), 'connections renewed': renewed } }
  })
}

function groupsOf(workload: Workload, lifeMs: number): ClientGroup[] {
  const { clients } = workload
  const raw = Math.round(clients * RAW_SHARE)
  const churning = Math.round(clients * CHURNING_SHARE)
  return [
    groupOf(workload, { count: clients - raw - churning }),
    groupOf(workload, { name: 'raw', first: clients - raw - churning, count: raw, mode: 'raw', maxDelayMs: 0 }),
    groupOf(workload, { name: 'churning', first: clients - churning, count: churning, lifeMs }),
  ].filter(({ count }) => count > 0)
}

/** Medians, so that one collection of garbage more or less does not tell. */
function memoryOf(samples: readonly Sample[]): Record<string, number> {
  const quarter = (number: number) => {
    const from = Math.floor((samples.length * number) / 4)
    return medianResident(samples.slice(from, Math.max(from + 1, Math.floor((samples.length * (number + 1)) / 4))))
  }
  if (samples.length === 0) return {}
  const [second, last] = [quarter(1), quarter(3)]
  return {
    'memory of the second quarter MB': second / MB,
    'memory of the last quarter MB': last / MB,
    'memory grown between them MB': (last - second) / MB,
  }
}

function medianResident(samples: readonly Sample[]): number {
  const sorted = samples.map(({ residentBytes }) => residentBytes).sort((a, b) => a - b)
  return sorted[sorted.length >> 1]!
}

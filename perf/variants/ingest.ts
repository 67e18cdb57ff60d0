/**
 * How fast feeds are taken in, through parse, the ring and the merge, with nobody subscribed and with subscribers. The
 * feeds' bytes are made before the clock starts, they honour their windows, and the clock stops at the acknowledgement of
 * the last line, which says that it is merged.
 */

import type { Flood } from '#perf/bench.ts'
import type { Run } from '#perf/result.ts'
import type { Workload } from '#perf/workload.ts'
import {
  BASE,
  benchOptions,
  notForPeers,
  type OwnRow,
  ownRows,
  placementOf,
  type RowPlan,
  runRows,
  type Variant,
  type VariantContext,
  withBench,
  workloadOf,
} from './variant.ts'

const LOAD: Workload = { ...BASE, items: 100, itemsPerClient: 10, mode: 'merge', maxDelayMs: 100, seconds: 8 }
const FEEDS = [
  { connections: 1, name: 'one feed' },
  { connections: 8, name: 'eight feeds' },
]
const FEEDS_KEY = 'feed connections'

export const INGEST_VARIANT: Variant = {
  name: 'ingest',
  about:
    'lines/s from one feed and from eight, with nobody subscribed, and with 1,000 clients on 10 of 100 items, maxDelay=100',
  run: async context => {
    const workload = workloadOf(LOAD, context)
    const plans = ownRows(workload, rowsFor(workload, context), context)
    const { rows, missing } = await runRows(plans, context, runIngest)
    return { rows, missing: [...missing, ...notForPeers(context)] }
  },
}

function rowsFor({ clients }: Workload, context: VariantContext): OwnRow[] {
  const placement = placementOf(context)
  const rows = FEEDS.flatMap(({ connections, name }): OwnRow[] => {
    const extra = { [FEEDS_KEY]: connections }
    return [
      { label: name, placement, change: { clients: 0 }, extra },
      { label: `${name}, ${clients.toLocaleString('en-US')} clients`, placement, extra },
    ]
  })
  return context.isSmall ? [rows[0]!, rows.at(-1)!] : rows
}

function runIngest(plan: RowPlan, context: VariantContext): Promise<Run> {
  const { label, workload, extra } = plan
  const connections = extra![FEEDS_KEY]!
  return withBench(plan, benchOptions(plan, context), async bench => {
    await bench.flood(connections, workload.warmupSeconds)
    const { run, result } = await bench.measureWhile(label, () => bench.flood(connections, workload.seconds))
    return { ...run, faults: await bench.finish(), extra: { ...extra, ...extraOf(run, result) } }
  })
}

function extraOf(run: Run, { lines, seconds, utilisation }: Flood): Record<string, number> {
  return {
    'lines/s': lines / seconds,
    'CPU s per million lines': ((run.serverCpuShare * run.seconds) / lines) * 1e6,
    'feed process busy %': utilisation * 100,
  }
}

/**
 * What it costs that clients come: 10,000 of them, 200 at a time, and then all of them at once after they were cut off,
 * beside a constant load. Each is served when it has the value of its item, which was published once.
 */

import type { Bench } from '#perf/bench.ts'
import type { Arrivals } from '#perf/load/crew.ts'
import { groupOf } from '#perf/load/groups.ts'
import type { ClientGroup } from '#perf/load/messages.ts'
import type { Run } from '#perf/result.ts'
import type { Workload } from '#perf/workload.ts'
import { connectFeed } from '#src/feed/feed-client.ts'
import {
  BASE,
  benchOptions,
  notForPeers,
  ownRows,
  placements,
  type RowPlan,
  rowsOf,
  type Variant,
  type VariantContext,
  withBench,
  workloadOf,
} from './variant.ts'

const COMING = 10_000
const SMALL_COMING = 60
/** So long the load is measured before the storm. */
const LOAD_SECONDS = 3
const STILL_ITEM = 'still'
const STILL_STAMP = '0000000000000'

const LOAD: Workload = { ...BASE, clients: 200 }

export const CONNECT_VARIANT: Variant = {
  name: 'connect',
  about: '10,000 clients come, 200 at a time; then all reconnect at once beside 200 clients on one item, 100 updates/s',
  run: async context => {
    const workload = workloadOf(LOAD, context)
    const rounds: Run[][] = []
    for (let round = 0; round < context.runs; round++) {
      for (const plan of ownRows(workload, placements(context), context)) rounds.push(await runConnect(plan, context))
    }
    return { rows: rowsOf(rounds), missing: notForPeers(context) }
  },
}

function runConnect(plan: RowPlan, context: VariantContext): Promise<Run[]> {
  const { workload } = plan
  const coming = groupOf(workload, {
    name: 'storm',
    first: workload.clients,
    count: context.isSmall ? SMALL_COMING : COMING,
    items: [STILL_ITEM],
    servedBy: 'update',
  })
  return withBench(plan, benchOptions(plan, context), async bench => {
    const feed = connectFeed({ port: bench.server.feedPort, name: STILL_ITEM })
    try {
      await feed.ready()
      feed.publish(STILL_ITEM, { at: STILL_STAMP })
      await feed.flushed()
      return await measureComing(plan, bench, coming)
    } finally {
      await feed.close()
    }
  })
}

async function measureComing({ label, workload }: RowPlan, bench: Bench, coming: ClientGroup): Promise<Run[]> {
  const opened = await bench.measureWhile(`${label}, 200 at a time`, () => bench.join(coming))
  const { arrivals, reconnect } = opened.result
  bench.setRate(workload.ratePerItem)
  await pause(workload.warmupSeconds)
  const before = await bench.measureWhile('the load alone', () => pause(Math.min(LOAD_SECONDS, workload.seconds)))
  const storm = await bench.measureWhile(`${label}, at once`, reconnect)
  const faults = await bench.finish()
  const p99 = before.run.latencyMs?.p99
  const alone = p99 === undefined ? {} : { 'p99 of the load before ms': p99 }
  return [
    { ...opened.run, extra: extraOf(opened.run, arrivals) },
    { ...storm.run, faults, extra: { ...extraOf(storm.run, storm.result), ...alone } },
  ]
}

function pause(seconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, seconds * 1_000))
}

/** The server's CPU is all that it used in that time: what the load took is in it. */
function extraOf(run: Run, arrivals: Arrivals): Record<string, number> {
  const { clients, seconds, failures, firstByteMs, servedMs } = arrivals
  return {
    'clients that came': clients,
    'all served after s': seconds,
    'connections/s': clients / seconds,
    'server CPU ms per connection': (run.serverCpuShare * run.seconds * 1_000) / clients,
    'first byte p50 ms': firstByteMs.p50,
    'first byte p99 ms': firstByteMs.p99,
    'longest wait ms': servedMs.max,
    'attempts that failed': failures,
  }
}

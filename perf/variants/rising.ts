/**
 * The most that goes through: the rate rises step by step in one bench until clients are not served in time any more; the
 * last step that was is the result. A step that fails is tried once more after a rest, for the machine is shared.
 */

import type { Run } from '#perf/result.ts'
import { dueRate, type Workload } from '#perf/workload.ts'
import {
  benchOptions,
  ownRows,
  peerRows,
  placements,
  type RowPlan,
  runRows,
  type Variant,
  type VariantContext,
  withBench,
  workloadOf,
} from './variant.ts'
import { BROADCAST, LIBERATOR } from './workloads.ts'

const STEP = 1.2
const STEPS_MAX = 40
const STEP_SECONDS = 4
const STEP_WARMUP_SECONDS = 1.5
const PEER_START_PART = 20
const SMALL_START_RATE = 20_000
const SMALL_STEPS_MAX = 1

interface Plan {
  readonly name: string
  readonly about: string
  readonly base: Workload
  /** Due updates a second of the first step. */
  readonly startRate: number
  readonly p99MsMax: number
}

/** A log that holds what comes in a second at the highest rates: raw readers may be a burst behind. */
const LARGE_LOGS = ['--raw-log-updates', '65536', '--raw-log-bytes', '16777216']

const PLANS: readonly Plan[] = [
  {
    name: 'broadcast-max',
    about: '1,000 clients on one item in raw mode; the rate rises until p99 exceeds 100 ms',
    base: { ...BROADCAST, settings: LARGE_LOGS },
    startRate: 2_000_000,
    p99MsMax: 100,
  },
  {
    name: 'liberator-max',
    about: '10,000 clients, each on 10 of 100 items, maxDelay=100; the rate rises until p99 exceeds 500 ms',
    base: { ...LIBERATOR, settings: LARGE_LOGS },
    startRate: 1_000_000,
    p99MsMax: 500,
  },
]

export const RISING: readonly Variant[] = PLANS.map(plan => ({
  name: plan.name,
  about: plan.about,
  run: context => runRising(plan, context),
}))

async function runRising(plan: Plan, context: VariantContext): ReturnType<Variant['run']> {
  const workload = workloadOf(plan.base, context)
  const own = ownRows(workload, placements(context), context)
  const peers = peerRows(
    workload,
    context.peers.filter(peer => peer.feed !== null),
  )
  return runRows([...own, ...peers], context, row => rise(plan, row, context))
}

function rise(plan: Plan, row: RowPlan, context: VariantContext): Promise<Run> {
  const { workload, target, label } = row
  const [warmup, seconds] = context.isSmall ? [0.1, 0.5] : [STEP_WARMUP_SECONDS, STEP_SECONDS]
  const perItem = dueRate({ ...workload, ratePerItem: 1 })
  // Peers reach less: they start where they are sure to hold.
  const startRate = target.name === 'millrace' ? plan.startRate : plan.startRate / PEER_START_PART
  const isGood = (run: Run) => run.isHeld && run.latencyMs !== null && run.latencyMs.p99 <= plan.p99MsMax
  return withBench(row, benchOptions(row, context), async bench => {
    const restRate = (context.isSmall ? SMALL_START_RATE : startRate) / perItem
    let rate = restRate
    let best: Run | null = null
    for (let step = 0; step < (context.isSmall ? SMALL_STEPS_MAX : STEPS_MAX); step++) {
      let run = await bench.measure(label, rate, warmup, seconds)
      if (!isGood(run)) {
        await bench.measure(label, restRate / 10, warmup, warmup)
        run = await bench.measure(label, rate, warmup, seconds)
      }
      // Where not even the first one is good, there is nothing better to show: isHeld and its latency say so.
      if (isGood(run) || best === null) best = run
      if (!isGood(run)) break
      rate *= STEP
    }
    return { ...best!, faults: await bench.finish() }
  })
}

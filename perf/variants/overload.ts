/**
 * What comes through when more is offered than goes through: first the rate at which the server is saturated is found,
 * then a tenth of it to ten times as much is offered, in one bench. In merge mode, where a server that is behind conflates.
 */

import type { Bench } from '#perf/bench.ts'
import type { Run } from '#perf/result.ts'
import { dueRate, type Workload } from '#perf/workload.ts'
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

const TIMES = [0.1, 0.5, 1, 2, 5, 10]
const SMALL_TIMES = [0.5, 2]
/** It is saturated where less than so much of what is due comes: the rest is conflated, or late. */
const WHOLE_SHARE = 0.99
const P99_MS_MAX = 100
const RAMP_STEP = 1.4
const RAMP_STEPS_MAX = 25
const RAMP_SECONDS = 2
const WARMUP_SECONDS = 1
const START_RATE = 100_000
const SMALL_START_RATE = 20_000

const LOAD: Workload = { ...BASE, items: 100, itemsPerClient: 10, ratePerItem: 10, mode: 'merge', seconds: 8 }

export const OVERLOAD_VARIANT: Variant = {
  name: 'overload',
  about: '1,000 clients, each on 10 of 100 items, merge mode; offered 0.1 to 10 times what saturates the server',
  run: async context => {
    const workload = workloadOf(LOAD, context, { items: 20 })
    const rounds: Run[][] = []
    for (let round = 0; round < context.runs; round++) {
      for (const plan of ownRows(workload, placements(context), context)) rounds.push(await runOverload(plan, context))
    }
    return { rows: rowsOf(rounds), missing: notForPeers(context) }
  },
}

function runOverload(plan: RowPlan, context: VariantContext): Promise<Run[]> {
  const { isSmall } = context
  const { warmupSeconds, seconds } = plan.workload
  return withBench(plan, benchOptions(plan, context), async bench => {
    const perItem = dueRate({ ...plan.workload, ratePerItem: 1 })
    const startRate = (isSmall ? SMALL_START_RATE : START_RATE) / perItem
    const saturation = await saturationOf(bench, startRate, isSmall)
    const runs: Run[] = []
    for (const times of isSmall ? SMALL_TIMES : TIMES) {
      const rate = saturation * times
      const run = await bench.measure(`${plan.label}, ${times} x`, rate, warmupSeconds, seconds)
      runs.push({ ...run, extra: { ...run.extra, ...extraOf(times, rate * perItem, bench.takeFeedLateMs()) } })
    }
    const faults = await bench.finish()
    return [...runs.slice(0, -1), { ...runs.at(-1)!, faults }]
  })
}

function extraOf(times: number, offered: number, lateMs: number): Record<string, number> {
  return { 'offered, times saturation': times, 'offered updates/s': offered, 'feed late, at most ms': lateMs }
}

/** Updates a second of each item: the last step that came whole and in time. */
async function saturationOf(bench: Bench, startRate: number, isSmall: boolean): Promise<number> {
  const [warmup, seconds] = isSmall ? [0.1, 0.5] : [WARMUP_SECONDS, RAMP_SECONDS]
  let rate = startRate
  for (let step = 0; step < (isSmall ? 1 : RAMP_STEPS_MAX); step++) {
    const { received, due, latencyMs } = await bench.measure('looking for saturation', rate, warmup, seconds)
    const isWhole = received >= due * WHOLE_SHARE && latencyMs !== null && latencyMs.p99 <= P99_MS_MAX
    if (!isWhole) break
    rate *= RAMP_STEP
  }
  return rate / RAMP_STEP
}

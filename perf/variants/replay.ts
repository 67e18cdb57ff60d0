/** The recording of a market, many times faster than it was: bursts, and items of very different rates, as they come. */

import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { BenchRecording } from '#perf/bench.ts'
import { readRecording } from '#perf/load/recording.ts'
import type { Run } from '#perf/result.ts'
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

const FILE = 'capture.ndjson.gz'
const US_PER_SECOND = 1e6

/** `ratePerItem` is how much faster than it was recorded. */
const LOAD: Workload = { ...BASE, itemsPerClient: 10, ratePerItem: 20, mode: 'merge', maxDelayMs: 100 }

export const REPLAY_VARIANT: Variant = {
  name: 'replay',
  about:
    'a recorded market at x20 (--rate) over and over, 1,000 clients, each on 10 of its items, merge mode, maxDelay=100',
  run: async context => {
    const path = recordingPath()
    if (path === null) {
      const why = `the recording is not here: MILLRACE_DATA names the folder of ${FILE}`
      return { rows: [], missing: [{ target: 'millrace', why }, ...notForPeers(context)] }
    }
    const recording = recordingAt(path)
    const items = { items: recording.names.length }
    const workload = { ...workloadOf({ ...LOAD, ...items }, context), ...items }
    const plans = ownRows(workload, placements(context), context)
    const { rows, missing } = await runRows(plans, context, plan => runReplay(plan, context, recording))
    return { rows, missing: [...missing, ...notForPeers(context)] }
  },
}

/** Null where it is absent. `MILLRACE_DATA` names the folder that it is in. */
function recordingPath(): string | null {
  const folder = process.env.MILLRACE_DATA ?? fileURLToPath(new URL('../../../shared/data', import.meta.url))
  const path = `${folder}/${FILE}`
  return existsSync(path) ? path : null
}

function recordingAt(path: string): BenchRecording {
  const { names, lines, loopUs } = readRecording(path)
  return { path, names, linesPerSecond: (lines.length / loopUs) * US_PER_SECOND }
}

function runReplay(plan: RowPlan, context: VariantContext, recording: BenchRecording): Promise<Run> {
  const { label, workload } = plan
  const { ratePerItem, warmupSeconds, seconds } = workload
  return withBench(plan, { ...benchOptions(plan, context), recording }, async bench => {
    const run = await bench.measure(label, ratePerItem, warmupSeconds, seconds)
    const lateMs = bench.takeFeedLateMs()
    const extra = { 'lines/s': recording.linesPerSecond * ratePerItem, 'feed late, at most ms': lateMs }
    return { ...run, faults: await bench.finish(), extra: { ...run.extra, ...extra } }
  })
}

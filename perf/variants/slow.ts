/**
 * What clients cost the others that read slowly or not at all: each server with nobody slow, then with 5 % that stalled
 * and 5 % that read at a hundredth of the speed. At the end those that stalled read again, and the newest value must come.
 * In a network namespace with small kernel buffers: elsewhere the kernel hides megabytes of what is not read.
 */

import type { Bench } from '#perf/bench.ts'
import { isInNamespace } from '#perf/measure/namespace.ts'
import type { Row, Run } from '#perf/result.ts'
import { lineOf, type Workload } from '#perf/workload.ts'
import {
  BASE,
  benchOptions,
  type OwnRow,
  ownRows,
  peerRows,
  placementOf,
  type RowPlan,
  runRows,
  type Variant,
  type VariantContext,
  withBench,
  workloadOf,
} from './variant.ts'

const SHARE = 0.05
const SLOW_SPEED = 0.01
const MB = 1e6
const NOBODY = 'nobody slow'
/** What comes before and behind the time that is measured. */
const SPARE_SECONDS = 60
/** The server's bound. */
const RESUME_MS_MAX = 3_600_000

/** A warm-up in which the kernel's buffers of those that do not read fill up. */
const LOAD: Workload = {
  ...BASE,
  clients: 200,
  items: 100,
  itemsPerClient: 10,
  ratePerItem: 25,
  mode: 'merge',
  warmupSeconds: 6,
}

export const SLOW_VARIANT: Variant = {
  name: 'slow',
  about:
    '200 clients, each on 10 of 100 items, 25 updates/s an item; of them 5 % stalled and 5 % at 1 % speed; small kernel buffers',
  isIsolated: true,
  run: async context => {
    const workload = keepingSessions(workloadOf(LOAD, context, { clients: 40, items: 20 }))
    const modes = context.isSmall ? (['merge'] as const) : (['merge', 'raw'] as const)
    const peers = context.peers.filter(peer => peer.feed !== null)
    const plans = [
      ...ownRows(
        workload,
        modes.flatMap(mode => pair(mode, workload, placementOf(context))),
        context,
      ),
      ...peerRows(workload, peers).flatMap(row => pair('raw', workload, 'pools').map(one => peerRow(row, one))),
    ]
    const { rows, missing } = await runRows(plans, context, runSlow)
    return { rows: withRatios(rows), missing: [...missing, ...withoutNamespace()] }
  },
}

/** Over long polling who does not read has no stream meanwhile: its session is to be there when it comes back. */
function keepingSessions(workload: Workload): Workload {
  const { transport, warmupSeconds, seconds, settings } = workload
  if (transport !== 'poll') return workload
  const resumeMs = Math.ceil((warmupSeconds + seconds + SPARE_SECONDS) * 1_000)
  return { ...workload, settings: [...settings, '--resume-ms', String(Math.min(resumeMs, RESUME_MS_MAX))] }
}

/** Without the slow ones, then with them. */
function pair(mode: Workload['mode'], workload: Workload, placement: OwnRow['placement']): OwnRow[] {
  const bytesPerSecond = lineOf(workload, 0, 0).length * workload.itemsPerClient * workload.ratePerItem
  const slow = { stalledShare: SHARE, slowShare: SHARE, slowBytesPerSecond: Math.ceil(bytesPerSecond * SLOW_SPEED) }
  return [
    { label: `${mode}, ${NOBODY}`, placement, change: { mode } },
    { label: `${mode}, 5 % stalled, 5 % slow`, placement, change: { mode, ...slow } },
  ]
}

function peerRow(row: RowPlan, { label, change }: OwnRow): RowPlan {
  return { ...row, label: label.replace('raw, ', ''), workload: { ...row.workload, ...change } }
}

function runSlow(plan: RowPlan, context: VariantContext): Promise<Run> {
  const { label, workload } = plan
  const { ratePerItem, warmupSeconds, seconds, stalledShare } = workload
  return withBench(plan, benchOptions(plan, context), async bench => {
    const run = await bench.measure(label, ratePerItem, warmupSeconds, seconds)
    const grown = { 'memory grown MB': (meanResident(run) - run.residentBytes.connected) / MB }
    const resumed = stalledShare > 0 ? await readAgain(bench) : { extra: {}, faults: [] }
    const faults = [...resumed.faults, ...(await bench.finish())]
    return { ...run, faults, extra: { ...run.extra, ...grown, ...resumed.extra } }
  })
}

/** The feed goes on meanwhile. */
async function readAgain(bench: Bench): Promise<{ extra: Record<string, number>; faults: string[] }> {
  const ages = await bench.resume()
  const fresh = ages.filter(age => age !== null).sort((a, b) => a - b)
  const missing = ages.length - fresh.length
  const faults = missing === 0 ? [] : [`${missing} of ${ages.length} clients that stalled got no newer value again`]
  if (fresh.length === 0) return { extra: {}, faults }
  const extra = {
    'stalled clients, reading again: age of the first new value p50 ms': fresh[fresh.length >> 1]!,
    'stalled clients, reading again: age of the first new value max ms': fresh.at(-1)!,
  }
  return { extra, faults }
}

function meanResident({ samples }: Run): number {
  return samples.reduce((sum, { residentBytes }) => sum + residentBytes, 0) / samples.length
}

/** Rows stand in pairs. */
function withRatios(rows: readonly Row[]): Row[] {
  return rows.map((row, index) => {
    if (row.label.endsWith(NOBODY)) return row
    const before = rows[index - 1]
    return { ...row, runs: row.runs.map((run, round) => withRatio(run, before?.runs[round])) }
  })
}

function withRatio(run: Run, alone: Run | undefined): Run {
  if (alone === undefined || run.latencyMs === null || alone.latencyMs === null) return run
  const extra = {
    'p99 of the others, times that with nobody slow': run.latencyMs.p99 / alone.latencyMs.p99,
    'memory grown beside that with nobody slow MB': run.extra['memory grown MB']! - alone.extra['memory grown MB']!,
  }
  return { ...run, extra: { ...run.extra, ...extra } }
}

function withoutNamespace(): { target: string; why: string }[] {
  if (isInNamespace()) return []
  const why = 'none could be made (unshare -n): kernel buffers are large, and what is not read hides in them'
  return [{ target: 'network namespace', why }]
}

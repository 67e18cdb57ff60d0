/**
 * What connections cost that have nothing to read: resident memory of each, and the CPU that they add to a constant load
 * beside them. A row for each number of them; the slope over the rows of a round stands in its last one.
 */

import type { Row, Run } from '#perf/result.ts'
import type { Workload } from '#perf/workload.ts'
import {
  BASE,
  type OwnRow,
  ownRows,
  peerRows,
  placements,
  type RowPlan,
  runRows,
  type Variant,
  workloadOf,
} from './variant.ts'

/** Of 20,000 file descriptors of the server; the load's clients have some of them. */
const IDLE_COUNTS = [0, 4_500, 9_000, 18_000]
const SMALL_IDLE_COUNTS = [0, 40]
/** The default leaves no room for the load beside 18,000. */
const SETTINGS = ['--connections-max', '19000']
const IDLE = 'idle connections'

const LOAD: Workload = { ...BASE, clients: 200, settings: SETTINGS }

export const IDLE_VARIANT: Variant = {
  name: 'idle',
  about: '0 to 18,000 idle connections beside a constant load: 200 clients on one item, 100 updates/s',
  run: async context => {
    const counts = context.isSmall ? SMALL_IDLE_COUNTS : IDLE_COUNTS
    const workload = workloadOf(LOAD, context)
    const own = placements(context).flatMap(({ label, placement }) => {
      return ownRows(
        workload,
        counts.map((count): OwnRow => idleRow(count, label, placement)),
        context,
      )
    })
    const peers = peerRows(workload, context.peers).flatMap((row): RowPlan[] => {
      return counts.map(count => ({
        ...row,
        ...idleRow(count, row.label, 'pools'),
        workload: { ...workload, idleClients: count },
      }))
    })
    const { rows, missing } = await runRows([...own, ...peers], context)
    return { rows: withSlopes(rows), missing }
  },
}

function idleRow(count: number, label: string, placement: OwnRow['placement']): OwnRow {
  const name = `${label}, ${count.toLocaleString('en-US')} idle`
  return { label: name, placement, change: { idleClients: count }, extra: { [IDLE]: count } }
}

/** Rows of one server follow each other, the one without idle connections first. */
function withSlopes(rows: readonly Row[]): Row[] {
  let sweep: Row[] = []
  return rows.map(row => {
    if (row.runs[0]!.extra[IDLE] === 0) sweep = []
    sweep.push(row)
    const before = sweep.slice()
    return {
      ...row,
      runs: row.runs.map((run, round) =>
        withCosts(
          run,
          before.flatMap(one => one.runs[round] ?? []),
        ),
      ),
    }
  })
}

/** `sweep`: the runs of this round so far, this one the last. */
function withCosts(run: Run, sweep: readonly Run[]): Run {
  const idle = run.extra[IDLE]!
  const without = sweep[0]!
  if (idle === 0) return run
  const bytes = (connectedBytes(run) - connectedBytes(without)) / idle
  const points = sweep.map(each => ({ x: each.extra[IDLE]! / 1_000, y: each.serverCpuShare * 100 }))
  return {
    ...run,
    extra: {
      ...run.extra,
      'resident bytes per idle connection': bytes,
      'CPU % of a core per 1,000 idle connections': slopeOf(points),
    },
  }
}

function connectedBytes({ residentBytes }: Run): number {
  return residentBytes.connected - residentBytes.empty
}

/** Least squares. */
export function slopeOf(points: readonly { readonly x: number; readonly y: number }[]): number {
  const mean = (of: (point: { x: number; y: number }) => number) => {
    return points.reduce((sum, point) => sum + of(point), 0) / points.length
  }
  const [meanX, meanY] = [mean(({ x }) => x), mean(({ y }) => y)]
  const covariance = mean(({ x, y }) => (x - meanX) * (y - meanY))
  return covariance / mean(({ x }) => (x - meanX) ** 2)
}

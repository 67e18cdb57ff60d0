/**
 * A variant: a named workload, or a sweep of them, with the servers that are put through it. Rows are run in turn, round
 * after round, so that a slow minute of the machine falls on all of them.
 */

import { Bench, type BenchOptions, type Progress, runOnce } from '#perf/bench.ts'
import type { Row, Run, VariantResult } from '#perf/result.ts'
import { MILLRACE } from '#perf/targets/millrace.ts'
import type { Target } from '#perf/targets/target.ts'
import type { Workload } from '#perf/workload.ts'

export interface VariantContext {
  /** What the command line sets: goes over the variant's own numbers. */
  readonly changes: Partial<Workload>
  /** Settings of Millrace from the command line, behind those of each row. */
  readonly settings: readonly string[]
  /** A placement that was asked for: the rows of others are left out. */
  readonly placement: string | null
  readonly peers: readonly Target[]
  readonly runs: number
  /** As it runs in the tests: a few clients, a second. */
  readonly isSmall: boolean
  readonly progress: Progress
  /** The flags, for Run.options. */
  readonly options: string
}

export interface Variant {
  readonly name: string
  readonly about: string
  /** Runs in a network namespace with small kernel buffers, where the machine can make one. */
  readonly isIsolated?: boolean
  run(context: VariantContext): Promise<Pick<VariantResult, 'rows' | 'missing'>>
}

/** What all workloads have in common until they say otherwise. */
export const BASE: Workload = {
  clients: 1_000,
  items: 1,
  itemsPerClient: 1,
  ratePerItem: 100,
  fields: 5,
  lineBytes: 0,
  warmupSeconds: 3,
  seconds: 15,
  mode: 'raw',
  rows: 0,
  window: 0,
  filter: 'none',
  maxDelayMs: 0,
  transport: 'ndjson',
  idleClients: 0,
  stalledShare: 0,
  slowShare: 0,
  slowBytesPerSecond: 0,
  seed: 1,
  settings: [],
}

const SMALL: Partial<Workload> = { clients: 24, warmupSeconds: 0.3, seconds: 1 }

export interface RowPlan {
  readonly label: string
  readonly target: Target
  readonly workload: Workload
  /** Added to Run.extra: the place of the row in a sweep. */
  readonly extra?: Readonly<Record<string, number>>
}

/** A row of Millrace in one placement. */
export interface OwnRow {
  readonly label: string
  readonly placement: 'pools' | 'single'
  readonly change?: Partial<Workload>
  readonly extra?: Readonly<Record<string, number>>
}

/** A row of each placement. */
export const BOTH: readonly OwnRow[] = [
  { label: 'pools', placement: 'pools' },
  { label: 'single', placement: 'single' },
]

/** The same; of a small run the first that is asked for, as each takes a server of its own. */
export function placements(context: VariantContext): readonly OwnRow[] {
  const asked = BOTH.filter(({ placement }) => context.placement === null || placement === context.placement)
  return context.isSmall ? asked.slice(0, 1) : asked
}

/** The placement of variants that have rows of other kinds. */
export function placementOf(context: VariantContext): OwnRow['placement'] {
  return placements(context)[0]!.placement
}

/** The variant's workload as this command runs it. */
export function workloadOf(base: Workload, context: VariantContext, small: Partial<Workload> = {}): Workload {
  const workload = { ...base, ...(context.isSmall ? { ...SMALL, ...small } : {}), ...context.changes }
  return { ...workload, itemsPerClient: Math.min(workload.itemsPerClient, workload.items) }
}

export function ownRows(workload: Workload, rows: readonly OwnRow[], context: VariantContext): RowPlan[] {
  return rows
    .filter(row => context.placement === null || row.placement === context.placement)
    .map(({ label, placement, change, extra }) => {
      const changed = { ...workload, ...change }
      const settings = ['--placement', placement, ...changed.settings, ...context.settings]
      return { label, target: MILLRACE, workload: { ...changed, settings }, ...(extra === undefined ? {} : { extra }) }
    })
}

export function peerRows(workload: Workload, peers: readonly Target[]): RowPlan[] {
  return peers.map(target => ({ label: target.about, target, workload }))
}

/** How a row is run once. */
export type RunPlan = (plan: RowPlan, context: VariantContext) => Promise<Run>

/** Runs all rows `runs` times, in turn. A peer that cannot run is named with the reason; a run of ours that fails, fails. */
export async function runRows(
  plans: readonly RowPlan[],
  context: VariantContext,
  runPlan: RunPlan = runPlainly,
): Promise<Pick<VariantResult, 'rows' | 'missing'>> {
  const missing: VariantResult['missing'][number][] = []
  const present = plans.filter(({ target }) => {
    const why = target.whyMissing()
    if (why !== null) missing.push({ target: target.name, why })
    return why === null
  })
  const runs = new Map<RowPlan, Run[]>(present.map(plan => [plan, []]))
  for (let round = 0; round < context.runs; round++) {
    for (const plan of present) {
      const run = await runPlan(plan, context).catch((error: Error) => {
        if (plan.target === MILLRACE) throw error
        missing.push({ target: plan.target.name, why: `run ${round + 1}: ${error.message}` })
        return null
      })
      if (run !== null) runs.get(plan)!.push(run)
    }
  }
  const rows: Row[] = []
  for (const [{ target, label }, all] of runs) if (all.length > 0) rows.push({ target: target.name, label, runs: all })
  return { rows, missing }
}

async function runPlainly(plan: RowPlan, context: VariantContext): Promise<Run> {
  const run = await runOnce(plan.target, plan.workload, benchOptions(plan, context))
  return { ...run, extra: { ...run.extra, ...plan.extra } }
}

export function benchOptions({ target, label }: RowPlan, context: VariantContext): BenchOptions {
  const progress: Progress = text => context.progress(`${target.name}: ${text}`)
  return { label, options: context.options, progress }
}

/** Opens a bench for a row, does with it what the variant does, and closes it whatever happens. */
export async function withBench<T>(
  plan: RowPlan,
  options: BenchOptions,
  work: (bench: Bench) => Promise<T>,
): Promise<T> {
  const bench = await Bench.open(plan.target, plan.workload, options)
  try {
    return await work(bench)
  } finally {
    await bench.stop()
  }
}

/** Peers that were asked for, of a variant that says something of this server alone. */
export function notForPeers(context: VariantContext): VariantResult['missing'] {
  return context.peers.map(({ name }) => ({ target: name, why: 'this variant looks at Millrace alone' }))
}

/** Runs of one bench, one for each row: round after round they become the rows' runs. */
export function rowsOf(rounds: readonly (readonly Run[])[]): Row[] {
  const rows = new Map<string, Row & { runs: Run[] }>()
  for (const run of rounds.flat()) {
    const key = `${run.target} ${run.label}`
    const row = rows.get(key) ?? { target: run.target, label: run.label, runs: [] }
    row.runs.push(run)
    rows.set(key, row)
  }
  return [...rows.values()]
}

/**
 * Two reports beside each other, row by row: what has become worse, and what is only the machine's hour.
 *
 * A machine has fast and slow hours, so each ratio stands there as measured and divided by how much dearer the machine
 * itself has become: by the floor of the same variant, else by the costs of `socket.write`. Which of them counts depends
 * on what the figure is made of:
 *
 * - CPU per million updates is work: the normalised ratio counts.
 * - Updates received a second are what was offered while that is held: as measured. Beyond, they are what the machine
 *   can do: normalised. Where only one of two equal offers was held, both must agree.
 * - p99 is work and waiting, and no machine waits faster: both must agree.
 * - Memory does not depend on the hour: as measured.
 *
 * A change counts when it is larger than 5 % and than the spread of the runs that it stands on. Only rows of Millrace
 * make a regression; a peer or the floor that changes tells about the machine.
 */

import { medianRun, type Report, type Row, type Run, type VariantResult } from '#perf/result.ts'
import { costGroups } from './details.ts'
import { cpuPerMillion, FLOOR, floorOf, MILLRACE, nameOf, shortNameOf } from './figures.ts'
import { checkVersion } from './file.ts'
import { isNumber } from './format.ts'

export { comparisonText } from './compare-text.ts'

export type Verdict = 'better' | 'same' | 'worse'

export interface MeasureChange {
  readonly name: string
  readonly before: number
  readonly after: number
  /** After divided by before, as measured. */
  readonly ratio: number
  /** As it would be had the machine not changed; null where nothing tells how it changed. */
  readonly normalised: number | null
  /** By how much a ratio must differ from 1 to count. */
  readonly tolerance: number
  readonly verdict: Verdict
}

export interface RowChange {
  readonly variant: string
  readonly target: string
  readonly label: string
  /** As reports show the row. */
  readonly name: string
  /** How many times dearer the machine was, and by what that is known; null when by nothing. */
  readonly machine: { readonly ratio: number; readonly by: string } | null
  readonly changes: readonly MeasureChange[]
  /** What a reader needs to know before believing the figures. */
  readonly notes: readonly string[]
  readonly isRegression: boolean
}

export interface Comparison {
  readonly before: Pick<Report, 'madeAt' | 'commit'>
  readonly after: Pick<Report, 'madeAt' | 'commit'>
  /** Null when both ran on the same kind of machine. */
  readonly machines: { readonly before: string; readonly after: string } | null
  readonly rows: readonly RowChange[]
  /** Rows by their names, variant first. */
  readonly onlyBefore: readonly string[]
  readonly onlyAfter: readonly string[]
  readonly hasRegression: boolean
}

interface Pair {
  readonly variants: readonly [before: VariantResult, after: VariantResult]
  readonly rows: readonly [before: Row, after: Row]
}

const TOLERANCE_MIN = 0.05
const COST_PREFIX = 'socket.write'
/** A change as large as the spread is within it, whatever the last binary digit says. */
const ROUNDING = 1e-9
/** Rates that differ by less are one offer. */
const OFFER_TOLERANCE = 0.01

/** Throws REPORT_VERSION_DIFFERS when one of them is of another version. */
export function compare(before: Report, after: Report): Comparison {
  checkVersion(before.version, 'the report before')
  checkVersion(after.version, 'the report after')
  const costs = costsRatio(before, after)
  const rows = pairsOf(before, after).map(pair => rowChange(pair, costs))
  return {
    before: { madeAt: before.madeAt, commit: before.commit },
    after: { madeAt: after.madeAt, commit: after.commit },
    machines: machinesOf(before, after),
    rows,
    onlyBefore: namesMissingIn(after, before),
    onlyAfter: namesMissingIn(before, after),
    hasRegression: rows.some(({ isRegression }) => isRegression),
  }
}

function pairsOf(before: Report, after: Report): Pair[] {
  return after.variants.flatMap(variantAfter => {
    const variantBefore = before.variants.find(({ variant }) => variant === variantAfter.variant)
    if (variantBefore === undefined) return []
    return variantAfter.rows.flatMap((rowAfter): Pair[] => {
      const rowBefore = variantBefore.rows.find(row => isSameRow(row, rowAfter))
      if (rowBefore === undefined) return []
      return [{ variants: [variantBefore, variantAfter], rows: [rowBefore, rowAfter] }]
    })
  })
}

function isSameRow(a: Row, b: Row): boolean {
  return a.target === b.target && a.label === b.label
}

/** The rows of `there` that have no match in `here`. */
function namesMissingIn(here: Report, there: Report): string[] {
  return there.variants.flatMap(({ variant, rows }) => {
    const others = here.variants.find(other => other.variant === variant)?.rows ?? []
    return rows.filter(row => !others.some(other => isSameRow(row, other))).map(row => `${variant}: ${nameOf(row)}`)
  })
}

function machinesOf(before: Report, after: Report): Comparison['machines'] {
  const [a, b] = [before, after].map(({ machine }) => `${machine.cores} cores of ${machine.cpu}, Node ${machine.node}`)
  return a === b ? null : { before: a!, after: b! }
}

/** The geometric mean over the costs that both have, so that each counts alike; their parts are in them already. */
function costsRatio(before: Report, after: Report): number | null {
  const costs = costGroups(after.costs).map(({ cost }) => cost)
  const logs = costs.flatMap(({ name, unit, value }) => {
    const old = before.costs.find(cost => cost.name === name && cost.unit === unit)
    const isUsed = name.startsWith(COST_PREFIX) && old !== undefined && old.value > 0 && value > 0
    return isUsed ? [Math.log(value / old.value)] : []
  })
  return logs.length === 0 ? null : Math.exp(logs.reduce((sum, log) => sum + log, 0) / logs.length)
}

function rowChange(pair: Pair, costs: number | null): RowChange {
  const [before, after] = pair.rows
  const floors = floorsOf(pair)
  const machine = machineOf(floors, costs)
  const changes = measuresOf(pair.rows).flatMap(measure =>
    measureChange(measure, pair.rows, machine?.ratio ?? null, floors),
  )
  const isNewlyVoid = hasFaults(after) && !hasFaults(before)
  return {
    variant: pair.variants[1].variant,
    target: after.target,
    label: after.label,
    name: shortNameOf(pair.variants[1], after),
    machine,
    changes,
    notes: notesOf(pair),
    isRegression: after.target === MILLRACE && (isNewlyVoid || changes.some(({ verdict }) => verdict === 'worse')),
  }
}

function floorsOf({ variants, rows }: Pair): readonly [Row, Row] | null {
  const before = floorOf(variants[0], rows[0])
  const after = floorOf(variants[1], rows[1])
  return before === null || after === null ? null : [before, after]
}

function machineOf(floors: readonly [Row, Row] | null, costs: number | null): RowChange['machine'] {
  const ratio =
    floors === null ? null : ratioOf(cpuPerMillion(medianRun(floors[0])), cpuPerMillion(medianRun(floors[1])))
  if (ratio !== null && ratio > 0) return { ratio, by: FLOOR }
  return costs === null ? null : { ratio: costs, by: COST_PREFIX }
}

type Counting = 'measured' | 'normalised' | 'both'

interface Measure {
  readonly name: string
  readonly of: (run: Run) => number | null
  /** Whether more of it is worse. */
  readonly isCost: boolean
  readonly counts: Counting
}

function measuresOf(rows: readonly [Row, Row]): Measure[] {
  return [
    { name: 'CPU s/M', of: cpuPerMillion, isCost: true, counts: 'normalised' },
    { name: 'received/s', of: run => run.receivedPerSecond, isCost: false, counts: rateCounts(rows) },
    { name: 'p99 ms', of: run => run.latencyMs?.p99 ?? null, isCost: true, counts: 'both' },
    { name: 'RSS', of: run => run.residentBytes.max, isCost: true, counts: 'measured' },
  ]
}

function rateCounts(rows: readonly [Row, Row]): Counting {
  const [before, after] = rows.map(medianRun) as [Run, Run]
  const offers = ratioOf(before.due / before.seconds, after.due / after.seconds)
  if (offers === null || Math.abs(offers - 1) > OFFER_TOLERANCE) return 'normalised'
  if (before.isHeld && after.isHeld) return 'measured'
  return before.isHeld === after.isHeld ? 'normalised' : 'both'
}

/** None where one of the reports has no such figure. */
function measureChange(
  measure: Measure,
  rows: readonly [Row, Row],
  machine: number | null,
  floors: readonly [Row, Row] | null,
): MeasureChange[] {
  const { name, of, isCost, counts } = measure
  const [before, after] = rows.map(row => of(medianRun(row))) as [number | null, number | null]
  const ratio = ratioOf(before, after)
  if (ratio === null) return []
  // A dearer machine makes costs higher and rates lower.
  const normalised = machine === null || counts === 'measured' ? null : isCost ? ratio / machine : ratio * machine
  const isOfFloor = normalised !== null && floors !== null
  const spreads = [
    ...rows.map(row => spreadOf(row, of)),
    ...(isOfFloor ? floors.map(row => spreadOf(row, cpuPerMillion)) : []),
  ]
  const tolerance = Math.max(TOLERANCE_MIN, ...spreads)
  const counted = normalised === null ? [ratio] : counts === 'both' ? [ratio, normalised] : [normalised]
  const verdict = verdictOf(
    counted.map(value => (isCost ? value : 1 / value)),
    tolerance,
  )
  return [{ name, before: before!, after: after!, ratio, normalised, tolerance, verdict }]
}

/** Ratios above 1 are worse. The same changes backwards give the opposite verdict. */
function verdictOf(ratios: readonly number[], tolerance: number): Verdict {
  const limit = (1 + tolerance) * (1 + ROUNDING)
  if (ratios.every(ratio => ratio > limit)) return 'worse'
  if (ratios.every(ratio => ratio < 1 / limit)) return 'better'
  return 'same'
}

/** How much more the highest run has than the lowest: 0.1 is 10 %. */
function spreadOf(row: Row, of: (run: Run) => number | null): number {
  const values = row.runs.map(of).filter(value => isNumber(value) && value > 0) as number[]
  return values.length < 2 ? 0 : Math.max(...values) / Math.min(...values) - 1
}

function ratioOf(before: number | null, after: number | null): number | null {
  return isNumber(before) && isNumber(after) && before > 0 ? after / before : null
}

function hasFaults(row: Row): boolean {
  return row.runs.some(({ faults }) => faults.length > 0)
}

function notesOf({ variants, rows }: Pair): string[] {
  const [before, after] = rows.map(medianRun) as [Run, Run]
  const isBottleneck = rows.flatMap(({ runs }) => runs).some(run => run.isClientBottleneck)
  const notes = [
    hasFaults(rows[1]) ? 'void: has faults' : '',
    hasFaults(rows[0]) ? 'was void: had faults' : '',
    before.isHeld && !after.isHeld ? 'not held any more' : '',
    !before.isHeld && after.isHeld ? 'held now' : '',
    isBottleneck ? 'the load client was the bottleneck' : '',
    variants[0].command === variants[1].command ? '' : `another command before: ${variants[0].command}`,
  ]
  return notes.filter(note => note !== '')
}

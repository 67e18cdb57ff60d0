/**
 * What a report shows of a variant, whatever it is shown on: each row as its median run with what the other runs and
 * the floor say of it, and the columns of the variant's table. A column in which no row has anything to say is left out.
 */

import { medianRun, type Report, type Row, type Run, type VariantResult } from '#perf/result.ts'
import { isNumber, mebibytes, percent, short } from './format.ts'

export const FLOOR = 'floor'
export const MILLRACE = 'millrace'
/** Longer ones are sentences: what a peer is. */
const LABEL_LENGTH_MAX = 24

export interface Range {
  readonly min: number
  readonly max: number
}

/** One row as it is shown. */
export interface RowView {
  readonly row: Row
  /** Target and label: 'millrace pools'; of a target with one row and a long label only the target. */
  readonly name: string
  /** The label that the name leaves out. */
  readonly about: string
  readonly run: Run
  /** Server CPU seconds per million over the runs; null with one run. */
  readonly cpuRange: Range | null
  /** How many times the floor's CPU per million; null for the floor, and where no floor belongs to the row. */
  readonly floorRatio: number | null
  /** Of all runs, with the numbers of the runs where there are several. */
  readonly faults: readonly string[]
}

export interface Column {
  readonly group: string
  readonly head: string
  /** The whole sentence, where there is room for it. */
  readonly about: string
  /** Words, not a number: aligned as words, and blank in rows without any. */
  readonly isWords: boolean
  /** Null: nothing to say in this row. */
  readonly cell: (view: RowView) => string | null
}

export function viewsOf(variant: VariantResult): RowView[] {
  return variant.rows.map(row => {
    const run = medianRun(row)
    const floor = floorOf(variant, row)
    const name = shortNameOf(variant, row)
    return {
      row,
      name,
      about: name === nameOf(row) ? '' : row.label,
      run,
      cpuRange: cpuRangeOf(row),
      floorRatio: floor === null ? null : ratioOf(run, medianRun(floor)),
      faults: faultsOf(row),
    }
  })
}

export function nameOf(row: Row): string {
  return row.label === '' ? row.target : `${row.target} ${row.label}`
}

/** Without a long label, where the target alone tells the row from the others. */
export function shortNameOf(variant: VariantResult, row: Row): string {
  const isAlone = variant.rows.every(other => other === row || other.target !== row.target)
  return isAlone && row.label.length > LABEL_LENGTH_MAX ? row.target : nameOf(row)
}

/** Server CPU seconds per million updates; null where no update was received, so that there is nothing to divide by. */
export function cpuPerMillion(run: Run): number | null {
  return run.received > 0 ? run.serverCpuSecondsPerMillion : null
}

/** The floor that a row is held against: the one of its label, else the variant's only one. */
export function floorOf(variant: VariantResult, row: Row): Row | null {
  if (row.target === FLOOR) return null
  const floors = variant.rows.filter(({ target }) => target === FLOOR)
  const same = floors.find(({ label }) => label === row.label)
  return same ?? (floors.length === 1 ? floors[0]! : null)
}

/** Whose numbers head the report: Millrace's first row under the first variant, which is the canonical one by default. */
export function headlineOf(report: Report): { readonly variant: VariantResult; readonly view: RowView } | null {
  const variant = report.variants[0]
  if (variant === undefined) return null
  const view = viewsOf(variant).find(({ row }) => row.target === MILLRACE)
  return view === undefined ? null : { variant, view }
}

/** What a ledger has more on its left than on its right: 0 when it adds up. */
export function ledgerDifference(ledger: NonNullable<Run['ledger']>): number {
  const { published, delivered, conflated, dropped, lost, waiting } = ledger
  return published - delivered - conflated - dropped - lost - waiting
}

/** The columns in which at least one of the rows has something to say. */
export function columnsFor(views: readonly RowView[]): Column[] {
  return COLUMNS.filter(({ cell }) => views.some(view => cell(view) !== null))
}

const NUMBERS: readonly Omit<Column, 'isWords'>[] = [
  {
    group: 'updates/s',
    head: 'due',
    about: 'updates that clients were due a second',
    cell: ({ run }) => (isPaced(run) ? short(run.due / run.seconds) : null),
  },
  {
    group: 'updates/s',
    head: 'read',
    about: 'updates that clients received a second',
    cell: ({ run }) => (isPaced(run) || run.received > 0 ? short(run.receivedPerSecond) : null),
  },
  {
    group: 'updates/s',
    head: 'held',
    about: 'yes: all that was due came, or was conflated by design; else the share that came',
    cell: heldOf,
  },
  {
    group: 'CPU s/M',
    head: 'med',
    about: 'server CPU seconds per million updates that clients received',
    cell: ({ run }) => numberOrNull(cpuPerMillion(run), short),
  },
  {
    group: 'CPU s/M',
    head: 'min..max',
    about: 'the same over all runs',
    cell: ({ cpuRange }) => (cpuRange === null ? null : `${short(cpuRange.min)}..${short(cpuRange.max)}`),
  },
  {
    group: 'CPU s/M',
    head: 'floor',
    about: 'how many times the CPU of the floor, a loop that only writes',
    cell: ({ floorRatio }) => (floorRatio === null ? null : `x${short(floorRatio)}`),
  },
  ...(['p50', 'p90', 'p99', 'p999', 'max'] as const).map(key => ({
    group: 'latency ms',
    head: key === 'p999' ? 'p99.9' : key,
    about: 'from when an update was due to when a client read it',
    cell: ({ run }: RowView) => numberOrNull(run.latencyMs?.[key], short),
  })),
  ...(['p50', 'p99'] as const).map(key => ({
    group: 'age ms',
    head: key,
    about: 'how old the newest update of a read is',
    cell: ({ run }: RowView) => numberOrNull(run.ageMs?.[key], short),
  })),
  {
    group: 'update',
    head: 'bytes',
    about: 'bytes per update received',
    cell: ({ run }) => (run.received > 0 ? short(run.bytesPerUpdate) : null),
  },
  {
    group: 'update',
    head: '/write',
    about: 'updates per write of the server',
    cell: ({ run }) => numberOrNull(run.updatesPerWrite, short),
  },
  {
    group: 'CPU/core',
    head: 'srv',
    about: 'CPU of the server: 100 % is one core',
    cell: ({ run }) => numberOrNull(run.serverCpuShare, percent),
  },
  {
    group: 'CPU/core',
    head: 'cli',
    about: 'CPU of the load client: 100 % is one core',
    cell: ({ run }) => numberOrNull(run.clientCpuShare, percent),
  },
  {
    group: 'RSS',
    head: 'MiB',
    about: "the server's resident memory, the most during the run",
    cell: ({ run }) => numberOrNull(run.residentBytes.max, mebibytes),
  },
]

const NOTE: Column = {
  group: '',
  head: 'note',
  about: 'void: the run has faults; client: the load client was the bottleneck, so the server may do more',
  isWords: true,
  cell: noteOf,
}

const COLUMNS: readonly Column[] = [...NUMBERS.map(column => ({ ...column, isWords: false })), NOTE]

/** A run that nothing was due in has other figures. */
function isPaced(run: Run): boolean {
  return run.due > 0 && run.seconds > 0
}

function heldOf({ run }: RowView): string | null {
  if (!isPaced(run)) return null
  return run.isHeld ? 'yes' : percent(run.received / run.due)
}

function noteOf({ run, faults }: RowView): string | null {
  const notes = [faults.length > 0 ? 'void' : '', run.isClientBottleneck ? 'client' : '']
  return notes.filter(note => note !== '').join(', ') || null
}

function numberOrNull(value: number | null | undefined, format: (value: number) => string): string | null {
  return isNumber(value) ? format(value) : null
}

function cpuRangeOf(row: Row): Range | null {
  const values = row.runs.map(cpuPerMillion).filter(isNumber)
  return values.length > 1 ? { min: Math.min(...values), max: Math.max(...values) } : null
}

function ratioOf(run: Run, floor: Run): number | null {
  const ratio = (cpuPerMillion(run) ?? Number.NaN) / (cpuPerMillion(floor) ?? Number.NaN)
  return Number.isFinite(ratio) ? ratio : null
}

/** Each fault once. */
function faultsOf(row: Row): string[] {
  const runsOf = new Map<string, number[]>()
  row.runs.forEach((run, index) => {
    for (const fault of run.faults) runsOf.set(fault, [...(runsOf.get(fault) ?? []), index + 1])
  })
  return [...runsOf].map(([fault, runs]) => (row.runs.length > 1 ? `${fault} (run ${runs.join(', ')})` : fault))
}

/**
 * What the modes cost beside merge, at the same rate of updates to the same clients: tables (`books`), distinct updates
 * (`trades`) and filters. The first row of each is merge; the others tell how many times its CPU (of an update that was sent,
 * and in all: who chooses sends less) and its p99 theirs are, run by run.
 *
 * In `books` merge has an item for each row of a book, so that there are as many lines and as many updates to send. All
 * variants gather for 100 ms, and no item changes so often that merge conflates much.
 */

import type { Row, Run } from '#perf/result.ts'
import type { Workload } from '#perf/workload.ts'
import {
  BASE,
  notForPeers,
  type OwnRow,
  ownRows,
  placementOf,
  runRows,
  type Variant,
  type VariantContext,
  workloadOf,
} from './variant.ts'

const GATHERED: Workload = { ...BASE, clients: 1_000, mode: 'merge', maxDelayMs: 100, seconds: 8 }
const ROWS = 100
const SMALL_ROWS = 30
const BEST = 10

const BOOKS: Workload = { ...GATHERED, clients: 400, items: 40, itemsPerClient: 5, ratePerItem: 50, fields: 3 }
const TRADES: Workload = { ...GATHERED, items: 200, itemsPerClient: 50, ratePerItem: 2, fields: 4 }
const FILTERED: Workload = { ...TRADES, fields: 6 }

export const BOOKS_VARIANT: Variant = {
  name: 'books',
  about:
    '400 clients, each on 5 of 40 books of 100 rows, 50 operations/s a book, maxDelay=100: whole, and the best 10 of a side; beside merge, an item a row',
  run: context => {
    const books = workloadOf(BOOKS, context, { items: 6, itemsPerClient: 2 })
    const rows = context.isSmall ? SMALL_ROWS : ROWS
    const { items, itemsPerClient, ratePerItem } = books
    const values: Partial<Workload> = {
      items: items * rows,
      itemsPerClient: itemsPerClient * rows,
      ratePerItem: ratePerItem / rows,
    }
    return compared(books, context, [
      { name: 'merge, an item a row', change: values },
      { name: 'whole tables', change: { mode: 'command', rows } },
      { name: `best ${BEST} of a side`, change: { mode: 'command', rows, window: BEST } },
    ])
  },
}

export const TRADES_VARIANT: Variant = {
  name: 'trades',
  about:
    '1,000 clients, each on 50 of 200 items, 2 updates/s an item, 4 short fields, maxDelay=100: distinct beside merge and raw',
  run: context =>
    compared(workloadOf(TRADES, context, { items: 40, itemsPerClient: 10 }), context, [
      { name: 'merge', change: {} },
      { name: 'raw', change: { mode: 'raw' } },
      { name: 'distinct', change: { mode: 'distinct' } },
    ]),
}

export const FILTERS_VARIANT: Variant = {
  name: 'filters',
  about:
    'as trades, 6 short fields, merge: filters that all, half of the items, and half at any time pass, beside none',
  run: context =>
    compared(workloadOf(FILTERED, context, { items: 40, itemsPerClient: 10 }), context, [
      { name: 'no filter', change: {} },
      { name: 'all pass', change: { filter: 'all' } },
      { name: 'half of the items pass', change: { filter: 'venue' } },
      { name: 'half pass, in turn', change: { filter: 'size' } },
    ]),
}

interface Compared {
  readonly name: string
  readonly change: Partial<Workload>
}

/** A row each, in one placement, the first of which the others are held against. */
async function compared(workload: Workload, context: VariantContext, all: readonly Compared[]) {
  const placement = placementOf(context)
  const own = all.map(({ name, change }): OwnRow => ({ label: name, placement, change }))
  const { rows, missing } = await runRows(ownRows(workload, own, context), context)
  return { rows: withRatios(rows), missing: [...missing, ...notForPeers(context)] }
}

function withRatios([first, ...others]: readonly Row[]): Row[] {
  if (first === undefined) return []
  const ratios = others.map(row => ({
    ...row,
    runs: row.runs.map((run, round) => withRatio(run, first.runs[round], first.label)),
  }))
  return [first, ...ratios]
}

function withRatio(run: Run, beside: Run | undefined, name: string): Run {
  if (beside === undefined) return run
  const extra = {
    [`CPU, times that of ${name}`]: run.serverCpuShare / beside.serverCpuShare,
    [`CPU s/M, times that of ${name}`]: run.serverCpuSecondsPerMillion / beside.serverCpuSecondsPerMillion,
    ...(run.latencyMs === null || beside.latencyMs === null
      ? {}
      : { [`p99, times that of ${name}`]: run.latencyMs.p99 / beside.latencyMs.p99 }),
  }
  return { ...run, extra: { ...run.extra, ...extra } }
}

/** What a full client of tables finds wrong. */

import test, { type ExecutionContext } from 'ava'
import { FullTables, type RowRecord } from '#perf/load/full-tables.ts'
import { BASE } from '#perf/variants/variant.ts'

const rowOf = (side: string, price: string, size = '1') => ({ side, price, size })
const ROWS = { a: rowOf('bid', '9'), b: rowOf('bid', '10'), c: rowOf('ask', '11') }
const CLEARED: RowRecord = { item: 'B', cleared: true }
const END: RowRecord = { item: 'B', snapshotEnd: true }

function add(seq: number, key: keyof typeof ROWS): RowRecord {
  return { item: 'B', seq, key, command: 'ADD', fields: { ...ROWS[key], at: '7' } }
}

interface Case {
  readonly what: string
  readonly window?: number
  /** Even clients see bids. */
  readonly client?: number
  readonly records: readonly RowRecord[]
  readonly finds: RegExp | null
}

const ALL = [CLEARED, add(1, 'a'), add(2, 'b'), add(3, 'c'), END]
const CASES: readonly Case[] = [
  { what: 'all is well', records: ALL, finds: null },
  { what: 'a window of bids', window: 1, records: [CLEARED, add(2, 'b'), END], finds: null },
  { what: 'a window of asks', window: 1, client: 1, records: [CLEARED, add(3, 'c'), END], finds: null },
  {
    what: 'a window of the wrong row',
    window: 1,
    records: [CLEARED, add(1, 'a'), END],
    finds: /of b ended as undefined/,
  },
  { what: 'no beginning', records: [add(1, 'a')], finds: /was not begun/ },
  { what: 'no end', records: ALL.slice(0, -1), finds: /is not complete/ },
  { what: 'a row is missing', records: [CLEARED, add(1, 'a'), add(2, 'b'), END], finds: /ended with 2 rows, not 3/ },
  { what: 'a seq twice', records: [...ALL, add(3, 'c')], finds: /seq 3 after 3/ },
  {
    what: 'a change of nothing',
    records: [...ALL, { item: 'B', seq: 4, key: 'z', command: 'UPDATE', fields: {} }],
    finds: /an UPDATE of z/,
  },
  {
    what: 'a value that is not the last one',
    records: [...ALL, { item: 'B', seq: 4, key: 'a', command: 'UPDATE', fields: { size: '2' } }],
    finds: /size of a ended as 2, not 1/,
  },
  {
    what: 'a row that should have stayed',
    records: [...ALL, { item: 'B', seq: 4, key: 'a', command: 'DELETE' }],
    finds: /ended with 2 rows/,
  },
]

const finds = test.macro({
  exec(t: ExecutionContext, { window = 0, client = 0, records, finds }: Case) {
    const tables = new FullTables({ ...BASE, mode: 'command', rows: 3, window }, client)
    const faults = records.flatMap(record => tables.take(record) ?? [])
    const difference = tables.differenceTo('B', ROWS)
    const found = faults[0] ?? difference
    if (finds === null) t.is(found, null)
    else t.regex(found ?? 'nothing', finds)
  },
  title: (_, { what, finds }: Case) => `[PF43] ${what}: ${finds === null ? 'nothing is wrong' : 'found'}`,
})
for (const each of CASES) test(finds, each)

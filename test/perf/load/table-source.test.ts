/** The feed of tables: what it sends changes what it should, and what it says is true is what it has sent. */

import test from 'ava'
import { FEED_PROTOCOLS } from '#perf/load/feed-protocols.ts'
import { readStamp, writeStamp } from '#perf/load/stamp.ts'
import { tableSource } from '#perf/load/table-source.ts'
import { BASE } from '#perf/variants/variant.ts'
import { type RowFields, TableModel } from '#test/support/table-client.ts'

const ROWS = 100
const ITEMS = 2
const WORKLOAD = { ...BASE, mode: 'command', items: ITEMS, rows: ROWS } as const
const BLOCK = 50

interface Sent {
  readonly item: string
  readonly mode: string
  readonly fields: RowFields
}

test('[PF42] rows are filled, then 48 % are UPDATEs, 30 % ADDs, 22 % DELETEs, and each changes something', t => {
  const source = tableSource(WORKLOAD, FEED_PROTOCOLS.lines!)
  const tables = [new TableModel(), new TableModel()]
  const counts: Record<string, number> = { ADD: 0, UPDATE: 0, DELETE: 0 }
  let [fewest, best] = [ROWS, 0]
  const turns = ROWS + 30 * BLOCK
  for (let number = 0; number < turns * ITEMS; number++) {
    const item = source.itemOf(number)
    const { bytes, stampAt } = source.frameOf(number)
    writeStamp(bytes, stampAt, number)
    const line = JSON.parse(String(bytes)) as Sent
    source.noteSent(number)
    const { at, ...fields } = line.fields
    t.is(Number(at), number)
    t.deepEqual([line.item, line.mode], [`i00${item}`, 'command'])
    const { rows } = tables[item]!
    const isThere = rows.has(fields.key!)
    tables[item]!.apply(fields)
    if (number < ROWS * ITEMS) {
      t.is(fields.command, 'ADD')
      t.false(isThere)
      continue
    }
    counts[fields.command!]!++
    if (fields.command === 'DELETE') t.true(isThere)
    if (fields.command === 'UPDATE') t.true(isThere)
    fewest = Math.min(fewest, rows.size)
    if (fields.command !== 'DELETE' && Math.abs(Number(fields.price) - 500) < 0.55) best++
  }
  t.deepEqual(
    Object.values(counts).map(count => count / (30 * BLOCK * ITEMS)),
    [0.3, 0.48, 0.22],
  )
  t.true(fewest > ROWS - 12, `${fewest} rows at the fewest`)
  t.true(best > 30 * BLOCK * ITEMS * 0.25, `${best} of what happens is among the best ten of a side`)
  for (const [item, { rows }] of tables.entries()) {
    const truth = JSON.parse(source.truthOf(item, 0)) as { item: string; rows: Record<string, RowFields> }
    const last = { 'bid:999999.00': '999999.00', 'ask:0.01': '0.01' }
    const others = Object.entries(truth.rows).filter(([key]) => !(key in last))
    t.deepEqual(new Map(others), new Map(rows))
    for (const [key, price] of Object.entries(last)) t.is(truth.rows[key]!.price, price)
  }
})

test('[PF42] a sequence that begins anew fills the rows again; the last updates are one of each side', t => {
  const source = tableSource({ ...WORKLOAD, items: 1 }, FEED_PROTOCOLS.lines!)
  for (const until of [ROWS + 33, ROWS + 7, 40]) for (let number = 0; number < until; number++) source.noteSent(number)
  const { rows } = JSON.parse(source.truthOf(0, 0)) as { rows: Record<string, RowFields> }
  t.is(Object.keys(rows).length >= ROWS - 11, true)
  const last = source.lastFramesOf(0).map(({ bytes, stampAt }) => {
    writeStamp(bytes, stampAt, 77)
    t.is(readStamp(bytes, stampAt), 77)
    return (JSON.parse(String(bytes)) as Sent).fields.key
  })
  t.deepEqual(last, ['bid:999999.00', 'ask:0.01'])
})

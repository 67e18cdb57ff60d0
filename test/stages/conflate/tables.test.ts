/** Items that are tables, at a core alone: the client's table is right, whatever was conflated on the way. */

import test, { type ExecutionContext } from 'ava'

import type { RowWindow, SubscriptionRequest } from '#src/domain/session-request.ts'
import { M } from '#src/metrics/names.ts'
import type { CoreBench } from '#test/support/core-bench.ts'
import { data, ID, type Line, setUp } from '#test/support/core-client.ts'
import { Random, seedOr } from '#test/support/random.ts'
import { type RowFields, shownOf, TableClient, TableModel } from '#test/support/table-client.ts'

function put(bench: CoreBench, fields: RowFields, isSnapshot = false): void {
  bench.feed({ item: 'B', mode: 'command', ...(isSnapshot ? { snapshot: true } : {}), fields })
}

function told(lines: readonly Line[]): string[] {
  return data(lines).map(({ key, command, fields, cleared, snapshotEnd, deleted, stale }) => {
    if (command !== undefined) return `${command} ${key} ${Object.values(fields ?? {}).join()}`.trim()
    if (cleared === true) return 'cleared'
    if (snapshotEnd === true) return 'end'
    return deleted === true ? 'deleted' : `stale ${stale}`
  })
}

const COMMAND = { items: ['B'], mode: 'command' } as const

test('[MO10] a table begins with its rows, whole, between cleared and snapshotEnd; then changes come', t => {
  const { bench, client } = setUp()
  put(bench, { key: 'a', command: 'ADD', price: '1', size: '10' })
  put(bench, { key: 'b', command: 'UPDATE', price: '2', size: '20' })
  bench.settle()
  bench.open(0, 1, COMMAND)
  t.deepEqual(told(client.handleAll()), ['cleared', 'ADD a 1,10', 'ADD b 2,20', 'end'])
  put(bench, { key: 'a', command: 'UPDATE', size: '11' })
  put(bench, { key: 'b', command: 'DELETE' })
  put(bench, { key: 'c', command: 'ADD', price: '3' })
  t.deepEqual(told(client.handleAll()), ['UPDATE a 11', 'DELETE b', 'ADD c 3'])
})

test('[MO10] one that is not there is told as empty, and told again when it comes, ends and comes back', t => {
  const { bench, client } = setUp()
  bench.open(0, 1, COMMAND)
  t.deepEqual(told(client.handleAll()), ['cleared', 'end'])
  put(bench, { key: 'a', command: 'ADD', price: '1' })
  t.deepEqual(told(client.handleAll()), ['cleared', 'ADD a 1', 'end'])
  bench.feed({ item: 'B', deleted: true })
  t.deepEqual(told(client.handleAll()), ['deleted'])
  put(bench, { key: 'z', command: 'ADD', price: '9' })
  t.deepEqual(told(client.handleAll()), ['cleared', 'ADD z 9', 'end'])
})

test('[MO11] what came and went between two flushes is not told; a row that came back is told whole', t => {
  const { bench, client } = setUp()
  put(bench, { key: 'a', command: 'ADD', price: '1', size: '10' })
  bench.open(0, 1, COMMAND)
  client.handleAll()
  put(bench, { key: 'b', command: 'ADD', price: '2' })
  put(bench, { key: 'b', command: 'DELETE' })
  put(bench, { key: 'a', command: 'UPDATE', size: '11' })
  put(bench, { key: 'a', command: 'UPDATE', size: '12' })
  t.deepEqual(told(client.handleAll()), ['UPDATE a 12'])
  put(bench, { key: 'a', command: 'DELETE' })
  put(bench, { key: 'a', command: 'ADD', price: '5' })
  t.deepEqual(told(client.handleAll()), ['ADD a 5'])
  put(bench, { key: 'a', command: 'ADD', size: '6' })
  t.deepEqual(told(client.handleAll()), ['ADD a 6'])
  put(bench, { key: 'a', command: 'UPDATE', size: '6' })
  put(bench, { key: 'nowhere', command: 'DELETE' })
  t.deepEqual(told(client.handleAll()), [])
})

test('[MO12] all rows go at once: by CLEAR, and by an update that replaces what there is', t => {
  const { bench, client } = setUp()
  for (const key of ['a', 'b']) put(bench, { key, command: 'ADD', price: '1' })
  bench.open(0, 1, COMMAND)
  client.handleAll()
  put(bench, { command: 'CLEAR' })
  t.deepEqual(told(client.handleAll()), ['cleared', 'end'])
  put(bench, { key: 'c', command: 'ADD', price: '3' })
  put(bench, { key: 'd', command: 'ADD', price: '4' }, true)
  t.deepEqual(told(client.handleAll()), ['cleared', 'ADD d 4', 'end'])
})

test('[MO13] a client behind the oldest deleted row that is remembered gets the table anew', t => {
  const { bench, client } = setUp({ tableDeletedRowsMax: 2 })
  for (const key of ['a', 'b', 'c', 'd']) put(bench, { key, command: 'ADD', price: '1' })
  bench.open(0, 1, COMMAND)
  client.handleAll()
  for (const key of ['a', 'b']) put(bench, { key, command: 'DELETE' })
  t.deepEqual(told(client.handleAll()), ['DELETE a', 'DELETE b'])
  client.breakOff()
  for (const key of ['c', 'd']) put(bench, { key, command: 'DELETE' })
  put(bench, { key: 'e', command: 'ADD', price: '5' })
  put(bench, { key: 'e', command: 'DELETE' })
  put(bench, { key: 'f', command: 'ADD', price: '6' })
  client.resume()
  t.deepEqual(told(client.handleAll()), ['cleared', 'ADD f 6', 'end'])
})

test('[MO14] an operation without a key or a good command is refused and changes nothing, and so is a row too many', t => {
  const { bench, client } = setUp({ tableRowsMax: 2 })
  bench.open(0, 1, COMMAND)
  client.handleAll()
  const bad: RowFields[] = [
    { command: 'ADD', price: '1' },
    { key: 'a', price: '1' },
    { key: 'a', command: 'add' },
  ]
  for (const fields of [...bad, { key: '', command: 'ADD' }, { key: null, command: 'ADD' }]) put(bench, fields)
  t.deepEqual(told(client.handleAll()), [])
  t.is(bench.metrics.get(M.updatesRefused), 5)
  for (const key of ['a', 'b', 'c']) put(bench, { key, command: 'ADD' })
  t.deepEqual(told(client.handleAll()), ['cleared', 'ADD a', 'ADD b', 'end'])
  t.is(bench.metrics.get(M.updatesRefused), 6)
  put(bench, { key: 'a', command: 'DELETE' })
  put(bench, { key: 'c', command: 'ADD' })
  t.deepEqual(told(client.handleAll()), ['DELETE a', 'ADD c'])
})

test('[MO15] a filter shows the rows that pass: one that begins to is added, one that does no more is deleted', t => {
  const { bench, client } = setUp()
  put(bench, { key: 'a', command: 'ADD', side: 'bid', size: '10' })
  put(bench, { key: 'b', command: 'ADD', side: 'ask', size: '10' })
  bench.open(0, 1, { ...COMMAND, filter: 'side = "bid" and size >= 5', fields: ['size'] })
  t.deepEqual(told(client.handleAll()), ['cleared', 'ADD a 10', 'end'])
  put(bench, { key: 'a', command: 'UPDATE', size: '4' })
  put(bench, { key: 'c', command: 'ADD', side: 'bid', size: '7' })
  t.deepEqual(told(client.handleAll()), ['DELETE a', 'ADD c 7'])
  put(bench, { key: 'a', command: 'UPDATE', size: '5.0' })
  put(bench, { key: 'c', command: 'UPDATE', side: 'ask' })
  t.deepEqual(told(client.handleAll()), ['ADD a 5.0', 'DELETE c'])
})

test('[MO16] a window shows the rows of its places: what moves in is added, what moves out is deleted', t => {
  const { bench, client } = setUp()
  const level = (price: string, command = 'ADD') => put(bench, { key: `p${price}`, command, price })
  for (const price of ['10', '9', '8']) level(price)
  bench.open(0, 1, { ...COMMAND, window: { sort: 'price', isDescending: true, from: 0, count: 2 } })
  t.deepEqual(told(client.handleAll()), ['cleared', 'ADD p10 10', 'ADD p9 9', 'end'])
  level('9.5')
  t.deepEqual(told(client.handleAll()), ['ADD p9.5 9.5', 'DELETE p9'])
  level('10', 'DELETE')
  t.deepEqual(told(client.handleAll()), ['DELETE p10', 'ADD p9 9'])
  put(bench, { key: 'p8', command: 'UPDATE', price: '100' })
  t.deepEqual(told(client.handleAll()), ['ADD p8 100', 'DELETE p9'])
  put(bench, { key: 'p9', command: 'UPDATE', size: '1' })
  t.deepEqual(told(client.handleAll()), [])
})

test('[MO17] whatever is conflated, breaks, or is served in parts: the client has the table of its filter and window', t => {
  const seed = seedOr(20_261_201)
  let parts = 0
  let anew = 0
  for (let run = 0; run < 250; run++) {
    const seen = walk(t, new Random(seed + run))
    parts += seen.parts
    anew += seen.anew
  }
  t.true(parts > 100 && anew > 100, `${parts} parts, ${anew} tables sent anew`)
})

interface Wish {
  readonly fields: readonly string[] | null
  readonly filter: string | null
  readonly passes: (key: string, row: RowFields) => boolean
  readonly window: RowWindow | null
}

function wishOf(random: Random): Wish {
  const isFiltered = random.chance(0.4)
  const window: RowWindow = {
    sort: random.pick(['price', 'side', 'key']),
    isDescending: random.chance(0.5),
    from: random.pick([0, 0, 2]),
    count: random.pick([1, 3, 8]),
  }
  return {
    fields: random.chance(0.3) ? ['size', 'price'] : null,
    filter: isFiltered ? 'side = "bid"' : null,
    passes: isFiltered ? (_, row) => row.side === 'bid' : () => true,
    window: random.chance(0.5) ? window : null,
  }
}

function operationOf(random: Random): RowFields {
  if (random.chance(0.01)) return { command: 'CLEAR' }
  const key = `k${random.int(14)}`
  const command = random.pick(['ADD', 'UPDATE', 'UPDATE', 'DELETE'])
  if (command === 'DELETE') return { key, command }
  const fields: Record<string, string | null> = { key, command }
  if (random.chance(0.5)) fields.price = random.pick(['1', '1.0', '2.5', '10', '-3', 'x', null])
  if (random.chance(0.5)) fields.side = random.pick(['bid', 'ask'])
  if (random.chance(0.7)) fields.size = String(random.int(100))
  return fields
}

function walk(t: ExecutionContext, random: Random): { parts: number; anew: number } {
  const wish = wishOf(random)
  const { bench, client } = setUp({
    tableDeletedRowsMax: random.pick([1, 4, 1_024]),
    flushBytesMax: random.pick([64, 300, 16_384]),
    resumeEntriesMax: random.pick([1, 100]),
  })
  const model = new TableModel()
  const request: Partial<SubscriptionRequest> = {
    ...COMMAND,
    ...{ fields: wish.fields, filter: wish.filter, window: wish.window },
    maxFrequency: random.pick([0, 0, 100]),
  }
  bench.open(0, 1, { ...request, encoding: 'json' })
  let table = new TableClient()
  let handled = copyOf(table)
  let [parts, anew] = [0, 0]
  const check = (lines: readonly Line[]) => {
    let isBegun = false
    for (const line of lines) {
      if (line.recovered === false) table = new TableClient()
      if (line.item !== undefined) table.take(line)
      if (line.cleared === true) {
        anew++
        isBegun = true
      }
      if (line.snapshotEnd === true) isBegun = false
    }
    if (isBegun) parts++
    handled = copyOf(table)
    if (table.faults.length > 0) t.fail(`${table.faults[0]}; SEED=${random.seed}`)
  }
  for (let step = 0; step < 80; step++) {
    const what = random.int(12)
    if (what < 6) {
      for (let i = random.int(15); i > 0; i--) {
        const operation = operationOf(random)
        const isSnapshot = random.chance(0.01)
        model.apply(operation, isSnapshot)
        put(bench, operation, isSnapshot)
      }
    } else if (what < 7) {
      bench.clock.advance(20)
      client.receive()
    } else if (what < 9) {
      client.receive()
      check(client.handle())
    } else if (what < 10) {
      check(client.handleAll())
    } else if (what === 10) {
      client.breakOff()
      table = copyOf(handled)
      client.resume()
    } else if (random.chance(0.2)) {
      bench.feed({ item: 'B', deleted: true })
      model.rows.clear()
    }
  }
  for (let i = 0; i < 60; i++) {
    bench.turn(20)
    check(client.handleAll())
  }
  const expected = shownOf(model.rows, wish.passes, wish.window, wish.fields)
  t.deepEqual(sorted(table.rows), sorted(expected), `SEED=${random.seed}`)
  const { handedOver, conflated, dropped, recalled } = bench.core.conflate.sessions.find(ID)!
  const published = bench.metrics.get(M.updatesPublished)
  t.is(published + recalled, handedOver + conflated + dropped, `the ledger; SEED=${random.seed}`)
  return { parts, anew }
}

function copyOf(table: TableClient): TableClient {
  const copy = new TableClient()
  for (const [key, row] of table.rows) copy.rows.set(key, row)
  copy.isComplete = table.isComplete
  copy.seq = table.seq
  return copy
}

function sorted(rows: ReadonlyMap<string, RowFields>): [string, [string, string | null][]][] {
  return [...rows]
    .map(([key, row]): [string, [string, string | null][]] => [
      key,
      Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)),
    ])
    .sort(([a], [b]) => (a < b ? -1 : 1))
}

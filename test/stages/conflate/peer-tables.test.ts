/** Tables on core threads that are not their homes: replicas come with their rows, and stay the same. */

import test from 'ava'
import { sessionIdOf } from '#test/support/bind.ts'
import type { StreamRecord } from '#test/support/core-bench.ts'
import { Random, seedOr } from '#test/support/random.ts'
import { type RowFields, TableClient, TableModel } from '#test/support/table-client.ts'
import { TwoCores } from '#test/support/two-cores.ts'

const COMMAND = { mode: 'command' } as const

function told(records: readonly StreamRecord[]): string[] {
  return records.map(({ key, command, fields, cleared, snapshotEnd }) => {
    if (command !== undefined) return `${command} ${key} ${Object.values(fields ?? {}).join()}`.trim()
    return cleared === true ? 'cleared' : snapshotEnd === true ? 'end' : 'other'
  })
}

test('[I23] a replica of a table begins with all of its rows, and gets every operation behind them', t => {
  const item = TwoCores.itemAt(0)
  const bench = new TwoCores()
  const put = (fields: RowFields) => bench.feed({ item, mode: 'command', fields })
  put({ key: 'a', command: 'ADD', price: '1', size: null })
  put({ key: 'b', command: 'ADD', price: '2' })
  put({ key: 'c', command: 'ADD' })
  put({ key: 'b', command: 'DELETE' })
  bench.settle()
  bench.open(1, 0, [item], COMMAND)
  bench.settle()
  t.deepEqual(told(bench.take(1)), ['cleared', 'ADD a 1,', 'ADD c', 'end'])
  put({ key: 'a', command: 'UPDATE', price: '3' })
  put({ key: 'c', command: 'DELETE' })
  bench.settle()
  t.deepEqual(told(bench.take(1)), ['UPDATE a 3', 'DELETE c'])
  bench.feed({ item, deleted: true })
  bench.settle()
  t.deepEqual(told(bench.take(1)), ['other'])
})

test('[I24] a replica of an item with a history takes it over, and goes on behind it', t => {
  const item = TwoCores.itemAt(0)
  const itemRules = JSON.stringify([{ items: item, history: 3 }])
  const bench = new TwoCores({ itemRules }, { itemRules })
  const ids = () => bench.take(1).map(({ fields, snapshotEnd }) => fields?.id ?? (snapshotEnd ? 'end' : 'other'))
  for (let id = 0; id < 5; id++) bench.feed({ item, fields: { id: String(id), [`f${id}`]: null } })
  bench.settle()
  bench.open(1, 0, [item], { mode: 'distinct' })
  bench.settle()
  t.deepEqual(ids(), ['2', '3', '4', 'end'])
  bench.feed({ item, fields: { id: '5' } })
  bench.settle()
  t.deepEqual(ids(), ['5'])
  bench.open(1, 1, [item], { mode: 'distinct', historyMax: 4 })
  bench.settle()
  t.deepEqual(ids(), ['2', '3', '4', '5', 'end'])
})

test('[I24] a history that is larger than the queue between two cores crosses whole, and what comes meanwhile behind it', t => {
  const item = TwoCores.itemAt(0)
  const rule = { items: item, history: 4_000, logUpdates: 8_000, logBytes: 1 << 23 }
  const itemRules = JSON.stringify([rule])
  const bench = new TwoCores({ itemRules }, { itemRules, windowBytes: 1 << 28 })
  const text = 'x'.repeat(400)
  for (let id = 0; id < 5_000; id++) {
    bench.feed({ item, fields: { id: String(id), text } })
    if (id % 500 === 0) bench.settle()
  }
  bench.settle()
  bench.open(1, 0, [item], { mode: 'distinct' })
  for (let id = 5_000; id < 5_050; id++) {
    bench.feed({ item, fields: { id: String(id), text } })
    bench.turn()
  }
  const ids: string[] = []
  for (let count = -1; count < ids.length; ) {
    count = ids.length
    bench.settle(1)
    for (const { fields, snapshotEnd } of bench.take(1)) ids.push(snapshotEnd === true ? 'end' : String(fields?.id))
  }
  const end = ids.indexOf('end')
  t.true(end >= 4_000, `the end comes behind ${end}`)
  const first = Number(ids[0])
  t.true(first >= 1_000 && first <= 1_050, `it begins with ${first}`)
  t.deepEqual(
    ids.filter(id => id !== 'end'),
    Array.from({ length: 5_050 - first }, (_, index) => String(first + index)),
  )
})

test('[MO32] a set-back to before a replica of nothing came loses nothing, as at the home of the item (found: it did)', t => {
  const item = TwoCores.itemAt(1)
  const settings = { resumeMs: 60_000, itemRules: JSON.stringify([{ items: item, merge: { v: 'sum' } }]) }
  for (const [wish, expected] of [
    [{}, ['7']],
    [{ mode: 'raw', hasSnapshot: false }, ['1', '2', '4']],
    [{ mode: 'raw' }, ['1', '2', '4']],
    [{ mode: 'distinct' }, ['end', '1', '2', '4']],
  ] as const) {
    for (const core of [0, 1]) {
      const bench = new TwoCores(settings, settings)
      const told = () =>
        bench.take(core).flatMap(({ fields, snapshotEnd }) => fields?.v ?? (snapshotEnd === true ? 'end' : []))
      bench.open(core, 0, [item], wish)
      bench.turn()
      const session = bench.cores[core]!.conflate.sessions.find(sessionIdOf(0, 1))!
      const position = session.sentAt
      for (const v of ['1', '2', '4']) {
        bench.settle(5)
        bench.feed({ item, fields: { v } })
      }
      bench.settle(5)
      told()
      bench.close(core, 0)
      bench.settle(5)
      bench.resume(core, 1, session.id, position)
      bench.settle(5)
      const all = told()
      const label = `${JSON.stringify(wish)} at core ${core}, behind ${position}`
      t.deepEqual(
        all.filter(one => one !== 'end'),
        expected.filter(one => one !== 'end'),
        label,
      )
      // At its home the end may have been told before.
      if (core === 0 && expected.includes('end' as never)) t.true(all.includes('end'), label)
    }
  }
})

test('[I23] a table or history that is nowhere is told as an empty one once its home has said so', t => {
  for (const mode of ['command', 'distinct'] as const) {
    const item = TwoCores.itemAt(0)
    const bench = new TwoCores()
    bench.open(1, 0, [item], { mode })
    bench.settle()
    t.deepEqual(told(bench.take(1)), mode === 'command' ? ['cleared', 'end'] : ['end'], mode)
  }
})

test("[I23] however operations and readers come, the tables of both cores are the feed's", t => {
  const seed = seedOr(20_261_501)
  for (let run = 0; run < 60; run++) {
    const random = new Random(seed + run)
    const item = TwoCores.itemAt(0)
    const bench = new TwoCores()
    const model = new TableModel()
    const clients: { core: number; slot: number; table: TableClient }[] = []
    for (let step = 0; step < 60; step++) {
      if (random.chance(0.1) && clients.length < 6) {
        const core = random.int(2)
        const slot = clients.length
        bench.open(core, slot, [item], COMMAND)
        clients.push({ core, slot, table: new TableClient() })
      }
      const key = `k${random.int(8)}`
      const command = random.pick(['ADD', 'UPDATE', 'DELETE'])
      const values: RowFields =
        command === 'DELETE' ? {} : { price: String(random.int(9)), size: String(random.int(9)) }
      const operation = random.chance(0.02) ? { command: 'CLEAR' } : { key, command, ...values }
      bench.feed({ item, mode: 'command', fields: operation })
      model.apply(operation)
      if (random.chance(0.3)) bench.settle()
      for (const core of [0, 1]) {
        for (const [slot, records] of bench.takeBySlot(core)) {
          for (const record of records) clients.find(one => one.slot === slot)!.table.take(record)
        }
      }
    }
    bench.settle()
    for (const core of [0, 1]) {
      for (const [slot, records] of bench.takeBySlot(core)) {
        for (const record of records) clients.find(one => one.slot === slot)!.table.take(record)
      }
    }
    for (const { core, table } of clients) {
      t.deepEqual(table.faults, [], `core ${core}; SEED=${random.seed}`)
      t.deepEqual(
        new Map([...table.rows].toSorted()),
        new Map([...model.rows].toSorted()),
        `core ${core}; SEED=${random.seed}`,
      )
    }
  }
})

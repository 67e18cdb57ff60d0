/** Tables at two cores: what a client of the other core has is what the home has. */

import test from 'ava'

import { FEED_DOWN } from '#src/codec/record.ts'
import type { Config } from '#src/config/config.ts'
import type { Line } from '#test/support/core-client.ts'
import { Random, seedOr } from '#test/support/random.ts'
import { type RowFields, type Rows, TableClient, TableModel } from '#test/support/table-client.ts'
import { TwoCores } from '#test/support/two-cores.ts'

const BOOK = TwoCores.itemAt(1)
/** A client of core 0 that takes everything at once. */
const WIDE: Partial<Config> = { windowBytes: 1 << 28 }

class World {
  readonly cores: TwoCores
  readonly model = new TableModel()
  readonly table = new TableClient()

  constructor(...settings: readonly Partial<Config>[]) {
    this.cores = new TwoCores({ ...WIDE, ...settings[0] }, { ...settings[1] })
  }

  /** What a feed tells of the table; `isGood`: the home carries it out. */
  put(fields: RowFields, isGood = true): void {
    this.cores.feed({ item: BOOK, mode: 'command', fields })
    if (isGood) this.model.apply(fields)
  }

  open(): void {
    this.cores.open(0, 1, [BOOK], { mode: 'command' })
  }

  read(): Line[] {
    const lines: Line[] = []
    for (let count = -1; count < lines.length; ) {
      count = lines.length
      this.cores.settle(1)
      for (const record of this.cores.take(0)) if (record.item !== undefined) lines.push(record as Line)
    }
    for (const line of lines) this.table.take(line)
    return lines
  }
}

function sorted(rows: Rows): unknown {
  return [...rows].map(([key, row]) => [key, Object.entries(row).toSorted()]).toSorted()
}

test('[MO18] a table that is larger than the queue between two cores crosses whole, and is seen whole (found: its core ended)', t => {
  const world = new World()
  const text = 'x'.repeat(200)
  for (let i = 0; i < 6_000; i++) {
    world.put({ key: `k${i}`, command: 'ADD', price: String(i), text })
    if (i % 500 === 0) world.cores.settle()
  }
  world.cores.settle()
  world.open()
  // Its updates wait while it crosses.
  for (let i = 0; i < 300; i++) {
    world.put({ key: `k${i * 11}`, command: i % 2 === 0 ? 'DELETE' : 'UPDATE', price: 'new' })
    world.cores.turn()
  }
  const lines = world.read()
  t.deepEqual(world.table.faults, [])
  t.deepEqual(sorted(world.table.rows), sorted(world.model.rows))
  t.is(world.table.rows.size, 5_850)
  t.is(lines.filter(({ cleared }) => cleared === true).length, 1)
  t.true(lines.findIndex(({ snapshotEnd }) => snapshotEnd === true) >= 5_850)
})

test('[MO18] a table whose reader leaves while it crosses crosses whole for the next one', t => {
  const tableBytesMax = 1 << 24
  const world = new World({ unwantedDelayMs: 0, tableBytesMax }, { tableBytesMax })
  const text = 'x'.repeat(800)
  for (let i = 0; i < 8_000; i++) {
    world.put({ key: `k${i}`, command: 'ADD', text })
    if (i % 500 === 0) world.cores.settle()
  }
  world.cores.settle()
  world.open()
  const pass = (turns: number) => {
    for (let i = 0; i < turns; i++) {
      world.cores.clock.advance(1)
      world.cores.turn()
    }
  }
  pass(2)
  world.cores.close(0, 1)
  pass(3)
  world.cores.feedLife(FEED_DOWN)
  world.cores.open(0, 2, [BOOK], { mode: 'command' })
  world.read()
  t.is(world.table.rows.size, 8_000)
  t.deepEqual(sorted(world.table.rows), sorted(world.model.rows))
  t.true(world.table.isStale)
  world.put({ command: 'CLEAR' })
  world.put({ key: 'last', command: 'ADD', text: 'z' })
  world.read()
  t.deepEqual(sorted(world.table.rows), sorted(world.model.rows))
})

test('[MO18] an operation that the home refuses is carried out nowhere', t => {
  // Found: the item had no room for the field `command`, and its home alone knew what it said.
  const world = new World({ fieldsMax: 4 }, { fieldsMax: 4 })
  world.cores.feed({ item: BOOK, fields: { a: '1', b: '1', c: '1', d: '1' } })
  world.open()
  world.read()
  world.put({ key: 'k', command: 'ADD', price: '1' }, false)
  t.deepEqual(world.read(), [])
  t.deepEqual(sorted(world.table.rows), [])
})

test('[MO18] a row beyond a bound of its home is on no core', t => {
  for (const bound of [{ tableRowsMax: 2 }, { rowsMax: 2 }] as const) {
    const world = new World({}, bound)
    world.open()
    world.read()
    for (const key of ['a', 'b', 'c']) world.put({ key, command: 'ADD', price: '1' }, key !== 'c')
    world.read()
    t.deepEqual(sorted(world.table.rows), sorted(world.model.rows), JSON.stringify(bound))
  }
})

test('[MO18] a row that a replica has no room for makes it stale, until it has come whole', t => {
  const world = new World({ tableBytesMax: 2_000 })
  world.open()
  world.read()
  const text = 'x'.repeat(1_000)
  for (const key of ['a', 'b', 'c']) world.put({ key, command: 'ADD', text: key + text })
  world.read()
  t.true(world.table.isStale)
  world.cores.settle(1_000)
  world.read()
  t.true(world.table.isStale, 'it is still too large')
  // While its core asks anew it is told of no update: what is deleted then is not in what comes whole.
  world.put({ key: 'a', command: 'DELETE' })
  world.put({ key: 'c', command: 'DELETE' })
  for (let i = 0; i < 3; i++) world.cores.settle(1_000)
  world.read()
  t.false(world.table.isStale)
  t.deepEqual(sorted(world.table.rows), sorted(world.model.rows))
})

test('[MO18] what a row has no room for is in it nowhere, and what else is told of the item stays the same everywhere', t => {
  const bounds = { tableBytesMax: 1_000 }
  const world = new World(bounds, bounds)
  const [price, text] = ['1', 'x'.repeat(800)]
  world.open()
  for (const core of [0, 1]) world.cores.open(core, 2 + core, [BOOK])
  world.read()
  world.put({ key: 'a', command: 'ADD', price, text }, false)
  world.put({ key: 'a', command: 'ADD', price: '2', text: `${text}${text}` }, false)
  world.read()
  world.cores.settle(1_000)
  world.read()
  t.deepEqual(sorted(world.table.rows), [['a', [['price', '2']]]])
  const flat = [0, 1].map(core => {
    const item = world.cores.cores[core]!.conflate.items.find(BOOK)!
    return [item.seq, item.lengths.slice(0, item.fieldCount)]
  })
  t.deepEqual(flat[0], flat[1])
})

test('[MO18] an operation that empties a table and finds no room for its row empties it everywhere (found: at home alone)', t => {
  const world = new World({}, { tableBytesMax: 300 })
  world.open()
  world.read()
  for (const key of ['a', 'b']) world.put({ key, command: 'ADD', price: '1' })
  world.read()
  t.is(world.table.rows.size, 2)
  world.cores.feed({ item: BOOK, mode: 'command', snapshot: true, fields: { key: 'k'.repeat(400), command: 'ADD' } })
  world.read()
  t.is(world.table.rows.size, 0)
})

test('[MO18] whatever happens to a table at its home, a client of another core has it', t => {
  const seed = seedOr(20_261_205)
  for (let run = 0; run < 60; run++) {
    const random = new Random(seed + run)
    const world = new World({ tableDeletedRowsMax: random.pick([1, 100]) })
    const text = 'x'.repeat(random.pick([1, 3_000]))
    for (let step = 0; step < 300; step++) {
      if (step === 100) world.open()
      const key = `k${random.int(random.pick([10, 400]))}`
      const command = random.pick(['ADD', 'ADD', 'UPDATE', 'DELETE'])
      if (random.chance(0.005)) world.put({ command: 'CLEAR' })
      else world.put({ key, command, ...(command === 'DELETE' ? {} : { text: `${text}${step}` }) })
      if (random.chance(0.3)) world.cores.turn()
      if (random.chance(0.02)) world.read()
    }
    world.read()
    t.deepEqual(world.table.faults, [])
    t.deepEqual(sorted(world.table.rows), sorted(world.model.rows), `SEED=${random.seed}`)
  }
})

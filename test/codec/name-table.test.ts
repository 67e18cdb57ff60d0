import test from 'ava'
import { HASH_PRIME, NameTable } from '#src/codec/name-table.ts'
import { Random, seedOr } from '../support/random.ts'

function add(table: NameTable, name: string): number {
  const bytes = Buffer.from(`<${JSON.stringify(name).slice(1, -1)}>`)
  return table.add(bytes, 1, bytes.length - 1)
}

function find(table: NameTable, name: string): number {
  const bytes = Buffer.from(`<${JSON.stringify(name).slice(1, -1)}>`)
  return table.find(bytes, 1, bytes.length - 1)
}

test('[F1] ids are dense, and a removed one is given again', t => {
  const table = new NameTable(3, 16)
  t.deepEqual(
    ['a', 'b', 'c', 'b'].map(name => add(table, name)),
    [0, 1, 2, 1],
  )
  t.is(table.size, 3)
  t.is(add(table, 'd'), -1)
  table.remove(1)
  t.is(find(table, 'b'), -1)
  t.false(table.has(1))
  t.is(add(table, 'd'), 1)
  t.is(table.textOf(1), 'd')
})

test('[F1] a name is held as JSON prints it, and told as it is', t => {
  const table = new NameTable(8, 16)
  for (const name of ['plain', '"\\', 'grün', '𝄞', 'a/b']) {
    const id = add(table, name)
    t.is(table.textOf(id), name)
    t.is(table.bytesOf(id).toString(), JSON.stringify(name).slice(1, -1))
    t.is(table.lengthOf(id), table.bytesOf(id).length)
  }
  const target = Buffer.alloc(16, '.')
  t.is(table.copyTo(find(table, 'plain'), target, 2), 7)
  t.is(target.toString(), '..plain.........')
})

test('[F1] the end of a guessed name is told only for that name', t => {
  const table = new NameTable(4, 16)
  const id = add(table, 'bid')
  const bytes = Buffer.from('"bid":"bid_size"')
  t.is(table.endOf(id, bytes, 1, bytes.length), 4)
  t.is(table.endOf(id, bytes, 1, 4), -1)
  t.is(table.endOf(id, bytes, 7, bytes.length), -1)
  t.is(table.endOf(-1, bytes, 1, bytes.length), -1)
  table.remove(id)
  t.is(table.endOf(id, bytes, 1, bytes.length), -1)
})

test('[F1] names that are longer than the limit, or empty, are broken invariants', t => {
  const table = new NameTable(4, 2)
  t.throws(() => add(table, ''))
  t.throws(() => add(table, '12345'))
  t.throws(() => table.remove(0))
  t.throws(() => table.textOf(0))
  t.is(add(table, '""'), 0)
})

test('[F1] names of one hash are told apart', t => {
  const table = new NameTable(100, 16, 0)
  // FNV from 0: a byte 0 leaves the hash 0, so such names collide. A table does not ask what a name holds.
  const zeros = Buffer.alloc(8)
  t.is(Math.imul(0 ^ 0, HASH_PRIME), 0)
  for (let length = 1; length <= 8; length++) t.is(table.add(zeros, 0, length), length - 1)
  for (let length = 1; length <= 8; length++) t.is(table.find(zeros, 0, length), length - 1)
  table.remove(3)
  t.is(table.find(zeros, 0, 4), -1)
  for (let length = 5; length <= 8; length++) t.is(table.find(zeros, 0, length), length - 1)
})

test('[F1] after any adds and removals it finds what a map finds', t => {
  const seed = seedOr(11)
  const random = new Random(seed)
  for (const [namesMax, nameCount] of [
    [50, 70],
    [1_000, 900],
  ] as const) {
    const table = new NameTable(namesMax, 24)
    const model = new Map<string, number>()
    for (let step = 0; step < 20_000; step++) {
      const name = `${'xyz'.repeat(random.int(7))}${random.int(nameCount)}`
      const known = model.get(name)
      if (random.chance(0.45) && known !== undefined) {
        table.remove(known)
        model.delete(name)
      } else if (random.chance(0.6)) {
        const id = add(table, name)
        if (known !== undefined) t.is(id, known, `SEED=${seed}`)
        else if (model.size === namesMax) t.is(id, -1, `SEED=${seed}`)
        else {
          if (id < 0 || id >= namesMax || [...model.values()].includes(id)) t.fail(`id ${id} SEED=${seed}`)
          model.set(name, id)
        }
      }
      if (table.size !== model.size) t.fail(`size SEED=${seed}`)
      if (find(table, name) !== (model.get(name) ?? -1)) t.fail(`${name} SEED=${seed}`)
    }
    for (const [name, id] of model) {
      t.is(find(table, name), id, `SEED=${seed}`)
      t.is(table.textOf(id), name, `SEED=${seed}`)
    }
  }
})

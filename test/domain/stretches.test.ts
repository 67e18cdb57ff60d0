import test from 'ava'
import { CarriedStretches, NOT_CARRIED, SPARE_ROW } from '#src/domain/carried-stretches.ts'
import { StretchColumns, type StretchFunction } from '#src/domain/merge-function.ts'
import { Stretches } from '#src/domain/stretches.ts'
import { Random, seedOr } from '#test/support/random.ts'

const FUNCTIONS: readonly StretchFunction[] = ['sum', 'first', 'count', 'max', 'min']
const COLUMNS = new StretchColumns(FUNCTIONS, 100)

/** All that a row says. */
function rowText(table: Stretches, row: number): string {
  const out = Buffer.alloc(COLUMNS.resultBytesMax)
  return FUNCTIONS.map((one, column) => {
    const length = table.write(row, column, out, 0)
    const text = length < 0 ? 'null' : out.toString('latin1', 0, length)
    return `${one} ${text} ${table.firstAt(row, column)} ${table.lastAt(row, column)}`
  }).join(', ')
}

test('[MF7] stretches fold into the same bytes in whatever groups they are folded', t => {
  const random = new Random(seedOr(20_260_931))
  const values = ['1', '1.0', '-2', '2e3', '0.001', '123456789012345678901234567890', '-123456789012345678901234567.89']
  for (let round = 0; round < 300; round++) {
    const count = 1 + random.int(12)
    const [whole, parts] = [new Stretches(COLUMNS), new Stretches(COLUMNS)]
    whole.reserve(1)
    for (let position = 1; position <= count; position++) {
      parts.reserve(position)
      for (const column of FUNCTIONS.keys()) {
        if (random.chance(0.3)) continue
        const bytes = Buffer.from(random.pick(values))
        const length = random.chance(0.2) ? -1 : bytes.length
        whole.note(0, column, position, bytes, 0, length)
        parts.note(position - 1, column, position, bytes, 0, length)
      }
    }
    const groups = Array.from({ length: count }, (_, row) => row)
    while (groups.length > 1) {
      const place = random.int(groups.length - 1)
      const [later] = groups.splice(place + 1, 1)
      parts.fold(groups[place]!, parts, later!)
    }
    if (rowText(parts, 0) !== rowText(whole, 0)) {
      t.fail(`${rowText(parts, 0)}\nnot ${rowText(whole, 0)}; SEED=${random.seed}`)
    }
  }
  t.pass()
})

test('[MF7] slots grow with their longest value, and keep what stands in them', t => {
  const table = new Stretches(COLUMNS)
  table.reserve(4)
  const lengths = [3, 16, 17, 100]
  for (const [row, length] of lengths.entries()) {
    table.note(row, 1, 1, Buffer.from(`${row}`.repeat(length)), 0, length)
    table.note(row, 3, 1, Buffer.from(`${row}.5`), 0, 3)
    table.note(row, 4, 1, Buffer.from(`-${row}`), 0, 2)
  }
  const out = Buffer.alloc(COLUMNS.resultBytesMax)
  for (const [row, length] of lengths.entries()) {
    t.is(out.toString('latin1', 0, table.write(row, 1, out, 0)), `${row}`.repeat(length))
    t.is(out.toString('latin1', 0, table.write(row, 3, out, 0)), `${row}.5`)
    t.is(out.toString('latin1', 0, table.write(row, 4, out, 0)), `-${row}`)
  }
})

test('[MF7] what is lost stays lost, whatever is folded into it', t => {
  const table = new Stretches(COLUMNS)
  table.reserve(2)
  table.lose(0, 2)
  table.note(1, 2, 5, Buffer.from('x'), 0, 1)
  table.fold(0, table, 1)
  t.true(table.isLost(0, 2))
  t.false(table.isLost(1, 2))
  table.clear(0)
  t.false(table.isLost(0, 2))
})

test('[MF3] rows that are given up are used again, empty, and no other row is', t => {
  const random = new Random(seedOr(20_260_932))
  const carried = new CarriedStretches(COLUMNS)
  let held = new Map<number, number>()
  let [position, most] = [0, 0]
  for (let pushOut = 0; pushOut < 300; pushOut++) {
    const kept = new Map<number, number>()
    for (const [at, row] of held) {
      t.is(carried.rowOf(at), row)
      if (random.chance(0.3)) continue
      t.is(carried.keep(at), row)
      t.true(carried.isKept(at))
      kept.set(at, row)
    }
    for (let added = random.int(10); added > 0; added--) {
      position++
      t.is(carried.keep(position), NOT_CARRIED)
      const row = carried.add(position)
      t.true(row !== SPARE_ROW && carried.table.lastAt(row, 2) === 0)
      carried.table.note(row, 2, position, Buffer.from('x'), 0, 1)
      kept.set(position, row)
    }
    most = Math.max(most, new Set([...held.values(), ...kept.values()]).size)
    carried.giveUpOthers()
    t.is(carried.size, kept.size)
    t.is(new Set(kept.values()).size, kept.size)
    held = kept
  }
  const last = Math.max(...Array.from({ length: most + 1 }, () => carried.add(++position)))
  t.true(last <= most * 3, `row ${last}, with ${most} held at most; SEED=${random.seed}`)
})

import test from 'ava'
import { Runs } from '#src/domain/runs.ts'
import { Random, seedOr } from '#test/support/random.ts'

test('[I21] runs never overlap, begin at multiples of their length, and join again: random takes and returns', t => {
  const random = new Random(seedOr(20_261_122))
  const runs = new Runs()
  const held: { start: number; bits: number }[] = []
  const used = new Set<number>()
  let most = 0
  for (let action = 0; action < 5_000; action++) {
    if (held.length === 0 || random.int(100) < 52) {
      const bits = random.int(7)
      const start = runs.take(bits)
      if (start % 2 ** bits !== 0) t.fail(`begins at ${start}; SEED=${random.seed}`)
      for (let number = start; number < start + 2 ** bits; number++) {
        if (used.has(number) || number >= runs.end) t.fail(`${number} is given twice; SEED=${random.seed}`)
        used.add(number)
      }
      held.push({ start, bits })
    } else {
      const [{ start, bits }] = held.splice(random.int(held.length), 1) as [{ start: number; bits: number }]
      for (let number = start; number < start + 2 ** bits; number++) used.delete(number)
      runs.giveBack(start, bits)
    }
    most = Math.max(most, used.size)
  }
  for (const { start, bits } of held) runs.giveBack(start, bits)
  const { end } = runs
  t.true(end <= most * 4, `${end} numbers for ${most} at most; SEED=${random.seed}`)
  // All is free, and whole again: the largest run that fits is given without new numbers.
  const bits = Math.floor(Math.log2(end))
  t.is(runs.take(bits), 0)
  t.is(runs.end, end)
})

import test from 'ava'
import { ENTRY_DELETED, ENTRY_SNAPSHOT, ENTRY_STALE, ENTRY_UPDATE, ItemLog, NOT_KEPT } from '#src/domain/item-log.ts'
import { RawBudget } from '#src/domain/raw-budget.ts'
import { Random, seedOr } from '#test/support/random.ts'

interface Entry {
  readonly kind: number
  readonly timeMs: number
  readonly bytes: Buffer
}

const KINDS = [ENTRY_UPDATE, ENTRY_SNAPSHOT, ENTRY_DELETED, ENTRY_STALE]

test('[I3] a log holds the newest entries whole, in order, within both bounds: random actions against an array', t => {
  const random = new Random(seedOr(20_260_203))
  for (let round = 0; round < 40; round++) {
    const bytesMax = 20 + random.int(500)
    const entriesMax = random.pick([1, 2, 3, 7, 16, 100])
    const replay = `SEED=${random.seed} ${bytesMax} bytes, ${entriesMax} entries`
    const log = new ItemLog(bytesMax, entriesMax, new RawBudget(1 << 20))
    const model: Entry[] = []
    let evictedByBytes = 0
    for (let position = 0; position < 300; position++) {
      const kind = random.pick(KINDS)
      const length = kind >= ENTRY_DELETED ? 0 : random.chance(0.05) ? bytesMax : random.int(Math.min(40, bytesMax))
      const bytes = Buffer.from(Array.from({ length }, () => random.int(256)))
      const before = log.end - log.first
      const offset = log.append(kind, length, position * 3, position + 1)
      bytes.copy(log.bytes, offset)
      model.push({ kind, timeMs: position * 3, bytes })
      const held = log.end - log.first
      if (before < entriesMax && held <= before) evictedByBytes++
      if (log.end !== position + 1 || held < 1 || held > entriesMax) t.fail(`${log.first} to ${log.end}; ${replay}`)
      let total = 0
      for (let at = log.first; at < log.end; at++) {
        const expected = model[at]!
        const [from, count] = [log.offsetAt(at), log.lengthAt(at)]
        total += Math.max(1, count)
        const isSame =
          log.kindAt(at) === expected.kind &&
          log.timeMsAt(at) === expected.timeMs &&
          expected.bytes.equals(log.bytes.subarray(from, from + count))
        if (!isSame) t.fail(`entry ${at} is not what was appended; ${replay}`)
      }
      if (total > bytesMax) t.fail(`${total} bytes; ${replay}`)
    }
    if (entriesMax === 100) t.true(evictedByBytes > 0, `the bound of bytes was met; ${replay}`)
  }
})

test('[I3] while both bounds leave room nothing is pushed out', t => {
  const log = new ItemLog(100, 10, new RawBudget(1 << 20))
  for (let i = 0; i < 10; i++) log.append(ENTRY_UPDATE, 10, i, i)
  t.deepEqual([log.first, log.end], [0, 10])
  log.append(ENTRY_UPDATE, 1, 10, 10)
  t.deepEqual([log.first, log.end], [1, 11])
})

test('[I3] a log that has room, but in two pieces, grows and pushes nothing out (found: it did)', t => {
  const log = new ItemLog(4_096, 4, new RawBudget(1 << 20))
  for (const [i, length] of [250, 250, 250, 200, 260].entries()) log.append(ENTRY_UPDATE, length, i, i)
  t.deepEqual([log.first, log.end], [1, 5])
})

test('[I3] an entry without bytes has a place of its own: it is pushed out in its turn', t => {
  const log = new ItemLog(4, 100, new RawBudget(1 << 20))
  for (let i = 0; i < 4; i++) log.append(ENTRY_STALE, 0, i, i)
  t.deepEqual([log.first, log.end], [0, 4])
  log.append(ENTRY_STALE, 0, 4, 4)
  t.deepEqual([log.first, log.end], [1, 5])
})

test('[I3] the number of entries need be no power of two (found: a setting of 1,000 ended the thread)', t => {
  const log = new ItemLog(100_000, 1_000, new RawBudget(1 << 20))
  for (let i = 0; i < 1_500; i++) log.append(ENTRY_UPDATE, 1, i, i)
  t.deepEqual([log.first, log.end, log.timeMsAt(500), log.timeMsAt(1_499)], [500, 1_500, 500, 1_499])
})

test('[I12] a log takes no bytes before its first entry, doubles with what it holds, and gives all back', t => {
  const budget = new RawBudget(1 << 20)
  const log = new ItemLog(65_536, 1_024, budget)
  t.is(log.bytes.length, 0)
  const empty = budget.usedBytes
  const sizes = new Set<number>()
  for (let i = 0; i < 2_000; i++) {
    log.append(ENTRY_UPDATE, 50, i, i)
    sizes.add(log.bytes.length)
  }
  t.deepEqual([...sizes], [1_024, 2_048, 4_096, 8_192, 16_384, 32_768, 65_536])
  t.deepEqual([log.first, log.end], [976, 2_000])
  t.true(budget.usedBytes > empty + 65_536)
  log.release()
  t.is(budget.usedBytes, 0)
})

test('[I12] logs that share a budget hold their newest entries whole, whatever it gives each: random actions', t => {
  const random = new Random(seedOr(20_260_243))
  for (let round = 0; round < 30; round++) {
    const budgetBytes = 1_000 + random.int(20_000)
    const budget = new RawBudget(budgetBytes)
    const replay = `SEED=${random.seed} ${budgetBytes} bytes`
    const logs = [1, 2, 3, 4].map(() => ({ log: new ItemLog(8_192, 100, budget), model: [] as Buffer[] }))
    let notKept = 0
    let kept = 0
    for (let step = 0; step < 600; step++) {
      const { log, model } = random.pick(logs)
      const bytes = Buffer.alloc(random.chance(0.1) ? 0 : random.int(random.pick([20, 300, 3_000])), random.int(256))
      const offset = log.append(ENTRY_UPDATE, bytes.length, step, step)
      model.push(bytes)
      if (offset === NOT_KEPT) notKept++
      else bytes.copy(log.bytes, offset)
      if (log.end !== model.length) t.is(log.end, model.length, replay)
      if ((offset === NOT_KEPT) !== (log.first === log.end)) t.fail(`${log.first} to ${log.end}; ${replay}`)
      for (let at = log.first; at < log.end; at++) {
        const [from, length] = [log.offsetAt(at), log.lengthAt(at)]
        if (!model[at]!.equals(log.bytes.subarray(from, from + length))) t.fail(`entry ${at}; ${replay}`)
        kept++
      }
      if (budget.usedBytes > budgetBytes) t.fail(`${budget.usedBytes} taken; ${replay}`)
    }
    for (const { log } of logs) log.release()
    t.is(budget.usedBytes, 0, replay)
    if (budgetBytes < 5_000) t.true(notKept > 0, replay)
    t.true(kept > 0 || budgetBytes < 3_600, replay)
  }
})

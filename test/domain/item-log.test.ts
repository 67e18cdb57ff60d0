import test from 'ava'
import { ENTRY_DELETED, ENTRY_SNAPSHOT, ENTRY_STALE, ENTRY_UPDATE, ItemLog } from '#src/domain/item-log.ts'
import { Random, seedOr } from '#test/support/random.ts'

interface Entry {
  readonly kind: number
  readonly seq: number
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
    const log = new ItemLog(bytesMax, entriesMax)
    const model: Entry[] = []
    let evictedByBytes = 0
    for (let position = 0; position < 300; position++) {
      const kind = random.pick(KINDS)
      const length = kind >= ENTRY_DELETED ? 0 : random.chance(0.05) ? bytesMax : random.int(Math.min(40, bytesMax))
      const bytes = Buffer.from(Array.from({ length }, () => random.int(256)))
      const before = log.end - log.first
      const offset = log.append(kind, length, position * 2, position * 3)
      bytes.copy(log.bytes, offset)
      model.push({ kind, seq: position * 2, timeMs: position * 3, bytes })
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
          log.seqAt(at) === expected.seq &&
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
  const log = new ItemLog(100, 10)
  for (let i = 0; i < 10; i++) log.append(ENTRY_UPDATE, 10, i, i)
  t.deepEqual([log.first, log.end], [0, 10])
  log.append(ENTRY_UPDATE, 1, 10, 10)
  t.deepEqual([log.first, log.end], [1, 11])
})

test('[I3] an entry without bytes has a place of its own: it is pushed out in its turn', t => {
  const log = new ItemLog(4, 100)
  for (let i = 0; i < 4; i++) log.append(ENTRY_STALE, 0, i, 0)
  t.deepEqual([log.first, log.end], [0, 4])
  log.append(ENTRY_STALE, 0, 4, 0)
  t.deepEqual([log.first, log.end], [1, 5])
})

test('[I3] the number of entries need be no power of two (found: a setting of 1,000 ended the thread)', t => {
  const log = new ItemLog(100_000, 1_000)
  for (let i = 0; i < 1_500; i++) log.append(ENTRY_UPDATE, 1, i, 0)
  t.deepEqual([log.first, log.end, log.seqAt(500), log.seqAt(1_499)], [500, 1_500, 500, 1_499])
})

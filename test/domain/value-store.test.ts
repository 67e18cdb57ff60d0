import test from 'ava'
import { NO_ROOM, ValueStore } from '#src/domain/value-store.ts'
import { Random, seedOr } from '#test/support/random.ts'

interface Block {
  readonly offset: number
  readonly bits: number
  readonly mark: number
}

test('[I1] blocks never overlap, never leave the store and keep their bytes while it grows: random actions', t => {
  const random = new Random(seedOr(20_260_201))
  for (let round = 0; round < 12; round++) {
    const bytesMax = random.pick([64, 4_096, 100_000, 3 << 20])
    const store = new ValueStore(bytesMax)
    const blocks: Block[] = []
    let refused = 0
    for (let action = 0; action < 2_000; action++) {
      if (random.chance(0.6)) {
        const bits = random.chance(0.1) ? 3 + random.int(14) : 3 + random.int(5)
        const offset = store.allocate(bits)
        if (offset === NO_ROOM) {
          refused++
          continue
        }
        const size = 1 << bits
        const isInside = offset >= 0 && offset + size <= store.bytes.length && store.bytes.length <= bytesMax
        const other = blocks.find(one => offset < one.offset + (1 << one.bits) && one.offset < offset + size)
        if (!isInside || other !== undefined) t.fail(`block ${offset} of ${size}; SEED=${random.seed}`)
        const mark = random.int(256)
        store.bytes.fill(mark, offset, offset + size)
        blocks.push({ offset, bits, mark })
      } else if (blocks.length > 0) {
        const [block] = blocks.splice(random.int(blocks.length), 1)
        const { offset, bits, mark } = block!
        const bytes = store.bytes.subarray(offset, offset + (1 << bits))
        if (bytes.some(byte => byte !== mark)) t.fail(`block ${offset} was written over; SEED=${random.seed}`)
        store.free(offset, bits)
      }
      const usedBytes = blocks.reduce((sum, { bits }) => sum + (1 << bits), 0)
      if (store.usedBytes !== usedBytes) t.is(store.usedBytes, usedBytes, `SEED=${random.seed}`)
    }
    t.true(bytesMax > 4_096 || refused > 0, `the bound of ${bytesMax} was met; SEED=${random.seed}`)
  }
})

test('[I1] a freed block is used again before the store grows, and a full store refuses', t => {
  const store = new ValueStore(64)
  const offsets = Array.from({ length: 8 }, () => store.allocate(3))
  t.deepEqual(
    [...offsets].sort((a, b) => a - b),
    [0, 8, 16, 24, 32, 40, 48, 56],
  )
  t.is(store.allocate(3), NO_ROOM)
  store.free(offsets[2]!, 3)
  store.free(offsets[5]!, 3)
  t.is(store.allocate(4), NO_ROOM, 'blocks of one size are not those of another')
  t.deepEqual([store.allocate(3), store.allocate(3), store.allocate(3)], [offsets[5]!, offsets[2]!, NO_ROOM])
})

test('[I1] a length has the smallest class that holds it', t => {
  for (let length = 1; length <= 65_536; length++) {
    const bits = ValueStore.classOf(length)
    if (!(1 << bits >= length && (bits === 3 || 1 << (bits - 1) < length))) t.fail(`${length} has class ${bits}`)
  }
  t.is(ValueStore.classOf(65_536), 16)
})

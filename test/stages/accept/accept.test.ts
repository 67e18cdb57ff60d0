import test from 'ava'
import { Accept } from '#stages/accept/accept.ts'
import { Random, seedOr } from '#test/support/random.ts'
import { ReaderSocket } from '#test/support/reader-socket.ts'

test('[S13] a slot has one connection at a time, its generations grow, and beyond the bound one is refused: random actions', t => {
  const random = new Random(seedOr(20_260_271))
  const [slotsMax, slotMin] = [40, 3]
  const bound = slotsMax - slotMin
  const open = new Map<number, ReaderSocket>()
  const generations = new Map<number, number>()
  const releasedAt = new Map<number, number>()
  let [refused, reused, step] = [0, 0, 0]
  const accept = new Accept({
    slotsMax,
    slotMin,
    admit: (socket, slot, generation) => {
      const before = generations.get(slot) ?? 0
      if (open.has(slot) || slot < slotMin || slot >= slotsMax) t.fail(`slot ${slot}; SEED=${random.seed}`)
      if (generation !== before + 1) t.fail(`generation ${generation} after ${before}; SEED=${random.seed}`)
      if (before > 0) {
        reused++
        const longest = Math.min(...releasedAt.values())
        if (releasedAt.get(slot) !== longest) t.fail(`slot ${slot} was not free longest; SEED=${random.seed}`)
      }
      releasedAt.delete(slot)
      generations.set(slot, generation)
      open.set(slot, socket as ReaderSocket)
    },
    refuse: (_, isClosing) => {
      refused++
      if (isClosing || open.size !== bound) t.fail(`refused with ${open.size} open; SEED=${random.seed}`)
    },
  })
  for (; step < 5_000; step++) {
    if (random.chance(step % 1_000 < 500 ? 0.7 : 0.3)) {
      const hasRoom = open.size < bound
      if (accept.offer(new ReaderSocket()) !== hasRoom) t.fail(`offer; SEED=${random.seed}`)
    } else if (open.size > 0) {
      const slot = random.pick([...open.keys()])
      open.delete(slot)
      releasedAt.set(slot, step)
      accept.release(slot)
    }
    if (accept.openCount !== open.size) t.is(accept.openCount, open.size, `SEED=${random.seed}`)
  }
  t.true(refused > 50 && reused > 500)
  t.is(accept.refused, refused)
})

test('[S13] a server that goes down refuses everybody and says so, and those who are there stay', t => {
  const told: boolean[] = []
  const accept = new Accept({
    slotsMax: 10,
    slotMin: 0,
    admit: () => {},
    refuse: (_, isClosing) => told.push(isClosing),
  })
  accept.offer(new ReaderSocket())
  accept.isClosing = true
  t.false(accept.offer(new ReaderSocket()))
  t.deepEqual(told, [true])
  t.is(accept.openCount, 1)
  t.is(accept.work(), 2)
  t.is(accept.work(), 0)
})

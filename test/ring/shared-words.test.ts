import test from 'ava'
import { AssertionError } from '#src/errors.ts'
import { countersOf, createCounters, IN_FLIGHT_BYTES_MAX, InFlightWords } from '#src/ring/shared-words.ts'
import { Random, seedOr } from '#test/support/random.ts'

test('[Q16] bytes in flight are what was added less what was subtracted, each slot for itself: random actions', t => {
  const random = new Random(seedOr(20_260_104))
  const memory = InFlightWords.create(4)
  const [core, edge] = [new InFlightWords(memory), new InFlightWords(memory)]
  const bytes = [0, 0, 0, 0]
  const isWaiting = [false, false, false, false]
  t.is(core.slots, 4)
  for (let action = 0; action < 5000; action++) {
    const slot = random.int(4)
    const choice = random.int(4)
    if (choice === 0) {
      const added = random.int(100_000)
      core.add(slot, added)
      bytes[slot]! += added
    } else if (choice === 1) {
      const taken = random.int(bytes[slot]! + 1)
      bytes[slot]! -= taken
      t.is(edge.subtract(slot, taken), bytes[slot]!, `SEED=${random.seed}`)
    } else if (choice === 2) {
      core.setWaiting(slot)
      isWaiting[slot] = true
    } else {
      t.is(edge.takeWaiting(slot), isWaiting[slot]!, `SEED=${random.seed}`)
      isWaiting[slot] = false
    }
    t.is(core.bytes(slot), bytes[slot]!, `SEED=${random.seed}`)
  }
})

test('[Q16] waiting is taken once', t => {
  const words = new InFlightWords(InFlightWords.create(1))
  words.add(0, IN_FLIGHT_BYTES_MAX)
  words.setWaiting(0)
  words.setWaiting(0)
  t.is(words.bytes(0), IN_FLIGHT_BYTES_MAX)
  t.true(words.takeWaiting(0))
  t.false(words.takeWaiting(0))
  t.is(words.subtract(0, IN_FLIGHT_BYTES_MAX), 0)
})

test('[Q16] more bytes than a slot counts, less than none, and a slot that is not there are broken invariants', t => {
  const broken = { instanceOf: AssertionError }
  const make = (): InFlightWords => new InFlightWords(InFlightWords.create(1))
  t.throws(() => make().subtract(0, 1), broken)
  t.throws(() => make().add(0, -1), broken)
  t.throws(() => make().add(0, 0.5), broken)
  t.throws(() => make().subtract(0, -1), broken)
  const full = make()
  full.add(0, IN_FLIGHT_BYTES_MAX)
  t.throws(() => full.add(0, 1), broken)
  t.throws(() => make().add(1, 1), { instanceOf: RangeError })
  for (const slots of [0, -1, 1.5]) t.throws(() => InFlightWords.create(slots), broken)
})

test('[Q17] a block of counters is seen by all who have its memory, and starts at 0', t => {
  const memory = createCounters(3)
  const [writer, reader] = [countersOf(memory), countersOf(memory)]
  t.deepEqual([...reader], [0, 0, 0])
  writer[2] = 2 ** 53 - 1
  writer[0]! += 0.5
  t.deepEqual([...reader], [0.5, 0, 2 ** 53 - 1])
  for (const count of [0, 1.5]) t.throws(() => createCounters(count), { instanceOf: AssertionError })
})

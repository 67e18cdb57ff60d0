import test from 'ava'
import { WritesAhead } from '#stages/batch/writes-ahead.ts'
import { CoreBench } from '#test/support/core-bench.ts'
import { Random, seedOr } from '#test/support/random.ts'

test('[S25] the writes that an edge is behind with are those of the records that it has not taken: random, with a wrap', t => {
  const random = new Random(seedOr(20_261_123))
  const ahead = new WritesAhead(64)
  const model: { position: number; writes: number }[] = []
  let position = 0x7fff_f000 | 0
  let consumed = position
  for (let action = 0; action < 5_000; action++) {
    if (random.chance(0.5) && model.length < 64) {
      position = (position + 8 * (1 + random.int(100))) | 0
      const writes = 1 + random.int(1_000)
      ahead.note(position, writes)
      model.push({ position, writes })
    } else if (model.length > 0) {
      const taken = 1 + random.int(model.length)
      consumed = model[taken - 1]!.position
      model.splice(0, taken)
    }
    const expected = model.reduce((sum, { writes }) => sum + writes, 0)
    if (ahead.countBehind(consumed) !== expected) t.fail(`after ${action}; SEED=${random.seed}`)
  }
  t.true(model.length <= 64)
})

test('[S25] who waits behind an edge that is late gets all that gathered in one flush, once it has gone on', t => {
  const bench = new CoreBench({ writesAheadMax: 3 })
  const items = ['A']
  for (let slot = 0; slot < 3; slot++) bench.open(slot, 1, { items, mode: 'raw' })
  bench.settle()
  bench.take()
  bench.feed({ item: 'A', fields: { n: '1' } })
  bench.settle()
  for (const n of ['2', '3', '4']) {
    bench.feed({ item: 'A', fields: { n } })
    bench.settle()
  }
  t.deepEqual(
    bench.take().map(({ slots, updates }) => [slots, updates]),
    [[[0, 1, 2], 1]],
    'nothing stands in the ring behind three writes',
  )
  bench.settle()
  t.deepEqual(
    bench.take().map(({ slots, updates }) => [slots, updates]),
    [[[0, 1, 2], 3]],
  )
})

test('[S25] a quarter of the bound behind, an edge gets no second flush for a connection until it has gone on', t => {
  const bench = new CoreBench({ writesAheadMax: 12 })
  for (let slot = 0; slot < 3; slot++) bench.open(slot, 1, { items: ['A'], mode: 'raw' })
  bench.settle()
  bench.take()
  for (const n of ['1', '2', '3']) {
    bench.feed({ item: 'A', fields: { n } })
    bench.settle()
  }
  const flushes = () => bench.take().map(({ slots, updates }) => [slots, updates])
  t.deepEqual(flushes(), [[[0, 1, 2], 1]])
  bench.settle()
  t.deepEqual(flushes(), [[[0, 1, 2], 2]])
  // Two writes are less than a quarter: what comes then goes at once, whatever is in flight.
  bench.close(2, 1)
  for (const n of ['4', '5']) {
    bench.feed({ item: 'A', fields: { n } })
    bench.settle()
  }
  t.deepEqual(flushes(), [
    [[0, 1], 1],
    [[0, 1], 1],
  ])
})

test('[S25] when the server goes down everybody gets what waits, however late the edge is (found: the bound held it back)', t => {
  const bench = new CoreBench({ writesAheadMax: 1, flushSessionsMax: 1 })
  for (let slot = 0; slot < 3; slot++) bench.open(slot, 1, { items: ['A'], maxDelayMs: 100 })
  bench.settle()
  bench.feed({ item: 'A', fields: { n: '1' } })
  bench.settle()
  bench.core.endSessions(bench.clock.nowMs())
  bench.settle()
  const flushes = bench.take().filter(({ type }) => type === 'flush')
  t.deepEqual(flushes.flatMap(({ slots }) => slots).sort(), [0, 1, 2])
})

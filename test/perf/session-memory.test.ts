import test from 'ava'
import { measure, SHAPES } from '#perf/session-memory.ts'

test.serial('[PF36] the memory of sessions is taken of sessions that have their snapshots', async t => {
  t.timeout(60_000)
  const byWish = Map.groupBy(SHAPES, ({ name }) => name)
  t.is(byWish.size, 6)
  for (const [index, shapes] of [...byWish.values()].entries()) {
    const shape = shapes[index % shapes.length]!
    t.true(Number.isFinite(await measure(shape, 20, 10)), `${shape.name}, ${shape.what}`)
  }
})

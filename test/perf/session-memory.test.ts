import test from 'ava'
import { measure, SHAPES } from '#perf/session-memory.ts'

test.serial('[PF36] the memory of sessions is taken of sessions that have their snapshots', async t => {
  for (const shape of [SHAPES.find(({ isKept }) => isKept)!, SHAPES.at(-1)!]) {
    t.true(Number.isFinite(await measure(shape, 20, 10)), shape.name)
  }
})

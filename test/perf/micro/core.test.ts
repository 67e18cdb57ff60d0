import test from 'ava'
import { run } from '#perf/micro/core.ts'

test('[PF29] the measure of a core alone delivers every update of its loads, also at its small size', t => {
  const results = run(true)
  t.deepEqual(
    results.map(({ updates }) => updates),
    [2_000, 2_000, 6_000, 200],
  )
  t.true(results.every(({ nsPerUpdate, bytes }) => nsPerUpdate > 0 && bytes > 0))
})

import test from 'ava'
import { run } from '#perf/micro/stretches.ts'

test('[MF8] the measure of merge functions reads the same results each time, also at its small size', t => {
  const results = run(true)
  t.is(results.length, 5)
  t.true(results.every(({ nsPerUpdate }) => nsPerUpdate > 0))
  t.deepEqual(
    run(true).map(({ hash }) => hash),
    results.map(({ hash }) => hash),
  )
})

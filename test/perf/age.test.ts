import test from 'ava'
import { run } from '#perf/age.ts'

test.serial('[S58] over each transport a slow client reads values, and goes on reading them', async t => {
  const results = await run(1)
  t.deepEqual(
    results.map(({ transport }) => transport),
    ['sse', 'ndjson', 'websocket', 'poll'],
  )
  for (const { transport, updates, p50Ms, p99Ms } of results) {
    t.true(updates > 0, transport)
    t.true(p50Ms >= 0 && p99Ms >= p50Ms, transport)
  }
})

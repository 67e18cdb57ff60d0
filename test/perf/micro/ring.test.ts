import test from 'ava'
import { run } from '#perf/micro/ring.ts'

test('[Q18] the micro benchmark of rings and queues takes every record at its small size', async t => {
  const results = await run(true)
  t.deepEqual(
    results.map(result => result.name),
    ['ring, 64 B', 'ring, 944 B', 'local queue, 64 B', 'local queue, 944 B'],
  )
  t.is(results[0]!.hash, results[2]!.hash, 'a ring and a local queue hand over the same')
  t.is(results[1]!.hash, results[3]!.hash, 'a ring and a local queue hand over the same')
})

/** The benchmarks that look at the server from outside, run small: so that they go on working. */

import test from 'ava'
import { measureIdle } from '#perf/idle.ts'
import { measureIngest } from '#perf/ingest.ts'

test('[P20] idle: opens the connections that it is told to and measures the server that holds them', async t => {
  t.timeout(60_000)
  const result = await measureIdle(40, 0.3, ['--placement', 'single'])
  t.is(result.connections, 40)
  t.true(Number.isFinite(result.bytesPerConnection))
  t.true(result.cpuShare >= 0)
})

test('[P21] ingest: every line of the feed is acknowledged before the clock stops', async t => {
  t.timeout(60_000)
  const result = await measureIngest(20_000, [])
  t.is(result.lines, 20_000)
  t.true(result.linesPerSecond > 0)
  t.true(result.cpuSecondsPerMillion > 0)
})

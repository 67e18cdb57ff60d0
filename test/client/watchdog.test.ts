import test from 'ava'
import { Watchdog } from '#src/client/watchdog.ts'
import { FakeRuntime } from '../support/fake-runtime.ts'

interface Bench {
  readonly runtime: FakeRuntime
  readonly watchdog: Watchdog
  readonly calls: string[]
}

/** keepaliveMs 1,000 and 400 of slack. */
function start(canProbe: boolean, keepaliveMs = 1_000): Bench {
  const runtime = new FakeRuntime()
  const calls: string[] = []
  const watchdog = new Watchdog(runtime, 400, { probe: () => calls.push('probe'), dead: () => calls.push('dead') })
  watchdog.start(keepaliveMs, canProbe)
  return { runtime, watchdog, calls }
}

test('[CL27] silence for keepaliveMs and the slack is death, and nothing less is', async t => {
  const { runtime, watchdog, calls } = start(false)
  await runtime.advance(1_399)
  watchdog.heard()
  await runtime.advance(1_399)
  t.deepEqual(calls, [])
  await runtime.advance(1)
  t.deepEqual(calls, ['dead'])
})

test('[CL27] hearing moves no timer', async t => {
  const { runtime, watchdog } = start(false)
  const { nextMs } = runtime
  for (let i = 0; i < 10; i++) watchdog.heard()
  t.deepEqual([runtime.timers, runtime.nextMs], [1, nextMs])
})

test('[CL27] who is stopped, or promises nothing, is not watched', async t => {
  const { runtime, watchdog, calls } = start(false)
  watchdog.stop()
  t.is(runtime.timers, 0)
  const other = start(true, 0)
  await other.runtime.advance(100_000)
  t.deepEqual([...calls, ...other.calls], [])
})

test('[CL28] where pings are not seen, silence is asked first, and only then death', async t => {
  const { runtime, watchdog, calls } = start(true)
  await runtime.advance(1_099)
  t.deepEqual(calls, [])
  await runtime.advance(1)
  t.deepEqual(calls, ['probe'])
  await runtime.advance(299)
  watchdog.heard()
  await runtime.advance(1_099)
  t.deepEqual(calls, ['probe'])
  await runtime.advance(1)
  await runtime.advance(300)
  t.deepEqual(calls, ['probe', 'probe', 'dead'])
})

test('[CL29] a timer that fires late judges by what was heard', async t => {
  const { runtime, watchdog, calls } = start(false)
  runtime.sleep(60_000)
  watchdog.heard()
  await runtime.advance(0)
  t.deepEqual(calls, [])
})

test('[CL29] a timer that fires late asks before it judges', async t => {
  const { runtime, watchdog, calls } = start(true)
  runtime.sleep(60_000)
  await runtime.advance(0)
  t.deepEqual(calls, ['probe'])
  runtime.sleep(200)
  watchdog.heard()
  await runtime.advance(500)
  t.deepEqual(calls, ['probe'])
})

import test from 'ava'
import { Scout } from '#src/client/scout.ts'
import type { Transports } from '#src/client/session.ts'
import type { TransportName } from '#src/client/transports/transport.ts'
import { FakeRuntime } from '../support/fake-runtime.ts'
import { ScriptedStream } from '../support/scripted-transports.ts'

interface Bench {
  readonly runtime: FakeRuntime
  readonly scout: Scout
  readonly streams: ScriptedStream[]
  readonly found: TransportName[]
}

/** Waits of 1,000 ms at first, 100 for a welcome. */
function start(...candidates: readonly TransportName[]): Bench {
  const runtime = new FakeRuntime()
  const streams: ScriptedStream[] = []
  const found: TransportName[] = []
  const open =
    (name: TransportName): Transports[TransportName] =>
    (_runtime, request, sink) => {
      const stream = new ScriptedStream(name, request, sink)
      streams.push(stream)
      return stream
    }
  const transports = { websocket: open('websocket'), sse: open('sse'), poll: open('poll') }
  const scout = new Scout({
    runtime,
    baseUrl: 'http://server.test',
    transports,
    waitMs: 1_000,
    timeoutMs: 100,
    onFound: name => found.push(name),
  })
  scout.start(candidates)
  return { runtime, scout, streams, found }
}

test('[CL4] candidates are tried one after the other, best first, and each stream is ended', async t => {
  const { runtime, streams, found } = start('websocket', 'sse')
  await runtime.advance(1_000)
  streams[0]!.end()
  t.deepEqual([streams.length, streams[1]!.transport], [2, 'sse'])
  streams[1]!.line('no welcome')
  t.deepEqual([streams.map(({ isClosed }) => isClosed), found], [[true, true], []])
})

test('[CL4] the wait doubles in vain, up to an hour, and is short again when something was found', async t => {
  const { runtime, scout, streams, found } = start('sse')
  const waits: number[] = []
  for (let i = 0; i < 14; i++) {
    waits.push(runtime.nextMs)
    await runtime.advance(runtime.nextMs)
    await runtime.advance(100)
  }
  t.deepEqual(waits.slice(0, 3), [1_000, 2_000, 4_000])
  t.is(waits.at(-1), 3_600_000)
  await runtime.advance(runtime.nextMs)
  streams.at(-1)!.welcome()
  t.deepEqual([found, runtime.timers], [['sse'], 0])
  scout.start(['sse'])
  t.is(runtime.nextMs, 1_000)
})

test('[CL4] without a candidate, or when it is stopped, nothing is looked for', async t => {
  t.is(start().runtime.timers, 0)
  const { runtime, scout, streams } = start('sse')
  await runtime.advance(1_000)
  scout.stop()
  t.deepEqual([runtime.timers, streams[0]!.isClosed], [0, true])
})

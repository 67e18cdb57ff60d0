import test from 'ava'
import { settle } from '../support/fake-runtime.ts'
import { connectedBench, createBench, NOBODY, resumableBench, statesOf } from '../support/scripted-transports.ts'

test('[CL26] what was handled is acknowledged over WebSocket after a while, once, and nothing when nothing was', async t => {
  const bench = await connectedBench({}, { keepaliveMs: 0 })
  await bench.runtime.advance(20_000)
  t.deepEqual(bench.last().sent, [])
  bench.last().flush(1, { item: 'A', stale: true })
  await bench.runtime.advance(3_000)
  bench.last().flush(2, { item: 'A', stale: false })
  await bench.runtime.advance(1_999)
  t.deepEqual(bench.last().sent, [])
  await bench.runtime.advance(60_000)
  t.deepEqual(bench.last().sent, [{ ack: 2 }])
})

test('[CL26] the other transports do without', async t => {
  const bench = await connectedBench({ transports: ['sse'] }, { keepaliveMs: 0 })
  bench.last().flush(1, { item: 'A', stale: true })
  await bench.runtime.advance(60_000)
  t.deepEqual(bench.last().sent, [])
})

test('[CL27] a silent stream is dead after keepaliveMs and the slack, and is resumed', async t => {
  const bench = await resumableBench({ transports: ['sse'] })
  await bench.runtime.advance(15_000)
  bench.last().line('')
  await bench.runtime.advance(19_999)
  t.is(bench.client.state, 'connected')
  await bench.runtime.advance(1)
  t.is(statesOf(bench).at(-1), 'waiting sse NOTHING_HEARD')
  t.true(bench.last().isClosed)
})

test('[CL28] over WebSocket a numbered request that changes nothing asks for a sign of life', async t => {
  const bench = await resumableBench({ ackMs: 100_000 })
  await bench.runtime.advance(16_250)
  t.deepEqual(bench.last().sent, [{ request: 1, unsubscribe: NOBODY }])
  bench.last().answerAll()
  await bench.runtime.advance(16_250)
  t.deepEqual(bench.last().sent, [{ request: 2, unsubscribe: NOBODY }])
  await bench.runtime.advance(3_750)
  t.is(statesOf(bench).at(-1), 'waiting websocket NOTHING_HEARD')
})

test('[CL28] who waits for an answer anyway does not ask besides, and one who hears enough never asks', async t => {
  const bench = await resumableBench({ ackMs: 1_000_000 })
  for (let i = 0; i < 10; i++) {
    await bench.runtime.advance(15_000)
    bench.last().line('')
  }
  t.deepEqual(bench.last().sent, [])
  void bench.client.setLimits({ maxDelay: 1 }).catch(() => {})
  await bench.runtime.advance(19_000)
  t.deepEqual(bench.last().sent, [{ request: 1, limits: { maxDelay: 1 } }])
})

test('[CL38] limits are asked for when a session opens, changed while it lives, and kept for the next one', async t => {
  const bench = createBench({ maxBandwidth: 20_000, transports: ['sse'] })
  await settle()
  t.deepEqual(bench.last().parameters, { maxBandwidth: '20000' })
  bench.last().welcome()
  const done = bench.client.setLimits({ maxBandwidth: null, maxDelay: 100 })
  await settle()
  t.deepEqual(bench.last().sent, [{ request: 1, limits: { maxBandwidth: null, maxDelay: 100 } }])
  bench.last().flush(1, { limits: { maxBandwidth: null, maxDelay: 100 } })
  bench.last().answerAll()
  await done
  bench.last().say({ closing: { code: 'UPDATES_LOST', message: '' } })
  await bench.runtime.advance(500)
  t.deepEqual(bench.last().parameters, { maxDelay: '100' })
})

test('[CL38] refused limits are refused with the code', async t => {
  const bench = await connectedBench()
  const done = bench.client.setLimits({ maxDelay: 1e9 })
  await settle()
  bench.last().say({ answer: 1, error: { code: 'REQUEST_INVALID', message: '' } })
  await t.throwsAsync(done, { code: 'REQUEST_INVALID' })
})

test('[CL37] close ends the session, waits for the server over WebSocket, and leaves nothing', async t => {
  const bench = await resumableBench()
  const ends: unknown[] = []
  const calls: string[] = []
  const subscription = bench.client.subscribe(
    { items: 'A' },
    { onUnsubscribed: error => ends.push(error), onUpdate: () => calls.push('update') },
  )
  await settle()
  const done = bench.client.close()
  await t.throwsAsync(subscription.ready(), { code: 'CLIENT_CLOSED' })
  t.is(bench.client.state, 'closing')
  t.deepEqual(bench.last().sent.at(-1), { destroy: true })
  bench.last().flush(9, { subscribed: 1, items: 1 }, { sub: 1, item: 'A', seq: 1, fields: {} })
  bench.last().say({ closing: { code: 'SESSION_DESTROYED', message: '' } })
  await done
  t.is(bench.client.close(), bench.client.close())
  t.deepEqual([ends, calls], [[null], []])
  t.deepEqual([bench.client.state, bench.runtime.timers, bench.last().isClosed], ['closed', 0, true])
  t.deepEqual(statesOf(bench).slice(-2), ['closing websocket', 'closed -'])
})

test('[CL37] close does not wait for ever, nor at all where requests travel apart', async t => {
  const bench = await connectedBench()
  const done = bench.client.close()
  await bench.runtime.advance(2_000)
  await done
  t.true(bench.last().isClosed)
  const other = await connectedBench({ transports: ['sse'] })
  await other.client.close()
  t.deepEqual([other.last().sent, other.last().isClosed, other.runtime.timers], [[{ destroy: true }], true, 0])
})

test('[CL37] a client that has no stream closes at once, whatever it is about to do', async t => {
  const waiting = await connectedBench()
  waiting.last().end()
  const connecting = createBench()
  await settle()
  const starting = createBench()
  const closed = [waiting, connecting, starting].map(({ client }) => client.close())
  await Promise.all(closed)
  for (const bench of [waiting, connecting, starting]) {
    t.deepEqual([bench.client.state, bench.runtime.timers], ['closed', 0])
  }
  await settle()
  t.is(starting.streams.length, 0)
  t.true(connecting.last().isClosed)
})

test('[CL37] close in the midst of a flush, or of an event, stops all that would follow', async t => {
  const bench = await connectedBench()
  const calls: string[] = []
  bench.client.subscribe(
    { items: 'A' },
    {
      onUpdate: ({ seq }) => {
        calls.push(`update ${seq}`)
        void bench.client.close()
      },
      onItem: () => calls.push('item'),
    },
  )
  bench
    .last()
    .flush(
      1,
      { subscribed: 1, items: 1 },
      { sub: 1, item: 'A', seq: 1, fields: {} },
      { sub: 1, item: 'A', seq: 2, fields: {} },
    )
  t.deepEqual(calls, ['update 1'])
  const other = await connectedBench({ transports: ['sse'] })
  other.client.on('error', () => void other.client.close())
  other.last().end()
  t.deepEqual([statesOf(other).at(-1), other.runtime.timers, other.streams.length], ['closed -', 0, 1])
})

import test from 'ava'
import { settle } from '../support/fake-runtime.ts'
import {
  connectedBench,
  createBench,
  OTHER_SESSION,
  openedOf,
  resumableBench,
  SESSION,
  statesOf,
} from '../support/scripted-transports.ts'

test('[CL2] a transport without its welcome in time is followed by the next', async t => {
  const bench = createBench()
  await settle()
  await bench.runtime.advance(3_999)
  t.is(openedOf(bench), 'websocket')
  await bench.runtime.advance(1)
  t.is(openedOf(bench), 'websocket sse')
  t.true(bench.streams[0]!.isClosed)
  await bench.runtime.advance(4_000)
  bench.last().welcome()
  t.is(openedOf(bench), 'websocket sse poll')
  t.deepEqual(statesOf(bench), [
    'connecting websocket',
    'connecting sse TRANSPORT_TIMEOUT',
    'connecting poll TRANSPORT_TIMEOUT',
    'connected poll',
  ])
  t.deepEqual([bench.client.state, bench.client.transport, bench.client.session], ['connected', 'poll', SESSION])
})

test('[CL2] a transport that fails is followed at once, and the last one by a wait', async t => {
  const bench = createBench({ transports: ['sse', 'poll'] })
  await settle()
  bench.last().end({ code: 'TRANSPORT_FAILED' })
  bench.last().end({ code: 'TRANSPORT_FAILED' })
  t.is(openedOf(bench), 'sse poll')
  t.deepEqual(statesOf(bench).slice(1), ['connecting poll TRANSPORT_FAILED', 'waiting sse TRANSPORT_FAILED'])
  t.is(Math.round(bench.events.state.at(-1)!.retryInMs!), 500)
  await bench.runtime.advance(500)
  t.is(openedOf(bench), 'sse poll sse')
})

test('[CL2] what a given up transport still says is not heard', async t => {
  const bench = createBench()
  await settle()
  await bench.runtime.advance(4_000)
  const [webSocket, sse] = bench.streams
  webSocket!.welcome({ session: OTHER_SESSION })
  webSocket!.end()
  t.deepEqual([bench.client.state, openedOf(bench)], ['connecting', 'websocket sse'])
  sse!.welcome()
  webSocket!.say({ closing: { code: 'SERVER_CLOSING', message: '' } })
  t.deepEqual([bench.client.state, bench.client.session], ['connected', SESSION])
})

test('[CL3] what carried a stream is tried again before another one', async t => {
  const bench = await connectedBench()
  bench.last().end()
  await bench.runtime.advance(500)
  bench.last().end({ code: 'TRANSPORT_FAILED' })
  t.is(bench.client.state, 'waiting')
  await bench.runtime.advance(1_000)
  bench.last().end({ code: 'TRANSPORT_FAILED' })
  t.is(openedOf(bench), 'websocket websocket websocket sse')
})

test('[CL3] a stream that brings its welcome and nothing else is held back on the way', async t => {
  const bench = await connectedBench({ transports: ['sse', 'poll'] })
  await bench.runtime.advance(20_000)
  t.is(openedOf(bench), 'sse poll')
  const other = await connectedBench({ transports: ['sse', 'poll'] })
  other.last().heard()
  await other.runtime.advance(20_000)
  t.deepEqual([openedOf(other), other.client.state], ['sse', 'waiting'])
})

test('[CL4] a better transport is looked for with a session of its own, and the session moves there', async t => {
  const bench = await resumableBench({ betterTransportMs: 60_000, transports: ['websocket', 'sse'] })
  bench.last().end()
  await bench.runtime.advance(500)
  bench.last().end({ code: 'TRANSPORT_FAILED' })
  await bench.runtime.advance(1_000)
  bench.last().end({ code: 'TRANSPORT_FAILED' })
  const sse = bench.last()
  sse.welcome({ recovered: true, keepaliveMs: 0 })
  await bench.runtime.advance(59_999)
  t.is(bench.last(), sse)
  await bench.runtime.advance(1)
  const scout = bench.last()
  t.deepEqual([scout.transport, scout.request.query, scout.isClosed], ['websocket', '', false])
  sse.flush(9, { item: 'A', stale: true })
  scout.welcome({ session: OTHER_SESSION })
  t.deepEqual([scout.sent, scout.isClosed, sse.isClosed], [[{ destroy: true }], true, true])
  const moved = bench.last()
  t.deepEqual([moved.transport, moved.parameters.session, moved.parameters.position], ['websocket', SESSION, '9'])
  moved.welcome({ recovered: true })
  t.deepEqual([bench.events.recovered.length, bench.events.lost.length], [2, 0])
})

test('[CL66] other transports are chosen: the session goes on over the best of them, at once', async t => {
  const bench = await resumableBench({ betterTransportMs: 60_000 })
  const first = bench.last()
  t.deepEqual([bench.client.transport, bench.client.encoding], ['websocket', 'terse'])
  bench.client.setTransports(['websocket', 'poll'])
  t.deepEqual([bench.last(), first.isClosed], [first, false], 'it is carried by the best one')
  bench.client.setTransports(['sse', 'websocket'])
  const moved = bench.last()
  t.deepEqual([first.isClosed, moved.transport, bench.client.state], [true, 'sse', 'connecting'])
  t.like(moved.parameters, { session: SESSION, position: '7' })
  moved.welcome({ recovered: true, keepaliveMs: 0 })
  t.deepEqual([bench.client.transport, bench.client.encoding, bench.client.session], ['sse', 'json', SESSION])
  await bench.runtime.advance(120_000)
  t.is(bench.last(), moved, 'there is no better one to look for')
  bench.client.setTransports(['poll', 'sse'])
  bench.last().end({ code: 'TRANSPORT_FAILED' })
  const back = bench.last()
  t.deepEqual(
    [back.transport, back.parameters.session],
    ['sse', SESSION],
    'the best one fails, and the next one follows',
  )
  back.welcome({ recovered: true })
  t.deepEqual([bench.events.recovered.length, bench.events.lost.length], [2, 0])
  t.throws(() => bench.client.setTransports([]), { code: 'OPTIONS_INVALID' })
  await bench.client.close()
  t.throws(() => bench.client.setTransports(['sse']), { code: 'CLIENT_CLOSED' })
})

test('[CL66] transports that are chosen before the first try, or while one waits, are tried next', async t => {
  const bench = createBench()
  bench.client.setTransports(['poll'])
  await settle()
  t.is(openedOf(bench), 'poll')
  bench.last().end({ code: 'TRANSPORT_FAILED' })
  t.is(bench.client.state, 'waiting')
  bench.client.setTransports(['sse'])
  t.is(openedOf(bench), 'poll sse')
})

test('[CL66] a try that waits comes at once when the network is there again, and nothing is heard of it once closed', async t => {
  const bench = await connectedBench()
  const online = (): void => {
    for (const listener of bench.runtime.online) listener()
  }
  online()
  t.is(bench.streams.length, 1, 'a stream that stands is not touched')
  bench.last().end()
  t.is(bench.client.state, 'waiting')
  online()
  t.deepEqual([bench.client.state, bench.streams.length], ['connecting', 2])
  await bench.client.close()
  t.is(bench.runtime.online.size, 0)
})

test('[CL4] in vain, it is looked for again after twice the time, and the stream is not touched', async t => {
  const bench = createBench({ betterTransportMs: 60_000 })
  await settle()
  await bench.runtime.advance(4_000)
  await bench.runtime.advance(4_000)
  const poll = bench.last()
  poll.welcome({ keepaliveMs: 0 })
  await bench.runtime.advance(60_000)
  bench.last().end()
  await bench.runtime.advance(4_000)
  t.is(openedOf(bench), 'websocket sse poll websocket sse')
  t.true(bench.streams.slice(3).every(({ isClosed }) => isClosed))
  await bench.runtime.advance(119_999)
  t.is(bench.streams.length, 5)
  await bench.runtime.advance(1)
  t.deepEqual([bench.streams.length, poll.isClosed, bench.client.state], [6, false, 'connected'])
})

test('[CL4] who has no stream, or closes, looks for nothing', async t => {
  const options = { betterTransportMs: 1_000, transports: ['sse', 'websocket'] as const }
  const lost = createBench(options)
  const closing = createBench(options)
  await settle()
  for (const bench of [lost, closing]) {
    bench.last().end({ code: 'TRANSPORT_FAILED' })
    bench.last().welcome({ keepaliveMs: 0 })
  }
  lost.last().say({ closing: { code: 'SERVER_CLOSING', message: '', retryMs: 5_000 } })
  await lost.runtime.advance(4_999)
  t.is(openedOf(lost), 'sse websocket')
  const done = closing.client.close()
  await closing.runtime.advance(1_999)
  t.is(openedOf(closing), 'sse websocket')
  await closing.runtime.advance(1)
  await done
  t.is(closing.runtime.timers, 0)
})

test('[CL7] a server that says it is closing before its welcome is waited for, over the same transport', async t => {
  const bench = createBench()
  await settle()
  bench.last().say({ closing: { code: 'SERVER_CLOSING', message: '', retryMs: 900 } })
  t.is(statesOf(bench).at(-1), 'waiting websocket SERVER_CLOSING')
  await bench.runtime.advance(900)
  t.is(openedOf(bench), 'websocket websocket')
})

test('[CL5] waits grow from try to try, and are short again after a stream that held', async t => {
  const bench = await connectedBench({ transports: ['sse'], reconnect: { minMs: 100, maxMs: 400, stableMs: 5_000 } })
  const waits: number[] = []
  for (const heldMs of [0, 0, 0, 4_999, 5_000, 0]) {
    await bench.runtime.advance(heldMs)
    bench.last().end()
    waits.push(Math.round(bench.events.state.at(-1)!.retryInMs!))
    await bench.runtime.advance(400)
    bench.last().welcome({ recovered: true })
  }
  t.deepEqual(waits, [100, 200, 400, 400, 100, 200])
})

test('[CL6] who is told when to come back comes then, and not before', async t => {
  const bench = await connectedBench({ transports: ['sse'] })
  bench.last().say({ closing: { code: 'SERVER_CLOSING', message: 'bye', retryMs: 700 } })
  t.deepEqual(bench.events.closing, [{ code: 'SERVER_CLOSING', message: 'bye', retryMs: 700 }])
  t.true(bench.last().isClosed)
  await bench.runtime.advance(699)
  t.is(bench.streams.length, 1)
  await bench.runtime.advance(1)
  t.deepEqual([bench.streams.length, bench.last().parameters.session], [2, SESSION])
})

test('[CL6] waits keep growing when the server always says the same, and nobody waits for a year', async t => {
  const bench = await connectedBench({ transports: ['sse'] })
  const closing = { code: 'SERVER_CLOSING', message: '' }
  const waits: number[] = []
  for (const retryMs of [700, 700, 700, 31_536_000_000]) {
    bench.last().say({ closing: { ...closing, retryMs } })
    waits.push(Math.round(bench.events.state.at(-1)!.retryInMs!))
    await bench.runtime.advance(waits.at(-1)! + 1)
    bench.last().welcome({ recovered: true })
  }
  t.deepEqual(waits, [700, 1_000, 2_000, 3_600_000])
})

test('[CL7] a server that is busy is waited for, over the same transport', async t => {
  const bench = createBench({ transports: ['sse', 'poll'] })
  await settle()
  bench.last().end({ code: 'SESSIONS_TOO_MANY', status: 503, retryMs: 3_000 })
  t.deepEqual([bench.client.state, bench.events.state.at(-1)!.retryInMs], ['waiting', 3_000])
  await bench.runtime.advance(3_000)
  t.is(openedOf(bench), 'sse sse')
})

for (const code of ['FORBIDDEN', 'QUERY_INVALID', 'SESSION_DESTROYED']) {
  test(`[CL8] ${code} closes the client, and all that waits is told`, async t => {
    const bench = createBench()
    const ends: unknown[] = []
    const onUnsubscribed = (error: { readonly code: string } | null): void => {
      ends.push(error?.code, bench.client.state)
    }
    const subscription = bench.client.subscribe({ items: 'A' }, { onUnsubscribed })
    await settle()
    const outcome = bench.client.send('orders', 1)
    bench.last().end({ code, status: 403 })
    await t.throwsAsync(outcome, { code })
    await t.throwsAsync(subscription.ready(), { code })
    t.deepEqual([ends, statesOf(bench).at(-1), bench.runtime.timers], [[code, 'closed'], `closed - ${code}`, 0])
    await t.throwsAsync(bench.client.send('orders', 1), { code: 'CLIENT_CLOSED' })
    t.throws(() => bench.client.subscribe({ items: 'A' }), { code: 'CLIENT_CLOSED' })
    await bench.client.close()
  })
}

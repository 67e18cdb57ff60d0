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

test('[CL9] a stream is resumed with the session and the last position that was handled whole', async t => {
  const bench = await resumableBench()
  const seqs: number[] = []
  bench.client.subscribe({ items: 'A' }, { onUpdate: ({ seq }) => seqs.push(seq) })
  bench.last().flush(8, { subscribed: 1, items: 1 }, { sub: 1, item: 'A', seq: 1, fields: {} })
  bench.last().say({ sub: 1, item: 'A', seq: 2, fields: {} })
  bench.last().end()
  await bench.runtime.advance(500)
  t.deepEqual(bench.last().parameters, { session: SESSION, position: '8', new: 'true', encoding: 'terse' })
  bench.last().welcome({ recovered: true, position: 8 })
  bench.last().flush(10, { sub: 1, item: 'A', seq: 3, fields: {} })
  t.deepEqual(seqs, [1, 3])
  t.deepEqual(bench.events.recovered, [{ session: SESSION }])
})

test('[CL9] it is resumed on whatever transport gets through', async t => {
  const bench = await resumableBench()
  bench.last().end()
  await bench.runtime.advance(500)
  await bench.runtime.advance(4_000)
  await bench.runtime.advance(4_000)
  t.is(openedOf(bench), 'websocket websocket sse poll')
  for (const { parameters } of bench.streams.slice(1)) t.like(parameters, { session: SESSION, position: '7' })
  t.deepEqual(
    bench.streams.map(({ parameters }) => parameters.encoding),
    ['terse', 'terse', undefined, 'terse'],
    'SSE is JSON',
  )
  t.is(bench.last().request.waitMs(), 15_000)
  t.is(bench.last().request.pollQuery(), `session=${SESSION}&position=7&encoding=terse`)
  bench.last().welcome({ recovered: true })
  bench.last().flush(11)
  t.is(bench.last().request.pollQuery(), `session=${SESSION}&position=11&encoding=terse`)
})

test('[CL10] a flush that is not behind the last one is a repetition, whatever it holds', async t => {
  const bench = await resumableBench()
  const calls: string[] = []
  bench.client.subscribe({ items: 'A' }, { onLost: (_item, count) => calls.push(`lost ${count}`) })
  bench.last().flush(8, { subscribed: 1, items: 1 }, { sub: 1, item: 'A', lost: 3 })
  bench.last().flush(8, { sub: 1, item: 'A', lost: 3 })
  bench.last().flush(7, { sub: 1, item: 'A', lost: 4 })
  bench.last().flush(9, { sub: 1, item: 'A', lost: 5 })
  t.deepEqual(calls, ['lost 3', 'lost 5'])
})

test('[CL10] an update whose seq was seen is not seen again, though its flush is new', async t => {
  const bench = await resumableBench()
  const seqs: number[] = []
  bench.client.subscribe({ items: 'A' }, { onUpdate: ({ seq }) => seqs.push(seq) })
  const updates = [1, 2, 3].map(seq => ({ sub: 1, item: 'A', seq, fields: {} }))
  bench.last().flush(8, { subscribed: 1, items: 1 }, ...updates.slice(0, 2))
  bench.last().flush(9, ...updates)
  t.deepEqual(seqs, [1, 2, 3])
})

test('[CL11] a recovered session keeps what it has', async t => {
  const bench = await resumableBench()
  const calls: string[] = []
  const { items } = bench.client.subscribe(
    { items: 'A' },
    { onReset: () => calls.push('reset'), onSubscribed: () => calls.push('subscribed') },
  )
  bench.last().flush(8, { subscribed: 1, items: 1 }, { sub: 1, item: 'A', seq: 5, fields: { bid: '1' } })
  bench.last().end()
  await bench.runtime.advance(500)
  bench.last().welcome({ recovered: true })
  bench.last().flush(9, { subscribed: 1, items: 1 }, { sub: 1, item: 'A', seq: 6, fields: { ask: '2' } })
  t.deepEqual({ ...items.get('A')?.fields }, { bid: '1', ask: '2' })
  t.deepEqual([calls, bench.events.lost], [['subscribed'], []])
})

test('[CL12] a new session is subscribed to by itself, as things stand now, and the application is told', async t => {
  const bench = await connectedBench()
  const calls: string[] = []
  const handlers = { onReset: () => calls.push('reset'), onSubscribed: () => calls.push('subscribed') }
  const first = bench.client.subscribe({ items: 'A', maxFrequency: 5 }, handlers)
  const second = bench.client.subscribe({ items: 'B' })
  const done = [first.change({ maxFrequency: 2 }), second.pause()]
  await settle()
  bench
    .last()
    .flush(1, { subscribed: 1, items: 1 }, { subscribed: 2, items: 1 }, { sub: 1, item: 'A', seq: 9, fields: {} })
  bench.last().answerAll()
  await Promise.all(done)
  const unanswered = second.resume()
  await settle()
  bench.last().end()
  await bench.runtime.advance(500)
  bench.client.on('lost', () => calls.push('lost'))
  bench.last().welcome({ session: OTHER_SESSION, recovered: false, why: 'SESSION_UNKNOWN' })
  t.deepEqual(bench.last().sent, [
    { request: 1, subscribe: { id: 1, items: ['A'], maxFrequency: 2 } },
    { request: 2, subscribe: { id: 2, items: ['B'] } },
    { request: 3, pause: 2 },
    { request: 4, resume: 2 },
  ])
  t.deepEqual(bench.events.lost, [{ session: OTHER_SESSION, why: 'SESSION_UNKNOWN', isNewSession: true }])
  t.deepEqual([first.items.size, first.state], [0, 'pending'])
  bench
    .last()
    .flush(1, { subscribed: 1, items: 1 }, { sub: 1, item: 'A', seq: 1, snapshot: true, fields: { bid: '1' } })
  bench.last().answerAll()
  await unanswered
  t.deepEqual(calls, ['subscribed', 'lost', 'reset', 'subscribed'])
  t.is(first.items.get('A')?.seq, 1)
})

test('[CL12] a subscription that the new session refuses ends with the code', async t => {
  const bench = await connectedBench()
  const ends: unknown[] = []
  bench.client.subscribe({ items: 'A' }, { onUnsubscribed: error => ends.push(error?.code) })
  await settle()
  bench.last().answerAll()
  bench.last().end()
  await bench.runtime.advance(500)
  bench.last().welcome({ session: OTHER_SESSION, recovered: false })
  bench.last().say({ answer: 1, error: { code: 'ITEMS_TOO_MANY', message: '' } })
  t.deepEqual(ends, ['ITEMS_TOO_MANY'])
})

test('[CL12] what was never answered is asked of the new session once', async t => {
  const bench = await connectedBench()
  const subscription = bench.client.subscribe({ items: 'A' })
  await settle()
  bench.last().end()
  await bench.runtime.advance(500)
  bench.last().welcome({ session: OTHER_SESSION, recovered: false })
  t.deepEqual(bench.last().sent, [{ request: 1, subscribe: { id: 1, items: ['A'] } }])
  bench.last().answerAll()
  await subscription.ready()
})

test('[CL13] a session that begins anew is not subscribed to again; its items are empty until they come', async t => {
  const bench = await connectedBench()
  const calls: string[] = []
  const handlers = (name: string): object => ({
    onReset: () => calls.push(`${name} reset`),
    onUnsubscribed: (error: { code: string } | null) => calls.push(`${name} ended ${error?.code}`),
  })
  const kept = bench.client.subscribe({ items: 'A' }, handlers('kept'))
  bench.client.subscribe({ items: 'B' }, handlers('gone'))
  await settle()
  bench.last().answerAll()
  bench
    .last()
    .flush(
      1,
      { subscribed: 1, items: 1 },
      { subscribed: 2, items: 1 },
      { sub: 1, item: 'A', seq: 9, fields: {} },
      { sub: 1, item: 'C', seq: 9, fields: {} },
    )
  const unanswered = bench.client.subscribe({ items: 'D' })
  await settle()
  bench.last().end()
  await bench.runtime.advance(500)
  bench.last().welcome({ recovered: false, why: 'POSITION_TOO_OLD', position: 40, subscriptions: [1], request: 3 })
  t.deepEqual(bench.last().sent, [{ request: 3, subscribe: { id: 3, items: ['D'] } }])
  t.deepEqual(calls, ['kept reset', 'gone ended SUBSCRIPTION_UNKNOWN'])
  t.deepEqual(bench.events.lost, [{ session: SESSION, why: 'POSITION_TOO_OLD', isNewSession: false }])
  bench.last().flush(41, { sub: 1, item: 'A', seq: 4, snapshot: true, fields: {} })
  t.deepEqual([...kept.items.keys()], ['A'])
  bench.last().flush(40, { sub: 1, item: 'E', seq: 1, fields: {} })
  t.deepEqual([...kept.items.keys()], ['A'])
  bench.last().answerAll()
  await unanswered.ready()
})

test('[CL14] a server that ends the session for good is asked for another one', async t => {
  const bench = await resumableBench({ transports: ['sse'] })
  bench.last().say({ closing: { code: 'SESSIONS_TOO_MANY', message: '' } })
  await bench.runtime.advance(500)
  t.deepEqual(bench.last().parameters, {})
  bench.last().welcome({ session: OTHER_SESSION })
  t.deepEqual(bench.events.lost, [{ session: OTHER_SESSION, why: 'SESSIONS_TOO_MANY', isNewSession: true }])
})

test('[CL14] a session that is unknown is replaced at once, wherever that is said', async t => {
  const bench = await resumableBench({ transports: ['sse'] })
  void bench.client.setLimits({ maxDelay: 5 })
  await settle()
  bench.last().posted({ code: 'SESSION_UNKNOWN', status: 404 })
  t.deepEqual([bench.streams.length, bench.last().parameters], [2, {}])
  bench.last().welcome({ session: OTHER_SESSION })
  t.is(bench.events.lost.length, 1)
  bench.last().end()
  await bench.runtime.advance(500)
  bench.last().end({ code: 'SESSION_UNKNOWN', status: 404 })
  t.deepEqual([bench.streams.length, bench.last().parameters], [4, {}])
})

test('[CL14] a session that others take again and again is left to them', async t => {
  const bench = await resumableBench({ transports: ['sse'] })
  const sessions: unknown[] = []
  bench.runtime.draw = () => 0
  for (let i = 0; i < 4; i++) {
    bench.last().say({ closing: { code: 'SESSION_REBOUND', message: '' } })
    await bench.runtime.advance(0)
    sessions.push(bench.last().parameters.session)
    bench.last().welcome(sessions.at(-1) === undefined ? { session: OTHER_SESSION } : { recovered: true })
  }
  t.deepEqual(sessions, [SESSION, SESSION, undefined, OTHER_SESSION])
})

test('[CL14] a session that held for a while between is not given up', async t => {
  const bench = await resumableBench({ transports: ['sse'] })
  bench.runtime.draw = () => 0
  for (const heldMs of [0, 10_000, 0, 10_000, 0]) {
    await bench.runtime.advance(heldMs)
    bench.last().say({ closing: { code: 'SESSION_REBOUND', message: '' } })
    await bench.runtime.advance(0)
    t.is(bench.last().parameters.session, SESSION)
    bench.last().welcome({ recovered: true })
  }
})

test('[CL16] a stream that does not begin with its welcome is ended', async t => {
  const bench = createBench({ transports: ['sse', 'poll'] })
  await settle()
  bench.last().say({ position: 1 })
  t.deepEqual(statesOf(bench).at(-1), 'connecting poll RECORD_INVALID')
})

test('[CL16] a poll that goes on with its session needs none', async t => {
  const bench = await resumableBench({ transports: ['poll'] })
  bench.last().end()
  await bench.runtime.advance(500)
  bench.last().flush(8, { item: 'A', stale: false })
  t.deepEqual([bench.client.state, bench.events.recovered.length], ['connected', 1])
  t.is(bench.last().request.pollQuery(), `session=${SESSION}&position=8&encoding=terse`)
})

test('[CL16] a poll that finds its position gone is welcomed anew', async t => {
  const bench = await resumableBench({ transports: ['poll'] })
  bench.last().welcome({ recovered: false, why: 'POSITION_TOO_OLD', position: 20, subscriptions: [] })
  t.is(bench.last().request.pollQuery(), `session=${SESSION}&position=20&encoding=terse`)
  t.deepEqual(bench.events.lost, [{ session: SESSION, why: 'POSITION_TOO_OLD', isNewSession: false }])
})

test('[CL17] a line that is no record ends the stream, and the session is resumed before its flush', async t => {
  const bench = await resumableBench({ transports: ['sse'] })
  bench.last().say({ item: 'A', stale: false })
  bench.last().line('{"item":')
  t.is(statesOf(bench).at(-1), 'waiting sse RECORD_INVALID')
  await bench.runtime.advance(500)
  t.is(bench.last().parameters.position, '7')
})

test('[CL17] what is not known is passed over', async t => {
  const bench = await resumableBench()
  bench.last().say({ weather: 'fine' })
  bench.last().flush(8)
  t.is(bench.client.state, 'connected')
})

test('[CL17] a refusal of a request without a number is told', async t => {
  const bench = await connectedBench()
  bench.last().say({ answer: null, error: { code: 'REQUEST_INVALID', message: 'what?' } })
  t.deepEqual(
    bench.events.error.map(({ code, message }) => [code, message]),
    [['REQUEST_INVALID', 'what?']],
  )
})

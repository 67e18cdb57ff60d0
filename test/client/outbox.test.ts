import test from 'ava'
import { settle } from '../support/fake-runtime.ts'
import { type Bench, connectedBench, createBench, NOBODY } from '../support/scripted-transports.ts'

/** Numbers of the requests that were sent on the last stream. */
function numbers(bench: Bench): unknown[] {
  return bench.last().sent.map(({ request }) => request)
}

function ask(bench: Bench, maxDelay: number): Promise<string> {
  return bench.client.setLimits({ maxDelay }).then(
    () => 'done',
    ({ code }) => code,
  )
}

test('[CL21] what is asked for in one turn travels with the opening, or leaves at once', async t => {
  for (const transport of ['websocket', 'sse', 'poll'] as const) {
    const bench = createBench({ transports: [transport] })
    for (const items of ['A', 'B']) bench.client.subscribe({ items })
    await settle()
    t.is(bench.last().request.lines.split('\n').length - 1, 2, transport)
    bench.last().welcome()
    bench.last().answerAll()
    for (const items of ['C', 'D', 'E']) bench.client.subscribe({ items })
    await settle()
    t.deepEqual([bench.last().sends, numbers(bench)], [1, [3, 4, 5]], transport)
  }
})

test('[CL21] an opening that failed is asked for again with the next one, from 1', async t => {
  const bench = createBench()
  bench.client.subscribe({ items: 'A' })
  await settle()
  bench.client.subscribe({ items: 'B' })
  await bench.runtime.advance(4_000)
  t.deepEqual(numbers(bench), [1, 2])
})

test('[CL22] requests that travel apart go one post at a time', async t => {
  const bench = await connectedBench({ transports: ['sse'] })
  const first = ask(bench, 1)
  await settle()
  const others = [ask(bench, 2), ask(bench, 3)]
  await settle()
  t.deepEqual(numbers(bench), [1])
  bench.last().answerAll()
  await settle()
  t.deepEqual(numbers(bench), [2, 3])
  bench.last().answerAll()
  t.deepEqual(await Promise.all([first, ...others]), ['done', 'done', 'done'])
})

test('[CL22] a post that is not taken is posted again after a wait that grows, and nothing overtakes it', async t => {
  const bench = await connectedBench({ transports: ['sse'] }, { keepaliveMs: 0 })
  const done = [ask(bench, 1)]
  await settle()
  for (const waitMs of [500, 1_000, 3_000]) {
    bench.last().sent.length = 0
    bench.last().posted({ code: 'CONNECTION_LOST', retryMs: waitMs === 3_000 ? 3_000 : null })
    done.push(ask(bench, 2))
    await bench.runtime.advance(waitMs - 1)
    t.deepEqual(numbers(bench), [], String(waitMs))
    await bench.runtime.advance(1)
  }
  t.deepEqual(numbers(bench), [1, 2, 3, 4])
  bench.last().answerAll()
  t.deepEqual(await Promise.all(done), ['done', 'done', 'done', 'done'])
})

test('[CL22] what is not answered in time is posted again, though its post was', async t => {
  const bench = await connectedBench({ transports: ['sse'] }, { keepaliveMs: 0 })
  const done = ask(bench, 1)
  await settle()
  bench.last().sent.length = 0
  bench.last().posted()
  await bench.runtime.advance(9_999)
  t.deepEqual(numbers(bench), [])
  await bench.runtime.advance(1)
  t.deepEqual(numbers(bench), [1])
  // This time the post hangs.
  bench.last().sent.length = 0
  await bench.runtime.advance(10_000)
  t.deepEqual(numbers(bench), [1])
  bench.last().answerAll()
  t.is(await done, 'done')
})

test('[CL22] requests of the opening that the stream does not answer are posted', async t => {
  const bench = createBench({ transports: ['poll'] })
  const done = bench.client.subscribe({ items: 'A' }).ready()
  await settle()
  bench.last().welcome({ keepaliveMs: 0 })
  bench.last().sent.length = 0
  void ask(bench, 1)
  await settle()
  t.deepEqual(numbers(bench), [2], 'they do not keep others from going')
  bench.last().posted()
  await bench.runtime.advance(10_000)
  t.deepEqual(numbers(bench), [2, 1, 2])
  bench.last().answerAll()
  await done
})

test('[CL22] over WebSocket nothing is sent twice on one stream', async t => {
  const bench = await connectedBench({}, { keepaliveMs: 0 })
  const done = ask(bench, 1)
  await bench.runtime.advance(100_000)
  t.deepEqual(numbers(bench), [1])
  bench.last().answerAll()
  t.is(await done, 'done')
})

test('[CL22] what the server will not read is refused with its code, and the numbers behind it go on', async t => {
  const bench = await connectedBench({ transports: ['sse'] })
  const refused = ask(bench, 1)
  await settle()
  const next = ask(bench, 2)
  bench.last().posted({ code: 'REQUEST_MALFORMED', status: 400 })
  t.is(await refused, 'REQUEST_MALFORMED')
  t.deepEqual(bench.last().sent.slice(1), [
    { request: 1, unsubscribe: NOBODY },
    { request: 2, limits: { maxDelay: 2 } },
  ])
  bench.last().answerAll()
  t.is(await next, 'done')
})

test('[CL22] what ends the connection by its size is refused, and not sent again', async t => {
  const bench = await connectedBench()
  const refused = ask(bench, 1)
  await settle()
  bench.last().end({ code: 'REQUEST_BODY_TOO_LARGE' })
  t.is(await refused, 'REQUEST_BODY_TOO_LARGE')
  await bench.runtime.advance(500)
  bench.last().welcome({ recovered: true })
  t.deepEqual(bench.last().sent, [{ request: 1, unsubscribe: NOBODY }])
})

test('[CL22] what is held back goes at once on the next stream', async t => {
  const bench = await connectedBench({ transports: ['sse'] })
  const done = ask(bench, 1)
  await settle()
  bench.runtime.draw = () => 0.1
  bench.last().posted({ code: 'CONNECTION_LOST', retryMs: 60_000 })
  bench.last().end()
  await bench.runtime.advance(50)
  bench.last().welcome({ recovered: true })
  t.deepEqual(numbers(bench), [1])
  bench.last().answerAll()
  t.is(await done, 'done')
})

test('[CL22] who is answered waits for nothing any more, and the next one has all its time', async t => {
  const bench = createBench({ transports: ['sse'] })
  void bench.client.subscribe({ items: 'A' })
  await settle()
  bench.last().welcome({ keepaliveMs: 0, resumeMs: 0 })
  bench.last().say({ answer: 1 })
  await settle()
  t.is(bench.runtime.timers, 0)
})

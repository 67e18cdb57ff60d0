import test from 'ava'
import { settle } from '../support/fake-runtime.ts'
import {
  type Bench,
  connectedBench,
  createBench,
  NOBODY,
  OTHER_SESSION,
  SESSION,
} from '../support/scripted-transports.ts'

/** The messages that were sent on the last stream, as `number data`, or `number -` for nothing in the place of one. */
function sent(bench: Bench): string[] {
  return bench.last().sent.map(({ request, message }) => {
    const { data = '-' } = (message ?? {}) as { data?: string }
    return `${request} ${data}`
  })
}

/** The stream ends, and another one is asked for. */
async function reconnect(bench: Bench, welcome: object = { recovered: true }): Promise<void> {
  bench.last().end()
  await bench.runtime.advance(1_500)
  bench.last().welcome(welcome)
}

test('[CL25] a message resolves with its outcome, whether its answer came before or not', async t => {
  const bench = await connectedBench()
  const first = bench.client.send('orders', { buy: 1 })
  const second = bench.client.send('orders', 'x', { timeoutMs: 700 })
  await settle()
  t.deepEqual(bench.last().sent, [
    { request: 1, message: { to: 'orders', data: { buy: 1 }, timeoutMs: 5_000 } },
    { request: 2, message: { to: 'orders', data: 'x', timeoutMs: 700 } },
  ])
  bench.last().say({ outcome: 2, result: null }, { answer: 1 }, { answer: 2 }, { outcome: 1, result: { id: 7 } })
  t.deepEqual(await first, { id: 7 })
  t.is(await second, null)
  t.is(bench.runtime.timers, 1, 'the watchdog is left')
})

test('[CL25] it rejects with the error of the outcome, or of the answer', async t => {
  const bench = await connectedBench()
  const handled = bench.client.send('orders', 1)
  const refused = bench.client.send('orders', 2)
  await settle()
  bench.last().say({ answer: 1 }, { outcome: 1, error: { code: 'MESSAGE_HANDLER_GONE', message: 'gone' } })
  bench.last().say({ answer: 2, error: { code: 'MESSAGES_TOO_MANY', message: '' } })
  await t.throwsAsync(handled, { code: 'MESSAGE_HANDLER_GONE', message: 'gone' })
  await t.throwsAsync(refused, { code: 'MESSAGES_TOO_MANY' })
})

test('[CL25] what cannot be sent is refused to whoever asks', async t => {
  const bench = await connectedBench({ requestBytesMax: 2_000 })
  await t.throwsAsync(bench.client.send('orders', 'x'.repeat(2_000)), { code: 'REQUEST_TOO_LARGE' })
  await t.throwsAsync(bench.client.send('orders', 1, { timeoutMs: 0 }), { code: 'OPTIONS_INVALID' })
  await t.throwsAsync(bench.client.send('orders', 1n), { code: 'OPTIONS_INVALID' })
  await settle()
  t.deepEqual(bench.last().sent, [])
})

test('[CL25] one without data says null', async t => {
  const bench = await connectedBench()
  void bench.client.send('orders', undefined).catch(() => {})
  await settle()
  t.deepEqual(bench.last().sent, [{ request: 1, message: { to: 'orders', data: null, timeoutMs: 5_000 } }])
})

test('[CL23] a message does not leave before the session was heard', async t => {
  const bench = createBench()
  const outcome = bench.client.send('orders', 'a')
  bench.client.subscribe({ items: 'A' })
  await settle()
  t.is(bench.last().request.lines, '')
  bench.last().welcome()
  t.deepEqual(sent(bench), ['1 a', '2 -'])
  bench.last().say({ answer: 1 }, { outcome: 1, result: 5 })
  t.is(await outcome, 5)
})

test('[CL19] one without an answer is sent again with its number, and its outcome may come after the break', async t => {
  const bench = await connectedBench()
  const outcome = bench.client.send('orders', 'a')
  await settle()
  await reconnect(bench)
  t.deepEqual(sent(bench), ['1 a'])
  bench.last().say({ answer: 1 })
  await reconnect(bench)
  t.deepEqual(sent(bench), [])
  bench.last().say({ outcome: 1, result: 'done' }, { outcome: 1, result: 'again' })
  t.is(await outcome, 'done')
})

test('[CL23] in a new session it is not sent again: its outcome is unknown', async t => {
  const bench = await connectedBench()
  const accepted = bench.client.send('orders', 'accepted')
  const underWay = bench.client.send('orders', 'under way')
  await settle()
  bench.last().say({ answer: 1 })
  bench.last().end()
  const unsent = bench.client.send('orders', 'unsent')
  await bench.runtime.advance(500)
  bench.last().welcome({ session: OTHER_SESSION, recovered: false })
  for (const outcome of [accepted, underWay]) await t.throwsAsync(outcome, { code: 'OUTCOME_UNKNOWN' })
  t.deepEqual(sent(bench), ['1 unsent'])
  bench.last().say({ answer: 1 }, { outcome: 1, result: 1 })
  t.is(await unsent, 1)
})

test('[CL24] one that could not leave within its timeout never does', async t => {
  const bench = createBench()
  await settle()
  const refused = t.throwsAsync(bench.client.send('orders', 'a', { timeoutMs: 1_000 }), { code: 'MESSAGE_NOT_SENT' })
  await bench.runtime.advance(1_000)
  await refused
  bench.last().welcome()
  await settle()
  t.deepEqual(sent(bench), [])
})

test('[CL24] one that may be under way is not sent again behind its timeout: nothing takes its number', async t => {
  const bench = await connectedBench()
  const outcome = bench.client.send('orders', 'late', { timeoutMs: 400 })
  await settle()
  void bench.client.setLimits({ maxDelay: 1 })
  await reconnect(bench)
  t.deepEqual(bench.last().sent, [
    { request: 1, unsubscribe: NOBODY },
    { request: 2, limits: { maxDelay: 1 } },
  ])
  // It had arrived before the break, as is seen now.
  bench.last().say({ outcome: 1, result: 'in time' })
  t.is(await outcome, 'in time')
})

test('[CL25] an outcome that never comes is unknown, behind the timeout and the life of a session without a stream', async t => {
  const bench = await connectedBench({}, { keepaliveMs: 0, resumeMs: 9_000 })
  const outcome = bench.client.send('orders', 'a', { timeoutMs: 1_000 })
  await settle()
  bench.last().say({ answer: 1 })
  let isSettled = false
  outcome.catch(() => {
    isSettled = true
  })
  await bench.runtime.advance(9_999)
  t.false(isSettled)
  await bench.runtime.advance(1)
  await t.throwsAsync(outcome, { code: 'OUTCOME_UNKNOWN' })
  t.is(bench.client.session, SESSION)
})

test('[CL37] what waits for an outcome is told that the client was closed', async t => {
  const bench = await connectedBench({ transports: ['sse'] })
  const outcome = bench.client.send('orders', 'a')
  await settle()
  const done = bench.client.close()
  await t.throwsAsync(outcome, { code: 'CLIENT_CLOSED' })
  await done
  t.is(bench.runtime.timers, 0)
})

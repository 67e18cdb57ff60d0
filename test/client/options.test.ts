import test from 'ava'
import { connect, MillraceError } from '#src/client/index.ts'
import { baseUrlOf, type ClientOptions, settingsOf } from '#src/client/options.ts'
import { platformRuntime } from '#src/client/runtime.ts'
import { FakeRuntime } from '../support/fake-runtime.ts'

test('[CL1] what is left out, or undefined, has its default', t => {
  const settings = settingsOf({ transportTimeoutMs: undefined, reconnect: { maxMs: undefined } } as never)
  t.deepEqual(settings.transports, ['websocket', 'sse', 'poll'])
  t.is(settings.transportTimeoutMs, 4_000)
  t.deepEqual(settings.reconnect, { minMs: 500, maxMs: 30_000, stableMs: 10_000 })
  t.is(settings.encoding, 'terse')
  t.deepEqual([settings.maxBandwidth, settings.maxDelay, settings.storage], [null, null, null])
  t.deepEqual(settingsOf({ reconnect: { minMs: 1 } }).reconnect, { minMs: 1, maxMs: 30_000, stableMs: 10_000 })
})

const isRefused = test.macro({
  exec: (t, options: ClientOptions) => {
    t.throws(() => settingsOf(options), { instanceOf: MillraceError, code: 'OPTIONS_INVALID' })
  },
  title: (what = '') => `[CL1] refused at once: ${what}`,
})

test('no transport', isRefused, { transports: [] })
test('an unknown transport', isRefused, { transports: ['ndjson'] as never })
test('an unknown encoding', isRefused, { encoding: 'xml' as never })
test('a transport twice', isRefused, { transports: ['sse', 'sse'] })
test('a wait below 0', isRefused, { transportTimeoutMs: -1 })
test('a wait that is no number', isRefused, { ackMs: Number.NaN })
test('a bound below the first one', isRefused, { reconnect: { minMs: 10, maxMs: 9 } })
test('requests without room', isRefused, { requestBytesMax: 10 })
test('a bandwidth of nothing', isRefused, { maxBandwidth: 0 })
test('a delay below 0', isRefused, { maxDelay: -1 })

test('[CL1] an address is http or https, and keeps its path only', t => {
  t.is(baseUrlOf('http://127.0.0.1:8080'), 'http://127.0.0.1:8080')
  t.is(baseUrlOf('https://user@example.com/prices/?a=b#c'), 'https://example.com/prices')
  t.is(baseUrlOf(new URL('wss://example.com/')), 'https://example.com')
  for (const url of ['example.com', '/prices', 'ftp://example.com', '']) {
    t.throws(() => connect(url), { code: 'OPTIONS_INVALID' }, url)
  }
})

test('[CL1] without a WebSocket the others are used', t => {
  const runtime = new FakeRuntime()
  t.deepEqual(settingsOf({ runtime }).transports, ['sse', 'poll'])
  t.deepEqual(settingsOf({ runtime, transports: ['websocket'] }).transports, ['websocket'])
})

test('[CL1] what the platform gives is what is expected of it', t => {
  const runtime = platformRuntime()
  const random = runtime.random()
  t.true(random >= 0 && random < 1)
  t.not(runtime.random(), random)
  const beforeMs = runtime.nowMs()
  t.true(runtime.nowMs() >= beforeMs)
  t.is(typeof runtime.WebSocket, 'function')
})

import test from 'ava'
import { openPoll } from '#src/client/transports/poll.ts'
import type { Stream } from '#src/client/transports/transport.ts'
import { FakeFetch } from '../../support/fake-fetch.ts'
import { FakeRuntime, settle } from '../../support/fake-runtime.ts'
import { RecordingSink, streamRequest } from '../../support/sink.ts'

interface Bench {
  readonly runtime: FakeRuntime
  readonly network: FakeFetch
  readonly stream: Stream
  readonly sink: RecordingSink
  position: number
}

async function open(query = '', lines = ''): Promise<Bench> {
  const runtime = new FakeRuntime()
  const network = new FakeFetch()
  runtime.fetch = network.fetch
  const sink = new RecordingSink()
  const bench = { runtime, network, sink, position: 0 }
  const pollQuery = (): string => `session=S&position=${bench.position}`
  const stream = openPoll(runtime, streamRequest(query, lines, pollQuery), sink)
  await settle()
  return Object.assign(bench, { stream })
}

test('[CL43] the first poll carries the requests and is not held', async t => {
  const { network } = await open('session=S&position=7&new=true', '{"request":1}\n')
  const { url, init } = network.last
  t.is(url, 'http://server.test/base/poll?session=S&position=7&new=true&wait=0')
  t.deepEqual([init.method, init.headers, init.body], ['POST', { accept: 'application/x-ndjson' }, '{"request":1}\n'])
  t.is((await open()).network.last.url, 'http://server.test/base/poll?wait=0')
})

test('[CL43] the next one asks from what was handled, and carries nothing', async t => {
  const bench = await open('', '{"request":1}\n')
  bench.sink.onRecord = line => {
    if (line === 'b') bench.position = 5
  }
  await bench.network.last.answer(200, 'a\nb\n')
  t.deepEqual(bench.sink.take(), ['heard', 'record a', 'record b', 'record '])
  t.is(bench.network.last.url, 'http://server.test/base/poll?session=S&position=5&wait=15000')
  t.deepEqual([bench.network.exchanges.length, bench.network.last.init.body], [2, ''])
})

test('[CL43] an answer that brings nothing at once is not asked for again at once', async t => {
  const bench = await open()
  await bench.network.last.answer(200, 'a\n')
  t.is(bench.network.exchanges.length, 2, 'the first poll is never held')
  await bench.network.last.answer(200, 'b\n')
  t.is(bench.network.exchanges.length, 2)
  await bench.runtime.advance(999)
  t.is(bench.network.exchanges.length, 2)
  await bench.runtime.advance(1)
  t.is(bench.network.exchanges.length, 3)
  await bench.runtime.advance(1_000)
  await bench.network.last.answer(200, 'c\n')
  t.is(bench.network.exchanges.length, 4, 'this one was held')
})

test('[CL43] who is closed while waiting leaves no timer, and polls no more', async t => {
  const bench = await open()
  await bench.network.last.answer(200, 'a\n')
  await bench.network.last.answer(200, 'b\n')
  t.is(bench.runtime.timers, 1)
  bench.stream.close()
  await settle()
  t.deepEqual([bench.runtime.timers, bench.network.exchanges.length], [0, 2])
})

test('[CL43] a poll that fails or is refused ends the stream', async t => {
  const unreachable = await open()
  await unreachable.network.last.fail('ECONNREFUSED')
  t.deepEqual(unreachable.sink.take(), ['ended TRANSPORT_FAILED 0'])
  const refused = await open()
  await refused.network.last.answer(404, '{"error":{"code":"SESSION_UNKNOWN","message":""}}')
  t.deepEqual(refused.sink.take(), ['ended SESSION_UNKNOWN 404'])
  const page = await open()
  await page.network.last.answer(200, '<html>', { 'content-type': 'text/html' })
  t.deepEqual(page.sink.take(), ['ended TRANSPORT_FAILED 0'])
  const cut = await open()
  await cut.network.last.answer(200, 'a\n')
  await cut.network.last.fail('reset')
  t.deepEqual(cut.sink.take(), ['heard', 'record a', 'record ', 'ended CONNECTION_LOST 0'])
})

test('[CL43] once it is closed nothing is called any more, in the midst of an answer neither', async t => {
  const bench = await open()
  bench.sink.onRecord = () => bench.stream.close()
  await bench.network.last.answer(200, 'a\nb\n')
  t.deepEqual(bench.sink.take(), ['heard', 'record a'])
  t.is(bench.network.exchanges.length, 1)
})

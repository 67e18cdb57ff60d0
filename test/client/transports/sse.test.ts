import test from 'ava'
import { openSse } from '#src/client/transports/sse.ts'
import type { Stream } from '#src/client/transports/transport.ts'
import { FakeFetch } from '../../support/fake-fetch.ts'
import { FakeRuntime, settle } from '../../support/fake-runtime.ts'
import { RecordingSink, streamRequest } from '../../support/sink.ts'

interface Bench {
  readonly network: FakeFetch
  readonly stream: Stream
  readonly sink: RecordingSink
}

async function open(query = '', lines = ''): Promise<Bench> {
  const runtime = new FakeRuntime()
  const network = new FakeFetch()
  runtime.fetch = network.fetch
  const sink = new RecordingSink()
  const stream = openSse(runtime, streamRequest(query, lines), sink)
  await settle()
  return { network, stream, sink }
}

/** One whose stream has begun. */
async function streaming(): Promise<Bench> {
  const bench = await open()
  await bench.network.last.stream()
  return bench
}

test('[CL42] it posts its requests to /stream, plainly, and asks for events', async t => {
  const { network } = await open('session=S', '{"request":1}\n')
  const { url, init } = network.last
  t.is(url, 'http://server.test/base/stream?session=S')
  const { signal, ...rest } = init
  t.deepEqual(rest, {
    method: 'POST',
    headers: { accept: 'text/event-stream' },
    body: '{"request":1}\n',
    cache: 'no-store',
  })
  t.false(signal?.aborted)
})

test('[CL42] events are records, an id of one is the position, and every piece is a sign of life', async t => {
  const { network, sink } = await streaming()
  await network.last.push('data: a\n\nid: kR3x-_9.12\nda')
  t.deepEqual(sink.take(), ['heard', 'record a'])
  await network.last.push('ta: b\n\n')
  t.deepEqual(sink.take(), ['heard', 'record b', 'flushed 12'])
  await network.last.push(':\n\n')
  t.deepEqual(sink.take(), ['heard'])
})

test('[CL42] characters that are cut come out whole', async t => {
  const { network, sink } = await streaming()
  const bytes = new TextEncoder().encode('data: grün €\n\n')
  for (const byte of bytes) await network.last.push(Uint8Array.of(byte))
  t.deepEqual(
    sink.take().filter(call => call !== 'heard'),
    ['record grün €'],
  )
})

test('[CL42] a refusal is told with its status and code, and when to come back', async t => {
  const busy = await open()
  await busy.network.last.answer(503, '{"error":{"code":"SERVER_BUSY","message":"later"}}', { 'retry-after': '3' })
  t.deepEqual(busy.sink.take(), ['ended SERVER_BUSY 503 3000'])
  const proxy = await open()
  await proxy.network.last.answer(502, '<html>', { 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' })
  t.deepEqual(proxy.sink.take(), ['ended TRANSPORT_FAILED 502'])
})

test('[CL42] what is no event stream, does not stream, or is cut, ends', async t => {
  const page = await open()
  await page.network.last.answer(200, '<html>', { 'content-type': 'text/html' })
  t.deepEqual(page.sink.take(), ['ended TRANSPORT_FAILED 0'])
  const whole = await open()
  await whole.network.last.answer(200, '', { 'content-type': 'text/event-stream' })
  t.deepEqual(whole.sink.take(), ['ended TRANSPORT_FAILED 0'])
  const refused = await open()
  await refused.network.last.fail('ECONNREFUSED')
  t.deepEqual(refused.sink.take(), ['ended TRANSPORT_FAILED 0'])
  const cut = await streaming()
  await cut.network.last.push('data: a\n')
  await cut.network.last.fail('reset')
  t.deepEqual(cut.sink.take(), ['heard', 'ended CONNECTION_LOST 0'])
  const ended = await streaming()
  await ended.network.last.end()
  t.deepEqual(ended.sink.take(), ['ended CONNECTION_LOST 0'])
  t.true(ended.network.last.isAborted)
})

test('[CL42] once it is closed nothing is called any more, in the midst of a piece neither', async t => {
  const { network, stream, sink } = await streaming()
  sink.onRecord = () => stream.close()
  await network.last.push('id: S.1\ndata: a\n\ndata: b\n\n')
  await network.last.end()
  t.deepEqual(sink.take(), ['heard', 'record a'])
  t.true(network.last.isAborted)
  const early = await open()
  early.stream.close()
  await settle()
  t.deepEqual(early.sink.take(), [])
})

test('[CL44] requests are posted to /control, and its answer is records', async t => {
  const { network, stream, sink } = await streaming()
  t.false(stream.isInBand)
  stream.send('{"request":4}\n', false)
  await settle()
  const { url, init } = network.last
  t.deepEqual([url, init.body, stream.isBusy], ['http://server.test/base/control?session=S', '{"request":4}\n', true])
  await network.last.answer(200, '{"answer":4}\n')
  t.deepEqual(sink.take(), ['record {"answer":4}', 'sent'])
  t.false(stream.isBusy)
})

test('[CL44] a post that fails or is refused is told, and the stream goes on', async t => {
  const { network, stream, sink } = await streaming()
  stream.send('a\n', false)
  await settle()
  await network.last.fail('reset')
  stream.send('a\n', false)
  await settle()
  await network.last.answer(404, '{"error":{"code":"SESSION_UNKNOWN","message":""}}')
  t.deepEqual(sink.take(), ['not sent CONNECTION_LOST 0', 'not sent SESSION_UNKNOWN 404'])
  await network.exchanges[0]!.push('data: a\n\n')
  t.deepEqual(sink.take(), ['heard', 'record a'])
})

test('[CL44] who posts again gives up the post on its way', async t => {
  const { network, stream, sink } = await streaming()
  stream.send('a\n', false)
  await settle()
  const hanging = network.last
  stream.send('a\n', false)
  await settle()
  t.true(hanging.isAborted)
  await network.last.answer(200, '')
  t.deepEqual(sink.take(), ['sent'])
})

test('[CL44] the last post outlives the stream, and the page', async t => {
  const { network, stream, sink } = await streaming()
  stream.send('{"destroy":true}\n', true)
  stream.close()
  await settle()
  t.deepEqual([network.last.init.keepalive, network.last.isAborted], [true, false])
  await network.last.fail('nobody minds')
  t.deepEqual(sink.take(), [])
})

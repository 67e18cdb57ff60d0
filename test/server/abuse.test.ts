/**
 * Peers that mean harm, or are badly written: what they cost is bounded, and nobody else notices. Real sockets; what is
 * waited for is an event, and what is measured is bytes.
 */

import { connect, type Socket } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { TestServer } from '../support/server.ts'

const REQUESTS = 5_000
/** Far more than a socket's buffers on both sides hold. */
const ACCEPTED_BYTES_MAX = 32 << 20
const QUIET_MS = 400

function open(t: ExecutionContext, port: number): Socket {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => {})
  t.teardown(() => socket.destroy())
  return socket
}

function closed(socket: Socket): Promise<void> {
  return new Promise(resolve => socket.once('close', () => resolve()))
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}

for (const placement of ['single', 'pools'] as const) {
  test(`[H70] thousands of requests in one packet are all answered, in order: ${placement}`, async t => {
    const server = await TestServer.start(t, { placement })
    const socket = open(t, server.httpPort)
    socket.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(REQUESTS))
    socket.write('GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    let text = ''
    socket.on('data', chunk => {
      text += chunk
    })
    await new Promise(resolve => socket.once('end', resolve))
    t.is(text.split('HTTP/1.1 200 OK').length - 1, REQUESTS)
    t.regex(text.slice(-400), /HTTP\/1\.1 404 .*PATH_NOT_FOUND/s)
  })
}

test('[H71] a client that sends requests and never reads the answers is not read any further', async t => {
  const server = await TestServer.start(t, { placement: 'single' })
  const socket = open(t, server.httpPort)
  socket.pause()
  const requests = Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(2_000))
  const accepted = () => socket.bytesWritten - socket.writableLength
  let before = -1
  while (accepted() !== before && accepted() < ACCEPTED_BYTES_MAX) {
    before = accepted()
    while (socket.writableLength < 1 << 20) socket.write(requests)
    await pause(QUIET_MS)
  }
  t.true(accepted() < ACCEPTED_BYTES_MAX, `${accepted()} bytes of requests were taken`)
  t.is((await server.get('/healthz')).status, 200)
})

test('[H72] a client that floods behind its last request is cut off', async t => {
  const server = await TestServer.start(t, { placement: 'single', closeTimeoutMs: 60_000 })
  const socket = open(t, server.httpPort)
  socket.resume()
  const end = closed(socket)
  socket.write('GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nX')
  const flood = Buffer.alloc(1 << 16, 65)
  const write = (): void => {
    if (!socket.destroyed && socket.write(flood)) setImmediate(write)
  }
  socket.on('drain', write)
  write()
  await end
  t.pass('the connection was ended long before closeTimeoutMs')
})

test('[H73] connections that were refused and do not close are cut off', async t => {
  const server = await TestServer.start(t, { placement: 'single', connectionsMax: 2, feedConnectionsMax: 1 })
  await server.stream('items=A')
  await server.stream('items=A')
  const client = open(t, server.httpPort)
  let text = ''
  client.on('data', chunk => {
    text += chunk
  })
  await server.feed()
  const feed = open(t, server.feedPort)
  feed.on('data', chunk => {
    text += chunk
  })
  // Whoever writes on to a connection that is no more is told so by the system.
  const knocks = setInterval(() => {
    client.write('x')
    feed.write('x')
  }, QUIET_MS / 8)
  await Promise.all([closed(client), closed(feed)])
  clearInterval(knocks)
  t.regex(text, /CONNECTIONS_TOO_MANY/)
  t.regex(text, /FEED_CONNECTIONS_TOO_MANY/)
})

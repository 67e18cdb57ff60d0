import test from 'ava'
import type { Stream, WebSocketLike } from '#src/client/transports/transport.ts'
import { openWebSocket } from '#src/client/transports/websocket.ts'
import { FakeRuntime } from '../../support/fake-runtime.ts'
import { RecordingSink, streamRequest } from '../../support/sink.ts'

class FakeWebSocket implements WebSocketLike {
  onopen: WebSocketLike['onopen'] = null
  onmessage: WebSocketLike['onmessage'] = null
  onclose: WebSocketLike['onclose'] = null
  onerror: WebSocketLike['onerror'] = null
  readonly url: string
  readonly sent: string[] = []
  closedWith = 0

  constructor(url: string) {
    this.url = url
    made.push(this)
  }

  send(text: string): void {
    this.sent.push(text)
  }

  close(code: number): void {
    this.closedWith = code
  }
}

const made: FakeWebSocket[] = []

function open(query = '', lines = ''): { socket: FakeWebSocket; stream: Stream; sink: RecordingSink } {
  const runtime = new FakeRuntime()
  runtime.WebSocket = FakeWebSocket
  const sink = new RecordingSink()
  const stream = openWebSocket(runtime, streamRequest(query, lines), sink)
  return { socket: made.at(-1)!, stream, sink }
}

test('[CL41] it opens /stream with the parameters, and sends the first requests when it is open', t => {
  const { socket } = open('session=S&position=7', '{"request":1}\n')
  t.is(socket.url, 'ws://server.test/base/stream?session=S&position=7')
  t.deepEqual(socket.sent, [])
  socket.onopen?.(undefined as never)
  t.deepEqual(socket.sent, ['{"request":1}\n'])
  const other = open()
  t.is(other.socket.url, 'ws://server.test/base/stream')
  other.socket.onopen?.(undefined as never)
  t.deepEqual(other.socket.sent, [])
})

test('[CL41] a message is a sign of life and its lines are records; requests travel in the stream', t => {
  const { socket, stream, sink } = open()
  socket.onmessage?.({ data: 'a\nb\n' })
  socket.onmessage?.({ data: '' })
  socket.onmessage?.({ data: new ArrayBuffer(4) })
  t.deepEqual(sink.take(), ['heard', 'record a', 'record b', 'record ', 'heard', 'record ', 'heard'])
  stream.send('x\n', false)
  t.deepEqual([socket.sent, stream.isInBand, stream.isBusy], [['x\n'], true, false])
})

test('[CL41] a close code says why the stream is no more', t => {
  for (const [code, expected] of [
    [1000, 'CONNECTION_LOST'],
    [1001, 'SERVER_CLOSING'],
    [1006, 'CONNECTION_LOST'],
    [1009, 'REQUEST_BODY_TOO_LARGE'],
    [4000, 'SESSION_REBOUND'],
    [4001, 'NO_PROGRESS'],
  ] as const) {
    const { socket, sink } = open()
    socket.onclose?.({ code, reason: '' })
    t.deepEqual(sink.take(), [`ended ${expected} 0`])
  }
})

test('[CL41] once it is closed nothing is called any more, in the midst of a message neither', t => {
  const { socket, stream, sink } = open()
  sink.onRecord = () => stream.close()
  socket.onmessage?.({ data: 'a\nb\n' })
  socket.onmessage?.({ data: 'c' })
  socket.onclose?.({ code: 1006, reason: '' })
  stream.close()
  stream.send('x\n', false)
  t.deepEqual([sink.take(), socket.closedWith, socket.sent], [['heard', 'record a'], 1000, []])
})

test('[CL41] where there is none, or it may not be made, it fails', t => {
  const sink = new RecordingSink()
  const runtime = new FakeRuntime()
  openWebSocket(runtime, streamRequest(), sink).close()
  runtime.WebSocket = class extends FakeWebSocket {
    constructor(url: string) {
      super(url)
      throw new Error('not from a secure page')
    }
  }
  openWebSocket(runtime, streamRequest(), sink).close()
  t.deepEqual(sink.take(), ['ended TRANSPORT_FAILED 0', 'ended TRANSPORT_FAILED 0'])
})

/** A stream without updates whose peer has stopped reading: the signs of life themselves are what waits. */

import test from 'ava'
import { defaultConfig } from '#src/config/config.ts'
import { silentLog } from '#src/log.ts'
import { LatencyRecorder } from '#src/metrics/latency.ts'
import { BLOCK_SLOTS, M, ThreadMetrics } from '#src/metrics/names.ts'
import { InFlightWords } from '#src/ring/shared-words.ts'
import { VirtualClock } from '#src/time/clock.ts'
import { TimingWheel } from '#src/time/timing-wheel.ts'
import { CLOSING, ClientConnection, PLAIN, STREAMING } from '#stages/client-connection.ts'
import { Write } from '#stages/write/write.ts'
import { FakeSocket } from '#test/support/fake-socket.ts'

const KEEPALIVE_MS = 1_000
const STALL_MS = 10_000
const HEAD = Buffer.from('HTTP/1.1 200 OK\r\n\r\n')

test('[S18] signs of life that nobody takes do not pile up, and the connection is given up in its time', t => {
  const clock = new VirtualClock()
  const wheel = new TimingWheel(clock.nowMs())
  const metrics = new ThreadMetrics(new Float64Array(BLOCK_SLOTS))
  const write = new Write({
    config: { ...defaultConfig, keepaliveMs: KEEPALIVE_MS, stallTimeoutMs: STALL_MS },
    rings: [],
    inFlight: new InFlightWords(InFlightWords.create(1)),
    wheel,
    clock,
    metrics,
    latency: new LatencyRecorder(),
    log: silentLog,
    connectionOf: () => null,
    onOpened: () => {},
    onRefused: () => {},
    onAnswer: () => {},
    onWritable: () => {},
    onPolled: () => {},
    onStreamEnded: () => {},
  })
  // The kernel takes the head and two keepalives of one byte.
  const socket = new FakeSocket(HEAD.length + 2)
  const connection = new ClientConnection(socket, 0, 1, (each, nowMs) => write.onStreamTurn(each, nowMs))
  connection.state = STREAMING
  connection.codec = 1
  connection.framing = PLAIN
  write.beginStream(connection, HEAD, clock.nowMs())
  let closedAfterMs = 0
  for (let passedMs = 0; closedAfterMs === 0 && passedMs < 10 * STALL_MS; passedMs += 100) {
    clock.advance(100)
    wheel.advance(clock.nowMs())
    if (connection.state === CLOSING) closedAfterMs = passedMs
    else t.true(socket.writableLength <= 1, 'one sign of life waits, not more')
  }
  t.is(metrics.get(M.keepalives), 3)
  t.is(metrics.get(M.connectionsStalled), 1)
  t.true(closedAfterMs >= STALL_MS)
  t.true(closedAfterMs <= 3 * KEEPALIVE_MS + STALL_MS + KEEPALIVE_MS)
})

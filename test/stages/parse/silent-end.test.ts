/** What the cores hear of a feed that fell silent and then ends. */

import test from 'ava'
import { NameTable } from '#src/codec/name-table.ts'
import { FEED_ALIVE, FEED_DOWN, FEED_SILENT, FEED_UP, UPDATE } from '#src/codec/record.ts'
import { makeConfig } from '#src/config/check.ts'
import { silentLog } from '#src/log.ts'
import { BLOCK_SLOTS, ThreadMetrics } from '#src/metrics/names.ts'
import { createLocalQueue } from '#src/ring/local-queue.ts'
import { countersOf, createCounters } from '#src/ring/shared-words.ts'
import { VirtualClock } from '#src/time/clock.ts'
import { TimingWheel } from '#src/time/timing-wheel.ts'
import { Lane } from '#stages/lane.ts'
import { FeedParse } from '#stages/parse/feed-parse.ts'
import { FakeSocket } from '#test/support/fake-socket.ts'

const NAMES = new Map([
  [FEED_UP, 'up'],
  [UPDATE, 'update'],
  [FEED_SILENT, 'silent'],
  [FEED_ALIVE, 'alive'],
  [FEED_DOWN, 'down'],
])

/** A feed that has greeted and published once, then said nothing for longer than its heartbeat. */
function silentFeed(): { socket: FakeSocket; heard: () => string[] } {
  const config = makeConfig()
  const clock = new VirtualClock()
  const wheel = new TimingWheel(clock.nowMs())
  const { producer, consumer } = createLocalQueue(65_536)
  const items = new NameTable(config.itemsMax, config.itemNameBytesMax)
  const fields = new NameTable(config.fieldNamesMax, config.fieldNameBytesMax)
  const lane = new Lane([producer], items, fields)
  const metrics = new ThreadMetrics(countersOf(createCounters(BLOCK_SLOTS)))
  const parse = new FeedParse({ config, lane, wheel, clock, metrics, log: silentLog, release: () => {} })
  const socket = new FakeSocket(4_096)
  parse.admit(socket, 1, 1)
  socket.peerSend(Buffer.from('{"feed":"f","heartbeat":100}\n{"item":"A","fields":{"bid":"1"}}\n'))
  while (socket.pump(4_096));
  clock.advance(1_000)
  wheel.advance(clock.nowMs())
  const heard = () => {
    const types: string[] = []
    while (socket.pump(4_096));
    parse.work(clock.nowMs())
    lane.publish()
    consumer.drain(type => {
      const name = NAMES.get(type)
      if (name !== undefined) types.push(name)
      return true
    }, 100)
    return types
  }
  return { socket, heard }
}

test('[F50] a silent feed that ends is not told alive (found: its readers saw stale, fresh, stale)', t => {
  for (const end of [(socket: FakeSocket) => socket.peerEnd(), (socket: FakeSocket) => socket.peerReset()]) {
    const { socket, heard } = silentFeed()
    t.deepEqual(heard(), ['up', 'update', 'silent'])
    end(socket)
    t.deepEqual(heard(), ['down'])
  }
})

test('[F50] one that ends with a last line was heard again', t => {
  const { socket, heard } = silentFeed()
  t.deepEqual(heard(), ['up', 'update', 'silent'])
  socket.peerSend(Buffer.from('{"item":"A","fields":{"bid":"2"}}'))
  socket.peerEnd()
  t.deepEqual(heard(), ['alive', 'update', 'down'])
})

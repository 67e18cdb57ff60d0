/** Each peer that is installed here, end to end: what its feed sends is what its clients read. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { MARKER, writeStamp } from '#perf/load/stamp.ts'
import { whyDaemonIsMissing } from '#perf/targets/peer-daemon.ts'
import { startNode } from '#perf/targets/peer-node.ts'
import { PEERS } from '#perf/targets/peers.ts'
import type { Target } from '#perf/targets/target.ts'
import { itemName, itemsOf, lineOf, type Workload } from '#perf/workload.ts'
import { openFeed, RawClient } from './raw-client.ts'

const WORKLOAD: Workload = {
  clients: 6,
  items: 5,
  itemsPerClient: 2,
  ratePerItem: 10,
  fields: 5,
  lineBytes: 0,
  warmupSeconds: 0,
  seconds: 1,
  mode: 'raw',
  rows: 0,
  window: 0,
  filter: 'none',
  maxDelayMs: 0,
  idleClients: 0,
  stalledShare: 0,
  slowShare: 0,
  slowBytesPerSecond: 0,
  transport: 'ndjson',
  seed: 1,
  settings: [],
}
const UPDATES = 100
/** A line that a WebSocket frame tells the length of in two bytes more. */
const LONG_LINE_BYTES = 1_024

interface Update {
  readonly item: number
  readonly line: Buffer
}

/** Short and long ones in turn, each with a stamp of its own. */
function someUpdates(): Update[] {
  return Array.from({ length: UPDATES }, (_, number) => {
    const item = number % WORKLOAD.items
    const lineBytes = number % 2 === 0 ? 0 : LONG_LINE_BYTES
    const line = Buffer.from(lineOf({ ...WORKLOAD, lineBytes }, item, number))
    writeStamp(line, line.indexOf(MARKER) + MARKER.length, 1_000_000 + number)
    return { item, line }
  })
}

const deliversWhatItGets = test.macro({
  title: (_, peer: Target) => `[PP1] ${peer.name}: each client reads the lines of its items, in order, byte for byte`,
  async exec(t, peer: Target) {
    const missing = peer.whyMissing()
    if (missing !== null) {
      t.log(missing)
      t.regex(missing, / (is not installed: (npm|apt-get) |does not load here: )/)
      return
    }
    const server = await peer.start(WORKLOAD)
    t.teardown(() => server.stop())
    const clients = await Promise.all(
      Array.from({ length: WORKLOAD.clients }, (_, number) => {
        return RawClient.open(server.clientPort, peer.client, itemsOf(WORKLOAD, number).map(itemName), WORKLOAD)
      }),
    )
    const feed = await openFeed(server.feedPort, peer.feed!)
    const updates = someUpdates()
    for (const { item, line } of updates) feed.publish(itemName(item), line)
    for (const [number, client] of clients.entries()) {
      const items = itemsOf(WORKLOAD, number)
      const expected = updates.filter(({ item }) => items.includes(item)).map(({ line }) => line.toString())
      t.deepEqual(await client.lines(expected.length), expected)
      t.is(client.markers, expected.length)
      client.close()
    }
    feed.close()
    t.is(await server.insight(), null)
  },
})

const leavesNothing = test.macro({
  title: (_, peer: Target) => `[PP2] ${peer.name}: all its processes end when it is stopped, with a client connected`,
  async exec(t, peer: Target) {
    const missing = peer.whyMissing()
    if (missing !== null) {
      t.log(missing)
      t.pass()
      return
    }
    const server = await peer.start(WORKLOAD)
    const client = await RawClient.open(server.clientPort, peer.client, ['i000'], WORKLOAD)
    // nginx: a master and its worker.
    t.is(server.pids.length, peer.name === 'nchan' ? 2 : 1)
    for (const pid of server.pids) t.true(existsSync(`/proc/${pid}`))
    await server.stop()
    client.close()
    for (const pid of server.pids) t.false(existsSync(`/proc/${pid}`))
  },
})

// One at a time: a machine that runs tests has few cores.
for (const peer of PEERS) test.serial(deliversWhatItGets, peer)
for (const peer of PEERS) test.serial(leavesNothing, peer)

test('[PP3] a program that is not installed is missed with the command that installs it', t => {
  const daemon = {
    name: 'none',
    program: 'no-such-program',
    files: { module: '/no/such/module.so' },
    packages: ['no-such-program', 'no-such-module'],
    configuration: new URL('file:///no/such/configuration'),
    args: () => [],
    hasOnePort: true,
    processes: 1,
  }
  t.is(
    whyDaemonIsMissing(daemon),
    'no-such-program, /no/such/module.so is not installed: apt-get install --no-install-recommends no-such-program no-such-module',
  )
})

test('[PP4] a peer that cannot start fails with what it said', async t => {
  const floorWithoutWorkload = new URL('../../../perf/targets/floor-process.ts', import.meta.url)
  await t.throwsAsync(startNode('floor', floorWithoutWorkload), { message: /SyntaxError.*JSON/s })
})

test('[PP5] a Node peer ends when whoever started it has gone', async t => {
  const file = fileURLToPath(new URL('../../../perf/peers/http-sse-server.ts', import.meta.url))
  const peer = spawn(process.execPath, [file], { env: {}, stdio: ['pipe', 'pipe', 'inherit'] })
  await once(peer.stdout, 'data')
  peer.stdin.end()
  t.deepEqual(await once(peer, 'exit'), [0, null])
})

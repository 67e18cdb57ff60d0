/** A load client whose server ends its connection between two polls, and one that reads rows. */

import { type AddressInfo, createServer, type Socket } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { CLIENT_PROTOCOLS } from '#perf/load/client-protocols.ts'
import { groupOf } from '#perf/load/groups.ts'
import { LoadClient } from '#perf/load/load-client.ts'
import { LoadGroup } from '#perf/load/load-group.ts'
import { Scanner } from '#perf/load/scan.ts'
import { MARKER } from '#perf/load/stamp.ts'
import { BASE } from '#perf/variants/variant.ts'

const WELCOME = '{"session":"kR3_abcdefghijklmnop-2","position":1}\n{"position":2}\n'
const UPDATE = `{"item":"A","fields":{${MARKER}0000000000001"}}\n{"position":3}\n`
const REQUESTS = 4
const LOOK_MS = 5

function answerOf(body: string): string {
  return `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

interface Outcome {
  readonly group: LoadGroup
  readonly requests: readonly string[]
}

/**
 * The server answers the first request of each connection and no other; it ends the first connection behind its second.
 * Until it has heard `REQUESTS`, or the client has counted that a connection was ended.
 */
async function outcomeOf(t: ExecutionContext, bytesPerSecond: number | null): Promise<Outcome> {
  const requests: string[] = []
  const server = createServer((socket: Socket) => {
    let isAnswered = false
    socket.on('error', () => {})
    socket.on('data', bytes => {
      requests.push(String(bytes).split(' HTTP')[0]!)
      if (requests.length === 2) socket.destroy()
      else if (!isAnswered) socket.write(answerOf(requests.length === 1 ? WELCOME : UPDATE))
      isAnswered = true
    })
  })
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  const workload = { ...BASE, transport: 'poll' } as const
  const group = new LoadGroup(groupOf(workload, { bytesPerSecond }))
  const room = {
    port: (server.address() as AddressInfo).port,
    network: '127.9',
    protocol: CLIENT_PROTOCOLS['millrace poll']!,
    workload,
    scanner: new Scanner(40),
    timedEvery: 0,
    endStamp: -1,
  }
  const client = new LoadClient(room, group, 0, ['A'], 1)
  t.teardown(() => {
    client.close()
    server.close()
  })
  await client.open()
  client.allow(1_000_000)
  while (requests.length < REQUESTS && group.closed === 0) await new Promise(done => setTimeout(done, LOOK_MS))
  return { group, requests }
}

test('[PF33] a client that reads slowly asks again over another connection, and has what it is told there', async t => {
  const { group, requests } = await outcomeOf(t, 1_000_000)
  const poll = 'GET /poll?session=kR3_abcdefghijklmnop-2&position'
  t.deepEqual(requests, ['GET /poll?items=A&mode=raw', `${poll}=2`, `${poll}=2`, `${poll}=3`])
  t.deepEqual([group.closed, group.renewed], [0, 1])
})

test('[PF33] of a client that reads as fast as it can, a connection that the server ends is counted', async t => {
  const { group, requests } = await outcomeOf(t, null)
  t.is(requests.length, 2)
  t.deepEqual([group.closed, group.renewed], [1, 0])
})

const NUMBER = '0000000000001'
function row(seq: number, command: string): string {
  const fields = command === 'DELETE' ? '' : `,"fields":{"size":"123",${MARKER}${NUMBER}"}`
  return `{"item":"A","seq":${seq},"key":"bid:1.5","command":"${command}"${fields}}\n`
}

for (const [window, timed] of [
  [0, 4],
  [10, 2],
] as const) {
  const what = window === 0 ? 'all that bear a time are timed' : 'only those that changed where they were are timed'
  test(`[PF47] rows are counted with those that are deleted; of ${window === 0 ? 'a table' : 'a window'} ${what}`, async t => {
    const rows = ['ADD', 'UPDATE', 'DELETE', 'ADD', 'UPDATE'].map((command, index) => row(index + 1, command))
    const queries: string[] = []
    const server = createServer((socket: Socket) => {
      socket.on('error', () => {})
      socket.on('data', bytes => {
        queries.push(String(bytes).split(' HTTP')[0]!)
        socket.write(`HTTP/1.1 200 OK\r\n\r\n${rows.join('')}`)
      })
    })
    await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
    const workload = { ...BASE, mode: 'command', rows: 5, window } as const
    const group = new LoadGroup(groupOf(workload, {}))
    const room = {
      port: (server.address() as AddressInfo).port,
      network: '127.9',
      protocol: CLIENT_PROTOCOLS.millrace!,
      workload,
      scanner: new Scanner(43),
      timedEvery: 1,
      endStamp: 1,
    }
    const client = new LoadClient(room, group, 1, ['A'], 4)
    t.teardown(() => {
      client.close()
      server.close()
    })
    await client.open()
    while (group.received < rows.length) await new Promise(done => setTimeout(done, LOOK_MS))
    t.is(group.received, rows.length)
    t.is(group.latency.totalCount, timed)
    t.true(client.isAtEnd)
    const chosen = '&filter=side+%3D+%22ask%22&sort=price&count=10'
    t.deepEqual(queries, [`GET /stream?items=A&mode=command${window === 0 ? '' : chosen}`])
  })
}

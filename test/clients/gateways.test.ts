/** All transports through nginx and HAProxy by their default settings. Skips what is not installed. */

import test, { type ExecutionContext } from 'ava'
import { Cutter } from '#test/support/cutter.ts'
import { Gateway, type GatewayKind, HAPROXY, isInstalled, NGINX } from '#test/support/gateway.ts'
import { TestServer } from '#test/support/server.ts'
import { type Resume, SessionStream, TRANSPORTS, type Transport } from '#test/support/session-stream.ts'

const SETTINGS = { placement: 'single', closeTimeoutMs: 1_000 } as const
const QUERY = 'items=G&mode=raw'

function skips(t: ExecutionContext, kind: GatewayKind): boolean {
  if (isInstalled(kind)) return false
  t.log(`skipped: install ${kind.name} (apt-get install --no-install-recommends ${kind.name}) to run this test`)
  t.pass()
  return true
}

function valuesOf({ all }: SessionStream): readonly number[] {
  return all.flatMap(({ fields }) => (fields === undefined ? [] : [Number(fields.n)]))
}

/** One stream of each transport. */
function openAll(t: ExecutionContext, port: number, prefix: string, resumes: readonly Resume[]): SessionStream[] {
  return TRANSPORTS.map((transport: Transport, index) => {
    const resume = resumes[index]
    const stream = new SessionStream({
      port,
      transport,
      query: QUERY,
      ...(transport === 'websocket' && { prefix }),
      ...(resume !== undefined && { resume }),
    })
    t.teardown(() => stream.cut())
    return stream
  })
}

/** Clients — gateway — cutter — server. `prefix` is where the gateway passes WebSockets on. */
async function through(t: ExecutionContext, kind: GatewayKind, prefix: string): Promise<void> {
  const server = await TestServer.start(t, SETTINGS)
  const cutter = await Cutter.to(server.httpPort)
  t.teardown(() => cutter.close())
  const { port } = await startGateway(t, kind, cutter.port)
  const feed = await server.feed()
  let n = 0
  const publish = () => feed.send({ item: 'G', fields: { n: String(n++) } })
  publish()
  await feed.acknowledged()
  const first = openAll(t, port, prefix, [])
  // Each value before the next is published: nothing waits in the gateway for more.
  for (let round = 0; round < 5; round++) {
    for (const stream of first) await stream.find(({ fields }) => fields?.n === String(n - 1))
    publish()
  }
  for (const stream of first) await stream.find(({ fields }) => fields?.n === String(n - 1))
  for (const stream of first) await stream.until(all => stream.handledCount === all.length)
  cutter.cut()
  for (const stream of first) await (stream.transport === 'poll' ? stream.cut() : stream.ended())
  for (let i = 0; i < 3; i++) publish()
  await feed.acknowledged()
  cutter.mend()
  const second = openAll(
    t,
    port,
    prefix,
    first.map(({ resume }) => resume),
  )
  for (const stream of second) await stream.find(({ fields }) => fields?.n === String(n - 1))
  for (const [index, stream] of second.entries()) {
    const values = [...valuesOf(first[index]!), ...valuesOf(stream)]
    t.deepEqual(
      values,
      Array.from({ length: n }, (_, value) => value),
      stream.transport,
    )
    if (stream.transport !== 'poll') t.true((await stream.welcome).recovered)
  }
  cutter.hold()
  await server.server.close()
  const told = second.filter(({ transport }) => transport !== 'poll')
  for (const stream of told) {
    await stream.ended()
    const { closing } = stream.all.at(-1)!
    t.is(closing?.code, 'SERVER_CLOSING', stream.transport)
    t.true(closing!.retryMs! > 0)
    if (stream.transport === 'websocket') t.is(stream.closeCode, 1001)
  }
  second.at(-1)!.cut()
  const next = await TestServer.start(t, SETTINGS)
  const nextFeed = await next.feed()
  nextFeed.send({ item: 'G', fields: { n: '100' } })
  await nextFeed.acknowledged()
  cutter.mend(next.httpPort)
  for (const stream of openAll(
    t,
    port,
    prefix,
    second.map(({ resume }) => resume),
  )) {
    const { recovered, why } = await stream.welcome
    t.deepEqual([recovered, why], [false, 'SESSION_UNKNOWN'], stream.transport)
    await stream.find(({ fields, snapshot }) => fields?.n === '100' && snapshot === true)
  }
}

async function startGateway(t: ExecutionContext, kind: GatewayKind, upstreamPort: number): Promise<Gateway> {
  const gateway = await Gateway.start(kind, upstreamPort)
  t.teardown(() => gateway.close())
  return gateway
}

test.serial('[P94] through nginx each transport receives at once, resumes, and survives a restart', async t => {
  if (skips(t, NGINX)) return
  await through(t, NGINX, '/websocket')
})

test.serial('[P95] through HAProxy each transport receives, resumes, and survives a restart', async t => {
  if (skips(t, HAPROXY)) return
  await through(t, HAPROXY, '')
})

/** Sessions that are kept for a time, make room for others, and do not outlive their server, which says when it goes. */

import test, { type ExecutionContext } from 'ava'
import { startProgram } from '#test/support/program.ts'
import { RawFeed } from '#test/support/raw-feed.ts'
import { TestServer } from '#test/support/server.ts'
import { SessionStream, type SessionStreamOptions, TRANSPORTS } from '#test/support/session-stream.ts'

const RESUME_MS = 300

function open(t: ExecutionContext, options: SessionStreamOptions): SessionStream {
  const stream = new SessionStream(options)
  t.teardown(() => stream.cut())
  return stream
}

async function rowsOf(server: TestServer): Promise<readonly { readonly isBound: boolean }[]> {
  const { sessions } = JSON.parse((await server.get('/sessions')).body) as { sessions: { isBound: boolean }[] }
  return sessions
}

test.serial('[P83] a session without a stream is kept for resumeMs, one that is polled for longer', async t => {
  const server = await TestServer.start(t, { placement: 'single', resumeMs: RESUME_MS })
  const { httpPort: port } = server
  const steady = open(t, { port, transport: 'sse', query: 'items=P83' })
  t.is((await steady.welcome).resumeMs, RESUME_MS)
  const polled = open(t, { port, transport: 'poll', query: 'items=P83' })
  await polled.find(({ subscribed }) => subscribed === 0)
  polled.cut()
  const gone: SessionStream[] = []
  for (const transport of TRANSPORTS.filter(each => each !== 'poll')) {
    const stream = open(t, { port, transport, query: 'items=P83' })
    await stream.find(({ subscribed }) => subscribed === 0)
    await stream.until(all => stream.handledCount === all.length)
    stream.cut()
    const again = open(t, { port, transport, resume: stream.resume })
    t.true((await again.welcome).recovered, `${transport} in time`)
    again.cut()
    gone.push(again)
  }
  await server.poll(
    () => rowsOf(server),
    ({ length }) => length === 2,
  )
  for (const { transport, resume } of gone) {
    const refused = open(t, { port, transport, resume })
    await refused.ended()
    t.deepEqual([refused.status, refused.refusal], [404, 'SESSION_UNKNOWN'], transport)
    const anew = open(t, { port, transport, resume, query: 'new=true' })
    const welcome = await anew.welcome
    t.deepEqual([welcome.recovered, welcome.why, welcome.subscriptions], [false, 'SESSION_UNKNOWN', undefined])
    t.not(welcome.session, resume.session)
    const withItems = open(t, { port, transport, resume, query: 'items=P83' })
    t.is((await withItems.welcome).why, 'SESSION_UNKNOWN')
    await withItems.find(({ subscribed }) => subscribed === 0)
  }
  const back = open(t, { port, transport: 'ndjson', resume: polled.resume })
  t.true((await back.welcome).recovered)
  const feed = await server.feed()
  feed.send({ item: 'P83', fields: { n: '1' } })
  await steady.find(({ fields }) => fields?.n === '1')
  await back.find(({ fields }) => fields?.n === '1')
})

test.serial('[P83] beyond sessionsMax who has been without a stream for longest makes room, nobody else', async t => {
  const server = await TestServer.start(t, { placement: 'single', sessionsMax: 3 })
  const { httpPort: port } = server
  const streams = [0, 1, 2].map(() => open(t, { port, transport: 'ndjson', query: 'items=P83' }))
  for (const stream of streams) await stream.welcome
  for (const transport of TRANSPORTS) {
    const refused = open(t, { port, transport, query: 'items=P83' })
    await refused.ended()
    t.deepEqual([refused.status, refused.refusal], [503, 'SESSIONS_TOO_MANY'], transport)
    t.not(refused.headers['retry-after'], undefined)
  }
  for (const [index, stream] of streams.entries()) {
    if (index === 2) break
    stream.cut()
    await server.poll(
      async () => (await rowsOf(server)).filter(({ isBound }) => !isBound).length,
      count => count === index + 1,
    )
  }
  const next = open(t, { port, transport: 'sse', query: 'items=P83' })
  await next.welcome
  const [first, second, third] = streams.map(({ resume }) => open(t, { port, transport: 'ndjson', resume }))
  await first!.ended()
  t.is(first!.status, 404, 'the one that lost its stream first has gone')
  t.true((await second!.welcome).recovered)
  t.true((await third!.welcome).recovered)
})

test.serial('[P84] a server that was started anew knows no session of before, and says so by its epoch', async t => {
  const before = await TestServer.start(t, { placement: 'single' })
  const old = TRANSPORTS.map(transport => open(t, { port: before.httpPort, transport, query: 'items=P84' }))
  for (const stream of old) await stream.find(({ subscribed }) => subscribed === 0)
  const { epoch } = await old[0]!.welcome
  await before.close()
  const after = await TestServer.start(t, { placement: 'single' })
  const { httpPort: port } = after
  const feed = await after.feed()
  feed.send({ item: 'P84', fields: { n: '1' } })
  await feed.acknowledged()
  for (const { transport, resume } of old) {
    const refused = open(t, { port, transport, resume })
    await refused.ended()
    t.deepEqual([refused.status, refused.refusal], [404, 'SESSION_UNKNOWN'], transport)
    const anew = open(t, { port, transport, resume, query: 'items=P84' })
    const welcome = await anew.welcome
    t.deepEqual([welcome.recovered, welcome.why], [false, 'SESSION_UNKNOWN'], transport)
    t.not(welcome.epoch, epoch)
    const record = await anew.find(({ item }) => item === 'P84')
    t.deepEqual([record.snapshot, record.fields], [true, { n: '1' }])
  }
})

const PLACEMENTS: readonly (readonly [string, readonly string[]])[] = [
  ['one thread', ['--placement', 'single']],
  ['pools of 2 threads', ['--core-threads', '2', '--edge-threads', '2']],
]

async function startProcess(t: ExecutionContext, flags: readonly string[]) {
  const ports = ['--http-port', '0', '--feed-port', '0', '--log-level', 'silent']
  const program = startProgram(['serve', ...ports, ...flags])
  t.teardown(async () => {
    program.process.kill('SIGKILL')
    await program.ended
  })
  await program.prints('feeds on')
  const found = /http:\/\/[^:]+:(\d+)\/ - feeds on [^:]+:(\d+)/.exec(program.stdout())
  if (found === null) throw new Error(program.stderr())
  return { program, port: Number(found[1]), feedPort: Number(found[2]) }
}

for (const [placement, flags] of PLACEMENTS) {
  test.serial(
    `[P85] SIGTERM tells each transport the last values, why, and when to come back: ${placement}`,
    async t => {
      const { program, port, feedPort } = await startProcess(t, flags)
      // A poll that has something to say is answered at once: this one is held.
      const at = TRANSPORTS.map(transport => {
        return open(t, { port, transport, query: `items=${transport === 'poll' ? 'P85.quiet' : 'P85'}` })
      })
      const gathering = TRANSPORTS.map(transport => {
        return open(t, { port, transport, query: 'items=P85&mode=raw', requests: [{ limits: { maxDelay: 60_000 } }] })
      })
      const streams = [...at, ...gathering]
      for (const stream of streams) await stream.find(({ subscribed }) => subscribed === 0)
      for (const stream of gathering) await stream.find(({ limits }) => limits?.maxDelay === 60_000)
      const feed = await RawFeed.connect(feedPort)
      t.teardown(() => feed.destroy())
      feed.send({ item: 'P85', fields: { n: '1' } }, { item: 'P85', fields: { n: 'last' } })
      await feed.acknowledged()
      program.process.kill('SIGTERM')
      for (const stream of streams) await stream.ended()
      const hints = new Set<number>()
      for (const stream of streams) {
        const { transport, all } = stream
        const values = all.flatMap(({ fields }) => (fields === undefined ? [] : [fields.n]))
        t.is(values.at(-1), stream === at[3] ? undefined : 'last', transport)
        // The last answer of this poll had values to bring; the next one finds nobody.
        if (stream === gathering[3]) continue
        const { closing } = all.at(-1)!
        t.is(closing?.code, 'SERVER_CLOSING', transport)
        hints.add(closing!.retryMs!)
        if (transport === 'websocket') t.is(stream.closeCode, 1001)
        if (transport === 'sse') t.is(stream.retryMs, closing!.retryMs!, 'an EventSource heeds it')
      }
      t.true([...hints].every(retryMs => retryMs > 0) && hints.size > 1, 'they come back spread over some time')
      const { exitCode, stderr } = await program.ended
      t.deepEqual([exitCode, stderr], [0, ''])
    },
  )
}

import { spawn } from 'node:child_process'
import { connect, type Socket } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { connectFeed, type FeedClient, type FeedOptions, reconnectWaitMs } from '#src/feed/feed-client.ts'
import { soon } from '#src/time/real-timers.ts'
import { type ScriptedConnection, ScriptedFeedServer } from '../support/scripted-feed-server.ts'

/** Reconnects at once. */
const AT_ONCE = { next: (): number => 0 }

interface Fixture {
  readonly server: ScriptedFeedServer
  readonly client: FeedClient
  readonly states: string[]
}

async function start(t: ExecutionContext, options: FeedOptions = {}): Promise<Fixture> {
  const server = await ScriptedFeedServer.listen()
  const states: string[] = []
  const client = connectFeed({
    port: server.port,
    random: AT_ONCE,
    closeTimeoutMs: 60_000,
    ...options,
    onStateChange: (state, detail, lost) => {
      states.push(state)
      options.onStateChange?.(state, detail, lost)
    },
  })
  t.teardown(async () => {
    const closed = client.close()
    await server.close()
    await closed
  })
  return { server, client, states }
}

async function welcomed(fixture: Fixture, windowLines: number): Promise<ScriptedConnection> {
  const connection = await fixture.server.accept()
  connection.welcome(windowLines)
  await connection.received(1)
  return connection
}

/** Two turns of the event loop: what one turn has gathered is written. */
function turns(): Promise<void> {
  return new Promise(resolve => soon(() => soon(resolve)))
}

test('[F15] nothing is said before the welcome, and then the greeting first', async t => {
  const fixture = await start(t, { name: 'desk-7', onDemand: true, heartbeatMs: 5_000 })
  const { client, server } = fixture
  const connection = await server.accept()
  t.false(client.publish('A', { b: '1' }))
  t.is(client.refused, 1)
  t.deepEqual(connection.lines, [])
  connection.welcome(10)
  await client.ready()
  t.true(client.publish('A', { b: '1' }))
  await connection.received(2)
  t.deepEqual(
    connection.lines.map(line => JSON.parse(line)),
    [
      { feed: 'desk-7', onDemand: true, heartbeat: 5_000 },
      { item: 'A', fields: { b: '1' } },
    ],
  )
})

test('[F15] never are more lines on their way than the window holds', async t => {
  const fixture = await start(t)
  const { client } = fixture
  const connection = await welcomed(fixture, 5)
  let acked = 0
  const published = (async () => {
    for (let i = 0; i < 100; i++) {
      await client.ready()
      t.true(client.publish('A', { n: i }))
    }
  })()
  while (acked < 101) {
    await connection.until(lines => lines.length === Math.min(acked + 5, 101))
    await turns()
    t.is(connection.lines.length, Math.min(acked + 5, 101))
    acked = Math.min(acked + 1 + (acked % 3), 101)
    connection.say({ ack: acked })
  }
  await published
  await client.flushed()
  t.deepEqual([client.linesSent, client.linesAcked, client.lost], [100, 100, 0])
  t.is(connection.lines[100], '{"item":"A","fields":{"n":99}}')
})

test('[F16] the lines of one turn leave in one write', async t => {
  let writes = 0
  const socketFactory = (port: number, host: string): Socket => {
    const socket = connect(port, host)
    const write = socket.write.bind(socket) as (...args: unknown[]) => boolean
    socket.write = (...args: unknown[]) => {
      writes++
      return write(...args)
    }
    return socket
  }
  const fixture = await start(t, { socketFactory })
  const connection = await welcomed(fixture, 1_000)
  t.is(writes, 1)
  for (let i = 0; i < 300; i++) {
    await fixture.client.ready()
    fixture.client.publish('A', { n: i })
  }
  await connection.received(301)
  t.is(writes, 2)
})

test('[F16] long lines and many of them come whole and in order', async t => {
  const fixture = await start(t)
  const { client } = fixture
  const connection = await welcomed(fixture, 10_000)
  const sent: string[] = []
  for (const length of [1, 100, 30_000, 70_000, 5, 64_000, 21_845, 1_000_000, 3]) {
    const line = `{"item":"${'€'.repeat(Math.ceil(length / 3))}"}`
    sent.push(line, '{"x":1}')
    await client.ready()
    t.true(client.publishLine(sent.length % 4 === 0 ? Buffer.from(line) : line))
    await client.ready()
    t.true(client.publishLine('{"x":1}'))
  }
  await connection.received(1 + sent.length)
  t.deepEqual(connection.lines.slice(1), sent)
})

test('[F17] what is published is a line of JSON', async t => {
  const fixture = await start(t)
  const { client } = fixture
  const connection = await welcomed(fixture, 100)
  client.publish('a "b"\\', { x: null, y: 1.5, z: 'grün\n' }, { snapshot: true, timeMs: 1_626_992_742_115.5 })
  client.publish('A', { b: '1' }, { snapshot: false })
  client.publish('T', { key: 'k', command: 'ADD' }, { mode: 'command', snapshot: true })
  client.delete('A')
  client.publishLine('{"item":"B","fields":{"b":"1"}}\r\n')
  client.publishLine(Buffer.from('{"item":"C","fields":{"b":"1"}}\n'))
  await connection.received(7)
  t.deepEqual(connection.lines.slice(1), [
    '{"item":"a \\"b\\"\\\\","snapshot":true,"time":1626992742115.5,"fields":{"x":null,"y":1.5,"z":"grün\\n"}}',
    '{"item":"A","fields":{"b":"1"}}',
    '{"item":"T","mode":"command","snapshot":true,"fields":{"key":"k","command":"ADD"}}',
    '{"item":"A","deleted":true}',
    '{"item":"B","fields":{"b":"1"}}',
    '{"item":"C","fields":{"b":"1"}}',
  ])
  t.throws(() => client.publish('A', { b: Number.NaN }))
  t.throws(() => client.publish('A', { b: '1' }, { timeMs: Number.POSITIVE_INFINITY }))
  t.throws(() => client.publishLine('\n'))
  t.throws(() => client.publishLine('a\nb'))
  t.is(client.linesSent, 6)
})

test('[F17] a server that does not read takes away the room, and gives it back', async t => {
  const fixture = await start(t)
  const { client } = fixture
  const connection = await welcomed(fixture, 1_000_000)
  connection.socket.pause()
  const line = `{"item":"A","fields":{"b":"${'x'.repeat(10_000)}"}}`
  let isFull = false
  for (let i = 0; i < 10_000 && !isFull; i++) {
    isFull = !client.publishLine(line)
    if (i % 10 === 0) await turns()
  }
  t.true(isFull)
  t.is(client.refused, 1)
  const ready = client.ready()
  connection.socket.resume()
  await ready
  t.true(client.publishLine(line))
  await connection.received(1 + client.linesSent)
  t.true(connection.lines.slice(1).every(one => one === line))
})

test('[F17] who waits for room when the client closes is told', async t => {
  const fixture = await start(t)
  await welcomed(fixture, 1)
  const waiting = t.throwsAsync(fixture.client.ready(), { code: 'FEED_CLOSED' })
  const closed = fixture.client.close()
  await waiting
  t.false(fixture.client.publish('A', { b: '1' }))
  await t.throwsAsync(fixture.client.ready(), { code: 'FEED_CLOSED' })
  await fixture.server.close()
  await closed
})

test('[F18] flushed waits until the server has acknowledged every line', async t => {
  const fixture = await start(t)
  const { client } = fixture
  const connection = await welcomed(fixture, 100)
  await client.flushed()
  client.publish('A', { b: '1' })
  client.publish('A', { b: '2' })
  let isFlushed = false
  const flushed = client.flushed().then(() => {
    isFlushed = true
  })
  await connection.received(3)
  connection.say({ ack: 2 }, { wanted: 'A' })
  await turns()
  t.false(isFlushed)
  connection.say({ ack: 3 })
  await flushed
  t.is(client.linesAcked, 2)
})

test('[F19] a feed that has declared a heartbeat sends one when it is silent, if the window has room', async t => {
  const fixture = await start(t, { heartbeatMs: 100 })
  const { client } = fixture
  const connection = await welcomed(fixture, 2)
  await connection.received(2)
  t.is(connection.lines[1], '')
  t.false(client.publish('A', { b: '1' }))
  connection.say({ ack: 2 })
  await client.ready()
  t.true(client.publish('A', { b: '1' }))
  await connection.received(4)
  t.deepEqual(connection.lines.slice(2), ['{"item":"A","fields":{"b":"1"}}', ''])
  connection.say({ ack: 4 })
  await client.flushed()
  t.deepEqual([client.linesSent, client.linesAcked], [1, 1])
})

test('[F20] a lost connection is made again; what was on its way is counted as lost', async t => {
  let reconnects = 0
  const losses: [state: string, lost: number][] = []
  const fixture = await start(t, {
    onReconnect: () => {
      reconnects++
    },
    onStateChange: (state, _detail, lost) => losses.push([state, lost]),
  })
  const { client, server } = fixture
  const first = await welcomed(fixture, 10)
  for (const n of [1, 2, 3]) client.publish('A', { n })
  await first.received(4)
  first.say({ ack: 2 })
  await connectionSaw(client, 1)
  const flushed = client.flushed()
  first.socket.destroy()
  await flushed
  t.deepEqual([client.linesSent, client.linesAcked, client.lost], [3, 1, 2])
  t.false(client.publish('A', { n: 4 }))
  t.is(reconnects, 0)
  const second = await welcomed({ ...fixture, server }, 10)
  await client.ready()
  t.is(reconnects, 1)
  t.true(client.publish('A', { n: 5 }))
  await second.received(2)
  t.deepEqual(second.lines.slice(1), ['{"item":"A","fields":{"n":5}}'])
  t.deepEqual(losses, [
    ['connected', 0],
    ['waiting', 2],
    ['connecting', 0],
    ['connected', 0],
  ])
})

async function connectionSaw(client: FeedClient, linesAcked: number): Promise<void> {
  while (client.linesAcked < linesAcked) await turns()
}

test('[F20] snapshots published in onReconnect come before anything else', async t => {
  let client: FeedClient | null = null
  const fixture = await start(t, { onReconnect: () => client?.publish('A', { b: '1' }, { snapshot: true }) })
  client = fixture.client
  const first = await welcomed(fixture, 10)
  first.socket.destroy()
  await first.ended
  while (client.state === 'connected') await turns()
  const ready = client.ready().then(() => client?.publish('A', { b: '2' }))
  const second = await welcomed(fixture, 10)
  await ready
  await second.received(3)
  t.deepEqual(second.lines.slice(1), [
    '{"item":"A","snapshot":true,"fields":{"b":"1"}}',
    '{"item":"A","fields":{"b":"2"}}',
  ])
})

test('[F20] the wait before the next try doubles up to its bound, and is drawn', t => {
  const bounds = { minMs: 100, maxMs: 1_000 }
  const waits = [0, 1, 2, 3, 4, 30].map(attempts => reconnectWaitMs(attempts, bounds, { next: () => 0.5 }))
  t.deepEqual(waits, [50, 100, 200, 400, 500, 500])
  t.is(reconnectWaitMs(9, bounds, AT_ONCE), 0)
})

test('[F20] a server that is not there yet is tried until it is', async t => {
  const placeholder = await ScriptedFeedServer.listen()
  const { port } = placeholder
  await placeholder.close()
  const details: string[] = []
  const failed = Promise.withResolvers<void>()
  const client = connectFeed({
    port,
    reconnect: { minMs: 1, maxMs: 4 },
    onStateChange: (state, detail) => {
      if (state === 'waiting' && details.push(detail) === 3) failed.resolve()
    },
  })
  await failed.promise
  t.deepEqual(new Set(details), new Set(['ECONNREFUSED']))
  await client.close()
  t.is(client.state, 'closed')
})

test('[F21] what the server tells is told on', async t => {
  const told: unknown[] = []
  const fixture = await start(t, {
    onWanted: item => told.push(['wanted', item]),
    onUnwanted: item => told.push(['unwanted', item]),
    onError: error => told.push(error),
    onStateChange: (state, detail) => told.push([state, detail]),
  })
  const { client } = fixture
  const connection = await welcomed(fixture, 10)
  client.publishLine('oops')
  await connection.received(2)
  const error = { line: 2, code: 'FEED_LINE_NOT_JSON', message: 'the line is not JSON' }
  connection.say({ wanted: 'grün' }, { error }, { later: 'versions' }, { unwanted: 'grün' }, { ack: 2 })
  await client.flushed()
  t.is(client.errors, 1)
  connection.say({ closing: { code: 'SERVER_CLOSING', message: 'bye' } })
  connection.socket.end()
  await connection.ended
  await fixture.server.accept()
  t.deepEqual(told, [
    ['connected', ''],
    ['wanted', 'grün'],
    error,
    ['unwanted', 'grün'],
    ['waiting', 'SERVER_CLOSING'],
    ['connecting', ''],
  ])
})

test('[F21] replies may come in any pieces', async t => {
  const wanted: string[] = []
  const fixture = await start(t, { onWanted: item => wanted.push(item) })
  const connection = await fixture.server.accept()
  connection.socket.setNoDelay(true)
  for (const byte of Buffer.from('{"millrace":1,"window":5}\n{"wanted":"€"}\n')) {
    connection.socket.write(Buffer.from([byte]))
    await turns()
  }
  await connection.received(1)
  while (wanted.length === 0) await turns()
  t.deepEqual(wanted, ['€'])
})

test('[F22] close waits for the acknowledgements, then ends the connection', async t => {
  const fixture = await start(t)
  const { client } = fixture
  const connection = await welcomed(fixture, 10)
  client.publish('A', { b: '1' })
  let isClosed = false
  const closed = client.close().then(() => {
    isClosed = true
  })
  t.is(client.close(), client.close())
  await connection.received(2)
  await turns()
  t.false(isClosed)
  t.is(client.state, 'closing')
  connection.say({ ack: 2 })
  await closed
  await connection.ended
  t.deepEqual([client.linesAcked, client.lost, client.state], [1, 0, 'closed'])
})

test('[F22] a server that never acknowledges does not hold up a close for ever', async t => {
  const fixture = await start(t, { closeTimeoutMs: 20 })
  const { client } = fixture
  await welcomed(fixture, 10)
  client.publish('A', { b: '1' })
  await client.close()
  t.deepEqual([client.linesSent, client.linesAcked, client.lost], [1, 0, 1])
  t.deepEqual(fixture.states, ['connected', 'closing', 'closed'])
})

test('[F22] a connection that is lost while it closes ends the close', async t => {
  const fixture = await start(t)
  const connection = await welcomed(fixture, 10)
  fixture.client.publish('A', { b: '1' })
  await connection.received(2)
  const closed = fixture.client.close()
  connection.socket.destroy()
  await closed
  t.is(fixture.client.lost, 1)
})

test('[F22] a client may be closed from any of its callbacks', async t => {
  for (const at of ['connected', 'waiting', 'connecting']) {
    let client: FeedClient | null = null
    const closed = Promise.withResolvers<void>()
    const fixture = await start(t, {
      onStateChange: state => {
        if (state === at) client?.close().then(closed.resolve)
      },
    })
    client = fixture.client
    const connection = await welcomed(fixture, 10)
    if (at !== 'connected') connection.socket.destroy()
    await closed.promise
    t.is(fixture.states.at(-1), 'closed')
  }
})

test('[F22] a closed client keeps no process', async t => {
  const server = await ScriptedFeedServer.listen()
  t.teardown(() => server.close())
  const module = new URL('../../src/feed/feed-client.ts', import.meta.url).href
  const script = `
    import { connectFeed } from ${JSON.stringify(module)}
    const feed = connectFeed({ port: ${server.port}, heartbeatMs: 1000 })
    const lost = connectFeed({ port: 1, reconnect: { minMs: 60000, maxMs: 60000 } })
    await feed.ready()
    feed.publish('A', { b: '1' })
    await feed.close()
    await lost.close()`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' })
  const exited = new Promise(resolve => child.on('exit', resolve))
  const connection = await server.accept()
  connection.welcome(10)
  await connection.received(2)
  connection.say({ ack: 2 })
  t.is(await exited, 0)
})

const STRANGE: [name: string, replies: string][] = [
  ['no JSON', 'HTTP/1.1 400 Bad Request\r\n'],
  ['another version', '{"millrace":2,"window":5}\n'],
  ['no window', '{"millrace":1}\n'],
  ['a second welcome', '{"millrace":1,"window":5}\n{"millrace":1,"window":5}\n'],
  ['an acknowledgement of what was not sent', '{"millrace":1,"window":5}\n{"ack":2}\n'],
  ['an endless line', 'x'.repeat(100_000)],
]

for (const [name, replies] of STRANGE) {
  test(`[F23] a server that says ${name} is left, and tried again`, async t => {
    const details: string[] = []
    const fixture = await start(t, { onStateChange: (state, detail) => state === 'waiting' && details.push(detail) })
    const first = await fixture.server.accept()
    first.socket.write(replies)
    await first.ended
    await fixture.server.accept()
    t.deepEqual(details, ['PROTOCOL_ERROR'])
  })
}

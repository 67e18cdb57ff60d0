import test, { type ExecutionContext } from 'ava'
import { type Client, type ClientEvents, type ClientOptions, connect, type TransportName } from '#src/client/index.ts'
import { sleep } from '#src/time/real-timers.ts'
import { ClientRecorder, stateOf } from '../support/client-recorder.ts'
import { FakeSessionServer } from '../support/fake-session-server.ts'
import type { FakePromises } from '../support/fake-sessions.ts'

interface Fixture {
  readonly server: FakeSessionServer
  readonly client: Client
  readonly recorder: ClientRecorder
  readonly states: string[]
}

const SOON = { minMs: 0, maxMs: 5, stableMs: 0 }
const ALL: readonly TransportName[] = ['websocket', 'sse', 'poll']

/** A client that reads all items, and a server that has two. */
async function start(
  t: ExecutionContext,
  options: ClientOptions = {},
  promises: Partial<FakePromises> = {},
): Promise<Fixture> {
  const server = await FakeSessionServer.listen(promises)
  server.model.publish('A', { bid: '1', ask: '2' })
  server.model.publish('B', { bid: '3' })
  const client = connect(server.url, { reconnect: SOON, ...options })
  const recorder = new ClientRecorder(false)
  const states: string[] = []
  client.on('state', ({ state, transport }) => states.push(`${state} ${transport ?? '-'}`))
  client.subscribe({ items: '*' }, recorder.handlers)
  t.teardown(async () => {
    await client.close()
    await server.close()
  })
  return { server, client, recorder, states }
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await sleep(1)
}

function next<Name extends keyof ClientEvents>(client: Client, name: Name): Promise<ClientEvents[Name]> {
  return new Promise(resolve => {
    const off = client.on(name, event => {
      off()
      resolve(event)
    })
  })
}

/** The client has what the server has. */
function agreement({ server, recorder }: Fixture): Promise<void> {
  return until(() => recorder.state === stateOf(server.model.items.values(), ''))
}

for (const transport of ALL) {
  test(`[CL45] over ${transport}: a snapshot, updates, marks, and their end`, async t => {
    const fixture = await start(t, { transports: [transport] })
    const { server, recorder, client } = fixture
    await agreement(fixture)
    server.model.publish('A', { bid: '4', last: 'grün €' })
    server.model.publish('C', { bid: null })
    server.model.setStale('B', true)
    await agreement(fixture)
    server.model.delete('B')
    server.model.publish('A', { ask: '9' }, true)
    await agreement(fixture)
    t.deepEqual([recorder.faults, client.transport, server.asked], [[], transport, [transport]])
  })

  test(`[CL45] over ${transport}: requests are answered, messages have their outcome`, async t => {
    const { server, client } = await start(t, { transports: [transport] })
    server.model.handlers.set('orders', data => ({ taken: data }))
    const subscription = client.subscribe({ items: 'A', maxFrequency: 5 })
    await subscription.ready()
    await subscription.change({ maxFrequency: 2 })
    await subscription.pause()
    await until(() => subscription.maxFrequency === 2)
    t.is(subscription.state, 'paused')
    await subscription.resume()
    await client.setLimits({ maxDelay: 10 })
    t.deepEqual(await client.send('orders', { buy: 'A' }), { taken: { buy: 'A' } })
    await t.throwsAsync(client.send('nobody', 1), { code: 'MESSAGE_NO_HANDLER' })
    await t.throwsAsync(client.subscribe({ items: 'refused' }).ready(), { code: 'ITEM_NAME_INVALID' })
    await subscription.unsubscribe()
    t.deepEqual([...server.model.only.subscriptions.keys()], [1])
    t.deepEqual(server.model.only.limits, { maxBandwidth: null, maxDelay: 10 })
  })

  test(`[CL45] over ${transport}: a break is mended without gap or repetition`, async t => {
    const fixture = await start(t, { transports: [transport] })
    const { server, client, recorder } = fixture
    await agreement(fixture)
    server.model.publish('A', { bid: '5' })
    await agreement(fixture)
    const recovered = next(client, 'recovered')
    server.tear({ sub: 1, item: 'A', seq: 90, fields: { bid: 'torn' } })
    server.cut()
    server.model.publish('A', { bid: '6' })
    server.model.publish('A', { bid: '7' })
    await recovered
    server.repeat()
    await agreement(fixture)
    server.repeat()
    server.model.publish('B', { bid: '8' })
    await agreement(fixture)
    t.deepEqual([recorder.faults, recorder.resets], [[], 0])
    t.is(server.model.sessions.size, 1)
  })

  test(`[CL45] over ${transport}: a server that forgot is subscribed to again`, async t => {
    const fixture = await start(t, { transports: [transport] })
    const { server, client, recorder } = fixture
    await agreement(fixture)
    const lost = next(client, 'lost')
    server.model.restart()
    server.model.delete('B')
    server.model.publish('D', { bid: '1' })
    server.cut()
    t.like(await lost, { why: 'SESSION_UNKNOWN', isNewSession: true })
    await agreement(fixture)
    t.deepEqual([recorder.faults, recorder.resets], [[], 1])
  })

  test(`[CL45] over ${transport}: a position that is too old begins the session anew`, async t => {
    const fixture = await start(t, { transports: [transport] })
    const { server, client, recorder } = fixture
    await agreement(fixture)
    const lost = next(client, 'lost')
    server.model.delete('B')
    server.model.publish('A', { bid: '9' })
    server.model.forgetLogs()
    server.cut()
    t.like(await lost, { why: 'POSITION_TOO_OLD', isNewSession: false })
    await agreement(fixture)
    t.deepEqual([recorder.faults, recorder.resets, server.model.sessions.size], [[], 1, 1])
  })

  test(`[CL45] over ${transport}: close ends the session at the server`, async t => {
    const fixture = await start(t, { transports: [transport] })
    await agreement(fixture)
    await fixture.client.close()
    await until(() => fixture.server.model.sessions.size === 0)
    t.is(fixture.client.state, 'closed')
  })
}

test('[CL45] a server that goes down is come back to, and what was asked meanwhile is carried out once', async t => {
  const fixture = await start(t)
  const { server, client } = fixture
  await agreement(fixture)
  server.model.handlers.set('orders', data => data)
  const recovered = next(client, 'recovered')
  server.closeStreams('SERVER_CLOSING', 1)
  t.like(await next(client, 'closing'), { code: 'SERVER_CLOSING', retryMs: 1 })
  const outcome = client.send('orders', 'once')
  await recovered
  t.is(await outcome, 'once')
  t.deepEqual(server.model.messages, [{ to: 'orders', data: 'once' }])
})

for (const transport of ['sse', 'poll'] as const) {
  test(`[CL22] over ${transport}: a request whose answer is lost is carried out once`, async t => {
    const fixture = await start(t, { transports: [transport] })
    const { server, client } = fixture
    await agreement(fixture)
    server.model.handlers.set('orders', data => data)
    server.losesAnswers = 2
    t.is(await client.send('orders', 'once'), 'once')
    await client.setLimits({ maxDelay: 1 })
    t.deepEqual([server.model.messages.length, server.losesAnswers], [1, 0])
  })
}

test('[CL46] a proxy that holds streams back is got around, and the session that it opened is no trouble', async t => {
  const server = await FakeSessionServer.listen()
  server.buffering.add('websocket').add('sse')
  const client = connect(server.url, { transportTimeoutMs: 100 })
  const tried: unknown[] = []
  client.on('state', ({ state, transport }) => tried.push(`${state} ${transport}`))
  t.teardown(async () => {
    await client.close()
    await server.close()
  })
  const welcome = await next(client, 'welcome')
  t.is(welcome.transport, 'poll')
  t.deepEqual(tried.slice(0, 3), ['connecting websocket', 'connecting sse', 'connecting poll'])
})

test('[CL46] a transport that is refused is got around', async t => {
  const fixture = await start(t)
  const { server, client, states } = fixture
  await agreement(fixture)
  server.refusing.set('websocket', 404)
  server.cut()
  const welcome = await next(client, 'welcome')
  await agreement(fixture)
  t.deepEqual([welcome.transport, fixture.recorder.faults], ['sse', []])
  t.is(states.at(-1), 'connected sse')
})

test('[CL46] a better transport is moved to when it works, and nothing is missed', async t => {
  const server = await FakeSessionServer.listen()
  server.refusing.set('websocket', 404)
  server.refusing.set('sse', 404)
  const client = connect(server.url, { betterTransportMs: 20 })
  t.teardown(async () => {
    await client.close()
    await server.close()
  })
  t.is((await next(client, 'welcome')).transport, 'poll')
  server.refusing.delete('websocket')
  t.is((await next(client, 'welcome')).transport, 'websocket')
  t.like(server.model.welcomes, { recovered: 1, lost: 0 })
  await until(() => server.model.sessions.size === 1)
})

test('[CL28] over real WebSockets, whose pings are not seen, an idle stream lives', async t => {
  const fixture = await start(t, { transports: ['websocket'], keepaliveSlackMs: 400 }, { keepaliveMs: 1 })
  await agreement(fixture)
  const { server, recorder } = fixture
  // Several signs of life were asked for and given, as the next one asked for has the next number.
  await until(() => server.model.only.nextRequest > 5)
  t.deepEqual([recorder.faults, recorder.resets], [[], 0])
})

test('[CL26] over WebSocket the server may forget what was acknowledged', async t => {
  const fixture = await start(t, { transports: ['websocket'], ackMs: 1 })
  await agreement(fixture)
  const { server } = fixture
  await until(() => server.model.only.acked === server.model.only.position)
  t.deepEqual(server.model.only.log, [])
})

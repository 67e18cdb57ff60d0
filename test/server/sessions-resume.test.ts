/** Sessions that change their streams, on real sockets: fenced, resumed on any transport, begun anew, expired. */

import test, { type ExecutionContext } from 'ava'
import { Arrivals } from '#test/support/arrivals.ts'
import { control } from '#test/support/control.ts'
import { Random, seedOr } from '#test/support/random.ts'
import type { TestServer } from '#test/support/server.ts'
import { SessionStream, type SessionStreamOptions, TRANSPORTS, type Transport } from '#test/support/session-stream.ts'
import { Counting, SessionWalk } from '#test/support/session-walk.ts'
import { shareServers } from '#test/support/shared-servers.ts'

const SEED = 20_261
const each = shareServers(test)

function open(t: ExecutionContext, server: TestServer, options: Omit<SessionStreamOptions, 'port'>): SessionStream {
  const stream = new SessionStream({ port: server.httpPort, ...options })
  t.teardown(() => stream.cut())
  return stream
}

/** Every ordered pair of transports once, one behind the other: a walk through all of them, and back. */
function pairWalk(): readonly Transport[] {
  const walk: Transport[] = [TRANSPORTS[0]]
  const left = new Set(TRANSPORTS.flatMap(from => TRANSPORTS.map(to => `${from} ${to}`)))
  while (left.size > 0) {
    const from = walk.at(-1)!
    // To itself first, then to the one whose ways are used up last: so no way is left behind.
    const next = [from, ...TRANSPORTS.toReversed()].find(to => left.delete(`${from} ${to}`))
    if (next === undefined) throw new Error(`${[...left]} are left`)
    walk.push(next)
  }
  return walk
}

each('[P81] a session is resumed over each pair of transports without a gap or a repeat', async (t, server) => {
  const counting = new Counting(await server.feed(), 'P81', 30)
  const walk = new SessionWalk(t, server.httpPort, counting, new Random(seedOr(SEED)))
  for (const transport of pairWalk()) await walk.stride(transport)
  await walk.finish('ndjson')
})

const WALKERS = 12
const STRIDES = 5

each('[P81] so are many sessions at once, whatever they come to next', async (t, server) => {
  const random = new Random(seedOr(SEED))
  // What all of them publish stays below what the log of an item keeps.
  const counting = new Counting(await server.feed(), 'P81.many', 4)
  const walks = Array.from({ length: WALKERS }, () => new SessionWalk(t, server.httpPort, counting, random))
  const goThrough = async (walk: SessionWalk) => {
    for (let stride = 0; stride < STRIDES; stride++) await walk.stride(random.pick(TRANSPORTS))
  }
  await Promise.all(walks.map(goThrough))
  await Promise.all(walks.map(walk => walk.finish(random.pick(TRANSPORTS))))
})

each(
  '[P86] what a client asks for while its session has no stream is done, and told when it has one',
  async (t, server) => {
    const feed = await server.feed()
    feed.send({ item: 'P86.A', fields: { n: '1' } }, { item: 'P86.B', fields: { n: '1' } })
    await feed.acknowledged()
    for (const transport of TRANSPORTS) {
      const first = open(t, server, { transport, query: 'items=P86.A' })
      await first.find(({ item }) => item === 'P86.A')
      await first.until(all => first.handledCount === all.length)
      first.cut()
      const requests = [
        { request: 1, subscribe: { id: 1, items: ['P86.B'] } },
        { request: 2, unsubscribe: 0 },
        { request: 3, limits: { maxBandwidth: 1_000_000 } },
      ]
      const answers = await control(server, first.session, ...requests)
      t.deepEqual(answers, [{ answer: 1 }, { answer: 2 }, { answer: 3 }])
      const next = open(t, server, { transport, resume: first.resume })
      await next.find(({ item }) => item === 'P86.B')
      const told = next.all.filter(({ session, position }) => session === undefined && position === undefined)
      t.deepEqual(told, [
        { subscribed: 1, items: 1 },
        { unsubscribed: 0 },
        { limits: { maxBandwidth: 1_000_000, maxDelay: null } },
        { sub: 1, item: 'P86.B', seq: 1, snapshot: true, fields: { n: '1' } },
      ])
      next.cut()
    }
  },
)

interface Absence {
  readonly why: string
  readonly lines: (item: string) => readonly object[]
  /** Of merge mode, but for the seq. */
  readonly told: readonly object[]
  /** Of raw mode, where it is something else. */
  readonly rawTold?: readonly object[]
}

const ABSENCES: readonly Absence[] = [
  { why: 'nothing', lines: () => [], told: [] },
  {
    why: 'updates',
    lines: item => ['2', '3'].map(n => ({ item, fields: { n } })),
    told: [{ fields: { n: '3' } }],
    rawTold: [{ fields: { n: '2' } }, { fields: { n: '3' } }],
  },
  { why: 'its end', lines: item => [{ item, deleted: true }], told: [{ deleted: true }] },
  {
    why: 'its end and a new beginning',
    lines: item => [
      { item, deleted: true },
      { item, fields: { m: '1' } },
    ],
    told: [{ deleted: true }, { snapshot: true, fields: { m: '1' } }],
  },
  {
    why: 'a new whole',
    lines: item => [{ item, snapshot: true, fields: { m: '1' } }],
    told: [{ snapshot: true, fields: { m: '1' } }],
  },
]

each('[P86] what an item has gone through while its session had no stream is told, by its mode', async (t, server) => {
  const feed = await server.feed()
  for (const [index, { why, lines, told, rawTold = told }] of ABSENCES.entries()) {
    for (const transport of TRANSPORTS) {
      const item = `P86.${index}.${transport}`
      feed.send({ item, fields: { n: '1' } })
      await feed.acknowledged()
      const raw = { subscribe: { id: 1, items: [item], mode: 'raw' } }
      const first = open(t, server, { transport, query: `items=${item}`, requests: [raw] })
      await first.until(all => all.filter(each => each.item === item).length === 2)
      await first.until(all => first.handledCount === all.length)
      first.cut()
      feed.send(...lines(item), { item: `${item}.end`, fields: { n: '1' } })
      await feed.acknowledged()
      const next = open(t, server, { transport, resume: first.resume })
      const last = { subscribe: { id: 9, items: [`${item}.end`] } }
      await control(server, first.session, last)
      await next.find(({ sub }) => sub === 9)
      const got = (id: number | undefined) =>
        next.all.filter(each => each.item === item && each.sub === id).map(({ item: _, sub, seq, ...rest }) => rest)
      t.deepEqual(got(undefined), told, `${transport}: ${why}`)
      t.deepEqual(got(1), rawTold, `${transport}, raw: ${why}`)
      next.cut()
    }
  }
})

/** Resolves when a polling client has all values up to `last`, and its next poll is at the server. */
async function isHeld(server: TestServer, { all, session }: SessionStream, last: number): Promise<void> {
  const look = async () =>
    JSON.parse((await server.get('/sessions')).body) as { sessions: { id: string; isBound: boolean }[] }
  let heldAt = -1
  await server.poll(look, ({ sessions }) => {
    if (!all.some(({ fields }) => fields?.n === String(last))) return false
    const isBound = sessions.some(({ id, isBound: is }) => is && session.startsWith(id))
    // Twice, with no answer between: one that is answered meanwhile is not held.
    const wasHeld = isBound && heldAt === all.length
    heldAt = isBound ? all.length : -1
    return wasHeld
  })
}

each('[P80] a stream that another one overtakes is told so, and nothing comes on it any more', async (t, server) => {
  const feed = await server.feed()
  let n = 0
  const publish = () => {
    feed.send({ item: 'P80', fields: { n: String(n) } })
    return n++
  }
  for (const from of TRANSPORTS) {
    for (const to of TRANSPORTS) {
      const first = publish()
      const old = open(t, server, { transport: from, query: 'items=P80&mode=raw' })
      await old.find(({ item }) => item === 'P80')
      for (let i = 0; i < 5; i++) publish()
      await old.until(() => old.handled.some(({ item }) => item === 'P80'))
      if (from === 'poll') await isHeld(server, old, n - 1)
      const { resume, handled } = old
      const next = open(t, server, { transport: to, resume })
      await old.ended()
      t.is(old.all.at(-1)!.closing?.code, 'SESSION_REBOUND', `${from} to ${to}`)
      t.is(old.all.at(-1)!.closing?.retryMs, undefined)
      if (from === 'websocket') t.is(old.closeCode, 4000)
      const last = publish()
      await next.find(({ fields }) => fields?.n === String(last))
      const values = [...handled, ...next.all].flatMap(({ fields }) => (fields === undefined ? [] : [Number(fields.n)]))
      // It may begin with a value of before.
      const [begin] = values
      t.true(begin! <= first)
      t.deepEqual(
        values,
        Array.from({ length: last - begin! + 1 }, (_, index) => begin! + index),
        `${from} to ${to}`,
      )
      t.false(old.all.some(({ fields }) => fields?.n === String(last)))
      next.cut()
    }
  }
})

each('[P80] of many streams that want one session at once, one has it, and the others are told', async (t, server) => {
  const feed = await server.feed()
  const opened = open(t, server, { transport: 'ndjson', query: 'items=P80.many' })
  await opened.find(({ subscribed }) => subscribed === 0)
  const { resume } = opened
  const rivals = [0, 1, 2].flatMap(() => TRANSPORTS.map(transport => open(t, server, { transport, resume })))
  await opened.ended()
  const losers = new Arrivals<SessionStream>()
  for (const rival of rivals) rival.ended().then(() => losers.push(rival))
  await losers.until(all => all.length === rivals.length - 1)
  for (const loser of losers.all) {
    const why = loser.status === 409 ? loser.refusal : loser.all.at(-1)?.closing?.code
    t.is(why, 'SESSION_REBOUND', `${loser.transport} ${loser.status}`)
  }
  const winner = rivals.find(rival => !losers.all.includes(rival))!
  feed.send({ item: 'P80.many', fields: { n: '1' } })
  await winner.find(({ item }) => item === 'P80.many')
})

each(
  '[P82] a session asked for by a position that it was never sent begins anew with all it has',
  async (t, server) => {
    const feed = await server.feed()
    feed.send({ item: 'P82.A', fields: { n: '1' } }, { item: 'P82.B', fields: { n: '1' } })
    await feed.acknowledged()
    for (const transport of TRANSPORTS) {
      const first = open(t, server, { transport: 'ndjson', query: 'items=P82.A' })
      await first.find(({ item }) => item === 'P82.A')
      await control(
        server,
        first.session,
        { request: 1, subscribe: { id: 5, items: ['P82.B'], mode: 'raw' } },
        { request: 2, pause: 9 },
      )
      await first.find(({ item }) => item === 'P82.B')
      first.cut()
      const resume = { session: first.session, position: first.position + 1_000_000 }
      const next = open(t, server, { transport, resume })
      const welcome = await next.welcome
      t.deepEqual([welcome.recovered, welcome.why], [false, 'POSITION_UNKNOWN'], transport)
      t.is(welcome.session, first.session, 'the same session goes on')
      t.deepEqual([welcome.subscriptions, welcome.request], [[0, 5], 3])
      for (const [sub, item] of [[undefined, 'P82.A'] as const, [5, 'P82.B'] as const]) {
        const record = await next.find(each => each.item === item)
        t.deepEqual([record.sub, record.snapshot, record.fields], [sub, true, { n: '1' }])
      }
      feed.send({ item: 'P82.B', fields: { n: transport } })
      await next.find(({ fields }) => fields?.n === transport)
      t.deepEqual(await control(server, first.session, { request: 3, unsubscribe: 5 }), [{ answer: 3 }])
      next.cut()
      const third = open(t, server, { transport: 'sse', resume: next.resume })
      t.true((await third.welcome).recovered, 'positions of the new beginning count')
      feed.send({ item: 'P82.B', fields: { n: '1' } })
      third.cut()
    }
  },
)

each('[P82] a session whose log does not reach back so far begins anew', async (t, server) => {
  const feed = await server.feed()
  const first = open(t, server, { transport: 'ndjson', query: 'items=P82.log&mode=raw&onLost=snapshot' })
  feed.send({ item: 'P82.log', fields: { n: '-1' } })
  await first.find(({ item }) => item === 'P82.log')
  await first.until(all => first.handledCount === all.length)
  const { resume } = first
  const count = 4_000
  const lines = Array.from({ length: count }, (_, n) => JSON.stringify({ item: 'P82.log', fields: { n: String(n) } }))
  await feed.play(lines, 500)
  await first.find(({ fields }) => fields?.n === String(count - 1))
  first.cut()
  const next = open(t, server, { transport: 'sse', resume })
  const welcome = await next.welcome
  t.deepEqual([welcome.recovered, welcome.why], [false, 'POSITION_TOO_OLD'])
  const record = await next.find(({ item }) => item === 'P82.log')
  t.deepEqual([record.snapshot, record.fields], [true, { n: String(count - 1) }])
})

each('[P82] what is acknowledged is given up: a session is not set back behind it', async (t, server) => {
  const feed = await server.feed()
  const first = open(t, server, { transport: 'websocket', query: 'items=P82.ack&mode=raw' })
  const had = async (n: string) => {
    feed.send({ item: 'P82.ack', fields: { n } })
    await first.find(({ fields }) => fields?.n === n)
    await first.until(all => first.handledCount === all.length)
    return first.resume
  }
  const [before, acknowledged] = [await had('1'), await had('2')]
  await had('3')
  first.send({ ack: acknowledged.position }, { request: 1, pause: 9 })
  await first.find(({ answer }) => answer === 1)
  first.cut()
  const next = open(t, server, { transport: 'ndjson', resume: acknowledged })
  t.true((await next.welcome).recovered)
  t.is((await next.find(({ item }) => item !== undefined)).fields?.n, '3')
  next.cut()
  const late = open(t, server, { transport: 'ndjson', resume: before })
  const { recovered, why } = await late.welcome
  t.deepEqual([recovered, why], [false, 'POSITION_TOO_OLD'])
})

each('[P82] what Last-Event-ID says counts more than the query, which a browser does not change', async (t, server) => {
  const feed = await server.feed()
  const first = open(t, server, { transport: 'sse', query: 'items=P82.id&mode=raw' })
  for (const n of ['1', '2']) {
    feed.send({ item: 'P82.id', fields: { n } })
    await first.find(({ fields }) => fields?.n === n)
  }
  await first.until(() => first.handled.at(-1)?.fields?.n === '2')
  const { session, position } = first.resume
  first.cut()
  const query = `items=P82.id&mode=raw&session=${session}&position=0`
  const next = open(t, server, { transport: 'sse', query, resume: { session, position } })
  t.true((await next.welcome).recovered)
  feed.send({ item: 'P82.id', fields: { n: '3' } })
  await next.find(({ item }) => item === 'P82.id')
  t.is(next.all.find(({ item }) => item === 'P82.id')?.fields?.n, '3')
})

interface SessionRow {
  readonly id: string
  readonly isBound: boolean
  readonly waiting: number
}

async function rowOf(server: TestServer, { session }: SessionStream): Promise<SessionRow> {
  const { sessions } = JSON.parse((await server.get('/sessions')).body) as { sessions: SessionRow[] }
  return sessions.find(({ id }) => session.startsWith(id))!
}

const STALLED_ITEMS = 50
const STALLED_LINES = 5_000

each('[P80] a stream that takes nothing any more does not keep another one from its session', async (t, server) => {
  const items = Array.from({ length: STALLED_ITEMS }, (_, index) => `P80.full.${index}`)
  const value = 'v'.repeat(400)
  const lines = Array.from({ length: STALLED_LINES }, (_, n) => {
    return JSON.stringify({ item: items[n % STALLED_ITEMS], fields: { n: String(n), value } })
  })
  for (const transport of ['ndjson', 'websocket'] as const) {
    const feed = await server.feed()
    const query = `items=${items.join(',')}&mode=raw&onLost=snapshot`
    const full = open(t, server, { transport, query })
    await full.find(({ subscribed }) => subscribed === 0)
    full.pause()
    // Until the system takes no more, and the server neither.
    const isFull = async () => {
      await feed.play(lines, 2_000)
      return (await rowOf(server, full)).waiting > STALLED_LINES
    }
    t.true(await server.poll(isFull, isIt => isIt))
    const next = open(t, server, { transport: 'websocket', query, resume: full.resume })
    await next.welcome
    feed.send({ item: items[0]!, fields: { n: 'after' } })
    await next.find(({ fields }) => fields?.n === 'after')
    full.cut()
    next.cut()
    feed.destroy()
  }
})

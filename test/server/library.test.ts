/** The client library against the server itself: each transport and encoding, through a wire that breaks. */

import test, { type ExecutionContext } from 'ava'
import { type Client, connect, type Encoding, type TransportName } from '#src/client/index.ts'
import { ClientRecorder, stateOf } from '#test/support/client-recorder.ts'
import { Cutter } from '#test/support/cutter.ts'
import { DistinctRecorder } from '#test/support/mode-recorders.ts'
import { Random, seedOr } from '#test/support/random.ts'
import { TestServer } from '#test/support/server.ts'

const WAYS: readonly (readonly [TransportName, Encoding])[] = [
  ['websocket', 'terse'],
  ['websocket', 'json'],
  ['poll', 'terse'],
  ['poll', 'json'],
  ['sse', 'terse'],
]
const SOON = { minMs: 0, maxMs: 5, stableMs: 0 }
const NAMES = ['L.1', 'L.2', 'L.é "\\', 'other'] as const
const FIELDS = ['bid', 'ask', '__proto__', 'ä"\\'] as const
const VALUES = [null, '', '"', '""', '"3', '1.5', 'a\tb', '{', '\\', '€\u0001'] as const
const STEPS = 60

interface Truth {
  readonly fields: Record<string, string | null>
  isStale: boolean
}

function open(t: ExecutionContext, port: number, transport: TransportName, encoding: Encoding): Client {
  const client = connect(`http://127.0.0.1:${port}`, { transports: [transport], encoding, reconnect: SOON })
  t.teardown(() => client.close())
  return client
}

for (const [transport, encoding] of WAYS) {
  const way = `${transport}, ${encoding}`
  test.serial(`[CL51] over ${way}: every update arrives once, through breaks, whatever it holds`, async t => {
    const seed = seedOr(11)
    const random = new Random(seed)
    const server = await TestServer.start(t, { placement: 'pools', coreThreads: 2 })
    const wire = await Cutter.to(server.httpPort)
    t.teardown(() => wire.close())
    const feed = await server.feed()
    const truth = new Map<string, Truth>()
    const publish = (snapshot: boolean): void => {
      const name = random.pick(NAMES)
      const fields = Object.fromEntries(
        FIELDS.filter(() => random.chance(0.5)).map(field => [field, random.pick(VALUES)] as const),
      )
      feed.send({ item: name, snapshot, fields })
      truth.set(name, {
        fields: Object.fromEntries([
          ...Object.entries(snapshot ? {} : (truth.get(name)?.fields ?? {})),
          ...Object.entries(fields),
        ]),
        isStale: false,
      })
    }
    const client = open(t, wire.port, transport, encoding)
    const recorders = {
      merge: new ClientRecorder(false),
      raw: new ClientRecorder(true),
      named: new ClientRecorder(false),
    }
    client.subscribe({ items: 'L.*' }, recorders.merge.handlers)
    client.subscribe({ items: 'L.*', mode: 'raw', onLost: 'snapshot' }, recorders.raw.handlers)
    client.subscribe({ items: [...NAMES], fields: [...FIELDS] }, recorders.named.handlers)
    for (let step = 0; step < STEPS; step++) {
      publish(random.chance(0.1))
      if (random.chance(0.1)) {
        wire.cut()
        for (let more = random.int(4); more > 0; more--) publish(false)
        wire.mend()
      }
      if (random.chance(0.3)) await new Promise(resolve => setTimeout(resolve, random.int(10)))
    }
    const expected = (beginning: string): string =>
      stateOf(
        [...truth].map(([name, each]) => ({ name, ...each })),
        beginning,
      )
    const states = async () => [recorders.merge.state, recorders.raw.state, recorders.named.state]
    const wanted = [expected('L.'), expected('L.'), expected('')]
    const found = await server.poll(states, all => all.every((state, index) => state === wanted[index]))
    t.deepEqual(found, wanted, `SEED=${seed}`)
    for (const { faults, resets } of Object.values(recorders)) t.deepEqual([faults, resets], [[], 0], `SEED=${seed}`)
    t.is(recorders.raw.conflated, 0, 'raw mode conflates nothing')
    t.is(client.transport, transport)
  })
}

for (const [transport, encoding] of WAYS) {
  test.serial(
    `[CL65] over ${transport}, ${encoding}: distinct updates come once, behind their history, through breaks`,
    async t => {
      const seed = seedOr(12)
      const random = new Random(seed)
      const server = await TestServer.start(t, { placement: 'pools', coreThreads: 2 })
      const wire = await Cutter.to(server.httpPort)
      t.teardown(() => wire.close())
      const feed = await server.feed()
      const names = ['D.1', 'D.2', 'D.3']
      const counts = new Map<string, number>()
      const stir = (): void => {
        const name = random.pick(names)
        if (random.chance(0.03)) {
          feed.send({ item: name, deleted: true })
          return
        }
        const n = (counts.get(name) ?? 0) + 1
        counts.set(name, n)
        feed.send({ item: name, fields: { n: String(n) } })
      }
      const client = open(t, wire.port, transport, encoding)
      const [all, few] = [new DistinctRecorder(), new DistinctRecorder()]
      client.subscribe({ items: 'D.*', mode: 'distinct' }, all.handlers)
      client.subscribe({ items: [...names, 'none'], mode: 'distinct', snapshot: 2, bufferSize: 3 }, few.handlers)
      for (let step = 0; step < STEPS * 2; step++) {
        stir()
        if (random.chance(0.1)) {
          wire.cut()
          for (let more = random.int(12); more > 0; more--) stir()
          wire.mend()
        }
        if (random.chance(0.3)) await new Promise(resolve => setTimeout(resolve, random.int(10)))
      }
      for (const name of names) {
        counts.set(name, counts.get(name)! + 1)
        feed.send({ item: name, fields: { n: String(counts.get(name)) } })
      }
      const wanted = names.map(name => counts.get(name))
      const found = await server.poll(
        async () => [all, few].map(({ items }) => names.map(name => items.get(name)?.n)),
        both => both.every(one => one.every((n, index) => n === wanted[index])),
      )
      t.deepEqual(found, [wanted, wanted], `SEED=${seed}`)
      t.deepEqual([all.faults, few.faults], [[], []], `SEED=${seed}`)
      t.deepEqual(few.items.get('none'), { n: -1, lost: 0, isComplete: true })
      t.is(all.counts.lost, 0)
    },
  )
}

test.serial('[CL51] a session on terse goes on over SSE, and back, without a gap', async t => {
  const server = await TestServer.start(t, { placement: 'single' })
  const wire = await Cutter.to(server.httpPort)
  t.teardown(() => wire.close())
  const feed = await server.feed()
  const recorder = new ClientRecorder(true)
  const client = connect(`http://127.0.0.1:${wire.port}`, {
    transports: ['websocket', 'sse'],
    reconnect: SOON,
    betterTransportMs: 20,
    transportTimeoutMs: 300,
    runtime: { WebSocket: flaky(globalThis.WebSocket as never) as never },
  })
  t.teardown(() => client.close())
  const used: string[] = []
  client.on('welcome', ({ transport }) => used.push(transport))
  client.subscribe({ items: 'A', mode: 'raw' }, recorder.handlers)
  for (let n = 1; n <= 200; n++) {
    feed.send({ item: 'A', fields: { n: String(n) } })
    if (n % 50 === 0) wire.cut()
    if (n % 50 === 5) wire.mend()
    await new Promise(resolve => setTimeout(resolve, 5))
  }
  wire.mend()
  const last = await server.poll(
    async () => recorder.items.get('A')?.fields.get('n'),
    n => n === '200',
  )
  t.is(last, '200')
  t.deepEqual([recorder.faults, recorder.resets, recorder.conflated], [[], 0, 0])
  t.true(used.includes('sse') && used.includes('websocket'), used.join(' '))
})

/** Three of four WebSockets fail at once. */
function flaky(WebSocket: new (url: string) => object): new (url: string) => object {
  let count = 0
  return class extends WebSocket {
    constructor(url: string) {
      if (count++ % 4 > 0) throw new Error('not this time')
      super(url)
    }
  }
}

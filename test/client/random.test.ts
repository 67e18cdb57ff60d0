import test from 'ava'
import { connect } from '#src/client/index.ts'
import { sleep, soon } from '#src/time/real-timers.ts'
import { ClientRecorder, stateOf } from '../support/client-recorder.ts'
import { ClientWorld } from '../support/client-world.ts'
import { FakeSessionServer } from '../support/fake-session-server.ts'
import type { FakeSessions } from '../support/fake-sessions.ts'
import { Random, seedOr } from '../support/random.ts'
import type { VirtualNetwork } from '../support/virtual-network.ts'

const RUNS = 40
const STEPS = 120

/** Names of items: those of a.* are read in merge mode, those of b.* in raw mode. */
const NAMES = ['a.1', 'a.2', 'a.3', 'b.1', 'b.2']

/** Something that happens to the items. */
function stir(model: FakeSessions, random: Random): void {
  const name = random.pick(NAMES)
  const fields: Record<string, string | null> = {}
  for (const field of ['x', 'y', 'z'])
    if (random.chance(0.5)) fields[field] = random.chance(0.1) ? null : String(random.int(1_000))
  if (random.chance(0.03)) model.delete(name)
  else if (random.chance(0.05)) model.setStale(name, random.chance(0.5))
  else model.publish(name, fields, random.chance(0.1))
}

/** A whole run in virtual time, over all transports. Returns what went wrong. */
async function run(
  seed: number,
): Promise<{ readonly faults: readonly string[]; readonly network: VirtualNetwork; readonly model: FakeSessions }> {
  const world = new ClientWorld(seed)
  const { random, runtime, model, network, client, faults } = world
  const merged = new ClientRecorder(false)
  const raw = new ClientRecorder(true)
  client.subscribe({ items: 'a.*' }, merged.handlers)
  const paused = client.subscribe({ items: 'b.*', mode: 'raw' }, raw.handlers)
  model.handlers.set('orders', data => data)
  const told: number[] = []
  const sends: Promise<unknown>[] = []
  for (let step = 0; step < STEPS; step++) {
    for (let count = random.int(4); count > 0; count--) stir(model, random)
    if (random.chance(0.1)) {
      const outcome = client.send('orders', step, { timeoutMs: 1_000 })
      sends.push(
        outcome.then(
          result => told.push(result as number),
          () => {},
        ),
      )
    }
    if (random.chance(0.05)) void (random.chance(0.5) ? paused.pause() : paused.resume()).catch(() => {})
    if (random.chance(0.01)) model.restart()
    if (random.chance(0.01)) model.forgetLogs()
    await runtime.advance(random.int(150))
  }
  network.isCalm = true
  void paused.resume().catch(() => {})
  for (let i = 0; i < 30; i++) {
    if (i === 5) for (const name of NAMES) model.publish(name, { x: 'end' })
    await runtime.advance(1_000)
  }
  faults.push(...merged.faults, ...raw.faults)
  for (const [recorder, beginning] of [
    [merged, 'a.'],
    [raw, 'b.'],
  ] as const) {
    const truth = stateOf(model.items.values(), beginning)
    if (recorder.state !== truth) faults.push(`${beginning}: ${recorder.state} is not ${truth}`)
  }
  await runtime.advance(70_000)
  const handled = model.messages.map(({ data }) => data as number)
  if (new Set(handled).size !== handled.length) faults.push(`a message was handled twice: ${handled}`)
  if (handled.some((data, index) => index > 0 && data < handled[index - 1]!))
    faults.push(`messages out of order: ${handled}`)
  if (told.some(data => !handled.includes(data))) faults.push(`an outcome without a message: ${told}`)
  await Promise.all(sends)
  await world.close()
  return { faults, network, model }
}

test('[CL47] whatever breaks, the state becomes the truth, each update comes once and in order, each message at most once', async t => {
  const seed = seedOr(20_261_122)
  const opened = { websocket: 0, sse: 0, poll: 0 }
  const welcomes = { new: 0, recovered: 0, lost: 0 }
  for (let index = 0; index < RUNS; index++) {
    const { faults, network, model } = await run(seed + index)
    t.deepEqual(faults, [], `SEED=${seed + index}`)
    for (const name of ['websocket', 'sse', 'poll'] as const) opened[name] += network.opened[name]
    for (const name of ['new', 'recovered', 'lost'] as const) welcomes[name] += model.welcomes[name]
  }
  // The runs are worth something: every transport carried streams, and sessions were recovered and lost.
  t.true(
    Object.values(opened).every(count => count > RUNS / 2),
    JSON.stringify(opened),
  )
  t.true(
    Object.values(welcomes).every(count => count > RUNS / 2),
    JSON.stringify(welcomes),
  )
})

test('[CL47] the same over sockets, with transports that come and go', async t => {
  const random = new Random(seedOr(7))
  const server = await FakeSessionServer.listen()
  const client = connect(server.url, {
    transportTimeoutMs: 40,
    betterTransportMs: 30,
    reconnect: { minMs: 1, maxMs: 4, stableMs: 0 },
    ackMs: 5,
  })
  t.teardown(async () => {
    await client.close()
    await server.close()
  })
  const merged = new ClientRecorder(false)
  const raw = new ClientRecorder(true)
  client.subscribe({ items: 'a.*' }, merged.handlers)
  client.subscribe({ items: 'b.*', mode: 'raw' }, raw.handlers)
  const turn = (): Promise<void> => new Promise(resolve => soon(resolve))
  const hinder = (): void => {
    server.buffering.clear()
    server.refusing.clear()
    for (const transport of ['websocket', 'sse'] as const) {
      const fate = random.int(4)
      if (fate === 0) server.buffering.add(transport)
      if (fate === 1) server.refusing.set(transport, 404)
    }
    server.cut()
  }
  for (let round = 0; round < 25; round++) {
    if (random.chance(0.1)) server.model.restart()
    hinder()
    for (let count = random.int(300); count > 0; count--) {
      stir(server.model, random)
      if (random.chance(0.01)) server.repeat()
      if (random.chance(0.01)) server.tear({ sub: 1, item: 'a.1', seq: 1_000_000, fields: { x: 'torn' } })
      await turn()
    }
    if (round % 5 === 0) while (client.state !== 'connected') await sleep(1)
  }
  server.buffering.clear()
  server.refusing.clear()
  const truth = (beginning: string): string => stateOf(server.model.items.values(), beginning)
  while (merged.state !== truth('a.') || raw.state !== truth('b.')) await sleep(1)
  t.deepEqual([merged.faults, raw.faults], [[], []], `seed ${random.seed}`)
})

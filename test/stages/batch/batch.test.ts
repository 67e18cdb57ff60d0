import test from 'ava'
import { M } from '#src/metrics/names.ts'
import { withoutOwn } from '#test/support/bind.ts'
import { CoreBench, type Flush, recordsOf, type StreamRecord } from '#test/support/core-bench.ts'
import { Random, seedOr } from '#test/support/random.ts'

function received(bench: CoreBench): Map<number, StreamRecord[]> {
  const bySlot = new Map<number, StreamRecord[]>()
  for (const { slots, text } of bench.take()) {
    for (const slot of slots) bySlot.set(slot, [...(bySlot.get(slot) ?? []), ...recordsOf(text)])
  }
  return bySlot
}

test('[S7] beyond the window nothing is sent; when there is room again the newest value is', t => {
  const bench = new CoreBench({ windowBytes: 100 })
  bench.open(3, 1, { items: ['A'] })
  const note = 'x'.repeat(100)
  bench.feed({ item: 'A', fields: { bid: '0', note } })
  bench.settle()
  t.is(received(bench).get(3)?.length, 1)
  for (let i = 1; i < 10; i++) {
    bench.feed({ item: 'A', fields: { bid: `${i}` } })
    bench.settle()
  }
  t.is(received(bench).size, 0)
  const flying = bench.inFlight.bytes(3)
  bench.took(3, 1, 60)
  bench.settle()
  t.is(received(bench).size, 0, 'above half of the window nobody is woken')
  bench.took(3, 1, flying - 60)
  bench.settle()
  t.deepEqual(received(bench).get(3), [{ item: 'A', seq: 10, fields: { bid: '9' } }])
  const [session] = bench.core.conflate.sessions.sessions()
  t.deepEqual([session!.handedOver, session!.conflated, session!.dropped], [2, 8, 0])
})

test('[S7] a window with room between two looks of batch is seen: no wake-up is owed', t => {
  const bench = new CoreBench({ windowBytes: 10 })
  bench.open(3, 1, { items: ['A'] })
  bench.feed({ item: 'A', fields: { bid: '0' } })
  bench.settle()
  bench.take()
  bench.feed({ item: 'A', fields: { bid: '1' } })
  bench.settle()
  t.true(bench.inFlight.takeWaiting(3), 'batch waits')
  bench.inFlight.setWaiting(3)
  bench.took(3, 1)
  bench.settle()
  t.is(received(bench).get(3)?.length, 1)
  t.false(bench.inFlight.takeWaiting(3), 'and waits no more')
})

test('[S8] a flush ends at its bound, and the rest goes with the next: nothing twice, nothing missing', t => {
  const bench = new CoreBench({ windowBytes: 1_000, flushBytesMax: 300 })
  const items = Array.from({ length: 30 }, (_, i) => `i${i}`)
  for (const item of items) bench.feed({ item, fields: { bid: '1' } })
  bench.settle()
  bench.open(0, 1, { items })
  const got: string[] = []
  for (let round = 0; got.length < items.length && round < 100; round++) {
    bench.settle()
    const flushes = bench.take()
    for (const { text } of flushes) {
      t.true(Buffer.byteLength(text) <= 300, text)
      got.push(...recordsOf(text).map(({ item }) => item))
    }
    t.true(bench.inFlight.bytes(0) <= 1_000)
    bench.took(0, 1)
  }
  t.deepEqual(got, items)
})

test('[S8] a body longer than a flush or a window may be goes alone, when nothing else is in flight', t => {
  const bench = new CoreBench({ windowBytes: 200, flushBytesMax: 200 })
  const long = 'x'.repeat(5_000)
  bench.feed({ item: 'small', fields: { bid: '1' } })
  bench.feed({ item: 'large', fields: { note: long } })
  bench.feed({ item: 'last', fields: { bid: '2' } })
  bench.settle()
  bench.open(0, 1, { items: ['small', 'large', 'last'] })
  const flushes: string[][] = []
  for (let round = 0; round < 5; round++) {
    bench.settle()
    for (const { text } of bench.take()) flushes.push(recordsOf(text).map(({ item }) => item))
    bench.took(0, 1)
  }
  t.deepEqual(flushes, [['small'], ['large'], ['last']])
})

test('[S9] where the ring was full batch goes on in the same order: newcomers pass nobody (found: the last came first)', t => {
  // A record of one session takes a good part of the ring: few fit a turn.
  const bench = new CoreBench({ flushSessionsMax: 4 }, 2_048)
  const note = 'x'.repeat(200)
  const slots = Array.from({ length: 12 }, (_, slot) => slot)
  for (const slot of slots) bench.feed({ item: `i${slot}`, fields: { note } })
  bench.settle()
  for (const slot of slots) {
    bench.open(slot, 1, { items: [`i${slot}`] })
    bench.settle()
    bench.take()
    bench.took(slot, 1)
  }
  for (let round = 0; round < 20; round++) {
    for (const slot of slots) bench.feed({ item: `i${slot}`, fields: { note: `${note}${round}` } })
    const order: number[] = []
    for (let turn = 0; order.length < slots.length && turn < 100; turn++) {
      bench.turn()
      // One record a turn leaves the ring: it stays full.
      for (const flush of bench.take(1)) {
        order.push(...flush.slots)
        for (const slot of flush.slots) bench.took(slot, 1)
      }
    }
    t.deepEqual(order, slots, `round ${round}`)
  }
})

test('[S9] with the ring full most of the time everybody ends on the newest values: random sizes and paces', t => {
  const random = new Random(seedOr(20_260_261))
  const bench = new CoreBench({ flushSessionsMax: 8, windowBytes: 500, flushBytesMax: 250 }, 4_096)
  const items = Array.from({ length: 6 }, (_, i) => `i${i}`)
  const truth = new Map<string, Record<string, string>>()
  const clients = Array.from({ length: 20 }, () => new Map<string, Record<string, string | null>>())
  const read = (): void => {
    for (const { slots, text } of bench.take(1 + random.int(3))) {
      for (const slot of slots) {
        for (const { item, fields, snapshot } of recordsOf(text)) {
          const old = clients[slot]!.get(item)
          if (old === undefined && snapshot !== true) t.fail(`a delta before a snapshot; SEED=${random.seed}`)
          clients[slot]!.set(item, { ...(snapshot ? {} : old), ...fields })
        }
      }
    }
  }
  for (let slot = 0; slot < clients.length; slot++) bench.open(slot, 1, { items })
  let fullTurns = 0
  for (let step = 0; step < 3_000; step++) {
    const item = random.pick(items)
    const fields = { [random.pick(['bid', 'ask'])]: 'x'.repeat(random.int(100)) + step }
    truth.set(item, { ...truth.get(item), ...fields })
    bench.feed({ item, fields })
    bench.turn(1)
    if (bench.core.batch.queueDepth() > 0) fullTurns++
    if (random.chance(0.7)) read()
    for (let slot = 0; slot < clients.length; slot++) if (random.chance(0.2)) bench.took(slot, 1)
  }
  for (let round = 0; round < 2_000; round++) {
    bench.turn(1)
    read()
    for (let slot = 0; slot < clients.length; slot++) bench.took(slot, 1)
  }
  t.true(fullTurns > 300, `the ring was full in ${fullTurns} turns`)
  for (const client of clients)
    t.deepEqual(Object.fromEntries(client), Object.fromEntries(truth) as never, `SEED=${random.seed}`)
  const { metrics } = bench
  const [published, conflated] = [metrics.get(M.updatesPublished), metrics.get(M.updatesConflated)]
  let handedOver = 0
  for (const session of bench.core.conflate.sessions.sessions()) handedOver += session.handedOver
  t.is(published, handedOver + conflated, 'published = delivered + conflated')
})

test('[S10] of a raw item with much to send a part goes, in order, and the other items have their turn', t => {
  const bench = new CoreBench({ windowBytes: 400, flushBytesMax: 300, rawLogUpdates: 1_024 })
  bench.open(0, 1, { items: ['busy', 'quiet'], mode: 'raw' })
  bench.settle()
  for (let i = 0; i < 40; i++) bench.feed({ item: 'busy', fields: { n: `${i}` } })
  bench.feed({ item: 'quiet', fields: { n: '0' } })
  const got: StreamRecord[][] = []
  for (let round = 0; round < 40; round++) {
    bench.settle()
    for (const { text } of bench.take()) got.push(recordsOf(text))
    bench.took(0, 1)
  }
  const busy = got.flat().filter(({ item }) => item === 'busy')
  t.deepEqual(
    busy.map(({ fields }) => Number(fields!.n)),
    Array.from({ length: 40 }, (_, i) => i),
  )
  const quietAt = got.findIndex(records => records.some(({ item }) => item === 'quiet'))
  t.true(quietAt >= 1 && quietAt <= 2, `the quiet item came with flush ${quietAt} of ${got.length}`)
})

for (const onLost of ['snapshot', 'end'] as const) {
  test(`[S11] who falls off a log is told how many updates it lost, onLost=${onLost}`, t => {
    const bench = new CoreBench({ rawLogUpdates: 8, windowBytes: 1 })
    bench.open(0, 1, { items: ['A'], mode: 'raw', onLost })
    bench.feed({ item: 'A', fields: { n: 'first' } })
    bench.settle()
    t.is(received(bench).get(0)?.length, 1)
    for (let i = 0; i < 30; i++) bench.feed({ item: 'A', fields: { n: `${i}` } })
    bench.settle()
    bench.took(0, 1)
    bench.settle()
    const [flush, ...rest] = bench.takeAll()
    const records = recordsOf(withoutOwn(flush!.text))
    t.deepEqual(records[0], { item: 'A', lost: 30 })
    t.is(bench.metrics.get(M.updatesDropped), 30)
    t.deepEqual(rest, [])
    if (onLost === 'end') {
      t.is(records.length, 1)
      bench.took(0, 1)
      bench.feed({ item: 'A', fields: { n: 'behind its end' } })
      bench.settle()
      const [{ text }] = bench.takeAll() as [Flush]
      const [unsubscribed, ...others] = text.split('\n')
      t.is(JSON.parse(unsubscribed!).unsubscribed, 0)
      t.is(JSON.parse(unsubscribed!).error.code, 'UPDATES_LOST')
      t.regex(others.join(' '), /^\{"position":\d+\} $/, 'nothing of it comes any more')
      t.is(bench.core.conflate.sessions.count, 1, 'the session has lost a subscription, and lives on')
    } else {
      t.deepEqual(records.slice(1), [{ item: 'A', seq: 31, snapshot: true, fields: { n: '29' } }])
    }
  })
}

test('[S12] the SSE id stands before the last record of each flush, and the position grows', t => {
  const bench = new CoreBench()
  bench.open(0, 1, { items: ['A', 'B'], transport: 'sse' })
  const positions: number[] = []
  for (let i = 0; i < 5; i++) {
    bench.feed({ item: 'A', fields: { n: `${i}` } })
    bench.feed({ item: 'B', fields: { n: `${i}` } })
    bench.settle()
    const text = bench.takeAll().at(-1)?.text ?? ''
    const match = /data: \{"item":"A".*\}\n\nid: -{22}\.(\d+)\ndata: \{"item":"B".*\}\n\n$/.exec(text)
    t.truthy(match, text)
    positions.push(Number(match?.[1]))
    bench.took(0, 1)
  }
  t.true(
    positions.every((position, i) => i === 0 || position > positions[i - 1]!),
    positions.join(' '),
  )
})

test('[S12] a session that has gone gets nothing more, and what it lacked is counted as dropped', t => {
  const bench = new CoreBench({ windowBytes: 1 })
  bench.open(0, 1, { items: ['A'] })
  for (let i = 0; i < 4; i++) {
    bench.feed({ item: 'A', fields: { n: `${i}` } })
    bench.settle()
  }
  t.is(bench.take().length, 1)
  bench.close(0, 1)
  bench.open(0, 2, { items: ['A'] })
  bench.settle()
  bench.took(0, 2)
  bench.settle()
  t.is(bench.metrics.get(M.updatesDropped), 3)
  const flushes = bench.take()
  t.deepEqual(
    flushes.map(({ generations }) => generations),
    [[2]],
  )
  t.deepEqual(recordsOf(flushes[0]!.text), [{ item: 'A', seq: 4, snapshot: true, fields: { n: '3' } }])
})

/** Filters of subscriptions that are not of tables, at a core alone. */

import test, { type ExecutionContext } from 'ava'

import { FEED_DOWN, FEED_UP } from '#src/codec/record.ts'
import { Subscription } from '#src/domain/subscription.ts'
import { waitingOf } from '#src/domain/waiting.ts'
import { M } from '#src/metrics/names.ts'
import { subscriptionOf } from '#test/support/bind.ts'
import { recordsOf } from '#test/support/core-bench.ts'
import { data, ID, type Line, setUp, subscribe } from '#test/support/core-client.ts'
import { Random, seedOr } from '#test/support/random.ts'

const FILTER = 'bid > 5 and venue = "x"'

type State = Record<string, string | null>

function passes({ bid, venue }: State): boolean {
  return bid !== null && Number(bid) > 5 && venue === 'x'
}

test('[MO20] in merge mode entering brings a snapshot, leaving is told, and between them changes come', t => {
  const { bench, client } = setUp()
  bench.feed({ item: 'A', fields: { bid: '4', venue: 'x', ask: '1' } })
  bench.settle()
  bench.open(0, 1, { items: ['A'], filter: FILTER, fields: ['bid', 'ask'] })
  t.deepEqual(data(client.handleAll()), [])
  bench.feed({ item: 'A', fields: { bid: '6' } })
  const [first] = data(client.handleAll())
  t.like(first, { snapshot: true, fields: { bid: '6', ask: '1' } })
  bench.feed({ item: 'A', fields: { ask: '2' } })
  t.like(data(client.handleAll())[0], { seq: first!.seq! + 1, fields: { ask: '2' } })
  bench.feed({ item: 'A', fields: { venue: 'y' } })
  t.deepEqual(data(client.handleAll()), [{ item: 'A', out: true }])
  bench.feed({ item: 'A', fields: { ask: '3' } })
  t.deepEqual(data(client.handleAll()), [])
  bench.feed({ item: 'A', fields: { venue: 'x' } })
  t.like(data(client.handleAll())[0], { snapshot: true, fields: { bid: '6', ask: '3' } })
})

test('[MO20] what left and came back between two flushes is a change, what came and left is not told', t => {
  const { bench, client } = setUp()
  bench.feed({ item: 'A', fields: { bid: '6', venue: 'x' } })
  bench.settle()
  bench.open(0, 1, { items: ['A'], filter: FILTER })
  client.handleAll()
  for (const bid of ['1', '7']) bench.feed({ item: 'A', fields: { bid } })
  const [change] = data(client.handleAll())
  t.deepEqual([change!.snapshot, change!.fields], [undefined, { bid: '7' }])
  bench.feed({ item: 'A', fields: { bid: '1' } })
  t.deepEqual(data(client.handleAll()), [{ item: 'A', out: true }])
  for (const bid of ['8', '2']) bench.feed({ item: 'A', fields: { bid } })
  t.deepEqual(data(client.handleAll()), [])
})

test('[MO20] a value that passes anew with nothing changed of what is shown is conflated (found: it counted as sent)', t => {
  const { bench, client } = setUp()
  bench.feed({ item: 'A', fields: { bid: '6', venue: 'x', ask: '1' } })
  bench.settle()
  bench.open(0, 1, { items: ['A'], filter: FILTER, fields: ['ask'] })
  client.handleAll()
  for (const bid of ['1', '7']) bench.feed({ item: 'A', fields: { bid } })
  t.deepEqual(data(client.handleAll()), [])
  const { handedOver, conflated } = bench.core.conflate.sessions.find(ID)!
  t.deepEqual([handedOver, conflated, bench.metrics.get(M.updatesPublished)], [1, 1, 2])
})

test('[MO21] a snapshot of raw mode has the newest values, also those of what did not pass (found: older ones)', t => {
  const { bench } = setUp()
  const first = { bid: '6', venue: 'x' }
  bench.feed({ item: 'A', fields: first })
  bench.settle()
  const fieldsOf = (slot: number) => {
    bench.open(slot, 1, { items: ['A'], mode: 'raw', filter: FILTER })
    bench.settle()
    return bench.takeAll().map(({ text }) => recordsOf(text).find(({ fields }) => fields !== undefined)?.fields)
  }
  t.deepEqual(fieldsOf(0), [first])
  bench.feed({ item: 'A', fields: { ask: '2' } })
  t.deepEqual(fieldsOf(1), [{ ...first, ask: '2' }])
})

test('[MO21] in raw mode a mark that fell off is told, also while the item does not pass (found: it was not)', t => {
  const { bench, client } = setUp({ itemRules: JSON.stringify([{ items: 'A', logUpdates: 1 }]) })
  bench.feedLife(FEED_UP, 1)
  bench.feed({ item: 'A', fields: { bid: '6', venue: 'x' } }, 1)
  bench.settle()
  bench.open(0, 1, { items: ['A'], mode: 'raw', filter: FILTER })
  client.handleAll()
  bench.feed({ item: 'A', fields: { bid: '1' } }, 1)
  bench.feedLife(FEED_DOWN, 1)
  t.deepEqual(data(client.handleAll()), [{ item: 'A', stale: true }])
  bench.feed({ item: 'A', fields: { bid: '2' } })
  t.deepEqual(data(client.handleAll()), [{ item: 'A', stale: false }])
})

test('[MO21] in raw and distinct mode an update is held against the filter by its own values', t => {
  for (const mode of ['raw', 'distinct'] as const) {
    const { bench, client } = setUp()
    bench.open(0, 1, { items: ['A'], mode, filter: FILTER, hasSnapshot: false })
    client.handleAll()
    const updates: State[] = [
      { bid: '6', venue: 'x' },
      { bid: '7' },
      { bid: '8', venue: 'y' },
      { bid: '9', venue: 'x' },
    ]
    for (const fields of updates) bench.feed({ item: 'A', fields })
    const lines = data(client.handleAll())
    t.deepEqual(
      lines.map(({ fields }) => fields!.bid),
      ['6', '9'],
      mode,
    )
    t.is(lines[1]!.seq, lines[0]!.seq! + 1, mode)
    t.is(bench.metrics.get(M.updatesPublished), 2, mode)
  }
})

test('[MO22] whatever is conflated and breaks, the client has the values that pass, and its ledger adds up', t => {
  const seed = seedOr(20_261_301)
  for (let run = 0; run < 200; run++) walk(t, new Random(seed + run))
})

function walk(t: ExecutionContext, random: Random): void {
  const { bench, client } = setUp({ flushBytesMax: random.pick([64, 16_384]), resumeEntriesMax: random.pick([1, 100]) })
  const names = ['A', 'B', 'C']
  const model = new Map<string, State>()
  bench.open(0, 1, { items: names, filter: FILTER, maxFrequency: random.pick([0, 0, 100]) })
  let states = new Map<string, State>()
  let handled = new Map(states)
  const check = (lines: readonly Line[]) => {
    for (const { item, fields, snapshot, deleted, out, recovered } of lines) {
      if (recovered === false) states = new Map()
      if (item === undefined) continue
      if (deleted === true || out === true) states.delete(item)
      if (fields === undefined) continue
      if (snapshot !== true && !states.has(item)) t.fail(`a change of ${item}, which is not there; SEED=${random.seed}`)
      states.set(item, snapshot === true ? { ...fields } : { ...states.get(item), ...fields })
    }
    handled = new Map(states)
  }
  for (let step = 0; step < 100; step++) {
    const what = random.int(10)
    if (what < 5) {
      for (let i = random.int(6); i > 0; i--) {
        const item = random.pick(names)
        const fields: State = {}
        if (random.chance(0.6)) fields.bid = random.pick(['3', '5', '5.5', '9', null])
        if (random.chance(0.4)) fields.venue = random.pick(['x', 'x', 'y'])
        fields.ask = String(random.int(9))
        const isSnapshot = random.chance(0.05)
        model.set(item, isSnapshot ? fields : { ...model.get(item), ...fields })
        bench.feed({ item, ...(isSnapshot ? { snapshot: true } : {}), fields })
        if (!random.chance(0.03)) continue
        bench.feed({ item, deleted: true })
        model.delete(item)
      }
    } else if (what === 5) {
      bench.clock.advance(20)
      client.receive()
    } else if (what < 8) {
      client.receive()
      check(client.handle())
    } else if (what === 8) {
      check(client.handleAll())
    } else {
      client.breakOff()
      states = new Map(handled)
      client.resume()
    }
  }
  for (let i = 0; i < 40; i++) {
    bench.turn(20)
    check(client.handleAll())
  }
  const expected = [...model].filter(([, state]) => passes(state))
  t.deepEqual(new Map([...states].toSorted()), new Map(expected.toSorted()), `SEED=${random.seed}`)
  const session = bench.core.conflate.sessions.find(ID)!
  const { handedOver, conflated, dropped, recalled } = session
  const waiting = waitingOf(bench.core.conflate.interests, session)
  const published = bench.metrics.get(M.updatesPublished)
  t.is(published + recalled, handedOver + conflated + dropped + waiting, `the ledger; SEED=${random.seed}`)
}

test('[MO23] of its filter a subscription keeps the text alone; views of different filters, begun in turn, keep apart', t => {
  const request = subscriptionOf({ items: ['A'], filter: FILTER })
  const kept = Object.values(new Subscription(request, 0, 0)).filter(value => typeof value === 'object')
  t.deepEqual(kept, [null, request.prefixes, null, null], 'fields, window and history are null')
  const { bench, client } = setUp()
  for (const item of ['A', 'B']) bench.feed({ item, fields: { bid: '7' } })
  bench.settle()
  bench.open(0, 1, { items: ['A'], filter: 'bid > 5' })
  t.deepEqual(itemsOf(client.handleAll()), ['A'])
  for (const [id, filter, items] of [
    [1, 'bid > 8', []],
    [2, 'bid > 6', ['A', 'B']],
    [3, 'bid > 8', []],
    [4, 'bid > 5', ['A', 'B']],
  ] as const) {
    subscribe(bench, id, { id, items: ['A', 'B'], filter })
    t.deepEqual(itemsOf(client.handleAll()), items, filter)
  }
})

function itemsOf(lines: readonly Line[]): (string | undefined)[] {
  return data(lines).map(({ item }) => item)
}

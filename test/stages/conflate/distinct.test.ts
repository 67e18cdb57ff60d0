/** Distinct mode at a core alone: each update counts, what falls off is told, and it begins with a history. */

import test, { type ExecutionContext } from 'ava'

import { FEED_DOWN, FEED_UP } from '#src/codec/record.ts'
import { M } from '#src/metrics/names.ts'
import { type CoreBench, recordsOf } from '#test/support/core-bench.ts'
import { data, ID, type Line, setUp } from '#test/support/core-client.ts'
import { Random, seedOr } from '#test/support/random.ts'

function trade(bench: CoreBench, id: number): void {
  bench.feed({ item: 'T', fields: { id: String(id), side: id % 3 === 0 ? 'sell' : 'buy' } })
}

function idsOf(lines: readonly Line[]): (string | null | undefined)[] {
  return data(lines).flatMap(({ fields, lost, snapshotEnd }) => {
    if (fields !== undefined) return [fields.id]
    return [lost === undefined ? (snapshotEnd === true ? 'end' : 'mark') : `lost ${lost}`]
  })
}

const KEPT = JSON.stringify([{ items: 'T', history: 3 }])

test('[MO1] a subscription begins with the newest updates, and is told where its snapshot ends', t => {
  const { bench, client } = setUp({ itemRules: KEPT })
  for (let id = 0; id < 6; id++) trade(bench, id)
  bench.settle()
  bench.open(0, 1, { items: ['T', 'none'], mode: 'distinct' })
  const lines = data(client.handleAll())
  t.deepEqual(
    lines.map(({ item, seq, fields, snapshotEnd }) => [item, seq, fields?.id, snapshotEnd]),
    [
      ['T', 4, '3', undefined],
      ['T', 5, '4', undefined],
      ['T', 6, '5', undefined],
      ['T', undefined, undefined, true],
      ['none', undefined, undefined, true],
    ],
  )
  trade(bench, 6)
  t.deepEqual(idsOf(client.handleAll()), ['6'])
})

test("[MO1] how many is the client's choice, as far as the log has them", t => {
  const { bench, client } = setUp({ itemRules: JSON.stringify([{ items: 'T', history: 3, logUpdates: 4 }]) })
  for (let id = 0; id < 6; id++) trade(bench, id)
  bench.settle()
  for (const [historyMax, expected] of [
    [1, ['5', 'end']],
    [100, ['2', '3', '4', '5', 'end']],
    [null, ['3', '4', '5', 'end']],
  ] as const) {
    bench.open(0, client.generation, { items: ['T'], mode: 'distinct', historyMax })
    t.deepEqual(idsOf(client.handleAll()), [...expected], String(historyMax))
    client.breakOff()
    client.generation++
  }
  bench.open(0, client.generation, { items: ['T'], mode: 'distinct', hasSnapshot: false })
  t.deepEqual(idsOf(client.handleAll()), [])
  trade(bench, 6)
  t.deepEqual(idsOf(client.handleAll()), ['6'])
})

test('[MO1] without a log that was kept the history is the newest value, and a history ends at a deletion', t => {
  const { bench, client } = setUp()
  trade(bench, 0)
  trade(bench, 1)
  bench.settle()
  bench.open(0, 1, { items: ['T'], mode: 'distinct' })
  t.deepEqual(idsOf(client.handleAll()), ['1', 'end'])
  trade(bench, 2)
  bench.feed({ item: 'T', deleted: true })
  t.deepEqual(idsOf(client.handleAll()), ['2', 'mark'])
  trade(bench, 3)
  bench.settle()
  bench.open(1, 1, { items: ['T'], mode: 'distinct' })
  bench.settle()
  const others = bench.takeAll().filter(({ slots }) => slots.includes(1))
  t.deepEqual(
    others.flatMap(({ text }) =>
      idsOf(
        text
          .trim()
          .split('\n')
          .map(line => JSON.parse(line) as Line),
      ),
    ),
    ['3', 'end'],
  )
})

test('[MO1] an item that is stale is told to be (found: who came later was not told)', t => {
  const { bench, client } = setUp({ itemRules: KEPT })
  bench.feedLife(FEED_UP, 1)
  for (const id of ['1', '2', '3', '4']) bench.feed({ item: 'T', fields: { id } }, 1)
  bench.feedLife(FEED_DOWN, 1)
  bench.settle()
  bench.open(0, 1, { items: ['T'], mode: 'distinct', historyMax: 1 })
  t.deepEqual(
    data(client.handleAll()).map(({ fields, stale, snapshotEnd }) => fields?.id ?? stale ?? snapshotEnd),
    ['4', true, true],
  )
  bench.open(1, 1, { items: ['T'], mode: 'distinct' })
  bench.settle()
  const [flush] = bench.takeAll().filter(({ slots }) => slots.includes(1))
  t.deepEqual(flush!.text.match(/"stale":\w+|snapshotEnd/g), ['"stale":true', 'snapshotEnd'])
})

test('[MO2] each update comes, in order, also one that repeats the values there are', t => {
  const { bench, client } = setUp()
  bench.open(0, 1, { items: ['T'], mode: 'distinct', fields: ['id'] })
  client.handleAll()
  for (const id of [7, 7, 8]) trade(bench, id)
  bench.feed({ item: 'T', fields: { side: 'buy' } })
  trade(bench, 8)
  t.deepEqual(idsOf(client.handleAll()), ['7', '7', '8', '8'])
  t.is(bench.metrics.get(M.updatesConflated), 0)
})

test('[MO3] what is more than the buffer holds, or the log, is dropped from its old end, counted and told', t => {
  for (const [settings, bufferSize] of [
    [{}, 4],
    [{ rawLogUpdates: 4 }, 0],
    [{ rawLogUpdates: 4 }, 100],
  ] as const) {
    const { bench, client } = setUp(settings)
    bench.open(0, 1, { items: ['T'], mode: 'distinct', bufferSize })
    client.handleAll()
    for (let id = 0; id < 11; id++) trade(bench, id)
    t.deepEqual(idsOf(client.handleAll()), ['lost 7', '7', '8', '9', '10'])
    t.is(bench.metrics.get(M.updatesDropped), 7)
    trade(bench, 11)
    const [next] = data(client.handleAll())
    t.deepEqual([next!.seq, next!.fields!.id], [12, '11'])
  }
})

test('[MO3] a deletion that fell off is told, and whether what follows was stale', t => {
  const { bench, client } = setUp({ rawLogUpdates: 3 })
  bench.open(0, 1, { items: ['T'], mode: 'distinct' })
  client.handleAll()
  trade(bench, 0)
  client.handleAll()
  bench.feed({ item: 'T', deleted: true })
  for (let id = 1; id < 8; id++) trade(bench, id)
  const lines = data(client.handleAll()).map(
    ({ lost, deleted, stale, fields }) => lost ?? deleted ?? stale ?? fields!.id,
  )
  t.deepEqual(lines, [4, true, false, '5', '6', '7'])
})

test('[MO3] nothing is read of a log but what it has (found: a paused one read what had taken its place)', t => {
  const { bench, client } = setUp({ rawLogUpdates: 8 })
  bench.open(0, 1, { items: ['T'], mode: 'distinct', filter: 'zz = "once"' })
  client.handleAll()
  for (let id = 0; id < 40; id++) trade(bench, id)
  bench.feed({ item: 'T', fields: { id: 'x', zz: 'once' } })
  t.deepEqual(idsOf(client.handleAll()), ['x'])
  for (let id = 0; id < 40; id++) trade(bench, id)
  bench.feed({ item: 'T', fields: { id: 'y', zz: 'once' } })
  const [last] = data(client.handleAll())
  t.deepEqual([last!.seq, last!.fields!.id], [2, 'y'])
})

test('[MO3] a paused subscription whose log has gone round goes on behind what was lost', t => {
  const { bench, client } = setUp({ rawLogUpdates: 8 })
  bench.feedLife(FEED_UP, 1)
  bench.feed({ item: 'T', fields: { id: '0' } }, 1)
  bench.settle()
  bench.open(0, 1, { items: ['T'], mode: 'distinct' })
  bench.control(ID, { kind: 'pause', number: 1, id: 0 })
  client.handleAll()
  bench.feedLife(FEED_DOWN, 1)
  for (let id = 1; id <= 8; id++) trade(bench, id)
  bench.control(ID, { kind: 'resume', number: 2, id: 0 })
  const lines = data(client.handleAll())
  t.deepEqual(
    lines.filter(({ fields }) => fields !== undefined).map(({ fields }) => fields!.id),
    ['0', '1', '2', '3', '4', '5', '6', '7', '8'].slice(-8),
  )
  trade(bench, 9)
  const seqs = lines.flatMap(({ seq }) => seq ?? [])
  t.is(data(client.handleAll())[0]!.seq, seqs.at(-1)! + 1)
})

test('[MO3] marks alone that fell off are told as what they came to, once (found: what lay in their place was)', t => {
  const { bench, client } = setUp({ itemRules: JSON.stringify([{ items: 'T', history: 1, logUpdates: 1 }]) })
  bench.feedLife(FEED_UP, 1)
  bench.open(0, 1, { items: ['T'], mode: 'distinct' })
  client.handleAll()
  bench.feed({ item: 'T', fields: { id: '0' } }, 1)
  client.handleAll()
  bench.feedLife(FEED_DOWN, 1)
  bench.feed({ item: 'T', fields: { id: '1' } })
  t.deepEqual(idsOf(client.handleAll()), ['1'])
  bench.feed({ item: 'T', deleted: true })
  bench.feed({ item: 'T', fields: { id: '2' } })
  t.deepEqual(
    data(client.handleAll()).flatMap(({ fields, deleted }) => fields?.id ?? deleted ?? []),
    [true, '2'],
  )
})

test('[MO3] a deletion that a client was set back behind is told when it falls off (found: it was not)', t => {
  const { bench, client } = setUp({ itemRules: JSON.stringify([{ items: 'T', logUpdates: 3 }]) })
  bench.open(0, 1, { items: ['T'], mode: 'distinct' })
  client.handleAll()
  trade(bench, 0)
  client.handleAll()
  bench.feed({ item: 'T', deleted: true })
  trade(bench, 1)
  client.receive()
  client.breakOff()
  // It is set back, and the log goes on before its flush.
  client.generation++
  bench.open(0, client.generation, { resume: { session: ID, position: client.handled } })
  for (const id of [2, 3, 4]) trade(bench, id)
  t.deepEqual(
    data(client.handleAll()).flatMap(({ lost, deleted, fields }) => lost ?? deleted ?? fields?.id ?? []),
    [1, true, '2', '3', '4'],
  )
})

test('[MO3] of what several get alike who has a smaller buffer is told what it has no room for', t => {
  const { bench, client } = setUp()
  trade(bench, 0)
  bench.settle()
  bench.open(0, 1, { items: ['T'], mode: 'distinct' })
  bench.open(1, 1, { items: ['T'], mode: 'distinct', bufferSize: 2 })
  client.handleAll()
  for (let id = 1; id <= 5; id++) trade(bench, id)
  bench.settle()
  const told = bench.takeAll().map(({ slots, text }) => [slots, idsOf(recordsOf(text))] as const)
  const of = (slot: number) => told.filter(([slots]) => slots.includes(slot)).flatMap(([, ids]) => ids)
  t.deepEqual(of(0), ['1', '2', '3', '4', '5'])
  t.deepEqual(of(1), ['lost 3', '4', '5'])
})

test('[MO4] whatever breaks and however slow it is, each update comes once, in order, or is told as lost', t => {
  const seed = seedOr(20_261_122)
  for (let run = 0; run < 150; run++) walk(t, new Random(seed + run))
})

/** One client that reads as it likes, breaks off and comes back, against a list of all updates. */
function walk(t: ExecutionContext, random: Random): void {
  const bufferSize = random.pick([0, 0, 3, 20])
  const { bench, client } = setUp({
    rawLogUpdates: random.pick([4, 16, 64, 1_024]),
    flushBytesMax: random.pick([64, 256, 16_384]),
    itemRules: random.chance(0.5) ? KEPT : '',
    resumeEntriesMax: random.pick([1, 100]),
  })
  const fields = random.chance(0.5) ? null : ['id']
  bench.open(0, 1, { items: ['T'], mode: 'distinct', bufferSize, fields })
  let id = 0
  let next: number | null = null
  let handled: number | null = null
  const sent = new Map<number, string>()
  const check = (lines: readonly Line[]) => {
    for (const line of lines) {
      if (line.recovered === false) next = null
      if (line.item === undefined) continue
      if (line.lost !== undefined) {
        if (next !== null) next += line.lost
      }
      if (line.fields === undefined) continue
      const told = line.fields.id!
      if (next !== null && line.seq !== next) t.fail(`seq ${line.seq} where ${next} is due; SEED=${random.seed}`)
      const before = sent.get(line.seq!)
      if (before !== undefined && before !== told)
        t.fail(`seq ${line.seq} is ${before} and ${told}; SEED=${random.seed}`)
      sent.set(line.seq!, told)
      next = line.seq! + 1
    }
    handled = next
  }
  for (let step = 0; step < 120; step++) {
    const what = random.int(10)
    if (what < 5) for (let i = random.int(12); i > 0; i--) trade(bench, id++)
    else if (what < 7) client.receive()
    else if (what === 7) {
      client.receive()
      check(client.handle())
    } else if (what === 8) {
      check(client.handleAll())
    } else {
      client.breakOff()
      next = handled
      client.resume()
    }
  }
  for (let i = 0; i < 8; i++) check(client.handleAll())
  const ids = [...sent].toSorted(([a], [b]) => a - b).map(([, told]) => Number(told))
  t.true(
    ids.every((told, index) => index === 0 || told > ids[index - 1]!),
    `in order; SEED=${random.seed}`,
  )
  if (id > 0) t.is(ids.at(-1), id - 1, `the newest came; SEED=${random.seed}`)
}

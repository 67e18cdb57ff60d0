import test from 'ava'
import { FieldTable } from '#src/domain/field-table.ts'
import { ENTRY_UPDATE, ItemLog } from '#src/domain/item-log.ts'
import { RawBudget } from '#src/domain/raw-budget.ts'
import { ValueStore } from '#src/domain/value-store.ts'
import { changedCount, View } from '#src/domain/view.ts'
import { Bodies, NO_ROOM } from '#stages/batch/bodies.ts'
import { BodyHeap } from '#stages/batch/body-heap.ts'
import { newItem } from '#test/support/items.ts'
import { Random, seedOr } from '#test/support/random.ts'

const NDJSON = 1
const FIELDS = ['bid', 'ask', 'last']

function setUp(heapBytes: number) {
  const fields = new FieldTable(10)
  const store = new ValueStore(1 << 16)
  const heap = new BodyHeap(heapBytes)
  const item = newItem('A')
  item.isKnown = true
  for (const name of FIELDS) item.addField(fields.idOf(name))
  const bodies = new Bodies(heap, fields, store)
  const put = (index: number, value: string): void => {
    item.seq++
    item.changedAt[index] = item.seq
    item.put(store, index, Buffer.from(value), 0, value.length)
  }
  return { fields, store, heap, item, bodies, put, view: new View(item, 'merge', null, '') }
}

test('[S6] a body is made once: whoever lacks the same gets the same bytes, until the view changes or the heap turns', t => {
  const { heap, bodies, put, view } = setUp(4_096)
  for (const [index, value] of ['1', '2', '3'].entries()) put(index, value)
  view.seq = 3
  const first = bodies.snapshot(view, NDJSON)
  const { top } = heap
  t.is(bodies.snapshot(view, NDJSON), first)
  t.is(heap.top, top, 'nothing was written')
  const delta = bodies.delta(view, NDJSON, 1, 2)
  t.not(delta, first)
  t.is(bodies.delta(view, NDJSON, 1, 2), delta)
  t.not(bodies.delta(view, NDJSON, 2, 1), delta)
  t.not(bodies.snapshot(view, 0), first, 'another encoding has bodies of its own')
  put(0, '9')
  view.seq = 4
  const anew = bodies.snapshot(view, NDJSON)
  t.not(anew, first)
  t.is(
    heap.bytes.toString('utf8', anew, anew + bodies.length),
    '{"item":"A","seq":4,"snapshot":true,"fields":{"bid":"9","ask":"2","last":"3"}}\n',
  )
  heap.turn(heap.bytes.length)
  t.is(heap.top, 0)
  bodies.snapshot(view, NDJSON)
  t.true(heap.top > 0, 'what lay in the heap before is made anew')
})

test('[S6] what the cache gives is what would be made anew: random changes, and a heap that turns often', t => {
  const random = new Random(seedOr(20_260_251))
  const { heap, bodies, item, put, view } = setUp(2_048)
  const values = ['', '', '']
  const change = (index: number): void => {
    values[index] = `${random.int(1_000)}`
    put(index, values[index]!)
    view.seq++
  }
  for (let i = 0; i < 3; i++) change(i)
  let [hits, turns] = [0, 0]
  for (let step = 0; step < 5_000; step++) {
    if (random.chance(0.3)) change(random.int(3))
    const { epoch } = heap
    heap.turn(1_024)
    if (heap.epoch !== epoch) turns++
    const { top } = heap
    const sinceSeq = random.chance(0.3) ? -1 : item.seq - random.int(4)
    const names = FIELDS.filter((_, index) => item.changedAt[index]! > sinceSeq)
    const count = changedCount(view, sinceSeq)
    t.is(count, names.length)
    if (count === 0) continue
    const isSnapshot = sinceSeq < 0
    const at = isSnapshot ? bodies.snapshot(view, NDJSON) : bodies.delta(view, NDJSON, sinceSeq, count)
    if (heap.top === top) hits++
    const fields = Object.fromEntries(names.map(name => [name, values[FIELDS.indexOf(name)]]))
    const record = { item: 'A', seq: view.seq, ...(isSnapshot ? { snapshot: true } : {}), fields }
    const text = heap.bytes.toString('utf8', at, at + bodies.length)
    if (text !== `${JSON.stringify(record)}\n`) t.is(text, `${JSON.stringify(record)}\n`, `SEED=${random.seed}`)
  }
  t.true(hits > 500 && turns > 20, `${hits} hits, ${turns} turns`)
})

test('[S6] what finds no room in the heap is not made, and what was made stays whole', t => {
  const { heap, bodies, put, view } = setUp(320)
  put(0, 'x'.repeat(50))
  view.seq = 1
  const first = bodies.snapshot(view, NDJSON)
  const before = heap.bytes.toString('utf8', first, first + bodies.length)
  t.is(bodies.snapshot(view, 0), NO_ROOM)
  // A mark needs less: some fit beside it, and then none does.
  const marks = [true, false].flatMap(isStale => [0, NDJSON].map(codec => bodies.stale(view, codec, isStale)))
  t.not(marks[0], NO_ROOM)
  t.is(marks.at(-1), NO_ROOM)
  t.is(heap.bytes.toString('utf8', first, first + before.length), before)
  heap.turn(heap.bytes.length)
  t.is(bodies.snapshot(view, 0), 0)
})

test("[S6] a raw entry's body shows the fields of its view, and is shared like others", t => {
  const { heap, bodies, fields, item } = setUp(4_096)
  const view = new View(item, 'raw', [fields.idOf('ask')], 'raw:1')
  const log = new ItemLog(1_024, 4, new RawBudget(1 << 20))
  const bytes = Buffer.from([0, 0, 1, 0, 0x37, 1, 0, 0xff, 0xff, 2, 0, 0, 0])
  const start = log.append(ENTRY_UPDATE, bytes.length, Number.NaN, 1)
  bytes.copy(log.bytes, start)
  const at = bodies.entry(view, NDJSON, log, 0, 5)
  t.is(heap.bytes.toString('utf8', at, at + bodies.length), '{"item":"A","seq":5,"fields":{"ask":null}}\n')
  t.is(bodies.entry(view, NDJSON, log, 0, 5), at)
})

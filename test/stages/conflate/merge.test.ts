import test from 'ava'
import { CoreBench, recordsOf, type StreamRecord } from '#test/support/core-bench.ts'
import { Random, seedOr } from '#test/support/random.ts'

type Value = string | null
type Fields = Record<string, Value>

const ITEMS = ['A', 'B', 'C']
const FIELD_NAMES = ['bid', 'ask', 'last', 'size', 'note']
const CHOICES = [null, ['bid', 'ask'], ['note']] as const
const VALUES = ['1', '2', '3', '', 'a longer value', null]

/** What the model keeps of a session's interest: what the session lacks, in words. */
interface Lack {
  readonly names: readonly string[] | null
  /** What the client has been sent, put together. */
  state: Fields | null
  dirty: Set<string>
  needsSnapshot: boolean
  isDeleted: boolean
  /** Updates that concerned the interest since its last flush. */
  published: number
  seq: number
}

const picked = (fields: Fields, names: readonly string[] | null): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([name]) => names === null || names.includes(name)))

const sorted = (fields: Fields): string => JSON.stringify(Object.entries(fields).sort())

/** Items and what each session lacks, slow and obvious. */
class Model {
  readonly items = new Map<string, Fields>()
  readonly lacks: Lack[][] = []

  update(item: string, fields: Fields, isSnapshot: boolean): void {
    const before = this.items.get(item)
    const after = isSnapshot ? fields : { ...before, ...fields }
    this.items.set(item, { ...after })
    const changed = Object.keys(after).filter(
      name => before === undefined || !(name in before) || before[name] !== after[name],
    )
    const isReplaced = before === undefined || Object.keys(before).some(name => !(name in after))
    for (const lack of this.lacks[ITEMS.indexOf(item)]!) {
      const concerned = changed.filter(name => lack.names === null || lack.names.includes(name))
      if (!isReplaced && concerned.length === 0) continue
      lack.published++
      if (isReplaced) lack.needsSnapshot = true
      for (const name of concerned) lack.dirty.add(name)
    }
  }

  delete(item: string): void {
    if (!this.items.delete(item)) return
    for (const lack of this.lacks[ITEMS.indexOf(item)]!) if (lack.state !== null) lack.isDeleted = true
  }

  /** What the next flush must say about the item; the session then has it. */
  flush(lack: Lack, item: string): Omit<StreamRecord, 'seq'>[] {
    const records: Omit<StreamRecord, 'seq'>[] = []
    const now = this.items.get(item)
    if (lack.isDeleted) records.push({ item, deleted: true })
    if (lack.isDeleted) lack.state = null
    if (now !== undefined && (lack.needsSnapshot || lack.state === null)) {
      records.push({ item, snapshot: true, fields: picked(now, lack.names) })
    } else if (now !== undefined && lack.dirty.size > 0) {
      records.push({ item, fields: picked(now, [...lack.dirty]) })
    }
    lack.state = now === undefined ? null : picked(now, lack.names)
    lack.dirty.clear()
    lack.needsSnapshot = false
    lack.isDeleted = false
    return records
  }
}

test('[I8] what a session is sent is exactly what changed since it was sent last: random updates, paces and choices', t => {
  const random = new Random(seedOr(20_260_231))
  for (let round = 0; round < 6; round++) {
    const bench = new CoreBench({ windowBytes: 1 })
    const model = new Model()
    for (const _ of ITEMS) model.lacks.push([])
    const slots = Array.from({ length: 9 }, (_, slot) => slot)
    for (const slot of slots) {
      const names = CHOICES[slot % 3]!
      bench.open(slot, 1, { items: ITEMS, fields: names, transport: slot % 2 === 0 ? 'sse' : 'ndjson' })
      for (const lacks of model.lacks) {
        const fresh = {
          state: null,
          dirty: new Set<string>(),
          needsSnapshot: true,
          isDeleted: false,
          published: 0,
          seq: -1,
        }
        lacks.push({ names, ...fresh })
      }
    }
    bench.settle()
    let [deltas, snapshots, deletions, conflated] = [0, 0, 0, 0]
    for (let step = 0; step < 600; step++) {
      const item = random.pick(ITEMS)
      if (random.chance(0.05)) {
        bench.feed({ item, deleted: true })
        model.delete(item)
      } else {
        const isSnapshot = random.chance(0.05)
        const names = FIELD_NAMES.filter(() => random.chance(0.4))
        if (names.length === 0) names.push('last')
        const fields: Fields = Object.fromEntries(names.map(name => [name, random.pick(VALUES)]))
        bench.feed({ item, fields, ...(isSnapshot ? { snapshot: true } : {}) })
        model.update(item, fields, isSnapshot)
      }
      bench.settle()
      for (const { slots: targets, text } of bench.take()) {
        const records = recordsOf(text)
        for (const slot of targets) {
          for (const [index, name] of ITEMS.entries()) {
            const lack = model.lacks[index]![slot]!
            const got = records.filter(record => record.item === name)
            const expected = model.flush(lack, name)
            const plain = (one: Omit<StreamRecord, 'seq'>) =>
              `${one.item} ${one.snapshot} ${one.deleted} ${one.fields === undefined ? '' : sorted(one.fields)}`
            const [actualText, expectedText] = [got.map(plain).join('; '), expected.map(plain).join('; ')]
            if (actualText !== expectedText) t.is(actualText, expectedText, `session ${slot}; SEED=${random.seed}`)
            const update = got.find(record => record.fields !== undefined)
            if (update !== undefined) {
              const grown = update.seq! - lack.seq
              if (lack.seq >= 0 && grown !== lack.published) t.is(grown, lack.published, `seq; SEED=${random.seed}`)
              lack.seq = update.seq!
              if (update.snapshot) snapshots++
              else deltas++
              if (lack.published > 1) conflated++
              lack.published = 0
            }
            if (got.some(record => record.deleted)) deletions++
          }
        }
      }
      for (const slot of slots) if (random.chance(slot < 3 ? 0.9 : 0.1)) bench.took(slot, 1)
    }
    t.true(deltas > 100 && snapshots > 50 && deletions > 10 && conflated > 100, `SEED=${random.seed}`)
  }
})

test('[I8] a value that is set to what it was is no change, and an update without changes is not sent', t => {
  const bench = new CoreBench()
  bench.open(1, 1, { items: ['A'] })
  bench.feed({ item: 'A', fields: { bid: '1', ask: null } })
  bench.settle()
  t.is(bench.take().length, 1)
  bench.took(1, 1)
  bench.feed({ item: 'A', fields: { bid: '1', ask: null } })
  bench.feed({ item: 'A', snapshot: true, fields: { ask: null, bid: '1' } })
  bench.settle()
  t.deepEqual(bench.take(), [])
  bench.feed({ item: 'A', fields: { bid: '1', ask: '2' } })
  bench.settle()
  t.deepEqual(
    bench.take().flatMap(({ text }) => recordsOf(text)),
    [{ item: 'A', seq: 2, fields: { ask: '2' } }],
  )
})

test('[I9] a snapshot may have as many fields as an item may, whatever it replaces (found: it was refused)', t => {
  const bench = new CoreBench({ fieldsMax: 3 })
  bench.feed({ item: 'A', fields: { a: '1', b: '2', c: '3' } })
  bench.feed({ item: 'A', snapshot: true, fields: { d: '4', e: '5', f: '6' } })
  bench.open(1, 1, { items: ['A'] })
  bench.settle()
  t.deepEqual(recordsOf(bench.take()[0]!.text), [
    { item: 'A', seq: 2, snapshot: true, fields: { d: '4', e: '5', f: '6' } },
  ])
  bench.feed({ item: 'A', fields: { g: '7', d: '8' } })
  bench.took(1, 1)
  bench.settle()
  t.deepEqual(recordsOf(bench.take()[0]!.text), [{ item: 'A', seq: 3, fields: { d: '8' } }])
})

test('[I10] raw mode tells every update of its fields, and what others did meanwhile is no loss (found: it was one)', t => {
  const bench = new CoreBench({ rawLogUpdates: 4 })
  bench.feed({ item: 'A', fields: { bid: '1', ask: '1' } })
  bench.open(1, 1, { items: ['A'], mode: 'raw', fields: ['bid'], onLost: 'end' })
  bench.settle()
  t.deepEqual(recordsOf(bench.take()[0]!.text), [{ item: 'A', seq: 1, snapshot: true, fields: { bid: '1' } }])
  bench.took(1, 1)
  for (let i = 0; i < 20; i++) bench.feed({ item: 'A', fields: { ask: `${i}` } })
  bench.settle()
  t.deepEqual(bench.take(), [])
  bench.feed({ item: 'A', fields: { bid: '2' } })
  bench.settle()
  const flushes = bench.take()
  t.deepEqual(
    flushes.map(({ type }) => type),
    ['flush'],
  )
  t.deepEqual(recordsOf(flushes[0]!.text), [{ item: 'A', seq: 2, fields: { bid: '2' } }])
})

test('[I10] raw mode tells each update in order, also those that repeat values', t => {
  const bench = new CoreBench()
  bench.open(1, 1, { items: ['A'], mode: 'raw' })
  for (const bid of ['1', '1', '2', null]) bench.feed({ item: 'A', fields: { bid } })
  bench.settle()
  bench.feed({ item: 'A', deleted: true })
  bench.feed({ item: 'A', fields: { bid: '9' } })
  bench.took(1, 1)
  bench.settle()
  const records = bench.take().flatMap(({ text }) => recordsOf(text))
  t.deepEqual(
    records.map(({ seq, fields, deleted }) => deleted ?? `${seq} ${fields?.bid}`),
    ['1 1', '2 1', '3 2', '4 null', true, '5 9'],
  )
})

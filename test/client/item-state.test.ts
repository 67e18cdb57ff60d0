import test from 'ava'
import { ItemState, type ItemView, type Update } from '#src/client/item-state.ts'
import type { FieldValues } from '#src/client/records.ts'
import { orderOf } from '#src/client/table.ts'
import { Random, seedOr } from '../support/random.ts'

function itemOf(view: Partial<ItemView> = {}): ItemState {
  return new ItemState('A', { hasHistory: false, order: orderOf(undefined), ...view })
}

function merge(item: ItemState, seq: number, fields: FieldValues, isSnapshot = false): Update | null {
  return item.merge(seq, fields, isSnapshot ? { item: item.name, snapshot: true } : { item: item.name })
}

test('[CL30] updates merge, a snapshot replaces all', t => {
  const item = itemOf()
  merge(item, 1, { bid: '1', ask: '2' }, true)
  merge(item, 2, { bid: '3', size: null })
  t.deepEqual({ ...item.fields }, { bid: '3', ask: '2', size: null })
  merge(item, 3, { ask: '5' }, true)
  t.deepEqual({ ...item.fields }, { ask: '5' })
})

test('[CL30] what changed is told: of an update all its fields, of a snapshot those that differ or are gone', t => {
  const item = itemOf()
  t.deepEqual(merge(item, 1, { bid: '1', ask: '2' }, true)?.changed, ['bid', 'ask'])
  t.deepEqual(merge(item, 2, { bid: '1' })?.changed, ['bid'])
  t.deepEqual(merge(item, 3, { bid: '7', last: null }, true)?.changed, ['bid', 'last', 'ask'])
  t.deepEqual(merge(item, 4, { bid: '7', last: null }, true)?.changed, [])
})

test('[CL10] what is not newer by seq changes nothing', t => {
  const item = itemOf()
  merge(item, 5, { bid: '5' })
  t.is(merge(item, 5, { bid: '6' }), null)
  t.is(merge(item, 4, { ask: '6' }, true), null)
  t.deepEqual([{ ...item.fields }, item.seq], [{ bid: '5' }, 5])
})

test('[CL30] the gap in seq is what was conflated, but not at the start and not where updates were lost', t => {
  const item = itemOf()
  t.is(merge(item, 7, {}, true)?.conflated, 0)
  t.is(merge(item, 8, {})?.conflated, 0)
  t.is(merge(item, 12, {})?.conflated, 3)
  item.lose()
  t.is(merge(item, 20, {}, true)?.conflated, 0)
  t.is(merge(item, 22, {})?.conflated, 1)
})

test('[CL30] the time is that of the last update that had one', t => {
  const item = itemOf()
  t.is(item.timeMs, null)
  t.is(item.merge(1, {}, { item: 'A', time: 99.5 })?.timeMs, 99.5)
  t.is(merge(item, 2, {})?.timeMs, null)
  t.is(item.timeMs, 99.5)
})

test('[CL30] a field may have any name', t => {
  const item = itemOf()
  const fields: FieldValues = JSON.parse('{"__proto__":"1","constructor":"2","toString":"3"}')
  merge(item, 1, fields)
  t.deepEqual(Object.entries(item.fields), [
    ['__proto__', '1'],
    ['constructor', '2'],
    ['toString', '3'],
  ])
  t.deepEqual(merge(item, 2, {}, true)?.changed, ['__proto__', 'constructor', 'toString'])
})

test('[CL30] any run of updates and snapshots leaves what a plain merge leaves', t => {
  const random = new Random(seedOr(20_261_122))
  for (let round = 0; round < 200; round++) {
    const item = itemOf()
    let plain = new Map<string, string | null>()
    for (let seq = 1; seq < 20; seq++) {
      const fields: Record<string, string | null> = {}
      for (const name of ['a', 'b', 'c'])
        if (random.chance(0.4)) fields[name] = random.chance(0.2) ? null : `${random.int(3)}`
      const isSnapshot = random.chance(0.2)
      const before = new Map(plain)
      if (isSnapshot) plain = new Map()
      for (const [name, value] of Object.entries(fields)) plain.set(name, value)
      const update = merge(item, seq, fields, isSnapshot)
      t.deepEqual(new Map(Object.entries(item.fields)), plain, `seed ${random.seed}`)
      const different = [...new Set([...before.keys(), ...plain.keys()])].filter(
        name => before.get(name) !== plain.get(name) || before.has(name) !== plain.has(name),
      )
      t.true(
        different.every(name => update?.changed.includes(name)),
        `seed ${random.seed}`,
      )
      if (isSnapshot) t.is(update?.changed.length, different.length, `seed ${random.seed}`)
    }
  }
})

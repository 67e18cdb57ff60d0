import test from 'ava'
import type { Item } from '#src/domain/item.ts'
import { NULL_VALUE, ValueStore } from '#src/domain/value-store.ts'
import { newItem } from '#test/support/items.ts'
import { Random, seedOr } from '#test/support/random.ts'

const quotedItem = (): Item => newItem('A "quoted" item')

function write(item: Item, store: ValueStore, fieldId: number, value: string | null): void {
  const found = item.indexOf(fieldId, fieldId)
  const index = found >= 0 ? found : item.addField(fieldId)
  const bytes = Buffer.from(value ?? '')
  item.put(store, index, bytes, 0, value === null ? NULL_VALUE : bytes.length)
}

function valuesOf(item: Item, store: ValueStore): Map<number, string | null> {
  const values = new Map<number, string | null>()
  for (let i = 0; i < item.fieldCount; i++) {
    const [offset, length] = [item.blockOffsets[i]!, item.lengths[i]!]
    const value = length < 0 ? null : length === 0 ? '' : store.bytes.toString('latin1', offset, offset + length)
    values.set(item.fieldIds[i]!, value)
  }
  return values
}

test('[I2] an item holds what a map of its fields would, through updates, snapshots and ends: random actions', t => {
  const random = new Random(seedOr(20_260_202))
  const store = new ValueStore(1 << 20)
  const items = [quotedItem(), quotedItem(), quotedItem()]
  const models = items.map(() => new Map<number, string | null>())
  const randomValue = (): string | null => (random.chance(0.1) ? null : 'x'.repeat(random.int(40)) + random.int(10))
  for (let action = 0; action < 5_000; action++) {
    const at = random.int(items.length)
    const [item, model] = [items[at]!, models[at]!]
    const choice = random.int(100)
    if (choice < 80) {
      const [fieldId, value] = [random.int(12), random.chance(0.05) ? '' : randomValue()]
      write(item, store, fieldId, value)
      model.set(fieldId, value)
    } else if (choice < 97) {
      item.beginSnapshot()
      const named = new Set(Array.from({ length: random.int(8) }, () => random.int(12)))
      for (const fieldId of named) {
        const value = randomValue()
        write(item, store, fieldId, value)
        item.nameInSnapshot(item.indexOf(fieldId, 0))
        model.set(fieldId, value)
      }
      const gone = [...model.keys()].filter(fieldId => !named.has(fieldId))
      for (const fieldId of gone) model.delete(fieldId)
      t.is(item.endSnapshot(store), gone.length, `SEED=${random.seed}`)
    } else {
      item.clear(store)
      model.clear()
    }
    const same = JSON.stringify([...valuesOf(item, store)].sort()) === JSON.stringify([...model].sort())
    if (!same) t.deepEqual(valuesOf(item, store), model, `SEED=${random.seed}`)
  }
  for (const item of items) item.clear(store)
  t.is(store.usedBytes, 0)
})

test('[I2] holds tells the value there is from every other', t => {
  const [item, store] = [quotedItem(), new ValueStore(1 << 16)]
  const values = ['', '1', '12', '13', '123456789', null]
  for (const [now, value] of values.entries()) {
    write(item, store, 7, value)
    for (const [other, text] of values.entries()) {
      const bytes = Buffer.from(`#${text ?? ''}`)
      const isHeld = item.holds(store, 0, bytes, 1, text === null ? NULL_VALUE : bytes.length - 1)
      t.is(isHeld, now === other, `${value} against ${text}`)
    }
  }
})

test('[I2] where the store is full the old value stays', t => {
  const [item, store] = [quotedItem(), new ValueStore(16)]
  write(item, store, 0, 'old')
  write(item, store, 1, 'other')
  t.false(item.put(store, 0, Buffer.from('a longer value'), 0, 14))
  t.deepEqual(
    valuesOf(item, store),
    new Map([
      [0, 'old'],
      [1, 'other'],
    ]),
  )
})

test('[I2] the hint of where a field is may be wrong', t => {
  const item = quotedItem()
  for (const fieldId of [5, 3, 9]) item.addField(fieldId)
  for (const hint of [0, 1, 2, 3, 100]) {
    t.deepEqual(
      [5, 3, 9, 4].map(fieldId => item.indexOf(fieldId, hint)),
      [0, 1, 2, -1],
    )
  }
})

test('[I2] every body of an item begins with its name in JSON', t => {
  t.is(`${quotedItem().prefix}}`, JSON.stringify({ item: 'A "quoted" item' }))
})

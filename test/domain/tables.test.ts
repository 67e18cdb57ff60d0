import test from 'ava'
import { FieldTable } from '#src/domain/field-table.ts'
import { homeOf } from '#src/domain/home.ts'
import type { Item } from '#src/domain/item.ts'
import { ItemTable } from '#src/domain/item-table.ts'
import { itemRules } from '#test/support/items.ts'
import { Random, seedOr } from '#test/support/random.ts'

test('[I5] an item has one home, the same for whoever asks, and homes have like shares', t => {
  const names = Array.from({ length: 20_000 }, (_, i) => `quote.venue${i % 7}.SYM${i}-USD`)
  for (const cores of [1, 2, 3, 4, 7, 8]) {
    const counts = new Array<number>(cores).fill(0)
    for (const name of names) {
      const home = homeOf(name, cores)
      counts[home]!++
      if (home !== homeOf(name, cores)) t.fail(name)
    }
    const share = names.length / cores
    for (const count of counts) t.true(Math.abs(count - share) < share * 0.1, `${cores} cores: ${counts.join(', ')}`)
  }
})

test('[I5] homes do not change from one version to the next: rings of old and new threads would disagree', t => {
  // FNV-1a of 'a' and 'foobar', from its authors' test vectors.
  t.is(homeOf('a', 2 ** 32), 0xe40c292c)
  t.is(homeOf('foobar', 2 ** 32), 0xbf9cf968)
})

test('[I6] the table is bounded, subscribers may take half of it, and numbers come back: random actions', t => {
  const random = new Random(seedOr(20_260_206))
  const itemsMax = 20
  const table = new ItemTable(itemsMax, 0, 1, itemRules(), () => {})
  const model = new Map<string, Item>()
  const asked = new Set<string>()
  let refused = 0
  for (let action = 0; action < 5_000; action++) {
    const name = `i${random.int(40)}`
    if (random.chance(0.6)) {
      const isForSubscriber = random.chance(0.5)
      const item = table.ensure(name, action, isForSubscriber)
      const hasRoom = model.has(name) || (model.size < itemsMax && (!isForSubscriber || asked.size < itemsMax / 2))
      if (item !== null && isForSubscriber && !model.has(name)) asked.add(name)
      if ((item !== null) !== hasRoom) t.fail(`${name} with ${model.size} items; SEED=${random.seed}`)
      if (item === null) refused++
      else if (model.has(name) ? model.get(name) !== item : item.name !== name) t.fail(`SEED=${random.seed}`)
      if (item !== null) model.set(name, item)
      if (item !== null && !isForSubscriber) {
        // A feed publishes it: it counts as a subscriber's no more.
        table.notePublished(item)
        asked.delete(name)
      }
    } else {
      const item = table.find(name)
      if (item !== (model.get(name) ?? null)) t.fail(`find ${name}; SEED=${random.seed}`)
      if (item !== null) {
        table.forget(item)
        model.delete(name)
        asked.delete(name)
        if (!item.isForgotten) t.fail('a forgotten item says so')
      }
    }
    const ids = [...model.values()].map(item => item.id)
    if (new Set(ids).size !== ids.length || ids.some(id => id < 0 || id >= itemsMax)) t.fail(`ids ${ids.join(' ')}`)
    if (table.size !== model.size) t.is(table.size, model.size, `SEED=${random.seed}`)
  }
  t.true(refused > 0)
})

test('[I6] a sweep comes to every item in its turn, though items come and go meanwhile', t => {
  const table = new ItemTable(1_000, 0, 1, itemRules(), () => {})
  for (let i = 0; i < 95; i++) table.ensure(`i${i}`, 0, false)
  const seen = new Map<string, number>()
  for (let turn = 0; turn < 40; turn++) {
    let visited = 0
    table.sweep(10, item => {
      visited++
      seen.set(item.name, (seen.get(item.name) ?? 0) + 1)
      if (item.name === 'i5' && seen.get('i5') === 2) table.forget(item)
    })
    t.true(visited <= 10)
    if (turn === 3) table.ensure('late', 0, false)
  }
  for (let i = 0; i < 95; i++) t.true(seen.get(`i${i}`)! >= (i === 5 ? 2 : 3), `i${i}`)
  t.is(seen.get('i5'), 2)
  t.true(seen.get('late')! >= 3)
})

test('[I7] a name of a field has one number for ever, and its JSON is made once', t => {
  const table = new FieldTable(3)
  t.is(table.find('bid'), -1)
  t.deepEqual([table.idOf('bid'), table.idOf('a "b"'), table.idOf('bid'), table.find('a "b"')], [0, 1, 0, 1])
  t.is(`{${table.prefixOf(1)}1"}`, JSON.stringify({ 'a "b"': '1' }))
  t.is(table.prefixOf(1), table.prefixOf(1))
  t.deepEqual([table.idOf('__proto__'), table.idOf('more'), table.find('more'), table.size], [2, -1, -1, 3])
  t.deepEqual(
    [0, 1, 2].map(id => table.nameOf(id)),
    ['bid', 'a "b"', '__proto__'],
  )
})

/** What is set for items by their names, at a core alone. */

import test from 'ava'

import type { ItemRule } from '#src/domain/item-settings.ts'
import { CoreBench, recordsOf } from '#test/support/core-bench.ts'
import { data, setUp, subscribe } from '#test/support/core-client.ts'

function rules(...given: readonly object[]): { itemRules: string } {
  return { itemRules: JSON.stringify(given satisfies readonly object[] as unknown as ItemRule[]) }
}

test('[MO5] an item is read in the modes of its rule: another one is refused by name, and a prefix passes it over', t => {
  const { bench, client } = setUp(rules({ items: 'T.*', modes: ['distinct', 'raw'] }))
  bench.feed({ item: 'T.a', fields: { x: '1' } })
  bench.feed({ item: 'Q.a', fields: { x: '1' } })
  bench.settle()
  bench.open(0, 1, { items: ['Q.a'] })
  subscribe(bench, 1, { id: 1, items: ['T.a'] })
  subscribe(bench, 2, { id: 2, items: ['T.a'], mode: 'distinct' })
  subscribe(bench, 3, { id: 3, prefixes: [''] })
  const lines = client.handleAll() as (ReturnType<typeof client.handleAll>[number] & { error?: { code: string } })[]
  t.deepEqual(
    lines.filter(({ answer }) => answer !== undefined).map(({ answer, error }) => [answer, error?.code]),
    [
      [1, 'MODE_NOT_ALLOWED'],
      [2, undefined],
      [3, undefined],
    ],
  )
  const told = () => data(client.handleAll()).map(({ sub, item }) => `${sub ?? 0} ${item}`)
  t.deepEqual(new Set(data(lines).map(({ sub, item }) => `${sub ?? 0} ${item}`)), new Set(['0 Q.a', '2 T.a', '3 Q.a']))
  bench.feed({ item: 'T.b', fields: { x: '1' } })
  bench.feed({ item: 'Q.b', fields: { x: '1' } })
  t.deepEqual(told(), ['3 Q.b'])
})

test("[MO6] the cap of an item's rule holds beside the wish of the client", t => {
  const bench = new CoreBench(rules({ items: 'slow', maxFrequency: 2 }))
  for (const item of ['slow', 'fast']) bench.feed({ item, fields: { x: '0' } })
  bench.settle()
  bench.open(0, 1, { items: ['slow', 'fast'], maxFrequency: 10 })
  const counts = new Map<string, number>()
  for (let ms = 0; ms < 2_000; ms += 10) {
    for (const item of ['slow', 'fast']) bench.feed({ item, fields: { x: String(ms) } })
    bench.turn(10)
    for (const { text } of bench.take()) {
      for (const { item } of recordsOf(text)) counts.set(item!, (counts.get(item!) ?? 0) + 1)
    }
    bench.took(0, 1)
  }
  t.deepEqual(Object.fromEntries(counts), { slow: 4, fast: 20 })
})

test('[MO7] where a rule says so nobody begins with what there is', t => {
  const { bench, client } = setUp(rules({ items: 'A', snapshot: false }))
  bench.feed({ item: 'A', fields: { x: '1', y: '1' } })
  bench.settle()
  bench.open(0, 1, { items: ['A'] })
  subscribe(bench, 1, { id: 1, items: ['A'], mode: 'raw' })
  subscribe(bench, 2, { id: 2, items: ['A'], mode: 'distinct' })
  t.deepEqual(data(client.handleAll()), [{ sub: 2, item: 'A', snapshotEnd: true }])
  bench.feed({ item: 'A', fields: { y: '2' } })
  t.deepEqual(
    data(client.handleAll()).map(({ sub, fields }) => [sub ?? 0, fields]),
    [0, 1, 2].map(sub => [sub, { y: '2' }]),
  )
})

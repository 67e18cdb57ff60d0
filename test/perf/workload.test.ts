/** What everybody in a run agrees on without talking. */

import test from 'ava'
import { BASE } from '#perf/variants/variant.ts'
import { dueRate, FILTERS, itemName, itemsOf, lineOf } from '#perf/workload.ts'

test('[PF6] a client’s items are all different, the same for the same seed, and spread evenly over the clients', t => {
  const workload = { ...BASE, clients: 10_000, items: 100, itemsPerClient: 10 }
  const counts = new Array<number>(100).fill(0)
  const sets = new Set<string>()
  for (let client = 0; client < workload.clients; client++) {
    const items = itemsOf(workload, client)
    t.is(new Set(items).size, 10)
    sets.add(items.join())
    for (const item of items) counts[item]!++
  }
  t.deepEqual(itemsOf(workload, 77), itemsOf(workload, 77))
  t.notDeepEqual(itemsOf(workload, 77), itemsOf({ ...workload, seed: 2 }, 77))
  // 1,000 each in the mean, 30 the deviation.
  t.true(Math.min(...counts) > 850 && Math.max(...counts) < 1_150, `${Math.min(...counts)} to ${Math.max(...counts)}`)
  t.true(sets.size > 9_990, `${sets.size} different sets`)
  t.is(dueRate({ ...workload, ratePerItem: 10 }), 1_000_000)
})

test('[PF6] lines of a workload are JSON, equally long, as long as they were asked for, and differ in their values', t => {
  for (const change of [{ fields: 1 }, { fields: 2 }, { fields: 5 }, { fields: 6 }, { fields: 5, lineBytes: 1_024 }]) {
    const workload = { ...BASE, items: 100, ...change }
    const lines = [0, 7, 99].flatMap(item => [0, 1, 2, 3].map(values => lineOf(workload, item, values)))
    t.deepEqual(
      lines.filter(line => line.length !== lines[0]!.length),
      [],
    )
    const { item, fields } = JSON.parse(lines[5]!)
    t.is(item, itemName(7))
    t.is(Object.keys(fields).length, workload.fields + (workload.lineBytes > 0 ? 1 : 0))
    if (workload.lineBytes > 0) t.is(lines[0]!.length, workload.lineBytes)
    if (workload.fields > 1) t.is(new Set(lines).size, lines.length)
  }
})

test('[PF6] of the filters one lets all pass, one the same half of the items always, one half of the updates', t => {
  const workload = { ...BASE, items: 100, fields: 6 }
  const all = Array.from({ length: 800 }, (_, index) => ({ item: index % 100, values: Math.floor(index / 100) }))
  const passed = (filter: keyof typeof FILTERS) =>
    all.filter(({ item, values }) => FILTERS[filter].passes(JSON.parse(lineOf(workload, item, values)).fields))
  t.is(passed('all').length, all.length)
  t.deepEqual(
    passed('venue'),
    all.filter(({ item }) => item % 2 === 0),
  )
  const sizes = passed('size')
  t.true(sizes.length > 320 && sizes.length < 480, `${sizes.length} of ${all.length}`)
  t.true(new Set(sizes.map(({ item }) => item)).size > 90, 'now one item, now another')
})

/** Who reads, and in which process. */

import test from 'ava'
import { groupsOf, readersOf, splitGroups } from '#perf/load/groups.ts'
import { BASE } from '#perf/variants/variant.ts'
import { itemsOf } from '#perf/workload.ts'
import { Random, seedOr } from '#test/support/random.ts'

test('[PF5] every client is in one process, once, and no process has more than its file descriptors allow', t => {
  const random = new Random(seedOr(5))
  for (let round = 0; round < 30; round++) {
    const workload = {
      ...BASE,
      clients: 1 + random.int(25_000),
      idleClients: random.int(2) * random.int(20_000),
      stalledShare: random.int(3) / 10,
      slowShare: random.int(3) / 10,
    }
    const jobs = splitGroups(groupsOf(workload))
    const about = `seed ${random.seed}, round ${round}`
    const numbers = jobs.flat().flatMap(({ first, count }) => Array.from({ length: count }, (_, i) => first + i))
    const count = workload.clients + workload.idleClients
    t.is(numbers.length, count, about)
    t.is(new Set(numbers.filter(number => number >= 0 && number < count)).size, count, about)
    for (const job of jobs) t.true(job.reduce((sum, { count }) => sum + count, 0) <= 9_010, about)
  }
})

test('[PF5] the readers of an item are those who were given it; who is only there reads none', t => {
  const workload = { ...BASE, clients: 50, items: 20, itemsPerClient: 3, idleClients: 10 }
  const readers = readersOf(workload, groupsOf(workload))
  const expected = new Array(20).fill(0)
  for (let client = 0; client < 50; client++) for (const item of itemsOf(workload, client)) expected[item]++
  t.deepEqual(readers, expected)
  t.is(
    readers.reduce((a, b) => a + b, 0),
    150,
  )
})

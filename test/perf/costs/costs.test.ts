import test from 'ava'
import { COSTS_SMALL, measureCosts } from '#perf/costs/costs.ts'
import { median, quantile } from '#perf/costs/figures.ts'

const WRITES = ['64', '256', '700', '930', '1,500', '4,096'].map(bytes => `socket.write ${bytes} B to`)
const NAMES = [
  'copy 72 B',
  'copy 72 B into shared memory',
  'copy 936 B',
  'copy 936 B into shared memory',
  'performance.now()',
  'histogram record',
  'ring hop, 64 B',
  'ring hop, 944 B',
  'doorbell to a sleeping thread, median',
  'doorbell to a sleeping thread, p99',
  'Atomics.notify to a sleeping thread, median',
  'Atomics.notify to a sleeping thread, p99',
  'resident memory per idle socket',
  ...[5, 20].flatMap(sockets => {
    const names = WRITES.map(name => `${name} ${sockets} sockets`)
    return names.flatMap(name => [name, `${name}, user`, `${name}, system`, `${name}, wall`])
  }),
  'paced 700 B to 20 sockets 10/s, CPU per million writes',
  'paced 700 B to 20 sockets 10/s, CPU per million updates, 10 a write',
  'paced 700 B to 20 sockets 10/s, latency p99',
  'paced 100 B to 5 sockets 100/s, CPU per million writes',
  'paced 100 B to 5 sockets 100/s, CPU per million updates, 1 a write',
  'paced 100 B to 5 sockets 100/s, latency p99',
  'writes that were not taken at once',
  'paced ticks that began late',
]
/** The kernel shares CPU time out between user and system by its own ticks, which a short run may lie between. */
const MAY_BE_ZERO = /, (user|system)$|^writes that|^paced ticks/

test('[PC1] the costs at their small size: the same names, each once, and figures that are numbers', async t => {
  t.timeout(60_000)
  const steps: string[] = []
  const costs = await measureCosts(COSTS_SMALL, text => steps.push(text))
  t.deepEqual(
    costs.map(({ name }) => name),
    NAMES,
  )
  t.is(new Set(NAMES).size, NAMES.length)
  for (const { name, value } of costs) {
    t.true(Number.isFinite(value), name)
    // So few sockets may fit into memory that the process has already.
    if (name === 'resident memory per idle socket') continue
    t.true(MAY_BE_ZERO.test(name) ? value >= 0 : value > 0, `${name}: ${value}`)
  }
  t.is(steps[0], 'calls')
  t.true(steps.some(step => step.startsWith('sockets, 1 of 1: ')))
})

test('[PC2] of several repeats the middle one stands for all', t => {
  t.is(median([3, 1, 2]), 2)
  t.is(median([9, 1, 5, 2]), 2)
  t.is(median([7]), 7)
  t.is(median([]), Number.NaN)
})

test('[PC2] a quantile is one of the values, whatever their order', t => {
  const values = Array.from({ length: 200 }, (_, i) => (i * 77) % 200)
  t.is(quantile(values, 0), 0)
  t.is(quantile(values, 0.5), 100)
  t.is(quantile(values, 0.99), 198)
  t.is(quantile(values, 1), 199)
  t.is(quantile([4], 0.99), 4)
  t.is(quantile([], 0.5), Number.NaN)
})

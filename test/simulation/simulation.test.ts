/**
 * Short simulations, a few hundred seeds of them. `SEED=n npx ava test/simulation/simulation.test.ts` runs that seed only,
 * `node test/simulation/run.ts --seed n` shows its last steps too.
 */

import test from 'ava'
import { checkConfig } from '#src/config/check.ts'
import { seedOr } from '../support/random.ts'
import { REGRESSIONS } from './regressions.ts'
import { Simulation, simulate } from './simulation.ts'

/** In groups, so that a failure does not hide the others. */
const GROUPS = 6
const GROUP_SEEDS = process.env.SEED === undefined ? 40 : 1

test('[P22] the same seed is the same run, and another seed is another', t => {
  const run = (seed: number) => {
    const simulation = new Simulation(seed)
    return { outcome: simulation.run(), trace: simulation.trace }
  }
  const seed = seedOr(7)
  t.deepEqual(run(seed), run(seed), `SEED=${seed}`)
  t.notDeepEqual(run(seed).trace, run(seed + 1).trace, `SEED=${seed}`)
})

for (let group = 0; group < (GROUP_SEEDS === 1 ? 1 : GROUPS); group++) {
  const first = seedOr(1 + group * GROUP_SEEDS)
  test(`[P23] the pipeline under faults holds to the truth: seeds ${first} to ${first + GROUP_SEEDS - 1}`, t => {
    let delivered = 0
    for (let seed = first; seed < first + GROUP_SEEDS; seed++) delivered += simulate(seed).delivered
    t.true(delivered > 0, `SEED=${first}: something was delivered`)
  })
}

for (const { title, seed, hasModes = false } of REGRESSIONS) {
  test(`[P24] ${title} (seed ${seed})`, t => {
    t.is(simulate(seed, hasModes).seed, seed)
  })
}

test('[P25] a flush that its ring could not take is refused as a setting', t => {
  const given = new Map([['flushBytesMax' as const, { value: 4 * 1_048_576, source: 'test' }]])
  t.deepEqual(checkConfig(given).problems, [])
  const smaller = new Map([
    ...given,
    ['edgeRingBytes' as const, { value: 8 * 1_048_576, source: 'test' }],
    ['fieldsMax' as const, { value: 8, source: 'test' }],
  ])
  const { problems } = checkConfig(smaller)
  t.is(problems.length, 1)
  t.regex(problems[0]!, /a flush needs/)
})

import test from 'ava'
import { type Comparison, compare, comparisonText, type Verdict } from '#perf/report/compare.ts'
import type { Report, Run } from '#perf/result.ts'
import { Random, seedOr } from '#test/support/random.ts'
import { quantiles, randomReport, report, row, variant } from './synthetic.ts'

const NO_COSTS = { costs: [] }

function one(cpu: readonly number[], changes: Partial<Run> = {}, others: Partial<Report> = NO_COSTS): Report {
  return report([variant([row('millrace', 'pools', cpu, changes)])], others)
}

function withFloor(cpu: number, floor: number, changes: Partial<Run> = {}): Report {
  return report([variant([row('millrace', 'pools', [cpu], changes), row('floor', '', [floor], changes)])], NO_COSTS)
}

function verdictOf(comparison: Comparison, name: string): Verdict | undefined {
  return comparison.rows[0]!.changes.find(change => change.name === name)?.verdict
}

const OPPOSITE: Readonly<Record<Verdict, Verdict>> = { better: 'worse', same: 'same', worse: 'better' }

test('[PR15] a report beside itself has no change, and whatever is swapped has the opposite verdict', t => {
  const random = new Random(seedOr(44))
  for (let round = 0; round < 40; round++) {
    const before = randomReport(random)
    const itself = compare(before, before)
    t.false(itself.hasRegression, `seed ${random.seed}`)
    t.true(
      itself.rows.every(({ changes }) => changes.every(({ verdict }) => verdict === 'same')),
      `seed ${random.seed}`,
    )
    t.deepEqual([itself.onlyBefore, itself.onlyAfter], [[], []])
    const after = changed(random, before)
    const back = compare(after, before)
    for (const [index, { changes }] of compare(before, after).rows.entries()) {
      for (const { name, verdict } of changes) {
        const other = back.rows[index]!.changes.find(change => change.name === name)
        if (other !== undefined) t.is(other.verdict, OPPOSITE[verdict], `seed ${random.seed}: ${name}`)
      }
    }
  }
})

/** Each row once; every run with another cost and rate. */
function changed(random: Random, { variants, ...rest }: Report): Report {
  const factor = () => 0.5 + random.int(150) / 100
  return {
    ...rest,
    variants: variants.map(each => ({
      ...each,
      rows: each.rows.map(({ runs, ...names }) => ({
        ...names,
        runs: runs.map(run => ({
          ...run,
          serverCpuSecondsPerMillion: run.serverCpuSecondsPerMillion * factor(),
          receivedPerSecond: run.receivedPerSecond * factor(),
        })),
      })),
    })),
  }
}

test('[PR16] a machine twice as slow is no regression while the ratio to the floor stays', t => {
  const comparison = compare(withFloor(6, 4), withFloor(12, 8))
  t.false(comparison.hasRegression)
  const [cpu] = comparison.rows[0]!.changes
  t.deepEqual([cpu!.ratio, cpu!.normalised, cpu!.verdict], [2, 1, 'same'])
  t.deepEqual(comparison.rows[0]!.machine, { ratio: 2, by: 'floor' })
})

test('[PR16] a machine twice as fast does not hide that the ratio to the floor has grown', t => {
  const comparison = compare(withFloor(6, 4), withFloor(6, 2))
  t.is(verdictOf(comparison, 'CPU s/M'), 'worse')
  t.true(comparison.hasRegression)
})

test('[PR16] without a floor the costs of socket.write tell how dear the machine is; parts and other costs do not', t => {
  const costs = (factor: number) => ({
    costs: [
      { name: 'socket.write 64 B', value: 5 * factor, unit: 'µs' },
      { name: 'socket.write 64 B, user', value: 1, unit: 'µs' },
      { name: 'socket.write 512 B', value: 6 * factor, unit: 'µs' },
      { name: 'ring hop', value: 100, unit: 'ns' },
    ],
  })
  const comparison = compare(one([5], {}, costs(1)), one([10], {}, costs(2)))
  t.false(comparison.hasRegression)
  t.is(comparison.rows[0]!.machine?.by, 'socket.write')
  t.true(Math.abs(comparison.rows[0]!.machine!.ratio - 2) < 1e-9)
  t.true(compare(one([5]), one([10])).hasRegression, 'with nothing to go by it is as measured')
})

test('[PR16] a rate that is offered and held is compared as measured, one at the limit as the machine can do', t => {
  const held = { due: 10_000, isHeld: true }
  t.is(verdictOf(compare(withFloor(6, 4, held), withFloor(3, 2, held)), 'received/s'), 'same')
  const limit = { due: 99_000, isHeld: false }
  const half = { ...limit, receivedPerSecond: 500 }
  t.is(verdictOf(compare(withFloor(6, 4, limit), withFloor(12, 8, half)), 'received/s'), 'same')
  t.is(verdictOf(compare(withFloor(6, 4, limit), withFloor(6, 4, half)), 'received/s'), 'worse')
  const lost = { ...held, isHeld: false, receivedPerSecond: 500 }
  const comparison = compare(withFloor(6, 4, held), withFloor(12, 8, lost))
  t.is(verdictOf(comparison, 'received/s'), 'same')
  t.true(comparison.rows[0]!.notes.includes('not held any more'))
})

test('[PR16] p99 is worse when it is so both as measured and normalised, memory as measured', t => {
  const slow = { latencyMs: quantiles(20) }
  t.is(verdictOf(compare(withFloor(6, 4), withFloor(12, 8, slow)), 'p99 ms'), 'same')
  t.is(verdictOf(compare(withFloor(6, 4), withFloor(3, 2)), 'p99 ms'), 'same')
  t.is(verdictOf(compare(withFloor(6, 4), withFloor(6, 4, slow)), 'p99 ms'), 'worse')
  const large = { residentBytes: { empty: 0, connected: 0, max: 200 * 2 ** 20 } }
  t.is(verdictOf(compare(withFloor(6, 4), withFloor(12, 8, large)), 'RSS'), 'worse')
})

test('[PR17] a change counts when it exceeds 5 % and the spread of the runs, of the floor too', t => {
  t.false(compare(one([100]), one([104.9])).hasRegression)
  t.true(compare(one([100]), one([105.1])).hasRegression)
  t.false(compare(one([90, 100, 108]), one([115])).hasRegression)
  t.false(compare(one([100]), one([108, 115, 130])).hasRegression)
  t.true(compare(one([98, 100, 102]), one([108, 110, 112])).hasRegression)
  const floors = (cpu: readonly number[]) => [row('millrace', '', [6]), row('floor', '', cpu)]
  t.true(compare(report([variant(floors([6]))], NO_COSTS), report([variant(floors([4]))], NO_COSTS)).hasRegression)
  t.false(
    compare(report([variant(floors([4, 6, 9]))], NO_COSTS), report([variant(floors([4]))], NO_COSTS)).hasRegression,
  )
})

test('[PR17] a row that is void now is a regression; a peer that is worse is none', t => {
  const comparison = compare(one([5]), one([5], { faults: ['wrong values'] }))
  t.true(comparison.hasRegression)
  t.true(comparisonText(comparison).endsWith('REGRESSION\n  broadcast: millrace pools: is void\n'))
  const peer = (cpu: number) => report([variant([row('ws', '', [cpu])])], NO_COSTS)
  t.is(verdictOf(compare(peer(5), peer(50)), 'CPU s/M'), 'worse')
  t.false(compare(peer(5), peer(50)).hasRegression)
})

test('[PR17] figures that one of the reports has not are not compared', t => {
  const nothing = { received: 0, receivedPerSecond: 0, latencyMs: null }
  const names = compare(one([5]), one([0], nothing)).rows[0]!.changes.map(({ name }) => name)
  t.deepEqual(names, ['received/s', 'RSS'])
})

test('[PR18] another version of the report is refused, before or after', t => {
  const other = { ...one([5]), version: 0 } as unknown as Report
  t.throws(() => compare(other, one([5])), { code: 'REPORT_VERSION_DIFFERS' })
  t.throws(() => compare(one([5]), other), { code: 'REPORT_VERSION_DIFFERS' })
})

test('[PR19] rows that only one of the reports has are listed, and other machines and commands are told', t => {
  const machine = { cpu: 'another CPU', cores: 4, memoryBytes: 1, kernel: '6', node: '24.0.0' }
  const before = report([
    variant([row('millrace', 'a', [5]), row('millrace', 'b', [5])]),
    variant([row('ws', '', [5])], { variant: 'idle' }),
  ])
  const after = report([variant([row('millrace', 'a', [5]), row('millrace', 'c', [5])], { command: 'another' })], {
    machine,
  })
  const comparison = compare(before, after)
  t.deepEqual(comparison.onlyBefore, ['broadcast: millrace b', 'idle: ws'])
  t.deepEqual(comparison.onlyAfter, ['broadcast: millrace c'])
  t.deepEqual(
    comparison.rows.map(({ label }) => label),
    ['a'],
  )
  const text = comparisonText(comparison)
  for (const said of [
    'only before: idle: ws',
    'only after: broadcast: millrace c',
    'another command before',
    'not the same machine',
  ]) {
    t.true(text.includes(said), said)
  }
  t.true(text.endsWith('no regression\n'))
})

test('[PR19] the comparison shows each figure before and after, marks what is worse, and fits the terminal', t => {
  const text = comparisonText(compare(withFloor(6, 4), withFloor(16, 8)))
  const line = text.split('\n').find(each => each.includes('millrace pools'))!
  t.deepEqual(line.trim().split(/\s+/).slice(2, 7), ['x2.00', '6.00', '16.0', 'x2.67!', 'x1.33'])
  t.true(text.includes('CPU s/M x2.67, x1.33 normalised by floor (counts from 5 % on)'))
  const random = new Random(seedOr(45))
  for (let round = 0; round < 20; round++) {
    const before = randomReport(random)
    for (const each of comparisonText(compare(before, changed(random, before))).split('\n')) {
      t.true(each.length <= 140, `seed ${random.seed}: ${each}`)
    }
  }
})

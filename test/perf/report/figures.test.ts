import test from 'ava'
import { columnsFor, headlineOf, viewsOf } from '#perf/report/figures.ts'
import { mebibytes, percent, round, short, whole } from '#perf/report/format.ts'
import { report, row, run, variant } from './synthetic.ts'

test('[PR1] a row shows the run in the middle by CPU, and from which to which all of them went', t => {
  const [view] = viewsOf(variant([row('millrace', 'pools', [7, 3, 5])]))
  t.is(view!.run.serverCpuSecondsPerMillion, 5)
  t.deepEqual(view!.cpuRange, { min: 3, max: 7 })
})

test('[PR1] of an even number of runs the lower one is shown; one run has no spread', t => {
  t.is(viewsOf(variant([row('millrace', '', [9, 1, 7, 3])]))[0]!.run.serverCpuSecondsPerMillion, 3)
  t.is(viewsOf(variant([row('millrace', '', [9])]))[0]!.cpuRange, null)
})

test('[PR2] a row is held against the only floor of its variant', t => {
  const views = viewsOf(variant([row('millrace', 'pools', [6]), row('floor', '', [4]), row('ws', '', [10])]))
  t.deepEqual(
    views.map(({ floorRatio }) => floorRatio),
    [1.5, null, 2.5],
  )
})

test('[PR2] of several floors the one of the same label counts, and none where none has it', t => {
  const rows = [row('millrace', 'a', [6]), row('millrace', 'c', [6]), row('floor', 'a', [2]), row('floor', 'b', [3])]
  const views = viewsOf(variant(rows))
  t.deepEqual(
    views.map(({ floorRatio }) => floorRatio),
    [3, null, null, null],
  )
})

test('[PR3] a server that delivered nothing has no cost per update, and does not look cheap', t => {
  const nothing = { received: 0, receivedPerSecond: 0, isHeld: false }
  const views = viewsOf(variant([row('ws', '', [0], nothing), row('floor', '', [4])]))
  const cost = columnsFor(views).find(({ head }) => head === 'med')!
  t.is(cost.cell(views[0]!), null)
  t.is(views[0]!.floorRatio, null)
})

test('[PR3] a column in which no row has anything to say is left out', t => {
  const heads = (rows: Parameters<typeof variant>[0]) => columnsFor(viewsOf(variant(rows))).map(({ head }) => head)
  const all = ['due', 'read', 'held', 'med', 'p50', 'p90', 'p99', 'p99.9', 'max', 'p50', 'p99', 'bytes', '/write']
  t.deepEqual(heads([row('millrace', '', [5])]), [...all, 'srv', 'cli', 'MiB'])
  t.true(heads([row('millrace', '', [5, 6])]).includes('min..max'))
  t.true(heads([row('millrace', '', [5]), row('floor', '', [5])]).includes('floor'))
  t.true(heads([row('millrace', '', [5], { isClientBottleneck: true })]).includes('note'))
  const bare = { due: 0, received: 0, latencyMs: null, ageMs: null, updatesPerWrite: null }
  t.deepEqual(heads([row('millrace', '', [5], bare)]), ['srv', 'cli', 'MiB'])
})

test('[PR4] a fault of any run makes its row void, and stands there once with the numbers of its runs', t => {
  const sound = run()
  const wrong = run({ faults: ['wrong values'] })
  const [view] = viewsOf(variant([{ target: 'millrace', label: '', runs: [wrong, sound, wrong] }]))
  t.deepEqual(view!.faults, ['wrong values (run 1, 3)'])
  t.is(columnsFor([view!]).at(-1)!.cell(view!), 'void')
})

test('[PR5] the head of a report is the first row of Millrace in the first variant', t => {
  const first = variant([row('floor', '', [1]), row('millrace', 'a', [2]), row('millrace', 'b', [3])])
  t.is(headlineOf(report([first, variant([row('millrace', 'c', [4])])]))?.view.name, 'millrace a')
  t.is(headlineOf(report([variant([row('ws', '', [4])])])), null)
  t.is(headlineOf(report([])), null)
})

test('[PR6] numbers have the digits that tell something, in at most five characters', t => {
  const table: [number, string][] = [
    [0, '0'],
    [0.004, '0.004'],
    [0.8349, '0.83'],
    [6.612, '6.61'],
    [66.12, '66.1'],
    [99.96, '100'],
    [661.2, '661'],
    [6_612, '6612'],
    [9_999.9, '10.0k'],
    [12_345, '12.3k'],
    [999_960, '1.00M'],
    [1_234_567, '1.23M'],
    [-42_000, '-42.0k'],
  ]
  for (const [value, text] of table) t.is(short(value), text)
  for (let value = 0.01; value < 1e11; value *= 1.37) t.true(short(value).length <= 5, `${value}: ${short(value)}`)
})

test('[PR6] what was not taken, or is no number, is a dash and never 0', t => {
  for (const format of [short, whole, percent, mebibytes]) {
    for (const value of [null, Number.NaN, Number.POSITIVE_INFINITY]) t.is(format(value), '–')
  }
})

test('[PR6] shares, bytes and the round numbers of an axis', t => {
  t.deepEqual([0, 0.004, 0.0995, 0.83, 1.8].map(percent), ['0%', '0.4%', '10%', '83%', '180%'])
  t.deepEqual([0, 2 ** 20, 2 ** 30 * 12].map(mebibytes), ['0', '1.00', '12.3k'])
  t.deepEqual([0, 0.2, 5, 50, 100, 1_500, 20_000, 1_500_000].map(round), [
    '0',
    '0.2',
    '5',
    '50',
    '100',
    '1500',
    '20k',
    '1.5M',
  ])
  t.is(whole(1_234_567.4), '1,234,567')
})

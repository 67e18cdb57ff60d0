import test from 'ava'
import { axisFor, linearAxis, quantileAxis } from '#perf/report/axis.ts'
import { viewsOf } from '#perf/report/figures.ts'
import { sweepOf } from '#perf/report/sweep.ts'
import { Random, seedOr } from '#test/support/random.ts'
import { row, variant } from './synthetic.ts'

test('[PR14] a linear axis begins at 0, ends at or above the greatest value, and counts in 1, 2 or 5', t => {
  const values = (max: number) => linearAxis('', max, String).ticks.map(({ value }) => value)
  t.deepEqual(values(5), [0, 1, 2, 3, 4, 5])
  t.deepEqual(values(0.34), [0, 0.1, 0.2, 0.3, 0.4])
  t.deepEqual(values(1_900), [0, 500, 1_000, 1_500, 2_000])
  t.deepEqual(values(0), [0, 0.2, 0.4, 0.6, 0.8, 1])
})

test('[PR14] values that lie far apart are on a logarithmic axis, unless one of them is 0', t => {
  const axis = axisFor('ms', [3, 700], String)
  t.is(axis.name, 'ms, logarithmic')
  t.is(axis.ticks[0]!.value, 2)
  t.is(axis.ticks.at(-1)!.value, 1_000)
  t.true(Math.abs(axis.at(20) - Math.log(10) / Math.log(500)) < 1e-9)
  t.is(axisFor('ms', [0, 3, 700], String).name, 'ms')
  t.is(axisFor('ms', [3, 80], String).name, 'ms')
})

test('[PR14] on the axis of quantiles each nine is one step', t => {
  const { at, ticks } = quantileAxis()
  t.is(at(0.5), 0)
  t.is(at(0.999), 1)
  t.true(Math.abs(at(0.99) - at(0.9) - (at(0.999) - at(0.99))) < 1e-9)
  t.deepEqual(
    ticks.map(({ text }) => text),
    ['p50', 'p90', 'p99', 'p99.9'],
  )
})

test('[PR14] every value has a place between 0 and 1, a greater one never a lower place, and ticks are few', t => {
  const random = new Random(seedOr(43))
  for (let round = 0; round < 500; round++) {
    const values = Array.from({ length: random.int(8) }, () => random.int(1_000) * 10 ** (random.int(20) - 10))
    const { at, ticks } = axisFor('', values, String)
    const places = [...values].sort((a, b) => a - b).map(at)
    for (const [index, place] of places.entries()) {
      t.true(place >= 0 && place <= 1 && place >= (places[index - 1] ?? 0), `seed ${random.seed}: ${values}`)
    }
    t.true(ticks.length >= 2 && ticks.length <= 9, `seed ${random.seed}: ${ticks.length} ticks for ${values}`)
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, -1]) t.true(at(value) >= 0 && at(value) <= 1)
  }
})

test('[PR13] what was turned is the figure whose number is in the label, however it is written', t => {
  const labels = ['single, 500 idle', 'single, 4k idle', 'single, 12,000 idle', 'pools, 4000 idle', 'other']
  const idle = [500, 4_000, 12_000, 4_000, 9]
  const rows = labels.map((label, index) => {
    return row('millrace', label, [5], { extra: { 'KiB each': 4, 'idle connections': idle[index]! } })
  })
  const sweep = sweepOf(viewsOf(variant([rows[2]!, rows[0]!, rows[1]!, rows[3]!, rows[4]!])))
  t.is(sweep?.name, 'idle connections')
  t.deepEqual(
    sweep?.lines.map(({ name, points }) => [name, ...points.map(({ x }) => x)]),
    [['millrace single, idle', 500, 4_000, 12_000]],
  )
})

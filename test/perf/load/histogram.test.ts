/** Histograms that were taken apart from each other, put together. */

import test from 'ava'
import { addEncoded, encode, newHistogram, quantilesOf, record } from '#perf/load/histogram.ts'
import { Random, seedOr } from '#test/support/random.ts'

/** Three digits. */
function isNear(found: number, expected: number): boolean {
  return Math.abs(found - expected) <= expected * 0.002
}

test('[PF4] histograms of several processes together are the histogram of everything', t => {
  const random = new Random(seedOr(4))
  const whole = newHistogram()
  const parts = [newHistogram(), newHistogram(), newHistogram()]
  for (let i = 0; i < 5_000; i++) {
    const us = random.int(random.pick([100, 10_000, 700_000_000]))
    record(whole, us, 1)
    record(random.pick(parts), us, 1)
  }
  const total = newHistogram()
  for (const part of parts) addEncoded(total, encode(part))
  const [found, expected] = [quantilesOf(total)!, quantilesOf(whole)!]
  t.is(found.count, 5_000)
  for (const key of ['mean', 'p50', 'p90', 'p99', 'p999', 'max'] as const) {
    t.true(isNear(found[key], expected[key]), `seed ${random.seed}, ${key}: ${found[key]}, ${expected[key]}`)
  }
})

test('[PF4] quantiles are true within three digits; nothing has none', t => {
  t.is(quantilesOf(newHistogram()), null)
  const histogram = newHistogram()
  for (let ms = 1; ms <= 1_000; ms++) record(histogram, ms * 1_000, 1)
  record(histogram, -5, 1)
  const { count, p50, p99, p999, max } = quantilesOf(histogram)!
  t.is(count, 1_001)
  t.true(
    isNear(p50, 500) && isNear(p99, 990) && isNear(p999, 999) && isNear(max, 1_000),
    `${p50} ${p99} ${p999} ${max}`,
  )
})

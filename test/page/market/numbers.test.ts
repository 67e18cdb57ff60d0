import test from 'ava'
import {
  bytesText,
  changeText,
  countText,
  decimalsOf,
  durationText,
  fixed,
  numberOf,
  padded,
  sizeText,
} from '#src/page/app/market/numbers.ts'
import { RATE_STEP_MAX, rateOfStep, rateText, stepOfRate } from '#src/page/app/market/rate-scale.ts'

test('[PG3] sizes are short, and no size is shown as another one of its length', t => {
  const shown = [0, 0.14, 1.5, 66.37, 1742.2, 9999, 10_000, 12_345, 999_499, 999_500, 1_250_000, 18_100_000, 2e9]
  t.deepEqual(
    shown.map(size => sizeText(size)),
    ['0', '0.14', '1.5', '66.37', '1742.2', '9999', '10k', '12.3k', '999k', '1M', '1.25M', '18.1M', '2B'],
  )
  t.is(sizeText(Number.NaN), '–')
})

test('[PG3] a change has its sign, and nothing is none', t => {
  t.deepEqual(
    [0.234, -0.239, 0.001, -0.004, Number.NaN].map(change => changeText(change)),
    ['+0.23', '-0.24', '0.00', '0.00', '–'],
  )
})

test('[PG3] what is no number has no digits', t => {
  t.deepEqual([numberOf('1.20'), decimalsOf('1.20'), decimalsOf('12'), decimalsOf(null)], [1.2, 2, 0, 0])
  for (const text of ['', 'x', '1e5', ' 1', null, undefined]) t.true(Number.isNaN(numberOf(text)))
  t.is(fixed(Number.NaN, 2), '–')
})

test('[PG3] prices of different precision are made equally long, digit for digit', t => {
  t.deepEqual(
    ['1.25', '12', '3.1234', '1.23456', '–'].map(price => padded(price, 4)),
    ['1.25\u2007\u2007', '12\u2008\u2007\u2007\u2007\u2007', '3.1234', '1.23456', '–'],
  )
})

test('[PG3] rates, bytes and ages are told in their largest unit', t => {
  t.deepEqual([0, 0.5, 7.04, 131.4, 12_345].map(countText), ['0', '0.5', '7.0', '131', '12.3k'])
  t.deepEqual([12, 8_100, 2_500_000].map(bytesText), ['12 B', '8.1 kB', '2.5 MB'])
  t.deepEqual([3.4, 1_500, 120_000, 7_200_000].map(durationText), ['3 ms', '1.5 s', '2 min', '2 h'])
})

test('[PG4] the slider goes from one update in two seconds to as they come, and finds back', t => {
  t.is(rateOfStep(0), 0.5)
  t.is(rateOfStep(RATE_STEP_MAX), null)
  for (let step = 0; step <= RATE_STEP_MAX; step++) t.is(stepOfRate(rateOfStep(step)), step)
  t.is(stepOfRate(3), stepOfRate(2))
  t.is(stepOfRate(0.1), 0)
  t.is(rateOfStep(-1), 0.5)
  t.is(rateOfStep(99), null)
  t.deepEqual([0.5, 5, null].map(rateText), ['1 in 2 s', '5/s', 'unlimited'])
})

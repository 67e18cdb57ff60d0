import test from 'ava'
import { Backoff } from '#src/client/backoff.ts'

test('[CL5] the bound doubles up to its maximum, and begins anew after a reset', t => {
  const backoff = new Backoff({ minMs: 100, maxMs: 1_000 }, () => 0.5)
  t.deepEqual(
    Array.from({ length: 6 }, () => backoff.next()),
    [50, 100, 200, 400, 500, 500],
  )
  backoff.reset()
  t.is(backoff.next(), 50)
})

test('[CL5] a wait is anything from 0 to its bound', t => {
  const draws = [0, 0.25, 0.999]
  const backoff = new Backoff({ minMs: 1_000, maxMs: 1_000 }, () => draws.shift()!)
  t.deepEqual([backoff.next(), backoff.next(), backoff.next()], [0, 250, 999])
})

test('[CL5] the bound is kept however often it is tried', t => {
  const backoff = new Backoff({ minMs: 500, maxMs: 30_000 }, () => 1)
  for (let i = 0; i < 2_000; i++) t.true(backoff.next() <= 30_000)
})

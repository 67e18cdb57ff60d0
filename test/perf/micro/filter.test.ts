import test from 'ava'
import { run } from '#perf/micro/filter.ts'

test('[FI13] the measure of filters passes the rows that it should, also at its small size', t => {
  const results = run(true)
  t.true(results.every(({ nsPerRow }) => nsPerRow >= 0))
  t.deepEqual(
    results.map(({ text, passed }) => [text.slice(0, 20), passed]),
    [
      ['bid > 1.1 and venue ', 64],
      ['bid > 1.1', 256],
      ['venue = "kraken"', 64],
      ['venue < "gemini"', 128],
      ['venue in ("kraken", ', 192],
      ['ask > bid', 256],
      ['phase is null', 256],
      // Half of the names, and of the rest the numbers 5, 9, 13 of each hundred.
      ['bid >= 1.105 and bid', 128 + 9],
    ],
  )
})

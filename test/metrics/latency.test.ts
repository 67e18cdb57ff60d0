import test from 'ava'
import { LatencyRecorder } from '#src/metrics/latency.ts'
import { BLOCK_SLOTS, M, ThreadMetrics } from '#src/metrics/names.ts'
import { Random, seedOr } from '#test/support/random.ts'

function quantilesOf(recorder: LatencyRecorder): number[] {
  const metrics = new ThreadMetrics(new Float64Array(BLOCK_SLOTS))
  recorder.publish(metrics)
  return [0, 1, 2, 3].map(index => metrics.get(M.latency + index))
}

function isNear(actual: number, expected: number): boolean {
  return Math.abs(actual - expected) <= expected * 0.001 + 0.000_001
}

test('[M6] the quantiles are those of a window, weighted, in seconds; the next window begins empty', t => {
  const recorder = new LatencyRecorder()
  recorder.record(1, 89)
  recorder.record(5, 9)
  recorder.record(20, 1)
  recorder.record(2_000, 1)
  const seconds = quantilesOf(recorder)
  for (const [index, expected] of [0.001, 0.005, 0.02, 2].entries())
    t.true(isNear(seconds[index]!, expected), `${seconds}`)
  t.deepEqual(quantilesOf(recorder), [0, 0, 0, 0])
})

test('[M6] what is no time, or out of range, harms nothing', t => {
  const recorder = new LatencyRecorder()
  recorder.record(Number.NaN, 5)
  recorder.record(7, 0)
  recorder.record(7, -1)
  t.deepEqual(quantilesOf(recorder), [0, 0, 0, 0])
  recorder.record(-3, 1)
  t.deepEqual(quantilesOf(recorder), [0, 0, 0, 0])
  recorder.record(1e12, 1)
  recorder.record(Number.POSITIVE_INFINITY, 1)
  t.true(isNear(quantilesOf(recorder)[3]!, 3_600))
})

test('[M6] quantiles are as those of a sorted list', t => {
  const random = new Random(seedOr(99))
  const recorder = new LatencyRecorder()
  for (let window = 0; window < 20; window++) {
    const all: number[] = []
    for (let i = 1 + random.int(200); i > 0; i--) {
      const ms = random.int(1_000_000) / 10 ** random.int(4)
      const count = 1 + random.int(4)
      recorder.record(ms, count)
      for (let n = 0; n < count; n++) all.push(ms)
    }
    all.sort((a, b) => a - b)
    const seconds = quantilesOf(recorder)
    for (const [index, quantile] of [0.5, 0.9, 0.99, 1].entries()) {
      const expected = all[Math.max(0, Math.ceil(all.length * quantile) - 1)]! / 1_000
      t.true(isNear(seconds[index]!, expected), `SEED=${random.seed} window ${window}: ${seconds[index]} ${expected}`)
    }
  }
})

/**
 * How old updates are when they are written: recorded by the thread that writes, told as quantiles of a window. The only
 * door to hdr-histogram-js.
 *
 * Values are kept in µs with three digits, up to an hour (longer counts as an hour), in 100 KB allocated once. A record
 * costs 100 ns: once for each batch, weighted with its updates, never for each update.
 */

import { build } from 'hdr-histogram-js'
import { M, type ThreadMetrics } from './names.ts'

const US_PER_MS = 1_000
const US_PER_S = 1_000_000
const HIGHEST_US = 3_600 * US_PER_S

export class LatencyRecorder {
  readonly #histogram = build({
    bitBucketSize: 64,
    autoResize: false,
    lowestDiscernibleValue: 1,
    highestTrackableValue: HIGHEST_US,
    numberOfSignificantValueDigits: 3,
  })

  /** `count` updates were `ms` old. Less than 0 (clocks of two threads) counts as 0; NaN and a count of 0 as nothing. */
  record(ms: number, count: number): void {
    if (!(count > 0) || Number.isNaN(ms)) return
    const us = Math.round(ms * US_PER_MS)
    this.#histogram.recordValueWithCount(us > 0 ? Math.min(us, HIGHEST_US) : 0, count)
  }

  /** Puts the quantiles since the last call into the gauges, 0 when nothing was recorded, and begins a new window. */
  publish(metrics: ThreadMetrics): void {
    const histogram = this.#histogram
    const isEmpty = histogram.totalCount === 0
    metrics.set(M.latency, isEmpty ? 0 : histogram.getValueAtPercentile(50) / US_PER_S)
    metrics.set(M.latency + 1, isEmpty ? 0 : histogram.getValueAtPercentile(90) / US_PER_S)
    metrics.set(M.latency + 2, isEmpty ? 0 : histogram.getValueAtPercentile(99) / US_PER_S)
    metrics.set(M.latency + 3, isEmpty ? 0 : histogram.maxValue / US_PER_S)
    if (!isEmpty) histogram.reset()
  }
}

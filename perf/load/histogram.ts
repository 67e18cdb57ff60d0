/** HdrHistograms of µs: three digits, up to ten minutes; merged over processes and told in ms. */

import { build, decodeFromCompressedBase64, encodeIntoCompressedBase64, type Histogram } from 'hdr-histogram-js'
import type { Quantiles } from '#perf/result.ts'

const US_MAX = 600_000_000
const US_PER_MS = 1_000

export function newHistogram(): Histogram {
  return build({
    bitBucketSize: 32,
    lowestDiscernibleValue: 1,
    highestTrackableValue: US_MAX,
    numberOfSignificantValueDigits: 3,
  })
}

/** Times below 0 (two readings of one clock on two cores) count as 0. */
export function record(histogram: Histogram, us: number, count: number): void {
  histogram.recordValueWithCount(us <= 0 ? 0 : us >= US_MAX ? US_MAX : Math.round(us), count)
}

export function encode(histogram: Histogram): string {
  return encodeIntoCompressedBase64(histogram)
}

export function addEncoded(total: Histogram, text: string): void {
  total.add(decodeFromCompressedBase64(text, 32))
}

export function quantilesOf(histogram: Histogram): Quantiles | null {
  if (histogram.totalCount === 0) return null
  const at = (percentile: number) => histogram.getValueAtPercentile(percentile) / US_PER_MS
  return {
    count: histogram.totalCount,
    mean: histogram.mean / US_PER_MS,
    p50: at(50),
    p90: at(90),
    p99: at(99),
    p999: at(99.9),
    max: histogram.maxValue / US_PER_MS,
  }
}

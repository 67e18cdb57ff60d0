/** What a process counts of a group of its clients. */

import type { Histogram } from 'hdr-histogram-js'
import { encode, newHistogram } from './histogram.ts'
import type { ClientGroup, GroupCount } from './messages.ts'

export class LoadGroup {
  readonly spec: ClientGroup
  readonly latency: Histogram = newHistogram()
  readonly age: Histogram = newHistogram()
  received = 0
  bytes = 0
  reads = 0
  /** Since the start: connections that the server ended, and those that the client did. */
  closed = 0
  renewed = 0

  constructor(spec: ClientGroup) {
    this.spec = spec
  }

  /** What came since the last count. */
  count(): GroupCount {
    const { received, bytes, reads, closed, renewed } = this
    const [latency, age] = [encode(this.latency), encode(this.age)]
    this.latency.reset()
    this.age.reset()
    this.received = 0
    this.bytes = 0
    this.reads = 0
    return { name: this.spec.name, received, bytes, reads, latency, age, closed, renewed }
  }
}

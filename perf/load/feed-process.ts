/**
 * The process of a feed: publishes a workload's updates, or a recording's, at the times that they are due (PacedFeed), or
 * as fast as the server takes them (FloodConnection). It obeys the harness by messages and ends with it.
 */

import { connect } from 'node:net'
import { performance } from 'node:perf_hooks'
import type { Workload } from '#perf/workload.ts'
import { FEED_PROTOCOLS, type FeedProtocol } from './feed-protocols.ts'
import { FloodConnection } from './flood.ts'
import type { FeedJob, FloodJob, FromFeed, ToFeed } from './messages.ts'
import { PacedFeed } from './paced-feed.ts'
import { readRecording } from './recording.ts'
import { recordingSource, type Source, workloadSource } from './source.ts'
import { nowUs } from './stamp.ts'
import { tableSource } from './table-source.ts'

const TICK_MS = 1

let feed: PacedFeed
let port: number
let workload: Workload
let floods: FloodConnection[] = []
/** By item: lines of floods that were not counted yet. */
let flooded: number[] = []

function tell(message: FromFeed): void {
  process.send!(message)
}

function open(job: FeedJob): void {
  const protocol = FEED_PROTOCOLS[job.protocol]!
  port = job.port
  workload = job.workload
  const source = sourceOf(job, protocol)
  flooded = new Array<number>(source.items).fill(0)
  const socket = connect({ host: '127.0.0.1', port, noDelay: true }, () => {
    if (protocol.greeting !== null) socket.write(protocol.greeting)
    feed = new PacedFeed(source, socket, nowUs)
    setInterval(() => feed.send(), TICK_MS)
    tell({ is: 'open' })
  })
  // Acknowledgements are read and let go: what a paced feed sends does not depend on them.
  socket.on('data', () => {})
  socket.on('drain', () => {
    feed.isWritable = true
  })
  socket.on('error', fail)
  socket.on('close', () => fail(new Error('the server ended the connection')))
}

function sourceOf({ recording }: FeedJob, protocol: FeedProtocol): Source {
  if (recording !== null) return recordingSource(readRecording(recording), protocol)
  return workload.rows > 0 ? tableSource(workload, protocol) : workloadSource(workload, protocol)
}

/** Connections stay when a flood is over: without them their items would be stale. */
async function flood({ connections, seconds }: FloodJob): Promise<void> {
  if (floods.length === 0) floods = openFloods(Math.min(connections, workload.items))
  await Promise.all(floods.map(one => one.connected()))
  const before = performance.eventLoopUtilization()
  const startUs = nowUs()
  const stop = new Promise(resolve => setTimeout(resolve, seconds * 1_000))
  const lines = await Promise.all(floods.map(one => one.run(stop)))
  const tookSeconds = (nowUs() - startUs) / 1e6
  for (const [index, { items }] of floods.entries()) {
    for (const item of items) flooded[item]! += lines[index]! / items.length
  }
  const { utilization } = performance.eventLoopUtilization(before)
  tell({ is: 'flooded', lines: lines.reduce((a, b) => a + b, 0), seconds: tookSeconds, utilisation: utilization })
}

function openFloods(count: number): FloodConnection[] {
  return Array.from({ length: count }, (_, index) => {
    const items = Array.from({ length: workload.items }, (_, item) => item).filter(item => item % count === index)
    return new FloodConnection(port, workload, items)
  })
}

function count(): void {
  const { due, sent, lateMsMax } = feed.count()
  const floodLines = flooded.reduce((a, b) => a + b, 0)
  tell({ is: 'count', due: due.map((lines, item) => lines + flooded[item]!), sent: sent + floodLines, lateMsMax })
  flooded.fill(0)
}

function stop(): void {
  feed.setRate(0)
  tell({ is: 'stopped' })
}

function fail(error: Error): void {
  tell({ is: 'failed', why: error.message })
}

process.on('message', (message: ToFeed) => {
  if (message.do === 'open') open(message.job)
  else if (message.do === 'rate') feed.setRate(message.rate)
  else if (message.do === 'flood') flood(message.job).catch(fail)
  else if (message.do === 'count') count()
  else if (message.do === 'stop') stop()
  else tell({ is: 'closed', truth: feed.close(message.stamp) })
})
process.on('disconnect', () => process.exit(0))

/**
 * A process of load clients: raw sockets in one thread, one read buffer for all of them, nothing parsed that is only
 * counted. It obeys the harness by messages (messages.ts) and ends with it.
 */

import { type EventLoopUtilization, performance } from 'node:perf_hooks'
import { FILTERS, itemsOf, seeded, type Workload } from '#perf/workload.ts'
import { clientProtocol } from './client-protocols.ts'
import { encode, newHistogram, record } from './histogram.ts'
import { LoadClient, type LoadRoom } from './load-client.ts'
import { LoadGroup } from './load-group.ts'
import type { ClientJob, FromClients, ToClients, Waits } from './messages.ts'
import { Scanner } from './scan.ts'
import { lastLineOf } from './source.ts'
import { nowUs } from './stamp.ts'

/** Connections that are being made at the same time. */
const OPENING_MAX = 200
/** Slow clients get what they may read this often. */
const SLOW_TICK_MS = 100
/** A client that came with all others and was not let in tries again. */
const RETRY_MS = 100
const RETRIES_MAX = 300
/** How long clients that read again may wait for an update that is due after that. */
const FRESH_MS_MAX = 30_000
const FRESH_LOOK_MS = 20
const US_PER_SECOND = 1_000_000

const groups: LoadGroup[] = []
const clients: LoadClient[] = []
/** What is being done about connections: none is half open when the end begins. */
const renewals = new Set<Promise<unknown>>()
let room: LoadRoom
let isEnding = false
let utilisation: EventLoopUtilization = performance.eventLoopUtilization()

function tell(message: FromClients): void {
  process.send!(message)
}

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

async function open(job: ClientJob): Promise<void> {
  const { port, network, workload } = job
  const protocol = clientProtocol(job.protocol, workload)
  room = { port, network, protocol, workload, scanner: new Scanner(job.distanceMin), timedEvery: 0, endStamp: -1 }
  for (const spec of job.groups) {
    const group = new LoadGroup(spec)
    groups.push(group)
    for (let number = spec.first; number < spec.first + spec.count; number++) {
      clients.push(spec.items === null ? clientOf(job, group, number) : clientOfItems(group, number, spec.items))
    }
  }
  const waits = await openAll(OPENING_MAX, 0)
  if (groups.some(({ spec }) => (spec.bytesPerSecond ?? 0) > 0)) setInterval(allow, SLOW_TICK_MS)
  for (const [index, client] of clients.entries()) if (client.group.spec.lifeMs !== null) churn(client, index)
  tell({ is: 'open', waits })
}

function clientOf({ workload, names }: ClientJob, group: LoadGroup, number: number): LoadClient {
  const items = itemsOf(workload, number)
  const all = items.map(item => names[item]!)
  return new LoadClient(room, group, number, all, endsOf(workload, items))
}

function clientOfItems(group: LoadGroup, number: number, items: readonly string[]): LoadClient {
  return new LoadClient(room, group, number, items, items.length)
}

/** How many last updates a client of these items gets: of a whole table one of each side, of a window that of its own. */
function endsOf(workload: Workload, items: readonly number[]): number {
  const { rows, window, filter } = workload
  if (rows > 0) return window > 0 ? items.length : 2 * items.length
  if (filter === 'none') return items.length
  const fieldsOf = (item: number) =>
    (JSON.parse(lastLineOf(workload, item)) as { fields: Record<string, string> }).fields
  return items.filter(item => FILTERS[filter].passes(fieldsOf(item))).length
}

/** Opens every client, `atOnceMax` at a time, each with so many retries. */
async function openAll(atOnceMax: number, retriesMax: number): Promise<Waits> {
  const [firstByte, served] = [newHistogram(), newHistogram()]
  const startUs = nowUs()
  let failures = 0
  let next = 0
  const openNext = async (): Promise<void> => {
    while (next < clients.length) {
      const client = clients[next++]!
      const fromUs = nowUs()
      for (let retries = 0; ; retries++) {
        const times = await client.open().catch((error: Error) => {
          if (retries >= retriesMax) throw error
          return null
        })
        if (times !== null) {
          record(firstByte, times.firstByteUs - fromUs, 1)
          record(served, times.servedUs - fromUs, 1)
          break
        }
        failures++
        await pause(RETRY_MS)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnceMax, clients.length) }, openNext))
  const seconds = (nowUs() - startUs) / US_PER_SECOND
  return { clients: clients.length, seconds, failures, firstByte: encode(firstByte), served: encode(served) }
}

async function reconnect(): Promise<void> {
  for (const client of clients) {
    client.close()
    client.group.renewed++
  }
  tell({ is: 'reconnected', waits: await openAll(clients.length, RETRIES_MAX) })
}

/** A connection lives for half to one and a half of its group's mean life. */
function churn(client: LoadClient, index: number): void {
  const lifeMs = client.group.spec.lifeMs!
  const next = seeded(room.workload.seed + index)
  const renew = async (): Promise<void> => {
    client.close()
    client.group.renewed++
    await client.open()
    later()
  }
  const later = (): void => {
    setTimeout(
      () => {
        if (isEnding) return
        const renewal = renew().catch(fail)
        renewals.add(renewal)
        renewal.finally(() => renewals.delete(renewal))
      },
      lifeMs / 2 + next(lifeMs),
    )
  }
  later()
}

function allow(): void {
  for (const client of clients) {
    const { bytesPerSecond } = client.group.spec
    if (bytesPerSecond !== null && bytesPerSecond > 0) client.allow((bytesPerSecond * SLOW_TICK_MS) / 1_000)
  }
}

/** Stalled clients read again; resolves when each has an update that was due after that, or the time is up. */
async function resume(): Promise<void> {
  const stalled = clients.filter(({ group }) => group.spec.name === 'stalled')
  for (const client of stalled) client.resume()
  const endMs = performance.now() + FRESH_MS_MAX
  while (performance.now() < endMs && stalled.some(client => client.freshAgeMs === null)) await pause(FRESH_LOOK_MS)
  tell({ is: 'resumed', freshAgesMs: stalled.map(client => client.freshAgeMs) })
}

async function beginEnd(stamp: number): Promise<void> {
  isEnding = true
  await Promise.all(renewals)
  room.endStamp = stamp
  tell({ is: 'ending' })
}

/** Of those that read all that they get. */
function wrongEnds(): number {
  return clients.filter(client => {
    const { name } = client.group.spec
    const isReader = name === 'fast' || name === 'raw' || name === 'churning' || client.hasResumed
    return isReader && !client.isAtEnd
  }).length
}

function count(): void {
  const now = performance.eventLoopUtilization()
  const share = performance.eventLoopUtilization(now, utilisation).utilization
  utilisation = now
  tell({ is: 'count', groups: groups.map(group => group.count()), utilisation: share })
}

function fail(error: Error): void {
  tell({ is: 'failed', why: error.message })
}

process.on('message', (message: ToClients) => {
  if (message.do === 'open') open(message.job).catch(fail)
  else if (message.do === 'time') room.timedEvery = message.every
  else if (message.do === 'count') count()
  else if (message.do === 'resume') resume().catch(fail)
  else if (message.do === 'reconnect') reconnect().catch(fail)
  else if (message.do === 'ending') beginEnd(message.stamp).catch(fail)
  else tell({ is: 'ends', wrong: wrongEnds() })
})
process.on('disconnect', () => process.exit(0))

/** Who reads: the groups of clients that a workload asks for, and over how many processes they are spread. */

import { itemsOf, type Workload } from '#perf/workload.ts'
import type { ClientGroup } from './messages.ts'

/** Of 20,000 file descriptors a process. */
const CLIENTS_A_PROCESS = 9_000
const IDLE_ITEM = 'idle'

/** A group of clients that read as fast as they can, in the workload's mode, until it is said otherwise. */
export function groupOf(workload: Workload, change: Partial<ClientGroup>): ClientGroup {
  const { clients, mode, maxDelayMs } = workload
  return {
    name: 'fast',
    first: 0,
    count: clients,
    bytesPerSecond: null,
    items: null,
    mode,
    maxDelayMs,
    lifeMs: null,
    servedBy: 'head',
    ...change,
  }
}

/** Stalled and slow clients first: which they are does not depend on how many there are of the others. */
export function groupsOf(workload: Workload): ClientGroup[] {
  const { clients, stalledShare, slowShare, slowBytesPerSecond, idleClients } = workload
  const stalled = Math.round(clients * stalledShare)
  const slow = Math.round(clients * slowShare)
  const groups = [
    groupOf(workload, { name: 'stalled', count: stalled, bytesPerSecond: 0 }),
    groupOf(workload, { name: 'slow', first: stalled, count: slow, bytesPerSecond: slowBytesPerSecond }),
    groupOf(workload, { first: stalled + slow, count: clients - stalled - slow }),
    groupOf(workload, { name: 'idle', first: clients, count: idleClients, items: [IDLE_ITEM] }),
  ]
  return groups.filter(group => group.count > 0)
}

/** Spreads groups over as few processes as have the file descriptors, evenly. */
export function splitGroups(groups: readonly ClientGroup[]): ClientGroup[][] {
  const count = groups.reduce((sum, group) => sum + group.count, 0)
  const jobs: ClientGroup[][] = Array.from({ length: Math.ceil(count / CLIENTS_A_PROCESS) }, () => [])
  for (const group of groups) {
    let first = group.first
    for (const [index, job] of jobs.entries()) {
      const end = group.first + Math.round((group.count * (index + 1)) / jobs.length)
      if (end > first) job.push({ ...group, first, count: end - first })
      first = end
    }
  }
  return jobs
}

/** By item: how many of these clients read it. */
export function readersOf(workload: Workload, groups: readonly ClientGroup[]): number[] {
  const readers = new Array<number>(workload.items).fill(0)
  for (const { first, count, items } of groups) {
    if (items !== null) continue
    for (let client = first; client < first + count; client++) {
      for (const item of itemsOf(workload, client)) readers[item]!++
    }
  }
  return readers
}

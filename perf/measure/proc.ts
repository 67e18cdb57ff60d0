/** What processes use, as Linux tells it (/proc): CPU of all their threads, time spent waiting for a core, memory. */

import { readdirSync, readFileSync } from 'node:fs'

const NS_PER_SECOND = 1e9
/** Linux counts CPU time in these where it does not tell ns. */
const TICKS_PER_SECOND = 100
const KIB = 1_024

export interface CpuUse {
  /** Seconds that its threads ran. */
  readonly ranSeconds: number
  /** Seconds that they could have run and had no core; null where the kernel does not tell. */
  readonly waitedSeconds: number | null
}

/** Summed over processes and their threads. A thread that has ended takes its time with it. */
export function cpuUse(pids: readonly number[]): CpuUse {
  const uses = pids.map(pid => ofProcess(pid) ?? { ranSeconds: ranTicks(pid), waitedSeconds: null })
  const waited = uses.map(({ waitedSeconds }) => waitedSeconds)
  return {
    ranSeconds: uses.reduce((sum, { ranSeconds }) => sum + ranSeconds, 0),
    waitedSeconds: waited.includes(null) ? null : waited.reduce<number>((sum, seconds) => sum + seconds!, 0),
  }
}

/** Null: this kernel keeps no schedstat. */
function ofProcess(pid: number): CpuUse | null {
  const tasks = `/proc/${pid}/task`
  const texts = readdirSync(tasks).map(task => textOf(`${tasks}/${task}/schedstat`))
  const found = texts.filter(text => text !== null)
  if (found.length === 0) return null
  const numbers = found.map(text => text.split(' ').map(Number))
  const seconds = (index: number) => numbers.reduce((sum, all) => sum + all[index]!, 0) / NS_PER_SECOND
  return { ranSeconds: seconds(0), waitedSeconds: seconds(1) }
}

/** Null where the file is not there: a thread may end between two readings. */
function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}

function ranTicks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** Resident memory in bytes. */
export function residentBytes(pids: readonly number[]): number {
  let total = 0
  for (const pid of pids) {
    total += Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * KIB
  }
  return total
}

/**
 * The server as a process of its own, for the benchmarks: started as a user would, watched from outside (/proc), so that
 * its memory and CPU are not mixed with those of whoever drives it.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'

const MAIN = new URL('../src/main.ts', import.meta.url).pathname
const START_MS_MAX = 30_000
/** An orderly end takes closeTimeoutMs at most. */
const END_MS_MAX = 10_000
/** Linux counts CPU time in these. */
const TICKS_PER_SECOND = 100
const KIB = 1_024

export interface ServerProcess {
  readonly httpPort: number
  readonly feedPort: number
  readonly pid: number
  /** Resident memory in bytes. */
  residentBytes(): number
  /** CPU seconds used so far, user and system. */
  cpuSeconds(): number
  stop(): Promise<void>
}

/** Starts `millrace serve` on free ports; `flags` are settings. */
export async function startServerProcess(flags: readonly string[]): Promise<ServerProcess> {
  const ports = ['--http-port', '0', '--feed-port', '0', '--log-level', 'warn']
  const child = spawn(process.execPath, [...nodeFlags(), MAIN, 'serve', ...ports, ...flags], {
    // Not the environment of the benchmark: a setting of the user's would change what is measured.
    env: {},
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  // It ends with the benchmark, however that ends.
  const kill = (): boolean => child.kill('SIGKILL')
  process.once('exit', kill)
  child.once('exit', () => process.off('exit', kill))
  const line = await firstLine(child).catch((error: Error) => {
    kill()
    throw error
  })
  const found = /http:\/\/[^:]+:(\d+)\/ - feeds on [^:]+:(\d+)/.exec(line)
  if (found === null) {
    kill()
    throw new Error(`the server said: ${line}`)
  }
  const pid = child.pid!
  return {
    httpPort: Number(found[1]),
    feedPort: Number(found[2]),
    pid,
    residentBytes: () => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * KIB,
    cpuSeconds: () => {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
      return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
    },
    stop: () => stop(child),
  }
}

/** For profiles: MILLRACE_PERF_NODE_FLAGS='--cpu-prof --cpu-prof-dir=/tmp/profile'. */
function nodeFlags(): string[] {
  return (process.env.MILLRACE_PERF_NODE_FLAGS ?? '').split(' ').filter(flag => flag !== '')
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const timer = setTimeout(() => reject(new Error('the server did not start')), START_MS_MAX)
    child.stdout!.on('data', (chunk: Buffer) => {
      text += chunk
      if (!text.includes('\n')) return
      clearTimeout(timer)
      resolve(text.slice(0, text.indexOf('\n')))
    })
    child.once('exit', code => reject(new Error(`the server ended with ${code}`)))
  })
}

function stop(child: ChildProcess): Promise<void> {
  return new Promise(resolve => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    const timer = setTimeout(() => child.kill('SIGKILL'), END_MS_MAX)
    child.once('exit', () => {
      clearTimeout(timer)
      resolve()
    })
    child.kill('SIGTERM')
  })
}

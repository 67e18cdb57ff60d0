/**
 * Convergence, where it can fail: a recording replayed in loops while many clients read over all four transports in all four
 * modes, some slowly, some not at all for a while, half of them cut at random moments and resuming over another transport; at
 * the end every one of them holds exactly the last values and rows, each update that is not conflated has come or is told as
 * lost, and nothing came twice or out of order.
 *
 *   node perf/convergence.ts [--small] [--seed 1] [--speed 20] [--clients 100] [--megabytes 20] [--loops N] [-- server settings …]
 *
 * It runs itself in a network namespace of its own with small kernel buffers (loopback would hide megabytes), the server
 * as a process in it, the feed as a thread, all clients on bare sockets. The feed loops until each fast client has
 * received `megabytes` (and N loops at least). Needs the recording (../shared/data, or MILLRACE_DATA); without it, and
 * with `--small`, it makes its own data or does a few seconds of the same.
 *
 * Claims, each a line of the report; exit code 1 when one does not hold. What only the full run can show (memory, ages,
 * bytes, each pair of transports) is reported and not claimed with `--small`.
 *
 * The seed decides where each client's streams are cut (after how long, or behind which byte), how long it is away and
 * where it comes back; what lies there depends on the machine.
 */

import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { ask } from '#test/support/http-connection.ts'
import { Random } from '#test/support/random.ts'
import { recordedLines, recordingPath } from '#test/support/recording.ts'
import { type Claim, claimsOf, isConverged, ledgerOf } from './convergence/claims.ts'
import { ConvergenceClient } from './convergence/client.ts'
import type { FeedResult, FeedTask } from './convergence/feed.ts'
import { generatedRecording } from './convergence/generated.ts'
import type { RecordedLine } from './convergence/judge.ts'
import { Samples } from './convergence/memory.ts'
import { type Pace, planClients } from './convergence/plan.ts'
import { Recorded } from './convergence/recorded.ts'
import { claimText, reportText } from './convergence/report.ts'
import { type MetricSample, parseExposition } from './measure/exposition.ts'
import { isInNamespace, runInNamespace } from './measure/namespace.ts'
import { type ServerProcess, startServerProcess } from './server-process.ts'

export interface ConvergenceOptions {
  readonly isSmall: boolean
  readonly seed: number
  readonly speed: number
  readonly clients: number
  readonly megabytes: number
  readonly loops: number
  readonly serverFlags: readonly string[]
}

interface Size {
  readonly clients: number
  readonly megabytes: number
  readonly slow: number
  readonly stalled: number
  readonly stallMs: number
  readonly lifeMsMax: number
  readonly slowLifeMsMax: number
  readonly pauseMsMax: number
}

const FULL: Size = {
  clients: 100,
  megabytes: 20,
  slow: 20,
  stalled: 8,
  stallMs: 10_000,
  lifeMsMax: 4_000,
  slowLifeMsMax: 8_000,
  pauseMsMax: 300,
}
const SMALL: Size = {
  clients: 24,
  megabytes: 0.2,
  slow: 4,
  stalled: 4,
  stallMs: 1_000,
  lifeMsMax: 600,
  slowLifeMsMax: 3_000,
  pauseMsMax: 100,
}
const SLOW_BYTES_PER_SECOND = 20_000
const SAMPLE_MS = 250
/** The run's first part, by bytes of the slowest fast client: code is compiled, heaps and rings grow to their size. */
const WARM_UP_PART = 0.15
const QUIET_MS_MAX = 90_000
const RUN_MS_MAX = 900_000
const LEDGER_MS_MAX = 5_000
const GENERATED = { seed: 7, items: 60, lines: 14_000, stepMs: 1.2 }
/** Between the seeds of two clients. */
const SEED_STEP = 7_919
const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

function inputLines(): { lines: string[]; source: string } {
  const path = recordingPath()
  if (path !== null) return { lines: recordedLines(path), source: path }
  const lines = generatedRecording(new Random(GENERATED.seed), GENERATED)
  return { lines, source: `generated, seed ${GENERATED.seed}: the recording is not here` }
}

export async function run(options: ConvergenceOptions, print: (line: string) => void): Promise<Claim[]> {
  const { lines, source } = inputLines()
  const recorded = new Recorded(lines.map(line => JSON.parse(line) as RecordedLine))
  const size = options.isSmall ? SMALL : FULL
  const counts = { slow: size.slow, stalled: size.stalled, fast: options.clients - size.slow - size.stalled }
  print(`input: ${lines.length} lines, ${recorded.lines.size} items (${source}); seed ${options.seed}`)
  const server = await startServerProcess(options.serverFlags)
  const clients: ConvergenceClient[] = []
  let feed: Worker | null = null
  try {
    const settings = { ...size, port: server.httpPort, slowBytesPerSecond: SLOW_BYTES_PER_SECOND }
    for (const plan of planClients(counts, recorded)) {
      const random = new Random(options.seed + plan.index * SEED_STEP)
      clients.push(new ConvergenceClient(plan, recorded, settings, random))
    }
    await until(() => clients.every(client => client.isBegun), QUIET_MS_MAX)
    const task: FeedTask = { port: server.feedPort, lines, speed: options.speed, loopsMin: options.loops }
    feed = new Worker(new URL('./convergence/feed.ts', import.meta.url), { workerData: task })
    const samples = new Samples()
    const delay = monitorEventLoopDelay()
    const idle = performance.eventLoopUtilization()
    delay.enable()
    const result = await drive(options, size, server, clients, feed, samples)
    delay.disable()
    const { utilization } = performance.eventLoopUtilization(idle)
    const own = {
      utilisation: utilization,
      delayMsP50: delay.percentile(50) / 1e6,
      delayMsP99: delay.percentile(99) / 1e6,
    }
    const isQuiet = await until(() => clients.every(client => isConverged(client, result.loops)), QUIET_MS_MAX)
    await until(async () => ledgerOf(await metricsOf(server)).isBalanced, LEDGER_MS_MAX)
    const { megabytes } = options
    const metrics = await metricsOf(server)
    const outcome = { clients, feed: result, samples, recorded, isQuiet, megabytes, own, metrics }
    const claims = claimsOf(outcome)
    print(reportText(outcome))
    for (const claim of claims) print(claimText(claim, options.isSmall))
    return claims.filter(({ isOfFull }) => !(isOfFull && options.isSmall))
  } finally {
    for (const client of clients) client.destroy()
    await feed?.terminate()
    await server.stop()
  }
}

/** The run itself: until the fast clients have their bytes; the stall is in its middle, and clients break all through it. */
async function drive(
  options: ConvergenceOptions,
  size: Size,
  server: ServerProcess,
  clients: readonly ConvergenceClient[],
  feed: Worker,
  samples: Samples,
): Promise<FeedResult> {
  const done = new Promise<FeedResult>((resolve, reject) => {
    feed.once('message', resolve)
    feed.once('error', reject)
  })
  const target = options.megabytes * 1e6
  const of = (pace: Pace) => clients.filter(({ plan }) => plan.pace === pace)
  const [fast, stalled] = [of('fast'), of('stalled')]
  const slowest = (): number => fast.reduce((least, { bytes }) => Math.min(least, bytes), Number.POSITIVE_INFINITY)
  const sampler = setInterval(() => {
    samples.add(server.residentBytes(), slowest() >= target * WARM_UP_PART)
  }, SAMPLE_MS)
  try {
    for (const client of clients) client.beginBreaking()
    await until(() => slowest() >= target / 2, RUN_MS_MAX)
    for (const client of stalled) client.stall()
    await pause(size.stallMs)
    for (const client of stalled) client.goOn()
    // Those that stalled must see fresh values while the feed still runs, and those that break must have been cut.
    const isShown = ({ plan, cuts }: ConvergenceClient) => !plan.isBreaking || cuts > 0
    const isDone = () => stalled.every(client => client.firstFreshAgeMs !== null) && clients.every(isShown)
    await until(() => slowest() >= target && isDone(), RUN_MS_MAX)
  } finally {
    clearInterval(sampler)
    for (const client of clients) client.endBreaking()
  }
  feed.postMessage('stop')
  return done
}

async function until(isMet: () => boolean | Promise<boolean>, msMax: number): Promise<boolean> {
  const endMs = Date.now() + msMax
  while (!(await isMet())) {
    if (Date.now() > endMs) return false
    await pause(50)
  }
  return true
}

async function metricsOf(server: ServerProcess): Promise<MetricSample[]> {
  return parseExposition((await ask(server.httpPort, 'GET', '/metrics')).body)
}

async function main(): Promise<number> {
  if (!isInNamespace()) {
    const status = runInNamespace(process.argv.slice(1))
    if (status !== null) return status
    console.log('note: no network namespace here (unshare -n): kernel buffers are large, conflation and ages show less')
  }
  const text = { type: 'string' } as const
  const { values, positionals } = parseArgs({
    options: {
      small: { type: 'boolean', default: false },
      seed: text,
      speed: text,
      clients: text,
      megabytes: text,
      loops: text,
    },
    allowPositionals: true,
  })
  const isSmall = values.small
  const size = isSmall ? SMALL : FULL
  const options: ConvergenceOptions = {
    isSmall,
    seed: Number(values.seed ?? 1),
    speed: Number(values.speed ?? 20),
    clients: Number(values.clients ?? size.clients),
    megabytes: Number(values.megabytes ?? size.megabytes),
    loops: Number(values.loops ?? 1),
    serverFlags: positionals,
  }
  const claims = await run(options, console.log)
  const failed = claims.filter(({ isHeld }) => !isHeld).length
  console.log(`${claims.length - failed} claims hold, ${failed} fail`)
  return failed === 0 ? 0 : 1
}

if (import.meta.main) process.exit(await main())

/**
 * Convergence, where it can fail: a recording replayed in loops while many clients read, some slowly, some not at all for
 * a while; at the end every one of them holds exactly the last values.
 *
 *   node perf/convergence.ts [--small] [--speed 20] [--clients 200] [--megabytes 20] [--loops N] [-- server settings …]
 *
 * It runs itself in a network namespace of its own with small kernel buffers (loopback would hide megabytes), the server
 * as a process in it, the feed as a thread, all clients on bare sockets. The feed loops until each fast client has
 * received `megabytes` (and N loops at least). Needs the recording (../shared/data, or MILLRACE_DATA); without it, and
 * with `--small`, it makes its own data or does a few seconds of the same.
 *
 * Claims, each a line of the report; exit code 1 when one does not hold. What only the full run can show (memory, ages,
 * bytes) is reported and not claimed with `--small`.
 */

import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { ask } from '#test/support/http-connection.ts'
import { Random } from '#test/support/random.ts'
import { generatedLines, recordedLines, recordingPath } from '#test/support/recording.ts'
import { sumOf } from '#test/support/server.ts'
import { type ModelLine, runModel } from '#test/support/stream-model.ts'
import { ConvergenceClient, type Pace } from './convergence-client.ts'
import type { FeedResult, FeedTask } from './convergence-feed.ts'
import { Samples } from './convergence-memory.ts'
import { isInNamespace, runInNamespace } from './measure/namespace.ts'
import { type ServerProcess, startServerProcess } from './server-process.ts'

export interface ConvergenceOptions {
  readonly isSmall: boolean
  readonly speed: number
  readonly clients: number
  readonly megabytes: number
  readonly loops: number
  readonly serverFlags: readonly string[]
}

export interface Claim {
  readonly name: string
  readonly isHeld: boolean
  readonly figures: string
}

const SLOW_SHARE = 0.1
const STALLED_COUNT = 5
const STALL_MS = 10_000
const SMALL = { clients: 20, megabytes: 0.3, stalled: 2, stallMs: 1_500 }
const SLOW_BYTES_PER_SECOND = 20_000
const SAMPLE_MS = 250
/** The run's first part, by bytes of the slowest fast client: code is compiled, heaps and rings grow to their size. */
const WARM_UP_PART = 0.15
const QUIET_MS_MAX = 90_000
const RUN_MS_MAX = 900_000
const FRESH_AGE_MS_MAX = 1_000
const MEMORY_BYTES_MAX = 5e6
const GENERATED = { seed: 7, items: 60, lines: 20_000, stepMs: 1.2 }
const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

function inputLines(): { lines: string[]; source: string } {
  const path = recordingPath()
  if (path !== null) return { lines: recordedLines(path), source: path }
  const lines = generatedLines(new Random(GENERATED.seed), GENERATED.items, GENERATED.lines)
    .filter(({ deleted }) => deleted !== true)
    .map(({ item, fields, snapshot }, i) => JSON.stringify({ at: i * GENERATED.stepMs, item, snapshot, fields }))
  return { lines, source: `generated, seed ${GENERATED.seed}: the recording is not here` }
}

function paceOf(index: number, options: ConvergenceOptions): Pace {
  const slow = Math.round(options.clients * SLOW_SHARE)
  const stalled = options.isSmall ? SMALL.stalled : STALLED_COUNT
  if (index < slow) return 'slow'
  return index < slow + stalled ? 'stalled' : 'fast'
}

export async function run(options: ConvergenceOptions, print: (line: string) => void): Promise<Claim[]> {
  const { lines, source } = inputLines()
  const input = lines.map(line => JSON.parse(line) as ModelLine)
  const items = [...new Set(input.map(({ item }) => item))]
  print(`input: ${lines.length} lines, ${items.length} items (${source})`)
  const server = await startServerProcess(options.serverFlags)
  const clients: ConvergenceClient[] = []
  let feed: Worker | null = null
  try {
    for (let i = 0; i < options.clients; i++) {
      const encoding = i % 2 === 0 ? 'sse' : 'ndjson'
      const pace = paceOf(i, options)
      clients.push(
        new ConvergenceClient({
          port: server.httpPort,
          items,
          encoding,
          pace,
          slowBytesPerSecond: SLOW_BYTES_PER_SECOND,
        }),
      )
    }
    await until(() => clients.every(client => client.isOpen), QUIET_MS_MAX)
    const task: FeedTask = { port: server.feedPort, lines, speed: options.speed, loopsMin: options.loops }
    feed = new Worker(new URL('./convergence-feed.ts', import.meta.url), { workerData: task })
    const samples = new Samples()
    const result = await drive(options, server, clients, feed, samples)
    const truth = runModel(input, [])
    const isQuiet = await until(() => clients.every(client => isConverged(client, truth)), QUIET_MS_MAX)
    await until(async () => (await ledger(server)).isBalanced, 5_000)
    return await report(options, server, clients, samples, result, truth, isQuiet, print)
  } finally {
    for (const client of clients) client.destroy()
    await feed?.terminate()
    await server.stop()
  }
}

/** The run itself: until the fast clients have their bytes; the stall is in its middle. */
async function drive(
  options: ConvergenceOptions,
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
  const fast = clients.filter(client => client.pace === 'fast')
  const stalled = clients.filter(client => client.pace === 'stalled')
  const slowest = (): number => fast.reduce((least, { bytes }) => Math.min(least, bytes), Number.POSITIVE_INFINITY)
  const sampler = setInterval(() => {
    samples.add(server.residentBytes(), slowest() >= target * WARM_UP_PART)
  }, SAMPLE_MS)
  try {
    await until(() => slowest() >= target / 2, RUN_MS_MAX)
    for (const client of stalled) client.stall()
    await pause(options.isSmall ? SMALL.stallMs : STALL_MS)
    for (const client of stalled) client.resume()
    // Those that stalled must see fresh values while the feed still runs.
    await until(() => slowest() >= target && stalled.every(client => client.firstFreshAgeMs !== null), RUN_MS_MAX)
  } finally {
    clearInterval(sampler)
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

type Truth = ReadonlyMap<string, Readonly<Record<string, string | null>>>

function isConverged(client: ConvergenceClient, truth: Truth): boolean {
  return (
    client.state.size === truth.size &&
    [...truth.keys()].every(item => isSame(client.state.get(item), truth.get(item)!))
  )
}

function isSame(found: Truth extends ReadonlyMap<string, infer F> ? F | undefined : never, expected: object): boolean {
  if (found === undefined) return false
  const entries = Object.entries(expected)
  return entries.length === Object.keys(found).length && entries.every(([name, value]) => found[name] === value)
}

interface Ledger {
  readonly isBalanced: boolean
  readonly text: string
}

async function ledger(server: ServerProcess): Promise<Ledger> {
  const { body } = await ask(server.httpPort, 'GET', '/metrics')
  const sum = (name: string) => sumOf(body, `millrace_updates_${name}`)
  const published = sum('published_total')
  const parts = ['delivered_total', 'conflated_total', 'dropped_total', 'lost_total', 'waiting'] as const
  const counts = parts.map(name => [name.replace('_total', ''), sum(name)] as const)
  const total = counts.reduce((all, [, count]) => all + count, 0)
  const text = `published ${published} = ${counts.map(([name, count]) => `${name} ${count}`).join(' + ')}`
  return { isBalanced: published === total && published > 0, text }
}

async function report(
  options: ConvergenceOptions,
  server: ServerProcess,
  clients: readonly ConvergenceClient[],
  samples: Samples,
  feed: FeedResult,
  truth: Truth,
  isQuiet: boolean,
  print: (line: string) => void,
): Promise<Claim[]> {
  const of = (pace: Pace) => clients.filter(client => client.pace === pace)
  const least = (numbers: readonly number[]) => numbers.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)
  const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0)
  const rate = Math.round(feed.lines / feed.seconds)
  print(`feed: ${feed.loops} loops, ${feed.lines} lines in ${feed.seconds.toFixed(1)} s, ${rate} lines/s`)
  print('client    count  records each  MB each (least)  conflated of published')
  for (const pace of ['fast', 'slow', 'stalled'] as const) {
    const some = of(pace)
    const records = sum(some.map(client => client.records))
    const conflated = sum(some.map(client => client.conflated))
    const share = ((conflated / Math.max(1, conflated + records)) * 100).toFixed(1)
    const megabytes = (least(some.map(client => client.bytes)) / 1e6).toFixed(2)
    const each = String(Math.round(records / Math.max(1, some.length)))
    print(
      `${pace.padEnd(8)}${String(some.length).padStart(7)}${each.padStart(14)}${megabytes.padStart(17)}${`${share} %`.padStart(24)}`,
    )
  }
  print(samples.plot())
  const { isBalanced, text } = await ledger(server)
  const wrong = clients.filter(client => !isConverged(client, truth))
  const problems = clients.flatMap(client => client.problem ?? [])
  const least20 = least(of('fast').map(client => client.bytes)) / 1e6
  const ages = (name: 'firstReadAgeMs' | 'firstFreshAgeMs') => of('stalled').map(client => client[name])
  const fresh = ages('firstFreshAgeMs')
  const { firstMedian, secondMedian, excluded } = samples.halves()
  const growth = secondMedian - firstMedian
  const claims: Claim[] = [
    {
      name: 'every final state is the truth',
      isHeld: wrong.length === 0 && isQuiet,
      figures: `${wrong.length} of ${clients.length} differ`,
    },
    {
      name: 'records are in order and begin with snapshots',
      isHeld: problems.length === 0,
      figures: problems[0] ?? 'no problem',
    },
    {
      name: 'all streams stayed open',
      isHeld: clients.every(client => client.isOpen),
      figures: `${clients.filter(client => client.isOpen).length} open`,
    },
    {
      name: 'every line is acknowledged, none refused',
      isHeld: feed.lines === feed.acknowledged && feed.errors === 0,
      figures: `${feed.acknowledged} of ${feed.lines}, ${feed.errors} errors`,
    },
    {
      name: 'every slow and stalled client tells of conflation',
      isHeld: [...of('slow'), ...of('stalled')].every(client => client.conflated > 0),
      figures: `least gap sum ${least([...of('slow'), ...of('stalled')].map(client => client.conflated))}`,
    },
    { name: 'the ledger adds up', isHeld: isBalanced, figures: text },
  ]
  const fullClaims: Claim[] = [
    {
      name: `each fast client received ${options.megabytes} MB`,
      isHeld: least20 >= options.megabytes,
      figures: `least ${least20.toFixed(2)} MB`,
    },
    {
      name: 'a value sent after the stall is read within 1 s',
      isHeld: fresh.every(age => age !== null && age < FRESH_AGE_MS_MAX),
      figures: `ages ${fresh.join(', ')} ms (the first read at all: ${ages('firstReadAgeMs').join(', ')} ms)`,
    },
    {
      name: 'memory: medians of both halves within 5 MB',
      isHeld: Math.abs(growth) <= MEMORY_BYTES_MAX,
      figures: `${(firstMedian / 1e6).toFixed(1)} MB, ${(secondMedian / 1e6).toFixed(1)} MB (${excluded} samples of warm-up left out)`,
    },
  ]
  for (const { name, isHeld, figures } of [...claims, ...fullClaims]) {
    const isClaimed = claims.some(claim => claim.name === name) || !options.isSmall
    print(
      `${isHeld ? 'holds ' : isClaimed ? 'FAILS ' : 'no    '} ${name}: ${figures}${isClaimed ? '' : ' (not claimed)'}`,
    )
  }
  return options.isSmall ? claims : [...claims, ...fullClaims]
}

async function main(): Promise<number> {
  if (!isInNamespace()) {
    const status = runInNamespace(process.argv.slice(1))
    if (status !== null) return status
    console.log('note: no network namespace here (unshare -n): kernel buffers are large, conflation and ages show less')
  }
  const text = { type: 'string' } as const
  const { values, positionals } = parseArgs({
    options: { small: { type: 'boolean', default: false }, speed: text, clients: text, megabytes: text, loops: text },
    allowPositionals: true,
  })
  const isSmall = values.small
  const options: ConvergenceOptions = {
    isSmall,
    speed: Number(values.speed ?? 20),
    clients: Number(values.clients ?? (isSmall ? SMALL.clients : 200)),
    megabytes: Number(values.megabytes ?? (isSmall ? SMALL.megabytes : 20)),
    loops: Number(values.loops ?? 1),
    serverFlags: positionals,
  }
  const claims = await run(options, console.log)
  const failed = claims.filter(({ isHeld }) => !isHeld).length
  console.log(`${claims.length - failed} claims hold, ${failed} fail`)
  return failed === 0 ? 0 : 1
}

if (import.meta.main) process.exit(await main())

/**
 * A bench: one server, its feed and its clients, each in processes of their own, standing ready to be measured. A variant
 * opens one, measures once or, for a sweep, several times at different rates, and closes it; what was wrong is found at
 * the end (`finish`) and voids the last run.
 *
 *   feed process ──lines──▶ server ──bytes──▶ client processes (count, take times)
 *                              └────────────▶ full clients, here (verify)
 *
 * What is measured lies between two readings of everybody's counters; nothing is asked of a server meanwhile but its
 * metrics, once a second. Whatever fails, `stop` ends every process that the bench has started.
 */

import { Child } from './load/child.ts'
import { type Arrivals, type ClientsCount, Crew, type Squad } from './load/crew.ts'
import { FullClient } from './load/full-client.ts'
import { groupsOf, readersOf, splitGroups } from './load/groups.ts'
import type { ClientGroup, ClientJob, FeedJob, FromFeed, ToFeed } from './load/messages.ts'
import { nowUs } from './load/stamp.ts'
import { HELD_SHARE, type Look, Meter } from './measure/meter.ts'
import { cpuUse, residentBytes } from './measure/proc.ts'
import type { Run, Sample } from './result.ts'
import type { RunningTarget, Target } from './targets/target.ts'
import { dueRate, isChosen, itemName, itemsOf, lineOf, type Workload } from './workload.ts'

const FEED_FILE = new URL('./load/feed-process.ts', import.meta.url)
/** Updates a second whose latency is taken, over all clients. */
const TIMED_RATE_MAX = 100_000
const FULL_CLIENTS = 3
/** What full clients speak. */
const FULL_PROTOCOL = 'millrace'
/** Before memory is looked at; a warm-up that is shorter says that nobody wants to wait. */
const SETTLE_MS_MAX = 1_000
const END_MS_MAX = 15_000
const LEDGER_MS_MAX = 3_000
const END_STEP_MS = 20
/** The shortest delta: `{"item":"","fields":{"at":"0123456789012"}}`. */
const DELTA_BYTES_MIN = 43

export type Progress = (text: string) => void

export interface BenchOptions {
  readonly label: string
  /** As in Run.options. */
  readonly options: string
  readonly progress: Progress
  /** Instead of those that the workload asks for. */
  readonly groups?: readonly ClientGroup[]
  /** Played instead of the workload's updates; rates are then how much faster than it was recorded. */
  readonly recording?: BenchRecording
  /** How long clients may take to get the last updates, and the server to have counted them. */
  readonly endMsMax?: number
}

export interface BenchRecording {
  readonly path: string
  /** Its items, as many as the workload's. */
  readonly names: readonly string[]
  readonly linesPerSecond: number
}

export type Flood = Pick<Extract<FromFeed, { is: 'flooded' }>, 'lines' | 'seconds' | 'utilisation'>

export class Bench {
  readonly #target: Target
  readonly #workload: Workload
  readonly #options: BenchOptions
  readonly #groups: ClientGroup[]
  readonly #names: readonly string[]
  readonly #crew = new Crew()
  readonly #full: FullClient[] = []
  readonly #feed: Child<ToFeed, FromFeed> | null
  #server: RunningTarget | null = null
  #emptyBytes = 0
  #connectedBytes = 0
  /** By item: how many read it. */
  #readers: readonly number[] = []
  #feedLateMsMax = 0
  #ratePerItem = 0
  #countedMs = 0

  private constructor(target: Target, workload: Workload, options: BenchOptions) {
    this.#target = target
    this.#workload = workload
    this.#options = options
    this.#groups = [...(options.groups ?? groupsOf(workload))]
    this.#names = options.recording?.names ?? Array.from({ length: workload.items }, (_, item) => itemName(item))
    this.#feed = target.feed === null ? null : new Child('feed', FEED_FILE)
  }

  static async open(target: Target, workload: Workload, options: BenchOptions): Promise<Bench> {
    const bench = new Bench(target, workload, options)
    try {
      await bench.#open()
    } catch (error) {
      await bench.stop()
      throw error
    }
    return bench
  }

  /** Processes are started together, before anything is asked of one. */
  async #open(): Promise<void> {
    const jobs = splitGroups(this.#groups)
    const squad = this.#crew.start(jobs.length)
    this.#server = await this.#target.start(this.#workload)
    await this.#openFeed()
    await this.#settle()
    this.#emptyBytes = residentBytes(this.server.pids)
    await this.#openClients(jobs, squad)
    if (this.#target.client.name === FULL_PROTOCOL) await this.#openFull()
    this.#readers = this.#countReaders()
    await this.#settle()
    this.#connectedBytes = residentBytes(this.server.pids)
  }

  get server(): RunningTarget {
    return this.#server!
  }

  /** Connections that clients have ended so far to make another. */
  get renewed(): number {
    return this.#crew.renewed
  }

  /** How late the feed sent, at most, since this was last read: the server holds it back, or it is too slow. */
  takeFeedLateMs(): number {
    const lateMs = this.#feedLateMsMax
    this.#feedLateMsMax = 0
    return lateMs
  }

  /** One run: the rate is set, the warm-up passes, then `seconds` are measured. */
  async measure(label: string, rate: number, warmupSeconds: number, seconds: number): Promise<Run> {
    this.setRate(rate)
    await pause(warmupSeconds * 1_000)
    const { run } = await this.measureWhile(label, () => pause(seconds * 1_000), seconds)
    return run
  }

  /** Updates a second of each item, from now on. */
  setRate(rate: number): void {
    this.#ratePerItem = rate
    this.server.begin?.()
    this.#feed?.tell({ do: 'rate', rate })
    const every = Math.max(1, Math.ceil(this.#dueRate() / TIMED_RATE_MAX))
    this.#crew.time(every)
  }

  /** Measures as long as `work` takes. `seconds`: how long that will be, where it is known. */
  async measureWhile<T>(
    label: string,
    work: () => Promise<T>,
    seconds: number | null = null,
  ): Promise<{ run: Run; result: T }> {
    const [before] = await this.#read()
    const meter = new Meter(before)
    let isDone = false
    const working = work().finally(() => {
      isDone = true
    })
    // Awaited at the end; a failure before that is not to be one that nobody handles.
    working.catch(() => {})
    for (let second = 1; !isDone; second++) {
      const tick = pause(Math.max(0, before.atMs + second * 1_000 - performance.now()))
      await Promise.race([tick, working.catch(() => {})])
      const { sample } = meter
      const [look, { counts, due }] = await this.#read()
      meter.add(counts, due, look)
      if (meter.sample !== undefined && meter.sample !== sample) this.#tell(label, meter.sample, seconds)
    }
    const { empty, connected } = { empty: this.#emptyBytes, connected: this.#connectedBytes }
    const { options } = this.#options
    const result = await working
    const run = meter.run({ target: this.#target.name, label, options, residentBytes: { empty, connected } })
    return { run: isChosen(this.#workload) ? dueByLedger(run) : run, result }
  }

  /** As many lines as the server takes in that time; resolves at the last acknowledgement. */
  flood(connections: number, seconds: number): Promise<Flood> {
    return this.#feed!.ask({ do: 'flood', job: { connections, seconds } }, 'flooded')
  }

  /** More clients, in processes of their own; what they are due is nothing (groups `idle` and `storm`). */
  async join(group: ClientGroup): Promise<{ arrivals: Arrivals; reconnect: () => Promise<Arrivals> }> {
    const jobs = splitGroups([group])
    const squad = this.#crew.start(jobs.length)
    const arrivals = await this.#openClients(jobs, squad)
    this.#groups.push(group)
    return { arrivals, reconnect: () => this.#crew.reconnect(squad) }
  }

  /** Stalled clients read again; how old the first update was, for each, that became due after that; null: none came. */
  resume(): Promise<(number | null)[]> {
    return this.#crew.resume()
  }

  /**
   * Stops the feed, publishes a last update of every item, and looks for what is wrong: clients that do not get it, full
   * clients that do not end on its values, a ledger that does not add up, connections that were closed.
   */
  async finish(): Promise<string[]> {
    const faults = this.#feed === null ? [] : await this.#end(this.#feed)
    await this.#count()
    const { closed } = this.#crew
    if (closed > 0) faults.push(`${closed} connections were closed`)
    return faults
  }

  async stop(): Promise<void> {
    for (const client of this.#full) client.close()
    await this.#crew.stop()
    await this.#feed?.stop()
    await this.#server?.stop()
  }

  async #openFeed(): Promise<void> {
    const { feed } = this.#target
    if (feed === null) return
    const recording = this.#options.recording?.path ?? null
    const job: FeedJob = { port: this.server.feedPort, protocol: feed.name, workload: this.#workload, recording }
    await this.#feed!.ask({ do: 'open', job }, 'open')
  }

  #openClients(parts: readonly (readonly ClientGroup[])[], squad: Squad): Promise<Arrivals> {
    const jobs = parts.map((groups, index) => this.#jobOf(groups, squad.first + index))
    return this.#crew.open(squad, jobs, processes => {
      this.#options.progress(`${processes} of ${jobs.length} client processes are connected`)
    })
  }

  #jobOf(groups: readonly ClientGroup[], number: number): ClientJob {
    const hasDeltas =
      this.#options.recording !== undefined || groups.some(({ mode }) => mode === 'merge' || mode === 'command')
    return {
      port: this.server.clientPort,
      protocol: this.#target.client.name,
      workload: this.#workload,
      names: this.#names,
      groups,
      distanceMin: hasDeltas ? DELTA_BYTES_MIN : lineOf(this.#workload, 0, 0).length,
      network: `127.${2 + number}`,
    }
  }

  async #openFull(): Promise<void> {
    for (let number = 0; number < Math.min(FULL_CLIENTS, this.#workload.clients); number++) {
      const names = itemsOf(this.#workload, number).map(item => this.#names[item]!)
      const client = new FullClient(this.#workload, names, number)
      this.#full.push(client)
      await client.open(this.server.clientPort)
    }
  }

  #countReaders(): number[] {
    const readers = readersOf(this.#workload, this.#groups)
    for (const number of this.#full.keys()) for (const item of itemsOf(this.#workload, number)) readers[item]!++
    return readers
  }

  #dueRate(): number {
    const { recording } = this.#options
    if (recording === undefined) return dueRate({ ...this.#workload, ratePerItem: this.#ratePerItem })
    const { clients, itemsPerClient, items } = this.#workload
    return (recording.linesPerSecond * this.#ratePerItem * clients * itemsPerClient) / items
  }

  /** The faults that show when the last updates have come. */
  async #end(feed: Child<ToFeed, FromFeed>): Promise<string[]> {
    await feed.ask({ do: 'stop' }, 'stopped')
    const stamp = Math.floor(nowUs())
    await this.#crew.end(stamp)
    const { truth } = await feed.ask({ do: 'close', stamp }, 'closed')
    let wrong = 0
    await until(this.#endMsMax(), async () => {
      wrong = await this.#crew.wrongEnds()
      return wrong === 0 && this.#full.every(client => client.isAt(truth))
    })
    const faults = this.#full.flatMap(client => client.faultsAt(truth))
    if (wrong > 0) faults.push(`${wrong} clients did not get the last update of each of their items, once`)
    return [...faults, ...(await this.#ledgerFaults())]
  }

  /** Given a little time: the gauge of what waits is set once a second. */
  async #ledgerFaults(): Promise<string[]> {
    let faults: string[] = []
    await until(Math.min(LEDGER_MS_MAX, this.#endMsMax()), async () => {
      await this.#count()
      faults = await this.#ledgerFaultsNow()
      return faults.length === 0
    })
    return faults
  }

  async #ledgerFaultsNow(): Promise<string[]> {
    const insight = await this.server.insight()
    if (insight === null) return []
    const { published, delivered, conflated, dropped, lost, waiting } = insight.ledger
    const faults: string[] = []
    const sum = delivered + conflated + dropped + lost + waiting
    if (published !== sum) faults.push(`the ledger does not add up: published ${published}, accounted for ${sum}`)
    const received = this.#crew.receivedEver + this.#fullReceived()
    if (this.#isWhole() && received !== delivered) faults.push(`delivered ${delivered}, but clients read ${received}`)
    return faults
  }

  /** Whether everything that was written must have been read: by clients that stay, and read all they can. */
  #isWhole(): boolean {
    const isReader = ({ name }: ClientGroup) => name === 'fast' || name === 'raw' || name === 'idle'
    return this.#crew.closed === 0 && this.#groups.every(isReader)
  }

  #fullReceived(): number {
    return this.#full.reduce((total, client) => total + client.received, 0)
  }

  /** What came, and what was due, since the last count. */
  async #count(): Promise<{ counts: ClientsCount[]; due: number }> {
    const [counts, due] = await Promise.all([this.#crew.count(), this.#countDue()])
    return { counts, due }
  }

  /** Everybody's counters, asked at the same time: what each of them counts is of the same seconds. */
  #read(): Promise<[Look, { counts: ClientsCount[]; due: number }]> {
    return Promise.all([this.#look(), this.#count()])
  }

  async #countDue(): Promise<number> {
    const nowMs = performance.now()
    const seconds = (nowMs - this.#countedMs) / 1_000
    this.#countedMs = nowMs
    if (this.#feed === null) return Math.round(this.#dueRate() * seconds)
    const { due, lateMsMax } = await this.#feed.ask({ do: 'count' }, 'count')
    this.#feedLateMsMax = Math.max(this.#feedLateMsMax, lateMsMax)
    return due.reduce((sum, updates, item) => sum + updates * this.#readers[item]!, 0)
  }

  async #look(): Promise<Look> {
    const { pids } = this.server
    const look = {
      atMs: performance.now(),
      server: cpuUse(pids),
      clients: cpuUse(this.#crew.pids),
      feed: cpuUse(this.#feed === null ? [] : [this.#feed.pid]),
      residentBytes: residentBytes(pids),
      fullReceived: this.#fullReceived(),
    }
    return { ...look, insight: await this.server.insight() }
  }

  #tell(label: string, { second, delivered, p99Ms }: Sample, seconds: number | null): void {
    const of = seconds === null ? '' : ` of ${seconds}`
    const rate = Math.round(delivered).toLocaleString('en-US')
    this.#options.progress(`${label}: ${second}${of} s, ${rate} updates/s, p99 ${p99Ms?.toFixed(1) ?? '-'} ms`)
  }

  #endMsMax(): number {
    return this.#options.endMsMax ?? END_MS_MAX
  }

  #settle(): Promise<void> {
    return pause(Math.min(SETTLE_MS_MAX, this.#workload.warmupSeconds * 1_000))
  }
}

/** Opens a bench, measures once, and closes it. */
export async function runOnce(target: Target, workload: Workload, options: BenchOptions): Promise<Run> {
  const bench = await Bench.open(target, workload, options)
  try {
    const run = await bench.measure(options.label, workload.ratePerItem, workload.warmupSeconds, workload.seconds)
    return { ...run, faults: await bench.finish() }
  } finally {
    await bench.stop()
  }
}

/** Where clients are due what the server chooses for them, it was due what the server says that it published. */
function dueByLedger(run: Run): Run {
  const { ledger, received } = run
  if (ledger === null) return run
  return { ...run, due: ledger.published, isHeld: received + ledger.conflated >= ledger.published * HELD_SHARE }
}

/** Looks every few ms, until it is so or the time is up. */
async function until(msMax: number, isMet: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + msMax
  while (!(await isMet()) && performance.now() < endMs) await pause(END_STEP_MS)
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}

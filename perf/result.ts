/**
 * What a run tells, as it stands in JSON files: `npm run perf -- NAME --json FILE` writes a Report, `--compare FILE` reads
 * one. Times are milliseconds, memory bytes, CPU seconds; a number that could not be taken is null, never 0.
 */

/** Bumped when a field changes its meaning: another version is not compared. */
export const REPORT_VERSION = 1

/** Of a distribution, in ms. */
export interface Quantiles {
  readonly count: number
  readonly mean: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

/** What became of the updates (law 8): published = delivered + conflated + dropped + lost + waiting. */
export interface Ledger {
  readonly published: number
  readonly delivered: number
  readonly conflated: number
  readonly dropped: number
  readonly lost: number
  /** Of a run: how many more waited at its end than at its start. */
  readonly waiting: number
}

export interface ThreadUse {
  readonly name: string
  /** Share of the time that its event loop was busy: 0 to 1; mean over the run. */
  readonly utilisation: number
}

export interface QueueUse {
  readonly stage: string
  readonly unit: 'bytes' | 'records'
  /** The deepest that was seen, one look a second. */
  readonly depthMax: number
  readonly capacity: number
}

/** One second of a run. */
export interface Sample {
  /** Since the start of the measured time. */
  readonly second: number
  readonly delivered: number
  readonly p99Ms: number | null
  /** Of the server, in this second: 1 is one core. */
  readonly cpuShare: number
  readonly residentBytes: number
}

/** One run of one server under one workload. */
export interface Run {
  /** The server: 'millrace', or a peer's name. */
  readonly target: string
  /** What tells this row from others of its variant: 'pools', 'raw, single', '4,000 idle'. */
  readonly label: string
  /** The settings that somebody needs to do it again: flags of the harness. */
  readonly options: string
  readonly seconds: number
  /** Updates that clients were due in that time. */
  readonly due: number
  /** Updates that clients read. */
  readonly received: number
  readonly receivedPerSecond: number
  /** Null where the server tells none: peers. */
  readonly ledger: Ledger | null
  readonly serverCpuSecondsPerMillion: number
  readonly serverCpuShare: number
  readonly clientCpuShare: number
  readonly feedCpuShare: number
  /** Of every update that a timed client read: from when it was due to when it was read. */
  readonly latencyMs: Quantiles | null
  /** Of the newest update in each read: how old is what the client then has. */
  readonly ageMs: Quantiles | null
  readonly bytesPerUpdate: number
  /** Updates a read of the client brought: near to updates a write where reads keep up. */
  readonly updatesPerRead: number
  readonly updatesPerWrite: number | null
  /** Resident memory of the server: before the clients came, with them and idle, the most during the run. */
  readonly residentBytes: { readonly empty: number; readonly connected: number; readonly max: number }
  readonly threads: readonly ThreadUse[]
  readonly queues: readonly QueueUse[]
  /** The busiest client process: share of the time that its event loop was busy. From 0.9 on the client limits the run. */
  readonly clientUtilisation: number
  readonly isClientBottleneck: boolean
  /** Share of the measured time that the server's threads were ready to run and had no core; null without schedstat. */
  readonly serverWaitedShare: number | null
  /** Whether clients received at least 99 % of what was due (or it was conflated by design). */
  readonly isHeld: boolean
  /** What makes the run void: wrong values, a ledger that does not add up, connections that were cut. */
  readonly faults: readonly string[]
  readonly samples: readonly Sample[]
  /** Figures that only this variant has: 'connections/s': 4200. Named with their unit. */
  readonly extra: Readonly<Record<string, number>>
}

/** The runs of one row; what is shown is the median one by server CPU per million updates. */
export interface Row {
  readonly target: string
  readonly label: string
  readonly runs: readonly Run[]
}

export interface VariantResult {
  readonly variant: string
  /** One sentence: what it puts through the server. */
  readonly about: string
  /** The command that makes it again. */
  readonly command: string
  readonly rows: readonly Row[]
  /** Peers that were asked for and could not run, with the reason. */
  readonly missing: readonly { readonly target: string; readonly why: string }[]
}

/** What the machine can do, measured just before; see perf/costs. */
export interface Cost {
  /** 'socket.write 512 B to 1,000 sockets' */
  readonly name: string
  readonly value: number
  /** 'µs', 'ns', 'B', '/s' */
  readonly unit: string
}

export interface Report {
  readonly version: typeof REPORT_VERSION
  readonly madeAt: string
  readonly commit: string
  readonly machine: {
    readonly cpu: string
    readonly cores: number
    readonly memoryBytes: number
    readonly kernel: string
    readonly node: string
  }
  readonly costs: readonly Cost[]
  readonly variants: readonly VariantResult[]
}

/** The run whose server CPU per million is in the middle; of an even number the lower one. */
export function medianRun(row: Row): Run {
  const sorted = [...row.runs].sort((a, b) => a.serverCpuSecondsPerMillion - b.serverCpuSecondsPerMillion)
  return sorted[(sorted.length - 1) >> 1]!
}

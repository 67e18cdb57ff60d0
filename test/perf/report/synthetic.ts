/** Reports that nobody measured: round numbers made by hand, for tests of what is shown of a report. */

import {
  type Quantiles,
  REPORT_VERSION,
  type Report,
  type Row,
  type Run,
  type Sample,
  type VariantResult,
} from '#perf/result.ts'
import type { Random } from '#test/support/random.ts'

export function quantiles(p50: number): Quantiles {
  return { count: 1_000, mean: p50, p50, p90: p50 * 2, p99: p50 * 4, p999: p50 * 5, max: p50 * 6 }
}

/** 10 seconds of 1,000 updates each, all of which came. */
export function run(changes: Partial<Run> = {}): Run {
  return {
    target: 'millrace',
    label: 'pools',
    options: '--placement pools',
    seconds: 10,
    due: 10_000,
    received: 10_000,
    receivedPerSecond: 1_000,
    ledger: { published: 10_000, delivered: 9_000, conflated: 600, dropped: 200, lost: 100, waiting: 100 },
    serverCpuSecondsPerMillion: 5,
    serverCpuShare: 0.5,
    clientCpuShare: 0.25,
    feedCpuShare: 0.05,
    latencyMs: quantiles(10),
    ageMs: quantiles(8),
    bytesPerUpdate: 70,
    updatesPerRead: 9,
    updatesPerWrite: 10,
    residentBytes: { empty: 60 * 2 ** 20, connected: 80 * 2 ** 20, max: 100 * 2 ** 20 },
    threads: [{ name: 'core-1', utilisation: 0.4 }],
    queues: [{ stage: 'write', unit: 'bytes', depthMax: 2 ** 20, capacity: 2 ** 25 }],
    clientUtilisation: 0.3,
    isClientBottleneck: false,
    serverWaitedShare: 0.01,
    isHeld: true,
    faults: [],
    samples: samples(10),
    extra: {},
    ...changes,
  }
}

export function samples(seconds: number): Sample[] {
  return Array.from({ length: seconds }, (_, second) => ({
    second,
    delivered: 1_000 + (second % 3),
    p99Ms: second === 4 ? null : 40 + second,
    cpuShare: 0.5,
    residentBytes: 100 * 2 ** 20,
  }))
}

/** A row with a run for each CPU figure; the rest of them is `changes`. */
export function row(target: string, label: string, cpu: readonly number[], changes: Partial<Run> = {}): Row {
  const runs = cpu.map(serverCpuSecondsPerMillion => run({ target, label, serverCpuSecondsPerMillion, ...changes }))
  return { target, label, runs }
}

export function variant(rows: readonly Row[], changes: Partial<VariantResult> = {}): VariantResult {
  return {
    variant: 'broadcast',
    about: '100 clients, one item',
    command: 'npm run perf -- broadcast',
    rows,
    missing: [],
    ...changes,
  }
}

export function report(variants: readonly VariantResult[], changes: Partial<Report> = {}): Report {
  return {
    version: REPORT_VERSION,
    madeAt: '2020-01-01T00:00:00.000Z',
    commit: '0000000',
    machine: { cpu: 'a made-up CPU', cores: 2, memoryBytes: 8 * 2 ** 30, kernel: '6.0', node: '24.0.0' },
    costs: [
      { name: 'socket.write 512 B to 1,000 sockets', value: 5, unit: 'µs' },
      { name: 'ring hop 64 B', value: 100, unit: 'ns' },
    ],
    variants,
    ...changes,
  }
}

/** Numbers that runs have, and those at the ends of what they may have. */
const AMOUNTS = [0, 0.000_3, 0.5, 1, 9.999, 10, 99.96, 1_000, 9_999.6, 123_456, 1e9, 1e15]
const NAMES = [
  'pools',
  '',
  'a & b',
  '<script>alert(1)</script>',
  '"quoted\'',
  'what a peer is, said in a sentence',
  '4k idle',
]

/** Whatever a report may hold, each row once: rows without figures, one sample, texts that are markup. */
export function randomReport(random: Random): Report {
  const variants = Array.from({ length: random.int(4) }, (_, index) => {
    const all = Array.from({ length: random.int(12) }, () => randomRow(random))
    const rows = all.filter(({ target, label }, at) => {
      return all.findIndex(other => other.target === target && other.label === label) === at
    })
    const missing = random.chance(0.3) ? [{ target: 'nats', why: random.pick(NAMES) }] : []
    return variant(rows, { variant: `variant ${index}`, about: random.pick(NAMES), missing })
  })
  const costs = Array.from({ length: random.int(5) }, (_, index) => {
    return { name: `socket.write ${index}`, value: random.pick(AMOUNTS), unit: 'µs' }
  })
  return report(variants, { costs })
}

function randomRow(random: Random): Row {
  const target = random.pick(['millrace', 'floor', 'ws', '<b>peer</b>'])
  const label = random.chance(0.5) ? `${random.pick(['0', '1,000', '4k'])} idle` : random.pick(NAMES)
  const runs = Array.from({ length: 1 + random.int(3) }, () => randomRun(random, target, label))
  return { target, label, runs }
}

function randomRun(random: Random, target: string, label: string): Run {
  const amount = () => random.pick(AMOUNTS)
  const distribution = () => (random.chance(0.2) ? null : quantiles(amount()))
  return run({
    target,
    label,
    due: amount(),
    received: amount(),
    receivedPerSecond: amount(),
    serverCpuSecondsPerMillion: amount(),
    serverCpuShare: amount(),
    latencyMs: distribution(),
    ageMs: distribution(),
    bytesPerUpdate: amount(),
    updatesPerWrite: random.chance(0.5) ? null : amount(),
    residentBytes: { empty: amount(), connected: amount(), max: amount() },
    isHeld: random.chance(0.5),
    isClientBottleneck: random.chance(0.2),
    ledger: random.chance(0.5) ? null : { ...run().ledger!, lost: amount() },
    faults: random.chance(0.2) ? [random.pick(NAMES)] : [],
    samples: samples(random.int(30)),
    extra: { 'idle connections': random.pick([0, 1_000, 4_000]) },
  })
}

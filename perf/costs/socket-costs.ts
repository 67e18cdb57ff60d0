/**
 * What writing to many sockets costs when nothing else is done: the ceiling of every figure of a server on this machine.
 * Each repeat is a set of fresh processes that all figures are taken in; a figure is the median of the repeats.
 */

import type { Cost } from '#perf/result.ts'
import { median, quantile } from './figures.ts'
import { type RigSettings, SocketRig } from './socket-rig.ts'

export interface SocketCostSettings extends RigSettings {
  /** Beside all of the rig's. */
  readonly fewSockets: number
  /** Of one size to one number of sockets, in one repeat. */
  readonly writes: number
  readonly pacedSeconds: number
}

/** A loop that writes at a pace, as a server does whose batches are full. */
interface Pace {
  readonly sockets: number
  readonly bytes: number
  readonly ticksPerSecond: number
  /** What a server's write of that length carries. */
  readonly updatesPerWrite: number
}

/** One repeat. */
interface Run {
  readonly rig: SocketRig
  readonly settings: SocketCostSettings
  readonly step: (text: string) => void
  readonly add: (name: string, unit: string, value: number) => void
  readonly trouble: Trouble
}

/** What makes figures doubtful, over all repeats: 0 on a machine that is not busy with something else. */
interface Trouble {
  /** Writes that the kernel did not take whole at once. */
  waiting: number
  lateTicks: number
}

const WRITE_BYTES = [64, 256, 700, 930, 1_500, 4_096]
const WARM_UP_ROUNDS = 3
const US_PER_MS = 1_000

/** The figures, and two counts of what makes them doubtful. */
export async function measureSocketCosts(
  settings: SocketCostSettings,
  repeats: number,
  onProgress: (text: string) => void,
): Promise<Cost[]> {
  const figures = new Map<string, { unit: string; values: number[] }>()
  const add: Run['add'] = (name, unit, value) => {
    if (!figures.has(name)) figures.set(name, { unit, values: [] })
    figures.get(name)!.values.push(value)
  }
  const trouble: Trouble = { waiting: 0, lateTicks: 0 }
  for (let repeat = 1; repeat <= repeats; repeat++) {
    const step = (text: string) => onProgress(`sockets, ${repeat} of ${repeats}: ${text}`)
    const rig = new SocketRig(settings)
    try {
      await measureOnce({ rig, settings, step, add, trouble })
    } finally {
      await rig.close()
    }
  }
  return [
    ...[...figures].map(([name, { unit, values }]) => ({ name, value: median(values), unit })),
    { name: 'writes that were not taken at once', value: trouble.waiting, unit: 'writes' },
    { name: 'paced ticks that began late', value: trouble.lateTicks, unit: 'ticks' },
  ]
}

async function measureOnce(run: Run): Promise<void> {
  const { rig, settings, step, add } = run
  const { fewSockets, sockets: manySockets } = settings
  step(`${grouped(manySockets)} connections`)
  add('resident memory per idle socket', 'B', await rig.connect())
  // The loops are compiled, whatever comes first.
  await rig.write(manySockets, WRITE_BYTES[0]!, WARM_UP_ROUNDS)
  for (const sockets of [fewSockets, manySockets]) {
    step(`writes to ${grouped(sockets)}`)
    for (const bytes of WRITE_BYTES) await addWrites(run, sockets, bytes)
  }
  for (const pace of pacesOf(settings)) {
    step(`${pace.ticksPerSecond} times a second to ${grouped(pace.sockets)}`)
    await addPace(run, pace)
  }
}

async function addWrites({ rig, settings, add, trouble }: Run, sockets: number, bytes: number): Promise<void> {
  const rounds = Math.max(1, Math.round(settings.writes / sockets))
  const cost = await rig.write(sockets, bytes, rounds)
  const made = rounds * sockets
  const name = `socket.write ${grouped(bytes)} B to ${grouped(sockets)} sockets`
  add(name, 'µs', (cost.userUs + cost.systemUs) / made)
  add(`${name}, user`, 'µs', cost.userUs / made)
  add(`${name}, system`, 'µs', cost.systemUs / made)
  add(`${name}, wall`, 'µs', cost.wallUs / made)
  trouble.waiting += cost.waiting
}

/** The floors of the variants liberator and broadcast. */
function pacesOf({ fewSockets, sockets: manySockets }: SocketCostSettings): Pace[] {
  return [
    { sockets: manySockets, bytes: 700, ticksPerSecond: 10, updatesPerWrite: 10 },
    { sockets: fewSockets, bytes: 100, ticksPerSecond: 100, updatesPerWrite: 1 },
  ]
}

async function addPace({ rig, settings, add, trouble }: Run, pace: Pace): Promise<void> {
  const { sockets, bytes, ticksPerSecond, updatesPerWrite } = pace
  const ticks = Math.max(1, Math.round(settings.pacedSeconds * ticksPerSecond))
  const cost = await rig.pace(sockets, bytes, ticks, 1_000 / ticksPerSecond)
  // µs a write are seconds a million writes.
  const perWriteUs = (cost.userUs + cost.systemUs) / (ticks * sockets)
  const name = `paced ${bytes} B to ${grouped(sockets)} sockets ${ticksPerSecond}/s`
  add(`${name}, CPU per million writes`, 's', perWriteUs)
  add(`${name}, CPU per million updates, ${updatesPerWrite} a write`, 's', perWriteUs / updatesPerWrite)
  add(`${name}, latency p99`, 'ms', quantile(cost.latenciesUs, 0.99) / US_PER_MS)
  trouble.waiting += cost.waiting
  trouble.lateTicks += cost.lateTicks
}

function grouped(count: number): string {
  return count.toLocaleString('en')
}

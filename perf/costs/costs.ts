/**
 * What this machine can do: the figures at the head of every report, so that each result can be read as a share of the
 * ceiling. Each is the median of `repeats` (the ring hop: the best, as perf/micro/ring.ts takes it).
 *
 *   node perf/costs/costs.ts [--small]
 *
 * The same settings give the same names in the same order.
 */

import { run as measureRings } from '#perf/micro/ring.ts'
import type { Cost } from '#perf/result.ts'
import { measureCallCosts } from './call-costs.ts'
import { measureDoorbellCosts } from './doorbell-costs.ts'
import { measureSocketCosts, type SocketCostSettings } from './socket-costs.ts'

export interface CostSettings extends SocketCostSettings {
  readonly repeats: number
  /** Whether perf/micro/ring.ts runs at its small size. */
  readonly isRingSmall: boolean
  /** Of each call that is cheap, and wake-ups of each way: in one repeat. */
  readonly calls: number
  readonly rings: number
}

/** Takes some 40 s on two cores. */
export const COSTS_REAL: CostSettings = {
  repeats: 3,
  isRingSmall: false,
  calls: 1_000_000,
  rings: 1_000,
  fewSockets: 1_000,
  sockets: 10_000,
  socketsPerReader: 5_000,
  writes: 20_000,
  pacedSeconds: 1.5,
  settleMs: 500,
}

/** Shows that it works; the figures say little. */
export const COSTS_SMALL: CostSettings = {
  repeats: 1,
  isRingSmall: true,
  calls: 10_000,
  rings: 20,
  fewSockets: 5,
  sockets: 20,
  socketsPerReader: 10,
  writes: 60,
  pacedSeconds: 0.2,
  settleMs: 50,
}

/** `onProgress` is told what is measured next, some twenty times in real size. */
export async function measureCosts(
  settings: CostSettings,
  onProgress: (text: string) => void = () => {},
): Promise<Cost[]> {
  const { repeats, isRingSmall, calls, rings } = settings
  onProgress('calls')
  const costs = measureCallCosts(calls, repeats)
  onProgress('ring')
  for (const { name, nsPerRecord } of await measureRings(isRingSmall)) {
    if (name.startsWith('ring, '))
      costs.push({ name: name.replace('ring, ', 'ring hop, '), value: nsPerRecord, unit: 'ns' })
  }
  onProgress('doorbell')
  costs.push(...(await measureDoorbellCosts(rings, repeats)))
  costs.push(...(await measureSocketCosts(settings, repeats, onProgress)))
  return costs
}

if (import.meta.main) {
  const settings = process.argv.includes('--small') ? COSTS_SMALL : COSTS_REAL
  const costs = await measureCosts(settings, text => process.stderr.write(`${text} …\n`))
  const width = Math.max(...costs.map(({ name }) => name.length))
  for (const { name, value, unit } of costs) {
    console.log(`${name.padEnd(width)} ${value.toFixed(2).padStart(10)} ${unit}`)
  }
}

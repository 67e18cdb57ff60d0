/**
 * Who reads in the convergence run: each client's pace, mode, first transport and items, and whether it breaks.
 *
 * Within each pace the clients go through the four transports, both modes, breaking or not: any 16 in a row have each
 * combination once, any 4 each transport, both modes, and two that break.
 *
 * Who merges reads all items. Who reads raw has one group of them, each group about as busy as the others, so that a fast
 * reader can keep up; slow and stalled ones have the busiest, which leave the items' logs soonest.
 */

import { TRANSPORTS, type Transport } from '#test/support/session-stream.ts'
import type { Recorded } from './recorded.ts'

export const PACES = ['fast', 'slow', 'stalled'] as const
export type Pace = (typeof PACES)[number]
export const MODES = ['merge', 'raw'] as const
export type Mode = (typeof MODES)[number]

export interface ClientPlan {
  readonly index: number
  readonly pace: Pace
  readonly mode: Mode
  /** Of its first stream; who breaks goes on over others. */
  readonly transport: Transport
  readonly isBreaking: boolean
  readonly items: readonly string[]
}

const GROUPS = 32
const BUSIEST_GROUPS = 2

export function planClients(counts: Readonly<Record<Pace, number>>, { lines }: Recorded): ClientPlan[] {
  const all = [...lines.keys()]
  const groups = groupsOf(lines)
  return PACES.flatMap(pace => Array.from({ length: counts[pace] }, (_, number) => ({ pace, number }))).map(
    ({ pace, number }, index) => {
      const mode = MODES[(number + (number >> 2)) & 1]!
      const group = groups[(number >> 1) % (pace === 'fast' ? groups.length : BUSIEST_GROUPS)]!
      return {
        index,
        pace,
        mode,
        transport: TRANSPORTS[number % TRANSPORTS.length]!,
        isBreaking: (((number >> 1) + (number >> 3)) & 1) === 1,
        items: mode === 'raw' ? group : all,
      }
    },
  )
}

/** Each item, the busiest first, goes to the group that has the fewest lines as yet. */
function groupsOf(lines: ReadonlyMap<string, readonly unknown[]>): string[][] {
  const items = [...lines].toSorted((a, b) => b[1].length - a[1].length)
  const groups = Array.from({ length: Math.min(GROUPS, items.length) }, () => ({ lines: 0, items: [] as string[] }))
  for (const [item, { length }] of items) {
    const least = groups.reduce((a, b) => (b.lines < a.lines ? b : a))
    least.lines += length
    least.items.push(item)
  }
  return groups.map(group => group.items)
}

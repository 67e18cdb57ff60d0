/**
 * Who reads in the convergence run: each client's pace, mode, first transport and items, and whether it breaks.
 *
 * Within each pace the clients go through the four transports, the four modes, breaking or not: any 32 in a row have each
 * combination once, any 16 each transport in each mode, any 4 each transport, each mode, and two that break.
 *
 * Who merges reads all items. Who reads raw has one group of them, each group about as busy as the others, so that a fast
 * reader can keep up; slow and stalled ones have the busiest, which leave the items' logs soonest. Who reads distinct has a group, too,
 * and all trades; who is late of these lets few updates wait. Of those that read tables every other one has a group of
 * them whole, the others have the best rows of one side of each.
 */

import { TRANSPORTS, type Transport } from '#test/support/session-stream.ts'
import type { BookWindow } from './judge.ts'
import type { Recorded } from './recorded.ts'

export const PACES = ['fast', 'slow', 'stalled'] as const
export type Pace = (typeof PACES)[number]
export const MODES = ['merge', 'raw', 'distinct', 'command'] as const
export type Mode = (typeof MODES)[number]

export interface ClientPlan {
  readonly index: number
  readonly pace: Pace
  readonly mode: Mode
  /** Of its first stream; who breaks goes on over others. */
  readonly transport: Transport
  readonly isBreaking: boolean
  readonly items: readonly string[]
  /** Distinct: so many updates of an item wait at most; null: as many as the server allows. */
  readonly bufferSize: number | null
  /** Command: null shows whole tables. */
  readonly window: BookWindow | null
}

const GROUPS = 32
const BUSIEST_GROUPS = 2
/** The groups of those that read distinct begin here, so that each group is read one way or the other. */
const DISTINCT_GROUP = 16
const TABLE_GROUPS = 12
const LATE_BUFFER_SIZE = 64
const BEST = 10
const WINDOWS: readonly (BookWindow | null)[] = [null, { side: 'bid', count: BEST }, null, { side: 'ask', count: BEST }]

type Lines = ReadonlyMap<string, readonly unknown[]>

export function planClients(counts: Readonly<Record<Pace, number>>, recorded: Recorded): ClientPlan[] {
  const { lines, tables, trades } = recorded
  const all = [...lines.keys()]
  const groups = groupsOf(lines, GROUPS)
  const tableGroups = groupsOf(new Map(tables.names.map(name => [name, lines.get(name)!])), TABLE_GROUPS)
  return PACES.flatMap(pace => Array.from({ length: counts[pace] }, (_, number) => ({ pace, number }))).map(
    ({ pace, number }, index) => {
      const round = number >> 2
      const mode = MODES[(number + round) & 3]!
      const window = mode === 'command' ? WINDOWS[round % WINDOWS.length]! : null
      const groupOf = (some: readonly string[][], first: number): string[] =>
        some[pace === 'fast' ? (first + round) % some.length : round % BUSIEST_GROUPS]!
      const items: Record<Mode, () => readonly string[]> = {
        merge: () => all,
        raw: () => groupOf(groups, 0),
        distinct: () => [...new Set([...trades, ...groupOf(groups, DISTINCT_GROUP)])],
        command: () => (window === null ? groupOf(tableGroups, 0) : tables.names),
      }
      return {
        index,
        pace,
        mode,
        transport: TRANSPORTS[number % TRANSPORTS.length]!,
        isBreaking: ((number + (number >> 3) + (number >> 4)) & 1) === 1,
        items: items[mode](),
        bufferSize: mode === 'distinct' && pace !== 'fast' ? LATE_BUFFER_SIZE : null,
        window,
      }
    },
  )
}

/** The parameters that ask for it. */
export function queryOf({ mode, items, bufferSize, window }: ClientPlan): string {
  const query = [`items=${items.map(encodeURIComponent).join(',')}`]
  if (mode !== 'merge') query.push(`mode=${mode}`)
  if (mode === 'raw') query.push('onLost=snapshot')
  if (bufferSize !== null) query.push(`bufferSize=${bufferSize}`)
  if (window !== null) {
    const sort = window.side === 'bid' ? '-price' : 'price'
    query.push(`filter=${encodeURIComponent(`side = "${window.side}"`)}`, `sort=${sort}`, `count=${window.count}`)
  }
  return query.join('&')
}

/** Each item, the busiest first, goes to the group that has the fewest lines as yet. */
function groupsOf(lines: Lines, count: number): string[][] {
  const items = [...lines].toSorted((a, b) => b[1].length - a[1].length)
  const groups = Array.from({ length: Math.min(count, items.length) }, () => ({ lines: 0, items: [] as string[] }))
  for (const [item, { length }] of items) {
    const least = groups.reduce((a, b) => (b.lines < a.lines ? b : a))
    least.lines += length
    least.items.push(item)
  }
  return groups.map(group => group.items)
}

/**
 * What a run puts through a server: who publishes what, who reads which of it, and for how long. Pure functions of the
 * workload's numbers and its seed, so that the feed, the clients and whoever verifies them agree without talking.
 *
 * An update is one line of a feed: `{"item":"i042","fields":{"bid":"101.25",…,"at":"0012345678901"}}`, of the same length
 * for every item and value. `at` is when the update was due (perf/load/stamp.ts): clients find it by its marker in
 * whatever a server wraps around it.
 */

import { MARKER, STAMP_DIGITS } from './load/stamp.ts'

export const TRANSPORTS = ['sse', 'ndjson', 'websocket', 'poll'] as const

export const MODES = ['merge', 'raw', 'distinct', 'command'] as const

/**
 * What passes of a workload's items: everything, though it is looked at; those of one venue, which are half of them; those whose
 * size is large, which are half of them at any time, and others every time.
 */
export const FILTERS = {
  none: { text: '', passes: () => true },
  all: { text: 'size > 0', passes: () => true },
  venue: { text: 'venue = "v0"', passes: ({ venue }) => venue === 'v0' },
  size: { text: 'size >= 550', passes: ({ size }) => Number(size) >= 550 },
} as const satisfies Record<string, { readonly text: string; readonly passes: (fields: ItemFields) => boolean }>

type ItemFields = Readonly<Record<string, string | null>>

export interface Workload {
  readonly clients: number
  readonly items: number
  readonly itemsPerClient: number
  /** Updates a second of each item. */
  readonly ratePerItem: number
  /** Fields of an update, `at` among them: 1 to 6. */
  readonly fields: number
  /** The length of a line that is to be reached with one long field more; 0: as it comes. */
  readonly lineBytes: number
  /** Before the measured time: connections are made, code is compiled, buffers grow. */
  readonly warmupSeconds: number
  readonly seconds: number
  readonly mode: (typeof MODES)[number]
  /** An item is a table that has so many rows, and an update an operation on one of them (load/table-source.ts); 0: it is values. */
  readonly rows: number
  /** Of tables: so many best rows of a side are shown; 0: all of both. */
  readonly window: number
  /** What a client's filter lets pass. */
  readonly filter: keyof typeof FILTERS
  /** What clients grant the server to gather, in ms; 0: every update goes at once. */
  readonly maxDelayMs: number
  /** How clients of Millrace read; those of peers have one way only. */
  readonly transport: (typeof TRANSPORTS)[number]
  /** Connections beside the clients that read an item which nobody publishes. */
  readonly idleClients: number
  /** Shares of the clients, 0 to 1, that never read, and that read slowBytesPerSecond. */
  readonly stalledShare: number
  readonly slowShare: number
  readonly slowBytesPerSecond: number
  readonly seed: number
  /** Settings of the server, as flags: ['--placement', 'single']. */
  readonly settings: readonly string[]
}

/** Updates that all clients together are due a second. */
export function dueRate(workload: Workload): number {
  return workload.clients * workload.itemsPerClient * workload.ratePerItem
}

export function itemName(index: number): string {
  return `i${String(index).padStart(3, '0')}`
}

/** Numbers from 0 on, the same for the same seed. */
export function seeded(seed: number): (max: number) => number {
  let state = (seed ^ 0x9e3779b9) | 0
  return max => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5) | 0
    const mixed = Math.imul(state ^ (state >>> 12), 0x297a2d39)
    return ((mixed ^ (mixed >>> 15)) >>> 0) % max
  }
}

/** The items of one client: all different, in order. */
export function itemsOf(workload: Workload, client: number): number[] {
  const { items, itemsPerClient, seed } = workload
  if (itemsPerClient >= items) return Array.from({ length: items }, (_, index) => index)
  const next = seeded(seed * 1_000_003 + client)
  const chosen = new Set<number>()
  while (chosen.size < itemsPerClient) chosen.add(next(items))
  return [...chosen].sort((a, b) => a - b)
}

/** The side of its books that a client with a window sees. */
export function sideOf(client: number): 'bid' | 'ask' {
  return client % 2 === 0 ? 'bid' : 'ask'
}

/** Whether clients are due less than all updates of their items: by how much, only the server can tell. */
export function isChosen({ window, filter }: Workload): boolean {
  return window > 0 || filter !== 'none'
}

const SHORT_FIELDS = ['bid', 'ask', 'last', 'size', 'venue'] as const

/**
 * One line of a feed, without its line end; `values` is what tells one update's values from another's. The stamp's digits
 * are zeros: they stand behind MARKER.
 */
export function lineOf(workload: Workload, item: number, values: number): string {
  const next = seeded(values + item * 7_919)
  const price = () => `${100 + next(900)}.${String(next(100)).padStart(2, '0')}`
  const fields = SHORT_FIELDS.slice(0, workload.fields - 1).map(name => {
    if (name === 'venue') return `"venue":"v${item % 2}"`
    return name === 'size' ? `"size":"${100 + next(900)}"` : `"${name}":"${price()}"`
  })
  const stamp = `${MARKER}${'0'.repeat(STAMP_DIGITS)}"`
  const line = (all: readonly string[]) => `{"item":"${itemName(item)}","fields":{${all.join(',')}}}`
  const short = line([...fields, stamp])
  const missing = workload.lineBytes - short.length - '"text":"",'.length
  return missing > 0 ? line([...fields, `"text":"${'x'.repeat(missing)}"`, stamp]) : short
}

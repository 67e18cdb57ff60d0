/** What a subscription asks for, and the checks of it: what contradicts itself. What it may have is for the server to say. */

import { check } from './options.ts'

export type Mode = 'merge' | 'distinct' | 'command' | 'raw'
export type OnLost = 'end' | 'snapshot'

/** What a subscription asks for; what is left out is as docs/protocol.md says. */
export interface SubscriptionWish {
  /** Names of items; one that ends in `*` stands for all that begin with what is before it. */
  readonly items: string | readonly string[]
  /** Names of fields; all when left out. */
  readonly fields?: readonly string[]
  /**
   * `merge`: the newest values. `distinct`: every update, the oldest lost where too many wait. `command`: items are tables of
   * rows. `raw`: every update.
   */
  readonly mode?: Mode
  /** Updates a second of each item, at most; of `command` turns of the whole table. `merge` and `command` only. */
  readonly maxFrequency?: number
  /** Whether items begin with their whole current value; of `distinct` also with how many of the newest updates. */
  readonly snapshot?: boolean | number
  /** An expression on values (docs/filters.md): only what passes it comes. */
  readonly filter?: string
  /** So many updates of an item wait at most; `distinct` only. */
  readonly bufferSize?: number
  /** The field that rows are in order of, downwards with a `-` before its name; `command` only. See Item.sortedRows. */
  readonly sort?: string
  /** A window on the rows in that order: the place of the first one, counted from 0, and how many. */
  readonly from?: number
  readonly count?: number
  /** Of `raw`, when it fell behind the server's log: whether it ends or goes on from a snapshot. */
  readonly onLost?: OnLost
}

const MODES: readonly Mode[] = ['merge', 'distinct', 'command', 'raw']

/** Throws OPTIONS_INVALID. */
export function checkWish({
  items,
  mode = 'merge',
  snapshot,
  filter,
  bufferSize,
  sort,
  from,
  count,
}: SubscriptionWish): void {
  check(items.length > 0, 'a subscription names at least one item')
  check(MODES.includes(mode), `no such mode: ${mode}`)
  check(filter !== '', 'a filter is an expression')
  checkWhole('bufferSize', bufferSize, 1)
  check(bufferSize === undefined || mode === 'distinct', 'bufferSize is of distinct only')
  if (typeof snapshot === 'number') {
    checkWhole('snapshot', snapshot, 0)
    check(mode === 'distinct', 'a number of updates as a snapshot is of distinct only')
  }
  check(sort === undefined || mode === 'command', 'sort is of command only')
  check(sort !== '' && sort !== '-', 'sort names a field')
  checkWhole('from', from, 0)
  checkWhole('count', count, 1)
  check(
    sort !== undefined || (from === undefined && count === undefined),
    'from and count are places in the order of sort',
  )
}

function checkWhole(name: string, value: number | undefined, least: number): void {
  check(
    value === undefined || (Number.isSafeInteger(value) && value >= least),
    `${name} is a whole number from ${least} on`,
  )
}

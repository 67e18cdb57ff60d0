/**
 * What the recording makes of each item when it is played in loops, as far as every seq tells: the fields that an item has
 * at it, in mode merge or raw, the fields of its line in raw and distinct, the row of a table (recorded-tables.ts).
 *
 * It holds for views that are there before the first line is played and stay, as the sessions of a run let them: seq 1 is
 * then the first line. From the second loop on each loop is as the one before, so two are worked out.
 */

import { type Fields, runModel, ViewModel } from '#test/support/stream-model.ts'
import type { RecordedLine, ValueMode } from './judge.ts'
import { RecordedTables } from './recorded-tables.ts'
import { unitsOf } from './sums.ts'

interface ItemStates {
  /** By seq, through both loops. */
  readonly states: readonly (Fields | undefined)[]
  /** The last seq of the first loop, and of the second. */
  readonly firstEnd: number
  readonly secondEnd: number
}

export class Recorded {
  /** By item, in the order of its lines. */
  readonly lines = new Map<string, Fields[]>()
  /** By item: its fields behind the last line of a loop. */
  readonly truth: ReadonlyMap<string, Readonly<Fields>>
  readonly tables: RecordedTables
  /** By item of mode distinct: the sizes of its lines, in units (sums.ts). */
  readonly #sizes = new Map<string, bigint[]>()
  readonly #views: Readonly<Record<ValueMode, ReadonlyMap<string, ItemStates>>>

  constructor(input: readonly RecordedLine[]) {
    for (const { item, mode, fields } of input) {
      listOf(this.lines, item).push({ ...fields })
      if (mode === 'distinct') listOf(this.#sizes, item).push(unitsOf(fields.size ?? '0'))
    }
    this.truth = runModel(input, [])
    this.tables = new RecordedTables(input)
    this.#views = { merge: statesOf('merge', input), raw: statesOf('raw', input) }
  }

  /** Items whose lines are distinct updates. */
  get trades(): string[] {
    return [...this.#sizes.keys()]
  }

  isTrade(item: string): boolean {
    return this.#sizes.has(item)
  }

  /** All fields of an item at a seq; undefined where it never has that seq. */
  stateAt(mode: ValueMode, item: string, seq: number): Readonly<Fields> | undefined {
    const known = this.#views[mode].get(item)
    if (known === undefined) return undefined
    const { states, firstEnd, secondEnd } = known
    return states[seq <= secondEnd ? seq : firstEnd + 1 + ((seq - firstEnd - 1) % (secondEnd - firstEnd))]
  }

  /** Where every update counts: the fields that the line of a seq brings. */
  lineAt(item: string, seq: number): Readonly<Fields> {
    const lines = this.lines.get(item)!
    return lines[(seq - 1) % lines.length]!
  }

  /** The size that the line of a seq brings, in units; 0 where the item is of no trades. */
  sizeAt(item: string, seq: number): bigint {
    const sizes = this.#sizes.get(item)
    return sizes === undefined ? 0n : sizes[(seq - 1) % sizes.length]!
  }

  /** Updates of an item, played so many times. */
  publishedOf(item: string, loops: number): number {
    return this.lines.get(item)!.length * loops
  }

  /** What the sizes of an item's trades come to, played so many times. */
  sizesOf(item: string, loops: number): bigint {
    const once = (this.#sizes.get(item) ?? []).reduce((sum, size) => sum + size, 0n)
    return once * BigInt(loops)
  }
}

function listOf<T>(lists: Map<string, T[]>, item: string): T[] {
  const known = lists.get(item)
  if (known !== undefined) return known
  const list: T[] = []
  lists.set(item, list)
  return list
}

function statesOf(mode: ValueMode, input: readonly RecordedLine[]): Map<string, ItemStates> {
  const [once, twice] = [new ViewModel(mode, null), new ViewModel(mode, null)]
  runModel(input, [once])
  runModel([...input, ...input], [twice])
  return new Map(
    [...twice.items].map(([item, { states, seq }]) => {
      return [item, { states, firstEnd: once.items.get(item)!.seq, secondEnd: seq }]
    }),
  )
}

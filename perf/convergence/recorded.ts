/**
 * What the recording makes of each item when it is played in loops, as far as every seq tells: the fields that an item has
 * at it, in either mode, and in raw mode the fields of its line.
 *
 * It holds for views that are there before the first line is played and stay, as the sessions of a run let them: seq 1 is
 * then the first line. From the second loop on each loop is as the one before, so two are worked out.
 */

import { type Fields, type ModelLine, runModel, ViewModel } from '#test/support/stream-model.ts'
import type { Mode } from './plan.ts'

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
  readonly #views: Readonly<Record<Mode, ReadonlyMap<string, ItemStates>>>

  constructor(input: readonly ModelLine[]) {
    for (const { item, fields } of input) {
      const list = this.lines.get(item)
      if (list === undefined) this.lines.set(item, [{ ...fields }])
      else list.push({ ...fields })
    }
    this.truth = runModel(input, [])
    this.#views = { merge: statesOf('merge', input), raw: statesOf('raw', input) }
  }

  /** All fields of an item at a seq; undefined where it never has that seq. */
  stateAt(mode: Mode, item: string, seq: number): Readonly<Fields> | undefined {
    const known = this.#views[mode].get(item)
    if (known === undefined) return undefined
    const { states, firstEnd, secondEnd } = known
    return states[seq <= secondEnd ? seq : firstEnd + 1 + ((seq - firstEnd - 1) % (secondEnd - firstEnd))]
  }

  /** Raw mode: the fields that the line of a seq brings. */
  lineAt(item: string, seq: number): Readonly<Fields> {
    const lines = this.lines.get(item)!
    return lines[(seq - 1) % lines.length]!
  }
}

function statesOf(mode: Mode, input: readonly ModelLine[]): Map<string, ItemStates> {
  const [once, twice] = [new ViewModel(mode, null), new ViewModel(mode, null)]
  runModel(input, [once])
  runModel([...input, ...input], [twice])
  return new Map(
    [...twice.items].map(([item, { states, seq }]) => {
      return [item, { states, firstEnd: once.items.get(item)!.seq, secondEnd: seq }]
    }),
  )
}

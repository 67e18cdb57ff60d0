/**
 * What was pushed out of a log of stretches (stretch-log.ts), for those who still lack it: a stretch for each position that
 * somebody stands at, of all that came behind that position and was pushed out since.
 *
 * Bound: each push-out says anew which positions are needed, and the others are given up. So there are at most as many
 * as were kept by the last one, and as were added by it.
 */

import type { StretchColumns } from './merge-function.ts'
import { Stretches } from './stretches.ts'

export const NOT_CARRIED = -1

/** The row that is nobody's: results are put together in it. */
export const SPARE_ROW = 0

export class CarriedStretches {
  /** Rows as rowOf says, and SPARE_ROW. */
  readonly table: Stretches
  /** By position. While a push-out runs, those that were not asked for yet. */
  #rows = new Map<number, number>()
  /** While a push-out runs, those that were asked for. */
  #keptRows = new Map<number, number>()
  readonly #freeRows: number[] = []
  #end = SPARE_ROW + 1

  constructor(columns: StretchColumns) {
    this.table = new Stretches(columns)
    this.table.reserve(this.#end)
  }

  /** How many positions there are between push-outs. */
  get size(): number {
    return this.#rows.size
  }

  /** The row of a position between push-outs, or NOT_CARRIED. */
  rowOf(position: number): number {
    return this.#rows.get(position) ?? NOT_CARRIED
  }

  /** Whether this push-out has asked for the position before. */
  isKept(position: number): boolean {
    return this.#keptRows.has(position)
  }

  /** Asks for a position; returns its row, or NOT_CARRIED. */
  keep(position: number): number {
    const row = this.#rows.get(position)
    if (row === undefined) return NOT_CARRIED
    this.#rows.delete(position)
    this.#keptRows.set(position, row)
    return row
  }

  /** Asks for a position that there was no row of; returns one, which is empty. */
  add(position: number): number {
    const row = this.#freeRows.pop() ?? this.#end++
    this.table.reserve(this.#end)
    this.table.clear(row)
    this.#keptRows.set(position, row)
    return row
  }

  /** The push-out has asked for all that are needed. */
  giveUpOthers(): void {
    const others = this.#rows
    for (const row of others.values()) this.#freeRows.push(row)
    others.clear()
    this.#rows = this.#keptRows
    this.#keptRows = others
  }
}

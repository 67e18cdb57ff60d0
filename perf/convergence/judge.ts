/** How the records of a client are held against the recording, by its mode. */

import type { SessionRecord } from '#test/support/session-stream.ts'
import type { Fields } from '#test/support/stream-model.ts'
import type { Mode } from './plan.ts'

export interface Judge {
  /** The session begins: everything may come again. */
  beginAnew(): void
  /** A record of an item, whose flush is whole. False: no record of this mode. */
  take(record: SessionRecord, item: string): boolean
  /** The newest seq of the item that has come; null: the next record begins it. */
  seqOf(item: string): number | null
  /** Whether each item has come to where the recording, played so many times, leaves it. */
  isAtTruth(loops: number): boolean
}

/** A line of the recording. */
export interface RecordedLine {
  readonly item: string
  readonly mode?: 'merge' | 'distinct' | 'command'
  readonly snapshot?: boolean
  readonly fields: Readonly<Record<string, string | null>>
}

/** The best rows of one side of a book. */
export interface BookWindow {
  readonly side: 'bid' | 'ask'
  readonly count: number
}

/** Modes in which an item is its values. */
export type ValueMode = Extract<Mode, 'merge' | 'raw'>

export function isSame(found: Readonly<Fields>, expected: Readonly<Fields>): boolean {
  const names = Object.keys(expected)
  return names.length === Object.keys(found).length && names.every(name => found[name] === expected[name])
}

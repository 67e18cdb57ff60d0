/**
 * What a subscription knows of one item: all its fields, merged from snapshots and updates.
 *
 * Invariants (test/rules.md, CL):
 *  - Only what is newer by `seq` changes anything: what a server repeats is not seen twice.
 *  - After a snapshot the fields are those of the snapshot, and no others.
 */

import type { DataRecord, FieldValues } from './records.ts'

/** An item as its subscription sees it. It lives on and changes: copy what is to be kept. */
export interface Item {
  readonly name: string
  /** All fields that the subscription has. An object without a prototype. */
  readonly fields: FieldValues
  /** The number of the last update; -1 before the first. */
  readonly seq: number
  /** What the last update that had a time said, in ms since 1970. */
  readonly timeMs: number | null
  /** No feed answers for the values. */
  readonly isStale: boolean
}

/** One update of an item. */
export interface Update {
  readonly item: string
  readonly seq: number
  readonly timeMs: number | null
  /** The fields are all that the item has; else those that changed. */
  readonly isSnapshot: boolean
  readonly fields: FieldValues
  /** Names of the fields that have another value than before, or that are no more. Of an update: all of its fields. */
  readonly changed: readonly string[]
  /** How many updates before this one were superseded on the way: the gap in `seq`. 0 where it cannot be known. */
  readonly conflated: number
}

type Draft = Record<string, string | null>

export class ItemState implements Item {
  readonly name: string
  fields: Draft = Object.create(null)
  seq = -1
  timeMs: number | null = null
  isStale = false
  /** The seq that the next gap is counted from; -1 where none is. */
  #countedTo = -1

  constructor(name: string) {
    this.name = name
  }

  /** Takes an update in; null when it is not newer than what is there. */
  merge(seq: number, fields: FieldValues, record: DataRecord): Update | null {
    if (seq <= this.seq) return null
    const isSnapshot = record.snapshot === true
    const changed = isSnapshot ? this.#replace(fields) : this.#assign(fields)
    const conflated = this.#countedTo < 0 ? 0 : seq - this.#countedTo - 1
    const timeMs = record.time ?? null
    this.seq = seq
    this.#countedTo = seq
    this.timeMs = timeMs ?? this.timeMs
    return { item: this.name, seq, timeMs, isSnapshot, fields, changed, conflated }
  }

  /** Updates are gone, and were counted by who tells so: the gap that follows is theirs. */
  lose(): void {
    this.#countedTo = -1
  }

  #assign(fields: FieldValues): readonly string[] {
    const names = Object.keys(fields)
    for (const name of names) this.fields[name] = fields[name]!
    return names
  }

  #replace(fields: FieldValues): readonly string[] {
    const before = this.fields
    this.fields = Object.assign(Object.create(null) as Draft, fields)
    const gone = Object.keys(before).filter(name => !(name in this.fields))
    return [...Object.keys(fields).filter(name => before[name] !== fields[name]), ...gone]
  }
}

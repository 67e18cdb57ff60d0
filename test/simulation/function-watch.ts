/**
 * Holds what a client is told of fields with merge functions to the truth: in each record such a field is the function of
 * exactly those values that came behind what the client had, up to the event at which its core stood. So whatever was
 * conflated, broke and was told once more, the records that it has handled cover all values, each once.
 *
 * Outside of that are values that came before the item was deleted.
 */

import assert from 'node:assert/strict'
import { resultOf } from '../support/stretch-model.ts'
import type { ModelItem, Sight, Value } from './model.ts'
import type { StreamRecord } from './stream-reader.ts'
import type { Start } from './subscription-life.ts'

export class FunctionWatch {
  /** The event behind which values are yet to be told; null: that of its beginning. */
  base: number | null = null
  /** Where the core stood that made the flush at hand; null between flushes. */
  #place: number | null = null
  readonly #item: ModelItem
  readonly #sight: Sight
  readonly #start: Start

  constructor(item: ModelItem, sight: Sight, start: Start) {
    this.#item = item
    this.#sight = sight
    this.#start = start
  }

  /** Takes a record that was made when the core stood at `place`; returns it without fields that have functions. */
  take(record: StreamRecord, place: number): StreamRecord {
    const { fields, snapshot } = record
    // What does not pass a filter is told when it does again, and no mark tells of it.
    if (fields !== undefined) this.#place = place
    const plain = new Map(Object.entries(fields ?? {}))
    if (fields !== undefined) {
      for (const name of this.#item.settings.functions.keys()) {
        if (this.#sight.fields?.includes(name) ?? true) this.#check(name, plain.get(name), place, snapshot === true)
        plain.delete(name)
      }
    }
    return fields === undefined ? record : { ...record, fields: Object.fromEntries(plain) }
  }

  /** The flush is handled as a whole. */
  finish(): void {
    this.base = this.#place ?? this.base
    this.#place = null
  }

  putBack(base: number | null): void {
    this.base = base
    this.#place = null
  }

  #check(name: string, told: Value | undefined, place: number, isSnapshot: boolean): void {
    const item = this.#item
    const isThere = item.events[place]?.state?.has(name) === true
    const values = this.#valuesOf(name, place)
    const isDue = isThere && (isSnapshot || values.length > 0)
    const one = item.settings.functions.get(name)!
    const expected = isDue ? resultOf(one, values) : undefined
    const from = this.base ?? this.#start.base
    const label = `${item.name}: ${one} of ${name} behind ${from} up to ${place}, of ${JSON.stringify(values)}`
    assert.equal(told, expected, label)
  }

  #valuesOf(name: string, place: number): Value[] {
    const { events } = this.#item
    const end = events.slice(0, place + 1).findLastIndex(({ kind }) => kind === 'deleted' || kind === 'purged')
    const first = Math.max(this.base ?? this.#start.base, end) + 1
    return events.slice(first, place + 1).flatMap(event => {
      const given = event.fields.find(([each]) => each === name)
      return given === undefined ? [] : [given[1]]
    })
  }
}

/**
 * How much of its item's log a view still finds, and where the newest of its updates begin. Subscriptions that fell behind
 * ask the same, so the last answers are kept, as long as the log is as it was.
 */

import { ENTRY_DELETED, ENTRY_SNAPSHOT, type ItemLog, NULL_LENGTH } from './item-log.ts'
import type { View } from './view.ts'

const UNKNOWN = -1

export class LogReach {
  readonly #view: View
  #countFirst = UNKNOWN
  #countEnd = UNKNOWN
  #count = 0
  #startEnd = UNKNOWN
  #startKept = UNKNOWN
  #start = 0

  constructor(view: View) {
    this.#view = view
  }

  /** Updates of the view that the log has. */
  count(log: ItemLog): number {
    if (this.#countFirst === log.first && this.#countEnd === log.end) return this.#count
    this.#countFirst = log.first
    this.#countEnd = log.end
    this.#count = 0
    for (let at = log.first; at < log.end; at++) if (isUpdateOf(this.#view, log, at)) this.#count++
    return this.#count
  }

  /** Where the newest `kept` updates of the view begin, which the log has. */
  start(log: ItemLog, kept: number): number {
    if (this.#startEnd === log.end && this.#startKept === kept) return this.#start
    let at = log.end
    for (let missing = kept; missing > 0; ) if (isUpdateOf(this.#view, log, --at)) missing--
    this.#startEnd = log.end
    this.#startKept = kept
    this.#start = at
    return at
  }

  /** How many of the newest updates, `countMax` at most, belong to the item's present life. */
  history(log: ItemLog, countMax: number): number {
    let count = 0
    for (let at = log.end - 1; at >= log.first && count < countMax; at--) {
      if (log.kindAt(at) === ENTRY_DELETED) break
      if (isUpdateOf(this.#view, log, at)) count++
    }
    return count
  }
}

/** How often the item was deleted from `position` on. */
export function deletionsFrom(log: ItemLog, position: number): number {
  let count = 0
  for (let at = Math.max(position, log.first); at < log.end; at++) if (log.kindAt(at) === ENTRY_DELETED) count++
  return count
}

function isUpdateOf(view: View, log: ItemLog, at: number): boolean {
  return log.kindAt(at) <= ENTRY_SNAPSHOT && concerns(view, log, at)
}

/** Whether the update at `position` is one of the view's: what its seq counts. */
export function concerns(view: View, log: ItemLog, position: number): boolean {
  if (view.filter !== null && !view.filter.passesEntry(log, position)) return false
  if (view.fieldIds === null || log.kindAt(position) === ENTRY_SNAPSHOT) return true
  const { bytes } = log
  const end = log.offsetAt(position) + log.lengthAt(position)
  let at = log.offsetAt(position)
  while (at < end) {
    if (view.includes(bytes[at]! | (bytes[at + 1]! << 8))) return true
    const length = bytes[at + 2]! | (bytes[at + 3]! << 8)
    at += 4 + (length === NULL_LENGTH ? 0 : length)
  }
  return false
}

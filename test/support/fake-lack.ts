/**
 * What a session of the fake server still has to be sent, in order: events whole, and data of merge subscriptions with the
 * newest values in the place of older ones.
 */

import type { FakeFields } from './fake-filter.ts'

export interface FakeData {
  readonly sub: number
  readonly item: string
  readonly seq?: number
  readonly snapshot?: true
  readonly fields?: FakeFields
  readonly stale?: boolean
  readonly deleted?: true
  readonly lost?: number
  readonly out?: true
  readonly snapshotEnd?: true
}

export interface Lacking {
  readonly record: object
  /** The data of a merge subscription: newer ones may take its place. */
  readonly merges: FakeData | null
}

export class FakeLack {
  readonly #entries: Lacking[] = []
  /** Where the update stands that the next one of this subscription's item goes into. */
  readonly #open = new Map<string, number>()

  get isEmpty(): boolean {
    return this.#entries.length === 0
  }

  pushAll(entries: readonly Lacking[]): void {
    for (const entry of entries) this.push(entry)
  }

  push({ record, merges }: Lacking): void {
    const key = merges === null ? '' : `${merges.sub} ${merges.item}`
    const at = this.#open.get(key)
    if (merges?.fields === undefined) {
      // A mark ends its item's life or stands between its updates; an event may end all.
      if (merges === null) this.#open.clear()
      else this.#open.delete(key)
      this.#entries.push({ record, merges })
    } else if (at === undefined || merges.snapshot === true) {
      this.#open.set(key, this.#entries.length)
      this.#entries.push({ record: merges, merges })
    } else {
      const before = this.#entries[at]!.merges!
      const merged: FakeData = { ...before, ...merges, fields: { ...before.fields, ...merges.fields } }
      this.#entries[at] = { record: merged, merges: merged }
    }
  }

  /** All there is; nothing is left. */
  take(): Lacking[] {
    this.#open.clear()
    return this.#entries.splice(0)
  }
}

/**
 * Of each item of the subscription at most the newest `updatesMax` updates of its life; in the place of the others stands how
 * many they were.
 */
export function withoutOldest(entries: readonly Lacking[], sub: number, updatesMax: number): readonly Lacking[] {
  if (updatesMax === Number.POSITIVE_INFINITY) return entries
  const left = new Map<string, number>()
  const kept: Lacking[] = []
  for (const entry of entries.toReversed()) {
    const record = entry.record as Partial<FakeData>
    const count = left.get(record.item!) ?? 0
    const isUpdate = record.sub === sub && record.fields !== undefined
    if (record.sub === sub && record.deleted === true) left.delete(record.item!)
    if (isUpdate) left.set(record.item!, count + 1)
    if (!isUpdate || count < updatesMax) kept.push(entry)
    else lose(kept, entry, count === updatesMax)
  }
  return kept.reverse()
}

/** Counted where the newest of them stood. */
function lose(kept: Lacking[], { record }: Lacking, isFirst: boolean): void {
  const { sub, item } = record as FakeData
  const at = kept.findLastIndex(one => {
    const { lost, ...other } = one.record as Partial<FakeData>
    return lost !== undefined && other.sub === sub && other.item === item
  })
  const before = isFirst ? 0 : (kept[at]!.record as FakeData).lost!
  const loss = { record: { sub, item, lost: before + 1 }, merges: null }
  if (isFirst) kept.push(loss)
  else kept[at] = loss
}

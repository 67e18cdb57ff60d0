/**
 * What makes two subscriptions lack the same things: an item, the fields asked for, the mode. A view counts the updates
 * that concern it (`seq`), knows who has all of them, and keeps the bodies that were made for it until it changes.
 *
 * Merge mode's deltas: the fields that changed after seq S are nested sets as S falls, so the number of such fields names
 * the set, and a view of F fields has at most F deltas at any time, whatever its subscribers' phases. That number is the
 * key of the body cache.
 *
 * A choice of fields is one of names: a field gets its number with the first update that has it, and the view learns it
 * then (FieldTable.await), so that what subscribers ask for fills no table.
 *
 * Invariant: subscriptions[0 .. cleanCount) are clean, the rest are held or dirty; subscription.index is its place.
 */

import type { Item } from './item.ts'
import type { RawBudget } from './raw-budget.ts'
import type { Mode } from './stream-request.ts'
import type { Subscription } from './subscription.ts'

/** Places in the body cache that are no deltas. A delta of k fields stands at BODY_DELTA + k - 1. */
export const BODY_SNAPSHOT = 0
export const BODY_STALE = 1
export const BODY_FRESH = 2
export const BODY_DELETED = 3
export const BODY_DELTA = 4

/** Up to as many fields a look through the list is cheaper than a bit for each. */
const LINEAR_FIELDS_MAX = 8

/** The bodies of one view in one encoding: where each lies in the body heap, and of which seq it is. */
export class BodyCache {
  readonly offsets: number[] = []
  readonly lengths: number[] = []
  readonly seqs: number[] = []
  readonly epochs: number[] = []
}

export class View {
  readonly item: Item
  readonly mode: Mode
  /** Numbers of the fields that exist among those asked for, or null for all. */
  readonly fieldIds: number[] | null
  /** Names asked for that no update has had yet. */
  fieldsAwaited: readonly string[] = []
  /** A bit a field, where the choice has many. */
  #fieldBits: Uint32Array | null = null
  readonly key: string
  seq: number
  /** The market's time of the newest update that concerned the view, NaN when it came without. */
  timeMs: number
  readonly subscriptions: Subscription[] = []
  cleanCount = 0
  /** By encoding. */
  readonly caches: (BodyCache | null)[] = [null, null]
  /** The place in the item's list of views. */
  index = 0
  /** Raw: what its caches are counted in, and how much of it they have taken. */
  budget: RawBudget | null = null
  takenBytes = 0

  constructor(item: Item, mode: Mode, fieldIds: readonly number[] | null, key: string) {
    this.item = item
    this.mode = mode
    this.fieldIds = fieldIds === null ? null : []
    if (fieldIds !== null) for (const fieldId of fieldIds) this.addField(fieldId)
    this.key = key
    this.timeMs = item.timeMs
    this.seq = mode === 'raw' ? item.rawSeq : item.seq
  }

  includes(fieldId: number): boolean {
    if (this.fieldIds === null) return true
    const bits = this.#fieldBits
    if (bits === null) return this.fieldIds.includes(fieldId)
    return fieldId >>> 5 < bits.length && (bits[fieldId >>> 5]! & (1 << (fieldId & 31))) !== 0
  }

  /** Takes bytes from the budget of raw views; merge views have none to heed. */
  take(bytes: number): boolean {
    if (this.budget === null) return true
    if (!this.budget.take(bytes)) return false
    this.takenBytes += bytes
    return true
  }

  /** A field that was asked for has got its number. */
  addField(fieldId: number): void {
    const ids = this.fieldIds!
    ids.push(fieldId)
    if (ids.length <= LINEAR_FIELDS_MAX) return
    const words = (Math.max(...ids) >>> 5) + 1
    if (this.#fieldBits === null || this.#fieldBits.length < words) {
      this.#fieldBits = new Uint32Array(words)
      for (const id of ids) this.#fieldBits[id >>> 5]! |= 1 << (id & 31)
    } else {
      this.#fieldBits[fieldId >>> 5]! |= 1 << (fieldId & 31)
    }
  }

  add(subscription: Subscription): void {
    subscription.index = this.subscriptions.length
    this.subscriptions.push(subscription)
    this.makeClean(subscription)
  }

  /** The caller has taken it out of its session's list and off the wheel. */
  remove(subscription: Subscription): void {
    if (subscription.index < this.cleanCount) {
      this.#swap(subscription, this.cleanCount - 1)
      this.cleanCount--
    }
    this.#swap(subscription, this.subscriptions.length - 1)
    this.subscriptions.pop()
  }

  /** Moves a subscription that stands behind the clean ones among them. */
  makeClean(subscription: Subscription): void {
    this.#swap(subscription, this.cleanCount)
    this.cleanCount++
  }

  /** Moves a clean subscription behind the clean ones. */
  makeUnclean(subscription: Subscription): void {
    this.cleanCount--
    this.#swap(subscription, this.cleanCount)
  }

  #swap(subscription: Subscription, target: number): void {
    const other = this.subscriptions[target]!
    this.subscriptions[subscription.index] = other
    other.index = subscription.index
    this.subscriptions[target] = subscription
    subscription.index = target
  }
}

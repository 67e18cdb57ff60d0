/**
 * What makes two interests lack the same things: an item, the fields asked for, the mode, the filter, the window. A view
 * counts the updates that concern it (`seq`), knows who has all of them, and keeps the bodies that were made for it until it changes.
 *
 * Merge mode's deltas: the fields that changed after position P are nested sets as P falls, so the number of such fields names
 * the set, and a view of F fields has at most F deltas at any time, whatever its subscribers' phases. That number is the
 * key of the body cache. (Where fields have merge functions, where somebody stands is.)
 *
 * A choice of fields is one of names: a field gets its number with the first update that has it, and the view learns it
 * then (FieldTable.await), so that what subscribers ask for fills no table.
 *
 * Invariant: an interest without a frequency limit stands in `members`, at the place that the table of interests
 * says; one with a limit in `limits`, at that place.
 */

import type { FrequencyLimit } from './frequency-limit.ts'
import type { Interests } from './interests.ts'
import type { Item } from './item.ts'
import { LogReach } from './log-reach.ts'
import type { RawBudget } from './raw-budget.ts'
import type { RowSelection } from './row-selection.ts'
import type { RowView } from './row-view.ts'
import { isLoggedMode, type Mode } from './session-request.ts'
import type { ViewFilter } from './view-filter.ts'

/** Places in the body cache that are no deltas. A delta of k fields stands at BODY_DELTA + k - 1. */
export const BODY_SNAPSHOT = 0
export const BODY_STALE = 1
export const BODY_FRESH = 2
export const BODY_DELETED = 3
export const BODY_SNAPSHOT_END = 4
export const BODY_CLEARED = 5
export const BODY_OUT = 6
export const BODY_DELTA = 7

/** Up to as many fields a look through the list is cheaper than a bit for each. */
const LINEAR_FIELDS_MAX = 8

const MEMBERS_MIN = 4

/**
 * What was served last of one view in one encoding: the bytes for whoever stood at `from`, who then stands at `to`. Sessions
 * in step ask for the same one after the other, and one look at this takes the place of finding each body. It holds
 * updates only: a view forgets its runs when its item goes stale or is deleted.
 */
export class Run {
  /** Of the body heap. */
  epoch = 0
  /** Positions of interests. */
  from = 0
  to = 0
  /** Logged: the view's seq before the run. */
  seq = 0
  offset = 0
  length = 0
  updates = 0
  /** Where in the run its last body begins: a head goes before it. */
  last = 0
}

/** The bodies of one view in one encoding: where each lies in the body heap, and of which seq it is. */
export class BodyCache {
  readonly offsets: number[] = []
  readonly lengths: number[] = []
  readonly seqs: number[] = []
  readonly epochs: number[] = []
  /** With merge functions: from where on they are told, and the values that changed. */
  readonly bases: number[] = []
  readonly sinces: number[] = []
}

export class View {
  // What a flush reads first, side by side.
  seq: number
  /** The position of who has everything. Merge: the core's at the last change that concerned the view. Logged: the log's end then. */
  end: number
  /** By encoding. */
  sseRun: Run | null = null
  ndjsonRun: Run | null = null
  terseRun: Run | null = null
  readonly mode: Mode
  /** Merge: some of its fields hand on more than their newest value. */
  hasFunctions = false
  /** But for tables: what values are held against. `isIn`: the item's newest values pass; `turnedAt`: the position since when. */
  filter: ViewFilter | null = null
  isIn = true
  turnedAt = 0
  /** Of a table: the rows that it shows, and what decides it. */
  rows: RowView | null = null
  selection: RowSelection | null = null
  /** Its interests read the item's log: raw and distinct mode. */
  readonly isLogged: boolean
  readonly item: Item
  /** Numbers of the fields that exist among those asked for, or null for all. */
  readonly fieldIds: number[] | null
  /** Names asked for that no update has had yet. */
  fieldsAwaited: readonly string[] = []
  /** A bit a field, where the choice has many. */
  #fieldBits: Uint32Array | null = null
  readonly key: string
  /** Tells it from all other views of its thread; given out anew when it is gone. */
  number = 0
  /** Names of the fields asked for, in the order in which the terse encoding has them; null for all. */
  readonly names: readonly string[] | null
  /** Their numbers, -1 where none is known; filled by whoever looks. */
  readonly placeIds: number[]
  /** The market's time of the newest update that concerned the view, NaN when it came without. */
  timeMs: number
  /** Two numbers a member: the interest's and its session's. */
  members = new Int32Array(MEMBERS_MIN * 2)
  memberCount = 0
  readonly limits: FrequencyLimit[] = []
  /** By encoding. */
  readonly caches: (BodyCache | null)[] = []
  /** The place in the item's list of views. */
  index = 0
  #reach: LogReach | null = null
  /** Logged: what its caches are counted in, and how much of it they have taken. */
  budget: RawBudget | null = null
  takenBytes = 0

  constructor(
    item: Item,
    mode: Mode,
    fieldIds: readonly number[] | null,
    key: string,
    names: readonly string[] | null = null,
  ) {
    this.item = item
    this.mode = mode
    this.isLogged = isLoggedMode(mode)
    this.fieldIds = fieldIds === null ? null : []
    if (fieldIds !== null) for (const fieldId of fieldIds) this.addField(fieldId)
    this.key = key
    this.names = names
    this.placeIds = names === null ? [] : names.map(() => -1)
    this.timeMs = item.timeMs
    this.seq = this.isLogged ? item.rawSeq : item.seq
    this.end = this.isLogged ? (item.log?.end ?? 0) : item.position
  }

  /** Whether there is a value to show. */
  get isShown(): boolean {
    return this.isIn && this.item.isKnown
  }

  /** Logged: how much of the log it finds. */
  get reach(): LogReach {
    this.#reach ??= new LogReach(this)
    return this.#reach
  }

  runOf(codec: number): Run | null {
    return codec === 0 ? this.sseRun : codec === 1 ? this.ndjsonRun : this.terseRun
  }

  /** The run of an encoding, to be written anew. */
  newRun(codec: number): Run {
    const run = this.runOf(codec) ?? new Run()
    if (codec === 0) this.sseRun = run
    else if (codec === 1) this.ndjsonRun = run
    else this.terseRun = run
    return run
  }

  /** What the item's log has pushed out counts as lost, although its bytes may still be there. */
  forgetRunsBefore(position: number): void {
    if (this.sseRun !== null && this.sseRun.from < position) this.sseRun = null
    if (this.ndjsonRun !== null && this.ndjsonRun.from < position) this.ndjsonRun = null
    if (this.terseRun !== null && this.terseRun.from < position) this.terseRun = null
  }

  /** What was served no longer leads to where the view's item is. */
  forgetRuns(): void {
    this.sseRun = null
    this.ndjsonRun = null
    this.terseRun = null
  }

  includes(fieldId: number): boolean {
    if (this.fieldIds === null) return true
    const bits = this.#fieldBits
    if (bits === null) return this.fieldIds.includes(fieldId)
    return fieldId >>> 5 < bits.length && (bits[fieldId >>> 5]! & (1 << (fieldId & 31))) !== 0
  }

  /** Takes bytes from the budget of logged views; merge views have none to heed. */
  take(bytes: number): boolean {
    if (this.budget === null) return true
    if (!this.budget.take(bytes)) return false
    this.takenBytes += bytes
    return true
  }

  takeAnyway(bytes: number): void {
    this.budget?.takeAnyway(bytes)
    this.takenBytes += bytes
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

  /** How many subscribe. */
  get count(): number {
    return this.memberCount + this.limits.length
  }

  /** Calls back with each interest and its session. */
  forEach(visit: (interest: number, session: number) => void): void {
    for (let i = 0; i < this.memberCount; i++) visit(this.members[i * 2]!, this.members[i * 2 + 1]!)
    for (const { interest, session } of this.limits) visit(interest, session)
  }

  add(interests: Interests, interest: number, session: number): void {
    interests.views[interest] = this
    const limit = interests.limits[interest]!
    if (limit !== null) {
      interests.places[interest] = this.limits.length
      this.limits.push(limit)
      return
    }
    if (this.memberCount * 2 === this.members.length) {
      const members = new Int32Array(this.members.length * 2)
      members.set(this.members)
      this.members = members
    }
    const place = this.memberCount++
    interests.places[interest] = place
    this.members[place * 2] = interest
    this.members[place * 2 + 1] = session
  }

  /** An interest has got another number. */
  renumber(interests: Interests, interest: number): void {
    const place = interests.places[interest]!
    const limit = interests.limits[interest]!
    if (limit !== null) limit.interest = interest
    else this.members[place * 2] = interest
  }

  /** The last one takes its place. The caller sees to its wait and its timer. */
  remove(interests: Interests, interest: number): void {
    const place = interests.places[interest]!
    interests.views[interest] = null
    if (interests.limits[interest] !== null) {
      const last = this.limits.pop()!
      if (last.interest === interest) return
      this.limits[place] = last
      interests.places[last.interest] = place
      return
    }
    const last = --this.memberCount
    const moved = this.members[last * 2]!
    this.members[place * 2] = moved
    this.members[place * 2 + 1] = this.members[last * 2 + 1]!
    interests.places[moved] = place
  }
}

/** How many of the view's fields changed after the core's position `since`. */
export function changedCount(view: View, since: number): number {
  const { item } = view
  const { changedAt } = item
  let count = 0
  if (view.fieldIds === null) {
    for (let i = 0; i < item.fieldCount; i++) if (changedAt[i]! > since) count++
  } else {
    for (let i = 0; i < item.fieldCount; i++) if (changedAt[i]! > since && view.includes(item.fieldIds[i]!)) count++
  }
  return count
}

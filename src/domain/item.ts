/**
 * An item's current state: its fields' newest values, when each last changed, and who looks at it.
 *
 * Two counters, because the modes count differently: `seq` counts updates that changed something, `rawSeq` counts every
 * update, also one that repeats the values there are. Both only grow, through deletions too; they begin again only when the
 * item was purged.
 *
 * Merge mode's clock is the position of the core thread (merge.ts), one for all its items: a field remembers the position of
 * its last change, and what somebody lacks who has seen everything up to position P is every field that changed after P.
 *
 * Invariants:
 *  - changedAt[i] <= position for every field; replacedAt <= position; nobody who is behind replacedAt can be served a delta.
 *  - A field's value lies in the store's block blockOffsets[i] of class blockClasses[i]; length NULL_VALUE says null.
 */

import { copyBytes, equalBytes } from '#src/bytes.ts'
import type { Timed } from '#src/time/timing-wheel.ts'
import type { ItemLog } from './item-log.ts'
import type { ItemSettings } from './item-settings.ts'
import type { RowTable } from './row-table.ts'
import type { StretchLog } from './stretch-log.ts'
import { NO_ROOM, NULL_VALUE, ValueStore } from './value-store.ts'
import type { View } from './view.ts'

/** Up to as many views a look through the list is cheaper than a map. */
const LINEAR_VIEWS_MAX = 8

/** Whatever publishes: a feed's connection, or the HTTP interface of an edge. */
export interface Source {
  readonly name: string
  /** A feed answers for its items; who publishes over HTTP says no more than each value. */
  readonly isFeed: boolean
  isSilent: boolean
  readonly items: Set<Item>
}

export class Item implements Timed {
  /** Dense within its core thread, recycled after the item is forgotten. */
  readonly id: number
  readonly name: string
  /** `{"item":"NAME"` in UTF-8: every body begins with it. */
  readonly prefix: Buffer
  /** The core thread whose counters are the item's. */
  readonly home: number
  readonly settings: ItemSettings
  /** True from the first update to the deletion. */
  isKnown = false
  isStale = false
  seq = 0
  rawSeq = 0
  /** On a replica: the core's position when its whole state came, if there was any; who was sent less has nothing of it. */
  beganAt = 0
  /** The core's position at the last change, at the last that replaced the fields, at the last mark, at the last deletion. */
  position = 0
  replacedAt = 0
  markedAt = 0
  deletedAt = 0
  /** How often the item was deleted. */
  deletions = 0
  /** The market's time of the newest update in ms since 1970, NaN when the feed gave none. */
  timeMs = Number.NaN
  touchedMs: number

  fieldCount = 0
  readonly fieldIds: number[] = []
  readonly blockOffsets: number[] = []
  readonly blockClasses: number[] = []
  readonly lengths: number[] = []
  readonly changedAt: number[] = []
  /** Whether the field stands in the snapshot that is being applied. */
  readonly #isNamed: boolean[] = []

  readonly views: View[] = []
  /** By key, where there are many. */
  #viewsByKey: Map<string, View> | null = null
  #loggedViews = 0
  log: ItemLog | null = null
  /** Of an item with merge functions: what its updates come to. */
  stretches: StretchLog | null = null
  /** Of an item that is a table, or that somebody reads as one. */
  table: RowTable | null = null
  readonly sources: Source[] = []
  lastSource: Source | null = null
  /** Interests on this thread. */
  interestCount = 0
  /** On its home: the places (in the list of peers) of the core threads that keep a replica. */
  readonly replicas: number[] = []
  /** By place in `replicas`: the wish that the replica answers. */
  readonly replicaWishes: number[] = []
  /** On a replica: the number of the wish for it; state that answers an earlier one is not its own. */
  wish = 0
  /** On a replica: a value found no room in the store. */
  isIncomplete = false
  /** On a replica: its home is yet to tell what it is; until then nobody is told that there is nothing. */
  isAwaited = false
  /** On a replica: its home is to be asked for the whole state anew; and the answer has not come yet. */
  isAskedAnew = false
  isAsking = false
  /** On a replica: what the home was told last about the interest in it here. */
  isHomeTold = false
  /** Only subscribers have asked for it so far. */
  isAsked = false
  /** Out of its table; whoever still holds it looks the name up anew. */
  isForgotten = false
  /** What the on-demand feeds were told last. */
  isWantedTold = false
  /** Bindings of lanes to this item: pairs of lane and the lane's number for it. */
  readonly bindings: number[] = []

  timerDueMs = 0
  timerNext: Timed | null = null
  timerPrev: Timed | null = null
  readonly #onUnwanted: (item: Item) => void

  constructor(
    id: number,
    name: string,
    home: number,
    settings: ItemSettings,
    nowMs: number,
    onUnwanted: (item: Item) => void,
  ) {
    this.id = id
    this.name = name
    this.prefix = Buffer.from(`{"item":${JSON.stringify(name)}`)
    this.home = home
    this.settings = settings
    this.touchedMs = nowMs
    this.#onUnwanted = onUnwanted
  }

  onTimer(): void {
    this.#onUnwanted(this)
  }

  viewOf(key: string): View | null {
    if (this.#viewsByKey !== null) return this.#viewsByKey.get(key) ?? null
    for (const view of this.views) if (view.key === key) return view
    return null
  }

  addView(view: View): void {
    view.index = this.views.length
    this.views.push(view)
    if (view.isLogged) this.#loggedViews++
    if (this.#viewsByKey !== null) this.#viewsByKey.set(view.key, view)
    else if (this.views.length > LINEAR_VIEWS_MAX) this.#viewsByKey = new Map(this.views.map(one => [one.key, one]))
  }

  /** With the last logged view the log ends, unless it is kept. */
  removeView(view: View): void {
    const last = this.views.pop()!
    if (last !== view) {
      this.views[view.index] = last
      last.index = view.index
    }
    this.#viewsByKey?.delete(view.key)
    if (this.views.length === 0) this.#viewsByKey = null
    if (!view.isLogged || --this.#loggedViews > 0 || this.settings.keepsLog) return
    this.endLog()
  }

  endLog(): void {
    this.log?.release()
    this.log = null
  }

  /** The place of a field in this item, or -1. `hint` is where it is likely to be. */
  indexOf(fieldId: number, hint: number): number {
    const ids = this.fieldIds
    if (hint < this.fieldCount && ids[hint] === fieldId) return hint
    for (let i = 0; i < this.fieldCount; i++) if (ids[i] === fieldId) return i
    return -1
  }

  /** Adds a field with the value null; returns its place. */
  addField(fieldId: number): number {
    const index = this.fieldCount++
    this.fieldIds[index] = fieldId
    this.blockOffsets[index] = NO_ROOM
    this.blockClasses[index] = 0
    this.lengths[index] = NULL_VALUE
    this.changedAt[index] = 0
    this.#isNamed[index] = false
    return index
  }

  /** Takes back an addField that no value was stored for. */
  removeLastField(): void {
    this.fieldCount--
  }

  /** True when the field at `index` holds exactly these bytes (`length` NULL_VALUE: is null). */
  holds(store: ValueStore, index: number, bytes: Buffer, offset: number, length: number): boolean {
    if (this.lengths[index] !== length) return false
    return length <= 0 || equalBytes(store.bytes, this.blockOffsets[index]!, bytes, offset, length)
  }

  /** Stores a value. Returns false when the store is full: the old value stays. */
  put(store: ValueStore, index: number, bytes: Buffer, offset: number, length: number): boolean {
    if (length > 0) {
      const bits = ValueStore.classOf(length)
      if (this.blockOffsets[index] === NO_ROOM || this.blockClasses[index] !== bits) {
        const block = store.allocate(bits)
        if (block === NO_ROOM) return false
        if (this.blockOffsets[index] !== NO_ROOM) store.free(this.blockOffsets[index]!, this.blockClasses[index]!)
        this.blockOffsets[index] = block
        this.blockClasses[index] = bits
      }
      copyBytes(bytes, offset, store.bytes, this.blockOffsets[index]!, length)
    }
    this.lengths[index] = length
    return true
  }

  beginSnapshot(): void {
    for (let i = 0; i < this.fieldCount; i++) this.#isNamed[i] = false
  }

  nameInSnapshot(index: number): void {
    this.#isNamed[index] = true
  }

  /** Removes the fields that the snapshot did not name. Returns how many went. */
  endSnapshot(store: ValueStore): number {
    let kept = 0
    const before = this.fieldCount
    for (let i = 0; i < before; i++) {
      if (!this.#isNamed[i]) {
        this.#release(store, i)
        continue
      }
      if (kept !== i) {
        this.fieldIds[kept] = this.fieldIds[i]!
        this.blockOffsets[kept] = this.blockOffsets[i]!
        this.blockClasses[kept] = this.blockClasses[i]!
        this.lengths[kept] = this.lengths[i]!
        this.changedAt[kept] = this.changedAt[i]!
        this.#isNamed[kept] = true
      }
      kept++
    }
    this.fieldCount = kept
    return before - kept
  }

  /** Ends the item's life: no fields, no time; the counters stay. */
  clear(store: ValueStore): void {
    for (let i = 0; i < this.fieldCount; i++) this.#release(store, i)
    this.fieldCount = 0
    this.isKnown = false
    this.timeMs = Number.NaN
  }

  #release(store: ValueStore, index: number): void {
    if (this.blockOffsets[index] !== NO_ROOM) store.free(this.blockOffsets[index]!, this.blockClasses[index]!)
    this.blockOffsets[index] = NO_ROOM
  }
}

/**
 * The life of items on a core thread beside their updates: who publishes them, who wants them, when they go.
 *
 * - A feed that ends or falls silent: its items without another live feed turn stale, after the last of its updates (the
 *   record that says so comes through the same queue). What is published over HTTP is no feed: it answers for nothing, so
 *   an item that came over HTTP only is never stale, and an update over HTTP makes a stale item fresh until the next of
 *   the item's feeds ends or falls silent.
 * - On-demand feeds are told `wanted` with the first interest and `unwanted` some time after the last one left. What
 *   they were told last is kept in the item, what differs from it waits in a set: a full queue delays, never loses.
 * - An item that nobody wants goes when it was deleted, was never published, or has been idle for `itemIdleMs`. Lanes
 *   that have a number for it are asked to give it up and answer in their data lane, so no record is misread meanwhile.
 */

import { textBytesMax, UNBIND, UNWANTED, WANTED, writeText } from '#src/codec/record.ts'
import type { Item } from '#src/domain/item.ts'
import type { ItemTable } from '#src/domain/item-table.ts'
import type { ValueStore } from '#src/domain/value-store.ts'
import { claimOrAwait, type RecordProducer } from '#src/ring/queue.ts'
import type { Timed, TimingWheel } from '#src/time/timing-wheel.ts'
import type { FeedSource, LaneLink } from './links.ts'
import type { Merger } from './merge.ts'
import type { Tables } from './tables.ts'

/** How often items are looked at for a purge, and at least how many a turn: all of them within a minute. */
const SWEEP_MS = 1_000
const SWEEP_COUNT_MIN = 256
const SWEEP_TURNS = 60

/** Tells every replica of an item that it is stale or not; false when a queue is full, then nobody was told. */
export type TellPeers = (item: Item, isStale: boolean) => boolean

export interface ItemKeeperDeps {
  readonly items: ItemTable
  readonly lanes: readonly LaneLink[]
  readonly merger: Merger
  readonly wheel: TimingWheel
  readonly store: ValueStore
  readonly tables: Tables
  readonly unwantedDelayMs: number
  readonly itemIdleMs: number
  /** On a replica: tells the item's home that it is wanted here, or no more. */
  readonly tellHome: (item: Item) => void
  /** On a replica that has lost a value: asks the item's home for the whole state anew. */
  readonly askAnew: (item: Item) => void
}

export class ItemKeeper {
  readonly #deps: ItemKeeperDeps
  /** Items whose wantedness on-demand feeds are to be told. */
  readonly #untold = new Set<Item>()

  constructor(deps: ItemKeeperDeps, nowMs: number) {
    this.#deps = deps
    const turn: Timed = {
      timerDueMs: 0,
      timerNext: null,
      timerPrev: null,
      onTimer: firedMs => {
        this.#sweepIdle(firedMs)
        deps.wheel.schedule(turn, firedMs + SWEEP_MS)
      },
    }
    deps.wheel.schedule(turn, nowMs + SWEEP_MS)
  }

  isWanted(item: Item): boolean {
    return item.interestCount > 0 || item.replicas.length > 0
  }

  /** An interest or a replica has come. */
  gainedInterest(item: Item): void {
    const { items, wheel, tellHome } = this.#deps
    wheel.cancel(item)
    if (!items.isHome(item)) tellHome(item)
    else if (!item.isWantedTold) this.#untold.add(item)
  }

  /** An interest or a replica has gone. */
  lostInterest(item: Item, nowMs: number): void {
    if (this.isWanted(item)) return
    // It was read until now: its idle time begins.
    item.touchedMs = Math.max(item.touchedMs, nowMs)
    this.#deps.wheel.schedule(item, nowMs + this.#deps.unwantedDelayMs)
  }

  /** The item's timer: nobody has wanted it for a while. */
  onUnwanted(item: Item): void {
    if (this.isWanted(item)) return
    if (!this.#deps.items.isHome(item)) {
      this.#deps.tellHome(item)
      this.#forget(item)
      return
    }
    if (item.isWantedTold) this.#untold.add(item)
    else if (!item.isKnown) this.#purge(item)
  }

  feedUp(lane: LaneLink, source: FeedSource): void {
    lane.sources[source.slot] = source
    if (!source.isOnDemand) return
    const names: string[] = []
    for (const item of this.#deps.items.values()) {
      if (item.isWantedTold && this.#deps.items.isHome(item)) names.push(item.name)
    }
    if (names.length > 0) lane.greetings.push({ slot: source.slot, names })
  }

  /** Returns false when a peer's queue is full: call again. What was done stays done. */
  feedDown(lane: LaneLink, source: FeedSource, nowMs: number, tell: TellPeers): boolean {
    for (const item of source.items) {
      item.sources.splice(item.sources.indexOf(source), 1)
      item.lastSource = null
      if (!this.#settleStale(item, nowMs, tell)) {
        item.sources.push(source)
        return false
      }
      source.items.delete(item)
    }
    lane.sources[source.slot] = null
    // Whoever has the slot next is not told what this feed was to be; at most one greeting a slot waits.
    const at = lane.greetings.findIndex(greeting => greeting.slot === source.slot)
    if (at >= 0) lane.greetings.splice(at, 1)
    return true
  }

  setSilent(source: FeedSource, isSilent: boolean, nowMs: number, tell: TellPeers): boolean {
    source.isSilent = isSilent
    for (const item of source.items) if (!this.#settleStale(item, nowMs, tell)) return false
    return true
  }

  /** Tells what could not be told before. Returns how many records it sent. */
  work(): number {
    let told = 0
    for (const item of this.#untold) {
      const isWanted = this.isWanted(item)
      if (isWanted !== item.isWantedTold) {
        if (!this.#tellLanes(isWanted ? WANTED : UNWANTED, item.name)) break
        item.isWantedTold = isWanted
        told++
      }
      this.#untold.delete(item)
      if (!isWanted && !item.isKnown) this.#purge(item)
    }
    for (const lane of this.#deps.lanes) told += this.#greet(lane)
    return told
  }

  /** One of the item's feeds has ended, fallen silent, or is heard again. */
  #settleStale(item: Item, nowMs: number, tell: TellPeers): boolean {
    const isStale = item.sources.every(each => each.isSilent || !each.isFeed)
    if (item.isStale === isStale || !item.isKnown) return true
    if (!tell(item, isStale)) return false
    this.#deps.merger.setStale(item, isStale, nowMs)
    return true
  }

  /**
   * Offers one record to every lane that has a feed on demand; all of them or none. A lane tells all its feeds, also one that it
   * has yet to tell this core of: so what is unwanted is told to every lane.
   */
  #tellLanes(type: number, name: string): boolean {
    const isConcerned = (lane: LaneLink) => lane.sources.some(source => source?.isOnDemand === true)
    const lanes = type === UNWANTED ? this.#deps.lanes : this.#deps.lanes.filter(isConcerned)
    for (const lane of lanes) if (!hasRoom(lane.down!, name)) return false
    for (const lane of lanes) writeName(lane.down!, type, -1, name)
    return true
  }

  #greet(lane: LaneLink): number {
    let told = 0
    while (lane.greetings.length > 0) {
      const greeting = lane.greetings[0]!
      while (greeting.names.length > 0) {
        // Meanwhile nobody may want it any more.
        if (this.#deps.items.find(greeting.names.at(-1)!)?.isWantedTold !== true) {
          greeting.names.pop()
          continue
        }
        if (!hasRoom(lane.down!, greeting.names.at(-1)!)) return told
        writeName(lane.down!, WANTED, greeting.slot, greeting.names.pop()!)
        told++
      }
      lane.greetings.shift()
    }
    return told
  }

  #sweepIdle(nowMs: number): void {
    const { items, itemIdleMs } = this.#deps
    items.sweep(Math.max(SWEEP_COUNT_MIN, Math.ceil(items.size / SWEEP_TURNS)), item => {
      if (item.isIncomplete && !item.isAsking) this.#deps.askAnew(item)
      if (this.isWanted(item) || item.isWantedTold || !items.isHome(item)) return
      const isIdle = itemIdleMs > 0 && nowMs - item.touchedMs >= itemIdleMs
      if (isIdle || !item.isKnown) this.#purge(item)
    })
  }

  /** Forgets an item at its home. Where a lane cannot be told to give up its number, the next sweep does it. */
  #purge(item: Item): void {
    const { lanes } = this.#deps
    for (let i = 0; i < item.bindings.length; i += 2) if (!hasRoom(lanes[item.bindings[i]!]!.down!, '')) return
    for (let i = 0; i < item.bindings.length; i += 2) {
      const lane = lanes[item.bindings[i]!]!
      lane.items[item.bindings[i + 1]!]!.item = null
      this.unbind(lane, item.bindings[i + 1]!)
    }
    item.bindings.length = 0
    this.#forget(item)
  }

  /** Asks a lane, once, to give up its number of an item; where its queue is full, not yet. */
  unbind(lane: LaneLink, number: number): void {
    const binding = lane.items[number]!
    if (binding.isUnbinding) return
    const offset = claimOrAwait(lane.down!, 4)
    if (offset < 0) return
    binding.isUnbinding = true
    lane.down!.memory.words[offset >> 2] = number
    lane.down!.commit(UNBIND, 4)
  }

  #forget(item: Item): void {
    this.#deps.wheel.cancel(item)
    this.#untold.delete(item)
    for (const source of item.sources) source.items.delete(item)
    item.sources.length = 0
    this.#deps.tables.end(item)
    item.clear(this.#deps.store)
    this.#deps.items.forget(item)
  }
}

function hasRoom(producer: RecordProducer, name: string): boolean {
  return claimOrAwait(producer, 4 + textBytesMax(name)) >= 0
}

function writeName(producer: RecordProducer, type: number, slot: number, name: string): void {
  const offset = producer.claim(4 + textBytesMax(name))
  producer.memory.words[offset >> 2] = slot
  producer.commit(type, 4 + writeText(producer.memory, offset + 4, name))
}

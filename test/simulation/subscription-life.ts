/**
 * A subscription of a simulated session from its beginning to its end: which items it has, what is published to it of them,
 * and how often their updates may be sent.
 */

import assert from 'node:assert/strict'
import { isLogged, type ModelItem, publishedBy } from './model.ts'
import type { SubscriptionWish } from './wishes.ts'

/** Wheels and clocks count in ticks, frequencies in fractions. */
export const ROUNDING_MS = 1e-6

/** That an item of a subscription begins. */
export interface Start {
  /** The core's. */
  readonly position: number
  /** The event at which the core stood. */
  place: number
  /** The event behind which what fields with merge functions come to is told. */
  base: number
  /** It begins with a snapshot when it is known, and else when it is. */
  readonly hasSnapshot: boolean
  /** Of distinct mode: where its history ends is told. */
  readonly hasEnd: boolean
  /** Of distinct mode: the event of the first update that its history has, and whether that is told as the whole value. */
  readonly history: { readonly place: number; readonly isState: boolean } | null
}

/** From a subscription's beginning to its end; its id may have several lives. */
export class SubscriptionLife {
  readonly wish: SubscriptionWish
  /** The items that it has, with the event behind which each one's events are published to it. */
  readonly live = new Map<string, number>()
  isPaused = false
  intervalMs: number
  readonly #starts = new Map<string, Start[]>()
  /** By item: its last update, and the shortest interval since. */
  readonly #sent = new Map<string, { item: ModelItem; ms: number; intervalMs: number }>()
  /** Items of which something was told since their last update that waits for no turn: what was held goes along. */
  readonly #marked = new Set<string>()

  constructor(wish: SubscriptionWish, intervalMs: number) {
    this.wish = wish
    this.intervalMs = intervalMs
  }

  begin(name: string, start: Start): void {
    this.live.set(name, start.place)
    const starts = this.#starts.get(name)
    if (starts === undefined) this.#starts.set(name, [start])
    else starts.push(start)
  }

  /** The item's whole state has come from its home, as it was at `place`. */
  onWhole(name: string, place: number): void {
    const start = this.#starts.get(name)?.at(-1)
    if (start === undefined || !this.live.has(name)) return
    start.place = place
    start.base = place
    this.live.set(name, place)
  }

  /** How the item began that the flush at `position` tells of. */
  startOf(name: string, position: number): Start {
    const starts = this.#starts.get(name) ?? []
    return starts.findLast(each => each.position < position) ?? assert.fail(`${name} had not begun at ${position}`)
  }

  /** Who follows an item is told its end by an event and has it no more; raw mode has it to its end and beyond. */
  isFollowed(name: string): boolean {
    return !isLogged(this.wish) && !this.wish.items.includes(name)
  }

  /** The least time between two updates of an item: its rule may ask for more than the client. */
  #intervalOf({ settings }: ModelItem): number {
    if (settings.maxFrequency === 0 || isLogged(this.wish)) return this.intervalMs
    return Math.max(this.intervalMs, 1_000 / settings.maxFrequency)
  }

  change(intervalMs: number): void {
    this.intervalMs = intervalMs
    for (const sent of this.#sent.values()) sent.intervalMs = Math.min(sent.intervalMs, this.#intervalOf(sent.item))
  }

  /** The core has reached an event of an item. Returns how many updates that published. */
  onEvent(item: ModelItem, place: number): number {
    const since = this.live.get(item.name)
    if (since === undefined || place <= since) return 0
    const event = item.events[place]
    if (event?.kind !== 'update' || item.events[place - 1]?.kind === 'fresh') this.#marked.add(item.name)
    if (event?.kind === 'deleted' && this.isFollowed(item.name)) this.live.delete(item.name)
    return event === undefined ? 0 : publishedBy(event, this.wish)
  }

  /** Its last update was sent so lately that the next one has to wait. */
  isHeld(name: string, nowMs: number): boolean {
    const sent = this.#sent.get(name)
    return sent !== undefined && nowMs - sent.ms < sent.intervalMs
  }

  /** Of a table: `isGoingOn` with what a flush before had no room for; not `isWhole`: so will another one. */
  onUpdateSent(item: ModelItem, nowMs: number, isGoingOn = false, isWhole = true): void {
    const { name } = item
    const sent = this.#sent.get(name)
    const isMarked = this.#marked.delete(name)
    if (sent !== undefined && !isMarked && !isGoingOn) {
      const sinceMs = nowMs - sent.ms
      assert.ok(sinceMs + ROUNDING_MS >= sent.intervalMs, `${name}: ${sinceMs} ms after the last update`)
    }
    if (isWhole) this.#sent.set(name, { item, ms: nowMs, intervalMs: this.#intervalOf(item) })
  }
}

/**
 * All items of one core thread by name. Those that it is the home of are bounded by `itemsMax`, and so are its replicas
 * of others: what sessions read of other cores keeps no feed out. Items that exist only because somebody waits for them
 * are half as many at most, so that subscribers cannot keep feeds out.
 */

import { homeOf } from './home.ts'
import { Item } from './item.ts'
import type { ItemRules, ItemSettings } from './item-settings.ts'

export class ItemTable {
  readonly #itemsMax: number
  readonly #core: number
  readonly #cores: number
  readonly #rules: ItemRules
  readonly #onUnwanted: (item: Item) => void
  readonly #byName = new Map<string, Item>()
  readonly #freeIds: number[] = []
  #idsMade = 0
  #replicas = 0
  /** Items that no update has come for. */
  #asked = 0
  #sweep: Iterator<Item> | null = null

  /** `onUnwanted` is called when an item's timer fires. */
  constructor(itemsMax: number, core: number, cores: number, rules: ItemRules, onUnwanted: (item: Item) => void) {
    this.#itemsMax = itemsMax
    this.#core = core
    this.#cores = cores
    this.#rules = rules
    this.#onUnwanted = onUnwanted
  }

  get size(): number {
    return this.#byName.size
  }

  find(name: string): Item | null {
    return this.#byName.get(name) ?? null
  }

  settingsOf(name: string): ItemSettings {
    return this.#rules.settingsOf(name)
  }

  /** The item, made when it is new; null when the table is full. */
  ensure(name: string, nowMs: number, isForSubscriber: boolean): Item | null {
    const known = this.#byName.get(name)
    if (known !== undefined) return known
    const home = homeOf(name, this.#cores)
    const isReplica = home !== this.#core
    if (isForSubscriber && !this.hasAskedRoom) return null
    if ((isReplica ? this.#replicas : this.#byName.size - this.#replicas) >= this.#itemsMax) return null
    const id = this.#freeIds.pop() ?? this.#idsMade++
    const item = new Item(id, name, home, this.#rules.settingsOf(name), nowMs, this.#onUnwanted)
    item.isAwaited = isReplica
    this.#byName.set(name, item)
    if (isReplica) this.#replicas++
    if (isForSubscriber) {
      item.isAsked = true
      this.#asked++
    }
    return item
  }

  /** Whether subscribers may ask for one more item that does not exist. */
  get hasAskedRoom(): boolean {
    return this.#asked < this.#itemsMax >> 1
  }

  /** An update has come for an item that only subscribers had asked for. */
  notePublished(item: Item): void {
    if (!item.isAsked) return
    item.isAsked = false
    this.#asked--
  }

  isHome(item: Item): boolean {
    return item.home === this.#core
  }

  forget(item: Item): void {
    this.#byName.delete(item.name)
    this.notePublished(item)
    if (!this.isHome(item)) this.#replicas--
    this.#freeIds.push(item.id)
    item.endLog()
    item.isForgotten = true
  }

  values(): IterableIterator<Item> {
    return this.#byName.values()
  }

  /** Hands up to `countMax` items to `visit`, going on where the last call ended, round and round. */
  sweep(countMax: number, visit: (item: Item) => void): void {
    for (let i = 0; i < countMax; i++) {
      this.#sweep ??= this.#byName.values()
      const next = this.#sweep.next()
      if (next.done) {
        this.#sweep = null
        return
      }
      visit(next.value)
    }
  }
}

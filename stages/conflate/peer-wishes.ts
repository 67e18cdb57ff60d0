/**
 * What other core threads wish of the items at home here: replicas, and word of new names. A wish for an item that there is
 * no room for waits until there is.
 */

import { assert } from '#src/assert.ts'
import { ANNOUNCED, DISINTEREST, INTEREST, PREFIX, readText, UNPREFIX } from '#src/codec/record.ts'
import type { Item } from '#src/domain/item.ts'
import type { ItemTable } from '#src/domain/item-table.ts'
import type { ItemKeeper } from './item-keeper.ts'
import type { PeerLink } from './links.ts'
import type { PeerPrefixes } from './peer-prefixes.ts'
import type { Replicas } from './replicas.ts'

export interface PeerWishesDeps {
  readonly peers: readonly PeerLink[]
  readonly items: ItemTable
  readonly replicas: Replicas
  readonly prefixes: PeerPrefixes
  readonly keeper: ItemKeeper
  /** A peer has an item that somebody follows here. */
  readonly onAnnounced: (name: string) => void
}

export class PeerWishes {
  readonly #deps: PeerWishesDeps
  nowMs = 0

  constructor(deps: PeerWishesDeps) {
    this.#deps = deps
  }

  /** A record of a peer's control lane. False when its queue is full: call again. */
  onRecord(index: number, peer: PeerLink, type: number, offset: number, length: number): boolean {
    const { items, replicas, prefixes, keeper, onAnnounced } = this.#deps
    const { memory } = peer.controlIn
    const name = readText(memory, offset + 4, length - 4)
    if (type === PREFIX || type === UNPREFIX) {
      prefixes.onPrefix(peer, name, type === PREFIX)
      return true
    }
    if (type === ANNOUNCED) {
      onAnnounced(name)
      return true
    }
    if (type === INTEREST) {
      const wish = memory.words[offset >> 2]!
      const item = items.ensure(name, this.nowMs, true)
      if (item === null) peer.unmet.set(name, wish)
      else this.#meet(index, peer, item, wish)
      return true
    }
    assert(type === DISINTEREST, "a peer's control lane carries interest only")
    if (peer.unmet.delete(name)) return true
    const item = items.find(name)
    if (item === null) return true
    if (!replicas.disinterest(index, item)) return false
    keeper.lostInterest(item, this.nowMs)
    return true
  }

  /** Makes the items that a peer waits for, when there is room again. Returns how many. */
  meet(index: number, peer: PeerLink): number {
    let met = 0
    for (const [name, wish] of peer.unmet) {
      const item = this.#deps.items.ensure(name, this.nowMs, true)
      if (item === null) break
      this.#meet(index, peer, item, wish)
      met++
    }
    return met
  }

  /** An item has come that peers may wait for. */
  onMade(item: Item): void {
    for (const [index, peer] of this.#deps.peers.entries()) {
      const wish = peer.unmet.get(item.name)
      if (wish !== undefined) this.#meet(index, peer, item, wish)
    }
  }

  #meet(index: number, peer: PeerLink, item: Item, wish: number): void {
    peer.unmet.delete(item.name)
    this.#deps.replicas.interest(index, item, wish)
    this.#deps.keeper.gainedInterest(item)
  }
}

/**
 * Beginnings of names that sessions follow, across core threads (more than one only): a core tells each other one which
 * prefixes are followed here, and is told the names of its items that begin so, those that it has and those that come.
 * From a name on it is a replica like any other.
 *
 * Policy when a peer's queue is full: what is to be told waits in a set, as it is then; nothing is lost, and what has
 * become needless is not told.
 */

import { ANNOUNCED, PREFIX, textBytesMax, UNPREFIX, writeText } from '#src/codec/record.ts'
import type { Item } from '#src/domain/item.ts'
import type { ItemTable } from '#src/domain/item-table.ts'
import { claimOrAwait, type RecordProducer } from '#src/ring/queue.ts'
import type { PeerLink } from './links.ts'

export class PeerPrefixes {
  readonly #peers: readonly PeerLink[]
  readonly #items: ItemTable
  /** Followed here. */
  readonly #followed = new Set<string>()

  constructor(peers: readonly PeerLink[], items: ItemTable) {
    this.#peers = peers
    this.#items = items
  }

  /** A prefix has got its first follower here, or lost its last one. */
  setFollowed(prefix: string, isFollowed: boolean): void {
    if (isFollowed) this.#followed.add(prefix)
    else this.#followed.delete(prefix)
    for (const peer of this.#peers) peer.untoldPrefixes.add(prefix)
  }

  /** A peer follows a prefix, or does no more. */
  onPrefix(peer: PeerLink, prefix: string, isFollowed: boolean): void {
    if (!isFollowed) {
      peer.prefixes.delete(prefix)
      return
    }
    peer.prefixes.add(prefix)
    for (const item of this.#items.values()) {
      if (item.isKnown && this.#items.isHome(item) && item.name.startsWith(prefix)) peer.unannounced.add(item.name)
    }
  }

  /** An item has got its first value. */
  onKnown(item: Item): void {
    if (!this.#items.isHome(item)) return
    for (const peer of this.#peers) {
      if (peer.prefixes.size === 0) continue
      for (let length = 0; length <= item.name.length; length++) {
        if (!peer.prefixes.has(item.name.slice(0, length))) continue
        peer.unannounced.add(item.name)
        break
      }
    }
  }

  /** Tells what could not be told before. Returns how many records it sent. */
  work(): number {
    let told = 0
    for (const peer of this.#peers) {
      for (const prefix of peer.untoldPrefixes) {
        const isFollowed = this.#followed.has(prefix)
        if (isFollowed !== peer.toldPrefixes.has(prefix)) {
          if (!tell(peer.control, isFollowed ? PREFIX : UNPREFIX, prefix)) break
          if (isFollowed) peer.toldPrefixes.add(prefix)
          else peer.toldPrefixes.delete(prefix)
          told++
        }
        peer.untoldPrefixes.delete(prefix)
      }
      for (const name of peer.unannounced) {
        if (!tell(peer.control, ANNOUNCED, name)) break
        peer.unannounced.delete(name)
        told++
      }
    }
    return told
  }
}

function tell(control: RecordProducer, type: number, text: string): boolean {
  const claim = claimOrAwait(control, 4 + textBytesMax(text))
  if (claim < 0) return false
  control.memory.words[claim >> 2] = 0
  control.commit(type, 4 + writeText(control.memory, claim + 4, text))
  return true
}

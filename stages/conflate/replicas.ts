/**
 * Items across core threads (more than one core only). An item's home merges it, numbers it, and sends each update once
 * to every core with an interested session; that core keeps a replica, fed through the same code as a feed's lane.
 *
 * Policy when a peer's queue is full: block. The update stays in its feed's lane, so backpressure reaches the source and
 * no replica misses anything. Peers' lanes and all control are drained whatever is full, so two cores cannot wait for
 * each other. A whole state may be larger than a queue: it crosses as there is room, and the item's updates wait meanwhile.
 *
 * Invariant: a replica gets REPLICA (the whole state) first, then every update in order, until it is UNBOUND. Each
 * wish for one has a number, which its REPLICA repeats: what answers an earlier wish for the same name is not taken.
 */

import { copyBytes } from '#src/bytes.ts'
import {
  BIND_FIELD,
  BIND_ITEM,
  DISINTEREST,
  FIELD_COUNT_MASK,
  FIELD_HEADER,
  INTEREST,
  NO_FIELD,
  NULL_FIELD,
  REPLICA,
  REPLICA_FIELDS,
  REPLICA_IS_KNOWN,
  REPLICA_IS_STALE,
  REPLICA_STALE,
  textBytesMax,
  UNBOUND,
  UPDATE_FIELDS,
  writeText,
} from '#src/codec/record.ts'
import type { FieldTable } from '#src/domain/field-table.ts'
import type { Item } from '#src/domain/item.ts'
import type { ValueStore } from '#src/domain/value-store.ts'
import { claimOrAwait, type RecordMemory } from '#src/ring/queue.ts'
import type { LaneLink, PeerLink } from './links.ts'
import { ReplicaParts, writeField } from './replica-parts.ts'

export class Replicas {
  readonly #peers: readonly PeerLink[]
  readonly #fields: FieldTable
  readonly #store: ValueStore
  readonly #claims: number[] = []
  readonly #parts: ReplicaParts
  /** Replicas that this core has asked for, ever. */
  #wishes = 0

  constructor(peers: readonly PeerLink[], fields: FieldTable, store: ValueStore) {
    this.#peers = peers
    this.#fields = fields
    this.#store = store
    this.#parts = new ReplicaParts(fields, store, (peer, fieldId) => this.#bindField(peer, fieldId))
  }

  /** Claims room for an update or deletion at all replicas, or returns false. Nothing else is offered before forward. */
  reserve(lane: LaneLink, item: Item, memory: RecordMemory, offset: number, length: number): boolean {
    const replicas = item.replicas
    for (let i = 0; i < replicas.length; i++) {
      const peer = this.#peers[replicas[i]!]!
      if (peer.sending === item) return false
      if (peer.owed.has(item)) continue
      if (!this.#bindFields(peer, lane, memory, offset, length)) return false
      const claim = claimOrAwait(peer.data, length)
      if (claim < 0) return false
      this.#claims[i] = claim
    }
    return true
  }

  /** Forwards what reserve has claimed room for. */
  forward(lane: LaneLink, item: Item, type: number, memory: RecordMemory, offset: number, length: number): void {
    const replicas = item.replicas
    for (let i = 0; i < replicas.length; i++) {
      const peer = this.#peers[replicas[i]!]!
      if (!peer.owed.has(item)) this.#copyUpdate(peer, lane, item, type, memory, offset, length, this.#claims[i]!)
    }
  }

  /** All replicas get the whole state, in place of what reserve has claimed room for. */
  owe(item: Item): void {
    for (const index of item.replicas) this.#peers[index]!.owed.add(item)
  }

  /** Tells all replicas whether the item is stale, or none and returns false. */
  tellStale(item: Item, isStale: boolean): boolean {
    const replicas = item.replicas
    for (let i = 0; i < replicas.length; i++) {
      const peer = this.#peers[replicas[i]!]!
      if (peer.sending === item) return false
      if (peer.owed.has(item)) continue
      const claim = claimOrAwait(peer.data, 8)
      if (claim < 0) return false
      this.#claims[i] = claim
    }
    for (let i = 0; i < replicas.length; i++) {
      const peer = this.#peers[replicas[i]!]!
      if (peer.owed.has(item)) continue
      const word = this.#claims[i]! >> 2
      peer.data.memory.words[word] = item.id
      peer.data.memory.words[word + 1] = isStale ? 1 : 0
      peer.data.commit(REPLICA_STALE, 8)
    }
    return true
  }

  /** A peer has asked for a replica. */
  interest(peerIndex: number, item: Item, wish: number): void {
    if (item.replicas.includes(peerIndex)) return
    item.replicas.push(peerIndex)
    item.replicaWishes.push(wish)
    this.#peers[peerIndex]!.owed.add(item)
  }

  /** A peer has no more use for its replica. False when its queue is full: call again. */
  disinterest(peerIndex: number, item: Item): boolean {
    const at = item.replicas.indexOf(peerIndex)
    if (at < 0) return true
    const peer = this.#peers[peerIndex]!
    if (!peer.owed.has(item)) {
      const claim = claimOrAwait(peer.data, 4)
      if (claim < 0) return false
      peer.data.memory.words[claim >> 2] = item.id
      peer.data.commit(UNBOUND, 4)
    }
    peer.owed.delete(item)
    if (peer.sending === item) peer.sending = null
    item.replicas.splice(at, 1)
    item.replicaWishes.splice(at, 1)
    return true
  }

  /** Sends what is owed, as far as there is room. Returns how many records it sent. */
  work(nowMs: number): number {
    let sent = 0
    for (let index = 0; index < this.#peers.length; index++) {
      const peer = this.#peers[index]!
      for (const item of peer.interests) {
        // A replica that nobody reads is kept for a while, and as long as it is kept it is kept true.
        const isWanted = !item.isForgotten
        if (item.isAskedAnew && isWanted && item.isHomeTold && !this.#tellInterest(peer, item, false)) break
        item.isAskedAnew = false
        if (isWanted !== item.isHomeTold) {
          if (!this.#tellInterest(peer, item, isWanted)) break
          sent++
        }
        peer.interests.delete(item)
      }
      for (const item of peer.owed) {
        if (!this.#sendWhole(peer, item, item.replicaWishes[item.replicas.indexOf(index)]!, nowMs)) break
        peer.owed.delete(item)
        sent++
      }
    }
    return sent
  }

  #tellInterest(peer: PeerLink, item: Item, isWanted: boolean): boolean {
    const claim = claimOrAwait(peer.control, 4 + textBytesMax(item.name))
    if (claim < 0) return false
    if (isWanted) item.wish = ++this.#wishes
    peer.control.memory.words[claim >> 2] = item.wish
    const length = 4 + writeText(peer.control.memory, claim + 4, item.name)
    peer.control.commit(isWanted ? INTEREST : DISINTEREST, length)
    item.isHomeTold = isWanted
    return true
  }

  publish(): void {
    for (const peer of this.#peers) {
      peer.data.publish()
      peer.control.publish()
    }
  }

  #bindFields(peer: PeerLink, lane: LaneLink, memory: RecordMemory, offset: number, length: number): boolean {
    const bytes = memory.bytes
    const end = offset + length
    let at = offset + UPDATE_FIELDS
    while (at < end) {
      const fieldId = lane.fields[bytes[at]! | (bytes[at + 1]! << 8)]!
      if (fieldId >= 0 && !this.#bindField(peer, fieldId)) return false
      const length16 = bytes[at + 2]! | (bytes[at + 3]! << 8)
      at += FIELD_HEADER + (length16 === NULL_FIELD ? 0 : length16)
    }
    return true
  }

  #bindField(peer: PeerLink, fieldId: number): boolean {
    if (peer.boundFields[fieldId] === true) return true
    const content = JSON.stringify(this.#fields.nameOf(fieldId)).slice(1, -1)
    const claim = claimOrAwait(peer.data, 4 + textBytesMax(content))
    if (claim < 0) return false
    peer.data.memory.words[claim >> 2] = fieldId
    peer.data.commit(BIND_FIELD, 4 + writeText(peer.data.memory, claim + 4, content))
    peer.boundFields[fieldId] = true
    return true
  }

  #copyUpdate(
    peer: PeerLink,
    lane: LaneLink,
    item: Item,
    type: number,
    memory: RecordMemory,
    offset: number,
    length: number,
    claim: number,
  ): void {
    const target = peer.data.memory
    copyBytes(memory.bytes, offset, target.bytes, claim, length)
    target.words[claim >> 2] = item.id
    let at = claim + UPDATE_FIELDS
    const end = claim + length
    while (at < end) {
      const bytes = target.bytes
      const fieldId = lane.fields[bytes[at]! | (bytes[at + 1]! << 8)] ?? NO_FIELD
      bytes[at] = fieldId & 0xff
      bytes[at + 1] = (fieldId >> 8) & 0xff
      const length16 = bytes[at + 2]! | (bytes[at + 3]! << 8)
      at += FIELD_HEADER + (length16 === NULL_FIELD ? 0 : length16)
    }
    peer.data.commit(type, length)
  }

  /** Sends all of an item, or goes on with it; false when the queue has no room for what is left. */
  #sendWhole(peer: PeerLink, item: Item, wish: number, nowMs: number): boolean {
    if (peer.sending !== item && !this.#beginWhole(peer, item)) return false
    if (!this.#parts.send(peer, item, wish) || !this.#sendState(peer, item, wish, nowMs)) return false
    peer.sending = null
    return true
  }

  #beginWhole(peer: PeerLink, item: Item): boolean {
    for (let i = 0; i < item.fieldCount; i++) if (!this.#bindField(peer, item.fieldIds[i]!)) return false
    if (!this.#parts.bind(peer, item)) return false
    const { data } = peer
    const content = JSON.stringify(item.name).slice(1, -1)
    const claim = claimOrAwait(data, 4 + textBytesMax(content))
    if (claim < 0) return false
    data.memory.words[claim >> 2] = item.id
    data.commit(BIND_ITEM, 4 + writeText(data.memory, claim + 4, content))
    peer.sending = item
    return true
  }

  #sendState({ data }: PeerLink, item: Item, wish: number, nowMs: number): boolean {
    let length = REPLICA_FIELDS
    for (let i = 0; i < item.fieldCount; i++) length += FIELD_HEADER + Math.max(0, item.lengths[i]!)
    const claim = claimOrAwait(data, length)
    if (claim < 0) return false
    const { bytes, words, doubles } = data.memory
    const word = claim >> 2
    words[word] = item.id
    words[word + 1] = (item.isKnown ? REPLICA_IS_KNOWN : 0) | (item.isStale ? REPLICA_IS_STALE : 0)
    words[word + 2] = wish
    words[word + 3] = item.fieldCount & FIELD_COUNT_MASK
    doubles[(claim >> 3) + 2] = item.timeMs
    doubles[(claim >> 3) + 3] = nowMs
    doubles[(claim >> 3) + 4] = item.seq
    doubles[(claim >> 3) + 5] = item.rawSeq
    let at = claim + REPLICA_FIELDS
    for (let i = 0; i < item.fieldCount; i++) {
      at = writeField(bytes, at, item.fieldIds[i]!, this.#store.bytes, item.blockOffsets[i]!, item.lengths[i]!)
    }
    data.commit(REPLICA, length)
    return true
  }
}

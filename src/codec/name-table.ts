/**
 * Names as one thread numbers them: name to a dense integer and back, looked up by bytes, so that a known name costs no
 * string. For the names of items and of fields.
 *
 * A name is held as canonical JSON string content: the UTF-8 bytes between the quotes as JSON.stringify would print them.
 * It holds no control characters (see src/domain/names.ts), so its content is at most twice as long as the name.
 *
 *   #slots    open addressing, linear probing: an id, or EMPTY. At most half are taken; a removal closes the gap
 *   #hashes   by id: the hash, compared before the bytes
 *   #offsets, #lengths   by id: where the content lies in #store; length UNUSED marks an id that is free
 *
 * Invariants (test/rules.md, F):
 *  - Each name has one id; ids are 0 to namesMax - 1, the lowest never given before or one that was removed.
 *  - find returns the id exactly for the names added and not removed. It allocates nothing.
 *  - A refused add changes nothing.
 *
 * Cost: find is one pass for the hash (1.2 ns a byte) and one for the comparison. Growing doubles and hashes nothing anew.
 */

import { assert } from '#src/assert.ts'
import { copyBytes, equalBytes } from '#src/bytes.ts'
import { NO_ROOM, ValueStore } from '#src/domain/value-store.ts'

/** Where a hash starts unless the table is told otherwise (FNV-1a). */
export const HASH_START = 0x811c9dc5 | 0
/** FNV-1a: `Math.imul(hash ^ byte, HASH_PRIME)` for each byte. */
export const HASH_PRIME = 0x01000193

const QUOTE = 0x22
const EMPTY = -1
const UNUSED = -1
const SLOTS_START = 64
/** Offsets have 31 bits. */
const STORE_BYTES_MAX = 0x7fff0000

/** The hash of a content that starts from `hashStart`. */
export function hashOf(bytes: Buffer, start: number, end: number, hashStart: number): number {
  let hash = hashStart
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, HASH_PRIME)
  return hash
}

export class NameTable {
  readonly namesMax: number
  /** Of the name itself; its content may be twice as long. */
  readonly nameBytesMax: number
  /** Where the hash of a name starts that is handed to findHashed. Another one in each process keeps crafted names apart. */
  readonly hashStart: number
  readonly #store: ValueStore
  readonly #freeIds: number[] = []
  #slots = new Int32Array(SLOTS_START).fill(EMPTY)
  #hashes = new Int32Array(SLOTS_START >> 1)
  #offsets = new Int32Array(SLOTS_START >> 1)
  #lengths = new Int32Array(SLOTS_START >> 1).fill(UNUSED)
  #idsMade = 0
  #size = 0

  constructor(namesMax: number, nameBytesMax: number, hashStart = HASH_START) {
    assert(Number.isInteger(namesMax) && namesMax > 0, 'a name table has room for a name')
    assert(Number.isInteger(nameBytesMax) && nameBytesMax > 0, 'a name has room for a byte')
    this.namesMax = namesMax
    this.nameBytesMax = nameBytesMax
    this.hashStart = hashStart | 0
    // Twice what all names need at their longest, as a free block serves names of its own class only.
    const blockBytesMax = 1 << ValueStore.classOf(2 * nameBytesMax)
    this.#store = new ValueStore(Math.min(2 * namesMax * blockBytesMax, STORE_BYTES_MAX))
  }

  get size(): number {
    return this.#size
  }

  /** The id of the name whose content lies from `start` up to `end`, or -1. */
  find(bytes: Buffer, start: number, end: number): number {
    return this.findHashed(hashOf(bytes, start, end, this.hashStart), bytes, start, end)
  }

  /** The same for a hash that the caller made on its way, from hashStart on. */
  findHashed(hash: number, bytes: Buffer, start: number, end: number): number {
    const slots = this.#slots
    const mask = slots.length - 1
    const length = end - start
    for (let slot = homeSlot(hash, mask); ; slot = (slot + 1) & mask) {
      const id = slots[slot]!
      if (id === EMPTY) return -1
      if (this.#hashes[id] !== hash || this.#lengths[id] !== length) continue
      if (equalBytes(this.#store.bytes, this.#offsets[id]!, bytes, start, length)) return id
    }
  }

  /**
   * The offset of the quote behind the content at `start`, when that is the name of `id`; else -1. Cheaper than find where
   * the name can be guessed; an id not in use is a wrong guess.
   */
  endOf(id: number, bytes: Buffer, start: number, end: number): number {
    if (id < 0) return -1
    const quoteAt = start + this.#lengths[id]!
    if (quoteAt < start || quoteAt >= end || bytes[quoteAt] !== QUOTE) return -1
    const known = this.#store.bytes
    let knownAt = this.#offsets[id]!
    for (let at = start; at < quoteAt; at++) if (bytes[at] !== known[knownAt++]) return -1
    return quoteAt
  }

  /** The id of the name, given now when it is new; -1 when the table is full. The caller has checked the name. */
  add(bytes: Buffer, start: number, end: number): number {
    const length = end - start
    assert(length > 0, 'a name is not empty')
    assert(length <= 2 * this.nameBytesMax, 'a name is within its limit')
    const hash = hashOf(bytes, start, end, this.hashStart)
    const known = this.findHashed(hash, bytes, start, end)
    if (known !== -1) return known
    if (this.#size >= this.namesMax) return -1
    const offset = this.#store.allocate(ValueStore.classOf(length))
    if (offset === NO_ROOM) return -1
    copyBytes(bytes, start, this.#store.bytes, offset, length)
    const id = this.#freeIds.pop() ?? this.#idsMade++
    if (this.#idsMade > this.#hashes.length) this.#grow()
    this.#hashes[id] = hash
    this.#offsets[id] = offset
    this.#lengths[id] = length
    this.#insert(id)
    this.#size++
    return id
  }

  /** Gives up an id; it may be given to the next new name. */
  remove(id: number): void {
    assert(this.has(id), 'a removed id is in use')
    const slots = this.#slots
    const mask = slots.length - 1
    let gap = homeSlot(this.#hashes[id]!, mask)
    while (slots[gap] !== id) gap = (gap + 1) & mask
    // Whoever follows without a gap moves up, unless it would leave the stretch that starts at its own slot.
    for (let slot = (gap + 1) & mask; slots[slot] !== EMPTY; slot = (slot + 1) & mask) {
      const home = homeSlot(this.#hashes[slots[slot]!]!, mask)
      if (((slot - home) & mask) < ((slot - gap) & mask)) continue
      slots[gap] = slots[slot]!
      gap = slot
    }
    slots[gap] = EMPTY
    this.#store.free(this.#offsets[id]!, ValueStore.classOf(this.#lengths[id]!))
    this.#lengths[id] = UNUSED
    this.#freeIds.push(id)
    this.#size--
  }

  has(id: number): boolean {
    return id >= 0 && id < this.#idsMade && this.#lengths[id] !== UNUSED
  }

  /** The name itself. */
  textOf(id: number): string {
    const content = this.bytesOf(id).toString()
    return content.includes('\\') ? (JSON.parse(`"${content}"`) as string) : content
  }

  /** A copy of the name's content. */
  bytesOf(id: number): Buffer {
    const content = Buffer.allocUnsafe(this.lengthOf(id))
    this.copyTo(id, content, 0)
    return content
  }

  /** The length of the name's content. */
  lengthOf(id: number): number {
    assert(this.has(id), 'a name is asked for by an id in use')
    return this.#lengths[id]!
  }

  /** Copies the name's content and returns the offset behind it. */
  copyTo(id: number, target: Buffer, targetOffset: number): number {
    return copyBytes(this.#store.bytes, this.#offsets[id]!, target, targetOffset, this.lengthOf(id))
  }

  #insert(id: number): void {
    const slots = this.#slots
    const mask = slots.length - 1
    let slot = homeSlot(this.#hashes[id]!, mask)
    while (slots[slot] !== EMPTY) slot = (slot + 1) & mask
    slots[slot] = id
  }

  /** Doubles the table; as many ids as half of its slots, so that probing stays short. */
  #grow(): void {
    const idsCount = this.#hashes.length
    this.#hashes = grown(this.#hashes, 0)
    this.#offsets = grown(this.#offsets, 0)
    this.#lengths = grown(this.#lengths, UNUSED)
    this.#slots = new Int32Array(this.#slots.length * 2).fill(EMPTY)
    for (let id = 0; id < idsCount; id++) if (this.#lengths[id] !== UNUSED) this.#insert(id)
  }
}

/** Where a hash looks first. The multiplication leaves the low bits the weakest: the high ones are folded in. */
function homeSlot(hash: number, mask: number): number {
  return (hash ^ (hash >>> 15)) & mask
}

function grown(from: Int32Array, fill: number): Int32Array<ArrayBuffer> {
  const to = new Int32Array(from.length * 2).fill(fill)
  to.set(from)
  return to
}

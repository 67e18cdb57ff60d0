/**
 * One flush in the making: the tokens of its bodies, held to a budget of bytes.
 *
 * A *unit* is what goes together or not at all: all of a merge interest, one entry of a log, one row of a table. A flush
 * holds at most `budget` bytes, but for a first unit on a connection with nothing else in flight, which may be larger and
 * goes alone.
 */

import { TAG_BYTES_MAX } from '#src/codec/json-stream.ts'
import { type Bodies, NO_ROOM } from './bodies.ts'
import type { FlushGroups } from './flush-groups.ts'

export class Draft {
  readonly bodies: Bodies
  readonly groups: FlushGroups
  /** The place of its encoding in caches. */
  codec = 0
  bytes = 0
  updates = 0
  /** The turn has no room for more bodies. */
  isTurnFull = false
  #budget = 0
  #isAlone = false
  /** Of the unit. */
  #unitTag = 0
  #unitToken = 0
  #unitBytes = 0
  #unitUpdates = 0
  isUnitCut = false

  constructor(bodies: Bodies, groups: FlushGroups) {
    this.bodies = bodies
    this.groups = groups
  }

  /** `isAlone`: nothing else is in flight to the connection. */
  begin(codec: number, budget: number, isAlone: boolean): void {
    this.codec = codec
    this.bytes = 0
    this.updates = 0
    this.isTurnFull = false
    this.#budget = budget
    this.#isAlone = isAlone
  }

  /** What the flush may still hold, but for a first unit. */
  get room(): number {
    return this.#budget - this.bytes
  }

  /** Adds a session's own record, which carries no update; false when it does not fit. */
  takeOwn(offset: number): boolean {
    if (offset === NO_ROOM || !this.groups.hasTokenRoom(1)) {
      this.isTurnFull = true
      return false
    }
    const { length } = this.bodies
    if (this.bytes + length > this.#budget && !this.#isFirst) return false
    this.groups.push(offset, length, 0, 0)
    this.bytes += length
    return true
  }

  /** Adds bytes that hold `updates` updates, the last of which begins at `last`; false when they do not fit. */
  takeRun(offset: number, length: number, last: number, updates: number): boolean {
    if (this.bytes + length > this.#budget || !this.groups.hasTokenRoom(1)) return false
    this.groups.push(offset, length, last, 0)
    this.bytes += length
    this.updates += updates
    return true
  }

  /** `tag`: the client's id of the subscription. */
  beginUnit(tag: number): void {
    this.#unitTag = tag
    this.#unitToken = this.groups.tokenCount
    this.#unitBytes = 0
    this.#unitUpdates = 0
    this.isUnitCut = false
  }

  /** Adds the body at `offset` of the heap, of which `bodies` tells the length. */
  take(offset: number): void {
    if (offset === NO_ROOM || !this.groups.hasTokenRoom(1)) {
      this.isUnitCut = true
      this.isTurnFull = true
      return
    }
    const { length } = this.bodies
    this.groups.push(offset, length, 0, this.#unitTag)
    this.#unitBytes += length + (this.#unitTag === 0 ? 0 : TAG_BYTES_MAX)
  }

  takeUpdate(offset: number): void {
    this.take(offset)
    this.#unitUpdates++
  }

  /** Keeps the unit when it fits, or stands alone on a connection with nothing in flight. */
  endUnit(): boolean {
    if (this.isUnitCut || (this.bytes + this.#unitBytes > this.#budget && !this.#isFirst)) {
      this.groups.tokenCount = this.#unitToken
      return false
    }
    this.bytes += this.#unitBytes
    this.updates += this.#unitUpdates
    return true
  }

  /**
   * Adds as many of `count` rows as fit, which lie one behind the other from `offset` on, each a unit and an update. Without a
   * tag they are one token. Returns how many.
   */
  takeRows(offset: number, lengths: Int32Array, count: number, tag: number): number {
    const tagBytes = tag === 0 ? 0 : TAG_BYTES_MAX
    let taken = 0
    let length = 0
    for (; taken < count; taken++) {
      const next = lengths[taken]! + tagBytes
      if (this.bytes + next > this.#budget && !this.#isFirst) break
      if (!this.groups.hasTokenRoom(1)) {
        this.isTurnFull = true
        break
      }
      if (tag !== 0) this.groups.push(offset + length, lengths[taken]!, 0, tag)
      this.bytes += next
      length += lengths[taken]!
    }
    if (tag === 0 && taken > 0) this.groups.push(offset, length, length - lengths[taken - 1]!, 0)
    this.updates += taken
    return taken
  }

  get #isFirst(): boolean {
    return this.#isAlone && this.bytes === 0
  }
}

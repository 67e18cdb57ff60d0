/**
 * Finds sessions in step: those whose flush consists of exactly the same bodies share one record to their edge. A flush
 * is a run of tokens (the offset in the heap of a body, or of bodies that go together, and their length); runs are grouped by a hash and compared
 * in full. Everything is allocated at start and reused every turn.
 */

import { assert } from '#src/assert.ts'
import type { Session } from '#src/domain/session.ts'

const NONE = -1
const HASH_START = 0x811c9dc5
const HASH_PRIME = 0x01000193

/** What a member's interests get: runs of updates only; all that they lack; that, and the next one a part. */
export const PLAIN = 0
export const WHOLE = 1
export const PARTIAL = 2

export class FlushGroups {
  /** Of all runs of this turn, one behind the other: offsets and lengths of bodies. */
  readonly tokens: Int32Array
  readonly tokenLengths: Int32Array
  /** Where in the token, which may be a run of bodies, the last of them begins: a head goes before it. */
  readonly tokenLasts: Int32Array
  /** The client's id of the subscription that the token's one body is for; 0 needs no tag. */
  readonly tokenTags: Int32Array
  /** By member (a session of this turn). */
  readonly sessions: (Session | null)[] = []
  readonly taken: Int32Array
  /** PLAIN, WHOLE or PARTIAL; `parts` says which part. */
  readonly kinds: Uint8Array
  /** How many of the session's events the flush holds. */
  readonly events: Int32Array
  readonly parts: Parts
  readonly nextMember: Int32Array
  /** By group. */
  readonly starts: Int32Array
  readonly ends: Int32Array
  readonly byteCounts: Int32Array
  readonly updateCounts: Int32Array
  readonly memberCounts: Int32Array
  readonly firstMembers: Int32Array
  readonly #lastMembers: Int32Array
  readonly #hashes: Int32Array
  /** Open addressing: group by hash; a place counts only while its stamp is this turn's. */
  readonly #places: Int32Array
  readonly #stamps: Int32Array
  #turn = 0
  groupCount = 0
  memberCount = 0
  tokenCount = 0

  constructor(membersMax: number, tokensMax: number) {
    this.tokens = new Int32Array(tokensMax)
    this.tokenLengths = new Int32Array(tokensMax)
    this.tokenLasts = new Int32Array(tokensMax)
    this.tokenTags = new Int32Array(tokensMax)
    this.taken = new Int32Array(membersMax)
    this.kinds = new Uint8Array(membersMax)
    this.events = new Int32Array(membersMax)
    this.parts = new Parts(membersMax)
    this.nextMember = new Int32Array(membersMax)
    this.starts = new Int32Array(membersMax)
    this.ends = new Int32Array(membersMax)
    this.byteCounts = new Int32Array(membersMax)
    this.updateCounts = new Int32Array(membersMax)
    this.memberCounts = new Int32Array(membersMax)
    this.firstMembers = new Int32Array(membersMax)
    this.#lastMembers = new Int32Array(membersMax)
    this.#hashes = new Int32Array(membersMax)
    let places = 16
    while (places < membersMax * 2) places *= 2
    this.#places = new Int32Array(places)
    this.#stamps = new Int32Array(places)
    for (let i = 0; i < membersMax; i++) this.sessions.push(null)
  }

  begin(): void {
    this.#turn++
    this.groupCount = 0
    this.memberCount = 0
    this.tokenCount = 0
  }

  get isFull(): boolean {
    return this.memberCount === this.taken.length
  }

  hasTokenRoom(count: number): boolean {
    return this.tokenCount + count <= this.tokens.length
  }

  push(offset: number, length: number, last: number, tag: number): void {
    this.tokens[this.tokenCount] = offset
    this.tokenLengths[this.tokenCount] = length
    this.tokenLasts[this.tokenCount] = last
    this.tokenTags[this.tokenCount] = tag
    this.tokenCount++
  }

  /**
   * Ends the run that began at token `start`; `taken` is how many of its waiting interests it holds. Returns the
   * member.
   */
  add(session: Session, start: number, byteCount: number, updateCount: number, taken: number): number {
    assert(!this.isFull, 'a turn has room for its members')
    const member = this.memberCount++
    this.sessions[member] = session
    this.taken[member] = taken
    this.nextMember[member] = NONE
    const end = this.tokenCount
    let hash = HASH_START
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ this.tokens[i]! ^ this.tokenTags[i]!, HASH_PRIME)
    const mask = this.#places.length - 1
    let place = (hash ^ (hash >>> 15)) & mask
    while (this.#stamps[place] === this.#turn) {
      const group = this.#places[place]!
      if (this.#hashes[group] === hash && this.#isSameRun(group, start, end)) {
        this.tokenCount = start
        this.nextMember[this.#lastMembers[group]!] = member
        this.#lastMembers[group] = member
        this.memberCounts[group]!++
        return member
      }
      place = (place + 1) & mask
    }
    const group = this.groupCount++
    this.#stamps[place] = this.#turn
    this.#places[place] = group
    this.#hashes[group] = hash
    this.starts[group] = start
    this.ends[group] = end
    this.byteCounts[group] = byteCount
    this.updateCounts[group] = updateCount
    this.memberCounts[group] = 1
    this.firstMembers[group] = member
    this.#lastMembers[group] = member
    return member
  }

  #isSameRun(group: number, start: number, end: number): boolean {
    const other = this.starts[group]!
    if (this.ends[group]! - other !== end - start) return false
    for (let i = 0; i < end - start; i++) {
      if (this.tokens[other + i] !== this.tokens[start + i]) return false
      if (this.tokenLengths[other + i] !== this.tokenLengths[start + i]) return false
      if (this.tokenTags[other + i] !== this.tokenTags[start + i]) return false
    }
    return true
  }
}

/**
 * What an interest has that got a part of what it lacks. Of a log: `seq` is the view's that it has, `lost` how many updates it
 * was told are lost. Of a table: `seq` is how many rows it got.
 */
export interface Part {
  readonly position: number
  readonly seq: number
  readonly isStaleTold: boolean
  readonly lost: number
}

/** By member. */
export class Parts {
  readonly positions: Float64Array
  readonly seqs: Float64Array
  readonly isStaleTold: Uint8Array
  readonly losts: Float64Array

  constructor(membersMax: number) {
    this.positions = new Float64Array(membersMax)
    this.seqs = new Float64Array(membersMax)
    this.isStaleTold = new Uint8Array(membersMax)
    this.losts = new Float64Array(membersMax)
  }

  set(member: number, { position, seq, isStaleTold, lost }: Part): void {
    this.positions[member] = position
    this.seqs[member] = seq
    this.isStaleTold[member] = isStaleTold ? 1 : 0
    this.losts[member] = lost
  }
}

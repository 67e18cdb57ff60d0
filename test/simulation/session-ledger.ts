/**
 * The ledger of each session (law 8), counted beside the product's: what was published to it comes from the truth's
 * events as its core reaches them, what was handed over from the bytes of the flushes. Also what a flush may be: the
 * window, the frequency.
 */

import assert from 'node:assert/strict'
import { HEAD_BYTES_MAX } from '#src/codec/json-stream.ts'
import { FLUSH_CONNECTIONS } from '#src/codec/record.ts'
import type { Interests } from '#src/domain/interests.ts'
import { ENDED, type Session } from '#src/domain/session.ts'
import { waitingOf } from '#src/domain/waiting.ts'
import type { RecordMemory } from '#src/ring/queue.ts'
import type { InFlightWords } from '#src/ring/shared-words.ts'
import { isPublished, type ModelItem, type Wish } from './model.ts'
import { recordsOf, type StreamRecord } from './stream-reader.ts'

/** Wheels and clocks count in ticks, frequencies in fractions. */
const ROUNDING_MS = 1e-6

export class SessionLedger {
  readonly session: Session
  readonly core: number
  readonly wish: Wish
  /** By item: the event at which the session's core stood when it opened. */
  readonly starts: ReadonlyMap<string, number>
  published = 0
  handedOver = 0
  lost = 0
  readonly #interests: Interests
  readonly #sentMs = new Map<string, number>()
  /** Items of which something was told since their last update that waits for no turn: what was held goes along. */
  readonly #marked = new Set<string>()
  readonly #intervalMs: number

  constructor(
    session: Session,
    interests: Interests,
    core: number,
    wish: Wish,
    starts: ReadonlyMap<string, number>,
    maxFrequencyCap: number,
  ) {
    this.session = session
    this.#interests = interests
    this.core = core
    this.wish = wish
    this.starts = starts
    const { maxFrequency } = wish
    const frequency = maxFrequency === 0 ? maxFrequencyCap : Math.min(maxFrequency, maxFrequencyCap || maxFrequency)
    this.#intervalMs = wish.mode === 'raw' || frequency === 0 ? 0 : 1_000 / frequency
  }

  get isOpen(): boolean {
    return this.session.state !== ENDED && this.session.subscriptions.length > 0
  }

  /** The session's core has reached an event of an item. */
  onEvent(item: ModelItem, place: number): void {
    if (!this.isOpen || !this.wish.items.includes(item.name)) return
    const event = item.events[place]
    if (event?.kind !== 'update' || item.events[place - 1]?.kind === 'fresh') this.#marked.add(item.name)
    if (event !== undefined && isPublished(event, this.wish)) this.published++
  }

  /** A snapshot of a known item begins the subscription: one update published. */
  onWhole(): void {
    if (this.isOpen) this.published++
  }

  onFlush(records: readonly StreamRecord[], nowMs: number): void {
    const lostItems = new Set<string>()
    for (const { item, lost, fields } of records) {
      if (item === undefined) continue
      if (lost !== undefined) {
        this.lost += lost
        lostItems.add(item)
      }
      if (fields === undefined) continue
      this.handedOver++
      if (lostItems.delete(item)) this.published++
      const sinceMs = nowMs - (this.#sentMs.get(item) ?? Number.NEGATIVE_INFINITY)
      const isMarked = this.#marked.delete(item)
      assert.ok(isMarked || sinceMs + ROUNDING_MS >= this.#intervalMs, `${item}: ${sinceMs} ms after the last update`)
      this.#sentMs.set(item, nowMs)
    }
  }

  /** Between two turns of its core. */
  check(): void {
    const { session, published } = this
    const waiting = this.isOpen ? waitingOf(this.#interests, session) : 0
    const { handedOver, conflated, dropped } = session
    const label = `session ${session.id}`
    assert.equal(handedOver, this.handedOver, `${label}: handed over`)
    assert.ok(conflated >= 0 && dropped >= 0 && waiting >= 0, `${label}: no count is negative`)
    assert.ok(waiting === 0 || session.state !== ENDED, `${label}: nothing waits for a session that has ended`)
    assert.equal(
      handedOver + conflated + dropped + waiting,
      published,
      `${label}: ${handedOver} handed over + ${conflated} conflated + ${dropped} dropped + ${waiting} waiting = published`,
    )
  }
}

export interface Flush {
  readonly slots: readonly { slot: number; generation: number }[]
  readonly length: number
  readonly updates: number
  readonly text: string
}

/** A FLUSH record as it stands in a queue. */
export function readFlush(memory: RecordMemory, offset: number): Flush {
  const { words, bytes } = memory
  const word = offset >> 2
  const count = words[word]!
  const length = words[word + 1]!
  const slots = Array.from({ length: count }, (_, i) => {
    const at = (offset + FLUSH_CONNECTIONS) >> 2
    return { slot: words[at + 2 * i]!, generation: words[at + 2 * i + 1]! }
  })
  const start = offset + FLUSH_CONNECTIONS + count * 8
  return { slots, length, updates: words[word + 2]!, text: bytes.toString('utf8', start, start + length) }
}

/** The records of a flush, checked against what it says of itself and against the window of each of its connections. */
export function checkFlush(
  flush: Flush,
  isSse: boolean,
  inFlight: InFlightWords,
  windowBytes: number,
  flushBytesMax: number,
): StreamRecord[] {
  assert.ok(flush.text.length > 0, 'a flush holds something')
  const records = recordsOf(flush.text, isSse)
  assert.equal(
    records.filter(record => record.fields !== undefined).length,
    flush.updates,
    'a flush counts its updates',
  )
  const items = new Set(records.flatMap(record => record.item ?? []))
  const isOneItem = items.size <= 1 && !records.some(record => record.session !== undefined)
  for (const { slot } of flush.slots) {
    const flying = inFlight.bytes(slot)
    const isAlone = flying === flush.length
    const isFlush = isAlone && (isOneItem || flying <= flushBytesMax + HEAD_BYTES_MAX)
    assert.ok(flying <= windowBytes || isFlush, `${flying} bytes in flight to slot ${slot}`)
  }
  return records
}

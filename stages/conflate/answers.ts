/**
 * Answers to questions about a core thread's state: one item, the names of items, the sessions. JSON text, bounded in
 * bytes; what did not fit is said, so that the asker can go on behind it.
 */

import type { FieldTable } from '#src/domain/field-table.ts'
import type { Interests } from '#src/domain/interests.ts'
import type { Item } from '#src/domain/item.ts'
import type { ItemTable } from '#src/domain/item-table.ts'
import type { Session } from '#src/domain/session.ts'
import { NULL_VALUE, type ValueStore } from '#src/domain/value-store.ts'
import { waitingOf, waitingSinceMsOf } from '#src/domain/waiting.ts'

/** The text of a QUERY record. */
export type QueryText =
  | { readonly kind: 'item'; readonly name: string }
  | { readonly kind: 'items'; readonly prefix: string; readonly after: string; readonly limit: number }
  | { readonly kind: 'sessions'; readonly limit: number }

export interface Answer {
  readonly status: number
  /** More would have come but for the bound. */
  readonly isCut: boolean
  readonly body: string
}

/** How many letters a list may take. */
export const LIST_LETTERS_MAX = 128 * 1024
/** Of a list. */
const BRACKETS = 2
/** What stands around the fields of an item's answer. */
const ITEM_EXTRA_BYTES = 128
/** Around one field's name and value: comma, quote, null. */
const FIELD_EXTRA_BYTES = 8

export class Answers {
  readonly #items: ItemTable
  readonly #fields: FieldTable
  readonly #store: ValueStore
  readonly #interests: Interests
  readonly #sessions: () => Iterable<Session>

  constructor(
    items: ItemTable,
    fields: FieldTable,
    store: ValueStore,
    interests: Interests,
    sessions: () => Iterable<Session>,
  ) {
    this.#items = items
    this.#fields = fields
    this.#store = store
    this.#interests = interests
    this.#sessions = sessions
  }

  /** The answer about an item is not longer. */
  itemBytesMax(name: string): number {
    const item = this.#items.find(name)
    if (item === null || !item.isKnown) return 0
    let bytes = item.prefix.length + ITEM_EXTRA_BYTES
    for (let i = 0; i < item.fieldCount; i++) {
      bytes += this.#fields.prefixOf(item.fieldIds[i]!).length + Math.max(0, item.lengths[i]!) + FIELD_EXTRA_BYTES
    }
    return bytes
  }

  /** A list has at most `lettersMax` letters. */
  answer(query: QueryText, lettersMax: number, nowMs: number): Answer {
    switch (query.kind) {
      case 'item':
        return this.#item(query.name)
      case 'items':
        return this.#names(query.prefix, query.after, query.limit, lettersMax)
      case 'sessions':
        return this.#sessionList(query.limit, lettersMax, nowMs)
    }
  }

  #item(name: string): Answer {
    const item = this.#items.find(name)
    if (item === null || !item.isKnown) return { status: 404, isCut: false, body: '' }
    const head = {
      item: item.name,
      seq: item.seq,
      snapshot: true,
      ...(Number.isNaN(item.timeMs) ? {} : { time: item.timeMs }),
      ...(item.isStale ? { stale: true } : {}),
      ...(item.table === null ? {} : { rows: item.table.count }),
    }
    const fields: string[] = []
    for (let i = 0; i < item.fieldCount; i++) fields.push(this.#fieldText(item, i))
    return { status: 200, isCut: false, body: `${JSON.stringify(head).slice(0, -1)},"fields":{${fields.join(',')}}}` }
  }

  #fieldText(item: Item, index: number): string {
    const name = JSON.stringify(this.#fields.nameOf(item.fieldIds[index]!))
    const length = item.lengths[index]!
    if (length === NULL_VALUE) return `${name}:null`
    const start = item.blockOffsets[index]!
    return `${name}:"${length === 0 ? '' : this.#store.bytes.toString('utf8', start, start + length)}"`
  }

  #names(prefix: string, after: string, limit: number, lettersMax: number): Answer {
    const first = new FirstNames(limit)
    for (const item of this.#items.values()) {
      if (item.isKnown && this.#items.isHome(item) && item.name > after && item.name.startsWith(prefix)) {
        first.add(item.name)
      }
    }
    const kept: string[] = []
    let letters = BRACKETS
    for (const name of first.sorted()) {
      letters += JSON.stringify(name).length + 1
      if (letters > lettersMax) break
      kept.push(name)
    }
    return { status: 200, isCut: kept.length < first.offered, body: JSON.stringify(kept) }
  }

  #sessionList(limit: number, lettersMax: number, nowMs: number): Answer {
    const rows: object[] = []
    let letters = BRACKETS
    let isCut = false
    for (const session of this.#sessions()) {
      const row = rowOf(this.#interests, session, nowMs)
      letters += JSON.stringify(row).length + 1
      if (rows.length >= limit || letters > lettersMax) {
        isCut = true
        break
      }
      rows.push(row)
    }
    return { status: 200, isCut, body: JSON.stringify(rows) }
  }
}

/** The first `limit` of many names, in order: twice as many are held at most, and sorted when there are so many. */
class FirstNames {
  offered = 0
  readonly #limit: number
  readonly #names: string[] = []
  /** Names behind this one are not among the first; null as long as fewer than `limit` were offered. */
  #last: string | null = null

  constructor(limit: number) {
    this.#limit = limit
  }

  add(name: string): void {
    this.offered++
    if (this.#last !== null && name > this.#last) return
    this.#names.push(name)
    if (this.#names.length >= this.#limit * 2) this.#cut()
  }

  sorted(): readonly string[] {
    this.#cut()
    return this.#names
  }

  #cut(): void {
    this.#names.sort()
    if (this.#names.length < this.#limit) return
    this.#names.length = this.#limit
    this.#last = this.#names.at(-1) ?? ''
  }
}

function rowOf(interests: Interests, session: Session, nowMs: number): object {
  const { binding } = session
  const sinceMs = waitingSinceMsOf(interests, session)
  const seconds = (nowMs - session.lookedAtMs) / 1_000
  const rate = seconds > 0 ? (session.handedOver - session.handedOverAtLook) / seconds : 0
  if (seconds >= 1) {
    session.lookedAtMs = nowMs
    session.handedOverAtLook = session.handedOver
  }
  return {
    id: session.id.slice(0, 8),
    address: binding.address,
    since: new Date(session.sinceMs).toISOString(),
    transport: binding.transport,
    encoding: binding.encoding,
    isBound: session.isBound,
    subscriptions: session.subscriptions.length,
    mode: modeOf(session),
    items: session.count,
    updatesPerSecond: Math.round(rate * 10) / 10,
    delivered: session.handedOver,
    conflated: session.conflated,
    dropped: session.dropped,
    recalled: session.recalled,
    waiting: waitingOf(interests, session),
    ageMs: Number.isNaN(sinceMs) ? 0 : Math.max(0, Math.round(nowMs - sinceMs)),
  }
}

/** The mode of its subscriptions; '' when they have several, or there are none. */
function modeOf({ subscriptions }: Session): string {
  const mode = subscriptions[0]?.mode ?? ''
  return subscriptions.every(each => each.mode === mode) ? mode : ''
}

/**
 * A simulated client: a real request for a stream through a fake socket, the real bytes read at a random speed, each
 * record held to the truth (item-watch.ts). It stalls, goes away, and its slot is used again by the next one.
 */

import assert from 'node:assert/strict'
import { FakeSocket } from '../support/fake-socket.ts'
import type { Random } from '../support/random.ts'
import { FAULTS } from './faults.ts'
import { ItemWatch } from './item-watch.ts'
import type { Wish } from './model.ts'
import type { SessionLedger } from './session-ledger.ts'
import { StreamReader, type StreamRecord } from './stream-reader.ts'
import type { Truth } from './taps.ts'

export function randomWish(random: Random, items: readonly string[], fields: readonly string[]): Wish {
  const mode = random.chance(0.4) ? 'raw' : 'merge'
  const some = <T>(list: readonly T[]): T[] => {
    const chosen = list.filter(() => random.chance(0.5))
    return chosen.length > 0 ? chosen : [random.pick(list)]
  }
  return {
    mode,
    items: some(items),
    // A field that is never sent makes a stream that is silent but for its keepalives.
    fields: random.chance(0.4) ? some(random.chance(0.2) ? ['never sent'] : [...fields, 'never sent']) : null,
    isSse: random.chance(0.5),
    isHttp10: random.chance(0.2),
    maxFrequency: random.pick([0, 0, 5, 50]),
    maxDelayMs: random.pick([0, 0, 20, 100]),
    onLost: random.pick(['end', 'snapshot']),
  }
}

export class ClientActor {
  readonly id: string
  readonly wish: Wish
  readonly socket: FakeSocket
  readonly reader: StreamReader
  readonly watches = new Map<string, ItemWatch>()
  /** Known from the moment that its core has opened the session. */
  ledger: SessionLedger | null = null
  /** Told in the last record of a stream that the server ends. */
  closing = ''
  isGone = false
  /** Since the simulation looked last. */
  hasRead = false
  /** Since when bytes have waited for it and it has read none; NaN while it reads, or nothing waits. */
  stuckSinceMs = Number.NaN
  #stallSteps = 0
  readonly #random: Random
  readonly #truth: Truth
  readonly #logEventsMin: number
  #unsent: Buffer

  constructor(id: string, wish: Wish, random: Random, truth: Truth, logEventsMin: number) {
    this.#logEventsMin = logEventsMin
    this.id = id
    this.wish = wish
    this.#random = random
    this.#truth = truth
    this.socket = new FakeSocket(100 + random.int(2_500))
    this.reader = new StreamReader(wish.isSse, record => this.#onRecord(record))
    this.#unsent = Buffer.from(requestOf(wish))
  }

  /** A stream is open, as far as the client knows. */
  get isStreaming(): boolean {
    return !this.isGone && this.reader.isStream && this.closing === ''
  }

  step(): void {
    if (this.isGone) return
    const random = this.#random
    if (this.#unsent.length > 0) {
      const part = this.#unsent.subarray(0, 1 + random.int(200))
      this.#unsent = this.#unsent.subarray(part.length)
      this.socket.peerSend(part)
    }
    if (random.chance(FAULTS.clientReset)) return this.#leave(() => this.socket.peerReset())
    if (random.chance(FAULTS.clientEnd)) return this.#leave(() => this.socket.peerEnd())
    if (this.#stallSteps > 0) this.#stallSteps--
    else if (random.chance(FAULTS.clientStall))
      this.#stallSteps = 5 + random.int(random.chance(FAULTS.longStall) ? 600 : 150)
    else this.read(random.int(random.pick([20, 300, 3_000])))
  }

  read(bytesMax: number): void {
    if (this.isGone) return
    const bytes = this.socket.peerRead(bytesMax)
    if (bytes.length > 0) this.hasRead = true
    this.reader.read(bytes)
    if (this.socket.isPeerAtEnd) this.#onServerEnd()
  }

  /** Sends what is left of the request. */
  finishRequest(): void {
    if (this.#unsent.length > 0) this.socket.peerSend(this.#unsent)
    this.#unsent = Buffer.alloc(0)
  }

  leave(): void {
    this.#leave(() => this.socket.peerReset())
  }

  /** At the end, when all has been read. */
  checkSettled(): void {
    if (!this.isStreaming) return
    const { ledger } = this
    assert.ok(ledger !== null, `client ${this.id}: a stream without a session`)
    let updates = 0
    let lost = 0
    for (const name of this.wish.items) {
      const watch = this.#watch(name)
      watch.checkConverged()
      updates += watch.updates
      lost += watch.lostTotal
    }
    assert.equal(updates, ledger.session.handedOver, `client ${this.id}: all that was handed over has arrived`)
    assert.equal(lost, ledger.session.dropped, `client ${this.id}: all that was dropped has been told as lost`)
    assert.equal(
      ledger.session.conflated,
      ledger.published - updates - lost,
      `client ${this.id}: conflated is what was published and neither arrived nor was lost`,
    )
  }

  #leave(how: () => void): void {
    this.isGone = true
    how()
  }

  #onServerEnd(): void {
    this.isGone = true
    if (this.reader.status === 503 || !this.reader.isStream) return
    // A connection that stalls is told why, but may be cut before it has read that.
    if (this.closing !== '') return
    assert.ok(this.#hasStalled(), `client ${this.id}: the stream ended without a reason`)
  }

  #hasStalled(): boolean {
    return this.socket.writableLengthMax > 0
  }

  #onRecord(record: StreamRecord): void {
    if (record.session !== undefined || record.position !== undefined || record.subscribed !== undefined) return
    assert.equal(this.closing, '', `client ${this.id}: nothing comes after closing`)
    if (record.unsubscribed !== undefined) {
      assert.equal(record.error?.code, 'UPDATES_LOST')
      this.closing = 'UPDATES_LOST'
      assert.ok(this.wish.mode === 'raw' && this.wish.onLost === 'end', 'only who asked for it ends when it lost')
      return
    }
    if (record.closing !== undefined) {
      this.closing = record.closing.code
      assert.equal(this.closing, 'NO_PROGRESS')
      return
    }
    assert.ok(record.item !== undefined, 'a record is about an item')
    assert.ok(this.wish.items.includes(record.item), `client ${this.id}: ${record.item} was not asked for`)
    this.#watch(record.item).take(record)
  }

  #watch(name: string): ItemWatch {
    let watch = this.watches.get(name)
    if (watch === undefined) {
      const { ledger } = this
      assert.ok(ledger !== null, `client ${this.id}: a record before its session`)
      watch = new ItemWatch(this.#truth.item(name), this.wish, ledger.starts.get(name)!, this.#logEventsMin)
      this.watches.set(name, watch)
    }
    return watch
  }
}

function requestOf(wish: Wish): string {
  const list = (names: readonly string[]) => names.map(encodeURIComponent).join(',')
  let query = `items=${list(wish.items)}`
  if (wish.fields !== null) query += `&fields=${list(wish.fields)}`
  if (wish.mode === 'raw') query += `&mode=raw&onLost=${wish.onLost}`
  if (wish.maxFrequency > 0) query += `&maxFrequency=${wish.maxFrequency}`
  if (wish.maxDelayMs > 0) query += `&maxDelay=${wish.maxDelayMs}`
  const accept = wish.isSse ? 'text/event-stream' : 'application/x-ndjson'
  return `GET /stream?${query} HTTP/1.${wish.isHttp10 ? 0 : 1}\r\nHost: localhost\r\nAccept: ${accept}\r\n\r\n`
}

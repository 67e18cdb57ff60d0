/**
 * One session of the fake server: a slow and plain reading of docs/protocol.md, written beside the client library and not
 * from it. It knows no sockets and no time.
 *
 * Stricter than a server: a number that comes too early is refused at once, and a position that only grows is checked.
 */

import { type FakeData, FakeLack, type Lacking } from './fake-lack.ts'
import type { FakeItem } from './fake-sessions.ts'

/** The other end of a stream, or of one poll. */
export interface FakeStream {
  readonly transport: 'websocket' | 'sse' | 'poll'
  /** False when a poll was answered. */
  readonly canSend: boolean
  /** `position` is null when the flush is not whole. */
  send(records: readonly object[], position: number | null): void
  /** The stream's last record. */
  end(closing: { readonly code: string; readonly message: string; readonly retryMs?: number }): void
}

/** What a session needs of its server. */
export interface FakeOwner {
  items(): Iterable<FakeItem>
  /** Hands a message to its handler; the answer comes back later. */
  handle(to: string, data: unknown, tell: (outcome: object) => void): boolean
  /** Something is to be flushed. */
  dirty(session: FakeSession): void
  destroyed(session: FakeSession): void
}

interface Subscription {
  readonly id: number
  readonly names: readonly string[]
  readonly fields: readonly string[] | null
  readonly isRaw: boolean
  readonly hasSnapshot: boolean
  maxFrequency: number | null
  isPaused: boolean
  /** While paused. */
  readonly held: FakeLack
  /** The seq by item. */
  readonly seqs: Map<string, number>
}

interface Flush {
  readonly position: number
  readonly entries: readonly Lacking[]
}

const ANSWERS_KEPT = 64
const NAME_REFUSED = 'refused'

export class FakeSession {
  readonly id: string
  readonly epoch: string
  position = 0
  stream: FakeStream | null = null
  readonly subscriptions = new Map<number, Subscription>()
  limits: { maxBandwidth: number | null; maxDelay: number | null } = { maxBandwidth: null, maxDelay: null }
  /** All that was sent and not confirmed, oldest first. */
  log: Flush[] = []
  /** What the log reaches back to. */
  logStart = 0
  acked = 0
  nextRequest = 1
  readonly #owner: FakeOwner
  readonly #lack = new FakeLack()
  readonly #answers = new Map<number, object>()

  constructor(id: string, epoch: string, owner: FakeOwner) {
    this.id = id
    this.epoch = epoch
    this.#owner = owner
  }

  // ── Streams ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** What the welcome says besides; from here on the stream is this one. `position`: null for a new session. */
  bind(stream: FakeStream, position: number | null): object {
    if (this.stream !== null) this.stream.end({ code: 'SESSION_REBOUND', message: 'another stream has the session' })
    this.stream = stream
    if (position === null) return {}
    const why = position > this.position ? 'POSITION_UNKNOWN' : position < this.logStart ? 'POSITION_TOO_OLD' : null
    if (why !== null) return this.#beginAnew(why)
    this.goBackTo(position)
    return { recovered: true }
  }

  /** What was sent behind `position` is lacking again. */
  goBackTo(position: number): void {
    const later = this.log.filter(flush => flush.position > position)
    if (later.length === 0) return
    const since = this.#lack.take()
    for (const { entries } of later) this.#lack.pushAll(entries)
    this.#lack.pushAll(since)
    this.log = this.log.filter(flush => flush.position <= position)
  }

  confirm(position: number): void {
    this.acked = Math.max(this.acked, position)
    this.log = this.log.filter(flush => flush.position > position)
    this.logStart = Math.max(this.logStart, position)
  }

  get hasSomething(): boolean {
    return !this.#lack.isEmpty
  }

  /** The next flush, which counts as sent. */
  flush(): { readonly records: readonly object[]; readonly position: number } {
    const entries = this.#lack.take()
    if (entries.length > 0) this.log.push({ position: ++this.position, entries })
    return { records: entries.map(({ record }) => record), position: this.position }
  }

  #beginAnew(why: string): object {
    this.#lack.take()
    this.log = []
    this.logStart = this.position
    for (const subscription of this.subscriptions.values()) {
      subscription.held.take()
      for (const item of this.#owner.items()) if (isOf(subscription, item.name)) this.#sendSnapshot(subscription, item)
    }
    return { recovered: false, why, subscriptions: [...this.subscriptions.keys()], request: this.nextRequest }
  }

  // ── Data ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  updated(item: FakeItem, fields: FakeData['fields'] & object, isSnapshot: boolean): void {
    for (const subscription of this.subscriptions.values()) {
      if (!isOf(subscription, item.name)) continue
      const isNew = !subscription.seqs.has(item.name)
      const isWhole = isSnapshot || (isNew && subscription.hasSnapshot)
      const seen = seenBy(subscription, isWhole ? item.fields : fields)
      if (Object.keys(seen).length === 0 && !isWhole) continue
      this.#sendUpdate(subscription, item.name, seen, isWhole)
    }
  }

  marked(item: string, mark: { readonly stale: boolean } | { readonly deleted: true }): void {
    for (const subscription of this.subscriptions.values()) {
      if (!isOf(subscription, item)) continue
      if ('deleted' in mark) subscription.seqs.delete(item)
      this.#push(subscription, { sub: subscription.id, item, ...mark })
    }
  }

  /** A raw subscription is told that updates are gone. */
  loses(id: number, item: string, count: number): void {
    const subscription = this.subscriptions.get(id)!
    subscription.seqs.set(item, (subscription.seqs.get(item) ?? 0) + count)
    this.#event({ sub: id, item, lost: count })
    for (const one of this.#owner.items()) if (one.name === item) this.#sendSnapshot(subscription, one)
  }

  #sendSnapshot(subscription: Subscription, item: FakeItem): void {
    this.#sendUpdate(subscription, item.name, seenBy(subscription, item.fields), true)
    if (item.isStale) this.#push(subscription, { sub: subscription.id, item: item.name, stale: true })
  }

  #sendUpdate(
    subscription: Subscription,
    item: string,
    fields: FakeData['fields'] & object,
    isSnapshot: boolean,
  ): void {
    const seq = (subscription.seqs.get(item) ?? 0) + 1
    subscription.seqs.set(item, seq)
    this.#push(subscription, { sub: subscription.id, item, seq, ...(isSnapshot ? { snapshot: true } : {}), fields })
  }

  #push(subscription: Subscription, record: FakeData): void {
    const lacking = { record, merges: subscription.isRaw ? null : record }
    if (subscription.isPaused) {
      subscription.held.push(lacking)
    } else {
      this.#lack.push(lacking)
      this.#owner.dirty(this)
    }
  }

  #event(record: object): void {
    this.#lack.push({ record, merges: null })
    this.#owner.dirty(this)
  }

  // ── Requests ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Carries out the lines; the answers of those that have one. */
  carryOut(lines: string): object[] {
    return lines
      .split('\n')
      .filter(line => line !== '')
      .flatMap(line => this.#request(JSON.parse(line)))
  }

  /** Answers that travel in the stream. */
  answerInStream(answers: readonly object[]): void {
    for (const answer of answers) this.#event(answer)
  }

  #request(request: Record<string, unknown>): object[] {
    const { request: number, ack } = request
    if (typeof ack === 'number') {
      this.confirm(ack)
      return []
    }
    if (typeof number !== 'number') {
      const error = this.#carryOut(request, 0)
      return error === null ? [] : [{ answer: null, error }]
    }
    if (number < this.nextRequest) return [this.#answers.get(number) ?? refusal(number, 'REQUEST_FORGOTTEN')]
    if (number > this.nextRequest) return [refusal(number, 'REQUEST_GAP')]
    this.nextRequest++
    const error = this.#carryOut(request, number)
    const answer = error === null ? { answer: number } : { answer: number, error }
    this.#answers.set(number, answer)
    this.#answers.delete(number - ANSWERS_KEPT)
    return [answer]
  }

  /** Null, or what the request is refused for. */
  #carryOut(request: Record<string, unknown>, number: number): object | null {
    if ('subscribe' in request) return this.#subscribe(request.subscribe as never)
    if ('change' in request) return this.#change(request.change as never)
    if ('pause' in request) return this.#pause(request.pause as number, true)
    if ('resume' in request) return this.#pause(request.resume as number, false)
    if ('unsubscribe' in request) return this.#unsubscribe(request.unsubscribe as number)
    if ('limits' in request) return this.#limit(request.limits as never)
    if ('message' in request) return this.#message(request.message as never, number)
    if ('destroy' in request) return this.#destroy()
    return error('REQUEST_INVALID')
  }

  #subscribe(wish: {
    id: number
    items: string[]
    fields?: string[]
    mode?: string
    maxFrequency?: number
    snapshot?: boolean
  }): object | null {
    if (this.subscriptions.has(wish.id)) return error('SUBSCRIPTION_EXISTS')
    if (wish.items.includes(NAME_REFUSED)) return error('ITEM_NAME_INVALID')
    const subscription: Subscription = {
      id: wish.id,
      names: wish.items,
      fields: wish.fields ?? null,
      isRaw: wish.mode === 'raw',
      hasSnapshot: wish.snapshot ?? true,
      maxFrequency: wish.maxFrequency ?? null,
      isPaused: false,
      held: new FakeLack(),
      seqs: new Map(),
    }
    this.subscriptions.set(wish.id, subscription)
    const items = [...this.#owner.items()].filter(item => isOf(subscription, item.name))
    this.#event({ subscribed: wish.id, items: items.length, maxFrequency: subscription.maxFrequency })
    if (subscription.hasSnapshot) for (const item of items) this.#sendSnapshot(subscription, item)
    return null
  }

  #change({ id, maxFrequency }: { id: number; maxFrequency: number | null }): object | null {
    const subscription = this.subscriptions.get(id)
    if (subscription === undefined) return error('SUBSCRIPTION_UNKNOWN')
    subscription.maxFrequency = maxFrequency
    this.#event({ changed: id, maxFrequency })
    return null
  }

  #pause(id: number, isPaused: boolean): object | null {
    const subscription = this.subscriptions.get(id)
    if (subscription === undefined) return error('SUBSCRIPTION_UNKNOWN')
    subscription.isPaused = isPaused
    this.#event(isPaused ? { paused: id } : { resumed: id })
    if (!isPaused) {
      this.#lack.pushAll(subscription.held.take())
      this.#owner.dirty(this)
    }
    return null
  }

  #unsubscribe(id: number): object | null {
    if (!this.subscriptions.delete(id)) return error('SUBSCRIPTION_UNKNOWN')
    this.#event({ unsubscribed: id })
    return null
  }

  #limit(limits: { maxBandwidth?: number | null; maxDelay?: number | null }): object | null {
    this.limits = { ...this.limits, ...limits }
    this.#event({ limits: this.limits })
    return null
  }

  #message({ to, data }: { to: string; data: unknown }, number: number): object | null {
    const tell = (outcome: object): void => this.#event({ outcome: number, ...outcome })
    if (!this.#owner.handle(to, data, tell)) tell({ error: error('MESSAGE_NO_HANDLER') })
    return null
  }

  #destroy(): object | null {
    this.#owner.destroyed(this)
    this.stream?.end({ code: 'SESSION_DESTROYED', message: 'as you asked' })
    this.stream = null
    return null
  }
}

function error(code: string): object {
  return { code, message: `refused by the fake server: ${code}` }
}

function refusal(answer: number, code: string): object {
  return { answer, error: error(code) }
}

function isOf({ names }: Subscription, item: string): boolean {
  return names.some(name => (name.endsWith('*') ? item.startsWith(name.slice(0, -1)) : name === item))
}

function seenBy({ fields }: Subscription, all: FakeData['fields'] & object): FakeData['fields'] & object {
  return fields === null
    ? { ...all }
    : Object.fromEntries(Object.entries(all).filter(([name]) => fields.includes(name)))
}

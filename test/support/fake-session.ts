/**
 * One session of the fake server: a slow and plain reading of docs/protocol.md, written beside the client library and not
 * from it. It knows no sockets and no time.
 *
 * Stricter than a server: a number that comes too early is refused at once, and a position that only grows is checked.
 */

import { type FakeFields, type FakeFilter, filterOf, passes } from './fake-filter.ts'
import { type FakeData, FakeLack, type Lacking, withoutOldest } from './fake-lack.ts'
import type { FakeItem } from './fake-sessions.ts'
import { type FakeHas, FakeTable, type FakeTableChoice } from './fake-table.ts'

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
  /** A flush has at most so many rows. */
  flushRowsMax(): number
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
  readonly mode: string
  readonly filter: FakeFilter | null
  /** Of distinct: how many updates items begin with. */
  readonly history: number
  readonly bufferSize: number
  readonly table: FakeTableChoice
  /** Of command, by item. */
  readonly tables: Map<string, FakeTable>
  readonly hasSnapshot: boolean
  maxFrequency: number | null
  isPaused: boolean
  /** While paused. */
  readonly held: FakeLack
  /** Of distinct: items whose history has ended; one that is deleted and comes again has none. */
  readonly begun: Set<string>
  /** The seq by item. */
  readonly seqs: Map<string, number>
}

interface Flush {
  readonly position: number
  readonly entries: readonly Lacking[]
  /** What the client has of tables behind it. */
  readonly has: ReadonlyMap<FakeTable, FakeHas | null>
}

/** What subscribe may ask for. */
interface Wish {
  readonly id: number
  readonly items: string[]
  readonly fields?: string[]
  readonly mode?: string
  readonly maxFrequency?: number
  readonly snapshot?: boolean | number
  readonly filter?: string
  readonly bufferSize?: number
  readonly sort?: string
  readonly from?: number
  readonly count?: number
}

const ANSWERS_KEPT = 64
const NAME_REFUSED = 'refused'
/** So many updates are the snapshot of distinct, where nothing else was asked for. */
const HISTORY = 5

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
  /** What the client had of tables at `logStart`. */
  #hadAtStart: ReadonlyMap<FakeTable, FakeHas | null> = new Map()
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
    const had = this.log.at(-1)?.has ?? this.#hadAtStart
    for (const table of this.#tables(true)) table.has = had.get(table) ?? null
  }

  confirm(position: number): void {
    this.acked = Math.max(this.acked, position)
    this.#hadAtStart = this.log.findLast(flush => flush.position <= position)?.has ?? this.#hadAtStart
    this.log = this.log.filter(flush => flush.position > position)
    this.logStart = Math.max(this.logStart, position)
  }

  get hasSomething(): boolean {
    return !this.#lack.isEmpty || this.#tables().some(table => table.isBehind)
  }

  /** The next flush, which counts as sent. */
  flush(): { readonly records: readonly object[]; readonly position: number } {
    let entries: readonly Lacking[] = this.#lack.take()
    for (const { id, bufferSize } of this.subscriptions.values()) entries = withoutOldest(entries, id, bufferSize)
    const rows = this.#rows()
    if (entries.length + rows.length > 0) {
      const has = new Map(this.#tables(true).map(table => [table, table.has]))
      this.log.push({ position: ++this.position, entries, has })
    }
    return { records: [...entries.map(({ record }) => record), ...rows], position: this.position }
  }

  #rows(): object[] {
    const records: object[] = []
    for (const { id, tables, isPaused } of this.subscriptions.values()) {
      if (isPaused) continue
      for (const [item, table] of tables) {
        const left = Math.max(0, this.#owner.flushRowsMax() - records.length)
        for (const record of table.flush(left)) records.push({ sub: id, item, ...record })
      }
    }
    return records
  }

  #tables(isPausedToo = false): FakeTable[] {
    const subscriptions = [...this.subscriptions.values()].filter(({ isPaused }) => isPausedToo || !isPaused)
    return subscriptions.flatMap(({ tables }) => [...tables.values()])
  }

  #beginAnew(why: string): object {
    this.#lack.take()
    this.log = []
    this.logStart = this.position
    this.#hadAtStart = new Map()
    for (const subscription of this.subscriptions.values()) {
      subscription.held.take()
      for (const table of subscription.tables.values()) table.has = null
      this.#sendSnapshots(subscription)
    }
    return { recovered: false, why, subscriptions: [...this.subscriptions.keys()], request: this.nextRequest }
  }

  // ── Data ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  updated(item: FakeItem, fields: FakeFields, isSnapshot: boolean): void {
    for (const subscription of this.subscriptions.values()) {
      const { mode, filter, seqs, hasSnapshot, begun } = subscription
      if (!isOf(subscription, item.name) || mode === 'command') continue
      const isNew = !seqs.has(item.name)
      if (!passes(filter, item.fields)) {
        if (mode === 'merge' && seqs.delete(item.name)) this.#push(subscription, { item: item.name, out: true })
        continue
      }
      if (isNew && hasSnapshot && !begun.has(item.name)) {
        this.#sendSnapshot(subscription, item)
        continue
      }
      const seen = seenBy(subscription, isSnapshot ? item.fields : fields)
      if (Object.keys(seen).length > 0 || isSnapshot) this.#sendUpdate(subscription, item.name, seen, isSnapshot)
    }
  }

  /** Rows of the table have come, changed or gone. */
  tableChanged({ name, rows }: FakeItem): void {
    for (const subscription of this.subscriptions.values()) {
      if (subscription.mode !== 'command' || !isOf(subscription, name)) continue
      this.#tableOf(subscription, name).refresh(rows)
      this.#owner.dirty(this)
    }
  }

  /** The server does not know any more which rows are gone: tables begin anew. */
  forgetDeletions(): void {
    for (const table of this.#tables(true)) table.has = null
    this.#owner.dirty(this)
  }

  marked(item: string, mark: { readonly stale: boolean } | { readonly deleted: true }): void {
    for (const subscription of this.subscriptions.values()) {
      const { filter, seqs, tables } = subscription
      if (!isOf(subscription, item) || (filter !== null && !seqs.has(item))) continue
      if ('deleted' in mark) {
        seqs.delete(item)
        tables.delete(item)
      }
      this.#push(subscription, { item, ...mark })
    }
  }

  /** A raw subscription is told that updates are gone. */
  loses(id: number, item: string, count: number): void {
    const subscription = this.subscriptions.get(id)!
    subscription.seqs.set(item, (subscription.seqs.get(item) ?? 0) + count)
    this.#event({ sub: id, item, lost: count })
    for (const one of this.#owner.items()) if (one.name === item) this.#sendSnapshot(subscription, one)
  }

  #sendSnapshots(subscription: Subscription): void {
    subscription.begun.clear()
    const there = [...this.#owner.items()]
    for (const item of there) if (isOf(subscription, item.name)) this.#sendSnapshot(subscription, item)
    if (subscription.mode !== 'distinct') return
    for (const name of subscription.names) {
      if (!name.endsWith('*') && there.every(item => item.name !== name)) this.#endHistory(subscription, name)
    }
  }

  #endHistory(subscription: Subscription, item: string): void {
    subscription.begun.add(item)
    this.#push(subscription, { item, snapshotEnd: true })
  }

  #sendSnapshot(subscription: Subscription, item: FakeItem): void {
    const { name, isStale, log, rows } = item
    const { mode, history } = subscription
    if (!passes(subscription.filter, item.fields)) return
    if (mode === 'command') this.#tableOf(subscription, name).refresh(rows)
    else if (mode !== 'distinct') this.#sendUpdate(subscription, name, seenBy(subscription, item.fields), true)
    else {
      for (const fields of log.slice(log.length - history)) {
        this.#sendUpdate(subscription, name, seenBy(subscription, fields), false)
      }
      this.#endHistory(subscription, name)
    }
    if (isStale) this.#push(subscription, { item: name, stale: true })
  }

  #sendUpdate(subscription: Subscription, item: string, fields: FakeFields, isSnapshot: boolean): void {
    const seq = (subscription.seqs.get(item) ?? 0) + 1
    subscription.seqs.set(item, seq)
    this.#push(subscription, { item, seq, ...(isSnapshot ? { snapshot: true } : {}), fields })
  }

  #tableOf({ table: choice, tables }: Subscription, item: string): FakeTable {
    let table = tables.get(item)
    if (table === undefined) {
      table = new FakeTable(choice, tables.size * 10)
      tables.set(item, table)
    }
    return table
  }

  #push(subscription: Subscription, data: Omit<FakeData, 'sub'>): void {
    const record: FakeData = { sub: subscription.id, ...data }
    const isCounted = subscription.mode === 'raw' || subscription.mode === 'distinct'
    const lacking = { record, merges: isCounted ? null : record }
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

  #subscribe(wish: Wish): object | null {
    const { mode = 'merge', snapshot = true, fields = null, sort = null, from = 0, count = Infinity } = wish
    if (this.subscriptions.has(wish.id)) return error('SUBSCRIPTION_EXISTS')
    if (wish.items.includes(NAME_REFUSED)) return error('ITEM_NAME_INVALID')
    const filter = wish.filter === undefined ? null : filterOf(wish.filter)
    if (wish.filter !== undefined && filter === null) return error('FILTER_INVALID')
    const subscription: Subscription = {
      id: wish.id,
      names: wish.items,
      fields,
      mode,
      // Of a table rows pass, or do not.
      filter: mode === 'command' ? null : filter,
      history: typeof snapshot === 'number' ? snapshot : HISTORY,
      bufferSize: wish.bufferSize ?? Number.POSITIVE_INFINITY,
      table: { fields, filter, sort, from, count },
      tables: new Map(),
      hasSnapshot: snapshot !== false,
      maxFrequency: wish.maxFrequency ?? null,
      isPaused: false,
      held: new FakeLack(),
      begun: new Set(),
      seqs: new Map(),
    }
    this.subscriptions.set(wish.id, subscription)
    const items = [...this.#owner.items()].filter(item => isOf(subscription, item.name))
    this.#event({ subscribed: wish.id, items: items.length, maxFrequency: subscription.maxFrequency })
    if (subscription.hasSnapshot) this.#sendSnapshots(subscription)
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

function seenBy({ fields }: Subscription, all: FakeFields): FakeFields {
  return fields === null
    ? { ...all }
    : Object.fromEntries(Object.entries(all).filter(([name]) => fields.includes(name)))
}

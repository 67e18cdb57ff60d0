/**
 * A client library without a server, for what is built upon it: a test says what comes of each subscription, and sees what
 * was asked for.
 */

import type {
  Client,
  ClientEvents,
  ClientOptions,
  ClientState,
  Encoding,
  FieldValues,
  Item,
  Listener,
  Row,
  Subscription,
  SubscriptionHandlers,
  SubscriptionWish,
  TransportName,
} from '#src/client/index.ts'

interface FakeItem extends Item {
  fields: Record<string, string | null>
  isStale: boolean
  isComplete: boolean
  readonly rows: Map<string, Row>
}

export class FakeSubscription implements Subscription {
  readonly wish: SubscriptionWish
  readonly items = new Map<string, FakeItem>()
  readonly id: number
  state: Subscription['state'] = 'active'
  maxFrequency: number | null
  readonly handlers: SubscriptionHandlers

  constructor(id: number, wish: SubscriptionWish, handlers: SubscriptionHandlers) {
    this.id = id
    this.wish = wish
    this.handlers = handlers
    this.maxFrequency = wish.maxFrequency ?? null
  }

  update(
    name: string,
    fields: FieldValues,
    how: { isHistory?: boolean; conflated?: number; timeMs?: number } = {},
  ): void {
    const { isHistory = false, conflated = 0, timeMs = null } = how
    const item = this.#item(name)
    Object.assign(item.fields, fields)
    const changed = Object.keys(fields)
    const update = { item: name, seq: 1, timeMs, isSnapshot: false, isHistory, fields, changed, conflated }
    this.handlers.onUpdate?.(update)
    this.handlers.onItem?.(item, update)
  }

  row(name: string, key: string, command: 'ADD' | 'UPDATE' | 'DELETE', fields: FieldValues = {}): void {
    const item = this.#item(name)
    const row = command === 'DELETE' ? null : { key, fields: { ...item.rows.get(key)?.fields, ...fields } }
    if (row === null) item.rows.delete(key)
    else item.rows.set(key, row)
    const changed = Object.keys(fields)
    const change = {
      item: name,
      key,
      command,
      seq: 1,
      timeMs: null,
      fields,
      changed,
      row,
      isSnapshot: false,
      conflated: 0,
    }
    this.handlers.onRow?.(item, change)
  }

  complete(name: string): void {
    const item = this.#item(name)
    item.isComplete = true
    this.handlers.onSnapshotEnd?.(item)
  }

  stale(name: string, isStale: boolean): void {
    const item = this.#item(name)
    item.isStale = isStale
    this.handlers.onStale?.(item)
  }

  async ready(): Promise<void> {}

  async change({ maxFrequency }: { readonly maxFrequency: number | null }): Promise<void> {
    this.maxFrequency = maxFrequency
  }

  async pause(): Promise<void> {}

  async resume(): Promise<void> {}

  async unsubscribe(): Promise<void> {
    this.state = 'ended'
  }

  #item(name: string): FakeItem {
    let item = this.items.get(name)
    if (item === undefined) {
      const rows = new Map<string, Row>()
      const seen = { name, fields: {}, seq: 1, timeMs: null, isStale: false, isComplete: false, rows }
      item = { ...seen, sortedRows: () => [...rows.values()] }
      this.items.set(name, item)
    }
    return item
  }
}

export class FakeClient implements Client {
  readonly options: ClientOptions
  readonly subscriptions: FakeSubscription[] = []
  state: ClientState = 'connected'
  session: string | null = 'fake'
  transport: TransportName | null = 'websocket'
  encoding: Encoding | null = 'terse'
  transports: readonly TransportName[] = []
  isClosed = false
  readonly #listeners = new Map<string, ((event: never) => void)[]>()

  constructor(options: ClientOptions = {}) {
    this.options = options
  }

  setTransports(transports: readonly TransportName[]): void {
    this.transports = transports
  }

  on<Name extends keyof ClientEvents>(name: Name, listener: Listener<ClientEvents[Name]>): () => void {
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), listener as (event: never) => void])
    return () => {}
  }

  emit<Name extends keyof ClientEvents>(name: Name, event: ClientEvents[Name]): void {
    for (const listener of this.#listeners.get(name) ?? []) listener(event as never)
  }

  subscribe(wish: SubscriptionWish, handlers: SubscriptionHandlers = {}): FakeSubscription {
    const subscription = new FakeSubscription(this.subscriptions.length + 1, wish, handlers)
    this.subscriptions.push(subscription)
    return subscription
  }

  async setLimits(): Promise<void> {}

  async send(): Promise<unknown> {
    return null
  }

  async close(): Promise<void> {
    this.isClosed = true
    this.state = 'closed'
  }
}

import test from 'ava'
import { BEAT_MS, Hub, LEASE_MS, type Port } from '#src/page/app/link/hub.ts'
import type { Change, ConnectionView, FromHub, Wish } from '#src/page/app/link/messages.ts'
import { FakeClient } from '#test/support/fake-client.ts'
import { FakePlatform } from '#test/support/fake-platform.ts'
import { portPair } from '#test/support/fake-port.ts'

const QUOTES: Wish = { items: ['quote.*'], mode: 'merge' }
const TRADES: Wish = { items: ['trades.A'], mode: 'distinct', snapshot: 50 }
const BOOK: Wish = { items: ['book.A'], mode: 'command', filter: 'side = "bid"', sort: '-price', count: 10 }

/** A tab as the hub sees it: what it was told, by its own number of the wish. */
class Tab {
  readonly port: Port
  readonly changes = new Map<number, Change[]>()
  connection: ConnectionView | null = null
  welcomes = 0
  forgotten = 0

  constructor(hub: Hub) {
    const [mine, theirs] = portPair()
    this.port = mine
    hub.attach(theirs)
    mine.onmessage = ({ data }) => this.#hear(data as FromHub)
    this.say({ kind: 'hello' })
  }

  say(message: unknown): void {
    this.port.postMessage(message)
  }

  want(id: number, wish: Wish): void {
    this.say({ kind: 'want', id, wish })
  }

  heard(id: number): Change[] {
    return this.changes.get(id) ?? []
  }

  #hear(message: FromHub): void {
    if (message.kind === 'welcome') this.welcomes++
    else if (message.kind === 'forgotten') this.forgotten++
    else if (message.kind === 'connection') this.connection = message.connection
    else this.changes.set(message.id, [...this.heard(message.id), ...message.changes])
  }
}

class Rig {
  readonly platform = new FakePlatform()
  readonly clients: FakeClient[] = []
  readonly hub = new Hub({
    connect: options => {
      const client = new FakeClient(options)
      this.clients.push(client)
      return client
    },
    platform: this.platform,
    isShared: true,
  })

  get client(): FakeClient {
    return this.clients.at(-1)!
  }

  tab(): Tab {
    return new Tab(this.hub)
  }
}

test('[PG12] tabs with the same wish share one subscription, and a tab that comes late is told what there is', t => {
  const rig = new Rig()
  const [first, second] = [rig.tab(), rig.tab()]
  first.want(1, QUOTES)
  const subscription = rig.client.subscriptions[0]!
  subscription.update('quote.A', { bid: '1', ask: '2' })
  subscription.stale('quote.A', true)
  rig.platform.settle()
  second.want(7, QUOTES)
  t.is(rig.clients.length, 1)
  t.is(rig.client.subscriptions.length, 1)
  t.deepEqual(
    second.heard(7).map(({ type }) => type),
    ['update', 'stale'],
  )
  t.like(second.heard(7)[0], { item: 'quote.A', fields: { bid: '1', ask: '2' }, isSnapshot: true })
  subscription.update('quote.A', { bid: '3' })
  rig.platform.settle()
  t.deepEqual(second.heard(7).at(-1), first.heard(1).at(-1))
  t.like(first.heard(1).at(-1), { fields: { bid: '3' }, isSnapshot: false })
  t.is(first.heard(1).length, 3, 'nobody hears twice what a late one is told')
})

test('[PG12] a late tab hears each trade once, as history, and what is told but not sent yet in its place', t => {
  const rig = new Rig()
  const [first, second] = [rig.tab(), rig.tab()]
  first.want(1, TRADES)
  const subscription = rig.client.subscriptions[0]!
  subscription.update('trades.A', { price: '1' }, { isHistory: true })
  subscription.complete('trades.A')
  rig.platform.settle()
  subscription.update('trades.A', { price: '2' })
  subscription.handlers.onLost?.('trades.A', 4)
  second.want(1, TRADES)
  subscription.update('trades.A', { price: '3' })
  rig.platform.settle()
  const prices = (tab: Tab): string[] =>
    tab
      .heard(1)
      .flatMap(one =>
        one.type === 'update' ? [String(one.fields.price)] : one.type === 'lost' ? [`-${one.count}`] : [],
      )
  t.deepEqual(prices(first), ['1', '2', '-4', '3'])
  t.deepEqual(prices(second), ['1', '2', '-4', '3'])
  t.deepEqual(
    second.heard(1).map(one => (one.type === 'update' ? one.isHistory : one.type)),
    [true, true, 'lost', 'complete', false],
  )
})

test('[PG12] a late tab gets a table from its beginning', t => {
  const rig = new Rig()
  const [first, second] = [rig.tab(), rig.tab()]
  first.want(1, BOOK)
  const subscription = rig.client.subscriptions[0]!
  t.like(subscription.wish, { mode: 'command', filter: 'side = "bid"', sort: '-price', count: 10 })
  subscription.row('book.A', 'bid:1', 'ADD', { price: '1', size: '5' })
  subscription.complete('book.A')
  subscription.row('book.A', 'bid:2', 'ADD', { price: '2', size: '5' })
  subscription.row('book.A', 'bid:1', 'DELETE')
  second.want(1, BOOK)
  t.deepEqual(second.heard(1), [
    { type: 'cleared', item: 'book.A' },
    { type: 'row', item: 'book.A', key: 'bid:2', command: 'ADD', fields: { price: '2', size: '5' } },
    { type: 'complete', item: 'book.A' },
  ])
})

test('[PG13] the last tab that drops a wish ends its subscription, and the last tab that goes the session', t => {
  const rig = new Rig()
  const [first, second] = [rig.tab(), rig.tab()]
  first.want(1, QUOTES)
  second.want(1, QUOTES)
  const subscription = rig.client.subscriptions[0]!
  first.say({ kind: 'drop', id: 1 })
  t.is(subscription.state, 'active')
  second.say({ kind: 'bye' })
  t.is(subscription.state, 'ended')
  t.is(first.connection!.tabs, 1)
  t.false(rig.client.isClosed)
  first.say({ kind: 'bye' })
  t.true(rig.client.isClosed)
  t.is(rig.platform.timerCount, 0)
  rig.tab().want(1, QUOTES)
  t.is(rig.clients.length, 2)
  t.is(rig.client.subscriptions.length, 1)
})

test('[PG13] a tab that is silent for its lease is gone; one that slept is told, and begins anew', t => {
  const rig = new Rig()
  const [awake, asleep] = [rig.tab(), rig.tab()]
  awake.want(1, QUOTES)
  asleep.want(1, TRADES)
  t.is(awake.connection!.tabs, 2)
  for (let ms = 0; ms <= LEASE_MS; ms += BEAT_MS) {
    rig.platform.advance(BEAT_MS)
    awake.say({ kind: 'beat' })
  }
  t.is(awake.connection!.tabs, 1)
  t.deepEqual(
    rig.client.subscriptions.map(({ state }) => state),
    ['active', 'ended'],
  )
  asleep.say({ kind: 'beat' })
  t.is(asleep.forgotten, 1)
  asleep.say({ kind: 'hello' })
  asleep.want(2, TRADES)
  t.is(asleep.welcomes, 2)
  t.is(awake.connection!.tabs, 2)
  t.is(rig.client.subscriptions.length, 3)
})

test('[PG14] a rate is that of all tabs: of what there is, and of what is wanted later; trades have none', t => {
  const rig = new Rig()
  const [first, second] = [rig.tab(), rig.tab()]
  first.want(1, QUOTES)
  first.want(2, TRADES)
  second.say({ kind: 'rate', rate: 0.5 })
  first.want(3, BOOK)
  first.want(4, { ...TRADES, items: ['trades.B'] })
  t.deepEqual(
    rig.client.subscriptions.map(({ maxFrequency }) => maxFrequency),
    [0.5, null, 0.5, null],
  )
  t.is(first.connection!.rate, 0.5)
  first.say({ kind: 'rate', rate: null })
  t.deepEqual(
    rig.client.subscriptions.map(({ maxFrequency }) => maxFrequency),
    [null, null, null, null],
  )
  first.say({ kind: 'rate', rate: -1 })
  t.is(second.connection!.rate, null)
})

test('[PG14] another transport carries the same session on', t => {
  const rig = new Rig()
  const tab = rig.tab()
  tab.want(1, QUOTES)
  rig.client.subscriptions[0]!.update('quote.A', { bid: '1' })
  rig.platform.settle()
  tab.say({ kind: 'transport', choice: 'poll' })
  t.deepEqual(rig.client.transports, ['poll'])
  rig.client.subscriptions[0]!.update('quote.A', { bid: '2' })
  rig.platform.settle()
  t.deepEqual(
    tab.heard(1).map(({ type }) => type),
    ['update', 'update'],
  )
  t.is(tab.connection!.choice, 'poll')
  tab.say({ kind: 'transport', choice: 'pigeon' })
  t.deepEqual([rig.client.transports, rig.clients.length], [['poll'], 1])
  tab.say({ kind: 'transport', choice: 'auto' })
  t.deepEqual(rig.client.transports, ['websocket', 'sse', 'poll'])
})

test('[PG15] what comes, what was conflated and how old it was is counted by the second', t => {
  const rig = new Rig()
  const tab = rig.tab()
  tab.want(1, QUOTES)
  const subscription = rig.client.subscriptions[0]!
  for (const ageMs of [5, 30, 10]) {
    const timeMs = rig.platform.wallMs() - ageMs
    subscription.update('quote.A', { bid: String(ageMs) }, { conflated: 3, timeMs })
  }
  subscription.update('quote.A', { bid: 'history' }, { isHistory: true, timeMs: 0 })
  rig.platform.advance(1_000)
  const { connection } = tab
  t.like(connection, { received: 3, conflated: 9, receivedPerSecond: 3, conflatedPerSecond: 9 })
  t.like(connection, { ageMedianMs: 10, ageLastMs: 10, subscriptions: 1, items: 1 })
  rig.platform.advance(1_000)
  t.like(tab.connection, { received: 3, receivedPerSecond: 0, ageMedianMs: null, ageLastMs: null })
})

test('[PG15] a subscription that the server refuses is told, to late tabs too, and counts no more', t => {
  const rig = new Rig()
  const tab = rig.tab()
  tab.want(1, BOOK)
  const subscription = rig.client.subscriptions[0]!
  subscription.state = 'ended'
  subscription.handlers.onUnsubscribed?.({ code: 'MODE_NOT_ALLOWED', message: 'no' } as never)
  rig.platform.settle()
  const ended = { type: 'ended', code: 'MODE_NOT_ALLOWED', message: 'no' }
  t.deepEqual(tab.heard(1), [ended] as unknown as Change[])
  const late = rig.tab()
  late.want(1, BOOK)
  t.deepEqual(late.heard(1), [ended] as unknown as Change[])
  t.is(late.connection!.subscriptions, 0)
})

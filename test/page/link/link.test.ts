import test from 'ava'
import { BEAT_MS, Hub, LEASE_MS, type Port } from '#src/page/app/link/hub.ts'
import { Link, WELCOME_MS } from '#src/page/app/link/link.ts'
import type { Change, ConnectionView, Wish } from '#src/page/app/link/messages.ts'
import { FakeClient } from '#test/support/fake-client.ts'
import { FakePlatform } from '#test/support/fake-platform.ts'
import { portPair } from '#test/support/fake-port.ts'

const QUOTES: Wish = { items: ['quote.*'], mode: 'merge' }

class Rig {
  readonly platform = new FakePlatform()
  readonly clients: FakeClient[] = []
  readonly heard: string[] = []
  ownCount = 0
  connection: ConnectionView | null = null
  shared: Port | null = null
  failShared: () => void = () => {}
  readonly link: Link

  /** `shared`: what becomes of the shared worker. */
  constructor(shared: 'works' | 'is missing' | 'is silent') {
    this.link = new Link({
      openShared: failed => {
        this.failShared = failed
        if (shared === 'is missing') return null
        this.shared = shared === 'works' ? this.#portTo(true) : portPair()[0]
        return this.shared
      },
      openOwn: () => {
        this.ownCount++
        return this.#portTo(false)
      },
      platform: this.platform,
      onConnection: connection => {
        this.connection = connection
      },
    })
  }

  want(): () => void {
    return this.link.want(QUOTES, changes => this.heard.push(...changes.map(textOf)))
  }

  get client(): FakeClient {
    return this.clients.at(-1)!
  }

  #portTo(isShared: boolean): Port {
    const [mine, theirs] = portPair()
    const connect = (): FakeClient => {
      const client = new FakeClient()
      this.clients.push(client)
      return client
    }
    new Hub({ connect, platform: this.platform, isShared }).attach(theirs)
    return mine
  }
}

function textOf(change: Change): string {
  return change.type === 'update' ? `bid ${change.fields.bid}` : change.type
}

test('[PG16] a page uses the shared worker where it answers', t => {
  const rig = new Rig('works')
  const stop = rig.want()
  rig.client.subscriptions[0]!.update('quote.A', { bid: '1' })
  rig.platform.advance(2 * WELCOME_MS)
  t.deepEqual(rig.heard, ['bid 1'])
  t.true(rig.connection!.isShared)
  t.is(rig.ownCount, 0)
  stop()
  t.is(rig.client.subscriptions[0]!.state, 'ended')
})

test('[PG16] without a shared worker the page has a connection of its own', t => {
  const rig = new Rig('is missing')
  rig.want()
  rig.client.subscriptions[0]!.update('quote.A', { bid: '1' })
  rig.platform.settle()
  t.deepEqual(rig.heard, ['bid 1'])
  t.false(rig.connection!.isShared)
})

test('[PG16] a shared worker that does not answer, or fails, is given up, and what was set holds', t => {
  for (const how of ['is silent', 'fails']) {
    const rig = new Rig('is silent')
    rig.want()
    rig.link.setRate(2)
    rig.link.setTransport('sse')
    t.is(rig.clients.length, 0)
    if (how === 'fails') rig.failShared()
    else rig.platform.advance(WELCOME_MS)
    t.is(rig.ownCount, 1, how)
    t.like(rig.connection, { isShared: false, rate: 2, choice: 'sse' })
    const subscription = rig.client.subscriptions[0]!
    t.is(subscription.maxFrequency, 2)
    subscription.update('quote.A', { bid: '1' })
    rig.platform.settle()
    t.is(rig.heard.at(-1), 'bid 1')
    rig.failShared()
    rig.platform.advance(2 * WELCOME_MS)
    t.is(rig.ownCount, 1, 'once')
  }
})

test('[PG17] a page that was forgotten says again what it wants, and hears a reset before anything else', t => {
  const rig = new Rig('works')
  rig.want()
  rig.client.subscriptions[0]!.update('quote.A', { bid: '1' })
  rig.platform.settle()
  rig.link.leave()
  t.true(rig.client.isClosed)
  rig.platform.advance(BEAT_MS)
  t.is(rig.clients.length, 2)
  rig.client.subscriptions[0]!.update('quote.A', { bid: '2' })
  rig.platform.settle()
  t.deepEqual(rig.heard, ['bid 1', 'reset', 'bid 2'])
})

test('[PG17] a page that beats keeps its lease', t => {
  const rig = new Rig('works')
  rig.want()
  rig.platform.advance(3 * LEASE_MS)
  t.is(rig.clients.length, 1)
  t.false(rig.client.isClosed)
})

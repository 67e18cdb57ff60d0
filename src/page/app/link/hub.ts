/**
 * The one connection of all tabs: it holds the client library, gives each wish one subscription however many tabs have it,
 * and tells every tab what it wants to know. In a shared worker it serves all tabs of the browser; without one each page has
 * a hub of its own, and nothing else differs.
 *
 *   tabs ─ ports ─▶ Hub ─▶ Channel a wish ─▶ one client ─▶ server
 *
 * Invariants (test/rules.md, PG):
 *  - Two tabs with the same wish share a subscription; the last one that drops it ends it.
 *  - A tab that has said nothing for LEASE_MS is gone, as ports do not tell; one that was only asleep is told to say hello
 *    again. A browser lets a sleeping tab's timers fire once a minute.
 *  - Without a tab there is no connection.
 */

import type { Client, ClientOptions, StateEvent, TransportName } from '#src/client/index.ts'
import type { Platform } from '#src/page/app/platform.ts'
import { Channel, type Listener } from './channel.ts'
import {
  type ConnectionView,
  type FromHub,
  type ToHub,
  TRANSPORT_CHOICES,
  type TransportChoice,
  type Wish,
} from './messages.ts'
import { Meter, type Reading } from './meter.ts'

/** A function type that takes handlers of wider events too, as a MessagePort declares its own. */
type Handler = { handle(event: { readonly data: unknown }): void }['handle'] | null

/** One end of a channel of messages. */
export interface Port {
  postMessage(message: unknown): void
  onmessage: Handler
}

export interface HubOptions {
  readonly connect: (options: ClientOptions) => Client
  readonly platform: Platform
  /** Counts the bytes of what comes in. */
  readonly runtime?: (count: (bytes: number) => void) => NonNullable<ClientOptions['runtime']>
  readonly isShared: boolean
}

interface Tab {
  readonly port: Port
  heardMs: number
  /** By the tab's own number of the wish. */
  readonly wants: Map<number, { readonly key: string; readonly listener: Listener }>
}

export const BEAT_MS = 5_000
export const LEASE_MS = 150_000
const TICK_MS = 1_000
const WANTS_MAX = 200
const QUIET: Reading = {
  receivedPerSecond: 0,
  conflatedPerSecond: 0,
  bytesPerSecond: 0,
  ageMedianMs: null,
  ageLastMs: null,
}

export class Hub {
  readonly #options: HubOptions
  readonly #meter: Meter
  readonly #tabs = new Map<Port, Tab>()
  readonly #channels = new Map<string, Channel>()
  #client: Client | null = null
  #state: StateEvent | null = null
  #choice: TransportChoice = 'auto'
  #rate: number | null = null
  #reading = QUIET
  #recovered = 0
  #begunAnew = 0
  #problem: string | null = null
  #stopTicks: (() => void) | null = null

  constructor(options: HubOptions) {
    this.#options = options
    this.#meter = new Meter(options.platform.nowMs())
  }

  attach(port: Port): void {
    port.onmessage = ({ data }) => this.#hear(port, data as ToHub)
  }

  // ── Tabs ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  #hear(port: Port, message: ToHub): void {
    if (message.kind === 'hello') return this.#welcome(port)
    const tab = this.#tabs.get(port)
    if (tab === undefined) {
      if (message.kind !== 'bye') this.#say(port, { kind: 'forgotten' })
      return
    }
    tab.heardMs = this.#options.platform.nowMs()
    switch (message.kind) {
      case 'want':
        return this.#want(tab, message.id, message.wish)
      case 'drop':
        return this.#drop(tab, message.id)
      case 'rate':
        return this.#setRate(message.rate)
      case 'transport':
        return this.#setTransport(message.choice)
      case 'bye':
        return this.#forget(tab)
      case 'beat':
    }
  }

  #welcome(port: Port): void {
    const { platform } = this.#options
    const old = this.#tabs.get(port)
    if (old !== undefined) this.#forget(old)
    this.#tabs.set(port, { port, heardMs: platform.nowMs(), wants: new Map() })
    if (this.#client === null) this.#connect()
    this.#stopTicks ??= platform.every(TICK_MS, () => this.#tick())
    this.#say(port, { kind: 'welcome' })
    this.#tellAll()
  }

  #forget(tab: Tab): void {
    this.#tabs.delete(tab.port)
    for (const id of [...tab.wants.keys()]) this.#drop(tab, id)
    if (this.#tabs.size > 0) return this.#tellAll()
    this.#stopTicks?.()
    this.#stopTicks = null
    void this.#client?.close()
    this.#client = null
  }

  #want(tab: Tab, id: number, wish: Wish): void {
    if (tab.wants.has(id) || tab.wants.size >= WANTS_MAX) return
    const key = JSON.stringify(wish)
    const listener: Listener = changes => this.#say(tab.port, { kind: 'changes', id, changes })
    tab.wants.set(id, { key, listener })
    let channel = this.#channels.get(key)
    if (channel === undefined) {
      channel = new Channel(wish, this.#meter, this.#options.platform)
      this.#channels.set(key, channel)
      if (this.#client !== null) channel.open(this.#client, this.#rate)
    }
    channel.add(listener)
  }

  #drop(tab: Tab, id: number): void {
    const want = tab.wants.get(id)
    if (want === undefined) return
    tab.wants.delete(id)
    const channel = this.#channels.get(want.key)
    channel?.remove(want.listener)
    if (channel?.isWanted !== false) return
    this.#channels.delete(want.key)
    channel.close()
  }

  // ── The connection ─────────────────────────────────────────────────────────────────────────────────────────────────

  #connect(): void {
    const { connect, runtime } = this.#options
    const client = connect({
      transports: transportsOf(this.#choice),
      ...(runtime === undefined ? {} : { runtime: runtime(count => this.#meter.bytes(count)) }),
    })
    this.#client = client
    this.#state = null
    const isCurrent = (): boolean => this.#client === client
    client.on('state', event => {
      if (!isCurrent()) return
      this.#state = event
      if (event.state === 'connected') this.#problem = null
      this.#tellAll()
    })
    client.on('recovered', () => {
      this.#recovered++
    })
    client.on('lost', () => {
      this.#begunAnew++
    })
    client.on('error', error => {
      if (isCurrent() && client.state !== 'connected') this.#problem = `${error.code}: ${error.message}`
    })
    for (const channel of this.#channels.values()) channel.open(client, this.#rate)
  }

  #setRate(rate: number | null): void {
    if (rate !== null && !(rate > 0)) return
    this.#rate = rate
    for (const channel of this.#channels.values()) channel.setRate(rate)
    this.#tellAll()
  }

  /** The session goes on another way. */
  #setTransport(choice: TransportChoice): void {
    if (choice === this.#choice || !TRANSPORT_CHOICES.includes(choice)) return
    this.#choice = choice
    this.#problem = null
    this.#client?.setTransports(transportsOf(choice))
    this.#tellAll()
  }

  // ── What the tabs are told ─────────────────────────────────────────────────────────────────────────────────────────

  #tick(): void {
    const nowMs = this.#options.platform.nowMs()
    this.#reading = this.#meter.read(nowMs)
    for (const tab of [...this.#tabs.values()]) if (nowMs - tab.heardMs > LEASE_MS) this.#forget(tab)
    this.#tellAll()
  }

  #tellAll(): void {
    if (this.#tabs.size === 0) return
    const connection = this.#view()
    for (const port of this.#tabs.keys()) this.#say(port, { kind: 'connection', connection })
  }

  #view(): ConnectionView {
    const transport = this.#client?.transport ?? null
    const live = [...this.#channels.values()].filter(({ isLive }) => isLive)
    return {
      state: this.#state?.state ?? 'connecting',
      transport,
      choice: this.#choice,
      encoding: this.#client?.encoding ?? null,
      session: this.#client?.session ?? null,
      isShared: this.#options.isShared,
      tabs: this.#tabs.size,
      subscriptions: live.length,
      items: live.reduce((sum, { itemCount }) => sum + itemCount, 0),
      rate: this.#rate,
      recovered: this.#recovered,
      begunAnew: this.#begunAnew,
      problem: this.#problem,
      received: this.#meter.received,
      conflated: this.#meter.conflated,
      ...this.#reading,
    }
  }

  #say(port: Port, message: FromHub): void {
    port.postMessage(message)
  }
}

/** Best first. */
function transportsOf(choice: TransportChoice): readonly TransportName[] {
  return choice === 'auto' ? ['websocket', 'sse', 'poll'] : [choice]
}

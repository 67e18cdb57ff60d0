/**
 * One subscription that any number of tabs look at. It tells all of them what comes, in order and a flush at a time, and
 * who comes late is told what there is, so that no second subscription is needed.
 *
 * Invariants (test/rules.md, PG):
 *  - A listener hears first what the channel holds, then each change once.
 *  - What it holds is bounded: items and rows as the server bounds them, and HISTORY_MAX updates of mode distinct.
 */

import type {
  Client,
  Item,
  MillraceError,
  Subscription,
  SubscriptionHandlers,
  SubscriptionWish,
} from '#src/client/index.ts'
import type { Platform } from '#src/page/app/platform.ts'
import type { Change, Wish } from './messages.ts'
import type { Meter } from './meter.ts'

/** Takes what befell the wish since the last call. */
export type Listener = (changes: readonly Change[]) => void

/** Updates that a late tab is told of a channel of mode distinct. */
const HISTORY_MAX = 500

export class Channel {
  readonly #wish: Wish
  readonly #meter: Meter
  readonly #platform: Platform
  readonly #listeners = new Set<Listener>()
  #subscription: Subscription | null = null
  /** Told at the end of the turn. */
  #changes: Change[] = []
  /** Of mode distinct: what a late listener is told, with what was lost in its place. */
  #history: Change[] = []
  #last: Change | null = null

  constructor(wish: Wish, meter: Meter, platform: Platform) {
    this.#wish = wish
    this.#meter = meter
    this.#platform = platform
  }

  get isWanted(): boolean {
    return this.#listeners.size > 0
  }

  /** The server has it: it was not refused, and has not ended. */
  get isLive(): boolean {
    return this.#subscription !== null && this.#subscription.state !== 'ended'
  }

  get itemCount(): number {
    return this.#subscription?.items.size ?? 0
  }

  /** Subscribes, on another client after the first time: what the old one had counts no more. */
  open(client: Client, rate: number | null): void {
    this.#history = []
    if (this.#subscription !== null) this.#tell({ type: 'reset' })
    const limit = rate === null || this.#wish.mode === 'distinct' ? {} : { maxFrequency: rate }
    const wish = { ...this.#wish, ...limit } as SubscriptionWish
    try {
      this.#subscription = client.subscribe(wish, this.#handlers())
    } catch (error) {
      this.#end(error as MillraceError)
    }
  }

  close(): void {
    this.#subscription?.unsubscribe().catch(() => {})
    this.#subscription = null
  }

  setRate(rate: number | null): void {
    if (this.#wish.mode === 'distinct') return
    // One that was refused says so by its end.
    this.#subscription?.change({ maxFrequency: rate }).catch(() => {})
  }

  add(listener: Listener): void {
    this.#flush()
    this.#listeners.add(listener)
    const changes = this.#whole()
    if (changes.length > 0) listener(changes)
  }

  remove(listener: Listener): void {
    this.#listeners.delete(listener)
  }

  // ── What comes ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #handlers(): SubscriptionHandlers {
    return {
      onUpdate: update => {
        const { item, fields, timeMs, isSnapshot, isHistory, conflated } = update
        if (!isSnapshot && !isHistory) this.#count(conflated, timeMs)
        this.#tell({ type: 'update', item, fields, timeMs, isSnapshot, isHistory })
      },
      onRow: ({ name }, { key, command, fields, timeMs, conflated, isSnapshot }) => {
        if (!isSnapshot) this.#count(conflated, timeMs)
        this.#tell({ type: 'row', item: name, key, command, fields })
      },
      onCleared: ({ name }) => this.#tell({ type: 'cleared', item: name }),
      onSnapshotEnd: ({ name }) => this.#tell({ type: 'complete', item: name }),
      onStale: ({ name, isStale }) => this.#tell({ type: 'stale', item: name, isStale }),
      onDeleted: ({ name }) => this.#tell({ type: 'deleted', item: name }),
      onLost: (item, count) => this.#tell({ type: 'lost', item, count }),
      onReset: () => {
        this.#history = []
        this.#tell({ type: 'reset' })
      },
      onSubscribed: items => this.#state({ type: 'subscribed', items }),
      onUnsubscribed: error => {
        if (error !== null && error.code !== 'CLIENT_CLOSED') this.#end(error)
      },
    }
  }

  #count(conflated: number, timeMs: number | null): void {
    this.#meter.update(conflated, timeMs === null ? null : this.#platform.wallMs() - timeMs)
  }

  #state(change: Change): void {
    this.#last = change
    this.#tell(change)
  }

  #end({ code, message }: { readonly code: string; readonly message: string }): void {
    this.#state({ type: 'ended', code, message })
  }

  #tell(change: Change): void {
    if (this.#changes.length === 0) this.#platform.soon(() => this.#flush())
    this.#changes.push(change)
    if (this.#wish.mode === 'distinct' && (change.type === 'update' || change.type === 'lost')) this.#remember(change)
  }

  #remember(change: Change): void {
    this.#history.push(change)
    if (this.#history.length > 2 * HISTORY_MAX) this.#history = this.#history.slice(-HISTORY_MAX)
  }

  #flush(): void {
    const changes = this.#changes
    if (changes.length === 0) return
    this.#changes = []
    for (const listener of this.#listeners) listener(changes)
  }

  // ── What there is ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** All that a late listener has to hear. */
  #whole(): Change[] {
    const changes: Change[] = this.#last === null ? [] : [this.#last]
    if (this.#wish.mode === 'distinct') changes.push(...this.#historyOf())
    for (const item of this.#subscription?.items.values() ?? []) changes.push(...this.#wholeOf(item))
    return changes
  }

  #historyOf(): Change[] {
    const history = this.#history.slice(-HISTORY_MAX)
    return history.map(change => (change.type === 'update' ? { ...change, isHistory: true } : change))
  }

  #wholeOf(item: Item): Change[] {
    const { name, fields, timeMs, isStale, isComplete } = item
    const changes: Change[] = []
    if (this.#wish.mode === 'merge')
      changes.push({ type: 'update', item: name, fields: { ...fields }, timeMs, isSnapshot: true, isHistory: false })
    if (this.#wish.mode === 'command') changes.push({ type: 'cleared', item: name })
    for (const { key, fields: ofRow } of item.rows.values())
      changes.push({ type: 'row', item: name, key, command: 'ADD', fields: { ...ofRow } })
    if (isComplete) changes.push({ type: 'complete', item: name })
    if (isStale) changes.push({ type: 'stale', item: name, isStale })
    return changes
  }
}

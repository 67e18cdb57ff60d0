/**
 * Runs the simulated market as a feed over TCP: first a snapshot of each quote and book, then what changes, at an even rate.
 *
 * Invariants (test/rules.md, N):
 *  - It goes at the rate asked for, in lines a second of quotes, trades and books together, as long as the server's window
 *    has room. When it has none the market waits, and what it could not publish in CATCH_UP_MS is not made up for: a market
 *    does not stand still. What one step changes goes out together, so that a book is never left half way.
 *  - After a reconnection every quote and book is published as a snapshot again, before any further change.
 */

import type { Config } from '#src/config/config.ts'
import { SeededRandom } from '#src/domain/random.ts'
import { connectFeed, type FeedClient, type FeedState } from '#src/feed/feed-client.ts'
import { Market, type MarketUpdate } from '#src/feed/market.ts'
import type { Clock } from '#src/time/clock.ts'
import { sleep } from '#src/time/real-timers.ts'
import { hostText } from './addresses.ts'
import { untilStopped } from './signals.ts'

export interface FeedTarget {
  readonly host: string
  readonly port: number
}

type MarketSettings = Pick<Config, 'simulateItems' | 'simulateRate' | 'simulateSeed'>

/** How often the market moves; each time by what the rate gives for the time since. */
const TICK_MS = 10
const CATCH_UP_MS = 250
/** Tells the server within this time that the market is there, even if it should have nothing to say. */
const HEARTBEAT_MS = 5_000
/** How long the last lines may take to be acknowledged when the market closes. */
const CLOSE_TIMEOUT_MS = 2_000

/** So many trades of all instruments together are kept by a server that runs the market itself. */
const HISTORY_SUM = 20_000
const HISTORY_MAX = 200

/**
 * The settings of a server with the market in it: its trades have a history, so that a chart does not begin empty. Behind the
 * rules that the user has set, which count first.
 */
export function withTradeHistory(config: Config): Config {
  const rules: unknown[] = config.itemRules === '' ? [] : JSON.parse(config.itemRules)
  const history = Math.min(HISTORY_MAX, Math.floor(HISTORY_SUM / config.simulateItems))
  return { ...config, itemRules: JSON.stringify([...rules, { items: 'sim.trades.*', history }]) }
}

/** What happens to the connection, in words. */
export type TellState = (text: string) => void

/** Publishes until `signal` is aborted, then ends in order. */
export async function runMarket(
  settings: MarketSettings,
  target: FeedTarget,
  clock: Clock,
  signal: AbortSignal,
  tellState: TellState,
): Promise<void> {
  const market = new Market(settings.simulateItems, new SeededRandom(settings.simulateSeed), clock)
  const publisher = new MarketPublisher(market, settings.simulateRate, target, clock, signal, tellState)
  while (!signal.aborted) {
    await publisher.publishDue()
    await sleep(TICK_MS, signal)
  }
  await publisher.close()
}

/** The market's feed: what is due now goes out, snapshots before changes. */
class MarketPublisher {
  readonly #market: Market
  readonly #rate: number
  readonly #clock: Clock
  readonly #signal: AbortSignal
  readonly #client: FeedClient
  readonly #dueCountMax: number
  #isSnapshotDue = true
  /** Lines that are due, with a fraction; below 0 where a step had more of them. */
  #dueCount = 0
  #lastMs: number

  constructor(
    market: Market,
    rate: number,
    target: FeedTarget,
    clock: Clock,
    signal: AbortSignal,
    tellState: TellState,
  ) {
    const address = `${hostText(target.host)}:${target.port}`
    this.#market = market
    this.#rate = rate
    this.#clock = clock
    this.#signal = signal
    this.#dueCountMax = Math.max(1, (rate * CATCH_UP_MS) / 1_000)
    this.#lastMs = clock.nowMs()
    this.#client = connectFeed({
      ...target,
      name: 'simulated-market',
      heartbeatMs: HEARTBEAT_MS,
      closeTimeoutMs: CLOSE_TIMEOUT_MS,
      clock,
      onReconnect: () => {
        this.#isSnapshotDue = true
      },
      onStateChange: (state, detail, lost) => tellState(stateText(address, state, detail, lost)),
      onError: ({ line, code, message }) => tellState(`${address}: refused line ${line}: ${code}: ${message}`),
    })
  }

  /** Publishes what the rate gives for the time since the last call, or less when the window has no room. */
  async publishDue(): Promise<void> {
    const nowMs = this.#clock.nowMs()
    this.#dueCount = Math.min(this.#dueCountMax, this.#dueCount + ((nowMs - this.#lastMs) * this.#rate) / 1_000)
    this.#lastMs = nowMs
    if (this.#isSnapshotDue) await this.#publishSnapshots()
    while (this.#dueCount >= 1 && (await this.#hasRoom()) && !this.#isSnapshotDue) {
      await this.#publishAll(this.#market.step())
    }
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  /** A reconnection on the way sets the mark again, so that the next call begins anew. */
  async #publishSnapshots(): Promise<void> {
    this.#isSnapshotDue = false
    for (let index = 0; index < this.#market.items.length; index++) {
      if (!(await this.#publishAll(this.#market.snapshot(index)))) return
    }
  }

  /** What belongs together, a line each; false when it was broken off: by a stop, or as all begins anew. */
  async #publishAll(updates: readonly MarketUpdate[]): Promise<boolean> {
    for (const { item, mode, isSnapshot, fields, timeMs } of updates) {
      if (!(await this.#hasRoom()) || this.#isSnapshotDue) return false
      this.#client.publish(item, fields, { ...(mode === 'merge' ? {} : { mode }), snapshot: isSnapshot, timeMs })
      if (!isSnapshot) this.#dueCount--
    }
    return true
  }

  /** Waits for room; false when the market was told to stop first. */
  async #hasRoom(): Promise<boolean> {
    await untilStopped(this.#client.ready(), this.#signal)
    return !this.#signal.aborted
  }
}

/** A change of a feed's connection, in words. */
export function stateText(address: string, state: FeedState, detail: string, lost: number): string {
  const why = detail === '' ? '' : ` (${detail})`
  return `${address}: ${state}${why}${lost === 0 ? '' : `, ${lost} lines lost`}`
}

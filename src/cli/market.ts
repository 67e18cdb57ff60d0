/**
 * Runs the simulated market as a feed over TCP: first a snapshot of each item, then what changes, at an even rate.
 *
 * Invariants (test/rules.md, N):
 *  - It goes at the rate asked for as long as the server's window has room. When it has none the market waits, and what it
 *    could not publish in CATCH_UP_MS is not made up for: a market does not stand still.
 *  - After a reconnection every item is published as a snapshot again, before any further change.
 */

import type { Config } from '#src/config/config.ts'
import { SeededRandom } from '#src/domain/random.ts'
import { connectFeed, type FeedClient, type FeedState } from '#src/feed/feed-client.ts'
import { Market } from '#src/feed/market.ts'
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
  /** Changes that are due, with a fraction. */
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
      const { item, fields, timeMs } = this.#market.step()
      this.#client.publish(item, fields, { timeMs })
      this.#dueCount--
    }
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  /** A reconnection on the way sets the mark again, so that the next call begins anew. */
  async #publishSnapshots(): Promise<void> {
    this.#isSnapshotDue = false
    for (let index = 0; index < this.#market.items.length; index++) {
      if (!(await this.#hasRoom())) return
      const { item, fields, timeMs } = this.#market.snapshot(index)
      this.#client.publish(item, fields, { snapshot: true, timeMs })
    }
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

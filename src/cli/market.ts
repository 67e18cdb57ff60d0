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
import { connectFeed, type FeedClient } from '#src/feed/feed-client.ts'
import { Market } from '#src/feed/market.ts'
import type { Clock } from '#src/time/clock.ts'
import { sleep } from '#src/time/real-timers.ts'

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
const CLOSE_MS = 2_000

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
  let isSnapshotDue = true
  const client = connectFeed({
    ...target,
    name: 'simulated-market',
    heartbeatMs: HEARTBEAT_MS,
    onReconnect: () => {
      isSnapshotDue = true
    },
    onStateChange: state => tellState(`${target.host}:${target.port}: ${state}`),
    onError: error => tellState(`the server reports line ${error.line}: ${error.code}: ${error.message}`),
  })
  const stopped = new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
  let dueCount = 0
  let lastMs = clock.nowMs()
  const dueCountMax = Math.max(1, (settings.simulateRate * CATCH_UP_MS) / 1_000)
  while (!signal.aborted) {
    if (isSnapshotDue) {
      isSnapshotDue = false
      await publishSnapshots(market, client, stopped, signal)
      continue
    }
    const nowMs = clock.nowMs()
    dueCount = Math.min(dueCountMax, dueCount + ((nowMs - lastMs) * settings.simulateRate) / 1_000)
    lastMs = nowMs
    while (dueCount >= 1 && !isSnapshotDue && !signal.aborted) {
      await Promise.race([client.ready(), stopped])
      if (signal.aborted || isSnapshotDue) break
      const { item, fields, timeMs } = market.step()
      client.publish(item, fields, { timeMs })
      dueCount--
    }
    await sleep(TICK_MS, signal)
  }
  await Promise.race([client.close(), sleep(CLOSE_MS)])
}

async function publishSnapshots(market: Market, client: FeedClient, stopped: Promise<void>, signal: AbortSignal) {
  for (let index = 0; index < market.items.length; index++) {
    await Promise.race([client.ready(), stopped])
    if (signal.aborted) return
    const { item, fields, timeMs } = market.snapshot(index)
    client.publish(item, fields, { snapshot: true, timeMs })
  }
}

/**
 * `millrace serve`: the server from its start to its end, and the simulated market beside it when that is asked for.
 *
 * Invariants (test/rules.md, N):
 *  - The line with the addresses is printed when every listener accepts, not before.
 *  - The first signal ends it in order, exit code 0; an end that takes longer than closeTimeoutMs and a bound on top is cut.
 *  - A dead thread that the server could not replace ends it with that reason, exit code 1.
 */

import type { Config } from '#src/config/config.ts'
import type { LoadedCommand } from '#src/config/load.ts'
import { createLifecycle, type Listening } from '#src/events.ts'
import { createLog } from '#src/log.ts'
import { type Server, startServer } from '#src/server.ts'
import { realClock } from '#src/time/clock.ts'
import { sleep } from '#src/time/real-timers.ts'
import { hostText, reachableHost } from './addresses.ts'
import { runMarket, withTradeHistory } from './market.ts'
import { listenForStop } from './signals.ts'
import { tell } from './terminal.ts'

/** What an orderly end may take beyond closeTimeoutMs before the process just ends. */
const CLOSE_EXTRA_MS = 2_000

/** Runs until it is stopped; returns the exit code. */
export async function serve({ config, warnings }: LoadedCommand<'serve'>): Promise<number> {
  const stop = listenForStop()
  const log = createLog(config.logLevel, 'main')
  for (const warning of warnings) log.warn('machine-too-small', { warning })
  const events = createLifecycle()
  events.on('listening', ports => process.stdout.write(`${addressesText(config, ports)}\n`))
  events.on('failed', reason => tell(process.stderr, `${reason.code}: ${reason.message}`))
  const server = await startServer(config.simulate ? withTradeHistory(config) : config, log, events)
  const stopMarket = new AbortController()
  const market = config.simulate ? simulateBeside(config, server, stopMarket.signal) : Promise.resolve()
  const failure = await Promise.race([stop.asked.then(() => null), server.failed])
  stopMarket.abort()
  const isClosed = await Promise.race([
    // The market first: it is a feed like any other, and need not be cut off.
    market.then(() => server.close()).then(() => true),
    sleep(config.closeTimeoutMs + CLOSE_EXTRA_MS).then(() => false),
  ])
  if (!isClosed) log.error('close-timeout', { closeTimeoutMs: config.closeTimeoutMs })
  return failure === null ? 0 : 1
}

/** The line that tells people and scripts where the server is. */
export function addressesText(config: Config, { httpPort, feedPort }: Listening): string {
  const http = `http://${hostText(reachableHost(config.httpHost))}:${httpPort}/`
  return `millrace: open ${http} - feeds on ${hostText(config.feedHost)}:${feedPort}`
}

async function simulateBeside(config: Config, server: Server, signal: AbortSignal): Promise<void> {
  const target = { host: reachableHost(config.feedHost), port: server.feedPort }
  await runMarket(config, target, realClock, signal, () => {})
}

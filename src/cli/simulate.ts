/** `millrace simulate`: the simulated market as a feed to a server that runs elsewhere, until it is stopped. */

import type { LoadedCommand } from '#src/config/load.ts'
import { realClock } from '#src/time/clock.ts'
import { hostText, reachableHost } from './addresses.ts'
import { runMarket } from './market.ts'
import { listenForStop } from './signals.ts'
import { tell } from './terminal.ts'

/** Runs until it is stopped; returns the exit code. */
export async function simulate({ config }: LoadedCommand<'simulate'>): Promise<number> {
  const stop = listenForStop()
  const target = { host: reachableHost(config.feedHost), port: config.feedPort }
  const { simulateItems, simulateRate, simulateSeed } = config
  const market = `${simulateItems} items, ${simulateRate} updates/s, seed ${simulateSeed}`
  tell(process.stderr, `simulating ${market} to ${hostText(target.host)}:${target.port}`)
  await runMarket(config, target, realClock, stop.signal, text => tell(process.stderr, text))
  return 0
}

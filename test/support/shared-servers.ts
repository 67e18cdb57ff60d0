/**
 * Servers that all tests of a file share, one a placement: their threads take longer to start than most tests take. So each
 * test has items, feeds and sessions of its own.
 */

import type { ExecutionContext, TestFn } from 'ava'
import type { Config } from '#src/config/config.ts'
import { TestServer } from './server.ts'

const PLACEMENTS: Readonly<Record<string, Partial<Config>>> = {
  'one thread': { placement: 'single' },
  'pools of 2 threads': { placement: 'pools', feedThreads: 1, coreThreads: 2, edgeThreads: 2 },
}

/** Acknowledgements are what tests wait for most. */
const ACK_INTERVAL_MS = 1

export type SharedRun = (t: ExecutionContext, server: TestServer) => Promise<void>

/** Starts the servers before the file's tests. What is returned adds a test of them all, under `TITLE: PLACEMENT`. */
export function shareServers(test: TestFn, settings: Partial<Config> = {}): (title: string, run: SharedRun) => void {
  const servers = new Map<string, TestServer>()
  test.before(async t => {
    for (const [placement, threads] of Object.entries(PLACEMENTS)) {
      const server = await TestServer.start(
        { log: t.log, teardown: () => {} },
        { ackIntervalMs: ACK_INTERVAL_MS, ...settings, ...threads },
      )
      servers.set(placement, server)
    }
  })
  test.after.always(async () => {
    for (const server of servers.values()) await server.close()
  })
  return (title, run) => {
    for (const placement of Object.keys(PLACEMENTS)) {
      test.serial(`${title}: ${placement}`, t => run(t, servers.get(placement)!))
    }
  }
}

/** Peers that are Node programs: each tells its ports in one line when it listens. */

import { setTimeout as sleep } from 'node:timers/promises'
import { PeerChild } from './peer-child.ts'
import type { RunningTarget } from './target.ts'

const START_MS_MAX = 30_000
const LOOK_MS = 20

interface Ports {
  readonly clientPort: number
  readonly feedPort: number
}

/** Starts a Node program and waits for its ports. */
export async function startNode(name: string, file: URL, args: readonly string[] = []): Promise<RunningTarget> {
  const child = new PeerChild(name, process.execPath, [file.pathname, ...args])
  try {
    const { clientPort, feedPort } = await portsOf(child)
    return {
      pids: child.pids(),
      clientPort,
      feedPort,
      begin: () => child.say('begin\n'),
      insight: async () => null,
      stop: () => child.stop(),
    }
  } catch (error) {
    await child.stop()
    throw error
  }
}

async function portsOf(child: PeerChild): Promise<Ports> {
  for (let waitedMs = 0; waitedMs < START_MS_MAX; waitedMs += LOOK_MS) {
    child.assertRuns()
    const line = /^\{.*\}$/m.exec(child.heard)
    if (line !== null) return JSON.parse(line[0])
    await sleep(LOOK_MS)
  }
  throw new Error(`it told no ports: ${child.heard}`)
}

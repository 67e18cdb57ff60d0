/**
 * The feed of the convergence run, in a thread of its own, so that it keeps its pace while the clients compute: replays a
 * recording in loops, each line with the time of its sending, and ends behind a whole loop, when it is told to.
 *
 * It honours the window (src/feed/feed-client.ts): a server that is behind slows it down, and that shows in the rate.
 */

import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { connectFeed } from '#src/feed/feed-client.ts'

export interface FeedTask {
  readonly port: number
  readonly lines: readonly string[]
  /** How much faster than it was recorded. */
  readonly speed: number
  readonly loopsMin: number
}

export interface FeedResult {
  readonly loops: number
  readonly lines: number
  readonly acknowledged: number
  readonly errors: number
  readonly seconds: number
}

/** Lines are due in steps of this. */
const STEP_MS = 2

function atMsOf(line: string): number {
  return Number(/^\{"at":\s*([\d.]+)/.exec(line)?.[1] ?? 0)
}

async function play(port: MessagePort, task: FeedTask): Promise<void> {
  let isStopped = false
  port.on('message', () => {
    isStopped = true
  })
  const { lines, speed } = task
  const dueMs = lines.map(line => atMsOf(line) / speed)
  const client = connectFeed({ port: task.port, name: 'convergence' })
  await client.ready()
  const startMs = Date.now()
  let [loops, sentMs] = [0, startMs]
  while (!isStopped || loops < task.loopsMin) {
    const loopMs = Date.now()
    for (let i = 0; i < lines.length; i++) {
      const waitMs = loopMs + dueMs[i]! - Date.now()
      if (waitMs >= STEP_MS) await new Promise(resolve => setTimeout(resolve, waitMs))
      // The clients hold these times to their order: a clock that is set back is not to be taken for the server's fault.
      sentMs = Math.max(sentMs, Date.now())
      const line = `{"time":${sentMs},${lines[i]!.slice(1)}`
      while (!client.publishLine(line)) await client.ready()
    }
    loops++
  }
  await client.flushed()
  const { linesSent, linesAcked, errors } = client
  const seconds = (Date.now() - startMs) / 1_000
  port.postMessage({ loops, lines: linesSent, acknowledged: linesAcked, errors, seconds } satisfies FeedResult)
  // The connection stays: without it the items would turn stale while the clients are looked at.
}

if (parentPort !== null) await play(parentPort, workerData as FeedTask)

/**
 * The composition root: plans the threads, makes the memory between them, starts the pools, listens; and takes it all
 * down again in the order of the flow.
 *
 * Going down (within closeTimeoutMs): not ready, no new connections, feeds are told and acknowledged → sessions flush and
 * are told to come back → clients take their last bytes → threads stop. Whoever has not taken its bytes by then is cut.
 */

import { randomBytes } from 'node:crypto'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import type { Config } from '#src/config/config.ts'
import type { ProgramError } from '#src/errors.ts'
import { createLifecycle, type Lifecycle } from '#src/events.ts'
import type { Log } from '#src/log.ts'
import { countersOf } from '#src/ring/shared-words.ts'
import { realClock } from '#src/time/clock.ts'
import { sleep } from '#src/time/real-timers.ts'
import { type ReservedPort, reservePort } from '#stages/accept/listener.ts'
import { type Placement, type PoolName, planThreads } from '#workers/placement.ts'
import { type Crew, Pool } from '#workers/pool.ts'
import { Supervisor } from '#workers/supervisor.ts'
import type { PortPlace, ThreadTask } from '#workers/thread.ts'
import { createWiring } from '#workers/wiring.ts'
import type { ThreadOrder } from '#workers/worker.ts'

export interface Server {
  readonly httpPort: number
  readonly feedPort: number
  /** What becomes of the server from now on. */
  readonly events: Lifecycle
  close(): Promise<void>
  /** Resolves with the reason when a thread died. */
  readonly failed: Promise<ProgramError>
}

/** What was read before the end is merged and flushed in this time; the rest of closeTimeoutMs is for slow clients. */
const SETTLE_MS = 150

/** Starts a server; whoever wants to hear of its start too hands in the emitter, with listeners. */
export async function startServer(config: Config, log: Log, events: Lifecycle = createLifecycle()): Promise<Server> {
  tellLog(events, log)
  // With reusePort a port in use would go unnoticed: main looks first, and fixes the numbers.
  const http = await reservePort(config.httpHost, config.httpPort)
  const feed = await reservePort(config.feedHost, config.feedPort).catch(error => {
    http.release()
    throw error
  })
  const placement = planThreads(config)
  const wiring = createWiring(config, placement)
  const epoch = randomBytes(5).toString('hex')
  const knocks = crossKnocks(placement)
  const tasks = placement.threads.map((_, thread): ThreadTask => {
    return { config, placement, wiring, thread, epoch, knocks: knocks[thread]! }
  })
  const { crews, pools } = startPools(placement, tasks)
  const supervisor = new Supervisor(
    crews.map((crew, thread) => ({ crew, counters: countersOf(wiring.counters[thread]!) })),
    realClock,
  )
  events.emit('started', { placement: config.placement, threads: crews.map(crew => crew.name) })
  const close = async (): Promise<void> => {
    supervisor.stop()
    events.emit('draining')
    await closeDown(crews, config)
    for (const pool of pools) await pool.destroy()
    events.emit('stopped')
  }
  try {
    await Promise.race([
      orderAll(crews, { kind: 'listen', http: placeOf(http), feed: placeOf(feed) }),
      supervisor.failed.then(error => Promise.reject(error)),
    ])
  } catch (error) {
    supervisor.stop()
    for (const pool of pools) await pool.destroy()
    throw error
  } finally {
    http.release()
    feed.release()
  }
  const { port: httpPort } = http
  const { port: feedPort } = feed
  events.emit('listening', { httpPort, feedPort })
  void supervisor.failed.then(reason => events.emit('failed', reason))
  return { httpPort, feedPort, events, close, failed: supervisor.failed }
}

/** What a thread is told of a port. */
function placeOf({ port, isShared }: ReservedPort): PortPlace {
  return { port, isShared }
}

/** The log's lines about the server's life. */
function tellLog(events: Lifecycle, log: Log): void {
  events.on('started', server => log.info('started', server))
  events.on('listening', ports => log.info('listening', ports))
  events.on('draining', () => log.info('draining'))
  events.on('stopped', () => log.info('stopped'))
  events.on('failed', ({ code, message }) => log.error('failed', { code, reason: message }))
}

function startPools(placement: Placement, tasks: readonly ThreadTask[]): { crews: Crew[]; pools: Pool[] } {
  const pools = new Map<PoolName, Pool>()
  for (const { pool } of placement.threads) {
    if (!pools.has(pool)) pools.set(pool, new Pool(placement.threads.filter(plan => plan.pool === pool).length))
  }
  const crews = placement.threads.map(({ name, pool }, thread) => pools.get(pool)!.start(name, tasks[thread]!))
  return { crews, pools: [...pools.values()] }
}

async function closeDown(crews: readonly Crew[], config: Config): Promise<void> {
  // A thread that has died answers at once: the others still take every step.
  const quietly = (order: ThreadOrder) => Promise.allSettled(crews.map(crew => crew.order(order)))
  await quietly({ kind: 'drain' })
  await sleep(Math.min(SETTLE_MS, config.closeTimeoutMs / 2))
  await quietly({ kind: 'endSessions' })
  await quietly({ kind: 'closeConnections', ms: Math.max(0, config.closeTimeoutMs - SETTLE_MS) })
  await quietly({ kind: 'stop' })
}

async function orderAll(crews: readonly Crew[], order: ThreadOrder): Promise<void> {
  await Promise.all(crews.map(crew => crew.order(order)))
}

/** Between every two threads a channel to knock at each other: by thread, then by the thread that is knocked at. */
function crossKnocks(placement: Placement): (MessagePort | null)[][] {
  const count = placement.threads.length
  const knocks: (MessagePort | null)[][] = Array.from({ length: count }, () => new Array(count).fill(null))
  for (let a = 0; a < count; a++) {
    for (let b = a + 1; b < count; b++) {
      const { port1, port2 } = new MessageChannel()
      knocks[a]![b] = port1
      knocks[b]![a] = port2
    }
  }
  return knocks
}

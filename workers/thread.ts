/**
 * What one thread runs: its ends of the queues, the stages that its plan names, and the duty cycle. It does what main
 * orders (worker.ts).
 */

import { performance } from 'node:perf_hooks'
import type { MessagePort } from 'node:worker_threads'
import type { Config } from '#src/config/config.ts'
import { createLog, type Log } from '#src/log.ts'
import { M, STAGES, type StageName, ThreadMetrics } from '#src/metrics/names.ts'
import { renderMetrics, stageTable } from '#src/metrics/registry.ts'
import { loadPages } from '#src/page/page.ts'
import { Doorbell, Sleeper } from '#src/ring/doorbell.ts'
import { RingConsumer, type RingMemory, RingProducer } from '#src/ring/ring.ts'
import { countersOf, InFlightWords } from '#src/ring/shared-words.ts'
import { realClock } from '#src/time/clock.ts'
import { sleep } from '#src/time/real-timers.ts'
import { type Timed, TimingWheel } from '#src/time/timing-wheel.ts'
import { type Listener, listen } from '#stages/accept/listener.ts'
import {
  buildCore,
  buildEdge,
  buildLane,
  type CoreRole,
  type EdgeRole,
  type LaneRole,
  type Role,
  randomHashStart,
  randomSessionId,
  WHEN_FULL,
} from '#stages/pipeline.ts'
import type { StreamSocket } from '#stages/socket.ts'
import { Loop } from './loop.ts'
import type { Placement, ThreadPlan } from './placement.ts'
import type { Wiring } from './wiring.ts'

export interface ThreadTask {
  readonly config: Config
  readonly placement: Placement
  readonly wiring: Wiring
  /** The place of this thread in the placement. */
  readonly thread: number
  /** The life of this server, in its streams' ids. */
  readonly epoch: string
  /** By thread: the way to knock at it; null for itself. */
  readonly knocks: readonly (MessagePort | null)[]
}

/** A port that main has made sure of; shared when several threads, or main's reservation, listen on it. */
export interface PortPlace {
  readonly port: number
  readonly isShared: boolean
}

const GAUGE_MS = 1_000
/** Between two looks whether the connections have gone. */
const CLOSE_STEP_MS = 20

export class Thread {
  readonly plan: ThreadPlan
  readonly log: Log
  readonly #task: ThreadTask
  readonly #loop: Loop
  readonly #metrics: ThreadMetrics
  readonly #lane: LaneRole | null
  readonly #core: CoreRole | null
  readonly #edge: EdgeRole | null
  readonly #roles: Role[] = []
  readonly #listeners: Listener[] = []
  readonly #gaugeTurn: Timed
  readonly #wheel: TimingWheel
  #utilisation = performance.eventLoopUtilization()

  constructor(task: ThreadTask, onFailure: (error: unknown) => void) {
    this.#task = task
    const { config, placement, wiring, thread } = task
    const plan = placement.threads[thread]!
    this.plan = plan
    this.log = createLog(config.logLevel, plan.name)
    this.#metrics = new ThreadMetrics(countersOf(wiring.counters[thread]!))
    const nowMs = realClock.nowMs()
    this.#wheel = new TimingWheel(nowMs)
    const context = { config, clock: realClock, wheel: this.#wheel, metrics: this.#metrics, log: this.log }
    this.#core = plan.core < 0 ? null : buildCore(context, this.#coreQueues())
    this.#lane = plan.lane < 0 ? null : buildLane(context, this.#laneQueues(), plan.takesFeeds, randomHashStart())
    this.#edge = plan.edge < 0 ? null : buildEdge(context, this.#edgeQueues(), this.#lane!.lane, this.#surroundings())
    // In the order of the flow, so that in one thread an update passes all stages in one turn.
    for (const role of [this.#lane, this.#core, this.#edge]) if (role !== null) this.#roles.push(role)
    const sleeper = new Sleeper(wiring.sleepWords[thread]!)
    this.#loop = new Loop({
      roles: this.#roles,
      wheel: this.#wheel,
      clock: realClock,
      metrics: this.#metrics,
      sleeper,
      onFailure,
    })
    this.#gaugeTurn = { timerDueMs: 0, timerNext: null, timerPrev: null, onTimer: firedMs => this.#gauge(firedMs) }
    this.#wheel.schedule(this.#gaugeTurn, nowMs + GAUGE_MS)
    for (const knock of task.knocks) knock?.on('message', () => this.#loop.wake())
    this.#loop.wake()
  }

  /** Listens on the ports that this thread's stages serve; main has fixed the numbers. */
  async listen(http: PortPlace, feed: PortPlace): Promise<void> {
    const { config, placement } = this.#task
    const edge = this.#edge
    if (edge !== null) {
      await this.#listenOn(config.httpHost, http, placement.edges > 1, socket => edge.accept.offer(socket))
    }
    const accept = this.#lane?.feedAccept ?? null
    if (accept !== null) {
      const isMany = placement.threads.filter(plan => plan.takesFeeds).length > 1
      await this.#listenOn(config.feedHost, feed, isMany, socket => accept.offer(socket))
    }
  }

  async #listenOn(
    host: string,
    place: PortPlace,
    isMany: boolean,
    onSocket: (socket: StreamSocket) => void,
  ): Promise<void> {
    const options = { host, port: place.port, isShared: isMany || place.isShared, allowHalfOpen: true }
    this.#listeners.push(await listen(options, onSocket))
  }

  /** Not ready any more: no new connections, feeds are not read any more, idle connections end. */
  drain(): void {
    for (const listener of this.#listeners) void listener.close()
    if (this.#edge !== null) {
      this.#edge.accept.isClosing = true
      this.#edge.closeIdle()
    }
    if (this.#lane?.feedAccept) this.#lane.feedAccept.isClosing = true
    this.#lane?.feeds?.pause()
    this.#loop.wake()
  }

  /** Feeds are told how far they came, and end; the sessions of this thread flush and end. */
  endSessions(): void {
    this.#lane?.feeds?.close()
    this.#core?.endSessions(realClock.nowMs())
    this.#loop.wake()
  }

  /** Waits until the clients have taken their last bytes, at most `ms`; what is left then is cut off. */
  async closeConnections(ms: number): Promise<void> {
    const edge = this.#edge
    const untilMs = realClock.nowMs() + ms
    if (edge !== null) {
      while (edge.accept.openCount > 0 && realClock.nowMs() < untilMs) await sleep(CLOSE_STEP_MS)
      edge.destroyAll()
    }
    for (const feed of this.#lane?.feeds?.connections.values() ?? []) feed.socket.destroy()
  }

  stop(): void {
    this.#loop.stop()
    for (const knock of this.#task.knocks) knock?.close()
  }

  #gauge(nowMs: number): void {
    const metrics = this.#metrics
    for (const role of this.#roles) {
      role.gauge()
      for (const stage of role.stages) {
        const row = stage.queueUnit === 'bytes' ? M.stageQueueBytes : M.stageQueueRecords
        metrics.set(row + STAGES.indexOf(stage.name), stage.queueDepth())
        const bound = stage.queueUnit === 'bytes' ? M.stageQueueCapacity : M.stageQueueCapacityRecords
        metrics.set(bound + STAGES.indexOf(stage.name), stage.queueCapacity())
      }
    }
    const now = performance.eventLoopUtilization()
    metrics.set(M.loopUtilisation, performance.eventLoopUtilization(now, this.#utilisation).utilization)
    this.#utilisation = now
    metrics.set(M.aliveSeconds, nowMs / 1_000)
    if (this.#task.thread === 0) metrics.set(M.residentBytes, process.memoryUsage.rss())
    this.#wheel.schedule(this.#gaugeTurn, nowMs + GAUGE_MS)
  }

  #bellOf(thread: number): Doorbell {
    const { wiring, knocks } = this.#task
    const port = knocks[thread] ?? null
    const word = wiring.sleepWords[thread]!
    return port === null
      ? new Doorbell(word, () => this.#loop.wake())
      : new Doorbell(word, () => port.postMessage(null))
  }

  #threadOf(part: 'lane' | 'core' | 'edge', index: number): number {
    return this.#task.placement.threads.findIndex(plan => plan[part] === index)
  }

  #producer(memory: RingMemory, part: 'lane' | 'core' | 'edge', index: number): RingProducer {
    return new RingProducer(memory, this.#bellOf(this.#threadOf(part, index)))
  }

  #consumer(memory: RingMemory, part: 'lane' | 'core' | 'edge', index: number): RingConsumer {
    return new RingConsumer(memory, this.#bellOf(this.#threadOf(part, index)))
  }

  #laneQueues(): Parameters<typeof buildLane>[1] {
    const { lane } = this.plan
    const { data, down } = this.#task.wiring
    return {
      data: data[lane]!.map((memory, core) => this.#producer(memory, 'core', core)),
      downs: down[lane]!.map((memory, core) => this.#consumer(memory, 'core', core)),
    }
  }

  #coreQueues(): Parameters<typeof buildCore>[1] {
    const { core } = this.plan
    const { wiring, placement, epoch } = this.#task
    const lanes = wiring.data.map((row, lane) => ({
      data: this.#consumer(row[core]!, 'lane', lane),
      down: this.#producer(wiring.down[lane]![core]!, 'lane', lane),
    }))
    const edges = wiring.control.map((row, edge) => ({
      control: this.#consumer(row[core]!, 'edge', edge),
      out: this.#producer(wiring.out[edge]![core]!, 'edge', edge),
      inFlight: new InFlightWords(wiring.inFlight[edge]!),
    }))
    const peers = []
    for (let other = 0; other < placement.cores; other++) {
      if (other === core) continue
      peers.push({
        core: other,
        data: this.#consumer(wiring.peerData[other]![core]!, 'core', other),
        dataOut: this.#producer(wiring.peerData[core]![other]!, 'core', other),
        control: this.#consumer(wiring.peerControl[other]![core]!, 'core', other),
        controlOut: this.#producer(wiring.peerControl[core]![other]!, 'core', other),
      })
    }
    return { core, cores: placement.cores, lanes, edges, peers, epoch: `${epoch}${core}` }
  }

  #edgeQueues(): Parameters<typeof buildEdge>[1] {
    const { edge } = this.plan
    const { control, out, inFlight } = this.#task.wiring
    return {
      controls: control[edge]!.map((memory, core) => this.#producer(memory, 'core', core)),
      outs: out[edge]!.map((memory, core) => this.#consumer(memory, 'core', core)),
      inFlight: new InFlightWords(inFlight[edge]!),
    }
  }

  #surroundings(): Parameters<typeof buildEdge>[3] {
    const { placement, wiring } = this.#task
    const blocks = placement.threads.map((plan, index) => ({
      thread: plan.name,
      pool: plan.pool,
      block: countersOf(wiring.counters[index]!),
      stages: stagesOf(plan),
    }))
    return {
      metricsText: () => renderMetrics(blocks),
      stagesText: () => JSON.stringify({ stages: stageTable(blocks, WHEN_FULL) }),
      pages: loadPages(),
      newSessionId: randomSessionId,
    }
  }
}

function stagesOf(plan: ThreadPlan): readonly StageName[] {
  return STAGES.filter(stage => {
    if (stage === 'conflate' || stage === 'batch') return plan.core >= 0
    return stage === 'write' ? plan.edge >= 0 : plan.lane >= 0
  })
}

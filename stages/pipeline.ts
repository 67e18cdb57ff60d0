/**
 * The graph: which stages there are, what each one's inbound queue is and what happens when it is full, and how the stages
 * of a thread are put together. Read this file first.
 *
 *            ┌────────── lane thread ──────────┐       ┌──── core thread ────┐       ┌── edge thread ──┐
 *  feeds ───▶│ accept ▶ parse ▶ route ─────────┼─data─▶│ conflate ▶ batch ───┼─ out ▶│ write ──────────┼──▶ clients
 *            │                    ▲────────────┼─down──│     ▲               │       │                 │
 *            └─────────────────────────────────┘       └─────┼───────────────┘       │                 │
 *                                                            └───────── control ─────┤ route ◀ parse ◀ │◀── clients
 *                                                                                    │         accept  │
 *                                                                                    └─────────────────┘
 *
 * A lane thread is a feed thread or an edge thread: both may publish. Within a thread neighbours are fused: a message is
 * handed over by a call whose result says whether there was room. The cuts between threads lie only at route → conflate
 * and batch → write; there a queue in bytes stands, a ring between threads, the same ring in plain memory within one.
 */

import { randomBytes } from 'node:crypto'
import { FeedLineParser } from '#src/codec/feed-line.ts'
import { closingLine } from '#src/codec/feed-reply.ts'
import { type Answer, errorAnswer, UNREAD_FRAME } from '#src/codec/http-response.ts'
import { HASH_START, NameTable } from '#src/codec/name-table.ts'
import { ANSWERED_GONE, FEED_UP } from '#src/codec/record.ts'
import type { Config } from '#src/config/config.ts'
import type { Log } from '#src/log.ts'
import { LatencyRecorder } from '#src/metrics/latency.ts'
import { ACCEPT, M, type StageName, type ThreadMetrics } from '#src/metrics/names.ts'
import type { RecordConsumer, RecordProducer } from '#src/ring/queue.ts'
import type { InFlightWords } from '#src/ring/shared-words.ts'
import type { Clock } from '#src/time/clock.ts'
import type { TimingWheel } from '#src/time/timing-wheel.ts'
import { Accept } from './accept/accept.ts'
import { Refusals } from './accept/refusals.ts'
import { Batch, type BatchOutput } from './batch/batch.ts'
import { type ClientConnection, READING } from './client-connection.ts'
import { Conflate } from './conflate/conflate.ts'
import { EdgeLink, LaneLink, PeerLink } from './conflate/links.ts'
import { HTTP_SLOT, Lane } from './lane.ts'
import { FeedParse } from './parse/feed-parse.ts'
import { RequestParse } from './parse/request-parse.ts'
import { SocketParse } from './parse/socket-parse.ts'
import { FeedRoute } from './route/feed-route.ts'
import { RequestRoute } from './route/request-route.ts'
import type { Stage } from './stage.ts'
import { Write } from './write/write.ts'

/** What happens to what finds a stage's inbound queue full. */
export const WHEN_FULL: Readonly<Record<StageName, string>> = {
  accept: 'refuse: the connection is told why and closed',
  parse: 'block: the socket is paused, TCP holds the peer',
  route: 'block for feeds; refuse (503) for requests',
  conflate: 'block: the lane holds its line, its socket is paused',
  batch: 'conflate: a session stands in it once, and lacks more meanwhile',
  write: 'conflate: batch holds, sessions lack more meanwhile',
}

/** What every stage of a thread gets handed in. */
export interface ThreadContext {
  readonly config: Config
  readonly clock: Clock
  readonly wheel: TimingWheel
  readonly metrics: ThreadMetrics
  readonly log: Log
}

/** Stages that run one after another in one thread. */
export interface Role {
  readonly stages: readonly Stage[]
  /** Shows other threads what the stages have queued for them; once a duty cycle. */
  publish(): void
  /** Sets the gauges; once a second. */
  gauge(): void
}

// ── Lane: the way up to the cores, and down from them ────────────────────────────────────────────────────────────────

export interface LaneQueues {
  /** By core. */
  readonly data: readonly RecordProducer[]
  readonly downs: readonly RecordConsumer[]
}

export interface LaneRole extends Role {
  readonly lane: Lane
  /** Feeds, where this thread takes any. */
  readonly feeds: FeedParse | null
  readonly feedAccept: Accept | null
}

/** `hashStart` is unlike another thread's, so that no peer can choose names that collide. */
export function buildLane(
  context: ThreadContext,
  queues: LaneQueues,
  takesFeeds: boolean,
  hashStart = HASH_START,
): LaneRole {
  const { config } = context
  const items = new NameTable(config.itemsMax, config.itemNameBytesMax, hashStart)
  const fields = new NameTable(config.fieldNamesMax, config.fieldNameBytesMax, hashStart)
  const lane = new Lane(queues.data, items, fields)
  lane.offerAll(FEED_UP, HTTP_SLOT, 0, 'http')
  let feeds: FeedParse | null = null
  let accept: Accept | null = null
  if (takesFeeds) {
    const refusals = new Refusals(context.wheel, context.clock, config.closeTimeoutMs)
    accept = new Accept({
      slotsMax: config.feedConnectionsMax + 1,
      slotMin: HTTP_SLOT + 1,
      admit: (socket, slot, generation) => feeds!.admit(socket, slot, generation),
      refuse: (socket, isClosing) => {
        context.metrics.add(M.stageRefused + ACCEPT, 1)
        refusals.refuse(socket, feedRefusal(isClosing))
      },
    })
    const feedAccept = accept
    feeds = new FeedParse({ ...context, lane, release: slot => feedAccept.release(slot) })
  }
  const route = new FeedRoute({
    lane,
    downs: queues.downs,
    drainRecordsMax: config.drainRecordsMax,
    queueCapacity: config.controlRingBytes,
    tellWanted: (slot, item, isWanted) => feeds?.tellWanted(slot, item, isWanted),
    tellRefused: (slot, generation, line, code) => feeds?.tellRefused(slot, generation, line, code),
    tellMessage: (core, slot, generation, number, text) =>
      feeds === null ? ANSWERED_GONE : feeds.tellMessage(core, slot, generation, number, text),
  })
  const stages: Stage[] = accept !== null && feeds !== null ? [accept, feeds, route] : [route]
  return { stages, lane, feeds, feedAccept: accept, publish: () => lane.publish(), gauge: () => {} }
}

function feedRefusal(isClosing: boolean): string {
  return isClosing
    ? closingLine('SERVER_CLOSING', 'the server is going down')
    : closingLine('FEED_CONNECTIONS_TOO_MANY', 'as many feeds are connected as may be (feedConnectionsMax)')
}

// ── Core: conflation and batching ────────────────────────────────────────────────────────────────────────────────────

export interface CoreQueues {
  readonly core: number
  readonly cores: number
  /** By lane thread. */
  readonly lanes: readonly { data: RecordConsumer; down: RecordProducer }[]
  /** By edge thread. */
  readonly edges: readonly { control: RecordConsumer; out: RecordProducer; inFlight: InFlightWords }[]
  /** The other cores. */
  readonly peers: readonly {
    core: number
    data: RecordConsumer
    dataOut: RecordProducer
    control: RecordConsumer
    controlOut: RecordProducer
  }[]
  /** The life of this core's positions: unlike that of any before. */
  readonly epoch: string
}

export interface CoreRole extends Role {
  readonly conflate: Conflate
  readonly batch: Batch
  /** Flushes what can be flushed and ends every session; they are told to come back. */
  endSessions(nowMs: number): void
}

export function buildCore(context: ThreadContext, queues: CoreQueues): CoreRole {
  const { config, clock, wheel, metrics } = context
  const lanes = queues.lanes.map(({ data, down }, index) => new LaneLink(index, data, down))
  const edges = queues.edges.map(({ control, out, inFlight }, index) => new EdgeLink(index, control, out, inFlight))
  const peers = queues.peers.map(({ core, data, dataOut, control, controlOut }) => {
    return new PeerLink(core, new LaneLink(-1, data, null), dataOut, controlOut, control)
  })
  const outputs: BatchOutput[] = edges.map(({ out, inFlight }) => ({ ring: out, inFlight }))
  const { core, cores } = queues
  const nowMs = clock.nowMs()
  const conflate = new Conflate({
    config,
    core,
    cores,
    lanes,
    edges,
    peers,
    wheel,
    metrics,
    nowMs,
    epoch: queues.epoch,
    enqueue: session => batch.enqueue(session),
    unbind: (session, code, message, retryMs) => batch.unbind(session, code, message, retryMs),
    end: (session, code, message) => batch.end(session, code, message, 0),
  })
  const batch: Batch = new Batch({
    config,
    outputs,
    interests: conflate.interests,
    fields: conflate.fields,
    store: conflate.store,
    metrics,
    wheel,
    advance: () => conflate.merger.advance(),
    onEnded: session => conflate.sessions.end(session),
    onPollAnswered: session => conflate.sessions.pollAnswered(session),
    onLost: (session, id) => conflate.subscriber.unsubscribe(session, id, UPDATES_LOST),
  })
  return {
    stages: [conflate, batch],
    conflate,
    batch,
    publish: () => {
      conflate.publish()
      batch.publish()
    },
    gauge: () => conflate.gauge(),
    endSessions: nowMs => {
      conflate.sessions.flushWaiting()
      batch.flushLast(nowMs)
      for (const session of conflate.sessions.sessions()) {
        const retryMs = RETRY_MS_MIN + ((session.slot * RETRY_STEP_MS) % RETRY_SPREAD_MS)
        batch.end(session, 'SERVER_CLOSING', 'the server is going down: come back', retryMs)
      }
    },
  }
}

const UPDATES_LOST = {
  code: 'UPDATES_LOST',
  message: 'the subscription fell behind the log of an item, and was to end then (onLost=end)',
} as const

/** Sessions of a server that goes down are asked to come back spread over a few seconds. */
const RETRY_MS_MIN = 500
const RETRY_SPREAD_MS = 4_000
const RETRY_STEP_MS = 379

// ── Edge: clients ────────────────────────────────────────────────────────────────────────────────────────────────────

export interface EdgeQueues {
  /** By core. */
  readonly controls: readonly RecordProducer[]
  readonly outs: readonly RecordConsumer[]
  readonly inFlight: InFlightWords
}

export interface EdgeSurroundings {
  readonly metricsText: () => Promise<string>
  readonly stagesText: () => string
  readonly pages: ReadonlyMap<string, Omit<Answer, 'status'>>
  readonly newSessionId: () => string
}

export interface EdgeRole extends Role {
  readonly accept: Accept
  readonly parse: RequestParse
  /** Ends connections that wait for nothing; the others end with their answers and streams. */
  closeIdle(): void
  destroyAll(): void
}

export function buildEdge(
  context: ThreadContext,
  queues: EdgeQueues,
  lane: Lane,
  surroundings: EdgeSurroundings,
): EdgeRole {
  const { config, clock, wheel, metrics, log } = context
  const latency = new LatencyRecorder()
  const parser = new FeedLineParser(config, lane.items, lane.fields)
  const write: Write = new Write({
    config,
    rings: queues.outs,
    inFlight: queues.inFlight,
    wheel,
    clock,
    metrics,
    latency,
    log,
    connectionOf: slot => parse.connections[slot] ?? null,
    onOpened: (connection, session) => route.onOpened(connection, session),
    onRefused: (connection, code) => route.onRefused(connection, code),
    onAnswer: (connection, status, isCut, body) => route.onAnswer(connection, status, isCut, body),
    onWritable: connection => route.onWritable(connection),
    onPolled: (connection, body) => route.onPolled(connection, body),
    onStreamEnded: connection => route.onStreamEnded(connection),
  })
  const sockets: SocketParse = new SocketParse({
    config,
    metrics,
    control: (connection, requests) => route.control(connection, requests),
    onPong: (connection, payload) => write.onPong(connection, payload),
    onEnded: connection => {
      wheel.schedule(connection, clock.nowMs() + config.closeTimeoutMs)
      route.onStreamEnded(connection)
    },
    postpone: connection => route.postpone(connection),
  })
  const route: RequestRoute = new RequestRoute({
    config,
    clock,
    metrics,
    lane,
    parser,
    controls: queues.controls,
    newSessionId: surroundings.newSessionId,
    metricsText: surroundings.metricsText,
    stagesText: surroundings.stagesText,
    pages: surroundings.pages,
    isReady: () => !accept.isClosing,
    resume: (connection, nowMs) => parse.resume(connection, nowMs),
    beginStream: (connection, head, nowMs) => write.beginStream(connection, head, nowMs),
    schedule: (connection, dueMs) => wheel.schedule(connection, dueMs),
    readFrames: connection => {
      const { unread } = connection
      connection.unread = null
      if (unread !== null) sockets.onBytes(connection, unread)
      else sockets.readMore(connection)
    },
  })
  const parse: RequestParse = new RequestParse({
    config,
    wheel,
    clock,
    metrics,
    handle: (connection, request, nowMs) => route.handle(connection, request, nowMs),
    onSocketBytes: (connection, chunk) => sockets.onBytes(connection, chunk),
    onStreamTurn: (connection, nowMs) => write.onStreamTurn(connection, nowMs),
    onClosed: connection => {
      write.forget(connection)
      route.onClosed(connection)
      accept.release(connection.slot)
    },
  })
  const refusals = new Refusals(wheel, clock, config.closeTimeoutMs)
  const accept: Accept = new Accept({
    slotsMax: config.connectionsMax,
    slotMin: 0,
    admit: (socket, slot, generation) => {
      metrics.add(M.connectionsOpened, 1)
      parse.admit(socket, slot, generation)
    },
    refuse: (socket, isClosing) => {
      metrics.add(M.connectionsRefused, 1)
      metrics.add(M.stageRefused + ACCEPT, 1)
      refusals.refuse(socket, clientRefusal(isClosing))
    },
  })
  return {
    stages: [accept, parse, route, write],
    accept,
    parse,
    publish: () => route.publish(),
    gauge: () => {
      metrics.set(M.connections, accept.openCount)
      latency.publish(metrics)
    },
    closeIdle: () => {
      for (const connection of openOf(parse)) if (connection.state === READING) connection.socket.end()
    },
    destroyAll: () => {
      for (const connection of openOf(parse)) connection.socket.destroy()
    },
  }
}

function openOf(parse: RequestParse): ClientConnection[] {
  return parse.connections.filter(connection => connection !== null)
}

function clientRefusal(isClosing: boolean): Buffer {
  const reason = isClosing
    ? ({ code: 'SERVER_CLOSING', message: 'the server is going down' } as const)
    : ({ code: 'CONNECTIONS_TOO_MANY', message: 'as many connections are open as may be' } as const)
  return errorAnswer({ status: 503, ...reason, retryAfterS: 1 }, UNREAD_FRAME)
}

export function randomHashStart(): number {
  return randomBytes(4).readInt32LE()
}

/** Unguessable, and short enough for a log line. */
export function randomSessionId(): string {
  return randomBytes(16).toString('base64url')
}

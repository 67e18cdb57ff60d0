/**
 * The whole pipeline in one thread: the stages and roles of production (stages/pipeline.ts), the duty cycle's turn
 * (workers/loop.ts), virtual time, fake sockets, small queues, and one seed that decides everything.
 *
 *     feeds ─▶ lanes ─▶ cores ─▶ edges ─▶ clients        a step: some sockets, some threads, some actors, time
 *        lines      taps      taps       records
 *
 * Invariants:
 *  - The same seed is the same run, to the byte. Nothing real: no socket, no timer, no clock.
 *  - A thread sleeps as a real one does: it gets a turn only when its doorbell was rung or a deadline has come, so a
 *    wake-up that the product forgets shows as something that never arrives.
 *  - Each step checks the ledger of every session; the end checks that everything has arrived and nothing is left over.
 */

import assert from 'node:assert/strict'
import { SESSION_ID_BYTES } from '#src/codec/json-stream.ts'
import { homeOf } from '#src/domain/home.ts'
import { PACED } from '#src/domain/session.ts'
import { silentLog } from '#src/log.ts'
import { BLOCK_SLOTS, M, ThreadMetrics } from '#src/metrics/names.ts'
import { createLocalQueue, type LocalQueue } from '#src/ring/local-queue.ts'
import type { RecordMemory } from '#src/ring/queue.ts'
import { InFlightWords } from '#src/ring/shared-words.ts'
import { VirtualClock } from '#src/time/clock.ts'
import { TimingWheel } from '#src/time/timing-wheel.ts'
import type { ClientConnection } from '#stages/client-connection.ts'
import {
  buildCore,
  buildEdge,
  buildLane,
  type CoreRole,
  type EdgeRole,
  type LaneRole,
  type Role,
} from '#stages/pipeline.ts'
import { runTurn } from '#workers/loop.ts'
import { planThreads } from '#workers/placement.ts'
import { FakeSocket } from '../support/fake-socket.ts'
import { Random } from '../support/random.ts'
import { ClientActor } from './client-actor.ts'
import type { Connection } from './connection.ts'
import { chooseSurroundings, FAULTS, functionsOf, hasModesOf, type Surroundings } from './faults.ts'
import { FeedActor } from './feed-actor.ts'
import { Fence } from './fence.ts'
import { isPublished, type LineTruth, type ModelItem } from './model.ts'
import { type Asked, keyOf, SessionBook } from './session-book.ts'
import type { SessionLedger } from './session-ledger.ts'
import { tableBytes } from './table-bytes.ts'
import { type CoreObserver, Truth } from './taps.ts'

const TRACE_LINES = Number(process.env.TRACE ?? 60)
const QUIET_ROUNDS_MAX = 3_000
/** What a duty cycle does in one go before the simulation looks whether it ever ends. */
const TURNS_MAX = 20_000
const SETTLE_MS = 3_000
const PACED_ROUNDS_MAX = 20
const SETTLE_STEP_MS = 20
/** After this everything that may go has gone: idle times, delays, close timeouts and two sweeps. */
const CLEAR_MS = 26_000
const CLEAR_STEP_MS = 250

/** Rounding of timers, and steps in which a thread pauses. */
const STALL_SLACK_MS = 300

interface SimThread {
  readonly name: string
  readonly roles: Role[]
  readonly wheel: TimingWheel
  readonly metrics: ThreadMetrics
  isAwake: boolean
  idleTurns: number
  pausedSteps: number
}

export interface Outcome {
  readonly seed: number
  readonly steps: number
  readonly sessions: number
  readonly streams: number
  readonly lines: number
  readonly delivered: number
  readonly conflated: number
  readonly dropped: number
  readonly lost: number
  readonly recalled: number
}

export class Simulation implements CoreObserver {
  readonly seed: number
  readonly surroundings: Surroundings
  readonly clock = new VirtualClock()
  readonly trace: string[] = []
  readonly #random: Random
  readonly #truth: Truth
  readonly #threads: SimThread[] = []
  readonly #lanes: LaneRole[] = []
  readonly #cores: CoreRole[] = []
  readonly #edges: EdgeRole[] = []
  readonly #inFlight: InFlightWords[] = []
  readonly #feeds: FeedActor[] = []
  readonly #clients: ClientActor[] = []
  readonly #sockets: FakeSocket[] = []
  readonly #book: SessionBook
  readonly #fence = new Fence(({ key }) => this.#book.numberOf(key))
  /** By core: where it stands in each item's events; -1 before it has anything of it. */
  readonly #stands: Map<string, number>[] = []
  #feedsMade = 0
  #published = 0
  #isSettling = false

  constructor(seed: number, hasModes = hasModesOf(seed)) {
    this.seed = seed
    this.#random = new Random(seed)
    this.surroundings = chooseSurroundings(this.#random, hasModes, functionsOf(seed))
    const { config, choices } = this.surroundings
    this.#truth = new Truth(config, choices.settings, this)
    this.#book = new SessionBook({
      config,
      clock: this.clock,
      truth: this.#truth,
      stands: this.#stands,
      inFlight: this.#inFlight,
      say: text => this.#say(text),
    })
    this.#build()
  }

  run(): Outcome {
    const { steps } = this.surroundings
    for (let step = 0; step < steps; step++) this.#step()
    this.#settle()
    this.#checkFirstAtOnce()
    this.#checkSettled()
    this.#checkCleared()
    return this.#outcome()
  }

  // ── Building ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #build(): void {
    const { config, queueBytes } = this.surroundings
    const placement = planThreads(config)
    const { lanes, cores, edges } = placement
    const grid = (rows: number, columns: number, bytes: number, ends: (row: number, column: number) => string[]) =>
      Array.from({ length: rows }, (_, row) =>
        Array.from({ length: columns }, (_, column) => this.#queue(bytes, ends(row, column))),
      )
    const threadOf = (part: 'lane' | 'core' | 'edge', index: number) =>
      placement.threads.find(plan => plan[part] === index)!.name
    const data = grid(lanes, cores, queueBytes.data, (l, c) => [threadOf('lane', l), threadOf('core', c)])
    const down = grid(lanes, cores, queueBytes.control, (l, c) => [threadOf('lane', l), threadOf('core', c)])
    const control = grid(edges, cores, queueBytes.control, (e, c) => [threadOf('edge', e), threadOf('core', c)])
    const out = grid(edges, cores, queueBytes.out, (e, c) => [threadOf('edge', e), threadOf('core', c)])
    const peers = grid(cores, cores, queueBytes.peer, (a, b) => [threadOf('core', a), threadOf('core', b)])
    const peerControl = grid(cores, cores, queueBytes.control, (a, b) => [threadOf('core', a), threadOf('core', b)])
    for (let edge = 0; edge < edges; edge++) {
      this.#inFlight.push(new InFlightWords(InFlightWords.create(config.connectionsMax)))
    }
    const peerEnds = peers.map((row, from) =>
      row.map((queue, to) => (from === to ? null : this.#truth.tapPeer(queue.producer, queue.consumer, to))),
    )
    for (const plan of placement.threads) {
      const wheel = new TimingWheel(this.clock.nowMs())
      const metrics = new ThreadMetrics(new Float64Array(BLOCK_SLOTS))
      const context = { config, clock: this.clock, wheel, metrics, log: silentLog }
      const roles: Role[] = []
      const thread = { name: plan.name, roles, wheel, metrics, isAwake: true, idleTurns: 0, pausedSteps: 0 }
      const { lane, core, edge } = plan
      let laneRole: LaneRole | null = null
      let coreRole: CoreRole | null = null
      if (core >= 0) {
        coreRole = buildCore(context, {
          core,
          cores,
          lanes: data.map((row, l) => ({
            data: this.#truth.tapLane(row[core]!.consumer, core),
            down: down[l]![core]!.producer,
          })),
          edges: control.map((row, e) => ({
            control: this.#truth.tapControl(row[core]!.consumer),
            out: this.#truth.tapOut(out[e]![core]!.producer, core, e),
            inFlight: this.#inFlight[e]!,
          })),
          peers: peers.flatMap((_, other) => {
            if (other === core) return []
            return {
              core: other,
              data: peerEnds[other]![core]![1],
              dataOut: peerEnds[core]![other]![0],
              control: peerControl[other]![core]!.consumer,
              controlOut: peerControl[core]![other]!.producer,
            }
          }),
          epoch: `e${core}`,
        })
        this.#cores[core] = coreRole
        this.#stands[core] = new Map()
        this.#hook(coreRole, core)
      }
      if (lane >= 0) {
        const queues = { data: data[lane]!.map(each => each.producer), downs: down[lane]!.map(each => each.consumer) }
        laneRole = buildLane(context, queues, plan.takesFeeds)
        this.#lanes[lane] = laneRole
        roles.push(laneRole)
      }
      if (coreRole !== null) roles.push(coreRole)
      if (edge >= 0) {
        const queues = {
          controls: control[edge]!.map(each => each.producer),
          outs: out[edge]!.map(each => each.consumer),
          inFlight: this.#inFlight[edge]!,
        }
        const surroundings = {
          metricsText: () => Promise.resolve(''),
          stagesText: () => '{}',
          pages: new Map(),
          newSessionId: () => `s${this.#random.int(1e9)}`.padEnd(SESSION_ID_BYTES, '-'),
        }
        const edgeRole = buildEdge(context, queues, laneRole!.lane, surroundings)
        this.#edges[edge] = edgeRole
        roles.push(edgeRole)
      }
      this.#threads.push(thread)
    }
  }

  #queue(capacity: number, ends: readonly string[]): LocalQueue {
    const wake = () => {
      for (const thread of this.#threads) {
        if (!ends.includes(thread.name)) continue
        thread.isAwake = true
        thread.idleTurns = 0
      }
    }
    const start = this.#random.chance(0.3) ? -8 * (1 + this.#random.int(500)) : 0
    return createLocalQueue(capacity, capacity / 2 - 8, wake, start)
  }

  /** What no record says: that a home has found an item stale, or fresh, or has forgotten it. */
  #hook(role: CoreRole, core: number): void {
    this.#book.listenTo(role, core)
    const { merger, items } = role.conflate
    const setStale = merger.setStale.bind(merger)
    merger.setStale = (item, isStale, receivedMs) => {
      setStale(item, isStale, receivedMs)
      if (items.isHome(item)) this.#truth.noteStale(core, item.name, isStale)
    }
    const forget = items.forget.bind(items)
    items.forget = item => {
      forget(item)
      this.#stands[core]!.delete(item.name)
      if (!items.isHome(item)) return
      this.#onPurge(this.#truth.item(item.name))
    }
  }

  #onPurge(item: ModelItem): void {
    const { itemIdleMs } = this.surroundings.config
    const idleMs = this.clock.nowMs() - item.touchedMs
    assert.ok(item.state === null || idleMs >= itemIdleMs, `${item.name} is forgotten after ${idleMs} ms`)
    this.#say(`forget ${item.name}`)
    item.purge()
  }

  // ── What the taps tell ─────────────────────────────────────────────────────────────────────────────────────────────

  onPlace(core: number, item: ModelItem, place: number): void {
    const stands = this.#stands[core]!
    const isHome = homeOf(item.name, this.#cores.length) === core
    const before = stands.get(item.name) ?? (isHome ? -1 : null)
    // What comes for a replica that is gone is for nobody.
    if (before === null) return
    stands.set(item.name, place)
    this.#say(`core ${core}: ${item.name} at ${place} ${item.events[place]?.kind ?? ''}`)
    if (place <= before) return
    for (const ledger of this.#book.open) if (ledger.core === core) ledger.onEvent(item, place)
  }

  onWhole(core: number, item: ModelItem, place: number, wish: number): void {
    if (this.#cores[core]!.conflate.items.find(item.name)?.wish !== wish) return
    assert.ok(!this.#stands[core]!.has(item.name), `core ${core} gets ${item.name} whole once`)
    this.#stands[core]!.set(item.name, place)
    this.#say(`core ${core}: ${item.name} whole at ${place} ${item.events[place]?.kind ?? ''}`)
    for (const ledger of this.#book.open) if (ledger.core === core) ledger.onWhole(item.name, place)
  }

  onMerging(place: number | null, isWhole: boolean): void {
    this.#book.merging = place
    this.#book.isWhole = isWhole
  }

  onControlled(): void {
    this.#book.settle()
  }

  onOpened(core: number, edge: number, slot: number, generation: number, id: string): void {
    this.#book.onOpened(core, keyOf(edge, slot, generation), id)
  }

  onRefused(edge: number, slot: number, generation: number, code: string): void {
    this.#book.onRefused(keyOf(edge, slot, generation), code)
  }

  onFlush(core: number, edge: number, offset: number, memory: RecordMemory): void {
    this.#book.onFlush(core, edge, offset, memory)
  }

  // ── Steps ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  #step(): void {
    const random = this.#random
    const { feeds, clients, items } = this.surroundings
    if (random.chance(0.2) && this.#feeds.filter(feed => !feed.isGone && !feed.isEnded).length < feeds) this.#addFeed()
    if (random.chance(0.2) && this.#clients.filter(client => !client.isGone).length < clients) this.#addClient()
    if (random.chance(FAULTS.httpPublish)) this.#publish(random.pick(items))
    for (const feed of this.#feeds) feed.step()
    for (const client of this.#clients) client.step()
    for (const socket of this.#sockets)
      if (random.chance(0.7)) socket.pump(1 + random.int(random.pick([10, 200, 4_000])))
    for (const thread of this.#threads) {
      if (thread.pausedSteps > 0) thread.pausedSteps--
      else if (random.chance(FAULTS.threadPause)) thread.pausedSteps = random.int(random.pick([10, 60]))
      else for (let turns = 1 + random.int(3); turns > 0; turns--) this.#turn(thread)
    }
    this.#sweepSockets()
    this.#checkStalls()
    if (random.chance(0.6)) this.clock.advance(random.int(this.surroundings.stepMsMax + 1))
  }

  #turn(thread: SimThread): boolean {
    const nowMs = this.clock.nowMs()
    if (!thread.isAwake && thread.wheel.nextDueMs() > nowMs) return false
    const done = runTurn(thread.roles, thread.wheel, this.clock, thread.metrics, nowMs)
    thread.idleTurns = done > 0 ? 0 : thread.idleTurns + 1
    thread.isAwake = thread.idleTurns < 2
    this.#book.check()
    this.#checkBounds()
    return true
  }

  #addFeed(): void {
    const { items, choices, fields, config } = this.surroundings
    const lanes = this.#lanes.filter(lane => lane.feedAccept !== null)
    const name = `feed-${this.#feedsMade++}`
    const feed = new FeedActor(name, this.#random, items, choices, fields, config.fieldsMax)
    this.#say(`${name} connects, ${feed.isOnDemand ? 'on demand, ' : ''}heartbeat ${feed.heartbeatMs}`)
    this.#feeds.push(feed)
    this.#truth.feeds.set(name, feed)
    this.#sockets.push(feed.socket)
    assert.ok(this.#random.pick(lanes).feedAccept!.offer(feed.socket), 'a feed is let in')
  }

  #addClient(): void {
    const { items, fields, play, config } = this.surroundings
    const id = String(this.#clients.length)
    const network = {
      config,
      clock: this.clock,
      truth: this.#truth,
      choices: { items, fields, fieldsMax: config.fieldsMax, play },
      connect: (connection: Connection) => this.#connect(id, connection),
      expect: ({ key }: Connection, asked: Asked) => {
        this.#say(`client ${id} on ${key} asks: ${JSON.stringify(asked)}`)
        if (key !== '') this.#book.expect(key, asked)
      },
      say: (text: string) => this.#say(`client ${id}: ${text}`),
      ledgerOf: (session: string) => this.#book.find(session),
      positionsOf: ({ key }: Connection) => this.#book.positionsOf(key),
    }
    this.#clients.push(new ClientActor(id, this.#random, network))
  }

  #connect(client: string, connection: Connection): void {
    const edge = this.#random.int(this.#edges.length)
    const { socket } = connection
    this.#sockets.push(socket)
    if (!this.#edges[edge]!.accept.offer(socket)) return
    const { slot, generation } = socket.owner as ClientConnection
    connection.key = keyOf(edge, slot, generation)
    this.#fence.watch(connection)
    this.#say(`client ${client} connects: ${connection.key}`)
  }

  /** One update or deletion over HTTP, on a connection of its own. */
  #publish(item: string): void {
    const random = this.#random
    const timeMs = 1e12 + this.#published++
    const path = `/items/${encodeURIComponent(item)}`
    const socket = new FakeSocket(4_000)
    let request: string
    if (random.chance(0.1) && !this.#isSettling) {
      request = `DELETE ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`
    } else {
      const name = random.pick(this.surroundings.fields)
      const value = `h${this.#published}`
      const isSnapshot = this.#isSettling || random.chance(0.1)
      const isRow = this.surroundings.choices.settings.get(item)!.isTable === true
      const row: Record<string, string> = isRow ? { key: `k${this.#published % 3}`, command: 'ADD' } : {}
      const fields: LineTruth['fields'] = Object.entries({ ...row, [isRow ? 'price' : name]: value })
      const body = JSON.stringify(Object.fromEntries(fields))
      this.#truth.published.set(timeMs, { item, isDeletion: false, isSnapshot, timeMs, fields })
      const query = `?time=${timeMs}${isSnapshot ? '&snapshot=true' : ''}`
      const head = `POST ${path}${query} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n`
      request = `${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
    }
    this.#sockets.push(socket)
    if (!random.pick(this.#edges).accept.offer(socket)) return
    socket.peerSend(Buffer.from(request))
    socket.peerEnd()
  }

  #sweepSockets(): void {
    for (let i = this.#sockets.length - 1; i >= 0; i--) if (this.#sockets[i]!.isClosed) this.#sockets.splice(i, 1)
  }

  // ── The end ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Lets everything that is under way arrive without letting time pass. Returns whether anything was. */
  #quiet(): void {
    for (let round = 0; round < QUIET_ROUNDS_MAX; round++) {
      let isActive = false
      for (const feed of this.#feeds) if (!feed.isGone) feed.readReplies(1e9)
      for (const client of this.#clients) isActive = client.settleStep() || isActive
      for (const socket of this.#sockets) isActive = socket.pump(1e9) || isActive
      for (const thread of this.#threads) {
        let turns = 0
        while (this.#turn(thread)) {
          isActive = true
          assert.ok(++turns < TURNS_MAX, `thread ${thread.name} turns for ever`)
        }
      }
      if (!isActive) return
    }
    assert.fail('it never becomes quiet')
  }

  #pass(ms: number, stepMs: number): void {
    for (let passed = 0; passed < ms; passed += stepMs) {
      this.clock.advance(stepMs)
      this.#quiet()
      this.#sweepSockets()
    }
  }

  #settle(): void {
    this.#isSettling = true
    this.#say('settling')
    for (const thread of this.#threads) thread.pausedSteps = 0
    for (const client of this.#clients) client.settle()
    for (const feed of this.#feeds) feed.socket.kernelBytesMax = 1e9
    this.#quiet()
    this.#pass(SETTLE_MS, SETTLE_STEP_MS)
    this.#awaitPaced()
  }

  /** Who counts each update may have many to get, at a low bandwidth. */
  #awaitPaced(): void {
    if (!this.surroundings.play.hasModes) return
    const isPaced = () => [...this.#book.open].some(({ session }) => session.state === PACED)
    for (let rounds = 0; rounds < PACED_ROUNDS_MAX && isPaced(); rounds++) this.#pass(SETTLE_MS, SETTLE_STEP_MS)
  }

  /** The first update after a quiet time reaches everybody who has set no delay within the same instant. */
  #checkFirstAtOnce(): void {
    const nowMs = this.clock.nowMs()
    const before = new Map(this.#clients.map(client => [client, updatesOf(client, nowMs)]))
    const grown = new Set<string>()
    for (const name of this.surroundings.items) {
      const { events } = this.#truth.item(name)
      const count = events.length
      this.#publish(name)
      this.#quiet()
      if (events.length > count) grown.add(name)
    }
    const isCrowded = this.#edges.some(({ accept }) => accept.openCount === this.surroundings.config.connectionsMax)
    assert.ok(
      isCrowded || grown.size === this.surroundings.items.length,
      'what is published when all is quiet is taken',
    )
    for (const [client, updates] of before) if (client.isStreaming) this.#checkGot(client, grown, updates)
    this.#pass(SETTLE_MS, SETTLE_STEP_MS)
    this.#awaitPaced()
  }

  #checkGot(client: ClientActor, grown: ReadonlySet<string>, before: ReadonlyMap<string, number>): void {
    const { ledger, subscriptions } = client.view!
    if (ledger.session.bucket !== null || ledger.bandwidth > 0) return
    for (const { life, isPaused, watches } of subscriptions.values()) {
      const { wish } = life
      if (isPaused || wish.fields !== null) continue
      for (const name of life.live.keys()) {
        const key = `${wish.id} ${name}`
        if (!grown.has(name) || before.get(key) === HELD) continue
        const watch = watches.get(name)
        // What does not pass a filter does not come; a table's rows are none of what is published here but by rule.
        if (wish.filter !== null || wish.window !== null) continue
        const { settings, events } = this.#truth.item(name)
        if (wish.mode === 'command') {
          watch?.checkConverged(`client ${client.id}, subscription ${wish.id}`)
          if (settings.isTable !== true) continue
        }
        // A function may have refused the only value.
        else if (!isPublished(events.at(-1)!, wish)) continue
        // Who wants no snapshot has nothing yet of an item that another core has just told of.
        if (watch === undefined && !(wish.hasSnapshot && settings.hasSnapshot)) continue
        assert.ok(watch !== undefined, `client ${client.id} has ${key} at once`)
        watch.checkConverged(`client ${client.id}, subscription ${wish.id}`)
        const isGrown = watch.updates > (before.get(key) ?? 0)
        assert.ok(isGrown, `client ${client.id} (${JSON.stringify(wish)}) got the first update of ${name} at once`)
      }
    }
  }

  #checkSettled(): void {
    for (const feed of this.#feeds) feed.checkSettled()
    for (const client of this.#clients) client.checkSettled()
    for (const [edge, words] of this.#inFlight.entries()) {
      for (let slot = 0; slot < words.slots; slot++) {
        assert.equal(words.bytes(slot), 0, `edge ${edge}, slot ${slot}: bytes in flight when all is quiet`)
      }
    }
    this.#checkWanted()
    this.#checkTotals()
    this.#checkStore()
  }

  #checkWanted(): void {
    const wanted = new Set<string>()
    for (const ledger of this.#book.open) {
      for (const life of ledger.lives()) for (const name of life.live.keys()) wanted.add(name)
    }
    for (const feed of this.#feeds) {
      if (feed.isGone || feed.isEnded || feed.closing !== '' || !feed.isOnDemand) continue
      assert.deepEqual([...feed.wanted].sort(), [...wanted].sort(), `${feed.name}: what is wanted of it`)
    }
  }

  /** The totals of the metrics, against the sessions' ledgers that the simulation kept. */
  #checkTotals(): void {
    const { ledgers } = this.#book
    const sum = (count: (ledger: SessionLedger) => number) => ledgers.reduce((all, each) => all + count(each), 0)
    const total = (slot: number) => this.#threads.reduce((all, { metrics }) => all + metrics.get(slot), 0)
    const check = (slot: number, count: (ledger: SessionLedger) => number, what: string) =>
      assert.equal(total(slot), sum(count), `${what} in total`)
    check(M.updatesPublished, each => each.published, 'published')
    check(M.updatesConflated, each => each.session.conflated, 'conflated')
    check(M.updatesDropped, each => each.session.dropped, 'dropped')
    check(M.updatesRecalled, each => each.session.recalled, 'recalled')
    assert.equal(
      total(M.updatesDelivered) + total(M.updatesLost),
      sum(each => each.handedOver),
      'delivered and lost in total are what was handed over',
    )
  }

  /** The store holds the values that items have and nothing else. */
  #checkStore(): void {
    for (const [core, { conflate }] of this.#cores.entries()) {
      let bytes = 0
      for (const item of conflate.items.values()) {
        for (let i = 0; i < item.fieldCount; i++) if (item.blockOffsets[i]! >= 0) bytes += 1 << item.blockClasses[i]!
      }
      for (const { table } of conflate.items.values()) if (table !== null) bytes += tableBytes(table, conflate.store)
      assert.equal(conflate.store.usedBytes, bytes, `core ${core}: bytes in the store`)
    }
  }

  /** Everybody goes, time passes: nothing is left anywhere. */
  #checkCleared(): void {
    this.#say('clearing')
    for (const client of this.#clients) if (!client.isGone) client.leave()
    for (const feed of this.#feeds) if (!feed.isGone && !feed.isEnded) feed.end(false)
    this.#quiet()
    this.#pass(CLEAR_MS, CLEAR_STEP_MS)
    for (const [core, { conflate }] of this.#cores.entries()) {
      assert.equal(conflate.sessions.count, 0, `core ${core}: sessions are left`)
      assert.deepEqual(
        [...conflate.items.values()].map(item => item.name),
        [],
        `core ${core}: items are left`,
      )
      assert.equal(conflate.store.usedBytes, 0, `core ${core}: values are left`)
      assert.equal(conflate.subscriber.rawBytes, 0, `core ${core}: raw mode takes room`)
      const left = conflate.interests.views.filter(view => view !== null)
      assert.deepEqual(left, [], `core ${core}: interests are left`)
    }
    for (const { lane, feeds } of this.#lanes) {
      assert.equal(lane.items.size, 0, 'a lane has names of items left')
      assert.equal(feeds?.connections.size ?? 0, 0, 'feeds are left')
    }
    for (const { accept, parse } of this.#edges) {
      const states = parse.connections.flatMap(each =>
        each === null ? [] : `slot ${each.slot} in state ${each.state}`,
      )
      assert.deepEqual(states, [], 'connections are left')
      assert.equal(accept.openCount, 0, 'slots are taken')
    }
    assert.equal(this.#sockets.length, 0, 'sockets are left')
    this.#checkTotals()
  }

  /** A connection that takes nothing is given up in its time, also when all that waits are signs of life. */
  #checkStalls(): void {
    const { stallTimeoutMs, keepaliveMs, closeTimeoutMs } = this.surroundings.config
    const nowMs = this.clock.nowMs()
    for (const client of this.#clients) {
      for (const connection of client.streamConnections()) {
        const { hasRead, socket } = connection
        const isStuck = !hasRead && socket.writableLength > 0
        connection.hasRead = false
        if (!isStuck) connection.stuckSinceMs = Number.NaN
        else if (Number.isNaN(connection.stuckSinceMs)) connection.stuckSinceMs = nowMs
        const stuckMs = isStuck ? nowMs - connection.stuckSinceMs : 0
        const patienceMs = stallTimeoutMs + 2 * keepaliveMs + closeTimeoutMs + STALL_SLACK_MS
        assert.ok(stuckMs <= patienceMs, `client ${client.id} has taken nothing for ${stuckMs} ms and is still there`)
      }
    }
  }

  /** Law 1, at every turn. */
  #checkBounds(): void {
    const { windowBytes } = this.surroundings.config
    const bound = Math.max(windowBytes, FLUSH_BYTES_LONGEST) + HEAD_BYTES
    for (const client of this.#clients) {
      for (const { socket } of client.streamConnections()) {
        const { writableLength } = socket
        assert.ok(writableLength <= bound, `client ${client.id}: ${writableLength} bytes wait`)
      }
    }
  }

  #outcome(): Outcome {
    const total = (slot: number) => this.#threads.reduce((all, { metrics }) => all + metrics.get(slot), 0)
    const sum = (count: (ledger: SessionLedger) => number) =>
      this.#book.ledgers.reduce((all, each) => all + count(each), 0)
    return {
      seed: this.seed,
      steps: this.surroundings.steps,
      sessions: this.#book.ledgers.length,
      streams: sum(each => each.streams),
      lines: total(M.feedLines),
      delivered: total(M.updatesDelivered),
      conflated: total(M.updatesConflated),
      dropped: total(M.updatesDropped),
      lost: total(M.updatesLost),
      recalled: total(M.updatesRecalled),
    }
  }

  #say(text: string): void {
    this.trace.push(`${this.clock.nowMs() - 1_000_000} ms  ${text}`)
    if (this.trace.length > TRACE_LINES * 2) this.trace.splice(0, TRACE_LINES)
  }
}

/** No body of the simulation is longer: six fields of the longest name and value, in chunk or event. */
const FLUSH_BYTES_LONGEST = 1_000
/** A stream's head, keepalives, chunk lengths. */
const HEAD_BYTES = 700

/** In place of a number of updates: the next one has to wait for its turn. */
const HELD = -1

/** By subscription and item. */
function updatesOf({ view }: ClientActor, nowMs: number): Map<string, number> {
  const updates = new Map<string, number>()
  for (const { life, watches } of view?.subscriptions.values() ?? []) {
    for (const [name, watch] of watches) {
      updates.set(`${life.wish.id} ${name}`, life.isHeld(name, nowMs) ? HELD : watch.updates)
    }
  }
  return updates
}

/** Runs a seed; what fails says how to see it again. */
export function simulate(seed: number, hasModes?: boolean): Outcome {
  const simulation = new Simulation(seed, hasModes)
  try {
    return simulation.run()
  } catch (error) {
    const { stack, message } = error as Error
    const failure = new Error(`${message}\n\nreplay: node test/simulation/run.ts --seed ${seed}`)
    failure.stack = `${stack}\n${simulation.trace.slice(-TRACE_LINES).join('\n')}`
    throw failure
  }
}

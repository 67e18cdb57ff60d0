/**
 * conflate: merges an update into its item, counts it for its views, and marks what each subscribed session now lacks.
 *
 * Inbound: a data lane from each feed and edge thread (bounded in bytes; when full the lane's stage holds and TCP holds
 * the feed), a control lane from each edge, and both from each other core. Control and peers are drained first, whatever
 * is full behind this stage; a data lane waits only while another core that keeps a replica is behind.
 *
 * Outcomes: conflated (an update that finds its interest already waiting), refused (beyond a bound; the feed is
 * told), dropped (what a session still lacked when it ended). Never lost.
 *
 * Questions: one list (of items or sessions) a turn, and only when there is room for its answer.
 */

import { assert } from '#src/assert.ts'
import {
  ANSWERED,
  BIND_FIELD,
  BIND_ITEM,
  DELETE,
  FEED_ALIVE,
  FEED_DOWN,
  FEED_ON_DEMAND,
  FEED_SILENT,
  FEED_UP,
  HANDLES,
  REPLICA,
  REPLICA_ENTRY,
  REPLICA_ROW,
  REPLICA_STALE,
  readText,
  UNBOUND,
  UPDATE,
  UPDATE_REFUSED,
  writeText,
} from '#src/codec/record.ts'
import type { Config } from '#src/config/config.ts'
import { itemRulesOf } from '#src/config/item-rules.ts'
import { FieldTable } from '#src/domain/field-table.ts'
import { Interests } from '#src/domain/interests.ts'
import type { Item } from '#src/domain/item.ts'
import { ItemTable } from '#src/domain/item-table.ts'
import type { Session } from '#src/domain/session.ts'
import { ValueStore } from '#src/domain/value-store.ts'
import type { ClientErrorCode, FeedErrorCode } from '#src/errors.ts'
import { CONFLATE, M, type ThreadMetrics } from '#src/metrics/names.ts'
import type { RecordConsumer, RecordHandler } from '#src/ring/queue.ts'
import type { TimingWheel } from '#src/time/timing-wheel.ts'
import type { Stage } from '#stages/stage.ts'
import { Answers } from './answers.ts'
import { EdgeControl, hasRoomForOpened, tellOpened, tellRefused } from './edge-control.ts'
import { ItemKeeper } from './item-keeper.ts'
import { type EdgeLink, FeedSource, type ItemBinding, type LaneLink, type PeerLink } from './links.ts'
import { Logs } from './logs.ts'
import { Merger } from './merge.ts'
import { Messages } from './messages.ts'
import { PeerPrefixes } from './peer-prefixes.ts'
import { PeerWishes } from './peer-wishes.ts'
import { ReplicaIntake } from './replica-intake.ts'
import { Replicas } from './replicas.ts'
import { SessionKeeper } from './session-keeper.ts'
import { SessionRequests } from './session-requests.ts'
import { Subscriber } from './subscriber.ts'
import { Tables } from './tables.ts'

export interface ConflateDeps {
  readonly config: Config
  readonly core: number
  readonly cores: number
  readonly lanes: readonly LaneLink[]
  readonly edges: readonly EdgeLink[]
  readonly peers: readonly PeerLink[]
  readonly wheel: TimingWheel
  readonly metrics: ThreadMetrics
  readonly nowMs: number
  /** The life of this core's positions. */
  readonly epoch: string
  /** Queues a session for its flush. */
  readonly enqueue: (session: Session) => void
  /** Says the last words of a session's stream. */
  readonly unbind: (session: Session, code: ClientErrorCode, message: string, retryMs: number) => void
  /** Says the last words of a session, and ends it. */
  readonly end: (session: Session, code: ClientErrorCode, message: string) => void
}

/** Messages of one session that are unanswered. */
const MESSAGES_MAX = 256

export class Conflate implements Stage {
  readonly name = 'conflate'
  readonly queueUnit = 'bytes'
  readonly fields: FieldTable
  readonly store: ValueStore
  readonly #logs: Logs
  readonly #tables: Tables
  readonly items: ItemTable
  readonly interests = new Interests()
  readonly merger: Merger
  readonly sessions: SessionKeeper
  readonly subscriber: Subscriber
  readonly messages: Messages
  readonly #control: EdgeControl
  readonly #deps: ConflateDeps
  readonly #keeper: ItemKeeper
  readonly #replicas: Replicas
  readonly #prefixes: PeerPrefixes
  readonly #wishes: PeerWishes
  readonly #lanes: { link: LaneLink; handle: RecordHandler }[]
  readonly #peers: { link: PeerLink; handle: RecordHandler; handleControl: RecordHandler }[]
  readonly #edges: { link: EdgeLink; handle: RecordHandler }[]
  #nowMs: number
  #firstLane = 0
  #firstEdge = 0
  /** When the first update of the batch at hand was received. */
  #oldestMs = Number.NaN

  constructor(deps: ConflateDeps) {
    this.#deps = deps
    this.#nowMs = deps.nowMs
    const { config, wheel, metrics, lanes, edges, peers } = deps
    this.fields = new FieldTable(config.fieldNamesMax)
    this.store = new ValueStore(config.valueStoreBytes)
    this.#logs = new Logs(config.rawStoreBytes, this.store)
    this.#tables = new Tables(config, this.fields, this.store, () => this.merger.advance())
    const onUnwanted = (item: Item) => this.#keeper.onUnwanted(item)
    this.items = new ItemTable(config.itemsMax, deps.core, deps.cores, itemRulesOf(config), onUnwanted)
    const { interests } = this
    const onKnown = (item: Item) => {
      this.subscriber.follow(item)
      this.#prefixes.onKnown(item)
    }
    this.merger = new Merger({
      interests,
      fields: this.fields,
      store: this.store,
      logs: this.#logs,
      tables: this.#tables,
      wheel,
      metrics,
      fieldsMax: config.fieldsMax,
      onKnown,
      onDeleted: item => this.subscriber.onDeleted(item),
      refuse: (lane, slot, line, code) => this.#refuse(lane, slot, line, code),
    })
    this.#replicas = new Replicas(peers, this.fields, this.store)
    this.#prefixes = new PeerPrefixes(peers, this.items)
    this.#keeper = new ItemKeeper(
      {
        items: this.items,
        lanes,
        merger: this.merger,
        wheel,
        store: this.store,
        tables: this.#tables,
        unwantedDelayMs: config.unwantedDelayMs,
        itemIdleMs: config.itemIdleMs,
        tellHome: item => this.#tellHome(item),
        askAnew: item => {
          item.isAskedAnew = true
          item.isAsking = true
          this.#tellHome(item)
        },
      },
      deps.nowMs,
    )
    this.#wishes = new PeerWishes({
      ...{ peers, items: this.items, replicas: this.#replicas, prefixes: this.#prefixes, keeper: this.#keeper },
      onAnnounced: name => this.subscriber.onAnnounced(name),
    })
    this.sessions = new SessionKeeper({
      interests,
      merger: this.merger,
      subscriber: () => this.subscriber,
      wheel,
      metrics,
      edges,
      epoch: deps.epoch,
      sessionsMax: config.sessionsMax,
      resumeMs: config.resumeMs,
      keepaliveMs: config.keepaliveMs,
      eventBytesMax: config.resumeEventBytes,
      enqueue: deps.enqueue,
      unbind: deps.unbind,
      hasRoom: hasRoomForOpened,
      tellOpened,
      tellRefused,
      carryOut: (session, bind) => this.#control.requests.carryOut(session, bind),
      onEnd: session => this.#control.requests.onEnd(session),
    })
    const tell = (session: Session, text: string) => this.sessions.tell(session, text)
    this.subscriber = new Subscriber({
      settings: config,
      interests,
      items: this.items,
      fields: this.fields,
      keeper: this.#keeper,
      merger: this.merger,
      logs: this.#logs,
      tables: this.#tables,
      wheel,
      metrics,
      tell,
      onFollowed: (prefix, isFollowed) => this.#prefixes.setFollowed(prefix, isFollowed),
      evictRaw: asking =>
        this.sessions.evict(one => one !== asking && one.subscriptions.some(({ mode }) => mode !== 'merge')),
    })
    this.messages = new Messages({
      wheel,
      messagesMax: MESSAGES_MAX,
      answerLettersMax: config.resumeEventBytes,
      tell,
    })
    this.#control = new EdgeControl({
      sessions: this.sessions,
      answers: new Answers(this.items, this.fields, this.store, interests, () => this.sessions.sessions()),
      requests: new SessionRequests({
        sessions: this.sessions,
        subscriber: this.subscriber,
        messages: this.messages,
        wheel,
        destroy: session => deps.end(session, 'SESSION_DESTROYED', 'its client has ended the session'),
      }),
    })
    this.#lanes = lanes.map(link => ({
      link,
      handle: (type, offset, length) => this.#onLane(link, type, offset, length),
    }))
    const intakeDeps = {
      ...{ interests, store: this.store, logs: this.#logs, tables: this.#tables, metrics },
      ...{ merger: this.merger, onKnown },
    }
    this.#peers = peers.map((link, index) => {
      const intake = new ReplicaIntake(intakeDeps, link.lane)
      return {
        link,
        handle: (type, offset, length) => this.#onPeer(link.lane, intake, type, offset, length),
        handleControl: (type, offset, length) => this.#wishes.onRecord(index, link, type, offset, length),
      }
    })
    this.#edges = edges.map(link => ({
      link,
      handle: (type, offset, length) => this.#control.onRecord(link, type, offset, length),
    }))
  }

  work(nowMs: number): number {
    this.#nowMs = nowMs
    this.merger.nowMs = nowMs
    this.sessions.nowMs = nowMs
    this.subscriber.nowMs = nowMs
    this.messages.nowMs = nowMs
    this.#wishes.nowMs = nowMs
    this.#control.nowMs = nowMs
    const { drainRecordsMax } = this.#deps.config
    let done = 0
    const edgeCount = this.#edges.length
    for (let i = 0; i < edgeCount; i++) {
      const edge = this.#edges[(this.#firstEdge + i) % edgeCount]!
      done += edge.link.control.drain(edge.handle, drainRecordsMax)
    }
    this.#firstEdge = (this.#firstEdge + 1) % Math.max(1, edgeCount)
    for (const [index, peer] of this.#peers.entries()) {
      done += this.#wishes.meet(index, peer.link)
      done += peer.link.controlIn.drain(peer.handleControl, drainRecordsMax)
      done += peer.link.lane.data.drain(peer.handle, drainRecordsMax)
    }
    // Each turn begins with another lane, so that none is always last.
    const count = this.#lanes.length
    for (let i = 0; i < count; i++) {
      const lane = this.#lanes[(this.#firstLane + i) % count]!
      this.#oldestMs = Number.NaN
      const taken = lane.link.data.drain(lane.handle, drainRecordsMax)
      if (!Number.isNaN(this.#oldestMs)) this.#deps.metrics.observeWait(CONFLATE, nowMs - this.#oldestMs, taken)
      done += taken
    }
    this.#firstLane = (this.#firstLane + 1) % Math.max(1, count)
    done += this.#keeper.work()
    done += this.#replicas.work(nowMs) + this.#prefixes.work()
    done += this.sessions.work() + this.messages.work() + this.#control.work()
    return done
  }

  /** Shows the other threads what this stage has told them. Once a duty cycle. */
  publish(): void {
    for (const lane of this.#deps.lanes) lane.down?.publish()
    this.#replicas.publish()
  }

  queueDepth(): number {
    let depth = 0
    for (const consumer of this.#consumers()) depth += consumer.usedBytes()
    return depth
  }

  queueCapacity(): number {
    const { lanes, edges, peers, config } = this.#deps
    return (
      lanes.length * config.feedRingBytes +
      edges.length * config.controlRingBytes +
      peers.length * (config.peerRingBytes + config.controlRingBytes)
    )
  }

  gauge(): void {
    const { metrics } = this.#deps
    metrics.set(M.items, this.items.size)
    metrics.set(M.rows, this.#tables.rows)
    metrics.set(M.sessions, this.sessions.count)
    metrics.set(M.sessionsUnbound, this.sessions.unboundCount)
    metrics.set(M.valueStoreBytes, this.store.usedBytes)
    metrics.set(M.updatesWaiting, this.sessions.countWaiting())
  }

  *#consumers(): IterableIterator<RecordConsumer> {
    for (const lane of this.#deps.lanes) yield lane.data
    for (const edge of this.#deps.edges) yield edge.control
    for (const peer of this.#deps.peers) yield peer.lane.data
  }

  #onLane(lane: LaneLink, type: number, offset: number, length: number): boolean {
    const { memory } = lane.data
    switch (type) {
      case UPDATE:
      case DELETE:
        return this.#onUpdate(lane, type, offset, length)
      case BIND_ITEM:
        lane.items[memory.words[offset >> 2]!] = {
          name: textOf(readText(memory, offset + 4, length - 4)),
          item: null,
          isUnbinding: false,
        }
        return true
      case BIND_FIELD:
        lane.fields[memory.words[offset >> 2]!] = this.fields.idOf(textOf(readText(memory, offset + 4, length - 4)))
        return true
      case UNBOUND:
        return this.#onUnbound(lane, memory.words[offset >> 2]!)
      case FEED_UP: {
        const slot = memory.words[offset >> 2]!
        const name = readText(memory, offset + 8, length - 8)
        const flags = memory.words[(offset >> 2) + 1]!
        this.#keeper.feedUp(lane, new FeedSource(name, slot, flags >>> 1, (flags & FEED_ON_DEMAND) !== 0))
        return true
      }
      case HANDLES: {
        const source = lane.sources[memory.words[offset >> 2]!]
        const targets = JSON.parse(readText(memory, offset + 4, length - 4)) as string[]
        if (source !== null && source !== undefined) this.messages.handles(lane, source, targets)
        return true
      }
      case ANSWERED:
        this.messages.answered(memory.words[(offset >> 2) + 1]!, readText(memory, offset + 8, length - 8))
        return true
      case FEED_DOWN:
      case FEED_SILENT:
      case FEED_ALIVE:
        return this.#onFeedLife(lane, type, memory.words[offset >> 2]!)
      case REPLICA_STALE: {
        const item = this.#itemOf(lane, memory.words[offset >> 2]!)
        if (item !== null) this.merger.setStale(item, memory.words[(offset >> 2) + 1] === 1, this.#nowMs)
        return true
      }
      default:
        throw new Error(`a lane carries no record of type ${type}`)
    }
  }

  /** A record of the core that is home to items replicated here. */
  #onPeer(lane: LaneLink, intake: ReplicaIntake, type: number, offset: number, length: number): boolean {
    const { memory } = lane.data
    if (type === BIND_ITEM) intake.begin()
    if (type !== REPLICA && type !== REPLICA_ROW && type !== REPLICA_ENTRY) {
      return this.#onLane(lane, type, offset, length)
    }
    const binding = lane.items[memory.words[offset >> 2]!]!
    const item = this.items.find(binding.name)
    // It may answer a wish that was withdrawn meanwhile: then this number is for nobody.
    if (item === null || item.wish !== memory.words[(offset >> 2) + 2]) return true
    if (type !== REPLICA) {
      intake.stage(type, memory, offset, length)
      return true
    }
    binding.item = item
    intake.take(item, memory, offset)
    if (item.isAsked && item.isKnown) this.items.notePublished(item)
    return true
  }

  #onUpdate(lane: LaneLink, type: number, offset: number, length: number): boolean {
    const { memory } = lane.data
    const word = offset >> 2
    const item = this.#itemOf(lane, memory.words[word]!)
    if (item === null) {
      if (!lane.isPeer) this.#refuse(lane, memory.words[word + 1]!, memory.words[word + 2]!, 'FEED_ITEMS_TOO_MANY')
      return true
    }
    if (Number.isNaN(this.#oldestMs)) this.#oldestMs = memory.doubles[(offset >> 3) + 3]!
    const hasReplicas = item.replicas.length > 0
    if (hasReplicas && !this.#replicas.reserve(lane, item, memory, offset, length)) return false
    if (type === DELETE) {
      this.merger.delete(item, memory.doubles[(offset >> 3) + 3]!)
    } else {
      const source = lane.isPeer ? null : lane.sources[memory.words[word + 1]!]!
      this.merger.update(lane, item, source, memory, offset, length)
      if (item.isAsked) this.items.notePublished(item)
    }
    // Behind the merge, which has marked the fields that it refused: replicas have the same values.
    if (hasReplicas && type === UPDATE && this.#tables.isEmptied) this.#replicas.owe(item)
    else if (hasReplicas) this.#replicas.forward(lane, item, type, memory, offset, length)
    return true
  }

  /** The item behind a lane's number; on the way in from a feed it is made when it is new. */
  #itemOf(lane: LaneLink, number: number): Item | null {
    const binding = lane.items[number]
    assert(binding !== null && binding !== undefined, 'a lane binds a number before it uses it')
    if (binding.item !== null && !binding.item.isForgotten) return binding.item
    return this.#resolve(lane, number, binding)
  }

  #resolve(lane: LaneLink, number: number, binding: ItemBinding): Item | null {
    // A replica is bound by its REPLICA, and gone with its item.
    if (lane.isPeer) return null
    const item = this.items.ensure(binding.name, this.#nowMs, false)
    if (item === null) {
      this.#keeper.unbind(lane, number)
      return null
    }
    this.#wishes.onMade(item)
    binding.item = item
    item.bindings.push(lane.index, number)
    return item
  }

  #onUnbound(lane: LaneLink, number: number): boolean {
    const binding = lane.items[number]
    const item = binding?.item ?? null
    if (item !== null && !lane.isPeer) {
      // The item came back between UNBIND and now: it lives on without this number.
      for (let i = 0; i < item.bindings.length; i += 2) {
        if (item.bindings[i] === lane.index && item.bindings[i + 1] === number) {
          item.bindings.splice(i, 2)
          break
        }
      }
    }
    lane.items[number] = null
    return true
  }

  #onFeedLife(lane: LaneLink, type: number, slot: number): boolean {
    const source = lane.sources[slot]
    if (source === null || source === undefined) return true
    const tell = (item: Item, isStale: boolean) => this.#replicas.tellStale(item, isStale)
    if (type === FEED_DOWN) {
      this.messages.feedGone(source)
      return this.#keeper.feedDown(lane, source, this.#nowMs, tell)
    }
    return this.#keeper.setSilent(source, type === FEED_SILENT, this.#nowMs, tell)
  }

  #tellHome(item: Item): void {
    for (const peer of this.#deps.peers) if (peer.core === item.home) peer.interests.add(item)
  }

  /** Counts a refusal and tells the feed; where its queue is full, it is counted only. */
  #refuse(lane: LaneLink, slot: number, line: number, code: FeedErrorCode): void {
    this.#deps.metrics.add(M.updatesRefused, 1)
    this.#deps.metrics.add(M.stageRefused + CONFLATE, 1)
    if (lane.down === null) return
    const claim = lane.down.claim(12 + code.length)
    if (claim < 0) return
    lane.down.memory.words[claim >> 2] = slot
    lane.down.memory.words[(claim >> 2) + 1] = line
    lane.down.memory.words[(claim >> 2) + 2] = lane.sources[slot]?.generation ?? 0
    lane.down.commit(UPDATE_REFUSED, 12 + writeText(lane.down.memory, claim + 12, code))
  }
}

/** The text whose JSON string content this is. */
function textOf(content: string): string {
  return content.includes('\\') ? (JSON.parse(`"${content}"`) as string) : content
}

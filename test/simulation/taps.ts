/**
 * Listens at the queues of a core thread without changing what passes: the order in which a home takes lines makes the
 * truth (model.ts), and what batch hands over is held to the ledger and the bounds (session-ledger.ts).
 *
 * Where the order per item comes from, also with several feeds on one item: from the records that the item's home took
 * out of its lanes, one after another. What each record says comes from the feed's own line (slot and line number name
 * it), never from the record. A core that keeps a replica is followed by a queue beside the ring: for each record the
 * place in the item's list of events that the home had reached.
 */

import assert from 'node:assert/strict'
import {
  BIND_ITEM,
  CONTROL_TEXT,
  DELETE,
  FEED_ALIVE,
  FEED_DOWN,
  FEED_SILENT,
  FEED_UP,
  FLUSH,
  OPENED,
  REFUSED,
  REPLICA,
  REPLICA_STALE,
  readText,
  UPDATE,
} from '#src/codec/record.ts'
import type { RecordConsumer, RecordHandler, RecordMemory, RecordProducer } from '#src/ring/queue.ts'
import { type LineTruth, type ModelBounds, ModelItem, type ModelSettings, ModelSource } from './model.ts'
import type { SubscriptionWish } from './wishes.ts'

const HTTP = 'http'
/** The place behind all events that an item has. */
export const NEXT = Number.POSITIVE_INFINITY

export type OnRecord = (type: number, offset: number, length: number, memory: RecordMemory) => void

/** The consumer, telling `onTaken` each record that its handler has taken, and `onOffer` before and behind each offer. */
export function tapConsumer(
  inner: RecordConsumer,
  onTaken: OnRecord,
  onOffer?: (type: number | null, offset: number) => void,
): RecordConsumer {
  const drain = (handler: RecordHandler, countMax: number): number => {
    return inner.drain((type, offset, length) => {
      onOffer?.(type, offset)
      const isTaken = handler(type, offset, length)
      onOffer?.(null, offset)
      if (isTaken) onTaken(type, offset, length, inner.memory)
      return isTaken
    }, countMax)
  }
  return {
    memory: inner.memory,
    drain,
    isEmpty: () => inner.isEmpty(),
    usedBytes: () => inner.usedBytes(),
    isEnded: () => inner.isEnded(),
    close: () => inner.close(),
  }
}

/** The producer, telling `onCommitted` each record. */
export function tapProducer(inner: RecordProducer, onCommitted: OnRecord): RecordProducer {
  let claimed = 0
  return {
    memory: inner.memory,
    capacity: inner.capacity,
    recordBytesMax: inner.recordBytesMax,
    claim: lengthMax => {
      claimed = inner.claim(lengthMax)
      return claimed
    },
    commit: (type, length) => {
      onCommitted(type, claimed, length, inner.memory)
      inner.commit(type, length)
    },
    publish: () => inner.publish(),
    position: () => inner.position(),
    consumed: () => inner.consumed(),
    awaitRoom: () => inner.awaitRoom(),
    close: () => inner.close(),
  }
}

/** A feed's connection as the truth needs it. */
export interface LineSource {
  readonly name: string
  /** What line `line` says; null when it is no update. */
  peekLine(line: number): LineTruth | null
  /** What line `line` said; asserts that it said something and that the core has not had it before. */
  takeLine(line: number, core: number): LineTruth
}

export interface CoreObserver {
  /** The core has reached `place` in the item's events. */
  onPlace(core: number, item: ModelItem, place: number): void
  /** The core got the item's whole state at `place`, in answer to its wish of that number. */
  onWhole(core: number, item: ModelItem, place: number, wish: number): void
  /**
   * The core takes a record whose event the truth, or this core, gets behind it: the one at `place` of its item, NEXT where
   * its home takes it, null when it has been taken. `isWhole`: it is the item's whole state.
   */
  onMerging(place: number | null, isWhole: boolean): void
  /** The core has done what an edge asked. */
  onControlled(): void
  /** The core tells an edge that a stream is open, with its session's id, or why it is not. */
  onOpened(core: number, edge: number, slot: number, generation: number, id: string): void
  onRefused(edge: number, slot: number, generation: number, code: string): void
  onFlush(core: number, edge: number, offset: number, memory: RecordMemory): void
}

export class Truth {
  readonly items = new Map<string, ModelItem>()
  readonly feeds = new Map<string, LineSource>()
  /** What was published over HTTP, by its time. */
  readonly published = new Map<number, LineTruth>()
  readonly #bounds: ModelBounds
  readonly #settings: ReadonlyMap<string, ModelSettings>
  readonly #observer: CoreObserver
  /** The update that a home is taking now is none: it will be refused. */
  #isRefused = false

  constructor(bounds: ModelBounds, settings: ReadonlyMap<string, ModelSettings>, observer: CoreObserver) {
    this.#bounds = bounds
    this.#settings = settings
    this.#observer = observer
  }

  item(name: string): ModelItem {
    let item = this.items.get(name)
    if (item === undefined) {
      item = new ModelItem(name, this.#bounds, this.#settings.get(name) ?? assert.fail(`${name} has no settings`))
      this.items.set(name, item)
    }
    return item
  }

  /** Whether the rules of all its items allow a subscription its mode. */
  allows(wish: SubscriptionWish | null): boolean {
    return wish?.items.every(name => this.item(name).settings.modes.includes(wish.mode)) ?? true
  }

  /** A lane's way into `core`. */
  tapLane(inner: RecordConsumer, core: number): RecordConsumer {
    const names: string[] = []
    const slots: ({ feed: LineSource; source: ModelSource } | null)[] = []
    const http = new ModelSource(HTTP)
    const onTaken: OnRecord = (type, offset, length, memory) => {
      const { words, doubles } = memory
      const first = words[offset >> 2]!
      switch (type) {
        case BIND_ITEM:
          names[first] = contentOf(memory, offset + 4, length - 4)
          return
        case FEED_UP: {
          const name = readText(memory, offset + 8, length - 8)
          if (name === HTTP) return
          const feed = this.feeds.get(name) ?? assert.fail(`no feed is called ${name}`)
          slots[first] = { feed, source: new ModelSource(name) }
          return
        }
        case FEED_DOWN:
        case FEED_SILENT:
        case FEED_ALIVE:
          this.#onFeedLife(slots[first]?.source ?? null, type)
          if (type === FEED_DOWN) slots[first] = null
          return
        case UPDATE:
        case DELETE: {
          const item = this.item(names[first]!)
          const slot = words[(offset >> 2) + 1]!
          const line = words[(offset >> 2) + 2]!
          const up = slot === 0 ? null : (slots[slot] ?? assert.fail('a record of a feed that is not up'))
          const timeMs = doubles[(offset >> 3) + 2]!
          const truth = up === null ? this.#publishedAs(item.name, type, timeMs) : up.feed.takeLine(line, core)
          assert.equal(truth.item, item.name, 'a record is about the item of its line')
          assert.equal(truth.isDeletion, type === DELETE, 'a record is a deletion when its line is')
          item.apply(truth, up?.source ?? http, doubles[(offset >> 3) + 3]!)
          this.#observer.onPlace(core, item, item.events.length - 1)
        }
      }
    }
    const onOffer = (type: number, offset: number) => {
      if (type !== UPDATE) return
      const { words, doubles } = inner.memory
      const slot = words[(offset >> 2) + 1]!
      const up = slot === 0 ? null : (slots[slot] ?? assert.fail('a record of a feed that is not up'))
      const item = this.item(names[words[offset >> 2]!]!)
      const truth =
        up === null
          ? this.#publishedAs(item.name, type, doubles[(offset >> 3) + 2]!)
          : (up.feed.peekLine(words[(offset >> 2) + 2]!) ?? assert.fail('a record of a line that is no update'))
      this.#isRefused = item.isRefused(truth)
    }
    return this.#tapMerging(inner, onTaken, () => NEXT, onOffer)
  }

  #publishedAs(item: string, type: number, timeMs: number): LineTruth {
    if (type === DELETE) return { item, isDeletion: true, isSnapshot: false, timeMs, fields: [] }
    return this.published.get(timeMs) ?? assert.fail('an update over HTTP that nobody sent')
  }

  #onFeedLife(source: ModelSource | null, type: number): void {
    assert.ok(source !== null, 'only a feed that is up goes down or silent')
    source.isSilent = type === FEED_SILENT
    for (const item of source.items) {
      if (type === FEED_DOWN) item.sources.delete(source)
      // What is published over HTTP is no feed, and answers for nothing.
      const isStale = [...item.sources].every(each => each.isSilent || each.name === HTTP)
      if (item.state !== null) assert.equal(item.isStale, isStale, `${item.name} is stale when all its feeds are`)
    }
    if (type === FEED_DOWN) source.items.clear()
  }

  /** The home says so (its sources are looked at when the record is done with). */
  noteStale(core: number, name: string, isStale: boolean): void {
    const item = this.item(name)
    if (item.isStale === isStale || item.state === null) return
    item.setStale(isStale)
    this.#observer.onPlace(core, item, item.events.length - 1)
  }

  /** Both ends of the way from one core to another: what the home sends, and what the other takes. */
  tapPeer(out: RecordProducer, inner: RecordConsumer, target: number): [RecordProducer, RecordConsumer] {
    const names: string[] = []
    const places: { item: ModelItem; place: number }[] = []
    const producer = tapProducer(out, (type, offset, length, memory) => {
      const number = memory.words[offset >> 2]!
      if (type === BIND_ITEM) names[number] = contentOf(memory, offset + 4, length - 4)
      if (type !== UPDATE && type !== DELETE && type !== REPLICA && type !== REPLICA_STALE) return
      const item = this.item(names[number]!)
      places.push({ item, place: placeBehind(item, type, this.#isRefused) })
    })
    const onTaken: OnRecord = (type, offset, _length, memory) => {
      if (type !== UPDATE && type !== DELETE && type !== REPLICA && type !== REPLICA_STALE) return
      const { item, place } = places.shift()!
      if (type === REPLICA) this.#observer.onWhole(target, item, place, memory.words[(offset >> 2) + 2]!)
      else this.#observer.onPlace(target, item, place)
    }
    return [producer, this.#tapMerging(inner, onTaken, () => places[0]!.place)]
  }

  /** Updates and whole states tell where they lead to before they are taken. */
  #tapMerging(
    inner: RecordConsumer,
    onTaken: OnRecord,
    placeOf: () => number,
    onOffer?: (type: number, offset: number) => void,
  ): RecordConsumer {
    return tapConsumer(inner, onTaken, (type, offset) => {
      if (type !== null) onOffer?.(type, offset)
      this.#observer.onMerging(type === UPDATE || type === REPLICA ? placeOf() : null, type === REPLICA)
    })
  }

  tapControl(inner: RecordConsumer): RecordConsumer {
    return tapConsumer(inner, () => this.#observer.onControlled())
  }

  tapOut(inner: RecordProducer, core: number, edge: number): RecordProducer {
    return tapProducer(inner, (type, offset, length, memory) => {
      if (type === FLUSH) return this.#observer.onFlush(core, edge, offset, memory)
      const [slot, generation] = [memory.words[offset >> 2]!, memory.words[(offset >> 2) + 1]!]
      if (type !== OPENED && type !== REFUSED) return
      const text = readText(memory, offset + CONTROL_TEXT, length - CONTROL_TEXT)
      if (type === OPENED) this.#observer.onOpened(core, edge, slot, generation, text)
      else this.#observer.onRefused(edge, slot, generation, text)
    })
  }
}

/** Where the item's events will stand once the home has done what it is sending now. */
function placeBehind(item: ModelItem, type: number, isRefused: boolean): number {
  const count = item.events.length
  if (type === REPLICA || (type === UPDATE && isRefused)) return count - 1
  if (type === DELETE) return item.state === null ? count - 1 : count
  return type === UPDATE && item.isStale ? count + 1 : count
}

function contentOf(memory: RecordMemory, offset: number, length: number): string {
  return JSON.parse(`"${readText(memory, offset, length)}"`) as string
}

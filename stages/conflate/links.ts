/**
 * A core thread's ends of the queues to the other threads, each with the tables that turn the other side's numbers into
 * this thread's objects.
 */

import type { Item, Source } from '#src/domain/item.ts'
import type { Session } from '#src/domain/session.ts'
import type { RecordConsumer, RecordProducer } from '#src/ring/queue.ts'
import type { InFlightWords } from '#src/ring/shared-words.ts'
import { HTTP_SLOT } from '#stages/lane.ts'

/** A feed's connection as a core sees it. */
export class FeedSource implements Source {
  readonly name: string
  readonly slot: number
  /** Which of the feeds that had the slot, one after another. */
  readonly generation: number
  readonly isOnDemand: boolean
  readonly isFeed: boolean
  isSilent = false
  readonly items = new Set<Item>()

  constructor(name: string, slot: number, generation: number, isOnDemand: boolean) {
    this.name = name
    this.slot = slot
    this.generation = generation
    this.isOnDemand = isOnDemand
    this.isFeed = slot !== HTTP_SLOT
  }
}

/** What a lane's number of an item stands for; the item is null while it is purged, and when the table has no room. */
export interface ItemBinding {
  readonly name: string
  item: Item | null
  isUnbinding: boolean
}

/** The way in for updates: from a feed or edge thread, or (peer) from the core that is home to items replicated here. */
export class LaneLink {
  readonly index: number
  readonly data: RecordConsumer
  /** Null on a peer's lane. */
  readonly down: RecordProducer | null
  readonly items: (ItemBinding | null)[] = []
  /** This thread's numbers of fields by the lane's; -1 when the table was full. */
  readonly fields: number[] = []
  readonly sources: (FeedSource | null)[] = []
  /** Feeds on demand that are yet to be told what is wanted: pairs of slot and names. */
  readonly greetings: { slot: number; names: string[] }[] = []

  constructor(index: number, data: RecordConsumer, down: RecordProducer | null) {
    this.index = index
    this.data = data
    this.down = down
  }

  get isPeer(): boolean {
    return this.down === null
  }
}

/** An edge thread: requests in, bytes out. */
export class EdgeLink {
  readonly index: number
  readonly control: RecordConsumer
  readonly out: RecordProducer
  readonly inFlight: InFlightWords
  /** By slot. */
  readonly sessions: (Session | null)[] = []

  constructor(index: number, control: RecordConsumer, out: RecordProducer, inFlight: InFlightWords) {
    this.index = index
    this.control = control
    this.out = out
    this.inFlight = inFlight
  }
}

/** Another core thread: what it wants of this one's items, and the way to tell it. */
export class PeerLink {
  readonly core: number
  readonly lane: LaneLink
  readonly data: RecordProducer
  readonly control: RecordProducer
  readonly controlIn: RecordConsumer
  /** Fields that the peer has been told the number of. */
  readonly boundFields: boolean[] = []
  /** Items of which the peer is owed a whole state: it gets no update before. */
  readonly owed = new Set<Item>()
  /** The item whose whole state is on its way to the peer, and what of it comes next; it does not change meanwhile. */
  sending: Item | null = null
  nextRow = 0
  nextEntry = 0
  /** Names that the peer wants and this core has no room for, by the number of the wish; bounded by the peer's table. */
  readonly unmet = new Map<string, number>()
  /** Items whose interest is to be told to the peer, their home, when its queue has room. */
  readonly interests = new Set<Item>()
  /** Prefixes that the peer follows; those that it was told are followed here, and those that it may be to be told of. */
  readonly prefixes = new Set<string>()
  readonly toldPrefixes = new Set<string>()
  readonly untoldPrefixes = new Set<string>()
  /** Names of items at home here that the peer is to be told, as it follows a prefix of theirs. */
  readonly unannounced = new Set<string>()

  constructor(core: number, lane: LaneLink, data: RecordProducer, control: RecordProducer, controlIn: RecordConsumer) {
    this.core = core
    this.lane = lane
    this.data = data
    this.control = control
    this.controlIn = controlIn
  }
}

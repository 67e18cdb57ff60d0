/**
 * Follows the sessions of all cores: which connection asks for what, which session each one then carries and how it goes on
 * there, what each session is told and sent. It keeps a ledger of each (session-ledger.ts) and changes nothing.
 *
 * What no record between threads says is heard at the core itself: that an interest begins, that a session is told something
 * or that its client confirms a position.
 */

import assert from 'node:assert/strict'
import type { Config } from '#src/config/config.ts'
import { homeOf } from '#src/domain/home.ts'
import { SNAPSHOT_DUE } from '#src/domain/interests.ts'
import { ENTRY_SNAPSHOT } from '#src/domain/item-log.ts'
import { ENDED, type Session } from '#src/domain/session.ts'
import type { View } from '#src/domain/view.ts'
import type { RecordMemory } from '#src/ring/queue.ts'
import type { InFlightWords } from '#src/ring/shared-words.ts'
import type { Clock } from '#src/time/clock.ts'
import type { CoreRole } from '#stages/pipeline.ts'
import { checkFlush, readFlush } from './flush-record.ts'
import { isLogged, isPublished, isSameState, passes, rowsShown, shownAsIs } from './model.ts'
import type { ClientRequest } from './requests.ts'
import { SessionLedger, type TableState } from './session-ledger.ts'
import { isUpdate, readFlushText, type StreamRecord } from './stream-reader.ts'
import type { Start } from './subscription-life.ts'
import type { Truth } from './taps.ts'
import type { SessionWish, SubscriptionWish, Transport } from './wishes.ts'

/** What a client asks for on a connection. */
export interface Asked {
  readonly transport: Transport
  readonly resume: { readonly session: string; readonly position: number } | null
  /** A new session takes the place of one that is no more. */
  readonly mayOpen: boolean
  /** Of a new session. */
  readonly wish: SessionWish
  /** Carried out by a new session before its stream begins; the first ones of it. */
  readonly requests: ClientRequest[]
}

export interface SessionBookDeps {
  readonly config: Config
  readonly clock: Clock
  readonly truth: Truth
  /** By core: where it stands in each item's events. */
  readonly stands: readonly ReadonlyMap<string, number>[]
  readonly inFlight: readonly InFlightWords[]
  readonly say: (text: string) => void
}

/** A stream that was opened, until it is known how its session goes on. */
interface Opened {
  readonly ledger: SessionLedger
  readonly asked: Asked
}

const RECOVERED: StreamRecord = { recovered: true }
const EVENT_BYTES_LARGE = 65_536
const ENTRIES_LARGE = 256

export class SessionBook {
  readonly ledgers: SessionLedger[] = []
  readonly open = new Set<SessionLedger>()
  readonly #deps: SessionBookDeps
  readonly #cores: CoreRole[] = []
  readonly #byId = new Map<string, SessionLedger>()
  // By connection.
  readonly #asked = new Map<string, Asked>()
  readonly #carried = new Map<string, SessionLedger>()
  readonly #numbers = new Map<string, number>()
  readonly #positions = new Map<string, number[]>()
  #opened: Opened | null = null
  /** While a core takes an update: the event that it leads its item to. */
  merging: number | null = null
  /** What it takes is the item's whole state. */
  isWhole = false
  /** What can be checked when the truth has the event at hand. */
  readonly #later: (() => void)[] = []

  constructor(deps: SessionBookDeps) {
    this.#deps = deps
  }

  find(id: string): SessionLedger | null {
    return this.#byId.get(id) ?? null
  }

  /** The client behind a connection is about to ask for this. */
  expect(key: string, asked: Asked): void {
    this.#asked.set(key, asked)
  }

  /** The connection's stream or poll is the so-manieth of its session. */
  numberOf(key: string): number {
    return this.#numbers.get(key) ?? 0
  }

  /** Positions of the flushes that a connection was sent. */
  positionsOf(key: string): readonly number[] {
    return this.#positions.get(key) ?? []
  }

  listenTo(role: CoreRole, core: number): void {
    this.#cores[core] = role
    const { merger, sessions, interests } = role.conflate
    const begin = merger.begin.bind(merger)
    merger.begin = (view, interest, number, receivedMs, isNew = false) => {
      begin(view, interest, number, receivedMs, isNew)
      const { name } = view.item
      const { events } = this.#deps.truth.item(name)
      // A home that has forgotten an item knows nothing of what it was.
      const unknown = homeOf(name, this.#deps.config.coreThreads) === core ? events.length - 1 : -1
      const stands = this.merging ?? this.#deps.stands[core]!.get(name) ?? unknown
      const place = Math.min(stands, events.length)
      const { position } = merger
      const count = view.seq - interests.sentSeqs[interest]!
      const history =
        view.mode === 'distinct' ? this.#historyOf(view, interests.positions[interest]!, count, place) : null
      const ledger = this.#ledgerOf(interests.sessions[number]!, core)
      const owner = interests.owners[interest]!
      // What came before a whole state is told no more.
      const base = isNew && !this.isWhole ? place - 1 : place
      ledger.onBegin(owner, name, isNew, { position, place, base, history }, count)
      if (view.mode === 'distinct') this.#expectHistory(core, view, ledger.lifeOf(owner.id).wish, place, count, isNew)
    }
    const tell = sessions.tell.bind(sessions)
    sessions.tell = (session, text) => {
      tell(session, text)
      this.#ledgerOf(session, core).onTold(JSON.parse(text) as StreamRecord, text)
    }
    const confirm = sessions.confirm.bind(sessions)
    sessions.confirm = (session, position) => {
      // A session that goes on where it was asked to says so before it has a welcome.
      if (this.#opened?.ledger.session === session && session.welcome === null) this.#settleWith(RECOVERED)
      confirm(session, position)
      this.#ledgerOf(session, core).onConfirmed(position)
    }
  }

  onOpened(core: number, key: string, id: string): void {
    this.settle()
    const session = this.#cores[core]!.conflate.sessions.find(id) ?? assert.fail(`session ${id} is open`)
    const asked = this.#asked.get(key) ?? assert.fail('a session opens for a client')
    const ledger = this.#ledgerOf(session, core)
    ledger.streams++
    this.#carried.set(key, ledger)
    this.#numbers.set(key, ledger.streams)
    this.#opened = { ledger, asked }
    this.#deps.say(`core ${core}: session ${id} on ${key}, ${asked.transport} ${JSON.stringify(asked.resume)}`)
  }

  onRefused(key: string, code: string): void {
    this.settle()
    this.#deps.say(`${key} is refused: ${code}`)
    const { resume, mayOpen } = this.#asked.get(key) ?? assert.fail('who asks for nothing is not refused')
    if (code !== 'SESSION_UNKNOWN') return
    assert.ok(resume !== null && !mayOpen, 'who would have a new session gets one')
    this.#checkUnknown(resume.session)
  }

  /** The core has done what it was asked: how the session goes on is known. */
  settle(): void {
    if (this.#opened === null) return
    const { welcome } = this.#opened.ledger.session
    this.#settleWith(welcome === null ? null : (JSON.parse(welcome) as StreamRecord))
  }

  onFlush(core: number, edge: number, offset: number, memory: RecordMemory): void {
    const flush = readFlush(memory, offset)
    const { config, clock, inFlight, say } = this.#deps
    for (const { slot, generation } of flush.slots) {
      const key = keyOf(edge, slot, generation)
      const ledger = this.#carried.get(key) ?? assert.fail('a flush goes to a session')
      const { transport } = this.#asked.get(key)!
      const { records, position } = readFlushText(flush.text, transport === 'sse')
      assert.ok(position >= 0, 'a flush tells its position')
      if (this.#opened?.ledger === ledger) {
        this.#settleWith(records[0]?.[0].session === undefined ? null : records[0]![0])
      }
      say(`core ${core}: flush to ${key}, ${ledger.session.id}: ${flush.text.replaceAll('\n', ' ')}`)
      checkFlush(flush, records, inFlight[edge]!, config.windowBytes, config.flushBytesMax)
      for (const [record] of records) this.#checkNewest(ledger, record)
      const counted = records.map(([record]) => record).filter(each => isUpdate(each) || each.lost !== undefined)
      for (const own of Map.groupBy(counted, ({ sub = 0, item }) => `${sub} ${item}`).values()) {
        const { wish } = ledger.lifeOf(own[0]!.sub ?? 0)
        if (wish.mode === 'distinct') this.#checkKept(ledger, wish, own)
      }
      ledger.places.set(position, this.#placesOf(ledger, records))
      ledger.onFlush(records, position, flush.length, clock.nowMs(), this.#tablesOf(ledger, records))
      const positions = this.#positions.get(key)
      if (positions === undefined) this.#positions.set(key, [position])
      else positions.push(position)
    }
  }

  /** Between two turns of a core. */
  check(): void {
    this.settle()
    for (const check of this.#later.splice(0)) check()
    for (const ledger of this.open) {
      ledger.check()
      if (!ledger.isOpen) this.open.delete(ledger)
    }
  }

  #settleWith(welcome: StreamRecord | null): void {
    const { ledger, asked } = this.#opened!
    this.#opened = null
    const { session } = ledger
    const { resume } = asked
    if (welcome === null || welcome.recovered === true) {
      assert.ok(resume?.session === session.id, 'only a session that was there goes on')
      assert.ok(welcome !== null || asked.transport === 'poll', 'a stream begins with a welcome')
      ledger.onRecovered(resume.position)
    } else if (welcome.recovered === undefined) {
      assert.equal(resume, null, 'who resumes is told how')
    } else if (welcome.why === 'SESSION_UNKNOWN') {
      this.#checkUnknown(resume!.session)
    } else {
      const { resumeEntriesMax, resumeEventBytes } = this.#deps.config
      const hasFunctions = [...this.#deps.truth.items.values()].some(({ settings }) => settings.functions.size > 0)
      const mayForget = resumeEntriesMax < ENTRIES_LARGE || resumeEventBytes < EVENT_BYTES_LARGE || hasFunctions
      ledger.onRestarted(resume!.position, welcome.position!, welcome.why!, mayForget)
    }
  }

  #checkUnknown(id: string): void {
    const ledger = this.find(id)
    assert.ok(ledger === null || ledger.session.state === ENDED, `session ${id} is unknown when it has ended`)
  }

  /** Of distinct mode: the entry of the log at `position` stands for the event so far back; the first may be the whole value. */
  #historyOf({ item }: View, position: number, count: number, place: number): Start['history'] {
    if (count === 0) return null
    const log = item.log!
    const isState = position === 0 && log.kindAt(0) === ENTRY_SNAPSHOT
    return { place: place - (log.end - 1 - position), isState }
  }

  /** The newest updates of the item's present life, as many as are asked for or set, as far as the log has them. */
  #expectHistory(
    core: number,
    { item: { name, log } }: View,
    wish: SubscriptionWish,
    place: number,
    count: number,
    isNew: boolean,
  ): void {
    const { truth, config } = this.#deps
    const item = truth.item(name)
    const { settings } = item
    const { first, end } = log!
    const isFirstState = first === 0 && end > 0 && log!.kindAt(0) === ENTRY_SNAPSHOT
    const set = wish.hasSnapshot && settings.hasSnapshot ? (wish.historyMax ?? settings.historyMax) : 0
    const wanted = isNew ? Math.max(1, set) : set
    this.#later.push(() => {
      assert.ok(end - first >= Math.min(end, settings.logUpdates), `${name}: the log has its entries`)
      assert.ok(end - first <= settings.logUpdates, `${name}: the log has no more entries than it may`)
      if (settings.keepsLog && homeOf(name, config.coreThreads) === core) {
        const life = item.events.slice(0, place + 1)
        const entries = life.length - 1 - life.findLastIndex(({ kind }) => kind === 'purged')
        assert.equal(end, entries, `${name}: its log has been kept all its life`)
      }
      let expected = 0
      for (let at = end - 1, q = place; at >= first && expected < wanted && q >= 0; at--, q--) {
        const event = item.events[q]!
        if (event.state === null) break
        const isCounted = at === 0 && isFirstState ? passes(wish, event.state) : isPublished(event, wish)
        if (isCounted) expected++
      }
      assert.equal(count, expected, `${name}: updates in the history of ${JSON.stringify(wish)}, at ${place}`)
    })
  }

  /** Of distinct mode: what is kept is what the buffer and the log hold, and no less is told as lost. */
  #checkKept({ session, core }: SessionLedger, wish: SubscriptionWish, records: readonly StreamRecord[]): void {
    const { interests } = this.#cores[core]!.conflate
    const { sub = 0, item: name } = records[0]!
    for (let interest = session.first; interest < session.end; interest++) {
      const view = interests.views[interest]!
      if (interests.ids[interest] !== sub || view.item.name !== name) continue
      const kept = records.filter(isUpdate).length + view.seq - interests.sentSeqs[interest]!
      const log = view.item.log!
      const { events } = this.#deps.truth.item(name)
      let held = 0
      for (let at = log.end - 1, q = this.#deps.stands[core]!.get(name) ?? -1; at >= log.first && q >= 0; at--, q--) {
        const isState = at === 0 && log.kindAt(0) === ENTRY_SNAPSHOT
        if (isState ? passes(wish, events[q]!.state) : isPublished(events[q]!, wish)) held++
      }
      const room = Math.min(wish.bufferSize === 0 ? held : wish.bufferSize, held)
      const isLost = records.some(({ lost }) => lost !== undefined)
      const label = `${session.id}: ${kept} of ${name} are kept, where ${room} find room`
      assert.ok(isLost ? kept === room : kept <= room, label)
    }
  }

  /** Where items with merge functions stand that the flush is about. */
  #placesOf({ core }: SessionLedger, records: readonly [StreamRecord, string][]): Map<string, number> {
    const places = new Map<string, number>()
    for (const [{ item }] of records) {
      if (item === undefined || this.#deps.truth.item(item).settings.functions.size === 0) continue
      places.set(item, this.#deps.stands[core]!.get(item) ?? -1)
    }
    return places
  }

  /** Tables that the flush is about. */
  #tablesOf({ session, core }: SessionLedger, records: readonly [StreamRecord, string][]): TableState[] {
    const { conflate } = this.#cores[core]!
    const { interests } = conflate
    const { views, ids, sentSeqs, flags, limits } = interests
    const named = new Set(records.map(([{ sub = 0, item }]) => `${sub} ${item}`))
    const found: TableState[] = []
    for (let interest = session.first; interest < session.end; interest++) {
      const view = views[interest]!
      const [sub, item] = [ids[interest]!, view.item.name]
      if (view.rows === null || !named.has(`${sub} ${item}`)) continue
      const isCut = interests.isWaiting(interest)
      const isLacking =
        isCut ||
        limits[interest]?.isHeld === true ||
        (flags[interest]! & SNAPSHOT_DUE) !== 0 ||
        view.seq !== sentSeqs[interest]
      found.push({ sub, item, place: this.#deps.stands[core]!.get(item) ?? -1, isLacking, isCut })
    }
    return found
  }

  /** Merge mode tells what the item is now, whatever it was in between, and mode command what a row is. */
  #checkNewest(ledger: SessionLedger, record: StreamRecord): void {
    const { sub = 0, item, fields, snapshot, out, key, command } = record
    if (item === undefined || (fields === undefined && out === undefined && command === undefined)) return
    const { wish } = ledger.lifeOf(sub)
    if (isLogged(wish)) return
    const { state, rows } = this.#deps.truth.item(item).events[this.#deps.stands[ledger.core]!.get(item)!]!
    assert.ok(state !== null, `${item} is told, and is no more`)
    if (command !== undefined) {
      const row = rowsShown(rows, wish).get(key!)
      const isDelete = command === 'DELETE'
      assert.equal(row === undefined, isDelete, `${item}: ${command} of ${key}, which is ${JSON.stringify(row)}`)
      if (command === 'ADD') assert.deepEqual({ ...fields }, { ...row }, `${item}: ${key} is told whole`)
      for (const [name, value] of Object.entries(fields ?? {})) {
        assert.equal(value, row![name], `${item}: ${name} of ${key} is told as it is now`)
      }
      return
    }
    assert.equal(out !== true, passes(wish, state), `${item}: what passes the filter, and what does not`)
    if (out === true) return
    const { functions } = this.#deps.truth.item(item).settings
    const seen = shownAsIs(this.#deps.truth.item(item), wish, state)
    const told = new Map(Object.entries(fields!).filter(([name]) => !functions.has(name)))
    if (snapshot === true) assert.ok(isSameState(seen, told), `${item}: a snapshot is what the item is now`)
    else for (const [name, value] of told) assert.equal(value, seen.get(name), `${item}: ${name} is told as it is now`)
  }

  #ledgerOf(session: Session, core: number): SessionLedger {
    const known = this.#byId.get(session.id)
    if (known !== undefined) return known
    const { edge, slot, generation } = session
    const { wish, requests } = this.#asked.get(keyOf(edge, slot, generation)) ?? assert.fail('nobody asked for it')
    const { interests } = this.#cores[core]!.conflate
    const { maxFrequencyCap } = this.#deps.config
    const ledger = new SessionLedger(session, interests, core, wish, requests, maxFrequencyCap, this.#deps.truth)
    this.#byId.set(session.id, ledger)
    this.ledgers.push(ledger)
    this.open.add(ledger)
    return ledger
  }
}

export function keyOf(edge: number, slot: number, generation: number): string {
  return `${edge}:${slot}:${generation}`
}

/**
 * A simulated client: real requests through fake sockets, the real bytes read at a random speed, what they say held to the
 * truth (session-view.ts). It stalls, loses its stream or leaves it, comes back with the last position that it has handled,
 * on another edge and another transport, sometimes while its old stream is still there or twice at once; meanwhile it asks
 * for changes on other connections, which get lost and come twice and out of order.
 *
 * Only the newest of its streams counts: what an older one says is read and believed until the newer one has begun, at most.
 */

import assert from 'node:assert/strict'
import type { Config } from '#src/config/config.ts'
import type { Clock } from '#src/time/clock.ts'
import type { Random } from '../support/random.ts'
import { Asker } from './asker.ts'
import { Connection } from './connection.ts'
import { FAULTS } from './faults.ts'
import { type ClientRequest, idRequest, noLimits, randomRequest } from './requests.ts'
import type { Asked } from './session-book.ts'
import type { SessionLedger } from './session-ledger.ts'
import { SessionView } from './session-view.ts'
import { StreamReader, type StreamRecord } from './stream-reader.ts'
import type { Truth } from './taps.ts'
import { type Choices, randomSession, sessionQuery } from './wishes.ts'

/** What a client stands in. */
export interface ClientNetwork {
  readonly config: Config
  readonly clock: Clock
  readonly truth: Truth
  readonly choices: Choices
  /** Offers a connection to some edge; the connection has its key when it was let in. */
  connect(connection: Connection): void
  /** What is about to be asked for on a connection. */
  expect(connection: Connection, asked: Asked): void
  say(text: string): void
  ledgerOf(session: string): SessionLedger | null
  /** Positions of the flushes that were sent on a connection. */
  positionsOf(connection: Connection): readonly number[]
}

/** A stream or a poll. */
interface Attempt {
  readonly connection: Connection
  readonly asked: Asked
  readonly sinceMs: number
  /** Its first record has come. */
  hasBegun: boolean
  /** Of a poll: the client will not wait for the whole answer. */
  readonly isToBeLost: boolean
  /** Of the last words. */
  closing: string
  /** Events have come that are of no flush. */
  hasLastWords: boolean
}

/** When a client comes back whose request was refused because something is full. */
const RETRY_MS = 20
/** Steps in which time passes at the end. */
const HELD_SLACK_MS = 50
/** A stream that has been taken ends so; a destroyed session, a stalled connection. */
const CLOSINGS = ['SESSION_REBOUND', 'SESSION_DESTROYED', 'NO_PROGRESS']

export class ClientActor {
  readonly id: string
  view: SessionView | null = null
  isGone = false
  readonly #random: Random
  readonly #network: ClientNetwork
  #current: Attempt | null = null
  /** Whose records count. */
  #believed: Attempt | null = null
  readonly #old: Attempt[] = []
  readonly #asker: Asker
  /** A connection that has brought the answer to a poll, for the next one. */
  #idle: Connection | null = null
  #resumeAtMs = 0
  #isSettling = false
  #lifted: SessionLedger | null = null
  /** Connections that it has closed in order. */
  readonly #left: Connection[] = []

  constructor(id: string, random: Random, network: ClientNetwork) {
    this.id = id
    this.#random = random
    this.#network = network
    this.#asker = new Asker({
      id,
      random,
      network,
      connect: () => this.#connect(),
      close: connection => this.#close(connection),
    })
    this.#begin()
  }

  /** Everything that it has open, or has had: the server may not know yet that it has left. */
  *connections(): IterableIterator<Connection> {
    for (const { connection } of this.#streams()) yield connection
    yield* this.#asker.connections()
    if (this.#idle !== null) yield this.#idle
  }

  /** Streams whose heads have come. */
  streamConnections(): readonly Connection[] {
    return [...this.#streams()].map(({ connection }) => connection).filter(({ reader }) => reader?.isStream === true)
  }

  /** It has the stream that it wants, or a poll is held. */
  get isStreaming(): boolean {
    return !this.isGone && this.#current !== null && this.#current === this.#believed && this.#current.closing === ''
  }

  step(): void {
    if (this.isGone) return
    const random = this.#random
    this.#asker.step()
    for (const attempt of [...this.#old]) this.#stepOld(attempt)
    const current = this.#current
    if (current === null) {
      if (this.#network.clock.nowMs() >= this.#resumeAtMs) this.#begin()
      return
    }
    current.connection.sendSome(random)
    if (random.chance(FAULTS.clientReset)) return this.#lose(current, () => current.connection.reset())
    if (random.chance(FAULTS.clientEnd)) return this.#lose(current, () => this.#close(current.connection))
    if (current.connection.stallSteps > 0) current.connection.stallSteps--
    else if (random.chance(FAULTS.clientStall))
      current.connection.stallSteps = 5 + random.int(random.chance(FAULTS.longStall) ? 600 : 150)
    else this.#readSome(current)
    const { play } = this.#network.choices
    if (this.#current === current && play.resumes && random.chance(FAULTS.earlyResume)) this.#begin()
    if (play.hasRequests && this.view !== null) this.#asker.ask(this.view)
  }

  /** From now on nothing goes wrong, and it sees to it that it has all that it wants. */
  settle(): void {
    this.#isSettling = true
    for (const attempt of [...this.#old]) {
      attempt.connection.reset()
      this.#drop(attempt)
    }
    // What waits in the server for a request that was lost waits longer than this.
    this.#asker.lose()
    for (const connection of this.connections()) connection.socket.kernelBytesMax = 1e9
  }

  /** Lifts what keeps its session from having everything at once. */
  #lift(): void {
    const ledger = this.view?.ledger ?? null
    if (ledger === null || ledger === this.#lifted || !this.#network.choices.play.hasRequests) return
    this.#lifted = ledger
    const { requests } = ledger
    for (let id = 0; id < 4; id++) {
      if (this.#random.chance(0.7)) requests.push(idRequest(requests.length + 1, 'resume', id))
    }
    requests.push(noLimits(requests.length + 1))
  }

  /** Sends and reads everything, comes back and asks again where that is due. Returns whether it began something. */
  settleStep(): boolean {
    for (const connection of this.connections()) {
      connection.sendAll()
      if (this.isGone) connection.socket.peerRead(1e9)
    }
    // Who has closed its side still takes what is left.
    for (const connection of this.#left) connection.socket.peerRead(1e9)
    if (this.isGone) return false
    this.#asker.readAll()
    for (const attempt of [...this.#old, ...(this.#current === null ? [] : [this.#current])])
      this.#readFrom(attempt, 1e9)
    if (this.isGone) return false
    if (this.#current === null) {
      if (this.#network.clock.nowMs() < this.#resumeAtMs) return false
      this.#begin()
      return true
    }
    this.#lift()
    return this.view !== null && this.#asker.sendUnanswered(this.view)
  }

  leave(): void {
    this.isGone = true
    for (const connection of this.connections()) if (!connection.isLeft) connection.reset()
  }

  /** At the end, when all has been read. */
  checkSettled(): void {
    if (!this.isStreaming) return
    assert.ok(this.view !== null)
    this.view.checkSettled()
    const { asked, sinceMs } = this.#current!
    const heldMs = asked.transport === 'poll' ? this.#network.clock.nowMs() - sinceMs : 0
    assert.ok(
      heldMs <= this.#network.config.pollWaitMs + HELD_SLACK_MS,
      `client ${this.id}: a poll is held for ${heldMs} ms`,
    )
    const open = this.view.ledger.requests.filter(({ answer }) => answer === null)
    assert.deepEqual(open, [], `client ${this.id}: requests without an answer`)
  }

  *#streams(): IterableIterator<Attempt> {
    yield* this.#old
    if (this.#current !== null) yield this.#current
  }

  // ── Streams and polls ──────────────────────────────────────────────────────────────────────────────────────────────

  /** Asks for a new session, or takes up the one that it has; sometimes twice at once. */
  #begin(): void {
    const isResuming = this.view !== null
    this.#attempt()
    if (isResuming && !this.#isSettling && this.#random.chance(FAULTS.doubleResume)) this.#attempt()
  }

  #attempt(): void {
    const random = this.#random
    const asked = this.#whatToAsk()
    if (this.#current !== null) {
      // What the old stream goes on to say may count until the new one has begun.
      if (this.#believed !== this.#current || random.chance(0.5)) this.#believed = null
      this.#old.push(this.#current)
    }
    if (this.view !== null && asked.resume?.session === this.view.id) this.view.pinned = asked.resume.position
    const isToBeLost = !this.#isSettling && asked.transport === 'poll' && random.chance(FAULTS.lostPoll)
    const connection = this.#connectionFor(asked)
    const sinceMs = this.#network.clock.nowMs()
    const attempt: Attempt = {
      connection,
      asked,
      sinceMs,
      hasBegun: false,
      isToBeLost,
      closing: '',
      hasLastWords: false,
    }
    this.#current = attempt
    this.#network.expect(connection, asked)
    const listener = {
      onRecord: (record: StreamRecord, json: string) => this.#onRecord(attempt, record, json),
      onFlush: (position: number) => this.#onFlush(attempt, position),
    }
    connection.send(this.#requestFor(asked), new StreamReader(asked.transport === 'sse', listener))
  }

  #whatToAsk(): Asked {
    const random = this.#random
    const { choices } = this.#network
    const transport = random.pick(choices.play.transports)
    const { view } = this
    const wish = { ...randomSession(random, choices), ...(this.#isSettling ? { maxBandwidth: 0 } : {}) }
    if (view === null) {
      const requests: ClientRequest[] = []
      const count = choices.play.hasRequests && random.chance(0.3) ? 1 + random.int(2) : 0
      while (requests.length < count) requests.push(randomRequest(random, requests.length + 1, choices))
      return { transport, resume: null, mayOpen: true, wish, requests }
    }
    let position = view.position
    if (!this.#isSettling && random.chance(FAULTS.oldPosition)) position = random.pick(view.positions.slice(0, 4))
    else if (!this.#isSettling && random.chance(FAULTS.wrongPosition)) position += 1_000_000
    const mayOpen = wish.opening !== null || random.chance(0.3)
    return { transport, resume: { session: view.id, position }, mayOpen, wish, requests: [] }
  }

  #connectionFor({ transport }: Asked): Connection {
    const idle = this.#idle
    this.#idle = null
    if (idle !== null) {
      if (idle.isOpen && transport === 'poll' && this.#random.chance(0.7)) return idle
      this.#close(idle)
    }
    return this.#connect()
  }

  #connect(): Connection {
    const connection = new Connection(this.#isSettling ? 1e9 : 100 + this.#random.int(2_500))
    this.#network.connect(connection)
    return connection
  }

  #requestFor({ transport, resume, mayOpen, wish, requests }: Asked): string {
    const random = this.#random
    const isHttp10 = transport !== 'poll' && random.chance(0.2)
    const parameters = [sessionQuery(wish)]
    const headers: string[] = []
    if (transport !== 'poll')
      headers.push(`Accept: ${transport === 'sse' ? 'text/event-stream' : 'application/x-ndjson'}`)
    if (resume !== null) {
      const { session, position } = resume
      if (random.chance(0.5)) headers.push(`Last-Event-ID: ${session}.${position}`)
      else parameters.push(`session=${session}`, `position=${position}`)
      if (mayOpen && wish.opening === null) parameters.push('new=true')
    }
    if (transport === 'poll' && random.chance(0.5)) {
      parameters.push(`wait=${this.#isSettling ? this.#network.config.pollWaitMs : random.int(50)}`)
    }
    const path = transport === 'poll' ? '/poll' : '/stream'
    const body = requests.map(({ text }) => `${text}\n`).join('')
    const method = body === '' ? 'GET' : 'POST'
    if (body !== '') headers.push(`Content-Length: ${Buffer.byteLength(body)}`)
    const query = parameters.filter(each => each !== '').join('&')
    const target = query === '' ? path : `${path}?${query}`
    const head = [`${method} ${target} HTTP/1.${isHttp10 ? 0 : 1}`, 'Host: localhost', ...headers]
    return `${head.join('\r\n')}\r\n\r\n${body}`
  }

  #readSome(attempt: Attempt): void {
    const random = this.#random
    const bytesMax = random.int(random.pick([20, 300, 3_000]))
    if (attempt.isToBeLost && random.chance(0.3)) {
      attempt.connection.read(bytesMax)
      return this.#lose(attempt, () => attempt.connection.reset(), 0)
    }
    this.#readFrom(attempt, bytesMax)
  }

  #stepOld(attempt: Attempt): void {
    const random = this.#random
    attempt.connection.sendSome(random)
    if (random.chance(0.02)) {
      attempt.connection.reset()
      this.#drop(attempt)
    } else {
      this.#readFrom(attempt, random.int(random.pick([20, 300, 3_000])))
    }
  }

  #readFrom(attempt: Attempt, bytesMax: number): void {
    const { connection, asked } = attempt
    connection.read(bytesMax)
    const reader = connection.reader!
    if (!reader.isStream && reader.isComplete) this.#onAnswer(attempt, reader)
    else if (connection.isAtEnd) this.#onServerEnd(attempt, asked.transport !== 'poll' && reader.isStream)
  }

  /** The whole answer to a poll, or why there is no stream. */
  #onAnswer(attempt: Attempt, reader: StreamReader): void {
    const { connection, asked } = attempt
    const { status } = reader
    if (status === 200) {
      assert.equal(asked.transport, 'poll')
      reader.takeBody()
    } else {
      const isTooMuch = status === 400 && reader.body.includes('"ITEMS_TOO_MANY"')
      const isMode =
        status === 400 && reader.body.includes('"MODE_NOT_ALLOWED"') && !this.#network.truth.allows(asked.wish.opening)
      assert.ok(
        isTooMuch || isMode || [404, 409, 503].includes(status),
        `client ${this.id}: status ${status}: ${reader.body}`,
      )
    }
    connection.reader = null
    const isCurrent = attempt === this.#current
    if (connection.isOpen && this.#idle === null && isCurrent) this.#idle = connection
    else this.#close(connection)
    this.#drop(attempt)
    if (!isCurrent) return
    this.#current = null
    if (status === 404) this.#forgetSession()
    if (status !== 200 && status !== 404) this.#comeBack(RETRY_MS)
    else this.#comeBack(this.#isSettling ? 0 : this.#random.int(20))
  }

  #onServerEnd(attempt: Attempt, isStream: boolean): void {
    const { connection, closing } = attempt
    if (closing === 'SESSION_DESTROYED') this.#forgetSession()
    if (isStream && closing === '') {
      assert.ok(connection.hasStalled, `client ${this.id}: the stream ended without a reason`)
    }
    // Some leave their side open until the server cuts it.
    if (this.#isSettling || this.#random.chance(0.95)) connection.end()
    this.#drop(attempt)
    if (attempt !== this.#current) return
    this.#current = null
    if (connection.key === '') this.#comeBack(RETRY_MS)
    else this.#afterLoss(this.#pauseMs())
  }

  /** The client leaves a stream, or has lost it. */
  #lose(attempt: Attempt, how: () => void, afterMs = this.#pauseMs()): void {
    how()
    this.#drop(attempt)
    this.#current = null
    this.#afterLoss(afterMs)
  }

  #drop(attempt: Attempt): void {
    const at = this.#old.indexOf(attempt)
    if (at >= 0) this.#old.splice(at, 1)
    if (this.#believed === attempt) this.#believed = null
  }

  #afterLoss(afterMs: number): void {
    const { play } = this.#network.choices
    if (!this.#isSettling && (!play.resumes || this.#random.chance(FAULTS.giveUp))) this.leave()
    else this.#comeBack(afterMs)
  }

  #comeBack(afterMs: number): void {
    if (!this.#network.choices.play.resumes) return this.leave()
    this.#resumeAtMs = this.#network.clock.nowMs() + afterMs
  }

  /** Before, or after, its session is given up. */
  #pauseMs(): number {
    if (this.#isSettling) return 0
    const { resumeMs } = this.#network.config
    return this.#random.int(this.#random.pick([1, 50, 200, Math.min(2 * resumeMs, 3_000)]))
  }

  /** The server says that its session is no more. */
  #forgetSession(): void {
    if (this.view?.ledger.isOpen !== false) return
    this.view = null
    this.#believed = null
  }

  // ── What streams say ───────────────────────────────────────────────────────────────────────────────────────────────

  #onRecord(attempt: Attempt, record: StreamRecord, json: string): void {
    assert.equal(attempt.closing, '', `client ${this.id}: nothing comes after the last words`)
    if (record.closing !== undefined) {
      attempt.closing = record.closing.code
      // What does not count may be of a session before.
      const hasGivenUp = attempt !== this.#believed || this.view?.ledger.hasEverGivenUp !== false
      const isTold = attempt.closing === 'SERVER_BUSY' && hasGivenUp
      assert.ok(isTold || CLOSINGS.includes(attempt.closing), `client ${this.id}: ${json}`)
      if (attempt.closing === 'SESSION_DESTROYED') this.#forgetSession()
      return
    }
    const isFirst = !attempt.hasBegun
    attempt.hasBegun = true
    if (!isFirst) assert.equal(record.session, undefined, `client ${this.id}: a welcome is the first record`)
    else if (attempt === this.#current) this.#believe(attempt, record)
    if (attempt !== this.#believed || record.session !== undefined) return
    const position = this.#network.positionsOf(attempt.connection)[attempt.connection.flushesRead]
    if (position === undefined) {
      // What a session that ends was told, and not sent, goes with its last words.
      attempt.hasLastWords = true
      const isEvent = record.item === undefined || record.deleted === true
      assert.ok(isEvent, `client ${this.id}: data of no flush: ${json}`)
    }
    this.view!.take(record, json, position ?? Number.NaN)
  }

  #onFlush(attempt: Attempt, position: number): void {
    const { connection } = attempt
    const sent = this.#network.positionsOf(connection)[connection.flushesRead++]
    assert.equal(position, sent, `client ${this.id}: a flush is as it was sent`)
    assert.ok(!attempt.hasLastWords, `client ${this.id}: nothing but the end follows what is of no flush`)
    if (!attempt.hasBegun) {
      attempt.hasBegun = true
      if (attempt === this.#current) this.#believe(attempt, {})
    }
    if (attempt === this.#believed) this.view!.finish(position)
  }

  /** The newest stream has begun: how it goes on is told by its welcome, which a poll that just goes on has not. */
  #believe(attempt: Attempt, first: StreamRecord): void {
    const { session, position, recovered, why } = first
    const { transport, resume, mayOpen } = attempt.asked
    const label = `client ${this.id}`
    this.#believed = attempt
    if (session === undefined || recovered === true) {
      const isGoingOn = resume !== null && (transport === 'poll' || recovered === true)
      assert.ok(isGoingOn, `${label}: a stream begins with a welcome`)
      if (session !== undefined)
        assert.deepEqual({ session, position }, resume, `${label}: goes on where it was asked to`)
      if (this.#isEndKnown(resume.session)) return
      assert.equal(this.view?.id, resume.session, `${label}: goes on with the session that it has`)
      this.view!.goBack(resume.position)
      return
    }
    if (recovered === false && why !== 'SESSION_UNKNOWN') {
      if (this.#isEndKnown(session)) return
      assert.ok(session === resume?.session && session === this.view?.id, `${label}: begins anew with its session`)
      this.view!.beginAnew(first)
      return
    }
    assert.ok(resume === null ? recovered === undefined : recovered === false && mayOpen, `${label}: a new session`)
    assert.notEqual(session, resume?.session, `${label}: a new session`)
    const ledger = this.#network.ledgerOf(session) ?? assert.fail(`${label}: session ${session} was opened`)
    this.view = new SessionView(ledger, position!, this.#network.truth, this.#network.config.rawLogUpdates)
  }

  /** Another stream has told the end of the session meanwhile; this one will. */
  #isEndKnown(session: string): boolean {
    if (this.view !== null) return false
    assert.ok(this.#network.ledgerOf(session)?.isOpen === false, `client ${this.id}: the session that it had has ended`)
    this.#believed = null
    return true
  }

  #close(connection: Connection): void {
    if (connection.isLeft) return
    connection.end()
    this.#left.push(connection)
  }
}

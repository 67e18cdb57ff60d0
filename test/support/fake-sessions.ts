/**
 * The sessions and items of the fake server, without sockets: who opens, resumes and controls what, and the truth that
 * clients should arrive at.
 */

import type { FakeFields } from './fake-filter.ts'
import { type FakeOwner, FakeSession, type FakeStream } from './fake-session.ts'

export interface FakeItem {
  readonly name: string
  fields: Record<string, string | null>
  isStale: boolean
  /** Its newest updates, at most LOG_MAX. */
  readonly log: FakeFields[]
  /** Of a table, by key. */
  readonly rows: Map<string, FakeFields>
}

export interface FakeRefusal {
  readonly status: number
  readonly code: string
}

/** How the welcome promises to behave. */
export interface FakePromises {
  readonly keepaliveMs: number
  readonly resumeMs: number
}

const LOG_MAX = 20
const NOT_FOUND: FakeRefusal = { status: 404, code: 'SESSION_UNKNOWN' }

export class FakeSessions {
  readonly items = new Map<string, FakeItem>()
  readonly sessions = new Map<string, FakeSession>()
  /** All that handlers were handed. */
  readonly messages: { readonly to: string; readonly data: unknown }[] = []
  /** Answers to messages by whom they are for; what it gives is the outcome's result. */
  readonly handlers = new Map<string, (data: unknown) => unknown>()
  /** How many streams were welcomed, by how. */
  readonly welcomes = { new: 0, recovered: 0, lost: 0 }
  epoch = 'e1'
  /** A flush has at most so many rows of tables. */
  flushRowsMax = Number.POSITIVE_INFINITY
  readonly #promises: FakePromises
  /** Calls when what happens now is over: then what is dirty is flushed. */
  readonly #later: (call: () => void) => void
  readonly #dirty = new Set<FakeSession>()
  #lastId = 0

  constructor(promises: FakePromises, later: (call: () => void) => void) {
    this.#promises = promises
    this.#later = later
  }

  // ── The truth ──────────────────────────────────────────────────────────────────────────────────────────────────────

  publish(name: string, fields: Record<string, string | null>, isSnapshot = false): void {
    const item = this.#item(name)
    item.fields = isSnapshot ? { ...fields } : { ...item.fields, ...fields }
    item.log.push({ ...fields })
    if (item.log.length > LOG_MAX) item.log.shift()
    for (const session of this.sessions.values()) session.updated(item, fields, isSnapshot)
  }

  /** A row comes, or changes; null: it goes. */
  publishRow(name: string, key: string, fields: FakeFields | null): void {
    const item = this.#item(name)
    if (fields === null) item.rows.delete(key)
    else item.rows.set(key, { ...item.rows.get(key), ...fields })
    for (const session of this.sessions.values()) session.tableChanged(item)
  }

  #item(name: string): FakeItem {
    const item = this.items.get(name) ?? { name, fields: {}, isStale: false, log: [], rows: new Map() }
    this.items.set(name, item)
    return item
  }

  delete(name: string): void {
    if (!this.items.delete(name)) return
    for (const session of this.sessions.values()) session.marked(name, { deleted: true })
  }

  setStale(name: string, isStale: boolean): void {
    const item = this.items.get(name)
    if (item === undefined || item.isStale === isStale) return
    item.isStale = isStale
    for (const session of this.sessions.values()) session.marked(name, { stale: isStale })
  }

  // ── What may go wrong ──────────────────────────────────────────────────────────────────────────────────────────────

  /** Another server comes in the place of this one: it has the items, and knows no session. */
  restart(): void {
    for (const { stream } of this.sessions.values()) {
      stream?.end({ code: 'SERVER_CLOSING', message: 'the test says so', retryMs: 1 })
    }
    this.sessions.clear()
    this.epoch = `e${Number(this.epoch.slice(1)) + 1}`
  }

  /** Streams end, with a flush on its way that nobody can be resumed from before. */
  forgetLogs(): void {
    for (const session of this.sessions.values()) {
      session.stream?.end({ code: 'SERVER_CLOSING', message: 'the test says so', retryMs: 1 })
      session.stream = null
      session.flush()
      session.position += 1
      session.log = []
      session.logStart = session.position
    }
  }

  /** The only session. */
  get only(): FakeSession {
    const [session, ...others] = this.sessions.values()
    if (session === undefined || others.length > 0) throw new Error(`${this.sessions.size} sessions`)
    return session
  }

  // ── Requests ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Binds a stream, and welcomes it unless it is a poll that goes on. */
  open(stream: FakeStream, parameters: URLSearchParams, lines: string): FakeSession | FakeRefusal {
    const id = parameters.get('session')
    const known = id === null ? undefined : this.sessions.get(id)
    if (id !== null && known === undefined && !parameters.has('new')) return NOT_FOUND
    const session = known ?? this.#create(parameters)
    const isPollingOn = stream.transport === 'poll' && session.stream?.transport === 'poll'
    const position = known === undefined ? null : Number(parameters.get('position'))
    const more = known === undefined && id !== null ? { recovered: false, why: 'SESSION_UNKNOWN' } : {}
    const welcome = { ...this.#welcomeOf(session), ...more, ...session.bind(stream, position) }
    if (stream.transport === 'poll' && position !== null) session.confirm(Math.min(position, session.position))
    if (!isPollingOn || welcome.recovered === false) {
      this.#count(welcome)
      stream.send([welcome], null)
    }
    session.answerInStream(session.carryOut(lines))
    this.dirty(session)
    return session
  }

  control(id: string, lines: string): object[] | FakeRefusal {
    const session = this.sessions.get(id)
    return session === undefined ? NOT_FOUND : session.carryOut(lines)
  }

  /** The stream has ended; its session waits for another one. */
  unbind(session: FakeSession, stream: FakeStream): void {
    if (session.stream === stream) session.stream = null
  }

  dirty(session: FakeSession): void {
    if (this.#dirty.size === 0) this.#later(() => this.#flush())
    this.#dirty.add(session)
  }

  #flush(): void {
    const sessions = [...this.#dirty]
    this.#dirty.clear()
    for (const session of sessions) {
      if (session.stream?.canSend !== true || !session.hasSomething) continue
      const { records, position } = session.flush()
      session.stream.send(records, position)
      // A flush has an end, what there is to say may have none.
      if (session.hasSomething) this.dirty(session)
    }
  }

  #create(parameters: URLSearchParams): FakeSession {
    const owner: FakeOwner = {
      items: () => this.items.values(),
      flushRowsMax: () => this.flushRowsMax,
      handle: (to, data, tell) => this.#handle(to, data, tell),
      dirty: session => this.dirty(session),
      destroyed: session => this.sessions.delete(session.id),
    }
    const session = new FakeSession(`s${String(++this.#lastId).padStart(21, '0')}`, this.epoch, owner)
    const number = (name: string): number | null => (parameters.has(name) ? Number(parameters.get(name)) : null)
    session.limits = { maxBandwidth: number('maxBandwidth'), maxDelay: number('maxDelay') }
    this.sessions.set(session.id, session)
    return session
  }

  #handle(to: string, data: unknown, tell: (outcome: object) => void): boolean {
    const handler = this.handlers.get(to)
    if (handler === undefined) return false
    this.messages.push({ to, data })
    tell({ result: handler(data) })
    return true
  }

  #welcomeOf({ id, epoch, position }: FakeSession): { readonly session: string; readonly recovered?: boolean } {
    return { session: id, ...{ epoch, position, ...this.#promises } }
  }

  #count({ recovered }: { readonly recovered?: boolean }): void {
    if (recovered === undefined) this.welcomes.new++
    else if (recovered) this.welcomes.recovered++
    else this.welcomes.lost++
  }
}

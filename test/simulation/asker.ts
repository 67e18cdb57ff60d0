/**
 * The connections on which a simulated client asks its session for changes: numbered requests in POSTs of a few, which get
 * lost, come twice and out of order. What was not answered is asked for again until it is.
 */

import assert from 'node:assert/strict'
import type { Random } from '../support/random.ts'
import type { ClientNetwork } from './client-actor.ts'
import type { Connection } from './connection.ts'
import { FAULTS } from './faults.ts'
import { type ClientRequest, randomRequest } from './requests.ts'
import type { SessionLedger } from './session-ledger.ts'
import type { SessionView } from './session-view.ts'
import { StreamReader, type StreamRecord } from './stream-reader.ts'

interface Post {
  readonly connection: Connection
  readonly ledger: SessionLedger
  readonly requests: readonly ClientRequest[]
  readonly isToBeLost: boolean
}

/** Unanswered requests of a session at a time, and all of them: the server keeps the answers of the last 64. */
const UNANSWERED_MAX = 5
const REQUESTS_MAX = 50
const SENT_AT_ONCE_MAX = 4
/** Connections that carry requests. */
const POSTS_MAX = 3
/** When a client asks again whose request was refused because something is full. */
const RETRY_MS = 20
const NOTHING = { onRecord: () => {}, onFlush: () => {} }

export interface AskerDeps {
  readonly id: string
  readonly random: Random
  readonly network: ClientNetwork
  connect(): Connection
  close(connection: Connection): void
}

export class Asker {
  readonly #deps: AskerDeps
  readonly #posts: Post[] = []
  #askAtMs = 0

  constructor(deps: AskerDeps) {
    this.#deps = deps
  }

  *connections(): IterableIterator<Connection> {
    for (const { connection } of this.#posts) yield connection
  }

  /** Sends and reads some of what is under way. */
  step(): void {
    for (const post of [...this.#posts]) this.#stepPost(post)
  }

  /** Reads all that has come. */
  readAll(): void {
    for (const post of [...this.#posts]) this.#readPost(post, 1e9)
  }

  /** Everything that is under way is lost. */
  lose(): void {
    for (const { connection } of this.#posts.splice(0)) connection.reset()
  }

  /** Makes requests of a session, and sends some of those that have no answer. */
  ask(view: SessionView): void {
    const { random } = this.#deps
    const { requests } = view.ledger
    const open = requests.filter(({ answer }) => answer === null)
    const isEnding = requests.some(({ verb }) => verb === 'destroy')
    const mayAsk = open.length < UNANSWERED_MAX && requests.length < REQUESTS_MAX && !isEnding
    if (mayAsk && random.chance(FAULTS.request)) {
      requests.push(randomRequest(random, requests.length + 1, this.#deps.network.choices))
    }
    if (open.length > 0 && random.chance(FAULTS.sending)) this.#sendSome(view, open)
  }

  #sendSome(view: SessionView, open: readonly ClientRequest[]): void {
    const { random } = this.#deps
    const isTwice = random.chance(FAULTS.sendTwice)
    const chosen = isTwice
      ? [...open]
      : open.filter(each => !this.#posts.some(({ requests }) => requests.includes(each)))
    if (random.chance(FAULTS.sendLater)) chosen.shift()
    if (random.chance(FAULTS.sendShuffled)) chosen.reverse()
    if (chosen.length > 0) this.#post(view, chosen.slice(0, SENT_AT_ONCE_MAX), random.chance(FAULTS.lostAnswers))
  }

  #post(view: SessionView, requests: readonly ClientRequest[], isToBeLost: boolean): void {
    if (this.#posts.length >= POSTS_MAX) return
    const lines = requests.map(({ text }) => text)
    if (this.#deps.random.chance(0.3)) lines.push(`{"ack":${view.position}}`)
    const body = `${lines.join('\n')}\n`
    const head = [
      `POST /control?session=${view.id} HTTP/1.1`,
      'Host: localhost',
      `Content-Length: ${Buffer.byteLength(body)}`,
    ]
    const connection = this.#deps.connect()
    this.#deps.network.say(`posts on ${connection.key} to ${view.id}: ${lines.join(' ')}`)
    connection.send(`${head.join('\r\n')}\r\n\r\n${body}`, new StreamReader(false, NOTHING))
    this.#posts.push({ connection, ledger: view.ledger, requests, isToBeLost })
  }

  #stepPost(post: Post): void {
    const { random } = this.#deps
    post.connection.sendSome(random)
    if (post.isToBeLost && random.chance(0.1)) {
      post.connection.reset()
      this.#posts.splice(this.#posts.indexOf(post), 1)
      return
    }
    this.#readPost(post, random.int(300))
  }

  #readPost(post: Post, bytesMax: number): void {
    const { connection, ledger } = post
    connection.read(bytesMax)
    const { status, body, isComplete } = connection.reader!
    if (!isComplete && !connection.isAtEnd) return
    this.#posts.splice(this.#posts.indexOf(post), 1)
    this.#deps.close(connection)
    if (connection.key === '') this.#askAtMs = this.#deps.network.clock.nowMs() + RETRY_MS
    if (!isComplete) return
    this.#deps.network.say(`is answered on ${connection.key}: ${status} ${body.replaceAll('\n', ' ')}`)
    if (status === 200) {
      for (const line of body.split('\n')) if (line !== '') ledger.onAnswered(JSON.parse(line) as StreamRecord, line)
    } else if (status === 404) {
      assert.ok(!ledger.isOpen, `client ${this.#deps.id}: session ${ledger.session.id} is not known`)
    } else {
      assert.equal(status, 503, `client ${this.#deps.id}: ${body}`)
      this.#askAtMs = this.#deps.network.clock.nowMs() + RETRY_MS
    }
  }

  /** At the end: what has no answer is asked for again, in order. Returns whether it was. */
  sendUnanswered(view: SessionView): boolean {
    if (this.#posts.length > 0 || !view.ledger.isOpen) return false
    if (this.#deps.network.clock.nowMs() < this.#askAtMs) return false
    const open = view.ledger.requests.filter(({ answer }) => answer === null)
    if (open.length > 0) this.#post(view, open.slice(0, SENT_AT_ONCE_MAX), false)
    return open.length > 0
  }
}

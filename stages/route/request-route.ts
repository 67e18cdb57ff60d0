/**
 * route, for clients: sends a request to its home, and what comes back to its connection. A stream, a poll or a control
 * request goes to the home of its session, which follows from the session's id, whatever edge it came to; a question about
 * an item goes to the item's home, one about all to every core; what needs no core (metrics, health, the page, a
 * publication) is answered here.
 *
 * Inbound: requests from parse, one a connection. Outbound: a control queue to each core; when it is full the request is
 * refused (503, come back), while what must not be lost (a connection has gone, a window has room) is owed and told later.
 */

import { type FeedLineParser, LINE_BAD } from '#src/codec/feed-line.ts'
import type { HttpRequest } from '#src/codec/http-request.ts'
import {
  type Answer,
  type AnswerFrame,
  errorAnswer,
  JSON_TYPE,
  NDJSON_TYPE,
  plainAnswer,
  preflightAnswer,
  streamHead,
  TEXT_TYPE,
} from '#src/codec/http-response.ts'
import { corsOriginOf, interpret, type RequestMessage } from '#src/codec/http-routes.ts'
import { codecOf } from '#src/codec/json-stream.ts'
import {
  BIND,
  CLOSE,
  CONTROL,
  CONTROL_TEXT,
  CONTROL_TEXT_3,
  QUERY,
  textBytesMax,
  WRITABLE,
  writeText,
} from '#src/codec/record.ts'
import { upgradeHead, upgradeOf } from '#src/codec/websocket-handshake.ts'
import type { Config } from '#src/config/config.ts'
import { homeOf } from '#src/domain/home.ts'
import type { BindRequest, SessionRequest } from '#src/domain/session-request.ts'
import type { ClientErrorCode } from '#src/errors.ts'
import { M, ROUTE, type ThreadMetrics } from '#src/metrics/names.ts'
import { claimOrAwait, type RecordProducer } from '#src/ring/queue.ts'
import type { Clock } from '#src/time/clock.ts'
import {
  ASKING,
  CHUNKED,
  CLOSED,
  CLOSING,
  type ClientConnection,
  FRAMED,
  type Gathering,
  OPENING,
  PLAIN,
  POLLING,
  STREAMING,
} from '#stages/client-connection.ts'
import { HTTP_SLOT, type Lane, OFFERED } from '#stages/lane.ts'
import type { Stage } from '#stages/stage.ts'
import { WebSide } from '#stages/web-side.ts'
import { BIND_REFUSALS, BUSY, isLoopback, mergeNames, publishLine, tooLong } from './request-texts.ts'

/** When to come back after a full queue, in seconds. */
const BUSY_RETRY_S = 1

export interface RequestRouteDeps {
  readonly config: Config
  readonly clock: Clock
  readonly metrics: ThreadMetrics
  readonly lane: Lane
  /** Reads what is published over HTTP, with the lane's tables. */
  readonly parser: FeedLineParser
  /** By core: the control queue. */
  readonly controls: readonly RecordProducer[]
  readonly newSessionId: () => string
  readonly metricsText: () => Promise<string>
  /** All stages of all threads, as JSON. */
  readonly stagesText: () => string
  /** The page and its modules, by path. */
  readonly pages: ReadonlyMap<string, Omit<Answer, 'status'>>
  readonly isReady: () => boolean
  /** The request has been answered and the connection may send the next. */
  readonly resume: (connection: ClientConnection, nowMs: number) => void
  readonly beginStream: (connection: ClientConnection, head: Buffer, nowMs: number) => void
  /** Reads what of a WebSocket's frames came with its handshake, or has waited. */
  readonly readFrames: (connection: ClientConnection) => void
  /** Sets the connection's deadline. */
  readonly schedule: (connection: ClientConnection, dueMs: number) => void
}

export class RequestRoute implements Stage {
  readonly name = 'route'
  readonly queueUnit = 'records'
  readonly #deps: RequestRouteDeps
  readonly #owing = new Set<ClientConnection>()
  /** WebSockets whose frames wait. */
  readonly #waiting = new Set<ClientConnection>()
  #handled = 0

  constructor(deps: RequestRouteDeps) {
    this.#deps = deps
  }

  handle(connection: ClientConnection, request: HttpRequest, nowMs: number): void {
    const { config, isReady } = this.#deps
    this.#handled++
    const message = interpret(request, isLoopback(connection.socket.remoteAddress), config)
    const frame: AnswerFrame = {
      isHead: request.method === 'HEAD',
      isHttp10: request.isHttp10,
      keepsAlive: request.keepsAlive && isReady(),
      corsOrigin: corsOriginOf(message, config),
    }
    connection.frame = frame
    connection.state = ASKING
    this.#dispatch(connection, request, message, nowMs)
  }

  onOpened(connection: ClientConnection, session: string): void {
    if (connection.state !== OPENING) return
    const { transport } = connection
    connection.session = session
    if (transport === 'poll') {
      connection.state = POLLING
      connection.socket.resume()
    } else if (transport === 'websocket') {
      this.#beginSocket(connection)
    } else {
      const { isHttp10, corsOrigin } = connection.frame!
      connection.framing = isHttp10 ? PLAIN : CHUNKED
      connection.unread = null
      this.#begin(connection, streamHead(transport, isHttp10, corsOrigin))
    }
  }

  onRefused(connection: ClientConnection, code: ClientErrorCode): void {
    if (connection.state !== OPENING && connection.state !== POLLING) return
    connection.state = ASKING
    connection.web = null
    const [status, message] = BIND_REFUSALS[code] ?? BUSY
    if (status === 503) this.#deps.metrics.add(M.stageRefused + ROUTE, 1)
    this.#error(connection, status, code, message)
  }

  /** A poll is answered. */
  onPolled(connection: ClientConnection, body: Buffer): void {
    if (connection.state !== POLLING) return
    connection.state = ASKING
    connection.socket.pause()
    this.#answer(connection, { status: 200, contentType: NDJSON_TYPE, body })
  }

  /** A session's requests, out of its WebSocket. Returns how many were handed over before its core's queue was full. */
  control(connection: ClientConnection, requests: readonly SessionRequest[]): number {
    const { session, core } = connection
    const text = JSON.stringify({ session, requests })
    if (!this.#isTooLong(core, text)) return this.#sendControl(connection, text, true) ? requests.length : 0
    for (const [index, request] of requests.entries()) {
      let part = JSON.stringify({ session, requests: [request] })
      if (this.#isTooLong(core, part)) part = JSON.stringify({ session, requests: [tooLong(request)] })
      if (!this.#sendControl(connection, part, true)) return index
    }
    return requests.length
  }

  /** Frames of a WebSocket wait for their turn, or for room. */
  postpone(connection: ClientConnection): void {
    this.#waiting.add(connection)
  }

  /** A stream has had its last bytes: its session may have another. */
  onStreamEnded(connection: ClientConnection): void {
    connection.owesWritable = false
    connection.owesClose = true
    this.#settle(connection)
    this.#deps.controls[connection.core]!.publish()
  }

  onAnswer(connection: ClientConnection, status: number, isCut: boolean, body: string): void {
    const gathering = connection.gathering
    if (connection.state !== ASKING || gathering === null) return
    gathering.parts.push({ status, isCut, body })
    gathering.awaited--
    if (gathering.awaited > 0) return
    connection.gathering = null
    this.#answerGathered(connection, gathering)
  }

  /** The window of a stream has room and its core waits for it. */
  onWritable(connection: ClientConnection): void {
    connection.owesWritable = true
    this.#settle(connection)
    this.#deps.controls[connection.core]!.publish()
  }

  /** The connection has gone: its core is told when it has a session there. */
  onClosed(connection: ClientConnection): void {
    const hadSession = connection.state >= OPENING && connection.session !== NO_SESSION
    connection.gathering = null
    connection.owesWritable = false
    this.#waiting.delete(connection)
    if (!hadSession) return
    connection.owesClose = true
    this.#settle(connection)
    this.#deps.controls[connection.core]!.publish()
  }

  /** Tells what is owed. */
  work(): number {
    for (const connection of this.#owing) this.#settle(connection)
    const waiting = [...this.#waiting] // Whoever still has to wait comes back into the set.
    this.#waiting.clear()
    for (const connection of waiting) this.#deps.readFrames(connection)
    const handled = this.#handled
    this.#handled = 0
    return handled
  }

  publish(): void {
    for (const control of this.#deps.controls) control.publish()
    this.#deps.lane.publish()
  }

  queueDepth(): number {
    return this.#owing.size
  }

  queueCapacity(): number {
    return this.#deps.config.connectionsMax
  }

  #settle(connection: ClientConnection): void {
    if (connection.owesClose && this.#tell(connection, CLOSE)) connection.owesClose = false
    if (connection.owesWritable && this.#tell(connection, WRITABLE)) connection.owesWritable = false
    if (connection.owesClose || connection.owesWritable) this.#owing.add(connection)
    else this.#owing.delete(connection)
  }

  #tell(connection: ClientConnection, type: number): boolean {
    const control = this.#deps.controls[connection.core]!
    const claim = claimOrAwait(control, CONTROL_TEXT)
    if (claim < 0) return false
    control.memory.words[claim >> 2] = connection.slot
    control.memory.words[(claim >> 2) + 1] = connection.generation
    control.commit(type, CONTROL_TEXT)
    return true
  }

  #dispatch(connection: ClientConnection, request: HttpRequest, message: RequestMessage, nowMs: number): void {
    const { controls, isReady, pages, metricsText } = this.#deps
    // The core is yet to be told that the last poll of this connection is over: nothing may overtake that.
    if (connection.owesClose) return this.#busy(connection)
    switch (message.kind) {
      case 'bind':
        if (message.isUpgrade && !this.#upgrade(connection, request, false)) return
        if (connection.web !== null) connection.web.messageHindrance = message.messageHindrance
        return this.#bind(connection, message.bind)
      case 'control':
        return this.#control(connection, message.session, message.requests)
      case 'echo':
        if (this.#upgrade(connection, request, true)) this.#beginSocket(connection)
        return
      case 'item': {
        const text = JSON.stringify({ kind: 'item', name: message.item })
        return this.#ask(connection, 'item', 1, text, [homeOf(message.item, controls.length)])
      }
      case 'items': {
        const { prefix, after, limit } = message
        const text = JSON.stringify({ kind: 'items', prefix, after, limit })
        return this.#ask(connection, 'items', limit, text, [...controls.keys()])
      }
      case 'sessions': {
        const text = JSON.stringify({ kind: 'sessions', limit: message.limit })
        return this.#ask(connection, 'sessions', message.limit, text, [...controls.keys()])
      }
      case 'publish':
        return this.#publish(connection, publishLine(message), nowMs)
      case 'delete':
        return this.#publish(connection, JSON.stringify({ item: message.item, deleted: true }), nowMs)
      case 'stages':
        return this.#json(connection, this.#deps.stagesText())
      case 'metrics':
        metricsText().then(
          body => this.#answer(connection, { status: 200, contentType: METRICS_TYPE, body }),
          () => this.#error(connection, 500, 'SERVER_BUSY', 'the metrics could not be read'),
        )
        return
      case 'health':
        return this.#answer(connection, { status: 200, contentType: TEXT_TYPE, body: 'ok\n' })
      case 'ready':
        if (isReady()) return this.#answer(connection, { status: 200, contentType: TEXT_TYPE, body: 'ready\n' })
        return this.#error(connection, 503, 'SERVER_CLOSING', 'the server is going down')
      case 'page': {
        const page = pages.get(message.path)
        if (page !== undefined) return this.#answer(connection, { status: 200, ...page })
        return this.#error(connection, 404, 'PATH_NOT_FOUND', 'the page and the client library have no such file')
      }
      case 'preflight':
        return this.#write(connection, preflightAnswer(message, connection.frame!))
      case 'refused': {
        const { status, code, message: text, allow } = message
        const error = { status, code, message: text, ...(allow === undefined ? {} : { allow }) }
        return this.#write(connection, errorAnswer(error, connection.frame!))
      }
    }
  }

  #bind(connection: ClientConnection, bind: BindRequest): void {
    const { controls, newSessionId, isReady } = this.#deps
    if (!isReady()) return this.#error(connection, 503, 'SERVER_CLOSING', 'the server is going down')
    let id = newSessionId()
    // A session whose home is no more, as the server has other cores now, is unknown wherever it is asked for.
    const core = homeOf(bind.resume?.session ?? id, controls.length)
    // The one that takes its place lives there too, and must be found by its own id.
    while (homeOf(id, controls.length) !== core) id = newSessionId()
    const address = connection.socket.remoteAddress ?? ''
    const text = JSON.stringify({ id, address, bind })
    if (this.#isTooLong(core, text)) return this.#tooLong(connection)
    connection.session = id
    connection.core = core
    connection.transport = bind.transport
    connection.codec = codecOf(bind.transport, bind.encoding)
    if (!this.#send(connection, core, BIND, text)) return this.#busy(connection)
    connection.state = OPENING
  }

  /** A few bytes of requests may become many as a record. */
  #isTooLong(core: number, text: string): boolean {
    return CONTROL_TEXT_3 + textBytesMax(text) > this.#deps.controls[core]!.recordBytesMax
  }

  #tooLong(connection: ClientConnection): void {
    this.#error(connection, 413, 'REQUEST_BODY_TOO_LARGE', 'more requests than fit a queue at once: send them apart')
  }

  /** Checks an opening handshake; answers it and returns false where it is none. */
  #upgrade(connection: ClientConnection, request: HttpRequest, isEcho: boolean): boolean {
    const { config } = this.#deps
    const upgrade = upgradeOf(request, config)
    if (upgrade.kind === 'refused') {
      this.#write(connection, errorAnswer(upgrade, connection.frame!))
      return false
    }
    connection.web = new WebSide(config, upgrade.extension !== null, isEcho)
    connection.upgradeHead = upgradeHead(upgrade.key, upgrade.extension)
    return true
  }

  #beginSocket(connection: ClientConnection): void {
    const head = connection.upgradeHead!
    connection.upgradeHead = null
    connection.framing = FRAMED
    this.#begin(connection, head)
    // Frames may have come with the handshake.
    if (connection.unread !== null) this.#deps.readFrames(connection)
  }

  #begin(connection: ClientConnection, head: Buffer): void {
    connection.state = STREAMING
    connection.frame = null
    this.#deps.beginStream(connection, head, this.#deps.clock.nowMs())
    connection.socket.resume()
  }

  #control(connection: ClientConnection, session: string, requests: readonly SessionRequest[]): void {
    connection.core = homeOf(session, this.#deps.controls.length)
    const text = JSON.stringify({ session, requests })
    if (this.#isTooLong(connection.core, text)) return this.#tooLong(connection)
    if (!this.#sendControl(connection, text, false)) return this.#busy(connection)
    connection.gathering = { kind: 'control', limit: 1, awaited: 1, parts: [] }
  }

  #sendControl(connection: ClientConnection, text: string, isInStream: boolean): boolean {
    const control = this.#deps.controls[connection.core]!
    const claim = claimOrAwait(control, CONTROL_TEXT_3 + textBytesMax(text))
    if (claim < 0) return false
    const word = claim >> 2
    control.memory.words[word] = connection.slot
    control.memory.words[word + 1] = connection.generation
    control.memory.words[word + 2] = isInStream ? 1 : 0
    control.commit(CONTROL, CONTROL_TEXT_3 + writeText(control.memory, claim + CONTROL_TEXT_3, text))
    control.publish()
    return true
  }

  #ask(
    connection: ClientConnection,
    kind: 'item' | 'items' | 'sessions',
    limit: number,
    text: string,
    cores: readonly number[],
  ): void {
    const { controls } = this.#deps
    for (const core of cores) {
      if (controls[core]!.claim(CONTROL_TEXT + textBytesMax(text)) < 0) return this.#busy(connection)
    }
    for (const core of cores) this.#send(connection, core, QUERY, text)
    connection.gathering = { kind, limit, awaited: cores.length, parts: [] }
  }

  #send(connection: ClientConnection, core: number, type: number, text: string): boolean {
    const control = this.#deps.controls[core]!
    const claim = control.claim(CONTROL_TEXT + textBytesMax(text))
    if (claim < 0) return false
    control.memory.words[claim >> 2] = connection.slot
    control.memory.words[(claim >> 2) + 1] = connection.generation
    control.commit(type, CONTROL_TEXT + writeText(control.memory, claim + CONTROL_TEXT, text))
    control.publish()
    return true
  }

  #publish(connection: ClientConnection, line: string, nowMs: number): void {
    const { parser, lane, config } = this.#deps
    const bytes = Buffer.from(line)
    // A form may grow when it is written as JSON; queues and logs hold the longest line and the longest body.
    const lineBytesMax = Math.max(config.feedLineBytesMax, config.requestBodyBytesMax)
    if (bytes.length > lineBytesMax) {
      const message = `the fields take more than ${lineBytesMax} bytes as JSON`
      return this.#error(connection, 413, 'REQUEST_BODY_TOO_LARGE', message)
    }
    const kind = parser.parse(bytes, 0, bytes.length)
    if (kind === LINE_BAD) return this.#error(connection, 400, 'FIELDS_INVALID', parser.errorMessage)
    const isDeletion = line.endsWith('"deleted":true}')
    if (lane.offer(parser, isDeletion, HTTP_SLOT, 0, nowMs) !== OFFERED) return this.#busy(connection)
    lane.publish()
    this.#answer(connection, { status: 202, contentType: JSON_TYPE, body: '{"accepted":true}\n' })
  }

  #answerGathered(connection: ClientConnection, gathering: Gathering): void {
    const { kind, limit, parts } = gathering
    if (kind === 'item') {
      const part = parts[0]!
      if (part.status === 404) return this.#error(connection, 404, 'ITEM_NOT_FOUND', 'no feed has sent this item')
      return this.#json(connection, part.body)
    }
    if (kind === 'control') {
      const { status, body } = parts[0]!
      if (status === 404) return this.#error(connection, 404, 'SESSION_UNKNOWN', 'there is no such session')
      if (status === 503)
        return this.#error(connection, 503, 'SERVER_BUSY', 'the answers fit no queue: ask for less at once')
      return this.#answer(connection, { status, contentType: NDJSON_TYPE, body })
    }
    if (kind === 'items') return this.#json(connection, mergeNames(parts, limit))
    const rows = parts.flatMap(part => JSON.parse(part.body) as object[])
    const isCut = rows.length > limit || parts.some(part => part.isCut)
    this.#json(connection, JSON.stringify({ sessions: rows.slice(0, limit), more: isCut }))
  }

  #json(connection: ClientConnection, body: string): void {
    this.#answer(connection, { status: 200, contentType: JSON_TYPE, body: `${body}\n` })
  }

  #busy(connection: ClientConnection): void {
    this.#deps.metrics.add(M.stageRefused + ROUTE, 1)
    this.#error(connection, 503, 'SERVER_BUSY', 'a queue is full: come back in a moment')
  }

  #error(connection: ClientConnection, status: number, code: ClientErrorCode, message: string): void {
    if (connection.state === CLOSED || connection.frame === null) return
    const error = { status, code, message, ...(status === 503 ? { retryAfterS: BUSY_RETRY_S } : {}) }
    connection.web = null // It is a connection for requests again.
    connection.upgradeHead = null
    this.#write(connection, errorAnswer(error, connection.frame))
  }

  #answer(connection: ClientConnection, answer: Answer): void {
    if (connection.state === CLOSED || connection.frame === null) return
    this.#write(connection, plainAnswer(answer, connection.frame))
  }

  /** Writes an answer. The next request is read when the system has taken this one's answer: none waits here. */
  #write(connection: ClientConnection, bytes: Buffer): void {
    const { clock, config, resume, schedule } = this.#deps
    const nowMs = clock.nowMs()
    const { socket } = connection
    if (!connection.frame!.keepsAlive) {
      connection.state = CLOSING
      connection.frame = null
      connection.unread = null
      socket.end(bytes)
      socket.resume()
      schedule(connection, nowMs + config.closeTimeoutMs)
      return
    }
    socket.write(bytes)
    if (socket.writableLength === 0) {
      resume(connection, nowMs)
      return
    }
    connection.state = ASKING
    schedule(connection, nowMs + config.stallTimeoutMs)
    socket.write(EMPTY, () => resume(connection, clock.nowMs()))
  }
}

const EMPTY = Buffer.alloc(0)
const NO_SESSION = ''

const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/**
 * parse, for feeds: turns a feed's bytes into updates and hands each to route.
 *
 * Inbound: what each connection has sent and is not read yet: one chunk a connection. When route has no room, the line is
 * held, the socket is paused, and TCP holds the feed (policy: block). Nothing is dropped here.
 * Outcomes: handed over; refused (a bad line: answered with an error, counted; too many end the connection).
 *
 * A feed is acknowledged by positions: what its lines became lies in the queues to the cores, and once a core has
 * finished a position, everything before it is merged.
 *
 * Messages of clients go to the feed as they come, and its answers back to the core that asked, each once. A message finds
 * the feed gone, or busy (FEED_MESSAGES_MAX without an answer, or half of its outbox full: clients alone never make a feed
 * one that does not read), and is answered so at once. What is open when a feed ends is answered by its FEED_DOWN.
 */

import { FeedLineParser, LINE_ANSWER, LINE_BAD, LINE_BLANK, LINE_DELETE, LINE_GREETING } from '#src/codec/feed-line.ts'
import {
  ackLine,
  closingLine,
  errorLine,
  FEED_MESSAGES_MAX,
  messageLine,
  unwantedLine,
  wantedLine,
  welcomeLine,
} from '#src/codec/feed-reply.ts'
import {
  ANSWERED_BUSY,
  ANSWERED_GONE,
  FEED_ALIVE,
  FEED_DOWN,
  FEED_ON_DEMAND,
  FEED_SILENT,
  FEED_UP,
} from '#src/codec/record.ts'
import type { Config } from '#src/config/config.ts'
import type { FeedErrorCode } from '#src/errors.ts'
import type { Log } from '#src/log.ts'
import { M, PARSE, type ThreadMetrics } from '#src/metrics/names.ts'
import type { Clock } from '#src/time/clock.ts'
import type { Timed, TimingWheel } from '#src/time/timing-wheel.ts'
import { type Lane, OFFERED } from '#stages/lane.ts'
import type { StreamSocket } from '#stages/socket.ts'
import type { Stage } from '#stages/stage.ts'
import { FeedConnection } from './feed-connection.ts'

/** A declared heartbeat may be late by half of itself. */
const SILENCE_FACTOR = 1.5
/** Above this, acknowledgements wait for the next turn: they are cumulative, so none is missed. */
const OUTBOX_BYTES_EASY = 65_536
/** Of feedOutboxBytesMax: what messages may fill. */
const MESSAGES_PART = 0.5
const NEWLINE = Buffer.from('\n')

export interface FeedParseDeps {
  readonly config: Config
  readonly lane: Lane
  readonly wheel: TimingWheel
  readonly clock: Clock
  readonly metrics: ThreadMetrics
  readonly log: Log
  /** The slot is free again. */
  readonly release: (slot: number) => void
}

export class FeedParse implements Stage {
  readonly name = 'parse'
  readonly queueUnit = 'records'
  readonly connections = new Map<number, FeedConnection>()
  readonly #deps: FeedParseDeps
  readonly #parser: FeedLineParser
  /** Connections with a held line, or an end that is not told to the cores yet. */
  readonly #held = new Set<FeedConnection>()
  readonly #ackTurn: Timed
  #handled = 0
  #isPaused = false

  constructor(deps: FeedParseDeps) {
    this.#deps = deps
    this.#parser = new FeedLineParser(deps.config, deps.lane.items, deps.lane.fields)
    this.#ackTurn = { timerDueMs: 0, timerNext: null, timerPrev: null, onTimer: nowMs => this.#onAckTurn(nowMs) }
  }

  admit(socket: StreamSocket, slot: number, generation: number): void {
    const { config, clock, lane, metrics, log } = this.#deps
    const nowMs = clock.nowMs()
    const connection = new FeedConnection(
      socket,
      slot,
      generation,
      config.feedLineBytesMax,
      lane.cores.length,
      nowMs,
      (silent, firedMs) => this.#onSilenceTurn(silent, firedMs),
    )
    this.connections.set(slot, connection)
    metrics.set(M.feedConnections, this.connections.size)
    log.info('feed connected', { slot, address: socket.remoteAddress })
    socket.on('data', chunk => this.#onChunk(connection, chunk))
    socket.on('end', () => this.#onEnd(connection))
    socket.on('error', () => {})
    socket.on('close', () => this.#onClose(connection))
    socket.write(welcomeLine(config.feedWindowLines))
  }

  /** Tells a feed, or all on demand (slot -1), that an item is wanted or not. */
  tellWanted(slot: number, item: string, isWanted: boolean): void {
    const line = isWanted ? wantedLine(item) : unwantedLine(item)
    for (const connection of this.connections.values()) {
      if (!connection.isOnDemand || (slot >= 0 && slot !== connection.slot)) continue
      if (connection.wanted.has(item) === isWanted) continue
      if (isWanted) connection.wanted.add(item)
      else connection.wanted.delete(item)
      this.#say(connection, line)
    }
  }

  /** Hands a message of a core to its feed. Null when that is done; else what it is answered at once (see ANSWERED). */
  tellMessage(core: number, slot: number, generation: number, number: number, text: string): string | null {
    const connection = this.connections.get(slot)
    if (connection?.generation !== generation || !this.#mayAnswer(connection)) return ANSWERED_GONE
    const { messages, socket } = connection
    if (messages.size === FEED_MESSAGES_MAX) return ANSWERED_BUSY
    const line = messageLine(connection.messagesSent + 1, text)
    const outboxBytes = socket.writableLength + Buffer.byteLength(line)
    if (outboxBytes > this.#deps.config.feedOutboxBytesMax * MESSAGES_PART) return ANSWERED_BUSY
    connection.messagesSent++
    messages.set(connection.messagesSent, { core, number })
    this.#say(connection, line)
    return null
  }

  /** A core has refused what a line said. */
  tellRefused(slot: number, generation: number, line: number, code: FeedErrorCode): void {
    const connection = this.connections.get(slot)
    // Another feed may have the slot by now.
    if (connection?.generation === generation)
      this.#countError(connection, line, code, MESSAGES[code] ?? 'the server refused it')
  }

  /** Goes on with what was held. Returns how many lines were handed over since the last call. */
  work(nowMs: number): number {
    for (const connection of this.#held) {
      if (this.#handOver(connection, nowMs)) this.#held.delete(connection)
    }
    const handled = this.#handled
    this.#handled = 0
    if (handled > 0) this.#deps.lane.publish()
    return handled
  }

  queueDepth(): number {
    return this.#held.size
  }

  queueCapacity(): number {
    return this.#deps.config.feedConnectionsMax
  }

  /** The server goes down: no more is read; what is here is handed over and acknowledged. */
  pause(): void {
    this.#isPaused = true
    for (const connection of this.connections.values()) connection.socket.pause()
  }

  /** The connections are told what is merged, and end. */
  close(): void {
    for (const connection of this.connections.values()) {
      this.#refuse(connection, 'SERVER_CLOSING', 'the server is going down')
    }
  }

  #onChunk(connection: FeedConnection, chunk: Buffer): void {
    const { clock, metrics, lane } = this.#deps
    if (connection.isRefused) return
    const nowMs = clock.nowMs()
    connection.heardMs = nowMs
    metrics.add(M.feedBytes, chunk.length)
    if (connection.splitter.isDrained) {
      connection.splitter.push(chunk)
      if (!this.#handOver(connection, nowMs)) this.#hold(connection)
    } else {
      connection.waiting.push(chunk)
    }
    lane.publish()
    metrics.add(M.stageBusy + PARSE, (clock.nowMs() - nowMs) / 1_000)
  }

  #hold(connection: FeedConnection): void {
    if (!connection.isHeld) connection.socket.pause()
    connection.isHeld = true
    this.#held.add(connection)
  }

  /** Reads lines until the chunk is used up (true) or route has no room (false). */
  #handOver(connection: FeedConnection, nowMs: number): boolean {
    const { lane } = this.#deps
    const { splitter } = connection
    // One that has ended, with nothing left to hand over, is not heard again: its items stay stale.
    const isOver = connection.isEnded && splitter.isDrained && !connection.isLineOpen && connection.waiting.length === 0
    if (connection.isSilent && !isOver) {
      if (lane.offerAll(FEED_ALIVE, connection.slot, 0, null) !== OFFERED) return false
      connection.isSilent = false
    }
    for (;;) {
      while (connection.isLineOpen || splitter.next()) {
        connection.isLineOpen = true
        if (connection.isRefused) {
          connection.isLineOpen = false
          continue
        }
        if (!this.#takeLine(connection, nowMs)) return false
        connection.isLineOpen = false
      }
      const chunk = connection.waiting.shift()
      if (chunk === undefined) break
      splitter.push(chunk)
    }
    if (connection.isEnded) return this.#finish(connection)
    if (connection.isHeld) {
      connection.isHeld = false
      if (!this.#isPaused) connection.socket.resume()
    }
    this.#awaitAck(connection, nowMs)
    return true
  }

  /** False when route has no room: the line is taken again later. */
  #takeLine(connection: FeedConnection, nowMs: number): boolean {
    const { lane, metrics } = this.#deps
    const { splitter } = connection
    const line = connection.lines + 1
    if (splitter.isTooLong) {
      const { feedLineBytesMax } = this.#deps.config
      this.#countLine(connection)
      this.#countError(connection, line, 'FEED_LINE_TOO_LONG', `the line is longer than ${feedLineBytesMax} bytes`)
      return true
    }
    const parser = this.#parser
    const kind = parser.parse(splitter.bytes, splitter.start, splitter.end)
    if (kind === LINE_BLANK) {
      this.#countLine(connection)
      return true
    }
    if (kind === LINE_BAD) {
      this.#countLine(connection)
      this.#countError(connection, line, parser.errorCode, parser.errorMessage)
      return true
    }
    if (kind === LINE_GREETING) return this.#greet(connection, line, nowMs)
    if (kind === LINE_ANSWER) return this.#takeAnswer(connection, line)
    if (!connection.isUp && !this.#bringUp(connection)) return false
    if (lane.offer(parser, kind === LINE_DELETE, connection.slot, line, nowMs) !== OFFERED) return false
    this.#countLine(connection)
    metrics.add(M.feedLines, 1)
    return true
  }

  #countLine(connection: FeedConnection): void {
    connection.lines++
    this.#handled++
  }

  #greet(connection: FeedConnection, line: number, nowMs: number): boolean {
    const { wheel, log } = this.#deps
    const { feedName, isOnDemand, heartbeatMs, message } = this.#parser
    // Where there was room for FEED_UP and none for the targets, this line comes again.
    if (connection.isUp && connection.untoldHandles === null) {
      this.#countLine(connection)
      this.#countError(connection, line, 'FEED_GREETING_LATE', 'a feed names itself in its first line only')
      return true
    }
    connection.name = feedName
    connection.isOnDemand = isOnDemand
    connection.untoldHandles = message.handles.length > 0 ? JSON.stringify(message.handles) : null
    if (!this.#bringUp(connection)) return false
    this.#countLine(connection)
    connection.heartbeatMs = heartbeatMs
    if (heartbeatMs > 0) wheel.schedule(connection, nowMs + heartbeatMs * SILENCE_FACTOR)
    log.info('feed named', { slot: connection.slot, feed: feedName, onDemand: isOnDemand, heartbeatMs })
    return true
  }

  #bringUp(connection: FeedConnection): boolean {
    const { lane } = this.#deps
    const { slot, generation, isOnDemand, name, untoldHandles } = connection
    const flag = generation * 2 + (isOnDemand ? FEED_ON_DEMAND : 0)
    if (!connection.isUp && lane.offerAll(FEED_UP, slot, flag, name) !== OFFERED) return false
    connection.isUp = true
    if (untoldHandles !== null && lane.offerHandles(slot, untoldHandles) !== OFFERED) return false
    connection.untoldHandles = null
    return true
  }

  /** False when there is no room for the answer on its way to its core. */
  #takeAnswer(connection: FeedConnection, line: number): boolean {
    const { lane, metrics } = this.#deps
    const { number, text } = this.#parser.message
    const message = connection.messages.get(number)
    if (message === undefined) {
      this.#countLine(connection)
      this.#countError(connection, line, 'FEED_ANSWER_UNKNOWN', `message ${number} is not open`)
      return true
    }
    if (lane.offerAnswered(message.core, connection.slot, message.number, text) !== OFFERED) return false
    connection.messages.delete(number)
    this.#countLine(connection)
    metrics.add(M.feedLines, 1)
    return true
  }

  /** What such a feed says next is still read. */
  #mayAnswer(connection: FeedConnection): boolean {
    const isOver = connection.isEnded || connection.isClosed || connection.isRefused
    return !isOver && !this.#isPaused
  }

  #countError(connection: FeedConnection, line: number, code: FeedErrorCode, message: string): void {
    const { config, metrics } = this.#deps
    metrics.add(M.feedErrors, 1)
    metrics.add(M.stageRefused + PARSE, 1)
    connection.errors++
    this.#say(connection, errorLine(line, code, message))
    if (connection.errors >= config.feedErrorsMax && !connection.isRefused) {
      this.#refuse(connection, 'FEED_ERRORS_TOO_MANY', `${connection.errors} lines were bad`)
    }
  }

  /** Ends a connection from this side: what it sent before is handed over, nothing more is read. */
  #refuse(connection: FeedConnection, code: FeedErrorCode, message: string): void {
    if (connection.isRefused || connection.isClosed) return
    const { log } = this.#deps
    if (code === 'SERVER_CLOSING') log.info('feed told to go', { slot: connection.slot, feed: connection.name })
    else log.warn('feed refused', { slot: connection.slot, feed: connection.name, code })
    connection.isRefused = true
    this.#tellAck(connection)
    connection.socket.end(closingLine(code, message))
    // Node keeps reading, and dropping, until the peer has closed too; one that does not is cut off.
    this.#deps.wheel.schedule(connection, this.#deps.clock.nowMs() + this.#deps.config.closeTimeoutMs)
  }

  #say(connection: FeedConnection, line: string): void {
    const { socket } = connection
    if (connection.isClosed || connection.isRefused) return
    if (socket.writableLength > this.#deps.config.feedOutboxBytesMax) {
      this.#deps.log.warn('feed refused', { slot: connection.slot, feed: connection.name, code: 'FEED_NOT_READING' })
      connection.isRefused = true
      socket.destroy()
      return
    }
    socket.write(line)
  }

  #onEnd(connection: FeedConnection): void {
    if (connection.isEnded) return
    connection.isEnded = true
    if (connection.splitter.partialBytes > 0 && !connection.isRefused) {
      // The last line may lack its newline.
      if (connection.splitter.isDrained) connection.splitter.push(NEWLINE)
      else connection.waiting.push(NEWLINE)
    }
    if (!this.#handOver(connection, this.#deps.clock.nowMs())) this.#held.add(connection)
    this.#deps.lane.publish()
  }

  #onClose(connection: FeedConnection): void {
    connection.isClosed = true
    this.#deps.log.info('feed gone', { slot: connection.slot, feed: connection.name, lines: connection.lines })
    this.#onEnd(connection)
    this.#forgetWhenDone(connection)
  }

  /** The last line is handed over: tells the cores that the feed has ended. False when there is no room for that. */
  #finish(connection: FeedConnection): boolean {
    const { config, lane, metrics, wheel, clock } = this.#deps
    if (connection.isUp) {
      if (lane.offerAll(FEED_DOWN, connection.slot, 0, null) !== OFFERED) return false
      connection.isUp = false
      metrics.add(M.feedsStale, 1)
    }
    connection.isFinished = true
    // A peer that does not take its last acknowledgement is cut off.
    wheel.schedule(connection, clock.nowMs() + config.closeTimeoutMs)
    this.#awaitAck(connection, clock.nowMs())
    this.#forgetWhenDone(connection)
    return true
  }

  #forgetWhenDone(connection: FeedConnection): void {
    if (!connection.isClosed || !connection.isFinished || connection.isForgotten) return
    connection.isForgotten = true
    this.connections.delete(connection.slot)
    this.#deps.wheel.cancel(connection)
    this.#deps.metrics.set(M.feedConnections, this.connections.size)
    this.#deps.release(connection.slot)
  }

  #awaitAck(connection: FeedConnection, nowMs: number): void {
    const { wheel, config } = this.#deps
    if (connection.acknowledged === connection.lines && !connection.isEnded) return
    if (!wheel.isScheduled(this.#ackTurn)) wheel.schedule(this.#ackTurn, nowMs + config.ackIntervalMs)
  }

  #onAckTurn(nowMs: number): void {
    let isMore = false
    for (const connection of this.connections.values()) {
      this.#tellAck(connection)
      const isAcknowledged = connection.acknowledged === connection.lines
      if (connection.isFinished && isAcknowledged && !connection.isClosed) connection.socket.end()
      if (!isAcknowledged && !connection.isClosed) isMore = true
    }
    if (isMore) this.#deps.wheel.schedule(this.#ackTurn, nowMs + this.#deps.config.ackIntervalMs)
  }

  /** Acknowledges the lines that every core has merged. */
  #tellAck(connection: FeedConnection): void {
    if (connection.isClosed || connection.acknowledged === connection.lines) return
    if (connection.checkpointLines === connection.acknowledged) this.#setCheckpoint(connection)
    if (!this.#isMerged(connection)) return
    let merged = connection.checkpointLines
    if (merged < connection.lines) {
      this.#setCheckpoint(connection)
      if (this.#isMerged(connection)) merged = connection.checkpointLines
    }
    if (connection.socket.writableLength > OUTBOX_BYTES_EASY) return
    connection.acknowledged = merged
    this.#say(connection, ackLine(merged))
  }

  #setCheckpoint(connection: FeedConnection): void {
    const { cores } = this.#deps.lane
    connection.checkpointLines = connection.lines
    for (let core = 0; core < cores.length; core++) connection.checkpoint[core] = cores[core]!.position() | 0
  }

  #isMerged(connection: FeedConnection): boolean {
    const { cores } = this.#deps.lane
    for (let core = 0; core < cores.length; core++) {
      if (((cores[core]!.consumed() - connection.checkpoint[core]!) | 0) < 0) return false
    }
    return true
  }

  /** The heartbeat's time is over, or that of a refused connection to close. */
  #onSilenceTurn(connection: FeedConnection, nowMs: number): void {
    const { wheel, lane, log } = this.#deps
    if (connection.isRefused || connection.isFinished) {
      connection.socket.destroy()
      return
    }
    const dueMs = connection.heardMs + connection.heartbeatMs * SILENCE_FACTOR
    if (nowMs < dueMs || connection.isHeld) {
      wheel.schedule(connection, Math.max(dueMs, nowMs + connection.heartbeatMs / 2))
      return
    }
    wheel.schedule(connection, nowMs + connection.heartbeatMs)
    if (connection.isSilent || lane.offerAll(FEED_SILENT, connection.slot, 0, null) !== OFFERED) return
    connection.isSilent = true
    lane.publish()
    log.warn('feed silent', { slot: connection.slot, feed: connection.name, heartbeatMs: connection.heartbeatMs })
  }
}

const MESSAGES: Partial<Record<FeedErrorCode, string>> = {
  FEED_ITEMS_TOO_MANY: 'the server holds as many items as it may (itemsMax)',
  FEED_FIELDS_TOO_MANY: 'the item has as many fields as it may (fieldsMax)',
  FEED_NAMES_TOO_MANY: 'the server knows as many names as it may (itemsMax, fieldNamesMax)',
  FEED_STORE_FULL: 'the store of values is full (valueStoreBytes), or the table (tableBytesMax)',
  FEED_KEY_MISSING: 'an operation on a row needs a "key" that is not empty',
  FEED_COMMAND_INVALID: 'the "command" of a row is ADD, UPDATE, DELETE or CLEAR',
  FEED_ROWS_TOO_MANY: 'the table has as many rows as it may (tableRowsMax), or all tables have (rowsMax)',
  FEED_VALUE_INVALID: 'a field cannot take this value: its rule merges decimals, or shorter texts',
}

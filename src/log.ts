/**
 * The log: JSON lines on stderr, for the main thread and every worker alike. The only door to pino.
 *
 * Invariants (test/rules.md, N):
 *  - Each thread has its own logger with its name on every line; a line is written by one write to descriptor 2 before
 *    the call returns, so that nothing is lost when the thread dies and lines of threads do not mix.
 *  - No secret is written: fields that carry tokens, cookies, queries or headers are replaced, and an address or target
 *    loses its query.
 *  - Bounded: a text is cut at TEXT_LENGTH_MAX; of one event at most LINES_MAX lines are written in WINDOW_MS, the rest is
 *    counted and told as `suppressed` by its next line. A peer cannot fill a disk.
 *
 * For the control plane: a line costs microseconds. An event is a fixed text; what differs between lines is in
 * the fields.
 */

import { destination, pino } from 'pino'
import type { Config } from '#src/config/config.ts'
import { type Clock, realClock } from '#src/time/clock.ts'

export interface Log {
  debug(event: string, fields?: object): void
  info(event: string, fields?: object): void
  warn(event: string, fields?: object): void
  error(event: string, fields?: object): void
}

type Level = keyof Log

/** Where lines go: descriptor 2, or a test's array. */
export interface LogSink {
  write(line: string): void
}

const TEXT_LENGTH_MAX = 1_000
const FIELDS_MAX = 32
const LINES_MAX = 20
const WINDOW_MS = 10_000
/** Different events whose lines are counted apart; further ones share one count. */
const EVENTS_MAX = 256

const SECRET_NAME = /token|secret|password|passwd|authorization|cookie|quer(y|ies)|header|ticket/i
const ADDRESS_NAME = /url|target|path|origin|referer/i
/** Written by the logger itself: a field of this name is given with a line under it. */
const OWN_NAMES: ReadonlySet<string> = new Set(['level', 'time', 'thread', 'event', 'suppressed'])

/** Drops everything: for tests and simulations. */
export const silentLog: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** The logger of one thread, e.g. `core-1`. */
export function createLog(level: Config['logLevel'], thread: string, clock: Clock = realClock, sink?: LogSink): Log {
  const options = {
    level,
    base: { thread },
    messageKey: 'event',
    formatters: { level: (label: string) => ({ level: label }) },
    timestamp: () => `,"time":"${new Date(clock.nowMs()).toISOString()}"`,
  }
  const logger = pino(options, sink ?? destination({ fd: 2, sync: true }))
  const limiter = new Limiter(clock)
  const write = (at: Level, event: string, fields?: object): void => {
    if (!logger.isLevelEnabled(at)) return
    const suppressed = limiter.admit(event)
    if (suppressed < 0) return
    const clean = cleanFields(fields)
    if (suppressed > 0) clean.suppressed = suppressed
    logger[at](clean, event)
  }
  return {
    debug: (event, fields) => write('debug', event, fields),
    info: (event, fields) => write('info', event, fields),
    warn: (event, fields) => write('warn', event, fields),
    error: (event, fields) => write('error', event, fields),
  }
}

interface EventCount {
  windowStartMs: number
  linesCount: number
  suppressedCount: number
}

/** Counts the lines of each event in its window. */
class Limiter {
  readonly #clock: Clock
  readonly #counts = new Map<string, EventCount>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** How many lines of this event were suppressed before this one, which may go out; -1 when it may not. */
  admit(event: string): number {
    const nowMs = this.#clock.nowMs()
    const count = this.#countOf(event, nowMs)
    if (nowMs - count.windowStartMs >= WINDOW_MS) {
      count.windowStartMs = nowMs
      count.linesCount = 0
    }
    if (count.linesCount >= LINES_MAX) {
      count.suppressedCount++
      return -1
    }
    count.linesCount++
    const suppressed = count.suppressedCount
    count.suppressedCount = 0
    return suppressed
  }

  #countOf(event: string, nowMs: number): EventCount {
    const key = this.#counts.has(event) || this.#counts.size < EVENTS_MAX ? event : ''
    const known = this.#counts.get(key)
    if (known !== undefined) return known
    const count = { windowStartMs: nowMs, linesCount: 0, suppressedCount: 0 }
    this.#counts.set(key, count)
    return count
  }
}

/** The fields as they may be written: no secrets, no queries, no long texts, errors with their code. */
function cleanFields(fields: object | undefined): Record<string, unknown> {
  const clean: Record<string, unknown> = {}
  if (fields === undefined) return clean
  for (const [name, value] of Object.entries(fields).slice(0, FIELDS_MAX)) {
    clean[OWN_NAMES.has(name) ? `${name}_` : name] = cleanValue(name, value)
  }
  return clean
}

function cleanValue(name: string, value: unknown): unknown {
  if (SECRET_NAME.test(name)) return '(not logged)'
  if (value instanceof Error) return errorFields(value)
  if (typeof value === 'string') return cutText(ADDRESS_NAME.test(name) ? withoutQuery(value) : value)
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null) return value
  // One level is enough for what is logged; deeper objects are told as text, so that none hides a secret.
  if (Array.isArray(value))
    return value.slice(0, FIELDS_MAX).map(one => (isPlain(one) ? cleanValue('', one) : typeof one))
  const inner: Record<string, unknown> = {}
  for (const [key, one] of Object.entries(value).slice(0, FIELDS_MAX)) {
    inner[key] = isPlain(one) ? cleanValue(key, one) : typeof one
  }
  return inner
}

function isPlain(value: unknown): boolean {
  return typeof value !== 'object' || value === null || value instanceof Error
}

function errorFields(error: Error): object {
  const code = 'code' in error ? String(error.code) : undefined
  return { name: error.name, code, message: cutText(error.message), stack: cutText(error.stack ?? '') }
}

function withoutQuery(address: string): string {
  const end = address.search(/[?#]/)
  return end < 0 ? address : `${address.slice(0, end)}?(not logged)`
}

function cutText(text: string): string {
  return text.length <= TEXT_LENGTH_MAX ? text : `${text.slice(0, TEXT_LENGTH_MAX)}…`
}

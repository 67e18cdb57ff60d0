/**
 * What a server says, as types, and the one place where a line becomes a record. docs/protocol.md, section 2.
 *
 * Invariants (test/rules.md, CL):
 *  - A record comes out only if what the library reads of it has the type that it should have; anything else is
 *    RECORD_INVALID, as the stream cannot be trusted any more.
 *  - A record of a kind that is not known is passed over, and so is a key that is not known: they are of a later version.
 */

import { MillraceError } from './errors.ts'
import { readTerse, type TerseViews } from './terse.ts'

/** Values of fields by name. */
export type FieldValues = Readonly<Record<string, string | null>>

/** A code and a message, as the server tells them. */
export interface ErrorRecord {
  readonly code: string
  readonly message: string
}

/** What a record does to a row: it is whole, it has changed, it is no more. */
export type RowCommand = 'ADD' | 'UPDATE' | 'DELETE'

/** An update of an item, a change of one of its rows (`command`, `key`), or a mark: one of DATA_KEYS is there. */
export interface DataRecord {
  /** Left out for 0. */
  readonly sub?: number
  readonly item: string
  readonly seq?: number
  readonly snapshot?: boolean
  readonly time?: number
  readonly fields?: FieldValues
  readonly stale?: boolean
  readonly deleted?: boolean
  readonly lost?: number
  readonly out?: boolean
  readonly snapshotEnd?: boolean
  readonly cleared?: boolean
  readonly key?: string
  readonly command?: RowCommand
}

export interface WelcomeRecord {
  readonly session: string
  readonly epoch: string
  readonly position: number
  readonly keepaliveMs: number
  readonly resumeMs: number
  readonly recovered?: boolean
  readonly why?: string
  /** After POSITION_TOO_OLD: which the session has. */
  readonly subscriptions?: readonly number[]
}

export interface AnswerRecord {
  /** Null: a request without a number was refused. */
  readonly answer: number | null
  readonly error?: ErrorRecord
}

export interface OutcomeRecord {
  readonly outcome: number
  readonly result?: unknown
  readonly error?: ErrorRecord
}

export interface PositionRecord {
  readonly position: number
}

export interface ClosingRecord {
  readonly closing: ErrorRecord & { readonly retryMs?: number }
}

export interface SubscribedRecord {
  readonly subscribed: number
  readonly items: number
  readonly maxFrequency?: number | null
}

export interface ChangedRecord {
  readonly changed: number
  readonly maxFrequency: number | null
}

export interface PausedRecord {
  readonly paused: number
}

export interface ResumedRecord {
  readonly resumed: number
}

export interface UnsubscribedRecord {
  readonly unsubscribed: number
  readonly error?: ErrorRecord
}

export interface LimitsRecord {
  readonly limits: { readonly maxBandwidth?: number | null; readonly maxDelay?: number | null }
}

/** What stands in a flush in order, and takes effect when the flush is whole. */
export type FlushRecord =
  | DataRecord
  | SubscribedRecord
  | ChangedRecord
  | PausedRecord
  | ResumedRecord
  | UnsubscribedRecord
  | LimitsRecord

export type ServerRecord = FlushRecord | WelcomeRecord | AnswerRecord | OutcomeRecord | PositionRecord | ClosingRecord

/** Reads a line; null: it says nothing (now). Throws RECORD_INVALID. May keep what it has read since the welcome. */
export type ReadLine = (line: string) => ServerRecord | null

/** The reader for what comes behind a welcome that recovers nothing: JSON and terse lines, however they are mixed. */
export function lineReader(): ReadLine {
  const views: TerseViews = new Map()
  return line => {
    if (line === '') return null
    const record = readTerse(line, views)
    if (record === null) return readJson(line, views)
    if ('error' in record) throw new MillraceError('RECORD_INVALID', record.error.message)
    return 'defined' in record ? null : record
  }
}

function readJson(line: string, views: TerseViews): ServerRecord | null {
  const record = readJsonLine(line)
  if (record !== null && 'unsubscribed' in record) {
    for (const [view, { sub }] of views) if (sub === record.unsubscribed) views.delete(view)
  }
  return record
}

type Json = Readonly<Record<string, unknown>>

/** The key that tells the kind of a record, and what must be true of one. In order: a welcome has a position, too. */
const KINDS: readonly (readonly [key: string, isValid: (record: Json) => boolean])[] = [
  ['item', isData],
  ['session', isWelcome],
  ['answer', ({ answer, error }) => (answer === null || isCount(answer)) && isErrorOrNone(error)],
  ['outcome', ({ outcome, error }) => isCount(outcome) && isErrorOrNone(error)],
  ['subscribed', ({ subscribed, items }) => isCount(subscribed) && isCount(items)],
  ['changed', ({ changed, maxFrequency }) => isCount(changed) && isNumberOrNull(maxFrequency)],
  ['paused', ({ paused }) => isCount(paused)],
  ['resumed', ({ resumed }) => isCount(resumed)],
  ['unsubscribed', ({ unsubscribed, error }) => isCount(unsubscribed) && isErrorOrNone(error)],
  ['limits', ({ limits }) => isJson(limits) && Object.values(limits).every(isNumberOrNull)],
  ['closing', ({ closing }) => isError(closing) && isNumberOrNone(closing.retryMs)],
  ['position', ({ position }) => isCount(position)],
]

const MARKS = ['stale', 'deleted', 'out', 'snapshotEnd', 'cleared']
/** What one of must be there, and be of its type, in a record of an item; none of them: a kind that is not known. */
const DATA_KEYS = ['fields', 'command', 'lost', ...MARKS]
const ROW_COMMANDS: readonly unknown[] = ['ADD', 'UPDATE', 'DELETE']

function readJsonLine(line: string): ServerRecord | null {
  const record = parse(line)
  const kind = KINDS.find(([key]) => record[key] !== undefined)
  if (kind === undefined || (kind[0] === 'item' && DATA_KEYS.every(key => record[key] === undefined))) return null
  if (!kind[1](record)) throw invalid(line)
  return record as unknown as ServerRecord
}

function parse(line: string): Json {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    throw invalid(line)
  }
  if (!isJson(value)) throw invalid(line)
  return value
}

const SHOWN_LENGTH_MAX = 80

function invalid(line: string): MillraceError {
  return new MillraceError('RECORD_INVALID', `not a record: ${JSON.stringify(line.slice(0, SHOWN_LENGTH_MAX))}`)
}

function isData(record: Json): boolean {
  const { item, sub, seq, time, fields, key, command, lost } = record
  if (typeof item !== 'string' || !(sub === undefined || isCount(sub)) || !isNumberOrNone(time)) return false
  if (command !== undefined && !(ROW_COMMANDS.includes(command) && typeof key === 'string' && isCount(seq)))
    return false
  if (command === 'DELETE') return true
  if (command !== undefined || fields !== undefined) {
    return isCount(seq) && isJson(fields) && Object.values(fields).every(isTextOrNull)
  }
  return lost !== undefined ? isCount(lost) : MARKS.every(mark => isFlagOrNone(record[mark]))
}

function isWelcome({ session, epoch, position, keepaliveMs, resumeMs, subscriptions }: Json): boolean {
  const isList = subscriptions === undefined || (Array.isArray(subscriptions) && subscriptions.every(isCount))
  return (
    typeof session === 'string' &&
    typeof epoch === 'string' &&
    [position, keepaliveMs, resumeMs].every(isCount) &&
    isList
  )
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isError(value: unknown): value is Json {
  return isJson(value) && typeof value.code === 'string' && typeof value.message === 'string'
}

function isErrorOrNone(value: unknown): boolean {
  return value === undefined || isError(value)
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isNumberOrNone(value: unknown): boolean {
  return value === undefined || typeof value === 'number'
}

function isNumberOrNull(value: unknown): boolean {
  return value === null || typeof value === 'number'
}

function isFlagOrNone(value: unknown): boolean {
  return value === undefined || typeof value === 'boolean'
}

function isTextOrNull(value: unknown): boolean {
  return value === null || typeof value === 'string'
}

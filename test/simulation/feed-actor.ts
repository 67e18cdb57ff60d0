/**
 * A simulated feed: random lines of the real protocol through a fake socket, and a strict reading of the answers.
 *
 * It checks what a feed is promised: an acknowledgement only of lines that every home has taken, an error for each bad
 * line and no other, wanted and unwanted in turns.
 */

import assert from 'node:assert/strict'
import { FakeSocket } from '../support/fake-socket.ts'
import type { Random } from '../support/random.ts'
import { FAULTS, type ItemChoices } from './faults.ts'
import type { LineTruth, Value } from './model.ts'
import type { LineSource } from './taps.ts'
import { ROW_FIELDS } from './wishes.ts'

interface SentLine {
  readonly truth: LineTruth | null
  readonly isBad: boolean
  isTaken: boolean
  isRefused: boolean
}

interface Reply {
  readonly millrace?: number
  readonly ack?: number
  readonly wanted?: string
  readonly unwanted?: string
  readonly error?: { readonly line: number; readonly code: string }
  readonly closing?: { readonly code: string }
}

/** What a feed may have on its way; beyond it waits, as a program would that is held by TCP. */
const UNREAD_BYTES_MAX = 3_000
const WORDS = [
  '',
  '7.611',
  '0',
  'x',
  'on "hold"',
  'ä€😀',
  'back\\slash',
  '-1.50',
  'longer than the others by far',
] as const
const NUMBERS = ['1', '1.50', '-0.001', '1e9', '7.611'] as const
const ROW_VALUES = ['1', '1.0', '2.5', '10', '-3', '7.611', '500', 'x', 'bid', '', null] as const
const CORE_CODES = ['FEED_ROWS_TOO_MANY', 'FEED_KEY_MISSING', 'FEED_COMMAND_INVALID']
const NO_FUNCTIONS = new Map<string, never>()
const BAD_LINES = [
  'nonsense',
  '{"item":',
  '{"item":"A","fields":{"a":true}}',
  '{"item":"A","fields":[]}',
  '{"feed":"again"}',
] as const

export class FeedActor implements LineSource {
  readonly name: string
  readonly socket: FakeSocket
  readonly isOnDemand: boolean
  readonly heartbeatMs: number
  readonly lines: SentLine[] = []
  readonly wanted = new Set<string>()
  acknowledged = 0
  closing = ''
  /** It sends nothing any more, and everything that it sent has to arrive. */
  isEnded = false
  isGone = false
  #replies = ''
  #silentSteps = 0
  #lastTaken: number[] = []
  readonly #random: Random
  readonly #items: readonly string[]
  readonly #fields: readonly string[]
  readonly #fieldsMax: number
  readonly #choices: ItemChoices

  constructor(
    name: string,
    random: Random,
    items: readonly string[],
    choices: ItemChoices,
    fields: readonly string[],
    fieldsMax: number,
  ) {
    this.name = name
    this.#random = random
    this.#items = items
    this.#choices = choices
    this.#fields = fields
    this.#fieldsMax = fieldsMax
    this.socket = new FakeSocket(200 + random.int(2_000))
    this.isOnDemand = random.chance(0.5)
    this.heartbeatMs = random.pick([0, 0, 100, 300])
    const heartbeat = this.heartbeatMs === 0 ? '' : `,"heartbeat":${this.heartbeatMs}`
    this.#send(`{"feed":"${name}"${this.isOnDemand ? ',"onDemand":true' : ''}${heartbeat}}`, null, false, '\n')
    for (const item of choices.tables) if (random.chance(0.5)) this.#tellTable(item)
  }

  peekLine(line: number): LineTruth | null {
    return this.lines[line - 1]?.truth ?? null
  }

  takeLine(line: number, core: number): LineTruth {
    const sent = this.lines[line - 1]
    assert.ok(sent?.truth, `${this.name}: line ${line} is an update`)
    assert.ok(!sent.isTaken, `${this.name}: line ${line} is taken once`)
    assert.ok(line > (this.#lastTaken[core] ?? 0), `${this.name}: line ${line} is taken in its order`)
    sent.isTaken = true
    this.#lastTaken[core] = line
    return sent.truth
  }

  step(): void {
    this.readReplies(this.#random.int(300))
    if (this.isGone || this.isEnded) return
    if (this.#random.chance(FAULTS.feedReset)) return this.#reset()
    if (this.#random.chance(FAULTS.feedEnd)) return this.end(this.#random.chance(0.25))
    if (this.#silentSteps > 0) {
      this.#silentSteps--
      return
    }
    if (this.#random.chance(FAULTS.feedSilence)) this.#silentSteps = 10 + this.#random.int(60)
    if (this.socket.inboxBytes > UNREAD_BYTES_MAX) return
    for (let count = this.#random.int(4); count > 0; count--) this.#sendOne('\n')
  }

  /** Says no more; the last line may lack its newline. */
  end(isLastBare: boolean): void {
    if (isLastBare) this.#sendOne('')
    this.isEnded = true
    this.socket.peerEnd()
  }

  readReplies(bytesMax: number): void {
    this.#replies += this.socket.peerRead(bytesMax).toString('latin1')
    for (;;) {
      const end = this.#replies.indexOf('\n')
      if (end < 0) return
      const line = this.#replies.slice(0, end)
      this.#replies = this.#replies.slice(end + 1)
      this.#onReply(JSON.parse(Buffer.from(line, 'latin1').toString('utf8')) as Reply)
    }
  }

  /** At the end: a feed that is still there, or has ended in order, has had all its lines taken and acknowledged. */
  checkSettled(): void {
    if (this.isGone || this.closing !== '') return
    for (const [index, { truth, isTaken }] of this.lines.entries()) {
      if (truth !== null) assert.ok(isTaken, `${this.name}: line ${index + 1} was never taken`)
    }
    assert.equal(this.acknowledged, this.lines.length, `${this.name}: lines acknowledged`)
    for (const [index, { isBad, isRefused }] of this.lines.entries()) {
      if (isBad) assert.ok(isRefused, `${this.name}: bad line ${index + 1} got no error`)
    }
  }

  #reset(): void {
    this.isGone = true
    // Mostly in the middle of a line, and of what the server has not read yet.
    if (this.#random.chance(0.7)) this.socket.peerSend(Buffer.from('{"item":"A","fields":{"bi'))
    if (this.#random.chance(0.5)) this.socket.pump(1_000)
    this.socket.peerReset()
  }

  #sendOne(lineEnd: string): void {
    const random = this.#random
    if (random.chance(FAULTS.badLine)) return this.#send(random.pick(BAD_LINES), null, true, lineEnd)
    if (random.chance(0.05)) return this.#send('', null, false, '\n')
    const item = random.pick(this.#items)
    const timeMs = random.chance(0.5) ? random.int(1_000_000) : Number.NaN
    const time = Number.isNaN(timeMs) ? '' : `,"time":${timeMs}`
    if (random.chance(0.04)) {
      const truth = { item, isDeletion: true, isSnapshot: false, timeMs, fields: [] }
      return this.#send(`{"item":${JSON.stringify(item)},"deleted":true${time}}`, truth, false, lineEnd)
    }
    if (this.#choices.tables.has(item) && !random.chance(0.05)) {
      for (let count = random.pick([0, 0, 3, 5]), key = this.#key(); count > 0; count--) {
        this.#sendRow(item, this.#operation(key), false, timeMs, '\n')
      }
      return this.#sendRow(item, this.#operation(this.#key()), random.chance(0.02), timeMs, lineEnd)
    }
    const isSnapshot = random.chance(0.1)
    const names = shuffled(random, this.#fields).slice(0, 1 + random.int(this.#fieldsMax))
    const fields = names.map(name => ({ name, ...randomValue(random) }))
    const text = fields.map(({ name, json }) => `${JSON.stringify(name)}:${json}`).join(',')
    const snapshot = isSnapshot ? ',"snapshot":true' : ''
    const truth: LineTruth = {
      item,
      isDeletion: false,
      isSnapshot,
      timeMs,
      fields: fields.map(({ name, value }) => [name, value] as const),
    }
    this.#send(`{"item":${JSON.stringify(item)}${snapshot}${time},"fields":{${text}}}`, truth, false, lineEnd)
  }

  /** Tells a whole table. */
  #tellTable(item: string): void {
    for (let count = this.#random.int(6), isFirst = true; count > 0; count--, isFirst = false) {
      this.#sendRow(item, [['key', this.#key()], ['command', 'ADD'], ...this.#row()], isFirst, Number.NaN, '\n')
    }
  }

  #operation(key: string): [string, Value][] {
    const random = this.#random
    if (random.chance(0.02)) return [['command', 'CLEAR']]
    if (random.chance(0.01)) return [['command', 'ADD'], ...this.#row()]
    if (random.chance(0.01)) return [['key', key], ...this.#row()]
    const command = random.pick(['ADD', 'UPDATE', 'UPDATE', 'DELETE', 'DELETE'])
    const head: [string, Value][] = [
      ['key', key],
      ['command', command],
    ]
    return command === 'DELETE' ? head : [...head, ...this.#row()]
  }

  #key(): string {
    return this.#random.chance(0.1) ? 'on "é"' : `k${this.#random.int(8)}`
  }

  #row(): [string, Value][] {
    const values = ROW_FIELDS.map((name): [string, Value] => [name, this.#random.pick(ROW_VALUES)])
    return values.filter(() => this.#random.chance(0.7))
  }

  #sendRow(
    item: string,
    fields: readonly (readonly [string, Value])[],
    isSnapshot: boolean,
    timeMs: number,
    lineEnd: string,
  ): void {
    const { isTable } = this.#choices.settings.get(item)!
    const isSaid = isTable === null || this.#random.chance(0.5)
    const truth: LineTruth = { item, isDeletion: false, isSnapshot, isRow: isSaid, timeMs, fields }
    const line = {
      item,
      ...(isSaid ? { mode: 'command' } : {}),
      ...(isSnapshot ? { snapshot: true } : {}),
      ...(Number.isNaN(timeMs) ? {} : { time: timeMs }),
      fields: Object.fromEntries(fields),
    }
    this.#send(JSON.stringify(line), truth, false, lineEnd)
  }

  #send(text: string, truth: LineTruth | null, isBad: boolean, lineEnd: string): void {
    this.lines.push({ truth, isBad, isTaken: false, isRefused: false })
    this.socket.peerSend(Buffer.from(text + lineEnd))
  }

  #onReply(reply: Reply): void {
    const { name } = this
    assert.equal(this.closing, '', `${name}: nothing is said after closing`)
    if (reply.ack !== undefined) this.#onAck(reply.ack)
    else if (reply.wanted !== undefined) {
      assert.ok(this.isOnDemand && !this.wanted.has(reply.wanted), `${name}: ${reply.wanted} is wanted twice`)
      this.wanted.add(reply.wanted)
    } else if (reply.unwanted !== undefined) {
      assert.ok(this.isOnDemand && this.wanted.delete(reply.unwanted), `${name}: ${reply.unwanted} was not wanted`)
    } else if (reply.error !== undefined) this.#onError(reply.error)
    else if (reply.closing !== undefined) this.closing = reply.closing.code
    else assert.ok(reply.millrace === 1, `${name}: a reply that says nothing`)
  }

  #onAck(ack: number): void {
    assert.ok(ack > this.acknowledged, `${this.name}: acknowledgements grow`)
    assert.ok(ack <= this.lines.length, `${this.name}: ${ack} lines acknowledged, ${this.lines.length} sent`)
    for (let line = this.acknowledged; line < ack; line++) {
      const { truth, isTaken } = this.lines[line]!
      assert.ok(truth === null || isTaken, `${this.name}: line ${line + 1} acknowledged before it was merged`)
    }
    this.acknowledged = ack
  }

  #onError({ line, code }: { line: number; code: string }): void {
    const sent = this.lines[line - 1]
    assert.ok(sent !== undefined, `${this.name}: error ${code} for line ${line} of ${this.lines.length}`)
    // A function refuses what it cannot take, and the rest of the line counts.
    const { functions } = this.#choices.settings.get(sent.truth?.item ?? '') ?? { functions: NO_FUNCTIONS }
    if (code === 'FEED_VALUE_INVALID' && functions.size > 0) return
    // An item that has all its fields refuses a further one; the rest of the line counts.
    if (code === 'FEED_FIELDS_TOO_MANY') return
    // A table refuses rows that are too many, and what is no operation on a row.
    const isRow = sent.truth?.isRow === true || this.#choices.settings.get(sent.truth?.item ?? '')?.isTable === true
    if (isRow && CORE_CODES.includes(code)) return
    assert.ok(sent.isBad, `${this.name}: error ${code} for line ${line}, which is good`)
    assert.ok(!sent.isRefused, `${this.name}: two errors for line ${line}`)
    sent.isRefused = true
  }
}

function randomValue(random: Random): { value: Value; json: string } {
  if (random.chance(0.1)) return { value: null, json: 'null' }
  if (random.chance(0.4)) {
    const number = random.pick(NUMBERS)
    return { value: number, json: number }
  }
  const word = random.chance(0.5) ? random.pick(WORDS) : String(random.int(1_000))
  return { value: word, json: JSON.stringify(word) }
}

function shuffled<T>(random: Random, list: readonly T[]): T[] {
  const left = [...list]
  const out: T[] = []
  while (left.length > 0) out.push(...left.splice(random.int(left.length), 1))
  return out
}

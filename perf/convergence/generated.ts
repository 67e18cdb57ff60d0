/**
 * A recording for where there is none, with items of every kind: values, trades (distinct) and books (tables). Books change as
 * recorded ones do (48 % UPDATE, 30 % ADD, 22 % DELETE) and are now and then told anew.
 */

import type { Random } from '#test/support/random.ts'
import { generatedLines } from '#test/support/recording.ts'
import type { RecordedLine } from './judge.ts'

export interface GeneratedSize {
  readonly items: number
  readonly lines: number
  readonly stepMs: number
}

const BOOKS = 6
const TRADES = 8
/** Lines of every hundred. */
const [BOOK_PART, TRADE_PART] = [0.5, 0.04]
const SIDES = ['bid', 'ask'] as const
const LEVELS = 60
const [ADD_PART, DELETE_PART] = [0.3, 0.22]
const CLEAR_PART = 0.0005
const ANEW_PART = 0.0005

/** In the form of a recording's lines. */
export function generatedRecording(random: Random, { items, lines, stepMs }: GeneratedSize): string[] {
  const values = generatedLines(random, items, lines).filter(({ deleted }) => deleted !== true)
  const all: RecordedLine[] = []
  let trade = 0
  for (const { item, fields = {}, snapshot = false } of values) {
    all.push({ item, fields, snapshot })
    const kind = random.chance(BOOK_PART) ? 'book' : random.chance(TRADE_PART) ? 'trade' : null
    if (kind === 'book') all.push(bookLine(random))
    if (kind === 'trade') all.push(tradeLine(random, trade++))
  }
  return all.map((line, i) => JSON.stringify({ at: i * stepMs, ...line }))
}

function tradeLine(random: Random, id: number): RecordedLine {
  const size = `${random.int(1_000)}.${String(1 + random.int(999_999)).padStart(6, '0')}`
  const fields = { id: String(id), price: String(100 + random.int(50)), size, side: random.pick(['buy', 'sell']) }
  return { item: `trades.gen.${random.int(TRADES)}`, mode: 'distinct', fields }
}

function bookLine(random: Random): RecordedLine {
  const item = `book.gen.${random.int(BOOKS)}`
  if (random.chance(CLEAR_PART)) return { item, mode: 'command', fields: { command: 'CLEAR' } }
  const side = random.pick(SIDES)
  const price = (100 + random.int(LEVELS) / 4).toFixed(2)
  const key = `${side}:${price}`
  if (random.chance(DELETE_PART)) return { item, mode: 'command', fields: { key, command: 'DELETE' } }
  const isAdd = random.chance(ADD_PART / (1 - DELETE_PART))
  const fields = { key, command: isAdd ? 'ADD' : 'UPDATE', side, price, size: String(1 + random.int(500)) }
  return { item, mode: 'command', fields, ...(random.chance(ANEW_PART) ? { snapshot: true } : {}) }
}

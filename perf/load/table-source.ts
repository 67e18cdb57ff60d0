/**
 * A feed of tables: books of `rows` price levels, half of them bids, that change as recorded ones do: 48 % UPDATE, 30 % ADD (of
 * which 8 replace a row that is there), 22 % DELETE; more of it near the best prices.
 *
 * An item begins with an ADD of each row; then come blocks of 50 operations, in which each row that is deleted comes back. So
 * every operation changes something, whenever the sequence begins anew, and a table has nearly all of its rows at any time.
 *
 * Every operation bears a stamp. That of a DELETE goes no further than the server, whose records of it have no fields.
 */

import { itemName, seeded, type Workload } from '#perf/workload.ts'
import type { FeedProtocol } from './feed-protocols.ts'
import { type Frame, frameOf, type Source } from './source.ts'
import { STAMP_DIGITS } from './stamp.ts'

type Row = Readonly<Record<string, string>>

interface Operation {
  readonly command: 'ADD' | 'UPDATE' | 'DELETE'
  readonly row: number
  readonly size: string
}

const BLOCKS = 8
const BLOCK = 50
const DELETES = 11
const REPLACED = 4
const US_PER_SECOND = 1_000_000
const STEP = 0.05
const MIDDLE = 500
/** Beyond all others. */
const LAST_ROWS: readonly Row[] = [
  { side: 'bid', price: '999999.00', size: '100' },
  { side: 'ask', price: '0.01', size: '100' },
]

/** The key of a row, as in recordings. */
export function rowKey({ side, price }: Row): string {
  return `${side}:${price}`
}

export function tableSource(workload: Workload, protocol: FeedProtocol): Source {
  const { items, rows } = workload
  const operations = Array.from({ length: items }, (_, item) => operationsOf(workload, item))
  const frames = operations.map((list, item) => list.map(operation => frameOfRow(operation, item, protocol)))
  const tables = operations.map(() => new Map<string, Row>())
  const indexOf = (number: number): number => {
    const turn = Math.floor(number / items)
    return turn < rows ? turn : rows + ((turn - rows) % (BLOCKS * BLOCK))
  }
  return {
    items,
    dueUs: (number, rate) => (number * US_PER_SECOND) / (rate * items),
    itemOf: number => number % items,
    frameOf: number => frames[number % items]![indexOf(number)]!,
    noteSent: number => {
      const { command, row, size } = operations[number % items]![indexOf(number)]!
      const level = levelOf(row)
      if (command === 'DELETE') tables[number % items]!.delete(rowKey(level))
      else tables[number % items]!.set(rowKey(level), { ...level, size })
    },
    lastFramesOf: item => LAST_ROWS.map(row => frameOf(lineOf(item, 'ADD', row), itemName(item), protocol)),
    truthOf: item => {
      const last = LAST_ROWS.map(row => [rowKey(row), row])
      return JSON.stringify({ item: itemName(item), rows: Object.fromEntries([...tables[item]!, ...last]) })
    },
  }
}

/** An ADD of each row, then the blocks. */
function operationsOf({ rows, seed }: Workload, item: number): Operation[] {
  const next = seeded(seed * 7_919 + item)
  const sizeOf = () => String(100 + next(900))
  const all: Operation[] = Array.from({ length: rows }, (_, row) => ({ command: 'ADD', row, size: sizeOf() }))
  for (let block = 0; block < BLOCKS; block++) {
    const deleted = new Set<number>()
    while (deleted.size < Math.min(DELETES, rows >> 1)) deleted.add(rowNear(rows, next))
    const kept = (): number => {
      for (;;) {
        const row = rowNear(rows, next)
        if (!deleted.has(row)) return row
      }
    }
    const slots: (Operation | null)[] = new Array<null>(BLOCK).fill(null)
    const free = shuffled(BLOCK, next)
    for (const row of deleted) {
      const [first, second] = [free.pop()!, free.pop()!].sort((a, b) => a - b)
      slots[first!] = { command: 'DELETE', row, size: '' }
      slots[second!] = { command: 'ADD', row, size: sizeOf() }
    }
    for (const [index, slot] of free.entries()) {
      slots[slot] = { command: index < REPLACED ? 'ADD' : 'UPDATE', row: kept(), size: sizeOf() }
    }
    for (const operation of slots) all.push(operation!)
  }
  return all
}

/** Rows are numbered from the best on, bids and asks in turn. Of a hundred the best ten have a third of what happens. */
function rowNear(rows: number, next: (max: number) => number): number {
  const part = next(1_000) / 1_000
  return Math.floor(rows * part * part)
}

function levelOf(row: number): Row {
  const distance = (row >> 1) * STEP
  const isBid = row % 2 === 0
  const price = isBid ? MIDDLE - STEP - distance : MIDDLE + distance
  return { side: isBid ? 'bid' : 'ask', price: price.toFixed(2) }
}

function frameOfRow({ command, row, size }: Operation, item: number, protocol: FeedProtocol): Frame {
  return frameOf(lineOf(item, command, { ...levelOf(row), size }), itemName(item), protocol)
}

function lineOf(item: number, command: Operation['command'], row: Row): string {
  const values = command === 'DELETE' ? {} : row
  const fields = { key: rowKey(row), command, ...values, at: '0'.repeat(STAMP_DIGITS) }
  return JSON.stringify({ item: itemName(item), mode: 'command', fields })
}

function shuffled(count: number, next: (max: number) => number): number[] {
  const all = Array.from({ length: count }, (_, index) => index)
  for (let i = count - 1; i > 0; i--) {
    const j = next(i + 1)
    const [a, b] = [all[i]!, all[j]!]
    all[i] = b
    all[j] = a
  }
  return all
}

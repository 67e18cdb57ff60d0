/** The judges of distinct updates and of tables in the convergence run, told what they must not let pass, and what they must. */

import test, { type ExecutionContext } from 'ava'
import { generatedRecording } from '#perf/convergence/generated.ts'
import type { BookWindow, RecordedLine } from '#perf/convergence/judge.ts'
import { Knowledge } from '#perf/convergence/knowledge.ts'
import { type ClientPlan, MODES, PACES, planClients, queryOf } from '#perf/convergence/plan.ts'
import { Recorded } from '#perf/convergence/recorded.ts'
import { RecordedTables } from '#perf/convergence/recorded-tables.ts'
import { textOf, unitsOf } from '#perf/convergence/sums.ts'
import type { Finding } from '#perf/convergence/tally.ts'
import { accountClaims } from '#perf/convergence/trade-claims.ts'
import type { UpdatesJudge } from '#perf/convergence/updates-judge.ts'
import { Random, seedOr } from '#test/support/random.ts'
import { type SessionRecord, TRANSPORTS } from '#test/support/session-stream.ts'
import { type RowFields, TableModel } from '#test/support/table-client.ts'

const SIZES = ['0.1', '0.02', '3']
const TRADES: RecordedLine[] = SIZES.map(size => ({ item: 'T', mode: 'distinct', fields: { size } }))

function row(command: string, key: string, more: RowFields = {}): RecordedLine {
  return { item: 'B', mode: 'command', fields: { command, key, ...more } }
}

const BID = { side: 'bid', price: '1.5', size: '1' }
/** By seq: a comes, b comes, a changes, b goes; c, that is no bid. */
const ROWS = [
  row('ADD', 'a', BID),
  row('UPDATE', 'b', { ...BID, price: '1.0' }),
  row('ADD', 'a', BID),
  row('UPDATE', 'a', { size: '2' }),
  row('DELETE', 'b'),
  row('DELETE', 'b'),
  row('ADD', 'c', { side: 'ask', price: '1.9e-2', size: '7' }),
]
const RECORDED = new Recorded([...TRADES, ...ROWS])
const BEST: BookWindow = { side: 'bid', count: 1 }

type Told = readonly SessionRecord[]

function planOf(mode: 'distinct' | 'command', window: BookWindow | null = null): ClientPlan {
  const items = mode === 'distinct' ? ['T'] : ['B']
  return { index: 0, pace: 'fast', mode, transport: 'sse', isBreaking: true, items, bufferSize: null, window }
}

/** Each list of records is a flush; null: the stream is cut and goes on, `anew`: the session begins anew. */
function told(plan: ClientPlan, flushes: readonly (Told | null | 'anew')[]): Knowledge {
  const knowledge = new Knowledge(plan, RECORDED)
  let position = 10
  knowledge.open('')
  knowledge.beginAnew({ session: 'S', position })
  for (const flush of flushes) {
    if (flush === null || flush === 'anew') {
      knowledge.discard()
      knowledge.open('')
      if (flush === null) knowledge.recover(null)
      else knowledge.beginAnew({ session: 'S', position })
      continue
    }
    for (const record of flush) knowledge.take(record)
    knowledge.commit(++position, null)
  }
  return knowledge
}

const trade = (seq: number, size = SIZES[(seq - 1) % SIZES.length]!): SessionRecord => ({
  item: 'T',
  seq,
  fields: { size },
})
const lost = (count: number): SessionRecord => ({ item: 'T', lost: count })
const tradesEnd: SessionRecord = { item: 'T', snapshotEnd: true }

interface Case {
  readonly what: string
  readonly flushes: readonly (Told | null | 'anew')[]
  readonly finds: Finding | null
}

const DISTINCT: readonly Case[] = [
  { what: 'each update', flushes: [[tradesEnd], [trade(1), trade(2)], [trade(3), trade(4)]], finds: null },
  { what: 'a gap', flushes: [[tradesEnd, trade(1), trade(3)]], finds: 'distinct' },
  { what: 'a first one that is missing', flushes: [[tradesEnd, trade(2)]], finds: 'distinct' },
  { what: 'a gap over a break', flushes: [[tradesEnd, trade(1)], null, [trade(3)]], finds: 'distinct' },
  { what: 'a gap that was told', flushes: [[tradesEnd, trade(1), lost(2)], null, [trade(4)]], finds: null },
  { what: 'a gap longer than told', flushes: [[tradesEnd, trade(1), lost(1), trade(4)]], finds: 'distinct' },
  { what: 'a gap shorter than told', flushes: [[tradesEnd, trade(1), lost(3), trade(4)]], finds: 'distinct' },
  {
    what: 'lost twice in a row',
    flushes: [
      [tradesEnd, lost(1)],
      [lost(1), trade(3)],
    ],
    finds: null,
  },
  { what: 'a loss of none', flushes: [[tradesEnd, lost(0), trade(1)]], finds: 'distinct' },
  { what: 'the fields of another line', flushes: [[tradesEnd, trade(1, '3')]], finds: 'distinct' },
  { what: 'updates that came before the first end', flushes: [[trade(1), tradesEnd]], finds: 'distinct' },
  { what: 'two ends', flushes: [[tradesEnd, tradesEnd]], finds: 'distinct' },
  { what: 'an update twice', flushes: [[tradesEnd, trade(1), trade(1)]], finds: 'order' },
  { what: 'one again on a recovered stream', flushes: [[tradesEnd, trade(1)], null, [trade(1)]], finds: 'duplicate' },
  { what: 'a history that repeats', flushes: [[tradesEnd, trade(1)], 'anew', [trade(1), tradesEnd]], finds: null },
  {
    what: 'a history with a gap in it',
    flushes: [[tradesEnd], 'anew', [trade(1), trade(3), tradesEnd]],
    finds: 'distinct',
  },
  { what: 'a record of no kind', flushes: [[{ item: 'T', stale: true }]], finds: 'order' },
]

const cleared: SessionRecord = { item: 'B', cleared: true }
const tableEnd: SessionRecord = { item: 'B', snapshotEnd: true }
function told1(command: 'ADD' | 'UPDATE' | 'DELETE', seq: number, key: string, fields?: RowFields): SessionRecord {
  return { item: 'B', seq, key, command, ...(fields === undefined ? {} : { fields }) }
}
const CHANGED = { ...BID, size: '2' }
const aComes = told1('ADD', 1, 'a', BID)
const aChanges = told1('UPDATE', 3, 'a', { size: '2' })
const bComes = told1('ADD', 2, 'b', { ...BID, price: '1.0' })
const bGoes = told1('DELETE', 4, 'b')
const cComes = told1('ADD', 5, 'c', { side: 'ask', price: '1.9e-2', size: '7' })

const TABLES: readonly Case[] = [
  {
    what: 'each event',
    flushes: [
      [cleared, tableEnd],
      [aComes, bComes, aChanges],
      [bGoes, cComes],
    ],
    finds: null,
  },
  { what: 'what is conflated', flushes: [[cleared, told1('ADD', 3, 'a', CHANGED), cComes, tableEnd]], finds: null },
  { what: 'an UPDATE of a row that is not there', flushes: [[cleared, tableEnd, aChanges]], finds: 'table' },
  { what: 'a row before its table', flushes: [[aComes]], finds: 'table' },
  { what: 'two ends', flushes: [[cleared, tableEnd, tableEnd]], finds: 'table' },
  { what: 'a seq that goes back', flushes: [[cleared, tableEnd, bComes, aComes]], finds: 'order' },
  {
    what: 'a row that is another',
    flushes: [[cleared, tableEnd, told1('ADD', 1, 'a', CHANGED)]],
    finds: 'state',
  },
  { what: 'a row with a value too few', flushes: [[cleared, told1('ADD', 3, 'a', { size: '2' })]], finds: 'state' },
  { what: 'a row under another seq', flushes: [[cleared, told1('ADD', 2, 'a', BID)]], finds: 'state' },
  { what: 'a DELETE of a row that stays', flushes: [[cleared, aComes, told1('DELETE', 3, 'a')]], finds: 'state' },
  { what: 'what was handled before the break', flushes: [[cleared, aComes], null, [aComes]], finds: 'duplicate' },
  { what: 'the table anew over a break', flushes: [[cleared, aComes], null, [cleared, aComes]], finds: null },
  { what: 'a record of no kind', flushes: [[cleared, { item: 'B', lost: 3 }]], finds: 'order' },
]

const judges = test.macro({
  exec(t: ExecutionContext, plan: ClientPlan, { flushes, finds }: Case) {
    const [found = null] = told(plan, flushes).tally.findings.keys()
    t.is(found, finds)
  },
  title: (_, { mode }: ClientPlan, { what, finds }: Case) =>
    `[${mode === 'distinct' ? 'PF37' : 'PF38'}] ${mode}: ${what}: ${finds === null ? 'nothing is wrong' : `found as ${finds}`}`,
})
for (const each of DISTINCT) test(judges, planOf('distinct'), each)
for (const each of TABLES) test(judges, planOf('command'), each)

test('[PF38] a window has rows of its side that the recording knows, whatever their seq', t => {
  const find = (record: SessionRecord) => [...told(planOf('command', BEST), [[cleared, record]]).tally.findings.keys()]
  t.deepEqual(find(told1('ADD', 77, 'a', CHANGED)), [])
  t.deepEqual(find(told1('ADD', 77, 'a', { ...BID, size: '9' })), ['state'])
  t.deepEqual(find(cComes), ['state'])
})

test('[PF38] given up is what had no position; behind a table that was cleared all of it is new', t => {
  const knowledge = told(planOf('command'), [[cleared, aComes, bComes], null])
  knowledge.take(cleared)
  knowledge.take(aComes)
  knowledge.discard()
  t.deepEqual([...knowledge.tally.findings], [])
  knowledge.open('')
  knowledge.recover(null)
  knowledge.take(aComes)
  knowledge.discard()
  t.deepEqual([...knowledge.tally.findings.keys()], ['duplicate'])
})

test('[PF38] at the end a table, or its window, is whole and what the recording leaves', t => {
  const atEnd = (plan: ClientPlan, records: Told) => told(plan, [records]).judge.isAtTruth(1)
  const aNow = told1('ADD', 3, 'a', CHANGED)
  t.true(atEnd(planOf('command'), [cleared, aNow, cComes, tableEnd]))
  t.false(atEnd(planOf('command'), [cleared, aNow, cComes]))
  t.false(atEnd(planOf('command'), [cleared, aNow, tableEnd]))
  t.false(atEnd(planOf('command'), [cleared, aComes, cComes, tableEnd]))
  t.true(atEnd(planOf('command', BEST), [cleared, aNow, tableEnd]))
  t.false(atEnd(planOf('command', BEST), [cleared, tableEnd]))
})

test('[PF37] delivered, lost and skipped are all, and so are their sizes; a whole client has missed nothing', t => {
  const judgeOf = (knowledge: Knowledge) => knowledge.judge as UpdatesJudge
  const late = told(planOf('distinct'), [
    [tradesEnd, trade(1), lost(2), trade(4)],
    'anew',
    [trade(3), trade(4), tradesEnd, trade(5)],
    'anew',
    [trade(8), tradesEnd, trade(9)],
  ])
  const { delivered, lost: gone, skipped, deliveredSum, missedSum } = judgeOf(late).items.get('T')!
  t.deepEqual([delivered, gone, skipped], [5, 2, 2])
  t.deepEqual([textOf(deliveredSum), textOf(missedSum)], ['3.24', '6.12'])
  t.true(late.judge.isAtTruth(3))
  t.false(late.judge.isAtTruth(4))
  const whole = told(planOf('distinct'), [[tradesEnd, ...Array.from({ length: 9 }, (_, index) => trade(index + 1))]])
  const claimsOf = (some: readonly Knowledge[], loops: number) => {
    const clients = some.map(knowledge => ({ plan: planOf('distinct'), knowledge }))
    const outcome = { clients, recorded: RECORDED, feed: { loops } } as unknown as Parameters<typeof accountClaims>[0]
    return accountClaims(outcome).map(({ isHeld }) => isHeld)
  }
  t.deepEqual(claimsOf([whole, late], 3), [true, true])
  t.deepEqual(claimsOf([late], 3), [true, false], 'somebody must have all')
  t.deepEqual(claimsOf([whole], 4), [false, false])
  judgeOf(whole).items.get('T')!.deliveredSum += 1n
  t.deepEqual(claimsOf([whole], 3), [true, false])
  judgeOf(whole).items.get('T')!.delivered--
  judgeOf(whole).items.get('T')!.skipped++
  t.deepEqual(claimsOf([whole], 3), [false, false], 'nothing is skipped where no session began anew')
})

test('[PF39] sums are exact, and what is no plain decimal is refused', t => {
  t.is(textOf(unitsOf('0.1') + unitsOf('0.2')), '0.3')
  t.is(textOf(unitsOf('-90071992547409931234.5') - 1n), '-90071992547409931234.500000000000000001')
  t.is(textOf(unitsOf('100')), '100')
  for (const text of ['', '.5', '1e3', '1.1234567890123456789', 'x']) t.throws(() => unitsOf(text))
})

test('[PF39] each loop behind the first one makes of a table what the second one does', t => {
  const lines = generatedRecording(new Random(seedOr(7)), { items: 5, lines: 4_000, stepMs: 1 }).map(
    line => JSON.parse(line) as RecordedLine,
  )
  const [item] = new RecordedTables(lines).names
  const own = lines.filter(line => line.item === item)
  const [short, long] = [new RecordedTables(own), new RecordedTables([...own, ...own])]
  const model = new TableModel()
  for (const { fields, snapshot = false } of own) model.apply(fields, snapshot)
  t.deepEqual(new Map(short.shown(item!, null)), model.rows)
  const keys = [...new Set(own.flatMap(({ fields }) => (typeof fields.key === 'string' ? [fields.key] : [])))]
  const rows = [...model.rows.values(), null]
  for (let seq = 1; seq < 4 * own.length; seq++) {
    for (const key of keys.slice(0, 5)) {
      for (const each of rows) t.is(short.isAt(item!, seq, key, each), long.isAt(item!, seq, key, each))
    }
  }
})

test('[PF40] any 32 clients of a pace have each transport, mode and breaking once, 16 each transport in each mode', t => {
  const lines = generatedRecording(new Random(1), { items: 40, lines: 3_000, stepMs: 1 }).map(
    line => JSON.parse(line) as RecordedLine,
  )
  const recorded = new Recorded(lines)
  const plans = planClients({ fast: 64, slow: 32, stalled: 16 }, recorded)
  for (const pace of PACES) {
    const some = plans.filter(plan => plan.pace === pace)
    for (let at = 0; at + 16 <= some.length; at += 8) {
      const kinds = (length: number, of: (plan: ClientPlan) => string) =>
        new Set(some.slice(at, at + length).map(of)).size
      t.is(
        kinds(16, ({ mode, transport }) => `${mode} ${transport}`),
        MODES.length * TRANSPORTS.length,
      )
      t.is(
        kinds(4, ({ mode }) => mode),
        MODES.length,
      )
      t.is(some.slice(at, at + 4).filter(({ isBreaking }) => isBreaking).length, 2)
      if (at + 32 > some.length) continue
      t.is(
        kinds(32, ({ mode, transport, isBreaking }) => `${mode} ${transport} ${isBreaking}`),
        2 * MODES.length * TRANSPORTS.length,
      )
    }
  }
  const read = (modes: readonly string[]) =>
    new Set(plans.filter(({ mode }) => modes.includes(mode)).flatMap(({ items }) => items))
  const all = new Set(recorded.lines.keys())
  t.deepEqual(
    [...all].filter(item => !read(['merge']).has(item)),
    [],
  )
  t.deepEqual(
    [...all].filter(item => !read(['raw', 'distinct']).has(item)),
    [],
  )
  t.deepEqual(new Set(read(['command'])), new Set(recorded.tables.names))
  const window = plans.find(plan => plan.window?.side === 'bid')!
  t.true(queryOf(window).endsWith('&mode=command&filter=side%20%3D%20%22bid%22&sort=-price&count=10'))
})

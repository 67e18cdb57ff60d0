/** The judge of the convergence run, told what it must not let pass, and what it must. */

import test, { type ExecutionContext } from 'ava'
import type { ValueMode } from '#perf/convergence/judge.ts'
import { Knowledge } from '#perf/convergence/knowledge.ts'
import { Recorded } from '#perf/convergence/recorded.ts'
import type { Finding } from '#perf/convergence/tally.ts'
import type { ValuesJudge } from '#perf/convergence/values-judge.ts'
import type { SessionRecord } from '#test/support/session-stream.ts'

const LINES = ['0', '1', '2'].map(n => ({ n }))
const RECORDED = new Recorded(LINES.map(fields => ({ item: 'A', fields })))

/** A flush: its records and its position. */
type Flush = readonly [position: number, ...records: readonly SessionRecord[]]

/** An update of the recording; seq 1 is its first line. */
function update(seq: number, more: Partial<SessionRecord> = {}): SessionRecord {
  return { item: 'A', seq, fields: LINES[(seq - 1) % LINES.length]!, ...more }
}

function snapshot(seq: number, more: Partial<SessionRecord> = {}): SessionRecord {
  return update(seq, { snapshot: true, ...more })
}

/** A client that was told its session, at position 10. */
function begun(mode: ValueMode): Knowledge {
  const plan = { index: 0, pace: 'fast', mode, transport: 'sse', isBreaking: true, items: ['A'] } as const
  const asked = { bufferSize: null, window: null }
  const knowledge = new Knowledge({ ...plan, ...asked }, RECORDED)
  knowledge.open('')
  knowledge.beginAnew({ session: 'S', position: 10 })
  return knowledge
}

function read(knowledge: Knowledge, flushes: readonly Flush[]): void {
  for (const [position, ...records] of flushes) {
    for (const record of records) knowledge.take(record)
    knowledge.commit(position, null)
  }
}

function resumed(knowledge: Knowledge, isRecovered: boolean): void {
  knowledge.discard()
  knowledge.open('')
  if (isRecovered) knowledge.recover(null)
}

interface Case {
  readonly what: string
  readonly mode: ValueMode
  /** On the first stream; on the next one, which was recovered. */
  readonly first: readonly Flush[]
  readonly next?: readonly Flush[]
  readonly finds: Finding | null
}

const CASES: readonly Case[] = [
  { what: 'merge: a gap', mode: 'merge', first: [[11, snapshot(1), update(7)]], finds: null },
  {
    what: 'merge: a value that another seq has',
    mode: 'merge',
    first: [[11, snapshot(1), update(5, { fields: { n: '2' } })]],
    finds: 'state',
  },
  {
    what: 'merge: a field left out',
    mode: 'merge',
    first: [[11, snapshot(1), update(5, { fields: {} })]],
    finds: 'state',
  },
  { what: 'an update before its snapshot', mode: 'merge', first: [[11, update(1)]], finds: 'order' },
  { what: 'a seq that goes back', mode: 'merge', first: [[11, snapshot(3), update(2)]], finds: 'order' },
  { what: 'a seq that comes again', mode: 'raw', first: [[11, snapshot(3), update(3)]], finds: 'order' },
  {
    what: 'a time that goes back',
    mode: 'merge',
    first: [[11, snapshot(1, { time: 5 }), update(2, { time: 4 })]],
    finds: 'order',
  },
  { what: 'a position that goes back', mode: 'merge', first: [[9, snapshot(1)]], finds: 'order' },
  { what: 'records at the position of before', mode: 'merge', first: [[10, snapshot(1)]], finds: 'order' },
  { what: 'a poll that had nothing to tell', mode: 'merge', first: [[10]], finds: null },
  { what: 'a record of no kind', mode: 'merge', first: [[11, { item: 'A', stale: true }]], finds: 'order' },
  { what: 'subscribed twice', mode: 'merge', first: [[11, { subscribed: 0 }, { subscribed: 0 }]], finds: 'order' },
  {
    what: 'raw: each update',
    mode: 'raw',
    first: [[11, snapshot(1), update(2)]],
    next: [[12, update(3)]],
    finds: null,
  },
  { what: 'raw: a gap', mode: 'raw', first: [[11, snapshot(1), update(3)]], finds: 'raw' },
  { what: 'raw: a gap over a break', mode: 'raw', first: [[11, snapshot(1)]], next: [[12, update(3)]], finds: 'raw' },
  {
    what: 'raw: the fields of another line',
    mode: 'raw',
    first: [[11, snapshot(1), update(2, { fields: { n: '0' } })]],
    finds: 'raw',
  },
  {
    what: 'raw: a gap that was told',
    mode: 'raw',
    first: [[11, snapshot(1), { item: 'A', lost: 4 }, snapshot(5), update(6)]],
    finds: null,
  },
  {
    what: 'raw: a gap that is longer than it was told',
    mode: 'raw',
    first: [[11, snapshot(1), { item: 'A', lost: 4 }, snapshot(6)]],
    finds: 'raw',
  },
  { what: 'merge: lost', mode: 'merge', first: [[11, snapshot(1), { item: 'A', lost: 4 }]], finds: 'raw' },
  {
    what: 'what was handled before the break',
    mode: 'merge',
    first: [[11, snapshot(1), update(2)]],
    next: [[12, update(2)]],
    finds: 'duplicate',
  },
  {
    what: 'the same as a snapshot',
    mode: 'raw',
    first: [[11, snapshot(3)]],
    next: [[12, snapshot(3)]],
    finds: 'duplicate',
  },
]

const judges = test.macro({
  exec(t: ExecutionContext, { mode, first, next, finds }: Case) {
    const knowledge = begun(mode)
    read(knowledge, first)
    if (next !== undefined) {
      resumed(knowledge, true)
      read(knowledge, next)
    }
    // What is wrong with a record may make the state wrong too.
    const [found = null] = knowledge.tally.findings.keys()
    t.is(found, finds)
  },
  title: (_, { what, finds }: Case) => `[P51] ${what}: ${finds === null ? 'nothing is wrong' : `found as ${finds}`}`,
})
for (const each of CASES) test(judges, each)

test('[P51] a flush that did not come whole is given up, but what is in it must be new', t => {
  const knowledge = begun('merge')
  read(knowledge, [[11, snapshot(1)]])
  knowledge.take(update(2))
  resumed(knowledge, true)
  t.deepEqual(knowledge.resume, { session: 'S', position: 11 })
  read(knowledge, [[13, update(2)]])
  t.deepEqual([...knowledge.tally.findings], [])
  resumed(knowledge, true)
  knowledge.take(update(2))
  resumed(knowledge, true)
  t.deepEqual([...knowledge.tally.findings.keys()], ['duplicate'])
  t.is(knowledge.tally.duplicates, 1)
})

test('[P51] a welcome that goes on with another session, or behind another position, is found', t => {
  for (const [session, position, finds] of [
    ['S', 10, []],
    ['S', 9, ['order']],
    ['R', 10, ['order']],
  ] as const) {
    const knowledge = begun('merge')
    knowledge.open('')
    knowledge.recover({ session, position, recovered: true })
    t.deepEqual([...knowledge.tally.findings.keys()], [...finds])
  }
})

test('[P51] where the session begins anew, everything may come again, from a snapshot on', t => {
  const knowledge = begun('raw')
  read(knowledge, [[11, { subscribed: 0 }, snapshot(3)]])
  resumed(knowledge, false)
  knowledge.beginAnew({ session: 'S', position: 20 })
  read(knowledge, [[21, { subscribed: 0 }, snapshot(3), update(4)]])
  t.deepEqual([...knowledge.tally.findings], [])
  t.deepEqual((knowledge.judge as ValuesJudge).items.get('A')!.fields, { n: '0' })
  t.is(knowledge.tally.records, 3)
})

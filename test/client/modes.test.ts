import test from 'ava'
import type { RowChange, SubscriptionHandlers, SubscriptionWish } from '#src/client/index.ts'
import type { ClientSubscription } from '#src/client/subscription.ts'
import { settle } from '../support/fake-runtime.ts'
import { type Bench, connectedBench, OTHER_SESSION } from '../support/scripted-transports.ts'

interface Fixture extends Bench {
  readonly subscription: ClientSubscription
  readonly calls: string[]
  /** Says a flush of records of item A. */
  says(...records: readonly object[]): void
  /** What was called since the last time. */
  told(): string[]
}

function recorder(calls: string[]): SubscriptionHandlers {
  const keysOf = (changes: readonly RowChange[]): string => changes.map(({ key, seq }) => `${key}${seq}`).join()
  return {
    onUpdate: ({ seq, isHistory, conflated }) => {
      calls.push(`update ${seq}${isHistory ? ' history' : ''}${conflated !== 0 ? ` after ${conflated}` : ''}`)
    },
    onBatch: updates => calls.push(`batch ${updates.map(({ seq }) => seq)}`),
    onRow: ({ rows }, { command, key, seq, row, isSnapshot, conflated }) => {
      if (row !== (rows.get(key) ?? null)) calls.push('another row')
      const what = row === null ? '' : ` ${JSON.stringify(row.fields)}`
      calls.push(
        `${command} ${key}${seq}${what}${isSnapshot ? ' snapshot' : ''}${conflated !== 0 ? ` after ${conflated}` : ''}`,
      )
    },
    onTable: (table, changes) => calls.push(`table ${[...table.rows.keys()]} by ${keysOf(changes)}`),
    onCleared: ({ rows, isComplete }) => calls.push(`cleared ${rows.size} ${isComplete}`),
    onSnapshotEnd: ({ isComplete }) => calls.push(`end ${isComplete}`),
    onOut: ({ name, fields }) => calls.push(`out ${name} ${JSON.stringify(fields)}`),
    onStale: ({ isStale }) => calls.push(`stale ${isStale}`),
    onDeleted: ({ name }) => calls.push(`deleted ${name}`),
    onLost: (item, count) => calls.push(`lost ${item} ${count}`),
    onReset: () => calls.push('reset'),
  }
}

async function subscribed(wish: Partial<SubscriptionWish>): Promise<Fixture> {
  const bench = await connectedBench()
  const calls: string[] = []
  const subscription = bench.client.subscribe({ items: 'A', ...wish }, recorder(calls)) as ClientSubscription
  await settle()
  let position = 1
  bench.last().flush(position, { subscribed: 1, items: 1 })
  const says = (...records: readonly object[]): void => {
    bench.last().flush(++position, ...records.map(record => ({ sub: 1, item: 'A', ...record })))
  }
  return { ...bench, subscription, calls, says, told: () => calls.splice(0) }
}

const CLEARED = { cleared: true }
const END = { snapshotEnd: true }

function add(key: string, seq: number, fields: object = {}): object {
  return { seq, key, command: 'ADD', fields }
}

function update(key: string, seq: number, fields: object = {}): object {
  return { seq, key, command: 'UPDATE', fields }
}

function gone(key: string, seq: number): object {
  return { seq, key, command: 'DELETE' }
}

test('[CL57] a flush is told row by row, and the table as it is at its end', async t => {
  const { says, told, subscription } = await subscribed({ mode: 'command' })
  says(CLEARED, add('a', 3, { price: '1' }), add('b', 7, { price: '2' }), END)
  t.deepEqual(told(), [
    'cleared 0 false',
    'ADD a3 {"price":"1"} snapshot',
    'ADD b7 {"price":"2"} snapshot',
    'end true',
    'table a,b by a3,b7',
  ])
  says(update('b', 9, { size: '5' }), gone('a', 10))
  t.deepEqual(told(), ['UPDATE b9 {"price":"2","size":"5"}', 'DELETE a10', 'table b by b9,a10'])
  t.deepEqual([...subscription.items.get('A')!.rows.keys()], ['b'])
})

test('[CL57] each table of a subscription is told by itself, and only where something came of it', async t => {
  const { says, told } = await subscribed({ mode: 'command', items: ['A', 'B', 'C'] })
  says(CLEARED, END, { item: 'B', ...CLEARED }, { item: 'B', ...add('k', 1) }, { item: 'C', ...CLEARED })
  t.deepEqual(
    told().filter(call => call.startsWith('table')),
    ['table  by ', 'table k by k1', 'table  by '],
  )
  says(gone('nobody', 3), { item: 'B', ...add('k', 1) }, { stale: true })
  t.deepEqual(told(), ['stale true'])
})

test('[CL57] one that unsubscribes in a callback hears nothing more of the same flush', async t => {
  const { client, last } = await connectedBench()
  const calls: string[] = []
  const subscription = client.subscribe(
    { items: ['A', 'B'], mode: 'command' },
    {
      onRow: ({ name }, { key }) => calls.push(`row ${name} ${key}`),
      onTable: ({ name }) => {
        calls.push(`table ${name}`)
        void subscription.unsubscribe()
      },
    },
  )
  const row = { sub: 1, ...add('k', 1) }
  last().flush(1, { subscribed: 1, items: 2 }, { ...row, item: 'A' }, { ...row, item: 'B' })
  t.deepEqual(calls, ['row A k', 'row B k', 'table A'])
})

test('[CL58] a table that is cleared begins anew with any seq, and what changed before counts no more', async t => {
  const { says, told, subscription } = await subscribed({ mode: 'command' })
  says(CLEARED, add('a', 30), END)
  told()
  says(update('a', 31), CLEARED, add('b', 4))
  t.deepEqual(told(), ['UPDATE a31 {}', 'cleared 0 false', 'ADD b4 {} snapshot', 'table b by b4'])
  t.is(subscription.items.get('A')?.seq, 4)
  says(add('a', 5), END)
  t.deepEqual(told(), ['ADD a5 {} snapshot', 'end true', 'table b,a by a5'])
})

test('[CL58] the end of a snapshot touches its table, also alone', async t => {
  const { says, told } = await subscribed({ mode: 'command' })
  says(CLEARED, add('a', 1))
  told()
  says(END)
  t.deepEqual(told(), ['end true', 'table a by '])
})

test('[CL58] the end of a snapshot that comes again is not told again', async t => {
  const { says, told } = await subscribed({ mode: 'command' })
  says(CLEARED, add('a', 1), END)
  told()
  says(END)
  says(add('b', 2), END)
  t.deepEqual(told(), ['ADD b2 {}', 'table a,b by b2'])
})

test('[CL58] a table that is deleted is told as such alone', async t => {
  const { says, told, subscription } = await subscribed({ mode: 'command' })
  says(CLEARED, add('a', 1), END)
  told()
  says(update('a', 2), { deleted: true })
  t.deepEqual(told(), ['UPDATE a2 {}', 'deleted A'])
  t.is(subscription.items.size, 0)
  says(CLEARED, add('b', 1), END)
  t.deepEqual(told(), ['cleared 0 false', 'ADD b1 {} snapshot', 'end true', 'table b by b1'])
})

test('[CL59] the gap in seq is what was conflated, but not within a snapshot and not right behind it', async t => {
  const { says, told } = await subscribed({ mode: 'command' })
  says(CLEARED, add('a', 3), add('b', 7), END)
  // The change before may have been a deletion, of which no snapshot tells.
  says(update('a', 12))
  says(update('b', 13), update('a', 16))
  // What is not new counts for nothing; what moves into a window may have changed long ago.
  says(gone('nobody', 17), update('a', 16), add('c', 2), add('d', 19))
  const gaps = told().filter(call => /^(ADD|UPDATE|DELETE)/.test(call))
  t.deepEqual(gaps, [
    'ADD a3 {} snapshot',
    'ADD b7 {} snapshot',
    'UPDATE a12 {}',
    'UPDATE b13 {}',
    'UPDATE a16 {} after 2',
    'ADD c2 {}',
    'ADD d19 {} after 2',
  ])
})

test('[CL59] a change of a row says all that it did', async t => {
  const { last, client } = await connectedBench()
  const changes: RowChange[] = []
  client.subscribe({ items: 'A', mode: 'command' }, { onRow: (_table, change) => changes.push(change) })
  const record = { sub: 1, item: 'A', time: 5.5, ...add('k', 4, { price: '1', size: null }) }
  last().flush(1, { subscribed: 1, items: 1 }, record, { sub: 1, item: 'A', ...gone('k', 5) })
  t.like(changes[0], {
    item: 'A',
    key: 'k',
    command: 'ADD',
    seq: 4,
    timeMs: 5.5,
    fields: { price: '1', size: null },
    changed: ['price', 'size'],
    isSnapshot: true,
    conflated: 0,
  })
  t.like(changes[1], { command: 'DELETE', timeMs: null, changed: [], row: null })
  t.deepEqual({ ...changes[1]?.fields }, {})
})

test('[CL61] rows are in the order that was wished, and an item without rows has none', async t => {
  const { says, subscription } = await subscribed({ mode: 'command', sort: '-price', from: 0, count: 2 })
  t.is(subscription.items.size, 0)
  says({ stale: true })
  t.deepEqual(subscription.items.get('A')?.sortedRows(), [])
  says(CLEARED, add('a', 1, { price: '9' }), add('b', 2, { price: '10' }), END)
  t.deepEqual(
    subscription.items
      .get('A')
      ?.sortedRows()
      .map(({ key }) => key),
    ['b', 'a'],
  )
})

test('[CL62] history comes before its end and is told as such, each update once', async t => {
  const { says, told, subscription } = await subscribed({ mode: 'distinct', snapshot: 2 })
  const updates = [5, 6, 7].map(seq => ({ seq, fields: { n: `${seq}` } }))
  says(updates[0]!, updates[1]!, END)
  says(updates[1]!, updates[2]!)
  t.deepEqual(told(), ['update 5 history', 'update 6 history', 'end true', 'batch 5,6', 'update 7', 'batch 7'])
  t.is(subscription.items.get('A')?.fields.n, '7')
})

test('[CL62] what was lost is told, and the updates behind it go on without a gap of their own', async t => {
  const { says, told } = await subscribed({ mode: 'distinct', bufferSize: 2 })
  says({ seq: 1, fields: {} }, END)
  told()
  says({ lost: 3 }, { seq: 5, fields: {} }, { seq: 6, fields: {} })
  t.deepEqual(told(), ['lost A 3', 'update 5', 'update 6', 'batch 5,6'])
})

test('[CL62] without history nothing is history, nor is anything of another mode', async t => {
  for (const wish of [
    { mode: 'distinct', snapshot: false },
    { mode: 'distinct', snapshot: 0 },
    { mode: 'raw' },
    {},
  ] as const) {
    const { says, told } = await subscribed(wish)
    says({ seq: 1, fields: {} })
    t.deepEqual(told(), ['update 1', 'batch 1'], JSON.stringify(wish))
  }
})

test('[CL62] an item that was deleted begins anew without a history, one of a session that began anew with one', async t => {
  const { says, told, last } = await subscribed({ mode: 'distinct', items: ['A', 'B'] })
  says({ seq: 8, fields: {} }, END, { deleted: true }, { seq: 1, fields: {} }, { deleted: true })
  says({ item: 'B', seq: 1, fields: {} }, { item: 'B', deleted: true }, { item: 'B', seq: 1, fields: {} })
  says({ seq: 1, fields: {} })
  const updates = (): string[] => told().filter(call => /^(update|end)/.test(call))
  t.deepEqual(updates(), [
    'update 8 history',
    'end true',
    'update 1',
    // B was deleted amid its history.
    'update 1 history',
    'update 1 history',
    'update 1',
  ])
  last().welcome({ position: 90, recovered: false, why: 'POSITION_TOO_OLD', subscriptions: [1] })
  last().flush(91, { sub: 1, item: 'A', seq: 5, fields: {} })
  t.deepEqual(updates(), ['update 5 history'])
})

test('[CL62] an item without updates has the end of its history alone', async t => {
  const { says, told, subscription } = await subscribed({ mode: 'distinct' })
  says(END)
  says({ seq: 1, fields: {} })
  t.deepEqual(told(), ['end true', 'update 1', 'batch 1'])
  t.true(subscription.items.get('A')?.isComplete)
})

test('[CL62] of deleted items the newest thousand are remembered', async t => {
  const { says, told } = await subscribed({ mode: 'distinct', items: 'A*' })
  const names = Array.from({ length: 1_001 }, (_, index) => `A${index}`)
  for (const item of names) says({ item, ...END }, { item, deleted: true })
  told()
  for (const item of ['A0', 'A1', 'A1000']) says({ item, seq: 1, fields: {} })
  t.deepEqual(
    told().filter(call => call.startsWith('update')),
    ['update 1 history', 'update 1', 'update 1'],
  )
})

test('[CL63] what passes the filter no more is told as it was and is no more; it may come again', async t => {
  const { says, told, subscription } = await subscribed({ filter: 'bid > 1' })
  says({ seq: 4, snapshot: true, fields: { bid: '2' } })
  told()
  says({ out: true }, { out: true })
  t.deepEqual([told(), subscription.items.size], [['out A {"bid":"2"}'], 0])
  says({ seq: 9, snapshot: true, fields: { bid: '3' } })
  t.deepEqual(told(), ['update 9', 'batch 9'])
})

test('[CL12] a new session is asked for the same wish', async t => {
  const wishes: SubscriptionWish[] = [
    { items: ['A'], mode: 'distinct', filter: 'a = 1', snapshot: 5, bufferSize: 9 },
    { items: ['A'], mode: 'command', sort: '-price', from: 3, count: 10, maxFrequency: 2 },
  ]
  const { client, last } = await connectedBench()
  for (const wish of wishes) client.subscribe(wish)
  await settle()
  const asked = last().sent.map(({ subscribe }) => subscribe)
  t.deepEqual(
    asked,
    wishes.map((wish, index) => ({ id: index + 1, ...wish })),
  )
  last().answerAll()
  last().welcome({ session: OTHER_SESSION, recovered: false, why: 'SESSION_UNKNOWN' })
  await settle()
  t.deepEqual(
    last().sent.map(({ subscribe }) => subscribe),
    asked,
  )
})

test('[CL13] a session that begins anew tells so, and the table comes anew', async t => {
  const { says, told, last } = await subscribed({ mode: 'command' })
  says(CLEARED, add('a', 50), END)
  told()
  last().welcome({ position: 90, recovered: false, why: 'POSITION_TOO_OLD', subscriptions: [1] })
  t.deepEqual(told(), ['reset'])
  last().flush(91, ...[CLEARED, add('a', 7), END].map(record => ({ sub: 1, item: 'A', ...record })))
  t.deepEqual(told(), ['cleared 0 false', 'ADD a7 {} snapshot', 'end true', 'table a by a7'])
})

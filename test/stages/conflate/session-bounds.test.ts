/** What a session may ask for and cause, at a core alone: each test names what went wrong before. */

import test from 'ava'
import type { SessionRequest } from '#src/domain/session-request.ts'
import { sessionIdOf, subscriptionOf } from '#test/support/bind.ts'
import { CoreBench } from '#test/support/core-bench.ts'

const ID = sessionIdOf(0, 1)

function setUp(settings: ConstructorParameters<typeof CoreBench>[0] = {}): CoreBench {
  return new CoreBench({ resumeMs: 60_000, ...settings })
}

/** What came, with everything taken. */
function take(bench: CoreBench): string {
  bench.settle()
  const flushes = bench.takeAll()
  for (const { type, slots, generations, text } of flushes) {
    if (type === 'end') continue
    for (const [i, slot] of slots.entries()) bench.took(slot, generations[i]!, Buffer.byteLength(text))
  }
  return flushes.map(({ text }) => text).join('')
}

function loseStream(bench: CoreBench): void {
  bench.close(0, 1)
  bench.settle()
}

function subscribe(wish: Parameters<typeof subscriptionOf>[0]): SessionRequest {
  return { kind: 'subscribe', number: null, subscription: subscriptionOf(wish) }
}

test('[S59] behind a destroy nothing is carried out (found: the core came down at the next deletion)', t => {
  const bench = setUp()
  bench.feed({ item: 'A1', fields: { n: '1' } })
  bench.open(0, 1, { items: ['B'] })
  take(bench)
  loseStream(bench)
  bench.control(
    ID,
    { kind: 'destroy', number: null },
    subscribe({ id: 1, prefixes: ['A'] }),
    subscribe({ id: 2, items: ['A1'] }),
    { kind: 'pause', number: null, id: 2 },
  )
  bench.settle()
  bench.feed({ item: 'A1', deleted: true })
  bench.settle()
  t.is(bench.core.conflate.sessions.count, 0)
  const item = [...bench.core.conflate.items.values()].find(({ name }) => name === 'A1')
  t.is(item?.interestCount ?? 0, 0)
})

test('[S59] a session follows at most 64 beginnings of names (found: nothing bounded them)', t => {
  const bench = setUp()
  bench.open(0, 1, {})
  take(bench)
  const names = Array.from({ length: 64 }, (_, i) => `${i}.`)
  bench.control(ID, subscribe({ id: 1, prefixes: names.slice(0, 60) }))
  t.regex(take(bench), /"subscribed":1/)
  bench.control(ID, subscribe({ id: 2, prefixes: names.slice(60) }))
  t.regex(take(bench), /"subscribed":2/)
  bench.control(ID, subscribe({ id: 3, prefixes: ['x'] }))
  t.regex(take(bench), /"ITEMS_TOO_MANY"/)
})

test('[S67] all filters of a session are bounded; what is given back may be used again', t => {
  const bench = setUp({ sessionFilterLengthMax: 40 })
  bench.open(0, 1, {})
  take(bench)
  const filter = (id: number, digits: number) => subscribe({ id, items: ['A'], filter: `bid > 1${'0'.repeat(digits)}` })
  bench.control(ID, filter(1, 10), filter(2, 10), { kind: 'unsubscribe', number: null, id: 1 }, filter(3, 10))
  t.regex(take(bench), /"subscribed":1.*"subscribed":2.*"subscribed":3/s)
  bench.control(ID, filter(4, 10), subscribe({ id: 5, items: ['A'] }))
  const text = take(bench)
  t.regex(text, /"FILTERS_TOO_LONG","message":"all filters of a session have at most 40 characters"/)
  t.regex(text, /"subscribed":5/)
})

test('[S67] rows of tables are bounded for a session, also where one comes to who follows names', t => {
  const bench = setUp({ sessionRowsMax: 5 })
  const add = (item: string, count: number) => {
    for (let i = 0; i < count; i++) {
      bench.feed({ item, mode: 'command', fields: { key: `k${i}`, command: 'ADD', price: '1' } })
    }
    bench.settle()
  }
  add('A', 3)
  add('B', 3)
  bench.open(0, 1, { items: ['A'], mode: 'command' })
  take(bench)
  const table = (id: number, wish: object) => subscribe({ id, mode: 'command', ...wish })
  bench.control(ID, table(1, { items: ['B'] }), table(2, { prefixes: ['C'] }))
  const text = take(bench)
  t.regex(text, /"ROWS_TOO_MANY"/)
  t.regex(text, /"subscribed":2/)
  bench.feed({ item: 'C', mode: 'command', fields: { key: 'k', command: 'ADD', price: '1' } })
  t.regex(take(bench), /"sub":2,"item":"C"/)
  add('A', 3)
  bench.feed({ item: 'C2', mode: 'command', fields: { key: 'k', command: 'ADD', price: '1' } })
  bench.control(ID, subscribe({ id: 3, items: ['A'] }), table(4, { items: ['new'] }))
  const later = take(bench)
  t.regex(later, /"subscribed":3/, 'in another mode rows are none')
  t.regex(later, /"subscribed":4/, 'and a table without rows has room')
  bench.feed({ item: 'C3', mode: 'command', fields: { key: 'k', command: 'ADD', price: '1' } })
  t.regex(take(bench), /"unsubscribed":2.*"ROWS_TOO_MANY"/)
})

test('[S59] two subscriptions never share a view for the names that they chose (found: the key was ambiguous)', t => {
  const bench = setUp()
  bench.feed({ item: 'A', fields: { a: 'right', 'a#3': 'wrong' } })
  bench.open(0, 1, { items: ['A'], fields: ['a#3'] })
  bench.open(1, 1, { items: ['A'], fields: ['a'] })
  take(bench)
  bench.control(sessionIdOf(1, 1), {
    kind: 'subscribe',
    number: null,
    subscription: subscriptionOf({ id: 3, items: ['A'], fields: ['a'] }),
  })
  const text = take(bench)
  t.regex(text, /"sub":3,.*"a":"right"/)
  t.notRegex(text, /wrong/)
})

test('[S60] events of a session without a stream are bounded; beyond that it begins anew (found: nothing bounded them)', t => {
  const bench = setUp({ resumeEventBytes: 4_096 })
  bench.open(0, 1, { items: ['A'] })
  const position = Number(/"position":(\d+)\}\n$/.exec(take(bench))![1])
  loseStream(bench)
  const { sessions } = bench.core.conflate
  for (let i = 0; i < 500; i++) {
    bench.control(ID, { kind: 'limits', number: null, maxBandwidth: 1e6 + i, maxDelayMs: null })
    bench.settle()
    t.true((sessions.find(ID)?.events?.waitingCount ?? 0) < 200)
  }
  for (let i = 0; i < 500; i++) sessions.tell(sessions.find(ID)!, `{"message":${i},"result":"ok"}`)
  t.is(sessions.find(ID)!.events!.waitingCount, 0)
  bench.open(0, 2, { resume: { session: ID, position } })
  t.regex(take(bench), /"recovered":false,"why":"POSITION_TOO_OLD"/)
  bench.turn(100)
  sessions.tell(sessions.find(ID)!, '{"message":1,"result":"new"}')
  t.regex(take(bench), /"result":"new"/, 'from then on events come again')
})

test('[S60] a stream whose session has too many events ends, with a time to come back', t => {
  const bench = setUp({ resumeEventBytes: 4_096 })
  bench.open(0, 1, { items: ['A'] })
  take(bench)
  const { sessions } = bench.core.conflate
  for (let i = 0; i < 500; i++) sessions.tell(sessions.find(ID)!, `{"message":${i},"result":"ok"}`)
  t.regex(take(bench), /^\{"closing":\{"code":"SERVER_BUSY","message":"[^"]+","retryMs":1000\}\}\n$/)
  t.is(sessions.unboundCount, 1)
})

test('[S60] where nothing is kept of what was left behind, resumption says so (found: an update never came)', t => {
  const bench = setUp({ resumeEntriesMax: 0 })
  bench.feed({ item: 'A', fields: { a: '1' } })
  bench.feed({ item: 'B', fields: { b: '1' } })
  bench.open(0, 1, { items: ['A', 'B'] })
  take(bench)
  bench.control(ID, { kind: 'pause', number: null, id: 0 }, subscribe({ id: 1, items: ['B'] }))
  take(bench)
  bench.feed({ item: 'A', fields: { a: '2' } })
  bench.feed({ item: 'B', fields: { b: '2' } })
  const position = Number(/"position":(\d+)\}\n$/.exec(take(bench))![1])
  bench.control(ID, { kind: 'resume', number: null, id: 0 })
  t.regex(take(bench), /"a":"2"/)
  loseStream(bench)
  bench.open(0, 2, { resume: { session: ID, position } })
  const text = take(bench)
  t.regex(text, /"recovered":false,"why":"POSITION_TOO_OLD"/)
  t.regex(text, /"a":"2"/)
})

test('[S61] a limit that is lifted or raised holds at once for what was sent under the old one (found: it did not)', t => {
  const bench = setUp()
  bench.feed({ item: 'A', fields: { a: 'x'.repeat(10_000) } })
  bench.open(0, 1, { items: ['A'], maxBandwidth: 1_000 })
  take(bench)
  bench.turn(1_000)
  t.regex(take(bench), /xxx/)
  bench.feed({ item: 'A', fields: { a: 'y' } })
  t.is(take(bench), '', 'ten seconds are owed')
  bench.control(ID, { kind: 'limits', number: null, maxBandwidth: 10_000, maxDelayMs: null })
  t.is(take(bench), '', 'one second is')
  bench.turn(1_500)
  t.regex(take(bench), /"a":"y"/)
  bench.turn(1_000)
  bench.feed({ item: 'A', fields: { a: 'z'.repeat(15_000) } })
  t.regex(take(bench), /zzz/)
  bench.feed({ item: 'A', fields: { a: 'v' } })
  t.is(take(bench), '')
  bench.control(ID, { kind: 'limits', number: null, maxBandwidth: 0, maxDelayMs: null })
  t.regex(take(bench), /"a":"v"/)
})

test('[S62] without snapshots, a followed item that appears gives its first update, as a named one does', t => {
  const bench = setUp()
  bench.open(0, 1, { items: ['A1'], hasSnapshot: false })
  bench.open(1, 1, { prefixes: ['A'], hasSnapshot: false })
  take(bench)
  bench.feed({ item: 'A1', fields: { n: '1' } })
  bench.settle()
  const slots = bench.takeAll().filter(({ text }) => text.includes('"n":"1"'))
  t.deepEqual(slots.flatMap(each => each.slots).toSorted(), [0, 1])
})

test('[S62] whoever follows in raw mode gets the updates of an item before its deletion (found: they were dropped)', t => {
  const bench = setUp()
  bench.open(0, 1, { prefixes: ['A'], mode: 'raw' })
  bench.feed({ item: 'A1', fields: { n: '0' } })
  take(bench)
  for (let i = 1; i <= 3; i++) bench.feed({ item: 'A1', fields: { n: `${i}` } })
  bench.feed({ item: 'A1', deleted: true })
  t.deepEqual(take(bench).match(/"n":"\d"|"deleted":true/g), ['"n":"1"', '"n":"2"', '"n":"3"', '"deleted":true'])
})

test('[S62] room for raw logs is never made by ending the session that asks for it (found: it was)', t => {
  const bench = setUp({ rawLogBytes: 1_024, rawStoreBytes: 6_000 })
  bench.open(0, 1, { prefixes: ['x'], mode: 'raw' })
  take(bench)
  loseStream(bench)
  bench.open(1, 1, { items: ['A', 'B', 'C', 'D'], mode: 'raw' })
  take(bench)
  for (let i = 0; i < 4; i++) {
    bench.feed({ item: `x${i}`, fields: { a: '1' } })
    bench.settle()
  }
  t.is(bench.core.conflate.sessions.count, 2)
  for (let i = 0; i < 4; i++) bench.feed({ item: `x${i}`, deleted: true })
  bench.settle()
  t.is(bench.core.conflate.sessions.count, 2)
})

test('[S64] a session that is destroyed says first what it was told: its answers above all (found: they were lost)', t => {
  const bench = setUp()
  bench.open(0, 1, { items: ['A'] })
  take(bench)
  bench.control(
    ID,
    { kind: 'limits', number: 1, maxBandwidth: null, maxDelayMs: 100 },
    { kind: 'destroy', number: 2 },
    { kind: 'pause', number: 3, id: 0 },
  )
  bench.settle()
  const last = bench.takeAll().at(-1)!
  t.is(last.type, 'end')
  const lines = last.text.trim().split('\n')
  t.deepEqual(
    lines.slice(0, -1).map(line => JSON.parse(line)),
    [{ limits: { maxBandwidth: null, maxDelay: 100 } }, { answer: 1 }, { answer: 2 }],
  )
  t.regex(lines.at(-1)!, /^\{"closing":\{"code":"SESSION_DESTROYED"/)
})

test('[S64] a poll that opens a session and destroys it is answered with all of it', t => {
  const bench = setUp()
  const subscription = subscriptionOf({ id: 1, items: ['A'] })
  const requests: SessionRequest[] = [
    { kind: 'subscribe', number: 1, subscription },
    { kind: 'destroy', number: 2 },
  ]
  bench.open(0, 1, { transport: 'poll', mayOpen: true, requests })
  bench.settle()
  const lines = bench
    .takeAll()
    .map(({ text }) => text)
    .join('')
    .trim()
    .split('\n')
  t.deepEqual(
    lines.map(line => Object.keys(JSON.parse(line))[0]),
    ['session', 'subscribed', 'answer', 'answer', 'closing'],
  )
})

test('[S65] a POST is answered what it was refused, with or without a number (found: the stream was told)', t => {
  const bench = setUp()
  bench.open(0, 1, { items: ['A'] })
  take(bench)
  bench.post(3, ID, { kind: 'pause', number: null, id: 7 }, { kind: 'pause', number: null, id: 0 })
  t.notRegex(take(bench), /SUBSCRIPTION_UNKNOWN/)
  bench.post(3, ID, { kind: 'resume', number: null, id: 8 }, { kind: 'resume', number: 1, id: 0 })
  t.notRegex(take(bench), /SUBSCRIPTION_UNKNOWN/)
  t.deepEqual(
    bench.answers.map(({ status, body }) => [status, body.match(/"answer":(?:null|\d+)|_UNKNOWN/g)]),
    [
      [200, ['"answer":null', '_UNKNOWN']],
      [200, ['"answer":null', '_UNKNOWN', '"answer":1']],
    ],
  )
})

test('[S66] a poll that takes over from a stream is welcomed, one that follows a poll is not (found: neither was)', t => {
  const bench = setUp()
  bench.open(0, 1, { items: ['A'] })
  const first = take(bench)
  const position = Number(/\{"position":(\d+)\}\n$/.exec(first)![1])
  loseStream(bench)
  bench.open(0, 2, { transport: 'poll', resume: { session: ID, position }, waitMs: 0 })
  const polled = take(bench)
  t.regex(polled, /^\{"session":.*"recovered":true/)
  bench.close(0, 2)
  const next = Number(/\{"position":(\d+)\}\n$/.exec(polled)![1])
  bench.open(0, 3, { transport: 'poll', resume: { session: ID, position: next }, waitMs: 0 })
  bench.settle()
  bench.turn(10)
  t.regex(take(bench), /^\n?\{"position":\d+\}\n$/)
})

import test from 'ava'
import { lineReader } from '#src/client/records.ts'

function read(record: object): unknown {
  return lineReader()(JSON.stringify(record))
}

const WELCOME = { session: 'kR3', epoch: '9f2c', position: 0, keepaliveMs: 15_000, resumeMs: 30_000 }

const KNOWN: readonly object[] = [
  WELCOME,
  { ...WELCOME, recovered: false, why: 'POSITION_TOO_OLD', subscriptions: [1, 2], request: 4 },
  { item: 'A', seq: 12, fields: { bid: '7.6', ask: null } },
  { sub: 3, item: 'A', seq: 12, snapshot: true, time: 1_626_992_742_115.5, fields: {} },
  { sub: 3, item: 'A', stale: false },
  { sub: 3, item: 'A', deleted: true },
  { sub: 3, item: 'A', lost: 17 },
  { sub: 3, item: 'A', out: true },
  { sub: 3, item: 'A', snapshotEnd: true },
  { item: 'A', cleared: true },
  { sub: 3, item: 'A', seq: 12, time: 5, key: 'bid:1.1', command: 'ADD', fields: { price: '1.1', size: null } },
  { item: 'A', seq: 13, key: '', command: 'UPDATE', fields: {} },
  { item: 'A', seq: 14, key: 'bid:1.1', command: 'DELETE' },
  { subscribed: 3, items: 10 },
  { changed: 3, maxFrequency: null },
  { paused: 3 },
  { resumed: 3 },
  { unsubscribed: 3, error: { code: 'X', message: 'y' } },
  { limits: { maxBandwidth: null, maxDelay: 100 } },
  { answer: 7 },
  { answer: null, error: { code: 'X', message: 'y' } },
  { outcome: 8, result: { any: ['thing'] } },
  { position: 120 },
  { closing: { code: 'X', message: 'y', retryMs: 700 } },
]

test('[CL16] every record of the protocol comes out as it stands', t => {
  for (const record of KNOWN) t.deepEqual(read(record), record)
})

test('[CL17] a key that is not known is passed over, and so are a kind and an empty line', t => {
  t.deepEqual(read({ item: 'A', seq: 1, fields: {}, colour: 'red' }), { item: 'A', seq: 1, fields: {}, colour: 'red' })
  for (const record of [{}, { hello: 1 }, { item: 'A' }, { item: 'A', colour: 'red' }]) t.is(read(record), null)
  t.is(lineReader()(''), null)
})

test('[CL52] terse lines and JSON are read as they come, by what was defined before them', t => {
  const readLine = lineReader()
  t.is(readLine('=5\t3\tA\tbid'), null)
  t.deepEqual(readLine('5\tc\t\t7.6'), { sub: 3, item: 'A', seq: 12, fields: { bid: '7.6' } })
  t.deepEqual(readLine('{"sub":3,"item":"A","stale":true}'), { sub: 3, item: 'A', stale: true })
  t.deepEqual(readLine('?5\tf'), { sub: 3, item: 'A', stale: false })
  t.deepEqual(readLine('-5\td\tk'), { sub: 3, item: 'A', seq: 13, key: 'k', command: 'DELETE' })
})

test('[CL52] what was defined goes with its subscription, and with the session', t => {
  const readLine = lineReader()
  readLine('=5\t3\tA\tbid')
  readLine('=6\t4\tA\tbid')
  readLine('{"unsubscribed":3}')
  t.throws(() => readLine('5\tc\t\t7.6'), { code: 'RECORD_INVALID' })
  t.like(readLine('6\tc\t\t7.6'), { sub: 4 })
  t.throws(() => lineReader()('6\tc\t\t7.6'), { code: 'RECORD_INVALID' })
})

const isInvalid = test.macro({
  exec: (t, line: string) => {
    t.throws(() => lineReader()(line), { code: 'RECORD_INVALID' })
  },
  title: (_given, line) => `[CL17] no record: ${line}`,
})

for (const line of [
  'x',
  '[]',
  '1',
  'null',
  '{"item":1,"seq":1,"fields":{}}',
  '{"item":"A","fields":{}}',
  '{"item":"A","seq":1.5,"fields":{}}',
  '{"item":"A","seq":1,"fields":[]}',
  '{"item":"A","seq":1,"fields":{"bid":7}}',
  '{"item":"A","stale":1}',
  '{"item":"A","lost":-1}',
  '{"item":"A","out":1}',
  '{"item":"A","snapshotEnd":"true"}',
  '{"item":"A","cleared":{}}',
  '{"item":"A","seq":1,"key":"k","command":"MOVE","fields":{}}',
  '{"item":"A","seq":1,"command":"ADD","fields":{}}',
  '{"item":"A","seq":1,"key":7,"command":"ADD","fields":{}}',
  '{"item":"A","seq":1,"key":null,"command":"DELETE"}',
  '{"item":"A","key":"k","command":"DELETE"}',
  '{"item":"A","key":"k","command":"ADD","fields":{}}',
  '{"item":"A","seq":1,"key":"k","command":"ADD"}',
  '{"item":"A","seq":1,"key":"k","command":"UPDATE","fields":{"bid":7}}',
  '{"sub":"1","item":"A","stale":true}',
  '{"session":"a","epoch":"b","position":0,"keepaliveMs":1}',
  '{"session":"a","epoch":"b","position":0,"keepaliveMs":1,"resumeMs":1,"subscriptions":["1"]}',
  '{"answer":"1"}',
  '{"answer":1,"error":"X"}',
  '{"subscribed":1}',
  '{"changed":1}',
  '{"limits":{"maxDelay":"1"}}',
  '{"closing":{}}',
  '{"position":-1}',
]) {
  test(isInvalid, line)
}

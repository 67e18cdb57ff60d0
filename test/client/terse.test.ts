import test from 'ava'
import { readTerse, type TerseFields, type TerseRecord, type TerseView, type TerseViews } from '#src/client/terse.ts'
import { MARK_DELETED, MARK_FRESH, MARK_STALE } from '#src/codec/json-stream.ts'
import {
  beginUpdate,
  endUpdate,
  writeDefinition,
  writeLost,
  writeMark,
  writePair,
  writeValue,
} from '#src/codec/terse-stream.ts'
import { Random, seedOr } from '#test/support/random.ts'

const FIELDS = ['bid', 'ask', 'last', 'a "b"', '__proto__', 'grün', '0', 'error']
const MARKER_LIKE = ['"', '""', '"5', '"z', '=', '=5', '!', '?', '+', '*', '-', '{', '{}', '0', '5', '.', 'null']
const HARD_TO_WRITE = ['\t', '\r\n', '\\', '\\u0041', '/', '\u0000', '\u007f', '\u0085', '\u2028', '\ud800']
const TEXTS = ['', ' ', '7.611', '-1', 'grün', '𝄞', 'y'.repeat(2_000), ...MARKER_LIKE, ...HARD_TO_WRITE]

/** Two views: 5 has a choice of fields, z has all. */
function viewsOf(): TerseViews {
  const fields = ['bid', 'ask', 'last', 'open', 'high', 'low']
  const chosen: TerseView = { sub: 3, item: 'A', fields }
  const all: TerseView = { sub: 0, item: 'a "b"', fields: null }
  return new Map([
    [5, chosen],
    [35, all],
  ])
}

/** `|` stands for a tab. */
function lineOf(text: string): string {
  return text.replaceAll('|', '\t')
}

const BEGINNINGS = { bid: '=5', ask: '!5', last: '?', open: '{' }
const ROW = { sub: 3, item: 'A', seq: 12, key: 'k' }
const UPDATES: [title: string, line: string, record: TerseRecord][] = [
  ['one value', '5|c||7.6', { sub: 3, item: 'A', seq: 12, fields: { bid: '7.6' } }],
  ['a time', '5|c|krfhgycj|7.6', { sub: 3, item: 'A', seq: 12, time: 1_626_992_742_115, fields: { bid: '7.6' } }],
  ['a fraction of a ms', '5|c|krfhgycj.25', { sub: 3, item: 'A', seq: 12, time: 1_626_992_742_115.25, fields: {} }],
  ['the time 0', '5|c|0', { sub: 3, item: 'A', seq: 12, time: 0, fields: {} }],
  ['no value', '5|c|', { sub: 3, item: 'A', seq: 12, fields: {} }],
  ['the first unchanged', '5|c|||7.7', { sub: 3, item: 'A', seq: 12, fields: { ask: '7.7' } }],
  ['a run of unchanged', '5|c||"5|1', { sub: 3, item: 'A', seq: 12, fields: { low: '1' } }],
  ['a run of one', '5|c||"1|1', { sub: 3, item: 'A', seq: 12, fields: { ask: '1' } }],
  ['runs of both kinds', '5|c|||"2||2', { sub: 3, item: 'A', seq: 12, fields: { high: '2' } }],
  ['unchanged to the end', '5|c||1|"5', { sub: 3, item: 'A', seq: 12, fields: { bid: '1' } }],
  ['an empty token at the end', '5|c||1|', { sub: 3, item: 'A', seq: 12, fields: { bid: '1' } }],
  ['empty and null', '5|c||"|""', { sub: 3, item: 'A', seq: 12, fields: { bid: '', ask: null } }],
  ['null at the end of all', '5|c||"5|""', { sub: 3, item: 'A', seq: 12, fields: { low: null } }],
  ['escaped quotes', '5|c||\\"|\\"5', { sub: 3, item: 'A', seq: 12, fields: { bid: '"', ask: '"5' } }],
  ['an escaped tab', '5|c||\\t|\\\\t', { sub: 3, item: 'A', seq: 12, fields: { bid: '\t', ask: '\\t' } }],
  ['what begins other lines', '5|c||=5|!5|?|{', { sub: 3, item: 'A', seq: 12, fields: BEGINNINGS }],
  ['a snapshot', '!5|1||1', { sub: 3, item: 'A', seq: 1, snapshot: true, fields: { bid: '1' } }],
  ['a snapshot of nothing', '!z|1|', { item: 'a "b"', seq: 1, snapshot: true, fields: {} }],
  ['pairs', 'z|1||bid|1|\\"|"', { item: 'a "b"', seq: 1, fields: { bid: '1', '"': '' } }],
  ['a pair with null', 'z|1||bid|""', { item: 'a "b"', seq: 1, fields: { bid: null } }],
  ['names like numbers', 'z|1||5|5', { item: 'a "b"', seq: 1, fields: { 5: '5' } }],
  ['stale', '?5|s', { sub: 3, item: 'A', stale: true }],
  ['fresh', '?z|f', { item: 'a "b"', stale: false }],
  ['deleted', '?5|d', { sub: 3, item: 'A', deleted: true }],
  ['lost', '?5|l|h', { sub: 3, item: 'A', lost: 17 }],
  ['out', '?5|o', { sub: 3, item: 'A', out: true }],
  ['the end of a snapshot', '?z|e', { item: 'a "b"', snapshotEnd: true }],
  ['cleared', '?5|c', { sub: 3, item: 'A', cleared: true }],
  ['a row', '+5|c|1|k|7.6', { ...ROW, time: 1, command: 'ADD', fields: { bid: '7.6' } }],
  ['a row without values', '+5|c||k', { ...ROW, command: 'ADD', fields: {} }],
  ['a row with nulls', '+5|c||k||""', { ...ROW, command: 'ADD', fields: { ask: null } }],
  ['a row in pairs', '+z|1||k|bid|1', { item: 'a "b"', seq: 1, key: 'k', command: 'ADD', fields: { bid: '1' } }],
  ['a changed row', '*5|c||k|"5|1', { ...ROW, command: 'UPDATE', fields: { low: '1' } }],
  ['a row that is no more', '-5|c|k', { ...ROW, command: 'DELETE' }],
  ['the empty key', '+5|c||"|1', { ...ROW, key: '', command: 'ADD', fields: { bid: '1' } }],
  ['a key with escapes', '-5|c|\\t\\"', { ...ROW, key: '\t"', command: 'DELETE' }],
  ['a key like a marker', '*5|c||+5|1', { ...ROW, key: '+5', command: 'UPDATE', fields: { bid: '1' } }],
  ['the largest numbers', '5|2gosa7pa2gw|2gosa7pa2gw', { sub: 3, item: 'A', seq: 2 ** 53, time: 2 ** 53, fields: {} }],
]

for (const [title, line, record] of UPDATES) {
  test(`[Z7] a line is the record that JSON would bring: ${title}`, t => {
    t.deepEqual(readTerse(lineOf(line), viewsOf()), record)
  })
}

test('[Z7] each value comes back as JSON would bring it, by place and by name', t => {
  const views = viewsOf()
  for (const text of TEXTS) {
    const content = JSON.stringify(text).slice(1, -1)
    const token = content === '' ? '"' : content
    t.deepEqual(readTerse(`5\t1\t\t\t${token}\t${token}`, views), {
      sub: 3,
      item: 'A',
      seq: 1,
      fields: { ask: text, last: text },
    })
    t.deepEqual(readTerse(`z\t1\t\tbid\t${token}`, views), { item: 'a "b"', seq: 1, fields: { bid: text } })
  }
})

test('[Z8] a line that begins with { is left to JSON', t => {
  const views = viewsOf()
  t.is(readTerse('{"position":12}', views), null)
  t.is(readTerse('{', views), null)
  t.deepEqual(views, viewsOf())
})

test('[Z9] a definition holds from then on, in place of an earlier one', t => {
  const views: TerseViews = new Map()
  t.deepEqual(readTerse('=5\t0\tA\tbid\task', views), { defined: 5 })
  t.deepEqual(readTerse('5\t1\t\t1\t2', views), { item: 'A', seq: 1, fields: { bid: '1', ask: '2' } })
  t.deepEqual(readTerse('=5\t1z\t\\"B\\"\tlast', views), { defined: 5 })
  t.deepEqual(readTerse('5\t1\t\t1', views), { sub: 71, item: '"B"', seq: 1, fields: { last: '1' } })
  t.deepEqual(readTerse('=5\t0\tC', views), { defined: 5 })
  t.deepEqual(readTerse('5\t1\t\tx\t1', views), { item: 'C', seq: 1, fields: { x: '1' } })
  t.is(views.size, 1)
})

const BAD_LINES: [line: string, reason: RegExp][] = [
  ['', /no number of a view/],
  ['|1|', /no number of a view/],
  ['=', /no number of a view/],
  ['!|1|', /no number of a view/],
  ['?', /no number of a view/],
  ['5 |1|', /no number of a view/],
  ['05|1|', /no number of a view/],
  ['Z|1|', /no number of a view/],
  ['-1|1|', /not defined/],
  ['"5|1|', /no number of a view/],
  [' {"position":1}', /no number of a view/],
  ['=2gosa7pa2gx00|0|A', /no number of a view/],
  ['=zzzzzzzzzzz|0|A', /no number of a view/],
  ['6|1|', /not defined/],
  ['!6|1|', /not defined/],
  ['?6|s', /not defined/],
  ['+6|1||k', /not defined/],
  ['*6|1||k', /not defined/],
  ['-6|1|k', /not defined/],
  ['+|1||k', /no number of a view/],
  ['--5|1|k', /no number of a view/],
  ['+5|1|', /a key/],
  ['*5|1', /a key/],
  ['+5|1.5||k', /seq/],
  ['+5|1|x!|k', /a time is/],
  ['+5|1|||1', /a key is a text/],
  ['+5|1||""|1', /a key is a text/],
  ['+5|1||"2|1', /a key is a text/],
  ['+5|1||\\x|1', /a key is a text/],
  ['*5|1||k|1|2|3|4|5|6|7', /more values/],
  ['+z|1||k|bid', /no value/],
  ['-5|1', /a key/],
  ['-5|1||k', /a key/],
  ['-5|1|', /a key is a text/],
  ['-5|1|k|1', /a key/],
  ['-5||k', /seq/],
  ['-5|1|""', /a key is a text/],
  ['?5|c|1', /letter/],
  ['=6', /an item/],
  ['=6|0', /an item/],
  ['=6||A', /subscription/],
  ['=6|x!|A', /subscription/],
  ['=6|0|', /token 3 is no name/],
  ['=6|0|A|bid|', /token 5 is no name/],
  ['=6|0|A|"|bid', /token 4 is no name/],
  ['=6|0|\\x', /token 3 is no name/],
  ['?5', /letter/],
  ['?5|', /no such mark/],
  ['?5|S', /no such mark/],
  ['?5|s|1', /letter/],
  ['?5|l', /were lost/],
  ['?5|l|', /lost/],
  ['?5|l|-1', /lost/],
  ['?5|l|1|1', /were lost/],
  ['5', /a time/],
  ['5|1', /a time/],
  ['5||', /seq/],
  ['5|1.5|', /seq/],
  ['5|1|x!', /a time is/],
  ['5|1|1.', /a time is/],
  ['5|1|.5', /a time is/],
  ['5|1|1.5z', /a time is/],
  ['5|1|1.5.5', /a time is/],
  ['5|1||1|2|3|4|5|6|7', /more values/],
  ['5|1||"6|7', /more values/],
  ['5|1||"7', /more values/],
  ['5|1||"2gosa7pa2gw|"2gosa7pa2gw|1', /more values/],
  ['5|1||"0|1', /token 4 is no number/],
  ['5|1||""|"x!|1', /token 5 is no number/],
  ['5|1||"""', /token 4 is no number/],
  ['5|1||"-1', /token 4 is no number/],
  ['5|1||a"b', /token 4 is no value/],
  ['5|1||a","b', /token 4 is no value/],
  ['5|1||a" ', /token 4 is no value/],
  ['5|1||\\', /token 4 is no value/],
  ['5|1||\\x', /token 4 is no value/],
  ['5|1||\\u12', /token 4 is no value/],
  ['5|1||a\r', /token 4 is no value/],
  ['5|1||a\n', /token 4 is no value/],
  ['z|1||bid', /no value/],
  ['z|1||bid|1|ask', /no value/],
  ['z|1||bid|', /token 5 is no value/],
  ['z|1||bid|"2', /token 5 is no value/],
  ['z|1|||1', /token 4 is no name/],
  ['z|1||"|1', /token 4 is no name/],
  ['z|1||""|1', /token 4 is no name/],
]

for (const [text, reason] of BAD_LINES) {
  test(`[Z10] refused: ${JSON.stringify(text)}`, t => {
    const views = viewsOf()
    const result = readTerse(lineOf(text), views)
    t.deepEqual(views, viewsOf())
    const error = result !== null && 'error' in result ? result.error : null
    t.is(error?.code, 'LINE_INVALID')
    t.regex(error?.message ?? '', reason)
  })
}

test('[Z10] the error of a long line shows its beginning', t => {
  const result = readTerse(`#${'x'.repeat(100_000)}`, new Map())
  t.true(result !== null && 'error' in result && result.error.message.length < 200)
})

test('[Z10] no line makes the reader throw: random changes of good lines', t => {
  const random = new Random(seedOr(20_260_303))
  const good = UPDATES.map(([, line]) => lineOf(line))
  const parts = [...MARKER_LIKE, '\t', '\t\t', '\\', '\n', '\u0000', 'z', 'l', '𝄞', '\ud800', '__proto__']
  let bad = 0
  for (let round = 0; round < 20_000; round++) {
    let line = random.pick(good)
    for (let changes = 1 + random.int(3); changes > 0; changes--) {
      const at = random.int(line.length + 1)
      line = line.slice(0, at) + random.pick(parts) + line.slice(at + random.int(3))
    }
    const views = viewsOf()
    const result = readTerse(line, views)
    if ((result === null) !== line.startsWith('{')) t.fail(`${JSON.stringify(line)} SEED=${random.seed}`)
    if (result === null || !('error' in result)) continue
    bad++
    if (views.size !== 2) t.fail(`${JSON.stringify(line)} defines; SEED=${random.seed}`)
  }
  t.true(bad > 1_000)
})

test('[Z11] names of fields are keys of their record whatever they are called', t => {
  const views: TerseViews = new Map()
  readTerse('=5\t0\tA\t__proto__\tconstructor\terror', views)
  readTerse('=6\t0\t__proto__', views)
  const expected = '{"__proto__":"1","constructor":"2","error":""}'
  for (const line of ['5\t1\t\t1\t2\t"', '6\t1\t\t__proto__\t1\tconstructor\t2\terror\t"']) {
    const record = readTerse(line, views) as TerseRecord
    t.is(JSON.stringify(record.fields), expected)
    t.is(Object.getPrototypeOf(record.fields), Object.prototype)
  }
})

const contentOf = (text: string): Buffer => Buffer.from(JSON.stringify(text).slice(1, -1))
const prefixOf = (name: string): Buffer => Buffer.from(`${JSON.stringify(name)}:"`)

test('[Z3] a time comes back to the last bit: random times', t => {
  const random = new Random(seedOr(20_260_305))
  const views = viewsOf()
  const out = Buffer.alloc(256)
  for (let round = 0; round < 20_000; round++) {
    const time = random.int(2 ** random.int(42)) + random.int(2 ** 32) / 2 ** 32 + random.int(2 ** 21) / 2 ** 53
    if (time < 1e-6) continue
    const end = endUpdate(out, beginUpdate(out, 0, 5, 1, false, time))
    const record = readTerse(out.toString('utf8', 0, end - 1), views) as TerseRecord
    if (record.time !== time) t.is(record.time, time, `SEED=${random.seed}`)
  }
  t.pass()
})

/** A view of the round trip: what is published, and what its subscriber was sent. */
interface Subject {
  number: number
  readonly view: TerseView
  seq: number
  current: Record<string, string | null>
  sent: Record<string, string | null> | null
}

/** An update as both encodings have it. */
function encode(subject: Subject, record: TerseRecord): string {
  const { number, view } = subject
  const out = Buffer.alloc(65_536)
  let at = beginUpdate(out, 0, number, record.seq!, record.snapshot === true, record.time ?? Number.NaN)
  let skipped = 0
  for (const name of view.fields ?? FIELDS) {
    if (!Object.hasOwn(record.fields!, name)) {
      skipped++
      continue
    }
    const value = record.fields![name] ?? null
    const bytes = contentOf(value ?? '')
    const length = value === null ? -1 : bytes.length
    at =
      view.fields === null
        ? writePair(out, at, prefixOf(name), bytes, 0, length)
        : writeValue(out, at, skipped, bytes, 0, length)
    skipped = 0
  }
  return out.toString('utf8', 0, endUpdate(out, at))
}

function encodeMark(subject: Subject, record: TerseRecord): string {
  const out = Buffer.alloc(256)
  if (record.lost !== undefined) return out.toString('utf8', 0, writeLost(out, 0, subject.number, record.lost))
  const mark = record.deleted ? MARK_DELETED : record.stale ? MARK_STALE : MARK_FRESH
  return out.toString('utf8', 0, writeMark(out, 0, subject.number, mark))
}

function define(subject: Subject): string {
  const { sub, item, fields } = subject.view
  const out = Buffer.alloc(4_096)
  const contents = fields?.map(contentOf) ?? null
  return out.toString('utf8', 0, writeDefinition(out, 0, subject.number, sub, contentOf(item), contents))
}

/** What a client holds: the values by subscription and item. */
class Holder {
  readonly values = new Map<string, Record<string, string | null>>()

  take(record: TerseRecord): void {
    const key = JSON.stringify([record.sub ?? 0, record.item])
    if (record.deleted) this.values.delete(key)
    if (record.fields === undefined) return
    const before = record.snapshot === true ? {} : (this.values.get(key) ?? {})
    this.values.set(key, merged(before, record.fields))
  }
}

/** Spread keeps `__proto__` a key. */
function merged(before: TerseFields, changes: TerseFields): Record<string, string | null> {
  return { ...before, ...changes }
}

/** What the subscriber lacks; null when that is nothing. */
function lacking(random: Random, subject: Subject): TerseRecord | null {
  const { view, current, sent } = subject
  const isSnapshot = sent === null || Object.keys(sent).some(name => !Object.hasOwn(current, name))
  const changes = Object.entries(current).filter(
    ([name, value]) => isSnapshot || !Object.hasOwn(sent, name) || sent[name] !== value,
  )
  if (!isSnapshot && changes.length === 0) return null
  const time = random.pick([null, 1_626_992_742_115 + random.int(1_000), 1_626_992_742_115 + random.int(1e6) / 1_000])
  subject.sent = current
  return {
    ...(view.sub === 0 ? {} : { sub: view.sub }),
    item: view.item,
    seq: subject.seq,
    ...(isSnapshot ? { snapshot: true } : {}),
    ...(time === null ? {} : { time }),
    fields: Object.fromEntries(changes),
  }
}

/** A change of some fields, or of which there are. */
function publish(random: Random, subject: Subject): void {
  const names = subject.view.fields ?? FIELDS
  const { current } = subject
  const kept = random.chance(0.05) ? Object.entries(current).filter(() => random.chance(0.5)) : Object.entries(current)
  const changed = new Map(kept)
  for (let i = random.int(4); i > 0; i--) {
    changed.set(random.pick(names), random.chance(0.1) ? null : random.pick(TEXTS))
  }
  subject.current = Object.fromEntries(changed)
  subject.seq++
}

function markOf(random: Random, { view }: Subject): TerseRecord {
  const head = view.sub === 0 ? { item: view.item } : { sub: view.sub, item: view.item }
  const marks: TerseRecord[] = [
    { ...head, stale: true },
    { ...head, stale: false },
    { ...head, deleted: true },
    { ...head, lost: random.int(2 ** 30) },
  ]
  return random.pick(marks)
}

test('[Z12] terse lines bring the records of JSON and lead to the same values: random updates', t => {
  const random = new Random(seedOr(20_260_304))
  const many = Array.from({ length: 60 }, (_, place) => `f${place}`)
  const choices: (readonly string[] | null)[] = [null, ['bid', '__proto__', 'error'], [...FIELDS].reverse(), many]
  const subjects = Array.from({ length: 12 }, (_, index): Subject => {
    const sub = random.pick([0, 1, 36, 2 ** 31 - 1])
    const item = `${random.pick(['A', 'a "b"', '=', 'grün'])}.${index}`
    const view = { sub, item, fields: choices[index % choices.length] ?? null }
    return { number: index, view, seq: 0, current: {}, sent: null }
  })
  const views: TerseViews = new Map()
  const [fromTerse, fromJson] = [new Holder(), new Holder()]
  let records = 0
  let numbers = subjects.length
  const exchange = (record: TerseRecord, line: string): void => {
    records++
    const received = readTerse(line.slice(0, -1), views)
    const expected: TerseRecord = JSON.parse(JSON.stringify(record))
    t.is(sortedText(received as TerseRecord), sortedText(expected), `SEED=${random.seed} ${line}`)
    fromTerse.take(received as TerseRecord)
    fromJson.take(expected)
  }
  for (const subject of subjects) readTerse(define(subject).slice(0, -1), views)
  for (let round = 0; round < 5_000; round++) {
    const subject = random.pick(subjects)
    publish(random, subject)
    if (random.chance(0.02)) {
      views.delete(subject.number)
      subject.number = random.chance(0.5) ? subject.number : numbers++
      readTerse(define(subject).slice(0, -1), views)
    }
    const record = random.chance(0.6) ? lacking(random, subject) : null
    if (record !== null) exchange(record, encode(subject, record))
    if (random.chance(0.05)) {
      const mark = markOf(random, subject)
      exchange(mark, encodeMark(subject, mark))
      if (mark.deleted) subject.sent = null
    }
  }
  for (const subject of subjects) {
    const record = lacking(random, subject)
    if (record !== null) exchange(record, encode(subject, record))
    const key = JSON.stringify([subject.view.sub, subject.view.item])
    t.deepEqual(Object.entries(fromTerse.values.get(key)!).sort(), Object.entries(subject.current).sort())
  }
  t.deepEqual(fromTerse.values, fromJson.values)
  t.true(records > 2_000)
})

/** Fields in the order of their names: theirs is no part of a record. */
function sortedText(record: TerseRecord): string {
  if (record.fields === undefined) return JSON.stringify(record)
  return JSON.stringify({ ...record, fields: Object.fromEntries(Object.entries(record.fields).sort()) })
}

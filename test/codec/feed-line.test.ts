import test, { type ExecutionContext } from 'ava'
import { LINE_UPDATE } from '#src/codec/feed-line.ts'
import type { FeedErrorCode } from '#src/errors.ts'
import { Fixture, LIMITS } from '../support/feed-line-fixture.ts'
import type { ReferenceLine } from '../support/feed-line-reference.ts'

/** An update that is read the careful way (the names are new), then the quick way, then the careful way again. */
function assertUpdate(t: ExecutionContext, line: string, expected: Partial<ReferenceLine>): void {
  const fixture = new Fixture()
  const whole = { kind: 'update', item: 'A', isSnapshot: false, timeMs: Number.NaN, fields: [], ...expected }
  t.deepEqual(fixture.parse(line), whole as ReferenceLine)
  t.deepEqual(fixture.parse(line), whole as ReferenceLine)
  t.deepEqual(fixture.parse(` ${line}`), whole as ReferenceLine)
}

const UPDATES: [line: string, expected: Partial<ReferenceLine>][] = [
  ['{"item":"A","fields":{"bid":"1.10"}}', { fields: [['bid', '1.10']] }],
  ['{"item":"A","fields":{"bid":"1.10"}}\r', { fields: [['bid', '1.10']] }],
  [
    '{"item":"A","fields":{"bid":7.610,"ask":1e5,"x":-0}}',
    {
      fields: [
        ['bid', '7.610'],
        ['ask', '1e5'],
        ['x', '-0'],
      ],
    },
  ],
  [
    '{"item":"A","fields":{"bid":null,"ask":""}}',
    {
      fields: [
        ['bid', null],
        ['ask', ''],
      ],
    },
  ],
  ['{"fields":{"b":"1"},"item":"A"}', { fields: [['b', '1']] }],
  [
    ' { "item" : "A" ,\t"fields" : { "b" : "1" , "c" : 2 } } ',
    {
      fields: [
        ['b', '1'],
        ['c', '2'],
      ],
    },
  ],
  ['{"item":"A","snapshot":true,"fields":{}}', { isSnapshot: true }],
  ['{"item":"A","fields":{},"snapshot":true}', { isSnapshot: true }],
  ['{"item":"A","snapshot":false,"fields":{"b":1}}', { fields: [['b', '1']] }],
  ['{"item":"A","time":1626992742115,"fields":{"b":1}}', { timeMs: 1_626_992_742_115, fields: [['b', '1']] }],
  ['{"item":"A","time":1626992742115.25,"fields":{"b":1}}', { timeMs: 1_626_992_742_115.25, fields: [['b', '1']] }],
  ['{"item":"A","time":1.5e3,"fields":{"b":1}}', { timeMs: 1_500, fields: [['b', '1']] }],
  ['{"item":"A","time":-0,"fields":{"b":1}}', { timeMs: 0, fields: [['b', '1']] }],
  ['{"item":"A","time":8640000000000000,"fields":{"b":1}}', { timeMs: 8.64e15, fields: [['b', '1']] }],
  ['{"at":16.4,"item":"A","mode":"merge","fields":{"b":"1"}}', { fields: [['b', '1']] }],
  ['{"at":16.4,"item":"A","time":5,"fields":{"b":"1"}}', { timeMs: 5, fields: [['b', '1']] }],
  ['{"item":"A","at":0,"mode":"raw","fields":{"b":"1"}}', { fields: [['b', '1']] }],
  ['{"item":"grün","fields":{"€":"𝄞"}}', { item: 'grün', fields: [['€', '𝄞']] }],
  ['{"item":"\\u0041","fields":{"b\\/":"\\u00e9\\n\\u0001"}}', { fields: [['b/', 'é\\n\\u0001']] }],
  [
    '{"\\u0069tem":"A","fields":{"a":"1","b":"\\"","c":"3"}}',
    {
      fields: [
        ['a', '1'],
        ['b', '\\"'],
        ['c', '3'],
      ],
    },
  ],
  ['{"item":"\\"\\\\","fields":{"\\"":"\\uD834\\uDD1E"}}', { item: '"\\', fields: [['"', '𝄞']] }],
  ['{"item":"A","fields":{"b":"\\u2028\\u007f"}}', { fields: [['b', '\u2028\u007f']] }],
  ['{"item":"__proto__","fields":{"__proto__":"1"}}', { item: '__proto__', fields: [['__proto__', '1']] }],
  [
    '{"item":"1234567890123456","fields":{"12345678":"123456789012"}}',
    { item: '1234567890123456', fields: [['12345678', '123456789012']] },
  ],
  [
    '{"item":"A","fields":{"a":1,"b":2,"c":3,"d":4}}',
    {
      fields: [
        ['a', '1'],
        ['b', '2'],
        ['c', '3'],
        ['d', '4'],
      ],
    },
  ],
]

for (const [line, expected] of UPDATES) {
  test(`[F4] an update: ${JSON.stringify(line)}`, t => assertUpdate(t, line, expected))
}

test('[F4] a blank line is a heartbeat', t => {
  for (const line of ['', ' ', '\r', ' \t \r']) t.is(new Fixture().parse(line).kind, 'blank')
})

test('[F4] the end of an item', t => {
  const fixture = new Fixture()
  t.deepEqual(fixture.parse('{"item":"A","deleted":true}'), { kind: 'delete', item: 'A', timeMs: Number.NaN })
  t.deepEqual(fixture.parse('{"deleted":true,"time":5,"item":"A","mode":"x","at":1}'), {
    kind: 'delete',
    item: 'A',
    timeMs: 5,
  })
})

test('[F4] a greeting', t => {
  const fixture = new Fixture()
  const line = '{"feed":"desk-7","onDemand":true,"heartbeat":5000}'
  const rest = { kind: 'greeting', handles: [] } as const
  t.deepEqual(fixture.parse(line), { ...rest, name: 'desk-7', isOnDemand: true, heartbeatMs: 5_000 })
  t.deepEqual(fixture.parse('{"feed":"\\"x"}'), { ...rest, name: '"x', isOnDemand: false, heartbeatMs: 0 })
  for (const heartbeat of [0, 100, 3_600_000]) {
    t.like(fixture.parse(`{"feed":"x","heartbeat":${heartbeat}}`), { kind: 'greeting', heartbeatMs: heartbeat })
  }
})

type BadLine = [code: FeedErrorCode, line: string | Buffer, message?: RegExp]

const NOT_JSON: BadLine[] = [
  ['FEED_LINE_NOT_JSON', 'hello', /at byte 1: expected \{/],
  ['FEED_LINE_NOT_JSON', '[1]', /at byte 1/],
  ['FEED_LINE_NOT_JSON', '\ufeff{"item":"A","deleted":true}', /at byte 1/],
  ['FEED_LINE_NOT_JSON', '{"item":"A","fields":{"b":"1"}', /where it ends/],
  ['FEED_LINE_NOT_JSON', '{"item":"A","fields":{"b":"1', /where it ends: expected "/],
  ['FEED_LINE_NOT_JSON', '{"item":"A","fields":{"b":"1\\', /where it ends/],
  ['FEED_LINE_NOT_JSON', '{"item":"A","fields":{"b":"1"}} x', /at byte 33: expected nothing behind \}/],
  ['FEED_LINE_NOT_JSON', '{"item":"A","fields":{"b":"1"}}{}', /at byte 32/],
  ['FEED_LINE_NOT_JSON', '{"item":"A","fields":{"b":"1",}}', /at byte 31: expected a quoted name/],
  ['FEED_LINE_NOT_JSON', '{"item":"A","fields":{"b":"1"},}', /at byte 32: expected a quoted name/],
  ['FEED_LINE_NOT_JSON', '{"item" "A"}', /at byte 9: expected :/],
  ['FEED_LINE_NOT_JSON', '{"item":"A" "fields":{}}', /at byte 13: expected , or \}/],
  ['FEED_LINE_NOT_JSON', "{'item':'A'}", /at byte 2/],
  ['FEED_LINE_NOT_JSON', '{"item":"A","fields":{"b":01}}', /at byte 28: expected , or \}/],
  ['FEED_LINE_NOT_JSON', '{"item":"A","fields":{"b":1.}}', /at byte 29: expected a digit/],
  ['FEED_LINE_NOT_JSON', '{"item":"A","fields":{"b":+1}}', /at byte 27/],
  ['FEED_LINE_NOT_JSON', '{"item":"A","fields":{"b":NaN}}', /at byte 27/],
  ['FEED_LINE_NOT_JSON', '{"item":"A","fields":{"b":nul}}', /at byte 27: expected null/],
  ['FEED_LINE_NOT_JSON', '{"item":"A","snapshot":trux,"fields":{}}', /at byte 24: expected true/],
  ['FEED_LINE_NOT_JSON', '{"item":"A","fields":{"b":"\t"}}', /at byte 28: expected no control character/],
  ['FEED_LINE_NOT_JSON', '{"item":"A","fields":{"\u0000":"1"}}', /at byte 24/],
  ['FEED_LINE_NOT_JSON', '{"item":"A","fields":{"b":"\\x"}}', /at byte 29: expected an escape/],
  ['FEED_LINE_NOT_JSON', '{"item":"A","fields":{"b":"\\u00g0"}}', /expected an escape/],
  ['FEED_LINE_NOT_JSON', '{"item":"A","fields":{"b":"\\n","c":"\t"}}', /at byte 37/],
  ['FEED_LINE_NOT_JSON', '{"item":,"fields":{}}', /at byte 9/],
  ['FEED_LINE_NOT_JSON', '{"item"', /where it ends/],
  ['FEED_LINE_NOT_JSON', '{', /where it ends/],
]

const NAMES: BadLine[] = [
  ['FEED_ITEM_NAME', '{"item":"","deleted":true}', /""/],
  ['FEED_ITEM_NAME', '{"item":" A","deleted":true}'],
  ['FEED_ITEM_NAME', '{"item":"A ","deleted":true}'],
  ['FEED_ITEM_NAME', '{"item":"A,B","deleted":true}', /"A,B" cannot be the name of an item/],
  ['FEED_ITEM_NAME', '{"item":"A*","deleted":true}'],
  ['FEED_ITEM_NAME', '{"item":"A\\n","deleted":true}'],
  ['FEED_ITEM_NAME', '{"item":"A\u0085","deleted":true}'],
  ['FEED_ITEM_NAME', '{"item":"12345678901234567","deleted":true}'],
  ['FEED_ITEM_NAME', '{"item":"éééééééé+","deleted":true}'],
  ['FEED_FIELD_NAME', '{"item":"A","fields":{"":"1"}}'],
  ['FEED_FIELD_NAME', '{"item":"A","fields":{"a,b":"1"}}', /"a,b" cannot be the name of a field/],
  ['FEED_FIELD_NAME', '{"item":"A","fields":{"1234567890":"1"}}'],
  ['FEED_NAME', '{"feed":"a,b"}'],
  ['FEED_NAME', '{"feed":""}'],
]

const KEYS: BadLine[] = [
  ['FEED_KEY_UNKNOWN', '{"item":"A","field":{"b":"1"}}', /no line has a key "field"/],
  ['FEED_KEY_UNKNOWN', '{"Item":"A","fields":{"b":"1"}}', /"Item"/],
  ['FEED_KEY_UNKNOWN', '{"__proto__":{},"item":"A","fields":{"b":"1"}}', /"__proto__"/],
  ['FEED_KEY_UNKNOWN', '{"item":"A","deleted":true,"fields":{"b":"1"}}', /"fields" does not belong to the end/],
  ['FEED_KEY_UNKNOWN', '{"item":"A","deleted":true,"snapshot":true}', /"snapshot"/],
  ['FEED_KEY_UNKNOWN', '{"item":"A","fields":{"b":"1"},"onDemand":true}', /"onDemand" does not belong to an update/],
  ['FEED_KEY_UNKNOWN', '{"feed":"x","item":"A"}', /"item" does not belong to a greeting/],
  ['FEED_KEY_UNKNOWN', `{"${'k'.repeat(50)}":1}`, /k{40}…"/],
  ['FEED_KEY_REPEATED', '{"item":"A","item":"B","fields":{"b":"1"}}', /the key "item" stands twice/],
  ['FEED_KEY_REPEATED', '{"item":"A","\\u0069tem":"B","fields":{"b":"1"}}', /"item"/],
  ['FEED_KEY_REPEATED', '{"item":"A","fields":{"b":"1"},"fields":{"c":"1"}}', /"fields"/],
  ['FEED_KEY_REPEATED', '{"at":1,"item":"A","at":2,"fields":{"b":"1"}}', /"at"/],
  ['FEED_KEY_REPEATED', '{"item":"A","fields":{"b":"1","b":"1"}}', /the field "b" stands twice/],
  ['FEED_KEY_REPEATED', '{"item":"A","fields":{"b":"1","\\u0062":"1"}}', /the field "b"/],
  ['FEED_KEY_REPEATED', '{"item":"A","fields":{"__proto__":"1","__proto__":"1"}}', /"__proto__"/],
]

const VALUES: BadLine[] = [
  ['FEED_VALUE_TYPE', '{"item":5,"fields":{"b":"1"}}', /"item" must be a string/],
  ['FEED_VALUE_TYPE', '{"item":null,"fields":{"b":"1"}}'],
  ['FEED_VALUE_TYPE', '{"item":"A","fields":[]}', /"fields" must be an object/],
  ['FEED_VALUE_TYPE', '{"item":"A","fields":{"b":true}}', /field 1 must be a string, a number or null/],
  ['FEED_VALUE_TYPE', '{"item":"A","fields":{"b":"1","c":{}}}', /field 2/],
  ['FEED_VALUE_TYPE', '{"item":"A","fields":{"b":[1]}}'],
  ['FEED_VALUE_TYPE', '{"item":"A","snapshot":1,"fields":{"b":"1"}}', /"snapshot" must be true or false/],
  ['FEED_VALUE_TYPE', '{"item":"A","snapshot":null,"fields":{"b":"1"}}'],
  ['FEED_VALUE_TYPE', '{"item":"A","time":"5","fields":{"b":"1"}}', /"time" must be a number from 0/],
  ['FEED_VALUE_TYPE', '{"item":"A","time":-1,"fields":{"b":"1"}}'],
  ['FEED_VALUE_TYPE', '{"item":"A","time":1e400,"fields":{"b":"1"}}'],
  ['FEED_VALUE_TYPE', '{"item":"A","time":8640000000000001,"fields":{"b":"1"}}'],
  ['FEED_VALUE_TYPE', '{"item":"A","at":"0","fields":{"b":"1"}}', /"at" must be a number/],
  ['FEED_VALUE_TYPE', '{"item":"A","mode":1,"fields":{"b":"1"}}', /"mode" must be a string/],
  ['FEED_VALUE_TYPE', '{"item":"A","deleted":false}', /"deleted" must be true/],
  ['FEED_VALUE_TYPE', '{"item":"A","deleted":1}'],
  ['FEED_VALUE_TYPE', '{"feed":1}', /"feed" must be a string/],
  ['FEED_VALUE_TYPE', '{"feed":"x","onDemand":"yes"}', /"onDemand" must be true or false/],
  ['FEED_VALUE_TYPE', '{"feed":"x","heartbeat":99}', /"heartbeat" must be 0 or an integer from 100 to 3600000/],
  ['FEED_VALUE_TYPE', '{"feed":"x","heartbeat":3600001}'],
  ['FEED_VALUE_TYPE', '{"feed":"x","heartbeat":100.5}'],
  ['FEED_VALUE_TYPE', '{"feed":"x","heartbeat":"100"}'],
  ['FEED_VALUE_TOO_LONG', '{"item":"A","fields":{"b":"1234567890123"}}', /field 1 is longer than 12 bytes/],
  ['FEED_VALUE_TOO_LONG', '{"item":"A","fields":{"b":1234567890123}}'],
  ['FEED_VALUE_TOO_LONG', '{"item":"A","fields":{"b":"\\u0001\\u0002\\u0003"}}'],
  ['FEED_VALUE_TOO_LONG', '{"item":"A","fields":{"b":"ééééééé"}}'],
  ['FEED_FIELDS_TOO_MANY', '{"item":"A","fields":{"a":1,"b":2,"c":3,"d":4,"e":5}}', /more than 4 fields/],
  ['FEED_FIELDS_MISSING', '{"item":"A"}', /no "fields"/],
  ['FEED_FIELDS_MISSING', '{"item":"A","snapshot":true}'],
  ['FEED_FIELDS_MISSING', '{"item":"A","fields":{}}', /"fields" is empty/],
  ['FEED_FIELDS_MISSING', '{"item":"A","fields":{},"snapshot":false}'],
  ['FEED_ITEM_MISSING', '{}', /no "item"/],
  ['FEED_ITEM_MISSING', '{"fields":{"b":"1"}}'],
  ['FEED_ITEM_MISSING', '{"onDemand":true}'],
]

const NOT_UTF8: BadLine[] = [
  ['FEED_LINE_NOT_UTF8', Buffer.from('{"item":"A","fields":{"b":"\xff"}}', 'latin1')],
  ['FEED_LINE_NOT_UTF8', Buffer.from('{"item":"A","fields":{"b\xc3":"1"}}', 'latin1')],
  ['FEED_LINE_NOT_UTF8', Buffer.from('{"item":"A","fields":{"b":"\xed\xa0\x80"}}', 'latin1')],
  ['FEED_LINE_NOT_UTF8', Buffer.from('{"item":"A","fields":{"b":"\\n\xff"}}', 'latin1')],
  ['FEED_LINE_NOT_UTF8', Buffer.from('\xff\xfe{', 'latin1')],
  ['FEED_LINE_NOT_UTF8', '{"item":"A","fields":{"b":"\\ud800"}}', /byte 27 holds half of a surrogate pair/],
  ['FEED_LINE_NOT_UTF8', '{"item":"A\\udc00","fields":{"b":"1"}}'],
]

/** Refused with this code, whether its names are known or new, without a trace; and the next line is read. */
function assertBad(t: ExecutionContext, [code, line, message]: BadLine): void {
  for (const isKnown of [false, true]) {
    const fixture = new Fixture()
    if (isKnown) fixture.parse('{"item":"A","fields":{"b":"1"}}')
    const sizes = [fixture.items.size, fixture.fields.size]
    t.is(fixture.parse(line).kind, 'bad')
    t.is(fixture.parser.errorCode, code)
    t.regex(fixture.parser.errorMessage, message ?? /^.{10,}$/)
    t.deepEqual([fixture.items.size, fixture.fields.size], sizes)
    t.is(fixture.parse('{"item":"A","fields":{"b":"2"}}').kind, 'update')
  }
}

function shown([code, line]: BadLine): string {
  return `${code}: ${JSON.stringify(Buffer.from(line).toString('latin1'))}`
}

for (const line of NOT_JSON) test(`[F6] ${shown(line)}`, t => assertBad(t, line))
for (const line of NAMES) test(`[F7] ${shown(line)}`, t => assertBad(t, line))
for (const line of KEYS) test(`[F8] ${shown(line)}`, t => assertBad(t, line))
for (const line of VALUES) test(`[F9] ${shown(line)}`, t => assertBad(t, line))
for (const line of NOT_UTF8) test(`[F10] ${shown(line)}`, t => assertBad(t, line))

test('[F11] full tables refuse new names whole, and known names go on', t => {
  const fixture = new Fixture(LIMITS, 2, 3)
  fixture.parse('{"item":"A","fields":{"a":1,"b":1}}')
  t.is(fixture.parse('{"item":"B","fields":{"b":1,"c":1,"d":1}}').kind, 'bad')
  t.is(fixture.parser.errorCode, 'FEED_NAMES_TOO_MANY')
  t.deepEqual([fixture.items.size, fixture.fields.size], [1, 2])
  t.is(fixture.parse('{"item":"B","fields":{"b":1,"d":1}}').kind, 'update')
  t.is(fixture.parse('{"item":"C","fields":{"b":1}}').kind, 'bad')
  t.is(fixture.parser.errorCode, 'FEED_ITEMS_TOO_MANY')
  t.is(fixture.parse('{"item":"C","deleted":true}').kind, 'bad')
  t.is(fixture.parse('{"item":"A","fields":{"a":1,"b":1,"d":1}}').kind, 'update')
  fixture.items.remove(fixture.parser.itemId)
  t.is(fixture.parse('{"item":"C","fields":{"b":1}}').kind, 'update')
})

test('[F12] values lie in the line itself, or in the scratch when it holds an escape', t => {
  const fixture = new Fixture()
  const plain = Buffer.from('{"item":"A","fields":{"b":"1"}}')
  t.is(fixture.parser.parse(plain, 0, plain.length), LINE_UPDATE)
  t.is(fixture.parser.valueBytes, plain)
  t.is(fixture.parser.parse(plain, 0, plain.length), LINE_UPDATE)
  t.is(fixture.parser.valueBytes, plain)
  const escaped = Buffer.from('{"item":"A","fields":{"b":"\\n"}}')
  t.is(fixture.parser.parse(escaped, 0, escaped.length), LINE_UPDATE)
  t.not(fixture.parser.valueBytes, escaped)
})

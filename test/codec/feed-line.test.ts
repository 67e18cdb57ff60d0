import { existsSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import test, { type ExecutionContext } from 'ava'
import { run } from '#perf/micro/feed-line.ts'
import {
  type FeedLineLimits,
  FeedLineParser,
  LINE_BAD,
  LINE_BLANK,
  LINE_DELETE,
  LINE_GREETING,
  LINE_UPDATE,
} from '#src/codec/feed-line.ts'
import { LineSplitter } from '#src/codec/lines.ts'
import { NameTable } from '#src/codec/name-table.ts'
import type { FeedErrorCode } from '#src/errors.ts'
import { type ReferenceLine, referenceLine } from '../support/feed-line-reference.ts'
import { Random, seedOr } from '../support/random.ts'

const LIMITS: FeedLineLimits = { itemNameBytesMax: 16, fieldNameBytesMax: 9, fieldsMax: 4, valueBytesMax: 12 }

class Fixture {
  readonly items: NameTable
  readonly fields: NameTable
  readonly parser: FeedLineParser

  constructor(limits = LIMITS, itemsMax = 100, fieldsMax = 100) {
    this.items = new NameTable(itemsMax, limits.itemNameBytesMax)
    this.fields = new NameTable(fieldsMax, limits.fieldNameBytesMax)
    this.parser = new FeedLineParser(limits, this.items, this.fields)
  }

  /** The line in the midst of other bytes, as in a chunk. */
  parse(line: string | Buffer): ReferenceLine {
    const bytes = Buffer.concat([Buffer.from('"x"\n'), Buffer.from(line), Buffer.from('\n{"y"')])
    const kind = this.parser.parse(bytes, 4, bytes.length - 5)
    const { parser } = this
    switch (kind) {
      case LINE_BLANK:
        return { kind: 'blank' }
      case LINE_BAD:
        return { kind: 'bad' }
      case LINE_GREETING:
        return {
          kind: 'greeting',
          name: parser.feedName,
          isOnDemand: parser.isOnDemand,
          heartbeatMs: parser.heartbeatMs,
        }
      case LINE_DELETE:
        return { kind: 'delete', item: this.items.textOf(parser.itemId), timeMs: parser.timeMs }
      case LINE_UPDATE:
        return {
          kind: 'update',
          item: this.items.textOf(parser.itemId),
          isSnapshot: parser.isSnapshot,
          timeMs: parser.timeMs,
          fields: this.#values(),
        }
    }
  }

  #values(): [string, string | null][] {
    const { fieldCount, fieldIds, valueBytes, valueOffsets, valueLengths } = this.parser
    const values: [string, string | null][] = []
    for (let i = 0; i < fieldCount; i++) {
      const start = valueOffsets[i]!
      const length = valueLengths[i]!
      const value = length < 0 ? null : valueBytes.toString('utf8', start, start + length)
      values.push([this.fields.textOf(fieldIds[i]!), value])
    }
    return values
  }
}

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
  t.deepEqual(fixture.parse(line), { kind: 'greeting', name: 'desk-7', isOnDemand: true, heartbeatMs: 5_000 })
  t.deepEqual(fixture.parse('{"feed":"\\"x"}'), { kind: 'greeting', name: '"x', isOnDemand: false, heartbeatMs: 0 })
  for (const heartbeat of [0, 100, 3_600_000]) {
    t.like(fixture.parse(`{"feed":"x","heartbeat":${heartbeat}}`), { kind: 'greeting', heartbeatMs: heartbeat })
  }
})

const BAD: [rule: string, code: FeedErrorCode, line: string | Buffer, message?: RegExp][] = [
  ['F6', 'FEED_LINE_NOT_JSON', 'hello', /at byte 1: expected \{/],
  ['F6', 'FEED_LINE_NOT_JSON', '[1]', /at byte 1/],
  ['F6', 'FEED_LINE_NOT_JSON', '\ufeff{"item":"A","deleted":true}', /at byte 1/],
  ['F6', 'FEED_LINE_NOT_JSON', '{"item":"A","fields":{"b":"1"}', /where it ends/],
  ['F6', 'FEED_LINE_NOT_JSON', '{"item":"A","fields":{"b":"1', /where it ends: expected "/],
  ['F6', 'FEED_LINE_NOT_JSON', '{"item":"A","fields":{"b":"1\\', /where it ends/],
  ['F6', 'FEED_LINE_NOT_JSON', '{"item":"A","fields":{"b":"1"}} x', /at byte 33: expected nothing behind \}/],
  ['F6', 'FEED_LINE_NOT_JSON', '{"item":"A","fields":{"b":"1"}}{}', /at byte 32/],
  ['F6', 'FEED_LINE_NOT_JSON', '{"item":"A","fields":{"b":"1",}}', /at byte 31: expected a quoted name/],
  ['F6', 'FEED_LINE_NOT_JSON', '{"item":"A","fields":{"b":"1"},}', /at byte 32: expected a quoted name/],
  ['F6', 'FEED_LINE_NOT_JSON', '{"item" "A"}', /at byte 9: expected :/],
  ['F6', 'FEED_LINE_NOT_JSON', '{"item":"A" "fields":{}}', /at byte 13: expected , or \}/],
  ['F6', 'FEED_LINE_NOT_JSON', "{'item':'A'}", /at byte 2/],
  ['F6', 'FEED_LINE_NOT_JSON', '{"item":"A","fields":{"b":01}}', /at byte 28: expected , or \}/],
  ['F6', 'FEED_LINE_NOT_JSON', '{"item":"A","fields":{"b":1.}}', /at byte 29: expected a digit/],
  ['F6', 'FEED_LINE_NOT_JSON', '{"item":"A","fields":{"b":+1}}', /at byte 27/],
  ['F6', 'FEED_LINE_NOT_JSON', '{"item":"A","fields":{"b":NaN}}', /at byte 27/],
  ['F6', 'FEED_LINE_NOT_JSON', '{"item":"A","fields":{"b":nul}}', /at byte 27: expected null/],
  ['F6', 'FEED_LINE_NOT_JSON', '{"item":"A","snapshot":trux,"fields":{}}', /at byte 24: expected true/],
  ['F6', 'FEED_LINE_NOT_JSON', '{"item":"A","fields":{"b":"\t"}}', /at byte 28: expected no control character/],
  ['F6', 'FEED_LINE_NOT_JSON', '{"item":"A","fields":{"\u0000":"1"}}', /at byte 24/],
  ['F6', 'FEED_LINE_NOT_JSON', '{"item":"A","fields":{"b":"\\x"}}', /at byte 29: expected an escape/],
  ['F6', 'FEED_LINE_NOT_JSON', '{"item":"A","fields":{"b":"\\u00g0"}}', /expected an escape/],
  ['F6', 'FEED_LINE_NOT_JSON', '{"item":"A","fields":{"b":"\\n","c":"\t"}}', /at byte 37/],
  ['F6', 'FEED_LINE_NOT_JSON', '{"item":,"fields":{}}', /at byte 9/],
  ['F6', 'FEED_LINE_NOT_JSON', '{"item"', /where it ends/],
  ['F6', 'FEED_LINE_NOT_JSON', '{', /where it ends/],
  ['F7', 'FEED_ITEM_NAME', '{"item":"","deleted":true}', /""/],
  ['F7', 'FEED_ITEM_NAME', '{"item":" A","deleted":true}'],
  ['F7', 'FEED_ITEM_NAME', '{"item":"A ","deleted":true}'],
  ['F7', 'FEED_ITEM_NAME', '{"item":"A,B","deleted":true}', /"A,B" cannot be the name of an item/],
  ['F7', 'FEED_ITEM_NAME', '{"item":"A*","deleted":true}'],
  ['F7', 'FEED_ITEM_NAME', '{"item":"A\\n","deleted":true}'],
  ['F7', 'FEED_ITEM_NAME', '{"item":"A\u0085","deleted":true}'],
  ['F7', 'FEED_ITEM_NAME', '{"item":"12345678901234567","deleted":true}'],
  ['F7', 'FEED_ITEM_NAME', '{"item":"éééééééé+","deleted":true}'],
  ['F7', 'FEED_FIELD_NAME', '{"item":"A","fields":{"":"1"}}'],
  ['F7', 'FEED_FIELD_NAME', '{"item":"A","fields":{"a,b":"1"}}', /"a,b" cannot be the name of a field/],
  ['F7', 'FEED_FIELD_NAME', '{"item":"A","fields":{"1234567890":"1"}}'],
  ['F7', 'FEED_NAME', '{"feed":"a,b"}'],
  ['F7', 'FEED_NAME', '{"feed":""}'],
  ['F8', 'FEED_KEY_UNKNOWN', '{"item":"A","field":{"b":"1"}}', /no line has a key "field"/],
  ['F8', 'FEED_KEY_UNKNOWN', '{"Item":"A","fields":{"b":"1"}}', /"Item"/],
  ['F8', 'FEED_KEY_UNKNOWN', '{"__proto__":{},"item":"A","fields":{"b":"1"}}', /"__proto__"/],
  ['F8', 'FEED_KEY_UNKNOWN', '{"item":"A","deleted":true,"fields":{"b":"1"}}', /"fields" does not belong to the end/],
  ['F8', 'FEED_KEY_UNKNOWN', '{"item":"A","deleted":true,"snapshot":true}', /"snapshot"/],
  [
    'F8',
    'FEED_KEY_UNKNOWN',
    '{"item":"A","fields":{"b":"1"},"onDemand":true}',
    /"onDemand" does not belong to an update/,
  ],
  ['F8', 'FEED_KEY_UNKNOWN', '{"feed":"x","item":"A"}', /"item" does not belong to a greeting/],
  ['F8', 'FEED_KEY_UNKNOWN', `{"${'k'.repeat(50)}":1}`, /k{40}…"/],
  ['F8', 'FEED_KEY_REPEATED', '{"item":"A","item":"B","fields":{"b":"1"}}', /the key "item" stands twice/],
  ['F8', 'FEED_KEY_REPEATED', '{"item":"A","\\u0069tem":"B","fields":{"b":"1"}}', /"item"/],
  ['F8', 'FEED_KEY_REPEATED', '{"item":"A","fields":{"b":"1"},"fields":{"c":"1"}}', /"fields"/],
  ['F8', 'FEED_KEY_REPEATED', '{"item":"A","fields":{"b":"1","b":"1"}}', /the field "b" stands twice/],
  ['F8', 'FEED_KEY_REPEATED', '{"item":"A","fields":{"b":"1","\\u0062":"1"}}', /the field "b"/],
  ['F8', 'FEED_KEY_REPEATED', '{"item":"A","fields":{"__proto__":"1","__proto__":"1"}}', /"__proto__"/],
  ['F9', 'FEED_VALUE_TYPE', '{"item":5,"fields":{"b":"1"}}', /"item" must be a string/],
  ['F9', 'FEED_VALUE_TYPE', '{"item":null,"fields":{"b":"1"}}'],
  ['F9', 'FEED_VALUE_TYPE', '{"item":"A","fields":[]}', /"fields" must be an object/],
  ['F9', 'FEED_VALUE_TYPE', '{"item":"A","fields":{"b":true}}', /field 1 must be a string, a number or null/],
  ['F9', 'FEED_VALUE_TYPE', '{"item":"A","fields":{"b":"1","c":{}}}', /field 2/],
  ['F9', 'FEED_VALUE_TYPE', '{"item":"A","fields":{"b":[1]}}'],
  ['F9', 'FEED_VALUE_TYPE', '{"item":"A","snapshot":1,"fields":{"b":"1"}}', /"snapshot" must be true or false/],
  ['F9', 'FEED_VALUE_TYPE', '{"item":"A","snapshot":null,"fields":{"b":"1"}}'],
  ['F9', 'FEED_VALUE_TYPE', '{"item":"A","time":"5","fields":{"b":"1"}}', /"time" must be a number from 0/],
  ['F9', 'FEED_VALUE_TYPE', '{"item":"A","time":-1,"fields":{"b":"1"}}'],
  ['F9', 'FEED_VALUE_TYPE', '{"item":"A","time":1e400,"fields":{"b":"1"}}'],
  ['F9', 'FEED_VALUE_TYPE', '{"item":"A","time":8640000000000001,"fields":{"b":"1"}}'],
  ['F9', 'FEED_VALUE_TYPE', '{"item":"A","at":"0","fields":{"b":"1"}}', /"at" must be a number/],
  ['F9', 'FEED_VALUE_TYPE', '{"item":"A","mode":1,"fields":{"b":"1"}}', /"mode" must be a string/],
  ['F9', 'FEED_VALUE_TYPE', '{"item":"A","deleted":false}', /"deleted" must be true/],
  ['F9', 'FEED_VALUE_TYPE', '{"item":"A","deleted":1}'],
  ['F9', 'FEED_VALUE_TYPE', '{"feed":1}', /"feed" must be a string/],
  ['F9', 'FEED_VALUE_TYPE', '{"feed":"x","onDemand":"yes"}', /"onDemand" must be true or false/],
  ['F9', 'FEED_VALUE_TYPE', '{"feed":"x","heartbeat":99}', /"heartbeat" must be 0 or an integer from 100 to 3600000/],
  ['F9', 'FEED_VALUE_TYPE', '{"feed":"x","heartbeat":3600001}'],
  ['F9', 'FEED_VALUE_TYPE', '{"feed":"x","heartbeat":100.5}'],
  ['F9', 'FEED_VALUE_TYPE', '{"feed":"x","heartbeat":"100"}'],
  ['F9', 'FEED_VALUE_TOO_LONG', '{"item":"A","fields":{"b":"1234567890123"}}', /field 1 is longer than 12 bytes/],
  ['F9', 'FEED_VALUE_TOO_LONG', '{"item":"A","fields":{"b":1234567890123}}'],
  ['F9', 'FEED_VALUE_TOO_LONG', '{"item":"A","fields":{"b":"\\u0001\\u0002\\u0003"}}'],
  ['F9', 'FEED_VALUE_TOO_LONG', '{"item":"A","fields":{"b":"ééééééé"}}'],
  ['F9', 'FEED_FIELDS_TOO_MANY', '{"item":"A","fields":{"a":1,"b":2,"c":3,"d":4,"e":5}}', /more than 4 fields/],
  ['F9', 'FEED_FIELDS_MISSING', '{"item":"A"}', /no "fields"/],
  ['F9', 'FEED_FIELDS_MISSING', '{"item":"A","snapshot":true}'],
  ['F9', 'FEED_FIELDS_MISSING', '{"item":"A","fields":{}}', /"fields" is empty/],
  ['F9', 'FEED_FIELDS_MISSING', '{"item":"A","fields":{},"snapshot":false}'],
  ['F9', 'FEED_ITEM_MISSING', '{}', /no "item"/],
  ['F9', 'FEED_ITEM_MISSING', '{"fields":{"b":"1"}}'],
  ['F9', 'FEED_ITEM_MISSING', '{"onDemand":true}'],
  ['F10', 'FEED_LINE_NOT_UTF8', Buffer.from('{"item":"A","fields":{"b":"\xff"}}', 'latin1')],
  ['F10', 'FEED_LINE_NOT_UTF8', Buffer.from('{"item":"A","fields":{"b\xc3":"1"}}', 'latin1')],
  ['F10', 'FEED_LINE_NOT_UTF8', Buffer.from('{"item":"A","fields":{"b":"\xed\xa0\x80"}}', 'latin1')],
  ['F10', 'FEED_LINE_NOT_UTF8', Buffer.from('{"item":"A","fields":{"b":"\\n\xff"}}', 'latin1')],
  ['F10', 'FEED_LINE_NOT_UTF8', Buffer.from('\xff\xfe{', 'latin1')],
  ['F10', 'FEED_LINE_NOT_UTF8', '{"item":"A","fields":{"b":"\\ud800"}}', /byte 27 holds half of a surrogate pair/],
  ['F10', 'FEED_LINE_NOT_UTF8', '{"item":"A\\udc00","fields":{"b":"1"}}'],
]

for (const [rule, code, line, message] of BAD) {
  const title = JSON.stringify(Buffer.from(line).toString('latin1'))
  test(`[${rule}] ${code}: ${title}`, t => {
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
  })
}

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

// ── Random lines ───────────────────────────────────────────────────────────────────────────────────────────────────────

const CHARACTERS = [
  'a',
  'b',
  'Z',
  '1',
  '.',
  '-',
  ' ',
  '/',
  '"',
  '\\',
  'é',
  '€',
  '𝄞',
  '\n',
  '\u0001',
  '\u007f',
  ',',
  '*',
]
const NUMBERS = [
  '0',
  '-0',
  '1',
  '7.610',
  '1e5',
  '1E+2',
  '-12.5e-3',
  '1626992742115',
  '16.4',
  '99',
  '100',
  '1e400',
  '01',
  '.5',
  '1.',
  '9007199254740993',
]

function stringText(random: Random, lengthMax: number): string {
  let text = ''
  for (let length = random.int(lengthMax + 1); length > 0; length--) {
    const character = random.chance(0.8) ? random.pick('abcdefgh'.split('')) : random.pick(CHARACTERS)
    const unit = character.charCodeAt(0)
    if (random.chance(0.06)) text += [...character].map(escapeOf).join('')
    else if (unit < 0x20 || character === '"' || character === '\\') text += JSON.stringify(character).slice(1, -1)
    else text += character
  }
  if (random.chance(0.01)) text += '\\ud800'
  return `"${text}"`
}

function escapeOf(character: string): string {
  let text = ''
  for (let i = 0; i < character.length; i++) text += `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`
  return text
}

function anyValue(random: Random): string {
  if (random.chance(0.7)) return stringText(random, 8)
  if (random.chance(0.7)) return random.pick(NUMBERS)
  return random.pick(['null', 'null', 'true', 'false', '{}', '[1,{"a":[]}]', '{"a":"b"}'])
}

function fieldsText(random: Random, space: () => string): string {
  const parts: string[] = []
  for (let count = random.int(5); count > 0; count--) {
    const name = random.chance(0.8) ? `"${random.pick(['bid', 'ask', 'size', 'last', 'x'])}"` : stringText(random, 5)
    const value = random.chance(0.9)
      ? random.pick([`"${random.int(1_000) / 8}"`, stringText(random, 10), random.pick(NUMBERS), 'null'])
      : anyValue(random)
    parts.push(`${space()}${name}${space()}:${space()}${value}`)
  }
  return `{${parts.join(`${space()},`)}${space()}}`
}

function memberText(random: Random, key: string, space: () => string): string {
  if (random.chance(0.04)) return anyValue(random)
  switch (key) {
    case 'item':
    case 'feed':
      return random.chance(0.8) ? `"item-${random.int(30)}"` : stringText(random, 14)
    case 'fields':
      return fieldsText(random, space)
    case 'time':
    case 'at':
    case 'heartbeat':
      return random.pick(NUMBERS)
    case 'mode':
      return stringText(random, 5)
    case 'deleted':
      return 'true'
    default:
      return random.pick(['true', 'false'])
  }
}

function lineText(random: Random): string {
  if (random.chance(0.02)) return random.pick(['', ' ', '\r', 'null', '[]', '"item"'])
  const isSpaced = random.chance(0.15)
  const space = (): string => (isSpaced ? random.pick(['', ' ', '\t', '  ']) : '')
  const keys = random.pick([['item', 'fields'], ['item', 'fields'], ['item', 'fields'], ['item', 'deleted'], ['feed']])
  const more = keys[0] === 'feed' ? ['onDemand', 'heartbeat'] : ['time', 'snapshot', 'at', 'mode']
  const all = [...keys, ...more.filter(() => random.chance(0.3))]
  if (random.chance(0.03)) all.push(random.pick(['item', 'fields', 'deleted', 'feed', 'onDemand', 'bid', '__proto__']))
  if (random.chance(0.03)) all.splice(random.int(all.length), 1)
  if (random.chance(0.3)) all.sort(() => (random.chance(0.5) ? 1 : -1))
  const parts = all.map(key => {
    const quoted = random.chance(0.01) ? `"${escapeOf(key)}"` : `"${key}"`
    return `${space()}${quoted}${space()}:${space()}${memberText(random, key, space)}`
  })
  return `${space()}{${parts.join(`${space()},`)}${space()}}${space()}${random.chance(0.1) ? '\r' : ''}`
}

/** Breaks a line in one of the ways in which lines break. */
function mutated(random: Random, line: Buffer): Buffer {
  const at = random.int(line.length + 1)
  const behind = Math.min(line.length, at + random.int(4))
  const [head, tail] = [line.subarray(0, at), line.subarray(behind)]
  switch (random.int(5)) {
    case 0:
      return Buffer.from(head)
    case 1:
      return Buffer.concat([head, tail])
    case 2:
      return Buffer.concat([head, Buffer.from([random.int(256)]), tail])
    case 3:
      return Buffer.concat([
        head,
        Buffer.from(random.pick(['"', '\\', '{', '}', ',', ':', '0', ' ', '\\u', '\0'])),
        line.subarray(at),
      ])
    default:
      return Buffer.concat([line.subarray(0, behind), line.subarray(at)])
  }
}

test('[F12] random lines, whole and broken, are read as JSON.parse reads them, on either way', t => {
  const seed = seedOr(14)
  const random = new Random(seed)
  const [itemsMax, fieldNamesMax] = [40, 60]
  const kinds = new Map<string, number>()
  for (let round = 0; round < 40; round++) {
    const quick = new Fixture(LIMITS, itemsMax, fieldNamesMax)
    const careful = new Fixture(LIMITS, itemsMax, fieldNamesMax)
    const items = new Set<string>()
    const fieldNames = new Set<string>()
    for (let step = 0; step < 1_000; step++) {
      const text = Buffer.from(lineText(random))
      const line = random.chance(0.25) ? mutated(random, text) : text
      const place = `SEED=${seed} round ${round} step ${step}: ${JSON.stringify(line.toString('latin1'))}`
      const expected = referenceLine(line, LIMITS, items, itemsMax, fieldNames, fieldNamesMax)
      kinds.set(expected.kind, (kinds.get(expected.kind) ?? 0) + 1)
      t.deepEqual(quick.parse(line), expected, `quick ${place}`)
      t.deepEqual(careful.parse(Buffer.concat([Buffer.from(' '), line])), expected, `careful ${place}`)
      if (quick.items.size !== items.size || quick.fields.size !== fieldNames.size) t.fail(place)
      if (random.chance(0.02) && (expected.kind === 'update' || expected.kind === 'delete')) {
        for (const fixture of [quick, careful]) fixture.items.remove(fixture.parser.itemId)
        items.delete(expected.item)
      }
    }
  }
  for (const kind of ['update', 'delete', 'greeting', 'bad', 'blank']) t.true((kinds.get(kind) ?? 0) > 100, kind)
})

test('[F12] a line of many escapes, longer than the scratch was, is read whole', t => {
  const limits = { ...LIMITS, valueBytesMax: 65_000 }
  const fixture = new Fixture(limits)
  for (const length of [10, 2_000, 9_000]) {
    const value = '\u0001é"'.repeat(length)
    const line = JSON.stringify({ item: 'A', fields: { a: value, b: value, c: '1' } })
    const content = JSON.stringify(value).slice(1, -1)
    if (content.length > 65_000) t.is(fixture.parse(line).kind, 'bad')
    else
      t.like(fixture.parse(line), {
        fields: [
          ['a', content],
          ['b', content],
          ['c', '1'],
        ],
      })
  }
})

// ── The recording ──────────────────────────────────────────────────────────────────────────────────────────────────────

const DATA = process.env.MILLRACE_DATA ?? new URL('../../../shared/data', import.meta.url).pathname
const CAPTURE = `${DATA}/capture.ndjson.gz`
const recordingTest = existsSync(CAPTURE) ? test : test.skip

recordingTest('[F13] the recording is read without a bad line, with the fields of JSON.parse', t => {
  const limits = { itemNameBytesMax: 256, fieldNameBytesMax: 64, fieldsMax: 128, valueBytesMax: 16_384 }
  const fixture = new Fixture(limits, 1_000, 1_000)
  const bytes = gunzipSync(readFileSync(CAPTURE))
  const splitter = new LineSplitter(65_536)
  const { parser } = fixture
  let lines = 0
  for (let at = 0; at < bytes.length; at += 65_536) {
    splitter.push(bytes.subarray(at, at + 65_536))
    while (splitter.next()) {
      lines++
      const text = splitter.bytes.toString('utf8', splitter.start, splitter.end)
      const { item, fields } = JSON.parse(text) as { item: string; fields: Record<string, string> }
      if (parser.parse(splitter.bytes, splitter.start, splitter.end) !== LINE_UPDATE) t.fail(text)
      const entries = Object.entries(fields)
      let isSame = fixture.items.textOf(parser.itemId) === item && parser.fieldCount === entries.length
      // A name of digits only would come first in the object; the recording has none.
      for (const [i, [name, value]] of entries.entries()) {
        const start = parser.valueOffsets[i]!
        const content = parser.valueBytes.toString('utf8', start, start + parser.valueLengths[i]!)
        isSame &&= fixture.fields.textOf(parser.fieldIds[i]!) === name && content === JSON.stringify(value).slice(1, -1)
      }
      if (!isSame) t.fail(text)
    }
  }
  t.is(lines, 49_857)
  t.is(fixture.items.size, 132)
})

test('[F12] the benchmark of lines runs', t => {
  const results = run(true)
  t.is(results.length, 4)
  t.deepEqual(
    results.map(result => result.hash),
    run(true).map(result => result.hash),
  )
})

import test from 'ava'
import { type PublishedField, quoted, readFields } from '#src/codec/http-fields.ts'
import { Random, seedOr } from '#test/support/random.ts'

const LIMITS = { fieldNameBytesMax: 8, fieldsMax: 4, valueBytesMax: 10 }
const WIDE = { fieldNameBytesMax: 64, fieldsMax: 100, valueBytesMax: 1_000 }
const JSON_TYPE = 'application/json'
const FORM_TYPE = 'application/x-www-form-urlencoded'

const GOOD: [type: string | undefined, body: string, fields: PublishedField[]][] = [
  [JSON_TYPE, '{"bid":"1.1"}', [['bid', '1.1']]],
  [
    'Application/JSON; charset=utf-8',
    ' {"bid" : 1.10 ,\n"ask": null}\n',
    [
      ['bid', '1.10'],
      ['ask', null],
    ],
  ],
  [JSON_TYPE, '{"a":-0.50e+3}', [['a', '-0.50e+3']]],
  [JSON_TYPE, '{"a":1234567890}', [['a', '1234567890']]],
  [JSON_TYPE, '{"a":""}', [['a', '']]],
  [JSON_TYPE, '{"a":"\\"\\\\,}"}', [['a', '\\"\\\\,}']]],
  [JSON_TYPE, '{"a":"\\u0041\\n"}', [['a', 'A\\n']]],
  [JSON_TYPE, '{"\\u0061":"x"}', [['a', 'x']]],
  [JSON_TYPE, '{"__pro__":"1"}', [['__pro__', '1']]],
  [JSON_TYPE, '{"a":"gr\u00fcn"}', [['a', 'gr\u00fcn']]],
  [JSON_TYPE, '{"a":"\\ud800"}', [['a', '\\ud800']]],
  [
    FORM_TYPE,
    'bid=1.10&ask=1.2',
    [
      ['bid', '1.10'],
      ['ask', '1.2'],
    ],
  ],
  [undefined, 'bid=1.10\n', [['bid', '1.10']]],
  [FORM_TYPE, '{"bid":1.10}', [['bid', '1.10']]],
  [FORM_TYPE, 'a=b+c%2Bd&', [['a', 'b c+d']]],
  [FORM_TYPE, 'a=%22%0A=', [['a', '\\"\\n=']]],
  [FORM_TYPE, 'a=', [['a', '']]],
]

for (const [index, [type, body, fields]] of GOOD.entries()) {
  test(`[H25] body ${index}, ${JSON.stringify(body)} as ${type}, is read`, t => {
    t.deepEqual(readFields(Buffer.from(body), type, LIMITS), fields)
  })
}

const BAD: [status: number, code: string, type: string | undefined, body: string][] = [
  [415, 'FIELDS_INVALID', 'text/plain', '{"a":1}'],
  [415, 'FIELDS_INVALID', 'multipart/form-data; boundary=x', 'a=1'],
  [400, 'FIELDS_INVALID', JSON_TYPE, ''],
  [400, 'FIELDS_INVALID', FORM_TYPE, ''],
  [400, 'FIELDS_INVALID', JSON_TYPE, '{}'],
  [400, 'FIELDS_INVALID', JSON_TYPE, '{"a":1'],
  [400, 'FIELDS_INVALID', JSON_TYPE, '{"a":1}x'],
  [400, 'FIELDS_INVALID', JSON_TYPE, 'a=1'],
  [400, 'FIELDS_INVALID', JSON_TYPE, '[1]'],
  [400, 'FIELDS_INVALID', JSON_TYPE, 'null'],
  [400, 'FIELDS_INVALID', JSON_TYPE, '"{}"'],
  [400, 'FIELDS_INVALID', JSON_TYPE, '{"a":true}'],
  [400, 'FIELDS_INVALID', JSON_TYPE, '{"a":{"b":1}}'],
  [400, 'FIELDS_INVALID', JSON_TYPE, '{"b":1,"a":["}"]}'],
  [400, 'FIELDS_INVALID', JSON_TYPE, '{"a":1,"a":2}'],
  [400, 'FIELDS_INVALID', JSON_TYPE, '{"a":1,"\\u0061":2}'],
  [400, 'FIELDS_INVALID', JSON_TYPE, '{"a":1,"b":1,"c":1,"d":1,"e":1}'],
  [400, 'FIELDS_INVALID', JSON_TYPE, '{"a":"12345678901"}'],
  [400, 'FIELDS_INVALID', JSON_TYPE, '{"a":12345678901}'],
  [400, 'FIELDS_INVALID', JSON_TYPE, '{"a":"\\n\\n\\n\\n\\n\\n"}'],
  [400, 'FIELDS_INVALID', JSON_TYPE, '{"a":"\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc"}'],
  [400, 'FIELD_NAME_INVALID', JSON_TYPE, '{"":1}'],
  [400, 'FIELD_NAME_INVALID', JSON_TYPE, '{"a,b":1}'],
  [400, 'FIELD_NAME_INVALID', JSON_TYPE, '{"123456789":1}'],
  [400, 'FIELD_NAME_INVALID', FORM_TYPE, '=1'],
  [400, 'FIELDS_INVALID', FORM_TYPE, 'a'],
  [400, 'FIELDS_INVALID', FORM_TYPE, 'a=1&a=2'],
  [400, 'FIELDS_INVALID', FORM_TYPE, 'a=%'],
  [400, 'FIELDS_INVALID', FORM_TYPE, 'a=%ff'],
]

for (const [index, [status, code, type, body]] of BAD.entries()) {
  test(`[H25] body ${index}, ${JSON.stringify(body)} as ${type}, is answered ${status} ${code}`, t => {
    const fault = readFields(Buffer.from(body), type, LIMITS)
    t.like(fault, { status, code })
  })
}

test('[H25] a body that is missing or not UTF-8 is refused', t => {
  t.like(readFields(null, undefined, LIMITS), { status: 400, code: 'FIELDS_INVALID' })
  t.like(readFields(Buffer.from('{"a":"\xff"}', 'latin1'), JSON_TYPE, LIMITS), { status: 400, code: 'FIELDS_INVALID' })
})

test('[H26] random objects are read as they were printed', t => {
  const random = new Random(seedOr(42))
  const blanks = ['', ' ', '\n\t ']
  for (let run = 0; run < 500; run++) {
    const fields: PublishedField[] = []
    let text = '{'
    for (let i = 1 + random.int(6); i > 0; i--) {
      const name = `f${i}${random.pick(['', '"', '\\', '{', 'ü', ':', ' x'])}`
      const kind = random.int(3)
      const content = JSON.stringify(random.pick(['', '"', '\\', '\\"', '}', '{"a":1}', '\u2028', '\n', 'ü€𝄞'])).slice(
        1,
        -1,
      )
      const number = random.pick(['0', '-0', '1.10', '1e5', '1E-05', '123456789012345678901234567890', '-0.000'])
      const printed = kind === 0 ? 'null' : kind === 1 ? number : `"${content}"`
      fields.push([name, kind === 0 ? null : kind === 1 ? number : content])
      const blank = random.pick(blanks)
      text += `${blank}${JSON.stringify(name)}${blank}:${blank}${printed}${blank}${i > 1 ? ',' : ''}`
    }
    t.deepEqual(readFields(Buffer.from(`${text}}`), JSON_TYPE, WIDE), fields, `SEED=${random.seed} run ${run}: ${text}`)
  }
})

test('[H25] a name in a message is quoted, escaped and cut', t => {
  t.is(quoted('a"b'), '"a\\"b"')
  t.is(quoted('x'.repeat(1_000)).length, 103)
})

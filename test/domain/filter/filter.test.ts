import test, { type ExecutionContext } from 'ava'
import { FilterValues, NO_VALUE } from '#src/domain/filter/filter-values.ts'
import { filterOf, keyOf, passes, type Row } from '#test/support/filters.ts'

function holds(t: ExecutionContext, rows: readonly [isPassing: boolean, text: string, row: Row][]): void {
  for (const [isPassing, text, row] of rows) {
    t.is(passes(filterOf(text), row), isPassing, `${text} of ${JSON.stringify(row)}`)
    t.is(passes(filterOf(`not (${text})`), row), !isPassing, `not (${text}) of ${JSON.stringify(row)}`)
  }
}

/** Texts that mean the same by what the normal form promises; each row has one key. */
const EQUAL: string[][] = [
  [
    'a = 1',
    'a=1',
    ' a  =\n1 ',
    '(a = 1)',
    '((a = 1))',
    '`a` = 1',
    '1 = a',
    'a = 1.0',
    'a = 10e-1',
    'a = 01',
    'a in (1)',
  ],
  ['a = "x"', "a = 'x'", 'a = "\\u0078"', '"x" = a', 'a in ("x")', 'a in (\'x\', "x")'],
  ['a != 1', 'a <> 1', 'not a = 1', 'NOT (a = 1)', '1 != a', '1 <> a', 'not 1 = a', 'a not in (1)', 'not not a != 1'],
  ['a < 1', '1 > a', 'not not a < 1'],
  ['a <= 1', '1 >= a'],
  ['not a < 1', 'not (a < 1)', 'not 1 > a'],
  ['a < b', 'b > a'],
  ['a <= b', 'b >= a'],
  ['a != b', 'b <> a', 'not b = a'],
  ['a is null', 'a IS NULL', 'not a is not null'],
  ['a = 1 and b = 2', 'b = 2 and a = 1', 'a = 1 and b = 2 and a = 1', '(a = 1) AND (b = 2)', 'not (a != 1 or b != 2)'],
  [
    'a = 1 and b = 2 and c = 3',
    'a = 1 and (b = 2 and c = 3)',
    '(c = 3 and a = 1) and b = 2',
    'not (not (a = 1 and b = 2) or c != 3)',
  ],
  ['a = 1 or b = 2 and c = 3', '(b = 2 and c = 3) or a = 1', 'c = 3 and b = 2 or a = 1 or b = 2 and c = 3'],
  ['(a = 1 or b = 2) and c = 3', 'c = 3 and (b = 2 or a = 1)', 'not (a != 1 and b != 2 or not c = 3)'],
  ['a in (1, 2, "x")', 'a in ("x", 2, 1)', "a in (2.0, 1, 'x', 2)", 'not a not in (1, 2, "x")'],
  ['a not in (1, 2)', 'not a in (2, 1)'],
]

test('[FI5] texts that mean the same have one key and the same fields, and no others have it', t => {
  const keys = new Set<string>()
  for (const texts of EQUAL) {
    const { key, fields } = filterOf(texts[0]!)
    for (const text of texts) {
      t.is(keyOf(text), key, text)
      t.deepEqual(filterOf(text).fields, fields, text)
    }
    t.false(keys.has(key), key)
    keys.add(key)
    t.is(keyOf(key), key)
  }
})

test('[FI5] a text, a number and a field of the same letters are not the same', t => {
  const keys = ['a = 1', 'a = "1"', 'a = `1`', 'a = "b"', 'a = b', 'A = 1', 'a = "B"'].map(keyOf)
  t.is(new Set(keys).size, keys.length)
})

test('[FI5] fields stand once each in one order', t => {
  t.deepEqual(filterOf('c = 1 and b < a or a is null and (c in (1, 2) or `B` = c)').fields, ['B', 'a', 'b', 'c'])
})

test('[FI6] against a number a value is held by its exact value', t => {
  holds(t, [
    [true, 'a = 1.1', { a: '1.10' }],
    [true, 'a = 1.1', { a: '011e-1' }],
    [true, 'a = 0', { a: '-0.00' }],
    [true, 'a < 10', { a: '9' }],
    [true, 'a > -2', { a: '-1.5' }],
    [false, 'a > -1', { a: '-1.5' }],
    [true, 'a = 0.1', { a: '0.1' }],
    [false, 'a = 0.1', { a: '0.1000000000000000055511151231257827' }],
    [false, 'a = 9007199254740993', { a: '9007199254740992' }],
    [true, 'a > 9007199254740992', { a: '9007199254740993' }],
    [true, 'a >= 1.5', { a: '1.50' }],
    [true, 'a <= 1.5', { a: '1.50' }],
    [false, 'a < 1.5', { a: '1.50' }],
    [true, '1 < a', { a: '2' }],
    [false, '1 > a', { a: '2' }],
  ])
})

test('[FI6] what is no number is in no relation to one', t => {
  for (const a of ['', 'abc', '1,000', '1 ', 'NaN', '1e40']) {
    for (const sign of ['=', '<', '<=', '>', '>=']) holds(t, [[false, `a ${sign} 1`, { a }]])
    holds(t, [
      [true, 'a != 1', { a }],
      [true, 'a not in (1, 2)', { a }],
    ])
  }
})

test('[FI7] against a text a value is held as text, also where both look like numbers', t => {
  holds(t, [
    [true, 'a = "1.10"', { a: '1.10' }],
    [false, 'a = "1.1"', { a: '1.10' }],
    [true, 'a < "9"', { a: '10' }],
    [true, 'a = ""', { a: '' }],
    [false, 'a = "kraken"', { a: 'kraken2' }],
    [false, 'a = "kraken"', { a: 'krake' }],
    [false, 'a = "kraken"', { a: 'Kraken' }],
    [true, 'a > "krake"', { a: 'kraken' }],
    [true, 'a < "kraken"', { a: 'krake' }],
    [true, 'a <= "kraken"', { a: 'kraken' }],
    [true, '"b" > a', { a: 'a' }],
  ])
})

/** In the order of their code points, which is not that of their escaped bytes, and not that of UTF-16. */
const ORDERED = [
  ...['', '\0', '\0a', '\u0007', '\b', '\t', '\n', '\u000b', '\f', '\r', '\u000e', '\u001f', ' ', '!', '"', '"a', '#'],
  ...['0', 'Z', '[', '\\', '\\\\', '\\n', ']', 'a', 'a\n', 'a!', 'a"', 'aa', 'b', '\u007f', '\u0080', 'é', '߿', 'ࠀ'],
  ...[
    '\ud7ff',
    '\ud800',
    '\ud800a',
    '\ud83d',
    '\udbff',
    '\udc00',
    '\udfff',
    '\ue000',
    '\uffff',
    '𐀀',
    '😀',
    '😁',
    '\u{10ffff}',
  ],
]

test('[FI7] texts are in the order of their code points, escaped or not', t => {
  for (const [i, a] of ORDERED.entries()) {
    for (const [k, b] of ORDERED.entries()) {
      for (const [text, isPassing] of [
        [`a < ${JSON.stringify(b)}`, i < k],
        [`a = ${JSON.stringify(b)}`, i === k],
        [`a >= ${JSON.stringify(b)}`, i >= k],
        ['a > b', i > k],
      ] as const) {
        if (passes(filterOf(text), { a, b }) !== isPassing) t.fail(`${text} of ${JSON.stringify({ a, b })}`)
      }
    }
  }
  t.pass()
})

test('[FI7] a member of a set is held as what it is, a text or a number', t => {
  holds(t, [
    [true, 'a in ("x", "y", 1.5)', { a: 'y' }],
    [true, 'a in ("x", "y", 1.5)', { a: '1.50' }],
    [false, 'a in ("x", "y", "1.5")', { a: '1.50' }],
    [false, 'a in ("x", "y", 1.5)', { a: 'z' }],
    [true, 'a not in ("x", 1)', { a: '2' }],
    [false, 'a in (2, 3)', { a: 'x' }],
  ])
})

test('[FI8] two fields are held by value where both are numbers, else as texts', t => {
  holds(t, [
    [true, 'last > open', { last: '10', open: '9.99' }],
    [true, 'last = open', { last: '10.0', open: '1e1' }],
    [true, 'last < open', { last: '10', open: '9x' }],
    [false, 'last = open', { last: '10.0', open: '10.0 ' }],
    [true, 'last = open', { last: 'x', open: 'x' }],
    [true, 'last >= last', { last: '-' }],
    [false, 'last < last', { last: '1' }],
    [true, 'z < b', { z: '-2', b: '-1' }],
  ])
})

test('[FI9] null, and what is not there, is in no relation to anything', t => {
  const row = { a: null, b: '1' }
  for (const sign of ['=', '<', '<=', '>', '>=']) {
    for (const other of ['1', '""', '"null"', 'b', 'c', 'a']) {
      holds(t, [
        [false, `a ${sign} ${other}`, row],
        [false, `${other} ${sign} a`, row],
      ])
    }
  }
  holds(t, [
    [true, 'a != 1', row],
    [true, 'a <> b', row],
    [true, 'a != c', row],
    [false, 'a in (1, "")', row],
    [true, 'a not in (1, "")', row],
    [true, 'a is null', row],
    [false, 'a is not null', row],
    [true, 'c is null', row],
    [false, 'b is null', row],
    [true, 'b is not null', row],
    [false, 'd is null', { d: '' }],
  ])
})

test('[FI9] values are those that were set last, and cleared they are null', t => {
  const filter = filterOf('a = "x" and b is null')
  const values = new FilterValues()
  t.false(filter.passes(values))
  values.set(0, Buffer.from('.x'), 1, 1)
  t.true(filter.passes(values))
  values.set(1, Buffer.from('y'), 0, 1)
  t.false(filter.passes(values))
  values.set(1, Buffer.from('y'), 0, NO_VALUE)
  t.true(filter.passes(values))
  values.clear()
  t.false(filter.passes(values))
})

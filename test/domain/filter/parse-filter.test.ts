import test from 'ava'
import { FILTER_FIELDS_MAX } from '#src/domain/filter/filter-values.ts'
import { FILTER_CONDITIONS_MAX, FILTER_DEPTH_MAX, FILTER_SET_MAX } from '#src/domain/filter/parse-filter.ts'
import { faultOf, filterOf, keyOf, LIMITS, passes } from '#test/support/filters.ts'

const COMPARISON = 'a comparison (= != < <= > >= in is)'
const OPERAND = 'a field, a value or "("'

const KEYS: [text: string, key: string][] = [
  ['bid > 1.1 and venue = "kraken"', 'bid > 1.1 and venue = "kraken"'],
  ['a = 1 or b = 2 and c = 3', 'a = 1 or b = 2 and c = 3'],
  ['(a = 1 or b = 2) and c = 3', '(a = 1 or b = 2) and c = 3'],
  ['not a < 1 and b < 2', 'b < 2 and not a < 1'],
  ['not (a < 1 and b < 2)', 'not a < 1 or not b < 2'],
  ['not a <= b', 'not a <= b'],
  ['a<1', 'a < 1'],
  ['a<=1', 'a <= 1'],
  ['a>=1', 'a >= 1'],
  ['a<>1', 'a != 1'],
  ['a=-1', 'a = -1'],
  ['a in(1,"x")', 'a in ("x", 1)'],
  ['a not in (1, 2)', 'a not in (1, 2)'],
  ['not a in (1, 2)', 'a not in (1, 2)'],
  ['a is null', 'a is null'],
  ['a is not null', 'a is not null'],
  ['not a is not null', 'a is null'],
  ['last > open', 'last > open'],
  ['a.b_C9 = 1', 'a.b_C9 = 1'],
  ['_ = 1', '_ = 1'],
  ['android = 1 and nothing = 2', 'android = 1 and nothing = 2'],
  ['\ta\r\n=\n1 ', 'a = 1'],
]

test('[FI1] and, or, not, parentheses, comparisons, sets and tests for null are read by their precedence', t => {
  for (const [text, key] of KEYS) t.is(faultOf(text)?.message ?? keyOf(text), key, text)
})

test('[FI1] keywords are read in any case', t => {
  t.is(keyOf('NOT a IN (1, 2) And b Is Not Null OR c iS nULL'), keyOf('not a in (1, 2) and b is not null or c is null'))
})

const NAMES: [written: string, name: string][] = [
  ['bid', 'bid'],
  ['`bid`', 'bid'],
  ['`24h low`', '24h low'],
  ['`and`', 'and'],
  ['`NULL`', 'NULL'],
  ['`not`', 'not'],
  ['`a"b\'c`', 'a"b\'c'],
  ['`a\\`b\\\\c`', 'a`b\\c'],
  ['`\\u0061\\/`', 'a/'],
  ['`ü𝄞`', 'ü𝄞'],
  ['`__proto__`', '__proto__'],
]

test('[FI2] a name of a field stands as it is, or in backticks, whatever it is', t => {
  for (const [written, name] of NAMES) {
    const filter = filterOf(`${written} = "x"`)
    t.deepEqual(filter.fields, [name], written)
    t.deepEqual(filterOf(filter.key).fields, [name], filter.key)
    t.true(passes(filter, { [name]: 'x' }), written)
  }
})

const TEXTS: [written: string, text: string][] = [
  ['"kraken"', 'kraken'],
  ["'kraken'", 'kraken'],
  ['""', ''],
  ["''", ''],
  ['"it\'s"', "it's"],
  ["'it\\'s'", "it's"],
  ['\'say "x"\'', 'say "x"'],
  ['"say \\"x\\""', 'say "x"'],
  ['"\\\\\\/\\`\\b\\f\\n\\r\\t"', '\\/`\b\f\n\r\t'],
  ['"\\u00e9\\uD834\\udd1e"', 'é𝄞'],
  ['"\\ud834"', '\ud834'],
  ['"\\u0000"', '\0'],
  ['"a\nb"', 'a\nb'],
  ['"and (not) `x`"', 'and (not) `x`'],
]

test('[FI2] a text stands in double or single quotes, with the escapes of JSON', t => {
  for (const [written, text] of TEXTS) {
    const filter = filterOf(`a = ${written}`)
    t.is(filter.key, `a = ${JSON.stringify(text)}`, written)
    t.true(passes(filter, { a: text }), written)
    t.is(keyOf(`a = ${JSON.stringify(text)}`), filter.key, written)
  }
})

const NUMBERS: [written: string, plain: string][] = [
  ['0', '0'],
  ['-0', '0'],
  ['0e999', '0'],
  ['-0.00', '0'],
  ['007', '7'],
  ['1.10', '1.1'],
  ['-1.10', '-1.1'],
  ['.5', '0.5'],
  ['-.50', '-0.5'],
  ['5.', '5'],
  ['1e3', '1000'],
  ['1E+3', '1000'],
  ['1.25e1', '12.5'],
  ['125e-1', '12.5'],
  ['125e-3', '0.125'],
  ['125e-5', '0.00125'],
  ['000.00012e4', '1.2'],
  ['0.0000000000000000000000000000000001', '0.0000000000000000000000000000000001'],
  ['1e33', '1000000000000000000000000000000000'],
  ['-9999999999999999999999999999999.999', '-9999999999999999999999999999999.999'],
]

test('[FI2] a number is a decimal in any form', t => {
  for (const [written, plain] of NUMBERS) t.is(keyOf(`a = ${written}`), `a = ${plain}`, written)
})

/** What is wrong with a text; `at 1: …` without the first word, which all messages have. */
const FAULTS: [text: string, message: string][] = [
  ['', `at 1: expected ${OPERAND}, found the end`],
  ['  ', `at 3: expected ${OPERAND}, found the end`],
  ['a = 1 and )', `at 11: expected ${OPERAND}, found ")"`],
  ['()', `at 2: expected ${OPERAND}, found ")"`],
  ['and', `at 1: expected ${OPERAND}, found "and"`],
  ['not', `at 4: expected ${OPERAND}, found the end`],
  ['a = 1 or or b = 1', `at 10: expected ${OPERAND}, found "or"`],
  ['null = a', `at 1: expected ${OPERAND}, found "null" (write is null or is not null behind a field)`],
  ['bid', `at 4: expected ${COMPARISON}, found the end`],
  ['bid and ask', `at 5: expected ${COMPARISON}, found "and"`],
  ['bid == 1', `at 5: expected ${COMPARISON}, found "==" (write =)`],
  ['bid !== 1', `at 5: expected ${COMPARISON}, found "!==" (write !=)`],
  ['bid => 1', `at 5: expected ${COMPARISON}, found "=>" (write >=)`],
  ['bid =! 1', `at 5: expected ${COMPARISON}, found "=!"`],
  ['bid && ask', `at 5: expected ${COMPARISON}, found "&&" (write and)`],
  ['bid like "x%"', `at 5: expected ${COMPARISON}, found "like"`],
  ['bid, ask', `at 4: expected ${COMPARISON}, found ","`],
  ['bid-size > 1', `at 4: expected ${COMPARISON}, found "-" (a name with other characters stands in backticks)`],
  ['größe > 1', `at 3: expected ${COMPARISON}, found "ö" U+00F6 (a name with other characters stands in backticks)`],
  ['🚀 > 1', `at 1: expected ${OPERAND}, found "🚀" U+1F680 (a name with other characters stands in backticks)`],
  [
    'a =\u00a01',
    'at 4: expected a field or a value, found "\u00a0" U+00A0 (a name with other characters stands in backticks)',
  ],
  ['a = “x”', 'at 5: expected a field or a value, found "“" U+201C (write ")'],
  ['a = ', 'at 5: expected a field or a value, found the end'],
  ['a = = 1', 'at 5: expected a field or a value, found "="'],
  ['a = null', 'at 5: expected a field or a value, found "null" (write is null or is not null behind a field)'],
  ['a = (1)', 'at 5: expected a field or a value, found "("'],
  ['a is', 'at 5: expected "null" or "not null", found the end'],
  ['a is 5', 'at 6: expected "null" or "not null", found "5"'],
  ['a is not 5', 'at 10: expected "null", found "5"'],
  ['a not = 5', 'at 7: expected "in", found "="'],
  ['a not null', 'at 7: expected "in", found "null" (write is null or is not null behind a field)'],
  ['a in 5', 'at 6: expected "(", found "5"'],
  ['a in ()', 'at 7: expected a value, found ")"'],
  ['a in (1,)', 'at 9: expected a value, found ")"'],
  ['a in (b)', 'at 7: expected a value, found "b"'],
  ['a in (1 2)', 'at 9: expected "," or ")", found "2"'],
  ['a in (1', 'at 8: expected "," or ")", found the end'],
  ['1', 'at 2: expected a comparison (= != < <= > >=), found the end'],
  ['"x" in (1)', 'at 5: expected a comparison (= != < <= > >=), found "in"'],
  ['1 is null', 'at 3: expected a comparison (= != < <= > >=), found "is"'],
  ['1 = 1', 'at 5: expected a field, found "1"'],
  ["'x' = 'y'", "at 7: expected a field, found 'y'"],
  ['1 < a < 2', 'at 7: expected "and", "or" or the end, found "<"'],
  ['a = 1 b = 2', 'at 7: expected "and", "or" or the end, found "b"'],
  ['a = 1 `b c`', 'at 7: expected "and", "or" or the end, found `b c`'],
  ['a = 1)', 'at 6: expected "and", "or" or the end, found ")"'],
  ['a = 1 not b = 2', 'at 7: expected "and", "or" or the end, found "not"'],
  ['a = 1 "and" b = 2', 'at 7: expected "and", "or" or the end, found "and"'],
  ['a = 1 `or` b = 2', 'at 7: expected "and", "or" or the end, found `or`'],
  ['a "=" 1', `at 3: expected ${COMPARISON}, found "="`],
  ['(a = 1', 'at 7: expected "and", "or" or ")", found the end'],
  ['(a = 1 b = 2)', 'at 8: expected "and", "or" or ")", found "b"'],
  ['a = "x', 'at 5: here begins a text that has no closing "'],
  ['a = \'x"', "at 5: here begins a text that has no closing '"],
  ['a = "x\\"', 'at 5: here begins a text that has no closing "'],
  ['a = 1 or `b = 2', 'at 10: here begins a name that has no closing `'],
  ['a = "x\\y"', 'at 7: "\\y" is no escape (a backslash is written \\\\)'],
  ['a = "x\\u12g4"', 'at 7: "\\u" is no escape (a backslash is written \\\\)'],
  ['a = "x\\u12', 'at 7: "\\u" is no escape (a backslash is written \\\\)'],
  ['a = "x\\', 'at 7: "\\" is no escape (a backslash is written \\\\)'],
  ['24h_low > 1', 'at 1: "24h_low" is no number (of at most 34 digits; a name that begins so stands in backticks)'],
  ['a > 1.2.3', 'at 5: "1.2.3" is no number (of at most 34 digits; a name that begins so stands in backticks)'],
  ['a > 1e', 'at 5: "1e" is no number (of at most 34 digits; a name that begins so stands in backticks)'],
  ['a > -.', 'at 5: "-." is no number (of at most 34 digits; a name that begins so stands in backticks)'],
  ['a > 1e34', 'at 5: "1e34" is no number (of at most 34 digits; a name that begins so stands in backticks)'],
  ['a in (1, 2x)', 'at 10: "2x" is no number (of at most 34 digits; a name that begins so stands in backticks)'],
  ['`` = 1', 'at 1: "" is no name of a field'],
  ['1 < `a,b`', 'at 5: "a,b" is no name of a field'],
  ['a = `\\ud800`', 'at 5: "?" is no name of a field'],
  ['a1234567890123456 = 1', 'at 1: "a1234567890123456" is no name of a field'],
  [`a = 1 ${'b'.repeat(40)}`, `at 7: expected "and", "or" or the end, found "${'b'.repeat(29)}…"`],
  ['a = "🚀" b', 'at 10: expected "and", "or" or the end, found "b"'],
]

for (const [text, message] of FAULTS) {
  test(`[FI3] ${JSON.stringify(text)} is no filter`, t => {
    const position = Number(/^at (\d+):/.exec(message)![1])
    t.deepEqual(faultOf(text), { message: `filter: ${message}`, position })
  })
}

test('[FI3] what is found is shown without control characters', t => {
  t.is(faultOf('a = 1 "\u001b[31m\u202e"')?.message, 'filter: at 7: expected "and", "or" or the end, found "?[31m?"')
  t.is(faultOf('`\u0007` = 1')?.message, 'filter: at 1: "?" is no name of a field')
})

test('[FI3] the first fault is told, whatever comes behind it', t => {
  const fault = faultOf('a = 1 and ) "')
  t.is(fault?.position, 11)
  for (const rest of ['(', '"', '\\', '`', 'a,b', '1x', '((((((((((((((((((((', 'and and']) {
    t.deepEqual(faultOf(`a = 1 and ) ${rest}`), fault, rest)
  }
})

test('[FI4] a text has at most so many characters', t => {
  const limits = { ...LIMITS, filterLengthMax: 12 }
  t.is(faultOf('a = "456789"', limits), null)
  t.deepEqual(faultOf('a = "4567890"', limits), { message: 'filter: at 13: longer than 12 characters', position: 13 })
  t.is(faultOf('a = )4567890', limits)?.position, 5, 'what is within the limit is read')
  for (const text of ['a = )45678901', '"456789012345', '"".?456789012'])
    t.is(faultOf(text, limits)?.position, 13, text)
})

test('[FI4] parentheses nest at most so deep', t => {
  const nested = (depth: number): string => `${'('.repeat(depth)}a = 1${')'.repeat(depth)}`
  t.is(keyOf(nested(FILTER_DEPTH_MAX)), 'a = 1')
  const position = FILTER_DEPTH_MAX + 1
  const message = `filter: at ${position}: parentheses nest deeper than ${FILTER_DEPTH_MAX}`
  t.deepEqual(faultOf(nested(FILTER_DEPTH_MAX + 1)), { message, position })
  t.deepEqual(faultOf('('.repeat(LIMITS.filterLengthMax)), { message, position })
  t.is(keyOf(`${nested(FILTER_DEPTH_MAX)} and ${nested(FILTER_DEPTH_MAX).replace('a', 'b')}`), 'a = 1 and b = 1')
})

test('[FI4] any number of nots is read', t => {
  t.is(keyOf(`${'not '.repeat(100)}a = 1`), 'a = 1')
  t.is(keyOf(`${'not '.repeat(101)}a = 1`), 'a != 1')
})

test('[FI4] a filter has at most so many conditions', t => {
  const conditions = (count: number): string => Array.from({ length: count }, (_, i) => `a = ${i}`).join(' or ')
  t.is(faultOf(conditions(FILTER_CONDITIONS_MAX)), null)
  const position = conditions(FILTER_CONDITIONS_MAX).length + ' or '.length + 1
  t.deepEqual(faultOf(conditions(FILTER_CONDITIONS_MAX + 1)), {
    message: `filter: at ${position}: more than ${FILTER_CONDITIONS_MAX} conditions`,
    position,
  })
})

test('[FI4] a set has at most so many members', t => {
  const members = (count: number): string => `a in (${Array.from({ length: count }, (_, i) => i).join()}`
  t.is(faultOf(`${members(FILTER_SET_MAX)})`), null)
  const position = members(FILTER_SET_MAX).length + ','.length + 1
  t.deepEqual(faultOf(`${members(FILTER_SET_MAX + 1)})`), {
    message: `filter: at ${position}: more than ${FILTER_SET_MAX} values in a set`,
    position,
  })
})

test('[FI4] a filter names at most so many fields, each as often as it likes', t => {
  const fields = (count: number): string => Array.from({ length: count }, (_, i) => `a${i} = a0`).join(' or ')
  t.is(filterOf(`${fields(FILTER_FIELDS_MAX)} or a1 = 5`).fields.length, FILTER_FIELDS_MAX)
  const position = fields(FILTER_FIELDS_MAX).length + ' or '.length + 1
  t.deepEqual(faultOf(fields(FILTER_FIELDS_MAX + 1)), {
    message: `filter: at ${position}: more than ${FILTER_FIELDS_MAX} different fields`,
    position,
  })
})

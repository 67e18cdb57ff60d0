import test from 'ava'
import { compareDecimals, DecimalReader, isDecimal } from '#src/domain/decimal.ts'
import { AssertionError } from '#src/errors.ts'
import { compareModels, modelDecimal, plainText, randomDecimal, randomNumberText } from '#test/support/decimal-model.ts'
import { Random, seedOr } from '#test/support/random.ts'

/** Stands around a value in its Buffer: digits that would count if they were read. */
const AROUND = '9.9e9'

function isDecimalText(text: string): boolean {
  const length = Buffer.byteLength(text)
  return isDecimal(Buffer.from(`${AROUND}${text}${AROUND}`), AROUND.length, length)
}

function compareTexts(a: string, b: string): number {
  const bytesA = Buffer.from(`${AROUND}${a}${AROUND}`)
  const bytesB = Buffer.from(`${b}${AROUND}`)
  return Math.sign(compareDecimals(bytesA, AROUND.length, a.length, bytesB, 0, b.length))
}

const DECIMALS = '0 -0 7 007 -12.50 .5 5. -.5 1e-7 1E+3 1e3 0.5e10 .5e-3 5.e1 00.00 0e999 1e033 0e0000000999'.split(' ')
const NONE = [
  ...'- . -. e5 .e5 1e 1e+ 1e- 1e1.5 1e-+1 +1 --1 1- 1.2.3 1..2 1_000 1,000 0x10 NaN Infinity 1f ½ １ a 1a'.split(' '),
  '',
  ' 1',
  '1 ',
  '1 000',
  '1\n',
]

test('[DE1] a decimal is digits, with or without a minus, a point and an exponent', t => {
  for (const text of DECIMALS) t.true(isDecimalText(text), text)
  for (const text of NONE) t.false(isDecimalText(text), JSON.stringify(text))
})

test('[DE1] null is no decimal, and no byte beside a value is looked at', t => {
  t.false(isDecimal(Buffer.from('12'), 0, -1))
  t.false(isDecimal(Buffer.from('12'), 1, 0))
  t.true(isDecimal(Buffer.from('-5'), 1, 1))
})

test('[DE2] written out plainly a decimal has at most 34 digits', t => {
  const nines = '9'.repeat(34)
  for (const text of [nines, `-${nines}`, `${nines.slice(1)}.9`, `0.${nines}`, `.${nines}`, '1e33', '1e-34', '0e-34']) {
    t.true(isDecimalText(text), text)
  }
  for (const text of [`${nines}9`, `${nines}.9`, `${nines}.0`, `0.${nines}0`, '1e34', '10e33', '1e-35', '1.0e-34']) {
    t.false(isDecimalText(text), text)
  }
  t.true(isDecimalText('10e32'))
  t.false(isDecimalText(`${nines}9e-1`))
})

test('[DE2] the text of a decimal has at most 64 bytes, leading zeros and all', t => {
  t.true(isDecimalText(`${'0'.repeat(63)}1`))
  t.false(isDecimalText(`${'0'.repeat(64)}1`))
  t.true(isDecimalText(`1e${'0'.repeat(62)}`))
  t.false(isDecimalText(`1e${'9'.repeat(62)}`))
  t.false(isDecimalText(`1e-${'9'.repeat(61)}`))
})

test('[DE2] what is a decimal, and what it is worth: random texts against BigInt', t => {
  const random = new Random(seedOr(20_260_901))
  const reader = new DecimalReader()
  let beyond = 0
  for (let round = 0; round < 40_000; round++) {
    const text = randomNumberText(random, random.pick([3, 8, 20, 40]))
    const model = modelDecimal(text)
    const replay = `${text}; SEED=${random.seed}`
    const bytes = Buffer.from(`${AROUND}${text}${AROUND}`)
    const isRead = reader.read(bytes, AROUND.length, text.length)
    if (isRead !== (model !== null)) t.fail(replay)
    if (model === null) {
      beyond++
      continue
    }
    const size = model.units < 0n ? -model.units : model.units
    if (reader.scale !== model.scale || reader.isNegative !== model.units < 0n) t.fail(replay)
    if (size <= BigInt(Number.MAX_SAFE_INTEGER) ? reader.units !== Number(size) : reader.units < 2 ** 53) t.fail(replay)
  }
  t.true(beyond > 1_000 && beyond < 20_000, `${beyond}`)
})

test('[DE3] decimals are compared by value, whatever their forms', t => {
  for (const [a, b] of [
    '1.10 1.1',
    '-0 0',
    '0.000 -0e9',
    '100 1e2',
    '.5 0.5',
    '5. 5',
    '007 7',
    '12e-1 1.2',
    '0 0e-34',
  ].map(pair => pair.split(' ') as [string, string])) {
    t.is(compareTexts(a, b), 0, `${a} ${b}`)
    t.is(compareTexts(b, a), 0, `${b} ${a}`)
  }
  const ascending = [
    `-${'9'.repeat(34)}`,
    '-10',
    '-9.99',
    '-1e-7',
    '0',
    '1e-7',
    '1.1e-7',
    '0.1',
    '9007199254740992',
    '9007199254740992.5',
    '9007199254740993',
    '1e33',
    '1000000000000000000000000000000001',
  ]
  for (const [i, a] of ascending.entries()) {
    for (const [j, b] of ascending.entries()) t.is(compareTexts(a, b), Math.sign(i - j), `${a} ${b}`)
  }
})

test('[DE3] comparing is exact: random pairs, close ones too, against BigInt', t => {
  const random = new Random(seedOr(20_260_902))
  const seen = [0, 0, 0]
  for (let round = 0; round < 40_000; round++) {
    const a = randomDecimal(random, random.pick([2, 6, 17, 34]))
    const b = random.chance(0.5) ? neighbourOf(random, a) : randomDecimal(random, random.pick([2, 6, 34]))
    const expected = compareModels(modelDecimal(a)!, modelDecimal(b)!)
    const found = compareTexts(a, b)
    if (found !== expected) t.fail(`${a} ${b}: ${found}; SEED=${random.seed}`)
    seen[found + 1]!++
  }
  for (const count of seen) t.true(count > 5_000, `${seen}`)
})

test('[DE3] what is no decimal cannot be compared', t => {
  const [one, none] = [Buffer.from('1'), Buffer.from('x')]
  t.throws(() => compareDecimals(none, 0, 1, one, 0, 1), { instanceOf: AssertionError })
  t.throws(() => compareDecimals(one, 0, 1, none, 0, 1), { instanceOf: AssertionError })
  t.throws(() => compareDecimals(one, 0, 1, one, 0, -1), { instanceOf: AssertionError })
})

/** The same value in another form, or one that differs in its last place. */
function neighbourOf(random: Random, text: string): string {
  const { units, scale } = modelDecimal(text)!
  const step = BigInt(random.int(3) - 1)
  const zeros = random.int(3)
  const plain = plainText((units + step) * 10n ** BigInt(zeros), scale + zeros)
  return modelDecimal(plain) === null ? text : plain
}

import test from 'ava'
import { comparePlaces, compareTexts, placeOf } from '#src/client/row-order.ts'
import { Random, seedOr } from '../support/random.ts'

const order = (a: string | null | undefined, b: string | null | undefined, isDown = false): number =>
  Math.sign(comparePlaces(placeOf(a), placeOf(b), isDown))

/** Each stands before the next. Numbers that no double can tell apart are among them. */
const UPWARDS: readonly (string | null)[] = [
  '-9999999999999999999999999999999999',
  '-1e20',
  '-9007199254740993',
  '-9007199254740992',
  '-1.10',
  '-1.0999999999999999999',
  '-0.0000000000000000000000000000000001',
  '0',
  '1e-34',
  '.5',
  '0.50000000000000000001',
  '007',
  '7.1E0',
  '10',
  '9007199254740992',
  '9007199254740993',
  '9007199254740993.5',
  '1e+33',
  // No decimals: a plus, blanks, too many digits, too long, names of numbers.
  '',
  ' 1',
  '+1',
  '-',
  '.',
  `${'0'.repeat(64)}1`,
  '1,000',
  '10000000000000000000000000000000000',
  '1e-35',
  '1e34',
  '1e5e',
  'Infinity',
  'NaN',
  'a',
  'ab',
  'b',
  '\uffff',
  '𝄞',
  null,
]

test('[CL60] numbers by their exact value, then texts by code point, then none: each pair, both ways', t => {
  for (const [i, a] of UPWARDS.entries()) {
    for (const [j, b] of UPWARDS.entries()) t.is(order(a, b), Math.sign(i - j), `${a} and ${b}`)
  }
})

test('[CL60] numbers that are printed otherwise are equal, and no value is as good as null', t => {
  const equals = [
    ['1', '1.0', '01', '1.', '10e-1', '0.1E1', '1.000000000000000000000000000000000'],
    ['0', '-0', '0.00', '0e999999999', '-.0', '0e-34'],
    [null, undefined],
  ]
  for (const group of equals) for (const a of group) for (const b of group) t.is(order(a, b), 0, `${a} and ${b}`)
})

test('[CL60] downwards, numbers and texts are turned round each among themselves', t => {
  const values = ['2', '10', 'a', 'b', null]
  const sorted = values.toSorted((a, b) => order(a, b, true))
  t.deepEqual(sorted, ['10', '2', 'b', 'a', null])
})

test('[CL60] texts are in the order of their code points: random texts', t => {
  const random = new Random(seedOr(20_261_122))
  const parts = ['a', 'b', 'é', '\ud7ff', '\ue000', '\uffff', '𐀀', '𝄞', '𝄟', '\u{10ffff}', '\ud834', '\udd1e']
  const text = (): string => Array.from({ length: random.int(4) }, () => random.pick(parts)).join('')
  // Each as seven digits: an order that no encoding is part of.
  const codesOf = (one: string): string => [...one].map(part => String(part.codePointAt(0)).padStart(7, '0')).join(' ')
  for (let round = 0; round < 10_000; round++) {
    const [a, b] = [text(), text()]
    const [x, y] = [codesOf(a), codesOf(b)]
    t.is(Math.sign(compareTexts(a, b)), x === y ? 0 : x < y ? -1 : 1, JSON.stringify([a, b]))
  }
})

/** A random decimal as a fraction of whole numbers, printed in some way. */
function decimalOf(random: Random): { readonly text: string; readonly units: bigint } {
  const digits = Array.from({ length: 1 + random.int(20) }, () => random.pick(['0', '1', '9'])).join('')
  const point = random.int(digits.length + 1)
  const exponent = random.int(9) - 4
  const isNegative = random.chance(0.5)
  const plain = `${digits.slice(0, point)}${point < digits.length ? '.' : ''}${digits.slice(point)}`
  const text = `${isNegative ? '-' : ''}${plain}${exponent === 0 ? '' : `e${exponent}`}`
  const units = BigInt(digits) * 10n ** BigInt(40 - (digits.length - point) + exponent)
  return { text, units: isNegative ? -units : units }
}

test('[CL60] any two decimals are in the order of their exact values: random ones', t => {
  const random = new Random(seedOr(20_261_123))
  for (let round = 0; round < 10_000; round++) {
    const [a, b] = [decimalOf(random), decimalOf(random)]
    const expected = a.units === b.units ? 0 : a.units < b.units ? -1 : 1
    t.is(order(a.text, b.text), expected, `SEED=${random.seed} ${a.text} ${b.text}`)
  }
})

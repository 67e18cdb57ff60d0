import test from 'ava'
import { isName } from '#src/domain/names.ts'

const NAMES: [isGood: boolean, name: string][] = [
  [true, 'A'],
  [true, 'quote.coinbase.SKL-BTC'],
  [true, 'a b'],
  [true, 'a/b?c=d&e%20'],
  [true, '__proto__'],
  [true, '"\\'],
  [true, 'grün'],
  [true, '𝄞'],
  [true, '\u00a0'],
  [false, ''],
  [false, ' a'],
  [false, 'a '],
  [false, ' '],
  [false, 'a,b'],
  [false, '*'],
  [false, 'a*'],
  [false, 'a\tb'],
  [false, 'a\n'],
  [false, 'a\0'],
  [false, '\x7f'],
  [false, '\x85'],
  [false, '\ud834'],
  [false, '\udd1e'],
  [false, '\ud834x'],
]

for (const [index, [isGood, name]] of NAMES.entries()) {
  test(`[H23] text ${index}, ${JSON.stringify(name)}, is ${isGood ? 'a name' : 'no name'}`, t => {
    t.is(isName(name, 32), isGood)
  })
}

test('[H23] the length of a name is counted in UTF-8', t => {
  for (const name of ['abcd', 'üb', 'üü', 'a€', '𝄞']) {
    const length = Buffer.byteLength(name)
    t.true(isName(name, length), name)
    t.false(isName(name, length - 1), name)
  }
})

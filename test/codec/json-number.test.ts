import test from 'ava'
import { numberEnd, numberOf } from '#src/codec/json-number.ts'
import { Random, seedOr } from '../support/random.ts'

test('[F6] a number ends where JSON says, or tells where a digit is missing', t => {
  const cases: [text: string, end: number][] = [
    ['0', 1],
    ['-0,', 2],
    ['7.610}', 5],
    ['1e5 ', 3],
    ['1E+05]', 5],
    ['-12.5e-3', 8],
    ['01', 1],
    ['', -1],
    ['-', -2],
    ['-a', -2],
    ['.5', -1],
    ['1.', -3],
    ['1.x', -3],
    ['1e', -3],
    ['1e+', -4],
    ['+1', -1],
  ]
  for (const [text, end] of cases) t.is(numberEnd(Buffer.from(text), 0, text.length), end, text)
})

test('[F6] a number is worth what JavaScript makes of its text', t => {
  const seed = seedOr(13)
  const random = new Random(seed)
  const texts = ['9007199254740991', '9007199254740993', '0.1', '1e400', '-0', '5e-324', '1626992742115.123', '0.3']
  for (let i = 0; i < 20_000; i++) {
    let text = ''
    for (let digits = 1 + random.int(20); digits > 0; digits--) text += random.int(10)
    if (random.chance(0.6)) text = `${text}.${String(random.int(1e9)).repeat(random.int(4) + 1)}`
    if (random.chance(0.1)) text = `${text}e${random.int(40) - 20}`
    texts.push(random.chance(0.1) ? `-${text}` : text)
  }
  for (const text of texts) {
    const bytes = Buffer.from(`<${text}>`)
    if (!Object.is(numberOf(bytes, 1, bytes.length - 1), Number(text))) t.fail(`${text} SEED=${seed}`)
  }
  t.pass()
})

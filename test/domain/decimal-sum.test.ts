import test from 'ava'
import { DecimalSum, SUM_BYTES_MAX, writeUnits } from '#src/domain/decimal-sum.ts'
import { AssertionError } from '#src/errors.ts'
import { type ModelDecimal, modelDecimal, plainText, randomDecimal } from '#test/support/decimal-model.ts'
import { Random, seedOr } from '#test/support/random.ts'

const BEFORE = '-9.'

function add(sum: DecimalSum, text: string): void {
  sum.add(Buffer.from(`${BEFORE}${text}9`), BEFORE.length, text.length)
}

function sumOf(...texts: string[]): DecimalSum {
  const sum = new DecimalSum()
  for (const text of texts) add(sum, text)
  return sum
}

/** What it writes, and that it writes nothing beside it. */
function written(sum: DecimalSum): string {
  const out = Buffer.alloc(SUM_BYTES_MAX + 4, '#')
  const text = out.toString('latin1', 2, sum.write(out, 2))
  const around = out.toString('latin1').replace(text, '')
  return around === '#'.repeat(SUM_BYTES_MAX + 4 - text.length) ? text : `${text} in ${out}`
}

class ModelSum {
  units = 0n
  scale = 0

  add({ units, scale }: ModelDecimal): void {
    const shown = Math.max(scale, this.scale)
    this.units = this.units * 10n ** BigInt(shown - this.scale) + units * 10n ** BigInt(shown - scale)
    this.scale = shown
  }

  get text(): string {
    return plainText(this.units, this.scale)
  }
}

test('[DE4] a sum shows the most digits behind the point that were added, no exponent and no -0', t => {
  const cases: [texts: string[], expected: string][] = [
    [[], '0'],
    [['0.10', '0.20'], '0.30'],
    [['1', '2', '0.50'], '3.50'],
    [['0.5', '-0.50'], '0.00'],
    [['-0'], '0'],
    [['-0.0', '0'], '0.0'],
    [['-0.25', '0.2'], '-0.05'],
    [['1e3', '1e-3'], '1000.001'],
    [['.5', '5.'], '5.5'],
    [['007', '1E+1'], '17'],
    [['9007199254740991'], '9007199254740991'],
    [['9007199254740991', '1'], '9007199254740992'],
    [['9007199254740992', '1'], '9007199254740993'],
    [['9007199254740993', '-9007199254740993'], '0'],
    [['-9007199254740990', '9007199254740993'], '3'],
    [['-9007199254740993', '0.0'], '-9007199254740993.0'],
    [['1e33', '1e-34'], `1${'0'.repeat(33)}.${'0'.repeat(33)}1`],
    [['1e33', '-1e33', '-1e-34'], `-0.${'0'.repeat(33)}1`],
  ]
  for (const [texts, expected] of cases) t.is(written(sumOf(...texts)), expected, `${texts}`)
})

test('[DE4] sums are exact, small and large: random sequences against BigInt', t => {
  const random = new Random(seedOr(20_260_911))
  for (let round = 0; round < 1_500; round++) {
    const digitsMax = random.pick([3, 8, 15, 17, 34])
    const sum = new DecimalSum()
    const model = new ModelSum()
    for (let step = 0; step < 20; step++) {
      const text = randomDecimal(random, digitsMax)
      add(sum, text)
      model.add(modelDecimal(text)!)
      if (written(sum) !== model.text) t.fail(`${text}: ${written(sum)}, not ${model.text}; SEED=${random.seed}`)
    }
  }
  t.pass()
})

test('[DE4] sums of sums are exact, in whatever groups they are taken: random trees against BigInt', t => {
  const random = new Random(seedOr(20_260_912))
  for (let round = 0; round < 1_500; round++) {
    const digitsMax = random.pick([3, 8, 15, 17, 34])
    const sums = Array.from({ length: 1 + random.int(8) }, () => ({ sum: new DecimalSum(), model: new ModelSum() }))
    for (let step = 0; step < 30; step++) {
      const { sum, model } = random.pick(sums)
      const action = random.int(10)
      if (action === 0) {
        sum.clear()
        model.units = 0n
        model.scale = 0
      } else if (action < 6) {
        const text = randomDecimal(random, digitsMax)
        add(sum, text)
        model.add(modelDecimal(text)!)
      } else {
        const other = random.pick(sums)
        if (other.model.units > 10n ** 60n) continue
        const { units, scale } = other.model
        sum.addSum(other.sum)
        model.add({ units, scale })
      }
      if (written(sum) !== model.text) t.fail(`${written(sum)}, not ${model.text}; SEED=${random.seed}`)
    }
  }
  t.pass()
})

test('[DE5] the longest sum of as many decimals as can be counted fits its bound', t => {
  // Doubling 53 times adds 2^53 of each.
  let sum = sumOf(`-${'9'.repeat(34)}`, `-0.${'9'.repeat(34)}`)
  const model = new ModelSum()
  model.add(modelDecimal(`-${'9'.repeat(34)}`)!)
  model.add(modelDecimal(`-0.${'9'.repeat(34)}`)!)
  for (let doubling = 0; doubling < 53; doubling++) {
    const twice = new DecimalSum()
    twice.addSum(sum)
    twice.addSum(sum)
    sum = twice
    model.units *= 2n
  }
  t.is(written(sum), model.text)
  t.is(model.text.length, SUM_BYTES_MAX)
})

test('[DE5] what is no decimal cannot be added, and changes nothing', t => {
  const sum = sumOf('1.5')
  for (const text of ['', 'x', '1e34']) t.throws(() => add(sum, text), { instanceOf: AssertionError })
  t.throws(() => sum.add(Buffer.from('1'), 0, -1), { instanceOf: AssertionError })
  t.is(written(sum), '1.5')
})

test('[DE4] whole units are written with any scale: random ones against BigInt', t => {
  const random = new Random(seedOr(20_260_913))
  const out = Buffer.alloc(64)
  const edges = [0, 9, 10, 99, 100, 2 ** 31, 2 ** 53 - 1, 9_999_999_999_999_99, 1e15, 9_007_199_254_740_990]
  for (let round = 0; round < 20_000; round++) {
    const size = round < edges.length ? edges[round]! : Math.floor(2 ** (random.int(53_000) / 1_000))
    const units = random.chance(0.5) && size > 0 ? -size : size
    const scale = random.int(random.pick([1, 4, 35]))
    const text = out.toString('latin1', 3, writeUnits(out, 3, units, scale))
    if (text !== plainText(BigInt(units), scale)) t.fail(`${units} ${scale}: ${text}; SEED=${random.seed}`)
  }
  t.pass()
})

import test from 'ava'
import { Filter } from '#src/domain/filter/filter.ts'
import {
  FILTER_CONDITIONS_MAX,
  FILTER_DEPTH_MAX,
  FILTER_SET_MAX,
  parseFilter,
} from '#src/domain/filter/parse-filter.ts'
import { ModelWorld, modelPasses, rephrased, spelled } from '#test/support/filter-model.ts'
import { filterOf, keyOf, LIMITS, passes } from '#test/support/filters.ts'
import { Random, seedOr } from '#test/support/random.ts'

test('[FI10] random filters pass of random values what the plain evaluator passes', t => {
  const random = new Random(seedOr(20_261_101))
  let passed = 0
  let heldCount = 0
  for (let round = 0; round < 1_500; round++) {
    const world = new ModelWorld(random)
    const model = world.filter(random.int(4))
    const text = spelled(random, model)
    const filter = filterOf(text)
    const fromKey = filterOf(filter.key)
    for (let i = 0; i < 12; i++) {
      const row = world.row()
      const isPassing = modelPasses(model, row)
      const place = `SEED=${random.seed} round ${round}: ${JSON.stringify(text)} of ${JSON.stringify(row)}`
      if (passes(filter, row) !== isPassing) t.is(passes(filter, row), isPassing, place)
      if (passes(fromKey, row) !== isPassing) t.is(passes(fromKey, row), isPassing, `by its key: ${place}`)
      heldCount++
      if (isPassing) passed++
    }
  }
  t.true(passed > heldCount * 0.2 && passed < heldCount * 0.8, `${passed} of ${heldCount} passed`)
})

test('[FI5] random filters that mean the same have one key, which is its own key', t => {
  const random = new Random(seedOr(20_261_102))
  for (let round = 0; round < 1_500; round++) {
    const model = new ModelWorld(random).filter(random.int(4))
    const text = spelled(random, model)
    const other = spelled(random, rephrased(random, model))
    const place = `SEED=${random.seed} round ${round}: ${JSON.stringify(text)} and ${JSON.stringify(other)}`
    const { key, fields } = filterOf(text)
    if (keyOf(other) !== key) t.is(keyOf(other), key, place)
    if (keyOf(key) !== key) t.is(keyOf(key), key, place)
    t.deepEqual(filterOf(other).fields, fields, place)
  }
})

const PIECES = [
  ...['and', 'OR', 'not', 'in', 'is', 'null', 'bid', 'a.b', '_', '=', '!=', '<>', '<', '<=', '>', '>=', '(', ')', ','],
  ...['1', '-1.5', '.', '1e9', '1e', '0x', '"', "'", '`', '\\', '\\u', '00e9', '"x"', "'y'", '`z`', '!', '&', '|', '-'],
  ...[' ', ' ', ' ', '\n', '\0', 'é', '𝄞', '\ud800', '\udd1e', '\u2028', '(('],
]

test('[FI11] whatever text comes, it is a filter or a fault within the text', t => {
  const random = new Random(seedOr(20_261_103))
  const outcomes = { filters: 0, faults: 0 }
  for (let round = 0; round < 30_000; round++) {
    const text = random.chance(0.5) ? randomText(random) : mutatedText(random)
    const place = `SEED=${random.seed} round ${round}: ${JSON.stringify(text)}`
    const filter = parseFilter(text, LIMITS)
    if (filter instanceof Filter) {
      outcomes.filters++
      if (keyOf(filter.key) !== filter.key) t.is(keyOf(filter.key), filter.key, place)
    } else {
      outcomes.faults++
      const { message, position } = filter
      const isWithin = position >= 1 && position <= Math.min(text.length, LIMITS.filterLengthMax) + 1
      if (!isWithin || !message.startsWith(`filter: at ${position}: `) || message.length > 150) t.fail(place)
    }
  }
  t.true(outcomes.filters > 2_000 && outcomes.faults > 10_000, JSON.stringify(outcomes))
})

function randomText(random: Random): string {
  return Array.from({ length: random.int(12) }, () => random.pick(PIECES)).join(random.pick(['', ' ']))
}

/** A filter, with something taken out, put in or twice there. */
function mutatedText(random: Random): string {
  const text = spelled(random, new ModelWorld(random).filter(random.int(3)))
  const at = random.int(text.length + 1)
  if (random.chance(0.3)) return text.slice(0, at) + text.slice(at + 1 + random.int(3))
  if (random.chance(0.5)) return text.slice(0, at) + random.pick(PIECES) + text.slice(at)
  return text.slice(0, at) + text.slice(random.int(at + 1))
}

test('[FI11] the longest texts of each kind are read to their end or their fault', t => {
  const limits = { ...LIMITS, filterLengthMax: 200_000 }
  const kinds = [
    '(',
    'not ',
    '"',
    "'",
    '`',
    '\\',
    '"\\',
    '9',
    '1e',
    '.',
    '-',
    '=',
    '<>',
    'a',
    'a ',
    'a=1 or ',
    'a in(1,',
    ' ',
    '\n',
  ]
  for (const kind of kinds) {
    const text = kind.repeat(Math.floor(limits.filterLengthMax / kind.length))
    t.false(parseFilter(text, limits) instanceof Filter, kind)
    t.false(parseFilter(`a = 1 and ${text}`.slice(0, limits.filterLengthMax), limits) instanceof Filter, kind)
    t.false(parseFilter(`a = "${text}`.slice(0, limits.filterLengthMax), limits) instanceof Filter, kind)
  }
})

test('[FI11] a filter at all its bounds at once is read, and its key is its own', t => {
  const set = Array.from({ length: FILTER_SET_MAX - 1 }, (_, i) => `"\u0001${i}"`).join()
  const conditions = Array.from(
    { length: FILTER_CONDITIONS_MAX - FILTER_DEPTH_MAX },
    (_, i) => `a${i % 8} in (${i}, ${set})`,
  )
  let text = conditions.join(' and ')
  for (let depth = 0; depth < FILTER_DEPTH_MAX; depth++) text = `not (b = ${depth} or ${text})`
  const { key, fields } = filterOf(text)
  t.is(fields.length, 9)
  t.is(keyOf(key), key)
})

import test from 'ava'
import { compactJson, membersOf, NESTING_MAX, objectFault } from '#src/codec/json-source.ts'
import { Random, seedOr } from '../support/random.ts'

const BLANKS = ['', '', '', ' ', '\n', '\t \r', '  ']
const STRINGS = ['', 'a', '"', '\\', '\\"', ' x  y ', '{', '}', '[', ']', ',', ':', '\n', 'ü', '\u2028', '😀']
const NUMBERS = ['0', '-0', '1.10', '1e5', '-2.50E+10', '12345678901234567890']

/** JSON text with and without random blanks between its tokens. */
interface Drawn {
  readonly spaced: string
  readonly compact: string
}

function drawString(random: Random): Drawn {
  const text = JSON.stringify(random.pick(STRINGS) + random.pick(STRINGS))
  return { spaced: text, compact: text }
}

function drawValue(random: Random, depth: number): Drawn {
  const kind = random.int(depth > 3 ? 3 : 5)
  if (kind === 0) return drawString(random)
  if (kind === 1) {
    const text = random.pick(NUMBERS)
    return { spaced: text, compact: text }
  }
  if (kind === 2) {
    const text = random.pick(['true', 'false', 'null'])
    return { spaced: text, compact: text }
  }
  const parts = Array.from({ length: random.int(4) }, () => {
    const value = drawValue(random, depth + 1)
    return kind === 3 ? value : drawMember(random, drawString(random), value)
  })
  return drawEnclosed(random, kind === 3 ? '[]' : '{}', parts)
}

function drawMember(random: Random, name: Drawn, value: Drawn): Drawn {
  const spaced = `${name.spaced}${random.pick(BLANKS)}:${random.pick(BLANKS)}${value.spaced}`
  return { spaced, compact: `${name.compact}:${value.compact}` }
}

function drawEnclosed(random: Random, brackets: string, parts: readonly Drawn[]): Drawn {
  const spaced = parts.map(part => random.pick(BLANKS) + part.spaced + random.pick(BLANKS)).join(',')
  const compact = parts.map(part => part.compact).join(',')
  return {
    spaced: `${brackets[0]}${random.pick(BLANKS)}${spaced}${brackets[1]}`,
    compact: `${brackets[0]}${compact}${brackets[1]}`,
  }
}

test('[K12] JSON is made compact by its blanks between tokens alone', t => {
  const random = new Random(seedOr(12))
  for (let i = 0; i < 2_000; i++) {
    const { spaced, compact } = drawValue(random, 0)
    const note = `seed ${random.seed}: ${spaced}`
    t.is(compactJson(random.pick(BLANKS) + spaced + random.pick(BLANKS)), compact, note)
  }
})

test('[K12] the members of an object are its names and the texts of its values, in order, repeated ones too', t => {
  const random = new Random(seedOr(13))
  for (let i = 0; i < 2_000; i++) {
    const members = Array.from({ length: random.int(5) }, () => [drawString(random), drawValue(random, 1)] as const)
    const parts = members.map(([name, value]) => drawMember(random, name, value))
    const { spaced } = drawEnclosed(random, '{}', parts)
    const note = `seed ${random.seed}: ${spaced}`
    t.is(objectFault(spaced), null, note)
    const expected = members.map(([name, value]) => [JSON.parse(name.spaced) as string, value.spaced])
    t.deepEqual(membersOf(random.pick(BLANKS) + spaced) as unknown, expected, note)
  }
})

test('[K12] what is not one object, or nests too deep, may not be walked', t => {
  const nested = (depth: number) => `{"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`
  t.is(objectFault(nested(NESTING_MAX)), null)
  t.regex(objectFault(nested(NESTING_MAX + 1))!, /deeper than 64/)
  const others = ['', ' ', '1', 'null', '"{}"', '[]', '{', '{}}', '{"a"}', '{"a":1,}', '{"a":"\n"}', '{"a":01}', '"']
  for (const text of others) {
    t.regex(objectFault(text)!, /^the line is (no JSON object|not JSON)$/, text)
  }
})

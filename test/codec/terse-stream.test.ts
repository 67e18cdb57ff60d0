import test from 'ava'
import { MARK_DELETED, MARK_FRESH, MARK_STALE } from '#src/codec/json-stream.ts'
import {
  beginUpdate,
  DEFINITION_BYTES_MAX,
  DEFINITION_FIELD_BYTES_MAX,
  endUpdate,
  LOST_BYTES_MAX,
  MARK_BYTES_MAX,
  PAIR_BYTES_MAX,
  UPDATE_BYTES_MAX,
  VALUE_BYTES_MAX,
  writeBase36,
  writeDefinition,
  writeLost,
  writeMark,
  writePair,
  writeValue,
} from '#src/codec/terse-stream.ts'
import { AssertionError } from '#src/errors.ts'
import { Random, seedOr } from '#test/support/random.ts'

const FILLER = 0x7e
const NUMBER_MAX = 2 ** 53
const SUB_MAX = 2 ** 31 - 1
const NAMES = ['bid', 'a "b"', 'grün', '\\', '𝄞', '0', '=', '{', 'x'.repeat(64)]
const TEXTS = ['', '7.611', '"', '""', '"5', '=', '!', '{', '0', '\t\n\u0001', 'grün', '𝄞', '\u2028', 'y'.repeat(300)]

/** JSON string content, as the store holds a value. */
const contentOf = (text: string): Buffer => Buffer.from(JSON.stringify(text).slice(1, -1))
const prefixOf = (name: string): Buffer => Buffer.from(`${JSON.stringify(name)}:"`)

/** What `write` wrote, which must stay within its bytes. */
function written(write: (out: Buffer, at: number) => number): string {
  const out = Buffer.alloc(4_096, FILLER)
  const start = 7
  const end = write(out, start)
  const isWithin = !out.subarray(0, start).some(isNoFiller) && !out.subarray(end).some(isNoFiller)
  if (!isWithin) throw new Error('wrote outside of what it says')
  return out.toString('utf8', start, end)
}

function isNoFiller(byte: number): boolean {
  return byte !== FILLER
}

/** A line of tokens. */
function line(...tokens: (string | number)[]): string {
  return `${tokens.join('\t')}\n`
}

test('[Z1] whole numbers from 0 to 2^53 are written in base 36 as JavaScript prints them', t => {
  const random = new Random(seedOr(20_260_301))
  const numbers = [NUMBER_MAX]
  for (let power = 0; power <= 10; power++) for (const near of [-1, 0, 1]) numbers.push(36 ** power + near)
  for (let high = 1; high < 2 ** 27; high = high * 2 + 1) numbers.push(high * 36 ** 5 - 1, high * 36 ** 5)
  for (let i = 0; i < 20_000; i++) numbers.push(Math.floor(2 ** (random.int(53_000) / 1_000)))
  for (const number of numbers) {
    const text = written((out, at) => writeBase36(out, at, number))
    if (text !== number.toString(36)) t.is(text, number.toString(36), `SEED=${random.seed}`)
  }
  t.true(numbers.length > 20_000)
})

test('[Z2] a definition names its view, subscription and item, and the fields in order where there is a choice', t => {
  const define = (view: number, sub: number, item: string, fields: readonly string[] | null): string =>
    written((out, at) => {
      const contents = fields?.map(contentOf) ?? null
      const end = writeDefinition(out, at, view, sub, contentOf(item), contents)
      const namesBytes = (contents ?? []).reduce((sum, name) => sum + name.length + DEFINITION_FIELD_BYTES_MAX, 0)
      t.true(end - at <= DEFINITION_BYTES_MAX + contentOf(item).length + namesBytes)
      return end
    })
  t.is(define(5, 0, 'quote.A', null), line('=5', 0, 'quote.A'))
  t.is(define(36, 71, 'a "b"', ['bid', '\\', 'grün']), line('=10', '1z', 'a \\"b\\"', 'bid', '\\\\', 'grün'))
  t.is(define(NUMBER_MAX, SUB_MAX, '𝄞', NAMES).split('\t').length, 3 + NAMES.length)
})

test('[Z2] a choice of no fields is a broken invariant', t => {
  t.throws(() => writeDefinition(Buffer.alloc(64), 0, 1, 0, contentOf('A'), []), { instanceOf: AssertionError })
})

test('[Z3] a time is whole ms in base 36, with a fraction in decimal behind a point, or nothing', t => {
  const begun = (timeMs: number): string => written((out, at) => beginUpdate(out, at, 1, 2, false, timeMs))
  t.is(begun(Number.NaN), '1\t2\t')
  t.is(begun(0), '1\t2\t0')
  t.is(begun(1_626_992_742_115), '1\t2\tkrfhgycj')
  t.is(begun(1_626_992_742_115.25), '1\t2\tkrfhgycj.25')
  t.is(begun(8_640_000_000_000_000), `1\t2\t${(8_640_000_000_000_000).toString(36)}`)
  t.is(begun(35.000_001), '1\t2\tz.000001')
  t.is(begun(1e-6), '1\t2\t0.000001', 'the shortest that JavaScript prints without an exponent')
  t.is(begun(9e-7), '1\t2\t0', 'what is below a nanosecond is none')
})

const VALUES: [title: string, skipped: number, value: string | null, tokens: string][] = [
  ['a value is its content', 0, '7.6', '\t7.6'],
  ['escapes stay', 0, '\t"\\\n', '\t\\t\\"\\\\\\n'],
  ['UTF-8 stays', 0, 'grün 𝄞\u2028', '\tgrün 𝄞\u2028'],
  ['what looks like the empty string is content', 0, '"', '\t\\"'],
  ['what looks like null is content', 0, '""', '\t\\"\\"'],
  ['what looks like a run is content', 0, '"5', '\t\\"5'],
  ['the empty string', 0, '', '\t"'],
  ['null', 0, null, '\t""'],
  ['one unchanged', 1, '5', '\t\t5'],
  ['three unchanged', 3, '=', '\t\t\t\t='],
  ['four unchanged', 4, '', '\t"4\t"'],
  ['a hundred unchanged', 100, null, '\t"2s\t""'],
]

for (const [title, skipped, value, tokens] of VALUES) {
  test(`[Z4] tokens: ${title}`, t => {
    const content = contentOf(value ?? '')
    const store = Buffer.concat([Buffer.from('<<<'), content, Buffer.from('>')])
    const length = value === null ? -1 : content.length
    t.is(
      written((out, at) => writeValue(out, at, skipped, store, 3, length)),
      tokens,
    )
    if (skipped > 0) return
    t.is(
      written((out, at) => writePair(out, at, prefixOf('a "b"'), store, 3, length)),
      `\ta \\"b\\"${tokens}`,
    )
  })
}

test('[Z4] of the two ways to say unchanged the shorter one is taken', t => {
  const value = contentOf('1')
  for (let skipped = 0; skipped <= 2_000; skipped++) {
    const text = written((out, at) => writeValue(out, at, skipped, value, 0, 1))
    const [empty, run] = ['\t'.repeat(skipped), `\t"${skipped.toString(36)}`]
    t.is(text, `${skipped === 0 || empty.length <= run.length ? empty : run}\t1`)
  }
})

test('[Z5] the longest tokens around a value and a pair are within their rooms', t => {
  const none = Buffer.alloc(0)
  const value = written((out, at) => writeValue(out, at, NUMBER_MAX, none, 0, -1))
  t.true(value.length <= VALUE_BYTES_MAX)
  const pair = written((out, at) => writePair(out, at, prefixOf('bid'), none, 0, -1))
  t.true(pair.length <= PAIR_BYTES_MAX + 'bid'.length)
})

test('[Z5] a line takes no more room than was promised, and nothing is written beside it: random updates', t => {
  const random = new Random(seedOr(20_260_302))
  for (let round = 0; round < 3_000; round++) {
    const numbers = [0, 35, 36, random.int(1 << 30), NUMBER_MAX]
    const [view, seq] = [random.pick(numbers), random.pick(numbers)]
    const isSnapshot = random.chance(0.3)
    const times: [number, string][] = [
      [Number.NaN, ''],
      [NUMBER_MAX, NUMBER_MAX.toString(36)],
      [1.234_567_890_123_456e-6, '0.000001234567890123456'],
    ]
    const [timeMs, time] = random.pick(times)
    const isByName = random.chance(0.5)
    let expected = `${isSnapshot ? '!' : ''}${view.toString(36)}\t${seq.toString(36)}\t${time}`
    let room = UPDATE_BYTES_MAX
    const text = written((out, start) => {
      let at = beginUpdate(out, start, view, seq, isSnapshot, timeMs)
      for (let i = random.int(6); i > 0; i--) {
        const value = random.chance(0.2) ? null : random.pick(TEXTS)
        const token = value === null ? '""' : value === '' ? '"' : `${contentOf(value)}`
        const content = contentOf(value ?? '')
        const length = value === null ? -1 : content.length
        room += content.length
        if (isByName) {
          const name = random.pick(NAMES)
          at = writePair(out, at, prefixOf(name), content, 0, length)
          expected += `\t${contentOf(name)}\t${token}`
          room += PAIR_BYTES_MAX + contentOf(name).length
        } else {
          const skipped = random.pick([0, 1, 3, 4, 35, 36, NUMBER_MAX])
          at = writeValue(out, at, skipped, content, 0, length)
          expected += `${skipped < 4 ? '\t'.repeat(skipped) : `\t"${skipped.toString(36)}`}\t${token}`
          room += VALUE_BYTES_MAX
        }
      }
      const end = endUpdate(out, at)
      if (end - start > room) t.fail(`${end - start} bytes where ${room} were promised; SEED=${random.seed}`)
      return end
    })
    if (text !== `${expected}\n`) t.is(text, `${expected}\n`, `SEED=${random.seed}`)
  }
  t.pass()
})

test('[Z6] marks and losses are lines of their own', t => {
  const marked = (mark: number): string => written((out, at) => writeMark(out, at, 40, mark))
  t.is(marked(MARK_STALE), line('?14', 's'))
  t.is(marked(MARK_FRESH), line('?14', 'f'))
  t.is(marked(MARK_DELETED), line('?14', 'd'))
  t.is(
    written((out, at) => writeLost(out, at, 40, 17)),
    line('?14', 'l', 'h'),
  )
  const longestMark = written((out, at) => writeMark(out, at, NUMBER_MAX, MARK_STALE))
  t.true(longestMark.length <= MARK_BYTES_MAX)
  const longestLoss = written((out, at) => writeLost(out, at, NUMBER_MAX, NUMBER_MAX))
  t.true(longestLoss.length <= LOST_BYTES_MAX)
})

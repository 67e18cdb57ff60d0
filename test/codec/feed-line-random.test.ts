import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import test from 'ava'
import { run } from '#perf/micro/feed-line.ts'
import { LINE_UPDATE } from '#src/codec/feed-line.ts'
import { LineSplitter } from '#src/codec/lines.ts'
import { Fixture, LIMITS } from '../support/feed-line-fixture.ts'
import { lineText, mutated } from '../support/feed-line-generator.ts'
import { referenceLine } from '../support/feed-line-reference.ts'
import { Random, seedOr } from '../support/random.ts'
import { recordingPath } from '../support/recording.ts'

test('[F12] random lines, whole and broken, are read as JSON.parse reads them, on either way', t => {
  const seed = seedOr(14)
  const random = new Random(seed)
  const [itemsMax, fieldNamesMax] = [40, 60]
  const kinds = new Map<string, number>()
  for (let round = 0; round < 40; round++) {
    const quick = new Fixture(LIMITS, itemsMax, fieldNamesMax)
    const careful = new Fixture(LIMITS, itemsMax, fieldNamesMax)
    const items = new Set<string>()
    const fieldNames = new Set<string>()
    for (let step = 0; step < 1_000; step++) {
      const text = Buffer.from(lineText(random))
      const line = random.chance(0.25) ? mutated(random, text) : text
      const place = `SEED=${seed} round ${round} step ${step}: ${JSON.stringify(line.toString('latin1'))}`
      const expected = referenceLine(line, LIMITS, items, itemsMax, fieldNames, fieldNamesMax)
      kinds.set(expected.kind, (kinds.get(expected.kind) ?? 0) + 1)
      t.deepEqual(quick.parse(line), expected, `quick ${place}`)
      t.deepEqual(careful.parse(Buffer.concat([Buffer.from(' '), line])), expected, `careful ${place}`)
      if (quick.items.size !== items.size || quick.fields.size !== fieldNames.size) t.fail(place)
      if (random.chance(0.02) && (expected.kind === 'update' || expected.kind === 'delete')) {
        for (const fixture of [quick, careful]) fixture.items.remove(fixture.parser.itemId)
        items.delete(expected.item)
      }
    }
  }
  for (const kind of ['update', 'delete', 'greeting', 'answer', 'bad', 'blank'])
    t.true((kinds.get(kind) ?? 0) > 100, kind)
})

test('[F12] a line of many escapes, longer than the scratch was, is read whole', t => {
  const limits = { ...LIMITS, valueBytesMax: 65_000 }
  const fixture = new Fixture(limits)
  for (const length of [10, 2_000, 9_000]) {
    const value = '\u0001é"'.repeat(length)
    const line = JSON.stringify({ item: 'A', fields: { a: value, b: value, c: '1' } })
    const content = JSON.stringify(value).slice(1, -1)
    if (content.length > 65_000) t.is(fixture.parse(line).kind, 'bad')
    else
      t.like(fixture.parse(line), {
        fields: [
          ['a', content],
          ['b', content],
          ['c', '1'],
        ],
      })
  }
})

test('[F13] the recording is read without a bad line, with the fields of JSON.parse', t => {
  const path = recordingPath()
  if (path === null) {
    t.log('the recording is not here: nothing is compared')
    t.pass()
    return
  }
  const limits = { itemNameBytesMax: 256, fieldNameBytesMax: 64, fieldsMax: 128, valueBytesMax: 16_384 }
  const fixture = new Fixture(limits, 1_000, 1_000)
  const bytes = gunzipSync(readFileSync(path))
  const splitter = new LineSplitter(65_536)
  const { parser } = fixture
  let lines = 0
  for (let at = 0; at < bytes.length; at += 65_536) {
    splitter.push(bytes.subarray(at, at + 65_536))
    while (splitter.next()) {
      lines++
      const text = splitter.bytes.toString('utf8', splitter.start, splitter.end)
      const { item, fields } = JSON.parse(text) as { item: string; fields: Record<string, string> }
      if (parser.parse(splitter.bytes, splitter.start, splitter.end) !== LINE_UPDATE) t.fail(text)
      const entries = Object.entries(fields)
      let isSame = fixture.items.textOf(parser.itemId) === item && parser.fieldCount === entries.length
      // A name of digits only would come first in the object; the recording has none.
      for (const [i, [name, value]] of entries.entries()) {
        const start = parser.valueOffsets[i]!
        const content = parser.valueBytes.toString('utf8', start, start + parser.valueLengths[i]!)
        isSame &&= fixture.fields.textOf(parser.fieldIds[i]!) === name && content === JSON.stringify(value).slice(1, -1)
      }
      if (!isSame) t.fail(text)
    }
  }
  t.is(lines, 49_857)
  t.is(fixture.items.size, 132)
})

test('[F12] the benchmark of lines runs', t => {
  const results = run(true)
  t.is(results.length, 5)
  t.deepEqual(
    results.map(result => result.hash),
    run(true).map(result => result.hash),
  )
})

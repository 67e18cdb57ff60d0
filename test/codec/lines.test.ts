import test from 'ava'
import { LineSplitter } from '#src/codec/lines.ts'
import { Random, seedOr } from '../support/random.ts'

const TOO_LONG = '(too long)'

/** Hands out what is there, but stops after `countMax` lines. */
function take(splitter: LineSplitter, countMax = Number.POSITIVE_INFINITY): string[] {
  const lines: string[] = []
  while (lines.length < countMax && splitter.next()) {
    lines.push(splitter.isTooLong ? TOO_LONG : splitter.bytes.toString('utf8', splitter.start, splitter.end))
  }
  return lines
}

/** The same by strings, all at once. */
function reference(text: string, lineBytesMax: number): string[] {
  const lines = text.split('\n')
  const partial = lines.pop() ?? ''
  const told = lines.map(line => (Buffer.byteLength(line) > lineBytesMax ? TOO_LONG : line))
  return Buffer.byteLength(partial) > lineBytesMax ? [...told, TOO_LONG] : told
}

test('[F2] chunks cut at every byte give the same lines', t => {
  const text = '{"a":1}\n\n{"grün":"𝄞"}\r\nx\nrest'
  const bytes = Buffer.from(text)
  for (let first = 0; first <= bytes.length; first++) {
    for (let second = first; second <= bytes.length; second++) {
      const splitter = new LineSplitter(64)
      const lines: string[] = []
      for (const chunk of [bytes.subarray(0, first), bytes.subarray(first, second), bytes.subarray(second)]) {
        splitter.push(chunk)
        lines.push(...take(splitter))
      }
      t.deepEqual(lines, ['{"a":1}', '', '{"grün":"𝄞"}\r', 'x'])
      t.is(splitter.partialBytes, 4)
    }
  }
})

test('[F2] the reader may stop between any two lines and go on later', t => {
  const splitter = new LineSplitter(16)
  splitter.push(Buffer.from('par'))
  t.deepEqual(take(splitter), [])
  splitter.push(Buffer.from('tial\na\nb\nc'))
  t.deepEqual(take(splitter, 1), ['partial'])
  t.false(splitter.isDrained)
  t.throws(() => splitter.push(Buffer.from('too early')))
  t.deepEqual(take(splitter, 1), ['a'])
  t.deepEqual(take(splitter), ['b'])
  t.true(splitter.isDrained)
  t.deepEqual(take(splitter), [])
  splitter.push(Buffer.alloc(0))
  splitter.push(Buffer.from('\n'))
  t.deepEqual(take(splitter), ['c'])
})

test('[F2] a whole line is read where it lies', t => {
  const splitter = new LineSplitter(16)
  const chunk = Buffer.from('one\ntwo\n')
  splitter.push(chunk)
  t.true(splitter.next())
  t.is(splitter.bytes, chunk)
  t.true(splitter.next())
  t.is(splitter.bytes, chunk)
  t.false(splitter.next())
  t.is(splitter.partialBytes, 0)
})

test('[F3] a line too long is told once, as soon as that is certain, and skipped', t => {
  const splitter = new LineSplitter(4)
  splitter.push(Buffer.from('1234\n12345\nok\n123'))
  t.deepEqual(take(splitter), ['1234', TOO_LONG, 'ok'])
  splitter.push(Buffer.from('45'))
  t.deepEqual(take(splitter), [TOO_LONG])
  t.is(splitter.partialBytes, 0)
  splitter.push(Buffer.from('6789'))
  t.deepEqual(take(splitter), [])
  splitter.push(Buffer.from('0\nok\n'))
  t.deepEqual(take(splitter), ['ok'])
})

test('[F3] however it is cut, the same lines come out and no more than the limit is held', t => {
  const seed = seedOr(12)
  const random = new Random(seed)
  for (let round = 0; round < 2_000; round++) {
    const lineBytesMax = 1 + random.int(random.chance(0.2) ? 1_000 : 12)
    let text = ''
    for (let i = random.int(60); i > 0; i--)
      text += random.pick(['a', 'b', '\n', 'é', '\r\n', 'c'.repeat(random.int(300))])
    const bytes = Buffer.from(text)
    const splitter = new LineSplitter(lineBytesMax)
    const lines: string[] = []
    for (let at = 0; at < bytes.length; ) {
      const length = 1 + random.int(random.chance(0.5) ? 3 : 400)
      splitter.push(bytes.subarray(at, at + length))
      at += length
      while (!splitter.isDrained) lines.push(...take(splitter, 1))
      if (splitter.partialBytes > lineBytesMax) t.fail(`held ${splitter.partialBytes} SEED=${seed}`)
    }
    t.deepEqual(lines, reference(text, lineBytesMax), `SEED=${seed} round ${round}`)
  }
})

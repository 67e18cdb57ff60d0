import test from 'ava'
import {
  BODY_BYTES_MAX,
  codecOf,
  FIELD_BYTES_MAX,
  HEAD_BYTES_MAX,
  ID_OFFSET,
  MARK_DELETED,
  MARK_FRESH,
  MARK_STALE,
  SESSION_ID_BYTES,
  STREAM_CODECS,
  TAG_BYTES_MAX,
  TERSE,
  writeInteger,
} from '#src/codec/json-stream.ts'
import { Random, seedOr } from '#test/support/random.ts'

const FILLER = 0x7e
const NAMES = ['bid', 'a "b"', 'grün', '\\', '𝄞', 'x'.repeat(64)]
const TEXTS = ['', '7.611', 'a "quoted" text', '\n\t\u0001', 'grün', '𝄞', '\u2028', 'y'.repeat(300)]

/** JSON string content, as the store holds a value. */
const contentOf = (text: string): Buffer => Buffer.from(JSON.stringify(text).slice(1, -1))

function framed(encoding: 'sse' | 'ndjson', record: object): string {
  return encoding === 'sse' ? `data: ${JSON.stringify(record)}\n\n` : `${JSON.stringify(record)}\n`
}

for (const codec of STREAM_CODECS.slice(0, TERSE)) {
  const encoding = codec.hasHead ? 'sse' : 'ndjson'

  test(`[S3] a body is the JSON of its record, framed, within the room that it was promised: random records, ${encoding}`, t => {
    const random = new Random(seedOr(20_260_221))
    for (let round = 0; round < 3_000; round++) {
      const item = random.pick(NAMES)
      const seq = random.chance(0.2) ? Number.MAX_SAFE_INTEGER - random.int(100) : random.int(1 << 30)
      const isSnapshot = random.chance(0.3)
      const time = random.pick([Number.NaN, 0, 1_626_992_742_115, 8_640_000_000_000_000, 1_626_992_742_115.25])
      const fields: Record<string, string | null> = {}
      for (const name of NAMES) if (random.chance(0.5)) fields[name] = random.chance(0.2) ? null : random.pick(TEXTS)
      const record = {
        item,
        seq,
        ...(isSnapshot ? { snapshot: true } : {}),
        ...(Number.isNaN(time) ? {} : { time }),
        fields,
      }
      const prefix = Buffer.from(`{"item":${JSON.stringify(item)}`)
      let room = prefix.length + BODY_BYTES_MAX
      const out = Buffer.alloc(8_192, FILLER)
      const start = random.int(20)
      let at = codec.beginUpdate(out, start, prefix, seq, isSnapshot, time)
      for (const [index, [name, value]] of Object.entries(fields).entries()) {
        const fieldPrefix = Buffer.from(`${JSON.stringify(name)}:"`)
        const bytes = contentOf(value ?? '')
        const offset = random.int(5)
        const store = Buffer.concat([Buffer.alloc(offset, FILLER), bytes, Buffer.alloc(3, FILLER)])
        at = codec.field(out, at, index === 0, fieldPrefix, store, offset, value === null ? -1 : bytes.length)
        room += fieldPrefix.length + bytes.length + FIELD_BYTES_MAX
      }
      at = codec.endUpdate(out, at)
      const expected = framed(encoding, record)
      const text = out.toString('utf8', start, at)
      if (text !== expected) t.is(text, expected, `SEED=${random.seed}`)
      if (at - start > room) t.fail(`${at - start} bytes where ${room} were promised; SEED=${random.seed}`)
      if (out.subarray(0, start).some(byte => byte !== FILLER) || out.subarray(at).some(byte => byte !== FILLER)) {
        t.fail(`wrote outside of the record; SEED=${random.seed}`)
      }
    }
    t.pass()
  })

  test(`[S3] marks and losses are records of their own, ${encoding}`, t => {
    const prefix = Buffer.from('{"item":"A"')
    const out = Buffer.alloc(256)
    const written = (end: number) => out.toString('utf8', 5, end)
    t.is(written(codec.mark(out, 5, prefix, MARK_STALE)), framed(encoding, { item: 'A', stale: true }))
    t.is(written(codec.mark(out, 5, prefix, MARK_FRESH)), framed(encoding, { item: 'A', stale: false }))
    t.is(written(codec.mark(out, 5, prefix, MARK_DELETED)), framed(encoding, { item: 'A', deleted: true }))
    const lost = 2 ** 53
    const end = codec.lost(out, 5, prefix, lost)
    t.is(written(end), framed(encoding, { item: 'A', lost }))
    t.true(end - 5 <= prefix.length + BODY_BYTES_MAX)
  })

  test(`[S3] the last record of a stream tells why it ends and when to come back, ${encoding}`, t => {
    const text = `${codec.closing('SERVER_CLOSING', 'it "ends"', 1_500)}`
    const closing = { code: 'SERVER_CLOSING', message: 'it "ends"', retryMs: 1_500 }
    t.is(text, `${encoding === 'sse' ? 'retry: 1500\n' : ''}${framed(encoding, { closing })}`)
    const { retryMs: _, ...final } = closing
    t.is(`${codec.closing('SERVER_CLOSING', 'it "ends"', 0)}`, framed(encoding, { closing: final }))
  })

  test(`[S4] a keepalive is no record, ${encoding}`, t => {
    const text = `${codec.keepalive}`
    if (encoding === 'sse') t.regex(text, /^:.*\n\n$/)
    else t.is(text.trim(), '')
    t.true(text.endsWith('\n'))
  })
}

test('[S4] a flush tells its position: by the SSE id, with room for that of the session, or by a last line', t => {
  const [sse, lines] = [STREAM_CODECS[codecOf('sse', 'json')]!, STREAM_CODECS[codecOf('websocket', 'json')]!]
  const out = Buffer.alloc(128)
  const id = 'x'.repeat(SESSION_ID_BYTES)
  for (const position of [0, 9, 10, 123_456_789_012, 2 ** 53]) {
    const end = sse.head(out, 3, position)
    out.write(id, 3 + ID_OFFSET)
    t.is(out.toString('latin1', 3, end), `id: ${id}.${position}\n`)
    t.true(end - 3 <= HEAD_BYTES_MAX)
    const tailEnd = lines.tail(out, 3, position)
    t.is(out.toString('latin1', 3, tailEnd), `{"position":${position}}\n`)
    t.true(tailEnd - 3 <= HEAD_BYTES_MAX)
  }
  t.deepEqual([sse.hasHead, lines.hasHead], [true, false])
})

for (const codec of STREAM_CODECS.slice(0, TERSE)) {
  const encoding = codec.hasHead ? 'sse' : 'ndjson'
  test(`[S3] a tag in the place of a body's start makes it one of another subscription, ${encoding}`, t => {
    const prefix = Buffer.from('{"item":"A"')
    const body = Buffer.alloc(256)
    const end = codec.mark(body, 0, prefix, MARK_STALE)
    for (const id of [1, 42, 2 ** 31 - 1]) {
      const out = Buffer.alloc(256)
      const at = codec.tag(out, 0, id)
      t.true(at <= TAG_BYTES_MAX)
      body.copy(out, at, codec.tagSkip, end)
      const text = out.toString('latin1', 0, at + end - codec.tagSkip)
      t.is(text, framed(encoding, { sub: id, item: 'A', stale: true }))
    }
  })
}

test('[S3] whole numbers from 0 to 2^53 are written as JavaScript prints them', t => {
  const random = new Random(seedOr(20_260_222))
  const out = Buffer.alloc(40)
  const numbers = [0, 1, 9, 10, 9_999_999, 10_000_000, 10_000_001, 99_999_999_999_999, 100_000_000_000_000, 2 ** 53]
  for (let power = 0; power <= 15; power++) for (const near of [-1, 0, 1]) numbers.push(10 ** power + near)
  for (let i = 0; i < 20_000; i++) numbers.push(Math.floor(2 ** (random.int(53_000) / 1_000)) + random.int(1_000))
  for (const number of numbers) {
    const text = out.toString('latin1', 2, writeInteger(out, 2, number))
    if (text !== String(number)) t.is(text, String(number), `SEED=${random.seed}`)
  }
  t.pass()
})

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { constants, deflateRawSync } from 'node:zlib'
import test from 'ava'
import {
  fragmentsMax,
  PINGS_A_TURN,
  type WebSocketHandler,
  WebSocketReader,
  WORK_A_TURN,
  WORK_OF_INFLATE,
} from '#src/codec/websocket-reader.ts'
import { Random, seedOr } from '#test/support/random.ts'

const [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG] = [0, 1, 2, 8, 9, 10]
const RSV1 = 0x40
const BYTES_MAX = 65_536
const MASK = Buffer.from([0x37, 0xfa, 0x21, 0x3d])

/** Keeps what a reader tells, as text. */
class Recorder implements WebSocketHandler {
  readonly told: string[] = []

  onText(text: string): void {
    this.told.push(`text ${text}`)
  }

  onPing(payload: Buffer): void {
    this.told.push(`ping ${payload.toString('latin1')}`)
  }

  onPong(payload: Buffer): void {
    this.told.push(`pong ${payload.toString('latin1')}`)
  }

  onClose(code: number, reason: string): void {
    this.told.push(`close ${code} ${reason}`)
  }

  onBad(closeCode: number, message: string): void {
    if (message === '' || Buffer.byteLength(message) > 123) throw new Error('the message is none for a close')
    this.told.push(`bad ${closeCode}`)
  }
}

/** A client's frame, written by the plainest means. `lengthBytes`: how the length is written, if not as it should. */
function frame(
  opcode: number,
  payload: Buffer | string = '',
  { fin = 0x80, rsv = 0, mask = MASK as Buffer | null, lengthBytes = -1 } = {},
): Buffer {
  const bytes = Buffer.from(payload)
  const shortest = bytes.length < 126 ? 0 : bytes.length < 65_536 ? 2 : 8
  const long = lengthBytes < 0 ? shortest : lengthBytes
  const length = Buffer.alloc(long)
  if (long === 2) length.writeUInt16BE(bytes.length)
  if (long === 8) length.writeBigUInt64BE(BigInt(bytes.length))
  const short = long === 0 ? bytes.length : long === 2 ? 126 : 127
  const head = Buffer.from([fin | rsv | opcode, (mask === null ? 0 : 0x80) | short])
  if (mask === null) return Buffer.concat([head, length, bytes])
  return Buffer.concat([head, length, mask, bytes.map((byte, i) => byte ^ mask[i & 3]!)])
}

const PART = { fin: 0 }
const CONTROLS = Object.entries({ ping: PING, pong: PONG })

function closePayload(code: number, reason: Buffer | string = ''): Buffer {
  return Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)])
}

function deflated(text: string | Buffer): Buffer {
  return deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4)
}

interface Setting {
  readonly max?: number
  readonly isCompressed?: boolean
}

/** What is told of bytes that arrive in these pieces, each read to its end. */
function read(pieces: readonly Buffer[], { max = BYTES_MAX, isCompressed = false }: Setting = {}): string[] {
  const recorder = new Recorder()
  const reader = new WebSocketReader(max, isCompressed, recorder)
  for (const piece of pieces) {
    reader.push(Buffer.from(piece))
    while (reader.hasMore) reader.readMore()
  }
  return recorder.told
}

function cutAt(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  return [0, ...cuts].map((start, i) => bytes.subarray(start, cuts[i] ?? bytes.length))
}

function everyByte(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (_, i) => bytes.subarray(i, i + 1))
}

/** A chunk as a socket hands it out, and a watch on whether anything still holds its memory. */
function chunkOf(bytes: Buffer): [chunk: Buffer, memory: WeakRef<ArrayBufferLike>] {
  const chunk = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(chunk)
  return [chunk, new WeakRef(chunk.buffer)]
}

async function collectGarbage(): Promise<void> {
  // A WeakRef that was made or read keeps its target until the turn ends, a stream its last write until the next.
  for (let i = 0; i < 3; i++) await new Promise(resolve => setImmediate(resolve))
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
}

test('[W10] the masked frame of RFC 6455 is read, cut at every byte', t => {
  const bytes = Buffer.from('818537fa213d7f9f4d5158', 'hex')
  t.deepEqual(frame(TEXT, 'Hello'), bytes)
  t.deepEqual(read([bytes]), ['text Hello'])
  t.deepEqual(read(everyByte(bytes)), ['text Hello'])
  for (let at = 1; at < bytes.length; at++) t.deepEqual(read(cutAt(bytes, [at])), ['text Hello'], `cut at ${at}`)
})

for (const length of [0, 1, 23, 24, 125, 126, 127, 65_535, 65_536]) {
  test(`[W10] a message of ${length} bytes is read, whatever its mask and wherever it is cut`, t => {
    const text = 'abcdefg'.repeat(length / 7 + 1).slice(0, length)
    for (const mask of [MASK, Buffer.alloc(4), Buffer.from([0, 0, 0, 1]), Buffer.alloc(4, 0xff)]) {
      const bytes = frame(TEXT, text, { mask })
      const ping = frame(PING, 'p')
      const told = ['ping p', `text ${text}`, 'ping p']
      const all = Buffer.concat([ping, bytes, ping])
      t.deepEqual(read([all]), told)
      for (let at = 1; at < Math.min(40, all.length); at++) {
        t.deepEqual(read(cutAt(all, [at])), told, `cut at ${at}`)
        t.deepEqual(read(cutAt(all, [all.length - at])), told, `cut at ${all.length - at}`)
      }
    }
    t.deepEqual(read(everyByte(frame(TEXT, text))), [`text ${text}`])
  })
}

test('[W10] a length in more bytes than it needs is a length', t => {
  for (const lengthBytes of [2, 8]) {
    const bytes = frame(TEXT, 'Hello', { lengthBytes })
    for (let at = 1; at < bytes.length; at++) t.deepEqual(read(cutAt(bytes, [at])), ['text Hello'])
  }
})

test('[W10] text is any UTF-8, a byte order mark included', t => {
  for (const text of ['\ufeffgrün', '€😀\u0000', '\u{10ffff}', 'é'.repeat(100)]) {
    t.deepEqual(read([frame(TEXT, text)]), [`text ${text}`])
  }
})

test('[W11] fragments are one message; what comes between them is told when it comes', t => {
  const euro = Buffer.from('€')
  const frames = [
    frame(TEXT, 'Hel', PART),
    frame(PING, '1'),
    frame(CONTINUATION, '', PART),
    frame(CONTINUATION, euro.subarray(0, 2), PART),
    frame(PONG, '2'),
    frame(CONTINUATION, euro.subarray(2)),
    frame(TEXT, 'next'),
  ]
  const told = ['ping 1', 'pong 2', 'text Hel€', 'text next']
  const bytes = Buffer.concat(frames)
  t.deepEqual(read([bytes]), told)
  t.deepEqual(read(frames), told)
  t.deepEqual(read(everyByte(bytes)), told)
  t.deepEqual(read(frames.slice(0, 5)), told.slice(0, 2))
})

test('[W11] a message may be of empty fragments', t => {
  const frames = [frame(TEXT, '', PART), frame(CONTINUATION, '', PART), frame(CONTINUATION)]
  t.deepEqual(read(frames), ['text '])
})

/** Bytes that are refused, and how many of them are needed to see it. */
const FORBIDDEN: [what: string, bytes: Buffer, neededBytes: number][] = [
  ['a frame without a mask', frame(TEXT, 'a', { mask: null }), 2],
  ['a ping without a mask', frame(PING, '', { mask: null }), 2],
  ['RSV1 where nothing was agreed on', frame(TEXT, 'a', { rsv: RSV1 }), 2],
  ['RSV2', frame(TEXT, 'a', { rsv: 0x20 }), 2],
  ['RSV3', frame(PING, 'a', { rsv: 0x10 }), 2],
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode): [string, Buffer, number] => {
    return [`opcode ${opcode}`, frame(opcode, 'a'), 2]
  }),
  ['a long ping', frame(PING, 'a'.repeat(126)), 4],
  ['a long pong', frame(PONG, Buffer.alloc(65_536)), 10],
  ['a long close', frame(CLOSE, closePayload(1000, 'a'.repeat(124))), 4],
  ['a fragment of a ping', frame(PING, 'a', PART), 2],
  ['a fragment of a close', frame(CLOSE, '', PART), 2],
  ['a continuation of nothing', frame(CONTINUATION, 'a'), 2],
  ['a first fragment of nothing', frame(CONTINUATION, 'a', PART), 2],
  ['a message within a message', Buffer.concat([frame(TEXT, 'a', PART), frame(TEXT, 'b')]), 7 + 2],
  ['fragments within fragments', Buffer.concat([frame(TEXT, 'a', PART), frame(BINARY, 'b', PART)]), 7 + 2],
  ['a close of one byte', frame(CLOSE, 'a'), 2],
  ...[0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535].map((code): [string, Buffer, number] => {
    return [`a close with ${code}`, frame(CLOSE, closePayload(code)), 8]
  }),
]

for (const [what, bytes, neededBytes] of FORBIDDEN) {
  test(`[W12] ${what} is an error of the protocol, as soon as it is seen`, t => {
    t.deepEqual(read([bytes]), ['bad 1002'])
    const among = [frame(TEXT, 'before'), Buffer.concat([bytes, frame(TEXT, 'behind')]), frame(PING)]
    t.deepEqual(read(among), ['text before', 'bad 1002'])
    t.deepEqual(read(everyByte(bytes.subarray(0, neededBytes))), ['bad 1002'])
    t.deepEqual(read(everyByte(bytes.subarray(0, neededBytes - 1))), [])
  })
}

const NO_UTF8: [what: string, bytes: number[]][] = [
  ['a lone byte', [0x80]],
  ['half a character', [0x61, 0xe2, 0x82]],
  ['an overlong slash', [0xc0, 0xaf]],
  ['a surrogate', [0xed, 0xa0, 0x80]],
  ['a character beyond the last', [0xf4, 0x90, 0x80, 0x80]],
  ['a byte that none begins with', [0xff]],
]

for (const [what, bytes] of NO_UTF8) {
  test(`[W13] ${what} is no UTF-8`, t => {
    const payload = Buffer.from(bytes)
    t.deepEqual(read([frame(TEXT, payload)]), ['bad 1007'])
    t.deepEqual(read([frame(TEXT, Buffer.concat([Buffer.alloc(100, 'a'), payload]))]), ['bad 1007'])
    t.deepEqual(read([frame(TEXT, payload, PART), frame(CONTINUATION)]), ['bad 1007'])
    t.deepEqual(read([frame(CLOSE, closePayload(1000, payload))]), ['bad 1007'])
    const compressed = frame(TEXT, deflated(payload), { rsv: RSV1 })
    t.deepEqual(read([compressed], { isCompressed: true }), ['bad 1007'])
  })
}

test('[W13] messages are text', t => {
  t.deepEqual(read([frame(BINARY, 'a'), frame(TEXT, 'a')]), ['bad 1003'])
  t.deepEqual(read([frame(BINARY, '', PART), frame(CONTINUATION, 'a')]), ['bad 1003'])
  t.deepEqual(read([frame(BINARY, deflated('a'), { rsv: RSV1 })], { isCompressed: true }), ['bad 1003'])
})

test('[W13] a message beyond the bound is refused by its head', t => {
  const max = 1_000
  const longest = 'x'.repeat(max)
  t.deepEqual(read([frame(TEXT, longest)], { max }), [`text ${longest}`])
  const long = frame(TEXT, `${longest}x`)
  t.deepEqual(read([long], { max }), ['bad 1009'])
  t.deepEqual(read([long.subarray(0, 4)], { max }), ['bad 1009'])
  for (const length of ['7fffffffffffffff', 'ffffffffffffffff', '0020000000000000', '0000000100000000']) {
    t.deepEqual(read([Buffer.from(`81ff${length}`, 'hex')], { max }), ['bad 1009'], length)
  }
  const parts = [frame(TEXT, longest, PART), frame(PING, 'p'), frame(CONTINUATION, '', PART), frame(CONTINUATION, 'x')]
  t.deepEqual(read(parts, { max }), ['ping p', 'bad 1009'])
  t.deepEqual(read([...parts.slice(0, 3), frame(CONTINUATION)], { max }), ['ping p', `text ${longest}`])
  t.deepEqual(read([frame(TEXT, longest), frame(TEXT, longest)], { max }), [`text ${longest}`, `text ${longest}`])
})

test('[W13] a control frame may be longer than a message', t => {
  const payload = 'p'.repeat(125)
  t.deepEqual(read(everyByte(frame(PING, payload)), { max: 1 }), [`ping ${payload}`])
})

test('[W13] a message in too many fragments is refused', t => {
  const max = 1_024
  const parts = (count: number) => [
    frame(TEXT, '', PART),
    ...Array.from({ length: count - 2 }, (_, i) => frame(CONTINUATION, i % 2 === 0 ? 'x' : '', PART)),
  ]
  const most = fragmentsMax(max)
  const message = (count: number) => Buffer.concat([...parts(count), frame(CONTINUATION)])
  t.deepEqual(read([message(most)], { max }), [`text ${'x'.repeat(most / 2 - 1)}`])
  t.deepEqual(read([message(most + 1)], { max }), ['bad 1009'])
})

test('[W14] nothing is told behind a close, nor behind what is bad', t => {
  const ends: [end: Buffer, told: string][] = [
    [frame(CLOSE, closePayload(1001, 'bye')), 'close 1001 bye'],
    [frame(TEXT, 'a', { rsv: 0x20 }), 'bad 1002'],
    [frame(BINARY, 'a'), 'bad 1003'],
    [frame(TEXT, Buffer.from([0xff])), 'bad 1007'],
  ]
  const behind = [frame(TEXT, 'a'), frame(PING), frame(CLOSE), frame(TEXT, 'c', { mask: null })]
  for (const [end, told] of ends) {
    t.deepEqual(read([Buffer.concat([end, ...behind])]), [told])
    t.deepEqual(read([end, ...behind]), [told])
    const pings = Array.from({ length: 100 }, () => frame(PING, 'p'))
    const all = read([Buffer.concat([...pings, end, ...pings])])
    t.deepEqual(all.at(-1), told)
    t.is(all.length, PINGS_A_TURN + 1, 'a ping that was put off is not told behind the end')
  }
})

test('[W15] a close tells its code and reason, or 1005', t => {
  t.deepEqual(read([frame(CLOSE)]), ['close 1005 '])
  for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]) {
    t.deepEqual(read([frame(CLOSE, closePayload(code))]), [`close ${code} `])
  }
  const reason = `${'x'.repeat(120)}€`
  t.deepEqual(read(everyByte(frame(CLOSE, closePayload(4321, reason)))), [`close 4321 ${reason}`])
  t.deepEqual(read([frame(TEXT, 'a', PART), frame(CLOSE, closePayload(1000))]), ['close 1000 '])
})

test('[W16] of a flood of pings some are told, and the last', t => {
  const pings = Array.from({ length: WORK_A_TURN }, (_, i) => frame(PING, String(i)))
  const told = read([Buffer.concat([...pings.slice(0, 100), frame(TEXT, 'between'), ...pings.slice(100, 200)])])
  const first = Array.from({ length: PINGS_A_TURN }, (_, i) => `ping ${i}`)
  t.deepEqual(told, [...first, 'text between', 'ping 199'])
  t.deepEqual(read([Buffer.concat(pings.slice(0, PINGS_A_TURN))]), first)
  t.is(read(pings).length, pings.length, 'those that come one by one are all told')
})

test('[W17] a fragment, and the beginning of a frame, do not hold the chunk that they came in', async t => {
  const filler = frame(PONG, 'x'.repeat(125))
  const rests: [what: string, frames: Buffer[], behind: Buffer, told: string[]][] = [
    ['nothing', [frame(TEXT, 'a')], frame(TEXT, 'b'), ['text a', 'text b']],
    ['a fragment', [frame(TEXT, 'a', PART)], frame(CONTINUATION, 'b'), ['text ab']],
    ['half a head', [frame(TEXT, 'a').subarray(0, 1)], frame(TEXT, 'a').subarray(1), ['text a']],
    ['half a frame', [frame(TEXT, 'abc').subarray(0, 8)], frame(TEXT, 'abc').subarray(8), ['text abc']],
  ]
  for (const [what, frames, behind, told] of rests) {
    const recorder = new Recorder()
    const reader = new WebSocketReader(BYTES_MAX, false, recorder)
    const push = () => {
      const [chunk, memory] = chunkOf(Buffer.concat([filler, filler, ...frames]))
      reader.push(chunk)
      return memory
    }
    const memory = push()
    await collectGarbage()
    t.is(memory.deref(), undefined, what)
    reader.push(behind)
    const texts = recorder.told.filter(one => one.startsWith('text'))
    t.deepEqual(texts, told, what)
  }
})

test('[W18] a push looks at so many frames, and the rest waits in order', t => {
  const recorder = new Recorder()
  const reader = new WebSocketReader(BYTES_MAX, false, recorder)
  const count = 3 * WORK_A_TURN + 5
  const texts = Array.from({ length: count + 1 }, (_, i) => String(i))
  const bytes = Buffer.concat(texts.slice(0, count).map(text => frame(TEXT, text)))
  reader.push(Buffer.from(bytes.subarray(0, -1)))
  t.is(recorder.told.length, WORK_A_TURN)
  t.true(reader.hasMore)
  reader.readMore()
  t.is(recorder.told.length, 2 * WORK_A_TURN)
  reader.push(Buffer.from(bytes.subarray(-1)))
  reader.push(frame(TEXT, String(count)))
  t.is(recorder.told.length, 2 * WORK_A_TURN, 'what is pushed meanwhile waits')
  for (let turns = 0; reader.hasMore && turns < 2; turns++) reader.readMore()
  t.false(reader.hasMore)
  t.deepEqual(
    recorder.told,
    texts.map(text => `text ${text}`),
  )
  reader.readMore()
  t.is(recorder.told.length, texts.length)
})

test('[W18] a push of just so many frames leaves nothing', t => {
  const recorder = new Recorder()
  const reader = new WebSocketReader(BYTES_MAX, false, recorder)
  const frames = Array.from({ length: WORK_A_TURN }, () => frame(PONG))
  reader.push(Buffer.concat([...frames, frame(TEXT, 'a').subarray(0, 1)]))
  t.false(reader.hasMore)
  reader.push(frame(TEXT, 'a').subarray(1))
  t.deepEqual(recorder.told.slice(WORK_A_TURN), ['text a'])
})

test('[W18] nothing waits behind the end', t => {
  const reader = new WebSocketReader(BYTES_MAX, false, new Recorder())
  const pongs = Array.from({ length: WORK_A_TURN }, () => frame(PONG))
  reader.push(Buffer.concat([...pongs.slice(1), frame(CLOSE), ...pongs]))
  t.false(reader.hasMore)
})

test('[W18] a compressed message counts as several frames', t => {
  const recorder = new Recorder()
  const reader = new WebSocketReader(BYTES_MAX, true, recorder)
  reader.push(Buffer.concat(Array.from({ length: 100 }, () => frame(TEXT, deflated('a'), { rsv: RSV1 }))))
  t.is(recorder.told.length, WORK_A_TURN / WORK_OF_INFLATE)
  t.true(reader.hasMore)
})

test('[W24] compressed messages are read among others, in fragments and cut at every byte', t => {
  const hello = Buffer.from('f248cdc9c90700', 'hex')
  const frames = [
    frame(TEXT, 'plain'),
    frame(TEXT, hello, { rsv: RSV1 }),
    frame(PING, 'p'),
    frame(TEXT, hello.subarray(0, 3), { rsv: RSV1, fin: 0 }),
    frame(PONG, 'q'),
    frame(CONTINUATION, hello.subarray(3)),
    frame(TEXT, 'pla', PART),
    frame(CONTINUATION, 'in'),
    frame(TEXT, deflated(''), { rsv: RSV1 }),
    frame(TEXT, deflated('x'.repeat(5_000)), { rsv: RSV1 }),
  ]
  const texts = ['plain', 'Hello', 'Hello', 'plain', '', 'x'.repeat(5_000)].map(text => `text ${text}`)
  const told = [...texts.slice(0, 2), 'ping p', 'pong q', ...texts.slice(2)]
  const bytes = Buffer.concat(frames)
  for (const pieces of [[bytes], frames, everyByte(bytes)]) t.deepEqual(read(pieces, { isCompressed: true }), told)
})

test('[W24] RSV1 stands on the first frame of a message and nowhere else', t => {
  for (const frames of [
    [frame(TEXT, deflated('a'), { rsv: RSV1, fin: 0 }), frame(CONTINUATION, '', { rsv: RSV1 })],
    [frame(PING, '', { rsv: RSV1 })],
    [frame(PONG, '', { rsv: RSV1 })],
    [frame(CLOSE, '', { rsv: RSV1 })],
    [frame(3, '', { rsv: RSV1 })],
    [frame(TEXT, 'a', PART), frame(TEXT, deflated('b'), { rsv: RSV1 })],
    [frame(TEXT, deflated('a'), { rsv: RSV1 | 0x20 })],
  ]) {
    t.deepEqual(read([Buffer.concat(frames)], { isCompressed: true }), ['bad 1002'])
    t.deepEqual(read(frames, { isCompressed: true }), ['bad 1002'])
  }
})

test('[W24] a compressed message that is malformed, or grows beyond the bound, is refused', t => {
  const setting = { max: 1_000, isCompressed: true }
  const readOne = (payload: Buffer) => read([frame(TEXT, payload, { rsv: RSV1 })], setting)
  t.deepEqual(readOne(deflated(Buffer.alloc(1_000, 'x'))), [`text ${'x'.repeat(1_000)}`])
  t.deepEqual(readOne(deflated(Buffer.alloc(1_001, 'x'))), ['bad 1009'])
  t.deepEqual(readOne(deflated(Buffer.alloc(900_000, 'x'))), ['bad 1009'])
  t.deepEqual(readOne(Buffer.from('Hello')), ['bad 1007'])
})

test('[W10] whatever is sent, however it is cut, is told as it was sent', t => {
  for (let round = 0; round < 300; round++) {
    const random = new Random(seedOr(round))
    const isCompressed = random.chance(0.5)
    const frames: Buffer[] = []
    const told: string[] = []
    const count = 1 + random.int(12)
    for (let i = 0; i < count; i++) {
      const length = random.int(random.pick([2, 30, 126, 300, 5_000, 70_000]))
      const text = random.pick(['a', 'é', '€', '😀', '{"x":1}']).repeat(length).slice(0, length).toWellFormed()
      const isDeflated = isCompressed && random.chance(0.5)
      const payload = isDeflated ? deflated(text) : Buffer.from(text)
      const parts = 1 + random.int(random.pick([1, 1, 4]))
      for (let part = 0, at = 0; part < parts; part++) {
        const isLast = part === parts - 1
        const end = isLast ? payload.length : at + random.int(payload.length - at + 1)
        const mask = Buffer.from(Array.from({ length: 4 }, () => random.int(256)))
        const rsv = isDeflated && part === 0 ? RSV1 : 0
        const opcode = part === 0 ? TEXT : CONTINUATION
        frames.push(frame(opcode, payload.subarray(at, end), { fin: isLast ? 0x80 : 0, rsv, mask }))
        at = end
        if (isLast) told.push(`text ${text}`)
        if (!random.chance(0.3)) continue
        const [kind, control] = random.pick(CONTROLS)
        const word = 'w'.repeat(random.int(126))
        frames.push(frame(control, word, { mask }))
        told.push(`${kind} ${word}`)
      }
    }
    const bytes = Buffer.concat(frames)
    const cuts = Array.from({ length: random.int(20) }, () => random.int(bytes.length + 1)).sort((a, b) => a - b)
    const pieces = cutAt(bytes, cuts)
    t.deepEqual(read(pieces, { max: 400_000, isCompressed }), told, `SEED=${random.seed}`)
  }
})

test('[W10] bytes that mean nothing end in one refusal or in silence, and never in an exception', t => {
  for (let round = 0; round < 2_000; round++) {
    const random = new Random(seedOr(10_000 + round))
    const good = [frame(TEXT, 'a'), frame(TEXT, 'b', PART), frame(CONTINUATION, 'c'), frame(PING, 'd')]
    const frames = Array.from({ length: 1 + random.int(4) }, () => Buffer.from(random.pick(good)))
    const bytes = Buffer.concat(frames)
    for (let i = random.int(4); i >= 0; i--) bytes[random.int(bytes.length)] = random.int(256)
    const setting = { max: 1_000, isCompressed: random.chance(0.5) }
    const whole = read([bytes], setting)
    t.true(whole.filter(one => /^(bad|close)/.test(one)).length <= 1, `SEED=${random.seed}`)
    t.deepEqual(read(everyByte(bytes), setting), whole, `SEED=${random.seed}`)
  }
})

test('[W10] a reader is not pushed to by its own handler, and has a bound', t => {
  const recorder = new Recorder()
  const reader: WebSocketReader = new WebSocketReader(BYTES_MAX, false, recorder)
  recorder.onText = () => reader.push(frame(TEXT, 'b'))
  t.throws(() => reader.push(frame(TEXT, 'a')), { message: /handler/ })
  t.throws(() => new WebSocketReader(0, false, recorder), { message: /may have bytes/ })
  t.throws(() => new WebSocketReader(2 ** 31, false, recorder), { message: /longer/ })
})

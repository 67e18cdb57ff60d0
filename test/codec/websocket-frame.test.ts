import test from 'ava'
import { Receiver } from 'ws'
import {
  CLOSE_NO_CODE,
  closeCodeOf,
  closeFrame,
  controlFrame,
  FRAME_HEAD_BYTES_MAX,
  frameHeadBytes,
  OPCODE_CLOSE,
  OPCODE_PING,
  OPCODE_PONG,
  OPCODE_TEXT,
  writeFrameHead,
} from '#src/codec/websocket-frame.ts'
import type { ClientErrorCode } from '#src/errors.ts'

const FILL = 0xee

/** What ws makes of server frames, as a client. */
function readByWs(bytes: Buffer): string[] {
  const told: string[] = []
  const receiver = new Receiver({ isServer: false })
  receiver.on('message', (message, isBinary) => told.push(`${isBinary ? 'binary' : 'text'} ${message.toString()}`))
  receiver.on('ping', payload => told.push(`ping ${payload.toString()}`))
  receiver.on('pong', payload => told.push(`pong ${payload.toString()}`))
  receiver.on('conclude', (code, reason) => told.push(`close ${code} ${reason.toString()}`))
  receiver.on('error', error => told.push(`error ${error.message}`))
  receiver.write(bytes)
  return receiver.errored === null ? told : [...told, `error ${receiver.errored.message}`]
}

/** The text between two runs of other bytes, with its head put before it. */
function framed(text: string, opcode = OPCODE_TEXT, isCompressed = false): { frame: Buffer; around: Buffer } {
  const payloadAt = 32
  const length = Buffer.byteLength(text)
  const out = Buffer.alloc(payloadAt + length + 16, FILL)
  out.write(text, payloadAt)
  const start = writeFrameHead(out, payloadAt, length, opcode, isCompressed)
  const end = payloadAt + length
  return { frame: out.subarray(start, end), around: Buffer.concat([out.subarray(0, start), out.subarray(end)]) }
}

const HEADS: [payloadBytes: number, head: string][] = [
  [0, '8100'],
  [1, '8101'],
  [125, '817d'],
  [126, '817e007e'],
  [127, '817e007f'],
  [256, '817e0100'],
  [65_535, '817effff'],
  [65_536, '817f0000000000010000'],
  [0x0123_4567, '817f0000000001234567'],
  [0xffff_ffff, '817f00000000ffffffff'],
  [0x1_0000_0005, '817f0000000100000005'],
]

for (const [payloadBytes, head] of HEADS) {
  test(`[W5] the head of ${payloadBytes} bytes is ${head}`, t => {
    const out = Buffer.alloc(32, FILL)
    const start = writeFrameHead(out, 20, payloadBytes, OPCODE_TEXT, false)
    t.is(out.subarray(start, 20).toString('hex'), head)
    t.is(frameHeadBytes(payloadBytes), head.length / 2)
    t.true(frameHeadBytes(payloadBytes) <= FRAME_HEAD_BYTES_MAX)
    t.true(Buffer.concat([out.subarray(0, start), out.subarray(20)]).every(byte => byte === FILL))
  })
}

test('[W5] a head needs its room', t => {
  t.is(writeFrameHead(Buffer.alloc(8), 4, 126, OPCODE_TEXT, false), 0)
  t.throws(() => writeFrameHead(Buffer.alloc(8), 3, 126, OPCODE_TEXT, false), { message: /room/ })
})

test('[W5] the unmasked frames of RFC 6455 are written', t => {
  t.is(framed('Hello').frame.toString('hex'), '810548656c6c6f')
  t.is(framed('Hello', OPCODE_PING).frame.toString('hex'), '890548656c6c6f')
  t.is(controlFrame(OPCODE_PONG, Buffer.from('Hello')).toString('hex'), '8a0548656c6c6f')
})

test('[W5] RSV1 tells that a message is compressed', t => {
  t.is(framed('Hello', OPCODE_TEXT, true).frame.toString('hex'), 'c10548656c6c6f')
})

test('[W5] a payload of any length stays as it is, and so does what is around it', t => {
  for (const length of [0, 1, 125, 126, 127, 65_535, 65_536, 70_001]) {
    const text = 'x'.repeat(length)
    const { frame, around } = framed(text)
    t.deepEqual(readByWs(frame), [`text ${text}`])
    t.true(around.every(byte => byte === FILL))
    t.is(around.length, 48 - frameHeadBytes(length))
  }
})

test('[W5] ws reads frames of all kinds in a row', t => {
  const frames = [
    framed('{"a":1}\n').frame,
    controlFrame(OPCODE_PING, Buffer.from('16384')),
    framed('grün €').frame,
    controlFrame(OPCODE_PONG, Buffer.alloc(0)),
    closeFrame(4000, 'SESSION_REBOUND'),
  ]
  t.deepEqual(readByWs(Buffer.concat(frames)), [
    'text {"a":1}\n',
    'ping 16384',
    'text grün €',
    'pong ',
    'close 4000 SESSION_REBOUND',
  ])
})

test('[W6] a control frame holds 125 bytes and no more', t => {
  const longest = Buffer.alloc(125, 0x61)
  t.deepEqual(readByWs(controlFrame(OPCODE_PING, longest)), [`ping ${longest.toString()}`])
  t.throws(() => controlFrame(OPCODE_PONG, Buffer.alloc(126)), { message: /short/ })
  t.throws(() => writeFrameHead(Buffer.alloc(32), 16, 126, OPCODE_CLOSE, false), { message: /short/ })
  t.throws(() => controlFrame(OPCODE_TEXT, Buffer.alloc(1)), { message: /opcode/ })
})

test('[W6] the payload of a control frame is copied', t => {
  const payload = Buffer.from('abc')
  const frame = controlFrame(OPCODE_PONG, payload)
  payload.fill(0)
  t.deepEqual(readByWs(frame), ['pong abc'])
})

const REASONS: [reason: string, kept: string][] = [
  ['', ''],
  ['going', 'going'],
  ['x'.repeat(123), 'x'.repeat(123)],
  ['x'.repeat(124), 'x'.repeat(123)],
  [`${'x'.repeat(121)}é`, `${'x'.repeat(121)}é`],
  [`${'x'.repeat(122)}é`, 'x'.repeat(122)],
  [`${'x'.repeat(121)}€`, 'x'.repeat(121)],
  [`${'x'.repeat(120)}😀`, 'x'.repeat(120)],
  [`${'x'.repeat(119)}😀y`, `${'x'.repeat(119)}😀`],
  ['é'.repeat(100), 'é'.repeat(61)],
  ['\ud800', '\ufffd'],
]

for (const [reason, kept] of REASONS) {
  const what = `a reason of ${Buffer.byteLength(reason)} bytes that ends in ${JSON.stringify(reason.slice(-4))}`
  test(`[W6] of ${what} a close says ${Buffer.byteLength(kept)} bytes`, t => {
    t.deepEqual(readByWs(closeFrame(1001, reason)), [`close 1001 ${kept}`])
  })
}

test('[W6] a close without a code is empty', t => {
  t.is(closeFrame(CLOSE_NO_CODE, 'not sent').toString('hex'), '8800')
  t.deepEqual(readByWs(closeFrame(CLOSE_NO_CODE, '')), ['close 1005 '])
})

test('[W6] a code that no frame may have is a broken invariant', t => {
  for (const code of [1000, 1003, 1007, 1014, 3000, 4999]) {
    t.deepEqual(readByWs(closeFrame(code, '')), [`close ${code} `])
  }
  for (const code of [0, 999, 1004, 1006, 1015, 2999, 5000]) t.throws(() => closeFrame(code, ''), { message: /code/ })
})

const CODES: [code: ClientErrorCode, closeCode: number][] = [
  ['SESSION_DESTROYED', 1000],
  ['SERVER_CLOSING', 1001],
  ['REQUEST_INVALID', 1008],
  ['SESSION_REBOUND', 4000],
  ['NO_PROGRESS', 4001],
  ['UPDATES_LOST', 4002],
  ['SERVER_BUSY', 4002],
]

for (const [code, closeCode] of CODES) {
  test(`[W7] ${code} closes with ${closeCode}`, t => {
    t.is(closeCodeOf(code), closeCode)
  })
}

/** What a load client says over a WebSocket, against what it was sent as a whole. */

import test from 'ava'
import { FrameFollower } from '#perf/load/frame-follower.ts'
import {
  controlFrame,
  frameHeadBytes,
  OPCODE_CLOSE,
  OPCODE_PING,
  OPCODE_PONG,
  OPCODE_TEXT,
  writeFrameHead,
} from '#src/codec/websocket-frame.ts'
import { upgradeHead } from '#src/codec/websocket-handshake.ts'
import { Random, seedOr } from '#test/support/random.ts'

interface Sent {
  readonly bytes: Buffer
  /** Where each ping ends, with the pong that it is due then. */
  readonly pongs: readonly { readonly at: number; readonly bytes: Buffer }[]
}

interface Frame {
  readonly opcode: number
  readonly payload: Buffer
}

const HANDSHAKE = upgradeHead('bWlsbHJhY2UgaGFybmVzcw==', null)
const ROUNDS = 200
const CUTS_MAX = 2_000

function frameOf({ opcode, payload }: Frame): Buffer {
  if (opcode !== OPCODE_TEXT) return controlFrame(opcode, payload)
  const head = Buffer.alloc(frameHeadBytes(payload.length))
  writeFrameHead(head, head.length, payload.length, opcode, false)
  return Buffer.concat([head, payload])
}

function streamOf(frames: readonly Frame[]): Sent {
  let bytes = HANDSHAKE
  const pongs: { at: number; bytes: Buffer }[] = []
  for (const frame of frames) {
    bytes = Buffer.concat([bytes, frameOf(frame)])
    const { opcode, payload } = frame
    const head = Buffer.from([0x8a, 0x80 | payload.length, 0, 0, 0, 0])
    if (opcode === OPCODE_PING) pongs.push({ at: bytes.length, bytes: Buffer.concat([head, payload]) })
  }
  return { bytes, pongs }
}

/** What is due between two places of a stream: nothing is null, as the follower has it. */
function dueBetween({ pongs }: Sent, from: number, to: number): Buffer | null {
  const due = pongs.filter(({ at }) => at > from && at <= to)
  return due.length === 0 ? null : Buffer.concat(due.map(({ bytes }) => bytes))
}

/** A payload may be anything, also what looks like a ping. */
function payloadOf(random: Random, length: number): Buffer {
  const ping = controlFrame(OPCODE_PING, Buffer.from('none'))
  return Buffer.alloc(length, random.pick([ping, Buffer.from('{"at":"0123456789012"}\n')]))
}

function framesOf(random: Random, count: number): Frame[] {
  return Array.from({ length: count }, () => {
    const opcode = random.pick([OPCODE_TEXT, OPCODE_TEXT, OPCODE_PING, OPCODE_PING, OPCODE_PONG])
    const length = random.pick(opcode === OPCODE_TEXT ? [0, 1, 125, 126, 300, 65_535, 65_536] : [0, 1, 4, 125])
    return { opcode, payload: payloadOf(random, length) }
  })
}

/** The first part, from one cut to the next, whose reply is not what is due; null: there is none. */
function wrongPart(sent: Sent, cuts: readonly number[]): string | null {
  const follower = new FrameFollower()
  let from = 0
  for (const to of [...cuts, sent.bytes.length]) {
    const reply = follower.follow(sent.bytes, from, to)
    const due = dueBetween(sent, from, to)
    const isRight = due === null ? reply === null : reply?.equals(due) === true
    if (!isRight || follower.isOver) return `cut at ${cuts.slice(0, 50)}: ${from} to ${to}`
    from = to
  }
  return null
}

function pingsAmong(random: Random, lengths: readonly number[]): Sent {
  const frames = lengths.flatMap((length): Frame[] => [
    { opcode: OPCODE_TEXT, payload: payloadOf(random, length) },
    { opcode: OPCODE_PING, payload: payloadOf(random, Math.min(125, length)) },
    { opcode: OPCODE_PONG, payload: payloadOf(random, 4) },
  ])
  return streamOf([...frames, { opcode: OPCODE_CLOSE, payload: Buffer.from([0x03, 0xe8]) }])
}

test('[PF30] cut at any byte, each ping is answered as soon as it is whole, and nothing else', t => {
  const random = new Random(seedOr(30))
  const short = pingsAmong(random, [0, 5, 126, 300])
  t.is(short.pongs.length, 4)
  for (let cut = 0; cut <= short.bytes.length; cut++) t.is(wrongPart(short, [cut]), null)
  // Of a long frame the cuts in its head and at its end, with the ping behind it.
  const long = pingsAmong(random, [65_536])
  for (let cut = 0; cut < 200; cut++) {
    t.is(wrongPart(long, [cut]), null)
    t.is(wrongPart(long, [long.bytes.length - cut]), null)
  }
})

test('[PF30] in whatever parts frames come, what is due is answered, part by part', t => {
  const random = new Random(seedOr(31))
  for (let round = 0; round < ROUNDS; round++) {
    const sent = streamOf(framesOf(random, random.int(20)))
    const lengthMax = random.pick([1, 3, 20, 1_000, 65_536])
    const cuts: number[] = []
    // Cuts stop where they are many: one byte at a time is slow behind the first long frame, and tells no more.
    for (let at = 0; at < sent.bytes.length && cuts.length < CUTS_MAX; at += 1 + random.int(lengthMax)) cuts.push(at)
    t.is(wrongPart(sent, cuts), null, `seed ${random.seed}, round ${round}`)
  }
})

test('[PF30] a WebSocket goes on over no other connection', t => {
  const follower = new FrameFollower()
  follower.follow(HANDSHAKE, 0, HANDSHAKE.length)
  t.is(follower.goOn(), null)
})

const PING = controlFrame(OPCODE_PING, Buffer.from('ping'))
const OVER: readonly [string, Buffer][] = [
  ['an answer that is no upgrade', Buffer.from('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n')],
  ['a head without an end', Buffer.alloc(2_000, 'x')],
  ['a masked frame', Buffer.concat([HANDSHAKE, Buffer.from([0x89, 0x84, 0, 0, 0, 0]), Buffer.from('ping')])],
  ['a fragment', Buffer.concat([HANDSHAKE, Buffer.from([0x01, 0x01, 0x61])])],
  ['a continuation', Buffer.concat([HANDSHAKE, Buffer.from([0x80, 0x01, 0x61])])],
  ['a binary message', Buffer.concat([HANDSHAKE, Buffer.from([0x82, 0x01, 0x61])])],
  ['a compressed message', Buffer.concat([HANDSHAKE, Buffer.from([0xc1, 0x01, 0x61])])],
  ['a long ping', Buffer.concat([HANDSHAKE, Buffer.from([0x89, 0x7e, 0x00, 0x7e]), Buffer.alloc(126)])],
]

for (const [what, bytes] of OVER) {
  test(`[PF31] a WebSocket is not followed behind ${what}`, t => {
    const follower = new FrameFollower()
    t.is(follower.follow(Buffer.concat([bytes, PING]), 0, bytes.length + PING.length), null)
    t.true(follower.isOver)
  })
}

/**
 * A client's WebSocket frames (RFC 6455, section 5) out of bytes, without a socket. The only door to ws, whose Receiver
 * checks the frames, takes off their masks and puts fragments together.
 *
 * The Receiver is a stream of some 900 bytes, and its chunks and fragments are views of whatever came from the socket.
 * So the reader walks over the heads of frames ahead of it, and knows where each frame ends:
 *
 *  - Between two messages there is no Receiver: it is made when bytes come (0.7 µs), and dropped at a message's end.
 *  - It gets the head of a frame as soon as that is whole, so that a bad one is refused at once, and the payload when
 *    that is whole. What there is of it waits here, in memory of its own.
 *  - A fragment, which the Receiver keeps until the message is whole, is a copy: a byte does not hold the 64 KiB that
 *    it came in.
 *  - A compressed message loses its RSV1 on the way to the Receiver, which would inflate it elsewhere and later, and is
 *    inflated here.
 *
 * The walk decides nothing but that; whether a frame is good is the Receiver's word alone, and so is the bound on its
 * length. (It lets pass a length that is written in more bytes than it needs.)
 *
 * Everything is told within the push that it came with (the Receiver's events are synchronous, and so is `errored`, the
 * stream's own property), or within one of the readMore that follow.
 *
 * Invariants (test/rules.md, W):
 *  - However the bytes are cut, the handler is told the same in the same order (of many pings, some), and nothing
 *    behind onClose or onBad.
 *  - A reader holds at most messageBytesMax of a message that is not whole, in fragmentsMax(messageBytesMax) parts, and
 *    a control frame; while hasMore, what was pushed besides.
 *  - A push and a readMore look at no more frames than WORK_A_TURN: what is left waits for readMore.
 *
 * Cost: some 1.5 µs for a frame that comes alone, 1 µs in a row, 25 µs for a compressed message; 190 bytes a reader
 * between messages, 1,300 within one.
 */

import { isUtf8 } from 'node:buffer'
import { Receiver } from 'ws'
import { assert } from '#src/assert.ts'
import { inflate } from './websocket-deflate.ts'
import {
  CLOSE_BAD_DATA,
  CLOSE_NOT_TEXT,
  CLOSE_PROTOCOL_ERROR,
  CLOSE_TOO_BIG,
  CONTROL_BYTES_MAX,
  FIN,
  FRAME_HEAD_BYTES_MAX,
  LENGTH_16,
  LENGTH_64,
  LENGTH_MASK,
  OPCODE_BINARY,
  OPCODE_CLOSE,
  OPCODE_MASK,
  OPCODE_TEXT,
  RSV1,
} from './websocket-frame.ts'

/** What of ws is used and its types do not tell. */
declare module 'ws' {
  export class Receiver {
    constructor(options: {
      readonly isServer: boolean
      readonly allowSynchronousEvents?: boolean
      readonly maxFragments?: number
      readonly maxPayload?: number
      readonly skipUTF8Validation?: boolean
      readonly extensions?: object
    })
    /** Set before `write` returns. */
    readonly errored: (Error & { readonly code?: string }) | null
    write(bytes: Buffer): boolean
    on(event: 'message', listener: (bytes: Buffer, isBinary: boolean) => void): this
    on(event: 'ping' | 'pong', listener: (payload: Buffer) => void): this
    on(event: 'conclude', listener: (code: number, reason: Buffer) => void): this
    on(event: 'error', listener: (error: Error) => void): this
  }
}

/** Payloads are views, good until the call returns. */
export interface WebSocketHandler {
  onText(text: string): void
  onPing(payload: Buffer): void
  onPong(payload: Buffer): void
  /** The peer closes; 1005 when it named no code. Nothing comes behind it. */
  onClose(code: number, reason: string): void
  /** The peer is to be told this code and reason. Nothing comes behind it. */
  onBad(closeCode: number, message: string): void
}

/** Frames that a push looks at before others have their turn. */
export const WORK_A_TURN = 256
/** A compressed message is as much work as so many frames. */
export const WORK_OF_INFLATE = 8
/** Pings that are told of one turn; of what is beyond, the last (RFC 6455, 5.5.3). */
export const PINGS_A_TURN = 16

/** Each fragment costs some 300 bytes beside its own: so many, and one more for each 256 bytes of the bound. */
const FRAGMENTS_MIN = 128
const FRAGMENT_BYTES = 256

const MASK_BYTES = 4
const RANGE_32 = 0x1_0000_0000
/** The longest message that anybody may set; the Receiver keeps it in 31 bits. */
const MESSAGE_BYTES_MAX_MAX = 2 ** 31 - 1
/** The least that is taken for a frame that is not whole. */
const HELD_BYTES_MIN = 64
const NOTHING = Buffer.alloc(0)

/** Close codes of the Receiver's errors; the others are errors of the protocol. */
const CLOSE_CODES: Readonly<Record<string, number>> = {
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: CLOSE_TOO_BIG,
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: CLOSE_TOO_BIG,
  WS_ERR_TOO_MANY_BUFFERED_PARTS: CLOSE_TOO_BIG,
}

/** The parts that a message of at most `messageBytesMax` may come in. */
export function fragmentsMax(messageBytesMax: number): number {
  return FRAGMENTS_MIN + Math.floor(messageBytesMax / FRAGMENT_BYTES)
}

export class WebSocketReader {
  readonly #handler: WebSocketHandler
  readonly #messageBytesMax: number
  /** permessage-deflate was agreed on. */
  readonly #isCompressed: boolean
  /** Null between messages. */
  #receiver: Receiver | null = null
  /** The first `heldBytes` of it came and wait for what follows. */
  #held: Buffer = NOTHING
  #heldBytes = 0
  /** Mask and payload of the frame whose head the Receiver has had; 0 at the end of a frame. */
  #restBytes = 0
  /** Of the frame that restBytes is about: the Receiver keeps it, as others of its message follow. */
  #isFragment = false
  /** Fragments of a message have come, the last has not. */
  #isInMessage = false
  /** Of the last message that began. */
  #isDeflated = false
  #hasMore = false
  #isReading = false
  #isOver = false
  #pings = 0
  #lastPing: Buffer | null = null

  constructor(messageBytesMax: number, isCompressed: boolean, handler: WebSocketHandler) {
    assert(messageBytesMax > 0, 'a message may have bytes')
    assert(messageBytesMax <= MESSAGE_BYTES_MAX_MAX, 'the Receiver knows no longer message')
    this.#messageBytesMax = messageBytesMax
    this.#isCompressed = isCompressed
    this.#handler = handler
  }

  /** True when frames wait for their turn. The socket is to be paused: what is pushed meanwhile waits behind them. */
  get hasMore(): boolean {
    return this.#hasMore
  }

  /** Reads what came from the socket. The bytes are the reader's: it changes them. */
  push(bytes: Buffer): void {
    if (this.#isOver) return
    if (this.#heldBytes === 0) this.#turn(bytes)
    else if (this.#hasMore) this.#append(bytes)
    else this.#turn(this.#append(bytes))
  }

  /** Goes on with what the last turn left. */
  readMore(): void {
    if (!this.#hasMore) return
    const bytes = this.#held.subarray(0, this.#heldBytes)
    this.#heldBytes = 0
    this.#turn(bytes)
  }

  #turn(bytes: Buffer): void {
    assert(!this.#isReading, 'a handler does not push to its own reader')
    this.#isReading = true
    this.#hasMore = false
    this.#pings = 0
    const readBytes = this.#walk(bytes)
    if (this.#lastPing !== null && !this.#isOver) this.#handler.onPing(this.#lastPing)
    this.#lastPing = null
    this.#isReading = false
    if (this.#isOver) this.#release()
    else this.#keep(bytes, readBytes)
  }

  /** Hands the Receiver what is whole; returns where what is not begins. */
  #walk(bytes: Buffer): number {
    let fedBytes = 0
    let at = 0
    let work = 0
    while (!this.#isOver) {
      if (this.#restBytes === 0) {
        const headEnd = endOfHead(bytes, at)
        if (headEnd < 0) break
        if (work >= WORK_A_TURN) {
          this.#hasMore = true
          break
        }
        if (this.#beginsOtherKind(bytes[at]!)) {
          this.#feed(bytes.subarray(fedBytes, at))
          fedBytes = at
        }
        work += this.#beginFrame(bytes, at, headEnd)
        at = headEnd
      }
      const end = at + this.#restBytes
      if (end > bytes.length) break
      if (this.#isFragment) {
        this.#feed(bytes.subarray(fedBytes, at))
        this.#feed(copyOf(bytes, at, end))
        fedBytes = end
      }
      this.#restBytes = 0
      at = end
    }
    this.#feed(bytes.subarray(fedBytes, at))
    return at
  }

  /** A compressed message begins behind a plain one, or a plain one behind a compressed one. */
  #beginsOtherKind(first: number): boolean {
    return this.#isCompressed && isFirstOfMessage(first) && ((first & RSV1) !== 0) !== this.#isDeflated
  }

  /** Takes the head of a frame into account; returns how much work the frame is. */
  #beginFrame(bytes: Buffer, at: number, headEnd: number): number {
    const first = bytes[at]!
    const isData = (first & OPCODE_MASK) < OPCODE_CLOSE
    let work = 1
    if (this.#isCompressed && isFirstOfMessage(first)) {
      this.#isDeflated = (first & RSV1) !== 0
      if (this.#isDeflated) {
        // The Receiver knows no extension: RSV1 that stays where it is, on any other frame, is an error.
        bytes[at] = first & ~RSV1
        work = WORK_OF_INFLATE
      }
    }
    if (isData) this.#isInMessage = (first & FIN) === 0
    this.#isFragment = isData && this.#isInMessage
    this.#restBytes = MASK_BYTES + payloadBytes(bytes, at, headEnd)
    return work
  }

  #feed(part: Buffer): void {
    if (this.#isOver || part.length === 0) return
    this.#receiver ??= this.#newReceiver()
    this.#receiver.write(part)
    const { errored } = this.#receiver
    if (errored !== null) this.#bad(CLOSE_CODES[errored.code ?? ''] ?? CLOSE_PROTOCOL_ERROR, errored.message)
  }

  #newReceiver(): Receiver {
    const receiver = new Receiver({
      isServer: true,
      allowSynchronousEvents: true,
      maxFragments: fragmentsMax(this.#messageBytesMax),
      maxPayload: this.#messageBytesMax,
      // What is inflated here is checked here, and so is the rest.
      skipUTF8Validation: true,
    })
    receiver.on('message', (bytes, isBinary) => this.#onMessage(bytes, isBinary))
    receiver.on('ping', payload => this.#onPing(payload))
    receiver.on('pong', payload => {
      if (!this.#isOver) this.#handler.onPong(payload)
    })
    receiver.on('conclude', (code, reason) => this.#onConclude(code, reason))
    // Told a second time, and later, what `errored` has told.
    receiver.on('error', ignore)
    return receiver
  }

  #onMessage(bytes: Buffer, isBinary: boolean): void {
    if (this.#isOver) return
    if (isBinary) {
      this.#bad(CLOSE_NOT_TEXT, 'messages are text')
      return
    }
    const text = this.#isDeflated ? inflate(bytes, this.#messageBytesMax) : bytes
    if (text === CLOSE_TOO_BIG) this.#bad(text, 'a message is too long')
    else if (text === CLOSE_BAD_DATA) this.#bad(text, 'a compressed message is malformed')
    else if (!isUtf8(text)) this.#bad(CLOSE_BAD_DATA, 'a message is not UTF-8')
    else this.#handler.onText(text.toString('utf8'))
  }

  #onPing(payload: Buffer): void {
    if (this.#isOver) return
    this.#pings++
    if (this.#pings > PINGS_A_TURN) this.#lastPing = payload
    else this.#handler.onPing(payload)
  }

  #onConclude(code: number, reason: Buffer): void {
    if (this.#isOver) return
    if (!isUtf8(reason)) {
      this.#bad(CLOSE_BAD_DATA, 'the reason of a close is not UTF-8')
      return
    }
    this.#isOver = true
    this.#handler.onClose(code, reason.toString('utf8'))
  }

  #bad(closeCode: number, message: string): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#handler.onBad(closeCode, message)
  }

  /** Puts bytes behind those that are held, in the same memory while there is room; returns them all. */
  #append(bytes: Buffer): Buffer {
    const total = this.#heldBytes + bytes.length
    if (total > this.#held.length) {
      const held = Buffer.allocUnsafeSlow(Math.max(total, Math.min(2 * this.#held.length, this.#wantedBytes())))
      this.#held.copy(held, 0, 0, this.#heldBytes)
      this.#held = held
    }
    bytes.copy(this.#held, this.#heldBytes)
    this.#heldBytes = total
    return this.#held.subarray(0, total)
  }

  /** Behind a turn: holds what was not read, and lets go of the rest. */
  #keep(bytes: Buffer, readBytes: number): void {
    assert(
      this.#restBytes <= MASK_BYTES + Math.max(this.#messageBytesMax, CONTROL_BYTES_MAX),
      'the Receiver has refused the head of a frame beyond the bound',
    )
    if (this.#restBytes === 0 && !this.#isInMessage) this.#receiver = null
    const leftBytes = bytes.length - readBytes
    // Nothing was read of what is held already.
    if (readBytes === 0 && leftBytes === this.#heldBytes) return
    this.#heldBytes = leftBytes
    if (leftBytes === 0) {
      this.#held = NOTHING
    } else if (this.#hasMore) {
      this.#held = bytes.subarray(readBytes)
    } else {
      this.#held = Buffer.allocUnsafeSlow(Math.min(Math.max(2 * leftBytes, HELD_BYTES_MIN), this.#wantedBytes()))
      bytes.copy(this.#held, 0, readBytes)
    }
  }

  /** How many bytes make the frame under way whole, or its head if that is not there. */
  #wantedBytes(): number {
    return this.#restBytes > 0 ? this.#restBytes : FRAME_HEAD_BYTES_MAX
  }

  #release(): void {
    this.#receiver = null
    this.#held = NOTHING
    this.#heldBytes = 0
    this.#hasMore = false
  }
}

/** Whether this first byte of a frame begins a message. */
function isFirstOfMessage(first: number): boolean {
  const opcode = first & OPCODE_MASK
  return opcode === OPCODE_TEXT || opcode === OPCODE_BINARY
}

/** The offset behind the flags and the length of the frame at `at`; -1 when they are not whole. */
function endOfHead(bytes: Buffer, at: number): number {
  if (bytes.length - at < 2) return -1
  const length = bytes[at + 1]! & LENGTH_MASK
  const end = at + (length === LENGTH_64 ? FRAME_HEAD_BYTES_MAX : length === LENGTH_16 ? 4 : 2)
  return end <= bytes.length ? end : -1
}

/** The payload length in the head from `at` to `headEnd`; beyond 2^53 not to the byte. */
function payloadBytes(bytes: Buffer, at: number, headEnd: number): number {
  const length = bytes[at + 1]! & LENGTH_MASK
  if (headEnd === at + 2) return length
  if (length === LENGTH_16) return bytes.readUInt16BE(at + 2)
  return bytes.readUInt32BE(at + 2) * RANGE_32 + bytes.readUInt32BE(at + 6)
}

function copyOf(bytes: Buffer, start: number, end: number): Buffer {
  const own = Buffer.allocUnsafeSlow(end - start)
  bytes.copy(own, 0, start, end)
  return own
}

function ignore(): void {}

/**
 * Follows the frames of a WebSocket, whose server wants its pings answered: what they follow has then arrived. The heads of
 * frames are read, payloads are stepped over, but for a ping's, which comes back in its pong. The handshake's answer is
 * looked at for its status alone.
 *
 * Invariants (test/rules.md, PF):
 *  - However the bytes are cut, each ping is answered once, in order, as soon as it is whole; nothing else is.
 *  - A server sends messages of one frame (docs/protocol.md, 1), unmasked and not compressed, as no extension was asked for:
 *    whatever else a head says, the stream is not followed any more.
 *
 * Cost: less than 0.1 µs a frame, whatever its length, on a busy machine.
 */

import {
  CONTROL_BYTES_MAX,
  FIN,
  FRAME_HEAD_BYTES_MAX,
  LENGTH_16,
  LENGTH_64,
  OPCODE_CLOSE,
  OPCODE_PING,
  OPCODE_PONG,
  OPCODE_TEXT,
} from '#src/codec/websocket-frame.ts'
import type { StreamFollower } from './follower.ts'
import { HttpHead } from './http-head.ts'
import { maskedFrame } from './masked-frame.ts'

const UPGRADED = 'HTTP/1.1 101 '
const RANGE_32 = 0x1_0000_0000
const PING = FIN | OPCODE_PING
const CONTROLS: readonly number[] = [PING, FIN | OPCODE_PONG, FIN | OPCODE_CLOSE]

export class FrameFollower implements StreamFollower {
  isOver = false
  /** Of the handshake; null behind it. */
  #handshake: HttpHead | null = new HttpHead()
  /** What there is of a frame's head. */
  readonly #head = Buffer.alloc(FRAME_HEAD_BYTES_MAX)
  #headLength = 0
  /** Bytes of the payload that are still to come. */
  #left = 0
  /** The answer to the ping at hand, which its payload is written into. */
  #pong: Buffer | null = null

  follow(bytes: Buffer, start: number, end: number): Buffer | null {
    let at = this.#handshake === null ? start : this.#shake(this.#handshake, bytes, start, end)
    let reply: Buffer | null = null
    while (at < end && !this.isOver) {
      if (this.#left > 0) {
        const behind = Math.min(end, at + this.#left)
        if (this.#pong !== null) bytes.copy(this.#pong, this.#pong.length - this.#left, at, behind)
        this.#left -= behind - at
        at = behind
      } else {
        this.#head[this.#headLength++] = bytes[at++]!
        if (this.#headLength < headBytes(this.#head, this.#headLength)) continue
        this.#headLength = 0
        this.#begin(this.#head)
      }
      if (this.#left > 0 || this.#pong === null) continue
      reply = reply === null ? this.#pong : Buffer.concat([reply, this.#pong])
      this.#pong = null
    }
    return reply
  }

  /** A WebSocket is its connection. */
  goOn(): null {
    return null
  }

  /** Returns the offset behind the handshake, `end` while that is not whole. */
  #shake(handshake: HttpHead, bytes: Buffer, start: number, end: number): number {
    const at = handshake.take(bytes, start, end)
    if (at < 0) {
      this.isOver = handshake.isTooLong
      return end
    }
    this.isOver = !handshake.text.startsWith(UPGRADED)
    this.#handshake = null
    return at
  }

  #begin(head: Buffer): void {
    const [first, length] = [head[0]!, head[1]!]
    this.#left = payloadBytes(head, length)
    this.isOver = length > LENGTH_64 || !isExpected(first, this.#left)
    if (!this.isOver && first === PING) this.#pong = maskedFrame(OPCODE_PONG, Buffer.alloc(this.#left))
  }
}

function isExpected(first: number, length: number): boolean {
  return first === (FIN | OPCODE_TEXT) || (length <= CONTROL_BYTES_MAX && CONTROLS.includes(first))
}

/** How long a head is of which `length` bytes are there: at least 2. */
function headBytes(head: Buffer, length: number): number {
  if (length < 2 || head[1]! < LENGTH_16) return 2
  return head[1] === LENGTH_16 ? 4 : FRAME_HEAD_BYTES_MAX
}

function payloadBytes(head: Buffer, length: number): number {
  if (length < LENGTH_16) return length
  return length === LENGTH_16 ? head.readUInt16BE(2) : head.readUInt32BE(2) * RANGE_32 + head.readUInt32BE(6)
}

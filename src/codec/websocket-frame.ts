/**
 * WebSocket frames (RFC 6455, 5.2) as the server writes them: never masked, never in fragments. Pure functions of
 * numbers and bytes; what only control frames need may allocate, the head of a flush does not.
 *
 *     byte 0      FIN 0x80 · RSV1 0x40 (the message is compressed, RFC 7692) · RSV2 0x20 · RSV3 0x10 · opcode
 *     byte 1      MASK 0x80 (a client's frames only) · payload length up to 125; 126, 127: it follows in 2, 8 bytes
 *     bytes 2 …   length (0, 2 or 8 bytes), mask (4 bytes, a client's only), payload
 *
 *     text      one or more records, shared by every connection that gets the same flush
 *     head      2, 4 or 10 bytes: the envelope; ends where its payload begins, so that it can be put before bytes that
 *               are in their place already
 *     ping      any payload of up to 125 bytes; it comes back in a pong
 *     close     2 bytes of code, up to 123 of reason; or nothing
 */

import { assert } from '#src/assert.ts'
import type { ClientErrorCode } from '#src/errors.ts'

export const FIN = 0x80
export const RSV1 = 0x40
export const OPCODE_MASK = 0x0f
export const LENGTH_MASK = 0x7f
/** Lengths that say how long the length is. */
export const LENGTH_16 = 126
export const LENGTH_64 = 127

export const OPCODE_TEXT = 0x1
export const OPCODE_BINARY = 0x2
export const OPCODE_CLOSE = 0x8
export const OPCODE_PING = 0x9
export const OPCODE_PONG = 0xa

/** What a head of ours may need before its payload; a client's has a mask besides. */
export const FRAME_HEAD_BYTES_MAX = 10
export const CONTROL_BYTES_MAX = 125
export const CLOSE_REASON_BYTES_MAX = CONTROL_BYTES_MAX - 2

/** Close codes (RFC 6455, 7.4; docs/protocol.md, section 6). */
export const CLOSE_NORMAL = 1000
export const CLOSE_GOING_AWAY = 1001
export const CLOSE_PROTOCOL_ERROR = 1002
export const CLOSE_NOT_TEXT = 1003
/** Never sent: what a close frame without a code means. */
export const CLOSE_NO_CODE = 1005
export const CLOSE_BAD_DATA = 1007
export const CLOSE_POLICY = 1008
export const CLOSE_TOO_BIG = 1009
export const CLOSE_REBOUND = 4000
export const CLOSE_NO_PROGRESS = 4001
export const CLOSE_OTHER = 4002

const LENGTH_8_MAX = 125
const LENGTH_16_MAX = 0xffff
const RANGE_32 = 0x1_0000_0000
const NO_PAYLOAD = Buffer.alloc(0)

const CLOSE_CODES: Readonly<Partial<Record<ClientErrorCode, number>>> = {
  SESSION_DESTROYED: CLOSE_NORMAL,
  SERVER_CLOSING: CLOSE_GOING_AWAY,
  REQUEST_INVALID: CLOSE_POLICY,
  SESSION_REBOUND: CLOSE_REBOUND,
  NO_PROGRESS: CLOSE_NO_PROGRESS,
}

/** The close code of a stream that ends for this reason. */
export function closeCodeOf(code: ClientErrorCode): number {
  return CLOSE_CODES[code] ?? CLOSE_OTHER
}

/** How long the head of a payload of so many bytes is: 2, 4 or 10. */
export function frameHeadBytes(payloadBytes: number): number {
  if (payloadBytes <= LENGTH_8_MAX) return 2
  return payloadBytes <= LENGTH_16_MAX ? 4 : FRAME_HEAD_BYTES_MAX
}

/**
 * Writes the head of a frame before its payload, which lies or will lie at `payloadAt`. Returns where the frame begins.
 * The caller has made sure of the room: frameHeadBytes(payloadBytes).
 */
export function writeFrameHead(
  out: Buffer,
  payloadAt: number,
  payloadBytes: number,
  opcode: number,
  isCompressed: boolean,
): number {
  assert(opcode < OPCODE_CLOSE || payloadBytes <= CONTROL_BYTES_MAX, 'a control frame is short')
  const start = payloadAt - frameHeadBytes(payloadBytes)
  assert(start >= 0, 'there is room for the head before the payload')
  out[start] = FIN | (isCompressed ? RSV1 : 0) | opcode
  if (payloadBytes <= LENGTH_8_MAX) {
    out[start + 1] = payloadBytes
  } else if (payloadBytes <= LENGTH_16_MAX) {
    out[start + 1] = LENGTH_16
    out[start + 2] = payloadBytes >>> 8
    out[start + 3] = payloadBytes & 0xff
  } else {
    out[start + 1] = LENGTH_64
    out.writeUInt32BE(Math.floor(payloadBytes / RANGE_32), start + 2)
    out.writeUInt32BE(payloadBytes % RANGE_32, start + 6)
  }
  return start
}

/** A whole ping, pong or close. The payload is copied. */
export function controlFrame(opcode: number, payload: Buffer): Buffer {
  assert(opcode >= OPCODE_CLOSE, 'a control frame has the opcode of one')
  const headBytes = frameHeadBytes(payload.length)
  const frame = Buffer.allocUnsafe(headBytes + payload.length)
  writeFrameHead(frame, headBytes, payload.length, opcode, false)
  payload.copy(frame, headBytes)
  return frame
}

/** A whole close. A reason that is too long is cut at a character; 1005 stands for a close without code and reason. */
export function closeFrame(code: number, reason: string): Buffer {
  if (code === CLOSE_NO_CODE) return controlFrame(OPCODE_CLOSE, NO_PAYLOAD)
  assert(isCloseCode(code), 'a code that may be sent')
  const payload = Buffer.allocUnsafe(CONTROL_BYTES_MAX)
  payload.writeUInt16BE(code)
  // Node writes no half of a character.
  const reasonBytes = payload.write(reason, 2, CLOSE_REASON_BYTES_MAX, 'utf8')
  return controlFrame(OPCODE_CLOSE, payload.subarray(0, 2 + reasonBytes))
}

/** Codes 1004 to 1006 and 1015 are reserved for what no frame says. */
function isCloseCode(code: number): boolean {
  return (code >= 1000 && code <= 1014 && !(code >= 1004 && code <= 1006)) || (code >= 3000 && code <= 4999)
}

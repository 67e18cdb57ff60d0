/**
 * WebSocket frames as clients send them (RFC 6455, 5.2): one a message, masked. The mask is zero, which changes nothing of
 * the payload (5.3).
 */

import { FIN, LENGTH_16 } from '#src/codec/websocket-frame.ts'

const MASKED = 0x80
const MASK_BYTES = 4

/** The payload, of up to 65,535 bytes, stands at its end. */
export function maskedFrame(opcode: number, payload: Buffer): Buffer {
  const isShort = payload.length < LENGTH_16
  const head = Buffer.alloc((isShort ? 2 : 4) + MASK_BYTES)
  head[0] = FIN | opcode
  head[1] = MASKED | (isShort ? payload.length : LENGTH_16)
  if (!isShort) head.writeUInt16BE(payload.length, 2)
  return Buffer.concat([head, payload])
}

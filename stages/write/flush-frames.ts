/**
 * One flush as it stands on the wire of each kind of connection: a chunk, bytes as they are, a WebSocket message, the same
 * compressed. Each is made once, when the first connection needs it, in a private buffer; every connection of the record is
 * handed the same bytes.
 *
 * In SSE each connection's session id is written into the chunk before it is handed over. That changes what the one before
 * was handed: so a chunk that a socket still holds is made anew.
 *
 * Invariant: bytes that a socket holds are not written again. Those of a flush that nobody holds are used for the next.
 */

import { SESSION_ID_BYTES } from '#src/codec/json-stream.ts'
import { COMPRESS_BYTES_MIN, compress } from '#src/codec/websocket-deflate.ts'
import { FRAME_HEAD_BYTES_MAX, OPCODE_TEXT, writeFrameHead } from '#src/codec/websocket-frame.ts'
import { CHUNKED, type ClientConnection, FRAMED } from '#stages/client-connection.ts'

/** Room for a chunk's length in hexadecimal and its line end. */
const CHUNK_HEAD = 10
const CHUNK_TAIL = 2
/** One that a socket still holds keeps its whole buffer alive. */
const SCRATCH_BYTES = 1 << 16
const CR = 0x0d
const LF = 0x0a
const DIGIT_0 = 0x30
/** 'a' - 10 */
const LETTER_A = 0x57

export class FlushFrames {
  #scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)
  /** Behind what sockets hold, and behind what was made of this flush. */
  #free = 0
  #used = 0
  #isHeld = false
  /** The flush: where it lies, and where in it the session's id goes, or -1. */
  #bytes: Buffer = this.#scratch
  #from = 0
  #length = 0
  #idAt = -1
  #chunk: Buffer | null = null
  #body: Buffer | null = null
  #isChunkHeld = false
  #message: Buffer | null = null
  #deflated: Buffer | null = null

  /** The flush that lies in `bytes` from `from` on. */
  begin(bytes: Buffer, from: number, length: number, idAt: number): void {
    this.#bytes = bytes
    this.#from = from
    this.#length = length
    this.#idAt = idAt
    this.#used = this.#free
    this.#isHeld = false
    this.#isChunkHeld = false
    this.#chunk = null
    this.#body = null
    this.#message = null
    this.#deflated = null
  }

  /** What goes to the connection; good until the next call, unless the connection's socket holds it (hold). */
  of(connection: ClientConnection): Buffer {
    if (connection.framing === FRAMED) return connection.web!.isCompressed ? this.#compressed() : this.#framed()
    if (this.#chunk === null || (this.#idAt >= 0 && this.#isChunkHeld)) this.#makeChunk()
    const body = this.#body!
    if (this.#idAt >= 0) {
      const { session } = connection
      for (let i = 0; i < SESSION_ID_BYTES; i++) body[this.#idAt + i] = session.charCodeAt(i)
    }
    return connection.framing === CHUNKED ? this.#chunk! : body
  }

  /** A socket has not taken all of what it was handed last. */
  hold(connection: ClientConnection): void {
    this.#isHeld = true
    if (connection.framing !== FRAMED) this.#isChunkHeld = true
  }

  end(): void {
    if (this.#isHeld) this.#free = this.#used
  }

  #makeChunk(): void {
    const length = this.#length
    const body = this.#room(CHUNK_HEAD + length + CHUNK_TAIL) + CHUNK_HEAD
    const scratch = this.#scratch
    this.#bytes.copy(scratch, body, this.#from, this.#from + length)
    scratch[body + length] = CR
    scratch[body + length + 1] = LF
    scratch[body - 1] = LF
    scratch[body - 2] = CR
    let at = body - 2
    for (let rest = length; rest > 0; rest >>>= 4) {
      const digit = rest & 0xf
      scratch[--at] = digit < 10 ? DIGIT_0 + digit : LETTER_A + digit
    }
    this.#chunk = scratch.subarray(at, body + length + CHUNK_TAIL)
    this.#body = scratch.subarray(body, body + length)
    this.#isChunkHeld = false
  }

  #framed(): Buffer {
    if (this.#message !== null) return this.#message
    const length = this.#length
    const body = this.#room(FRAME_HEAD_BYTES_MAX + length) + FRAME_HEAD_BYTES_MAX
    this.#bytes.copy(this.#scratch, body, this.#from, this.#from + length)
    const start = writeFrameHead(this.#scratch, body, length, OPCODE_TEXT, false)
    this.#message = this.#scratch.subarray(start, body + length)
    return this.#message
  }

  /** What is short, or does not get shorter, goes as it is. */
  #compressed(): Buffer {
    if (this.#deflated !== null) return this.#deflated
    const payload =
      this.#length < COMPRESS_BYTES_MIN ? null : compress(this.#bytes.subarray(this.#from, this.#from + this.#length))
    if (payload === null) {
      this.#deflated = this.#framed()
      return this.#deflated
    }
    const body = this.#room(FRAME_HEAD_BYTES_MAX + payload.length) + FRAME_HEAD_BYTES_MAX
    payload.copy(this.#scratch, body)
    const start = writeFrameHead(this.#scratch, body, payload.length, OPCODE_TEXT, true)
    this.#deflated = this.#scratch.subarray(start, body + payload.length)
    return this.#deflated
  }

  /** Where `needed` bytes of this flush go. */
  #room(needed: number): number {
    if (this.#used + needed > this.#scratch.length) {
      this.#scratch = Buffer.allocUnsafeSlow(Math.max(SCRATCH_BYTES, needed))
      this.#free = 0
      this.#used = 0
    }
    const start = this.#used
    this.#used += needed
    return start
  }
}

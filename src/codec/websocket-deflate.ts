/**
 * permessage-deflate (RFC 7692) without context takeover on either side: each message is compressed by itself, so that
 * one compressed flush serves every connection that gets it, and no connection keeps a window.
 *
 * Windows are of 15 bits. An offer that asks for a smaller one of ours (server_max_window_bits) is declined, as its
 * flushes could not be shared; most clients then go on without compression. A client may use any window it likes.
 *
 * Invariants (test/rules.md, W):
 *  - What is not an extension list is told from what is one and does not fit: the former fails the handshake (RFC 6455,
 *    9.1), the latter is declined (RFC 7692, 7).
 *  - A message that grows beyond the bound is given up when it does, whatever it would become.
 *  - A message is the whole of its payload: what would end early or is cut off is malformed.
 *
 * Cost: zlib is set up anew for each message, some 10 µs to read and 30 µs to write, beside some 5 ns a byte.
 */

import { constants, deflateRawSync, inflateRawSync } from 'node:zlib'
import { CLOSE_BAD_DATA, CLOSE_TOO_BIG } from './websocket-frame.ts'

export interface ExtensionOffer {
  readonly name: string
  /** A parameter without a value has null. */
  readonly parameters: readonly (readonly [name: string, value: string | null])[]
}

/** Shorter messages are not compressed: they would gain little, and cost as much as others. */
export const COMPRESS_BYTES_MIN = 1_024

const NAME = 'permessage-deflate'
const WINDOW_BITS = '15'
const WINDOW_BITS_EXP = /^(?:[89]|1[0-5])$/
/** One character of a token. */
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]"
const NAME_EXP = new RegExp(`^[ \\t]*(${TOKEN}+)[ \\t]*$`)
/** A name; a name and a token; a name and a token between quotes, where any character may have a backslash. */
const PARAMETER_EXP = new RegExp(
  `^[ \\t]*(${TOKEN}+)[ \\t]*(?:=[ \\t]*(?:(${TOKEN}+)|"((?:\\\\?${TOKEN})+)")[ \\t]*)?$`,
)
const BLANK_EXP = /^[ \t]*$/

/** What a sync flush ends with, and a message is sent without. */
const TAIL_BYTES = 4
/** That, and an empty last block: behind it a whole message has come to its end, and one that was cut off has not. */
const END = Buffer.from([0x00, 0x00, 0xff, 0xff, 0x01, 0x00, 0x00, 0xff, 0xff])
/** In pieces of this size inflated bytes come; most requests are one. */
const INFLATE_CHUNK_BYTES = 4_096
/** Level 6 takes nearly twice the time of level 3 for a sixth fewer bytes. */
const DEFLATE_LEVEL = 3

/** The offers of a Sec-WebSocket-Extensions header, in their order; null when it is none. */
export function extensionOffersOf(header: string): readonly ExtensionOffer[] | null {
  const offers: ExtensionOffer[] = []
  // Between quotes only characters of a token may stand: no comma and no semicolon is inside a value.
  for (const element of header.split(',')) {
    if (BLANK_EXP.test(element)) continue
    const [first = '', ...rest] = element.split(';')
    const name = NAME_EXP.exec(first)?.[1]
    if (name === undefined) return null
    const parameters: [string, string | null][] = []
    for (const text of rest) {
      const match = PARAMETER_EXP.exec(text)
      if (match === null) return null
      parameters.push([match[1]!, match[2] ?? match[3]?.replaceAll('\\', '') ?? null])
    }
    offers.push({ name, parameters })
  }
  return offers.length === 0 ? null : offers
}

/** The answer to the first offer that fits, as Sec-WebSocket-Extensions has it; null when none does. */
export function acceptDeflate(offers: readonly ExtensionOffer[]): string | null {
  for (const { name, parameters } of offers) {
    const answer = name === NAME ? answerTo(parameters) : null
    if (answer !== null) return answer
  }
  return null
}

/** Null declines: a parameter that is unknown, stands twice, has no proper value, or asks for a smaller window. */
function answerTo(parameters: ExtensionOffer['parameters']): string | null {
  const seen = new Set<string>()
  let answer = `${NAME}; server_no_context_takeover; client_no_context_takeover`
  for (const [name, value] of parameters) {
    if (seen.has(name)) return null
    seen.add(name)
    switch (name) {
      case 'server_no_context_takeover':
      case 'client_no_context_takeover':
        if (value !== null) return null
        break
      case 'client_max_window_bits':
        if (value !== null && !WINDOW_BITS_EXP.test(value)) return null
        break
      case 'server_max_window_bits':
        if (value !== WINDOW_BITS) return null
        // Who asks for a window is told the one that he gets.
        answer += `; server_max_window_bits=${WINDOW_BITS}`
        break
      default:
        return null
    }
  }
  return answer
}

/** The payload of the compressed message; null where it had better go as it is. */
export function compress(payload: Buffer): Buffer | null {
  if (payload.length < COMPRESS_BYTES_MIN) return null
  const bytes = deflateRawSync(payload, { finishFlush: constants.Z_SYNC_FLUSH, level: DEFLATE_LEVEL })
  const length = bytes.length - TAIL_BYTES
  return length < payload.length ? bytes.subarray(0, length) : null
}

/** The message of a compressed payload, at most `bytesMax` long; or the close code that it deserves. */
export function inflate(payload: Buffer, bytesMax: number): Buffer | typeof CLOSE_BAD_DATA | typeof CLOSE_TOO_BIG {
  const input = Buffer.concat([payload, END])
  try {
    const result = inflateRawSync(input, { maxOutputLength: bytesMax, chunkSize: INFLATE_CHUNK_BYTES, info: true })
    // With `info` zlib gives the bytes and the engine that knows how many it has read, which its types do not tell.
    const { buffer, engine } = result as unknown as { buffer: Buffer; engine: { bytesWritten: number } }
    return isWhole(payload, engine.bytesWritten) ? buffer : CLOSE_BAD_DATA
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ERR_BUFFER_TOO_LARGE') return CLOSE_TOO_BIG
    if (code === 'Z_DATA_ERROR' || code === 'Z_BUF_ERROR') return CLOSE_BAD_DATA
    throw error
  }
}

/**
 * Whether the message that ended behind `readBytes` of payload and END is the whole payload. Most end behind END. A
 * client may mark its last block as such: then an empty block follows, of which the payload holds nothing or one zero,
 * or it is itself the empty one whose tail was taken off. More blocks behind a last one are allowed (RFC 7692, 7.2.1),
 * written by nobody, and refused here: each would cost an engine of its own. (One that took END for its own bytes is no
 * UTF-8.)
 */
function isWhole(payload: Buffer, readBytes: number): boolean {
  const { length } = payload
  if (readBytes > length) return readBytes === length + END.length || readBytes === length + TAIL_BYTES
  return readBytes === length || (readBytes === length - 1 && payload[readBytes] === 0)
}

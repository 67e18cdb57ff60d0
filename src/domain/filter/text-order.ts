/**
 * The order of texts by code points, where the texts are JSON string content as JSON.stringify prints it, in UTF-8: no text
 * is decoded, and nothing is allocated.
 *
 * The bytes of UTF-8 are in the order of their code points. Out of this order are the escapes alone, for `"`, `\`, control
 * characters and halves of surrogate pairs: where one of the texts has a backslash, both characters are looked at. As each
 * character is written in one way only, equal texts are equal bytes.
 */

const QUOTE = 0x22
const DIGIT_0 = 0x30
const DIGIT_9 = 0x39
const BACKSLASH = 0x5c
const LETTER_A = 0x61
const LETTER_B = 0x62
const LETTER_F = 0x66
const LETTER_N = 0x6e
const LETTER_R = 0x72
const LETTER_T = 0x74
const LETTER_U = 0x75
const HEX_DIGITS = 4
/** A backslash and what follows; behind `\u` come digits, which are the same in both texts when the characters are. */
const ESCAPE_BYTES = 2
const ASCII_END = 0x80
/** What the characters from U+D000 to the halves of surrogate pairs begin with; those behind the halves begin higher. */
const LEAD_BEFORE_HALVES = 0xed
// Stand for all code points between ASCII and the halves of surrogate pairs, and for all behind these.
const BEFORE_HALVES = ASCII_END
const BEHIND_HALVES = 0xe000

/** Below 0, 0 or above 0, as a is before, equal to or behind b. */
export function compareTexts(
  a: Buffer,
  aOffset: number,
  aLength: number,
  b: Buffer,
  bOffset: number,
  bLength: number,
): number {
  const length = Math.min(aLength, bLength)
  let at = 0
  while (at < length) {
    const aByte = a[aOffset + at]!
    const bByte = b[bOffset + at]!
    if (aByte === BACKSLASH || bByte === BACKSLASH) {
      const order = rankAt(a, aOffset + at) - rankAt(b, bOffset + at)
      if (order !== 0) return order
      at += ESCAPE_BYTES
    } else {
      if (aByte !== bByte) return aByte - bByte
      at++
    }
  }
  return aLength - bLength
}

/** Where the character that begins there stands among those that are escaped: their code point, or what lies between. */
function rankAt(bytes: Buffer, at: number): number {
  const first = bytes[at]!
  if (first === BACKSLASH) return escapedAt(bytes, at + 1)
  if (first < ASCII_END) return first
  return first <= LEAD_BEFORE_HALVES ? BEFORE_HALVES : BEHIND_HALVES
}

/** What stands behind a backslash. */
function escapedAt(bytes: Buffer, at: number): number {
  switch (bytes[at]) {
    case LETTER_B:
      return 0x08
    case LETTER_T:
      return 0x09
    case LETTER_N:
      return 0x0a
    case LETTER_F:
      return 0x0c
    case LETTER_R:
      return 0x0d
    case QUOTE:
      return QUOTE
    case LETTER_U:
      return hexAt(bytes, at + 1)
    default:
      return BACKSLASH
  }
}

function hexAt(bytes: Buffer, start: number): number {
  let code = 0
  for (let at = start; at < start + HEX_DIGITS; at++) {
    const byte = bytes[at]!
    code = code * 16 + (byte <= DIGIT_9 ? byte - DIGIT_0 : byte - LETTER_A + 10)
  }
  return code
}

/**
 * What a name of an item or a field may be. Every door (feed line, request, published body) asks here, so that a name let
 * in by one can be asked for by all.
 *
 * A name is 1 to bytesMax bytes of UTF-8 and holds no control character, no half of a surrogate pair, no comma (lists of
 * names are separated by it) and no `*` (kept for patterns), and neither begins nor ends with a space.
 */

const SPACE = 0x20
const STAR = 0x2a
const COMMA = 0x2c
const DELETE = 0x7f
/** The second block of control characters: U+0080 to U+009F. */
const C1_LAST = 0x9f

/** True when `name` may be the name of an item or a field of at most `bytesMax` bytes. Allocates nothing. */
export function isName(name: string, bytesMax: number): boolean {
  const length = name.length
  if (length === 0 || length > bytesMax) return false
  if (name.charCodeAt(0) === SPACE || name.charCodeAt(length - 1) === SPACE) return false
  let byteCount = 0
  for (let i = 0; i < length; i++) {
    const unit = name.charCodeAt(i)
    if (unit < DELETE) {
      if (unit < SPACE || unit === COMMA || unit === STAR) return false
      byteCount += 1
    } else if (unit <= C1_LAST) {
      return false
    } else if (unit < 0x800) {
      byteCount += 2
    } else if (unit < 0xd800 || unit > 0xdfff) {
      byteCount += 3
    } else {
      const next = i + 1 < length ? name.charCodeAt(i + 1) : 0
      if (unit > 0xdbff || next < 0xdc00 || next > 0xdfff) return false
      i += 1
      byteCount += 4
    }
  }
  return byteCount <= bytesMax
}

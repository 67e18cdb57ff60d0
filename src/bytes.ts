/**
 * Copies of short byte ranges. A native copy costs some 85 ns however short it is; below COPY_LOOP_BYTES a loop is
 * cheaper.
 */

const COPY_LOOP_BYTES = 48

/** Copies `length` bytes and returns the offset behind the last one written. */
export function copyBytes(
  source: Buffer,
  sourceOffset: number,
  target: Buffer,
  targetOffset: number,
  length: number,
): number {
  if (length <= COPY_LOOP_BYTES) {
    for (let i = 0; i < length; i++) target[targetOffset + i] = source[sourceOffset + i]!
  } else {
    source.copy(target, targetOffset, sourceOffset, sourceOffset + length)
  }
  return targetOffset + length
}

/** True when the two ranges hold the same bytes. */
export function equalBytes(a: Buffer, aOffset: number, b: Buffer, bOffset: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (a[aOffset + i] !== b[bOffset + i]) return false
  return true
}

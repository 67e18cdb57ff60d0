/**
 * Texts of somebody else's (arguments, files, peers) made fit for a terminal and a message: nothing that could move a
 * cursor, hide a word or turn the line around, and no more than a bounded length.
 */

/** A text of somebody else's, fit for a terminal and of bounded length. */
export function printable(text: string, lengthMax = 200): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, '?')
  return clean.length <= lengthMax ? clean : `${clean.slice(0, lengthMax - 1)}…`
}

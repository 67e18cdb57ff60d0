/**
 * Text made fit to stand in HTML and SVG. Whatever is put into a page goes through `escaped` or is markup made here;
 * numbers of a picture go through `digits`, which refuses those that no browser draws.
 */

import { assert } from '#src/assert.ts'

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Controls and marks that turn a line around are shown as such, not obeyed. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}]/gu

export function escaped(text: string): string {
  return text.replace(HIDDEN, '\ufffd').replace(/[&<>"']/g, sign => ENTITIES[sign]!)
}

/** A coordinate. */
export function digits(value: number): string {
  assert(Number.isFinite(value), 'a coordinate is a number')
  return String(Number(value.toFixed(1)))
}

/**
 * Which transport of a stream an Accept header asks for (RFC 9110, 12.5.1).
 *
 * The range that names a type most closely decides its weight. The heavier type wins; of two of the same weight the one
 * that was named more closely; then SSE, which is what `*` and silence mean. A weight that cannot be read counts as 0.
 */

import type { Transport } from '#src/domain/session-request.ts'

/** A transport whose stream is the body of one answer. */
export type StreamTransport = Extract<Transport, 'sse' | 'ndjson'>

interface Wish {
  /** 0 not named, 1 by any, 2 by its first half, 3 by its name. */
  closeness: number
  weight: number
}

const WEIGHT_EXP = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/
const TYPES: Readonly<Record<string, StreamTransport>> = {
  'text/event-stream': 'sse',
  'application/x-ndjson': 'ndjson',
  'application/ndjson': 'ndjson',
}

/** The transport that `accept` likes best; null when it wants none of ours. */
export function transportOf(accept: string | undefined): StreamTransport | null {
  if (accept === undefined || accept.trim() === '') return 'sse'
  const sse: Wish = { closeness: 0, weight: 0 }
  const ndjson: Wish = { closeness: 0, weight: 0 }
  for (const range of accept.toLowerCase().split(',')) {
    const [type = '', ...parameters] = range.split(';').map(part => part.trim())
    const weight = weightOf(parameters)
    const named = Object.hasOwn(TYPES, type) ? TYPES[type] : undefined
    if (named !== undefined) note(named === 'sse' ? sse : ndjson, 3, weight)
    else if (type === 'text/*') note(sse, 2, weight)
    else if (type === 'application/*') note(ndjson, 2, weight)
    else if (type === '*/*' || type === '*') {
      note(sse, 1, weight)
      note(ndjson, 1, weight)
    }
  }
  if (sse.weight === 0 && ndjson.weight === 0) return null
  if (sse.weight !== ndjson.weight) return sse.weight > ndjson.weight ? 'sse' : 'ndjson'
  return ndjson.closeness > sse.closeness ? 'ndjson' : 'sse'
}

/** Of two ranges that name a type equally closely the heavier counts: the two names of NDJSON. */
function note(wish: Wish, closeness: number, weight: number): void {
  if (closeness < wish.closeness) return
  wish.weight = closeness > wish.closeness ? weight : Math.max(wish.weight, weight)
  wish.closeness = closeness
}

function weightOf(parameters: readonly string[]): number {
  for (const parameter of parameters) {
    if (!parameter.startsWith('q=')) continue
    const text = parameter.slice(2)
    return WEIGHT_EXP.test(text) ? Number(text) : 0
  }
  return 1
}

/** A FLUSH record as it stands in a queue, and what a flush may be. */

import assert from 'node:assert/strict'
import { HEAD_BYTES_MAX } from '#src/codec/json-stream.ts'
import { FLUSH_CONNECTIONS } from '#src/codec/record.ts'
import type { RecordMemory } from '#src/ring/queue.ts'
import type { InFlightWords } from '#src/ring/shared-words.ts'
import { isUpdate, type StreamRecord } from './stream-reader.ts'

export interface Flush {
  readonly slots: readonly { slot: number; generation: number }[]
  readonly length: number
  readonly updates: number
  readonly text: string
}

export function readFlush(memory: RecordMemory, offset: number): Flush {
  const { words, bytes } = memory
  const word = offset >> 2
  const count = words[word]!
  const length = words[word + 1]!
  const slots = Array.from({ length: count }, (_, i) => {
    const at = (offset + FLUSH_CONNECTIONS) >> 2
    return { slot: words[at + 2 * i]!, generation: words[at + 2 * i + 1]! }
  })
  const start = offset + FLUSH_CONNECTIONS + count * 8
  return { slots, length, updates: words[word + 2]!, text: bytes.toString('utf8', start, start + length) }
}

/** Holds a flush to what it says of itself, and to the window of each of its connections. */
export function checkFlush(
  { text, updates, slots, length }: Flush,
  records: readonly [StreamRecord, string][],
  inFlight: InFlightWords,
  windowBytes: number,
  flushBytesMax: number,
): void {
  assert.ok(text.length > 0, 'a flush holds something')
  assert.equal(records.filter(([record]) => isUpdate(record)).length, updates, 'a flush counts its updates')
  const units = new Set(records.map(([{ item, sub }, json]) => (item === undefined ? json : `${sub} ${item}`)))
  for (const { slot } of slots) {
    const flying = inFlight.bytes(slot)
    const isAlone = flying === length
    const isFlush = isAlone && (units.size <= 1 || flying <= flushBytesMax + HEAD_BYTES_MAX)
    assert.ok(flying <= windowBytes || isFlush, `${flying} bytes in flight to slot ${slot}`)
  }
}

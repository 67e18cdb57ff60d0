/**
 * Records that were copied out of a queue, to be handled together once the last of them has come. They lie as in a queue: each
 * at an offset that is a multiple of 8.
 */

import { copyBytes } from '#src/bytes.ts'
import type { RecordHandler, RecordMemory } from '#src/ring/queue.ts'

const HEAD_BYTES = 8
const BYTES_MIN = 1 << 12

export class StagedRecords {
  memory: RecordMemory | null = null
  #end = 0

  get isEmpty(): boolean {
    return this.#end === 0
  }

  /** Copies a record; `type` and `length` as in a queue. */
  append(type: number, from: RecordMemory, offset: number, length: number): void {
    const at = this.#end
    const { bytes, words } = this.#ensure(at + HEAD_BYTES + aligned(length))
    words[at >> 2] = type
    words[(at >> 2) + 1] = length
    copyBytes(from.bytes, offset, bytes, at + HEAD_BYTES, length)
    this.#end = at + HEAD_BYTES + aligned(length)
  }

  /** Hands over all records, which lie in `memory`, in their order. */
  forEach(handle: (...record: Parameters<RecordHandler>) => void): void {
    const words = this.memory?.words
    if (words === undefined) return
    for (let at = 0; at < this.#end; ) {
      const length = words[(at >> 2) + 1]!
      handle(words[at >> 2]!, at + HEAD_BYTES, length)
      at += HEAD_BYTES + aligned(length)
    }
  }

  /** Nothing is kept, the memory neither. */
  clear(): void {
    this.memory = null
    this.#end = 0
  }

  #ensure(length: number): RecordMemory {
    const { memory } = this
    if (memory !== null && length <= memory.bytes.length) return memory
    let capacity = memory === null ? BYTES_MIN : memory.bytes.length * 2
    while (capacity < length) capacity *= 2
    const buffer = new ArrayBuffer(capacity)
    this.memory = {
      bytes: Buffer.from(buffer),
      words: new Int32Array(buffer),
      doubles: new Float64Array(buffer),
    }
    if (memory !== null) copyBytes(memory.bytes, 0, this.memory.bytes, 0, this.#end)
    return this.memory
  }
}

function aligned(length: number): number {
  return (length + 7) & ~7
}

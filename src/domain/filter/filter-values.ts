/**
 * What a filter is held against: for each of its fields where the value's bytes lie. The bytes are JSON string content as
 * JSON.stringify prints it, in UTF-8, as values lie in the value store, the logs and the lanes; nothing is copied.
 *
 * One is enough for all filters of a thread: it has a place for each field that a filter may name.
 */

/** The most fields that a filter may name. */
export const FILTER_FIELDS_MAX = 16

/** The length of what is null or not there. */
export const NO_VALUE = -1

const NO_BYTES = Buffer.alloc(0)

export class FilterValues {
  /** By the places of the filter's `fields`. */
  readonly bytes: Buffer[] = []
  readonly offsets: number[] = []
  readonly lengths: number[] = []

  constructor() {
    for (let place = 0; place < FILTER_FIELDS_MAX; place++) {
      this.bytes.push(NO_BYTES)
      this.offsets.push(0)
      this.lengths.push(NO_VALUE)
    }
  }

  /** A `length` of NO_VALUE is null, whatever the bytes. */
  set(place: number, bytes: Buffer, offset: number, length: number): void {
    this.bytes[place] = bytes
    this.offsets[place] = offset
    this.lengths[place] = length
  }

  /** All places are null from here on. */
  clear(): void {
    for (let place = 0; place < FILTER_FIELDS_MAX; place++) this.lengths[place] = NO_VALUE
  }
}

/**
 * How a queue of records lies in memory: the control words of a ring, the record, and the arithmetic of positions that
 * ring.ts and local-queue.ts have in common.
 *
 * A ring is one SharedArrayBuffer. Each control word has a line of 128 bytes to itself (two cache lines: the
 * prefetcher of x86 fetches them in pairs), so that no thread's writes take away the line that another one reads:
 *
 *     byte    0  PRODUCER_POSITION   written by the producer, once a publish
 *     byte  128  CONSUMER_POSITION   written by the consumer, once a drain
 *     byte  256  ROOM_AWAITED        set by the producer, cleared by the consumer; both seldom
 *     byte  384  CLOSED_BITS         each bit is set once and never cleared
 *     byte  512  data                `capacity` bytes
 *
 * A record (offsets count from the start of the data):
 *
 *     0                   4                   8                              8 + length       a multiple of 8
 *     +-------------------+-------------------+------------------------------+----------------+
 *     | length (int32)    | type (int32)      | payload                      | unused         |
 *     +-------------------+-------------------+------------------------------+----------------+
 *
 * Records never wrap. One that would is preceded by a padding record (type 0) up to the end of the data:
 *
 *     +----------+----------+---------------------+----------+---------+
 *     | record 4 |          | record 1 | record 2 | record 3 | padding |
 *     +----------+----------+---------------------+----------+---------+
 *                ^ producer ^ consumer
 *
 * Positions count bytes ever written, modulo 2^32, kept as int32: the difference of two, `| 0`, is right as long as it
 * is below 2^31; the capacity divides 2^32, so the index of a position is its low bits, also across the overflow.
 *
 * How long a record may be: on an empty queue a record of n bytes (header and alignment included) that does not fit
 * before the end costs less than n bytes of padding, then n of its own. It fits a queue of 2n or more wherever the
 * position stands; in a shorter one it could be refused for ever. So half the capacity is the limit; the default is a
 * quarter, with which a queue that holds one such record still takes another.
 */

import { assert } from '#src/assert.ts'
import type { RecordMemory } from './queue.ts'

export const LINE_BYTES = 128
const WORD_BYTES = 4
const LINE_WORDS = LINE_BYTES / WORD_BYTES

/** Indexes of the control words in an Int32Array over the SharedArrayBuffer. */
export const PRODUCER_POSITION = 0
export const CONSUMER_POSITION = LINE_WORDS
export const ROOM_AWAITED = 2 * LINE_WORDS
export const CLOSED_BITS = 3 * LINE_WORDS
export const CONTROL_WORDS = 4 * LINE_WORDS
export const CONTROL_BYTES = CONTROL_WORDS * WORD_BYTES

/** The bits of CLOSED_BITS. */
export const PRODUCER_CLOSED = 1
export const CONSUMER_CLOSED = 2

export const HEADER_BYTES = 8
export const RECORD_ALIGNMENT = 8
export const TYPE_PADDING = 0
export const TYPE_MIN = 1
export const TYPE_MAX = 0xffff

export const CAPACITY_BYTES_MIN = 64
/** Twice this is still a difference of positions that int32 holds: a claim at the wrap looks that far ahead. */
export const CAPACITY_BYTES_MAX = 2 ** 29

/** What a producer has claimed when it has claimed nothing. */
export const NO_CLAIM = -1

/** The bytes that a record takes: header, payload, alignment. */
export function recordBytesOf(length: number): number {
  return (length + HEADER_BYTES + RECORD_ALIGNMENT - 1) & -RECORD_ALIGNMENT
}

/** Where a record of `recordBytes` begins when it is written at `position`: there, or behind padding at index 0. */
export function recordStartOf(position: number, recordBytes: number, capacity: number): number {
  const bytesToEnd = capacity - (position & (capacity - 1))
  return recordBytes <= bytesToEnd ? position : (position + bytesToEnd) | 0
}

export function writeHeader(words: Int32Array, index: number, type: number, length: number): void {
  words[index >> 2] = length
  words[(index >> 2) + 1] = type
}

export function lengthAt(words: Int32Array, index: number): number {
  return words[index >> 2]!
}

export function typeAt(words: Int32Array, index: number): number {
  return words[(index >> 2) + 1]!
}

/** What crosses a queue is checked twice: here when it is written … */
export function assertCommit(type: number, length: number, lengthClaimed: number): void {
  assert(lengthClaimed !== NO_CLAIM, 'a commit ends a claim')
  assert((length | 0) === length, 'the length of a record is a whole number')
  assert(length >= 0, 'the length of a record is not negative')
  assert(length <= lengthClaimed, 'a record is no longer than its claim')
  assert((type | 0) === type, 'the type of a record is a whole number')
  assert(type >= TYPE_MIN && type <= TYPE_MAX, 'the type of a record is in its range')
}

/** … and here when it is read. `bytesPublished` is what lies between the record's start and the published end. */
export function assertHeader(
  type: number,
  length: number,
  index: number,
  bytesPublished: number,
  capacity: number,
): void {
  assert(length >= 0 && length < capacity, 'the length in a header is in its range')
  assert(type >= TYPE_PADDING && type <= TYPE_MAX, 'the type in a header is in its range')
  const recordBytes = recordBytesOf(length)
  assert(recordBytes <= bytesPublished, 'a record ends before the published position')
  assert(index + recordBytes <= capacity, 'a record does not wrap')
  if (type === TYPE_PADDING) assert(index + recordBytes === capacity, 'padding ends where the data ends')
}

export function assertClaim(lengthMax: number, recordBytesMax: number): void {
  assert((lengthMax | 0) === lengthMax, 'the length of a claim is a whole number')
  assert(lengthMax >= 0, 'the length of a claim is not negative')
  assert(lengthMax <= recordBytesMax, 'a claim is no longer than recordBytesMax')
}

/** The longest payload of a queue for which nothing else is said. */
export function recordBytesMaxDefault(capacity: number): number {
  return capacity / 4 - HEADER_BYTES
}

/** Holds for every queue, when it is made and again when a thread gets it. */
export function assertDimensions(capacity: number, recordBytesMax: number): void {
  assert(capacity >= CAPACITY_BYTES_MIN, 'the capacity is at least CAPACITY_BYTES_MIN')
  assert(capacity <= CAPACITY_BYTES_MAX, 'the capacity is at most CAPACITY_BYTES_MAX')
  assert((capacity & (capacity - 1)) === 0, 'the capacity is a power of two')
  assert((recordBytesMax | 0) === recordBytesMax, 'recordBytesMax is a whole number')
  assert(recordBytesMax >= 0, 'recordBytesMax is not negative')
  assert(recordBytesOf(recordBytesMax) <= capacity / 2, 'the longest record is at most half the capacity')
}

export function assertStart(position: number): void {
  assert((position | 0) === position, 'a position is an int32')
  assert(position % RECORD_ALIGNMENT === 0, 'a position is a multiple of the alignment')
}

/** Views over `capacity` bytes of data; `byteOffset` is a multiple of 8. */
export function viewsOf(buffer: ArrayBufferLike, byteOffset: number, capacity: number): RecordMemory {
  return {
    bytes: Buffer.from(buffer, byteOffset, capacity),
    words: new Int32Array(buffer, byteOffset, capacity / Int32Array.BYTES_PER_ELEMENT),
    doubles: new Float64Array(buffer, byteOffset, capacity / Float64Array.BYTES_PER_ELEMENT),
  }
}

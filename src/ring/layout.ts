/**
 * How a queue of records lies in memory: the control words of a ring, the record, and what a position means. records.ts
 * writes and reads the records of both kinds of queue.
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

/** The longest payload of a queue for which nothing else is said. */
export function recordBytesMaxDefault(capacity: number): number {
  return capacity / 4 - HEADER_BYTES
}

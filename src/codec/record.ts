/**
 * The records that threads send each other through rings: types and layouts. Numbers and bytes on the data plane; the
 * control plane (a few records a connection) carries JSON text.
 *
 * Words are 32-bit and lie at `offset + 4 * n`; doubles at `offset + 8 * n`. `offset` is the payload's start.
 */

import type { RecordMemory } from '#src/ring/queue.ts'

// ── Lane → core, data: everything whose order against the updates matters ────────────────────────────────────────────

/**
 * An update of an item.
 *   word 0 the lane's number of the item · word 1 slot of the source · word 2 line (uint32) · word 3 flags, fields
 *   double 2 the market's time in ms or NaN · double 3 when it was received, in ms
 *   from UPDATE_FIELDS on: fieldCount times: field (2 B, the lane's number), length (2 B, 0xffff null), value
 */
export const UPDATE = 1
/** The item ends. Same head as UPDATE, no fields. */
export const DELETE = 2
/** The lane's number of an item: word 0 number, then the name (JSON string content). */
export const BIND_ITEM = 3
/** The lane's number of a field: word 0 number, then the name (JSON string content). */
export const BIND_FIELD = 4
/** A feed has greeted: word 0 slot, word 1 its generation and 1 when on demand (FEED_ON_DEMAND), then its name (UTF-8). */
export const FEED_UP = 5
/** The lowest bit of FEED_UP's word 1; the generation stands above it, modulo 2^30. */
export const FEED_ON_DEMAND = 1
/** A feed's connection has ended, or fell silent, or is heard again: word 0 slot. */
export const FEED_DOWN = 6
export const FEED_SILENT = 7
export const FEED_ALIVE = 8
/** The lane has given up a number, as the core asked by UNBIND: word 0 number. */
export const UNBOUND = 9
/** Core → core: an item's whole state. As UPDATE; word 1 flags of the state; word 2 the INTEREST it answers; double 4 seq, double 5 rawSeq. */
export const REPLICA = 10
/** Core → core: word 0 the item, word 1 1 = stale. */
export const REPLICA_STALE = 11
/**
 * Which targets a feed handles, to every core, behind its FEED_UP: word 0 slot, then a JSON array of names (UTF-8, from the
 * second word on); one that ends in `*` stands for all targets that begin with what is before it.
 */
export const HANDLES = 12
/**
 * Core → core, between the BIND_ITEM and the REPLICA that they belong to: a row of a table, as an ADD. As UPDATE; word 2 the
 * INTEREST it answers.
 */
export const REPLICA_ROW = 14
/**
 * Core → core, between the BIND_ITEM and the REPLICA that they belong to: an entry of a log that is kept. As UPDATE; word 2 the
 * INTEREST it answers; word 3 the kind of the entry (item-log.ts).
 */
export const REPLICA_ENTRY = 15
/**
 * A message is done with, to the core that sent it: word 0 slot, word 1 the core's number of the message, then JSON text
 * (UTF-8, no white space between tokens): `{"result":…}` or `{"error":"…"}` by the feed, ANSWERED_GONE or ANSWERED_BUSY by
 * the lane. It may come when the core has given the message up (its time was over, its feed is down): it is for nobody then.
 */
export const ANSWERED = 13
/** The feed is no more, or cannot answer any more: it has not seen the message. */
export const ANSWERED_GONE = '{"gone":true}'
/** The feed has too many messages, or bytes of them, before it: it has not seen this one. */
export const ANSWERED_BUSY = '{"busy":true}'

export const FLAG_SNAPSHOT = 1 << 16
/** Of an UPDATE: the feed says that it is an operation on a row of a table. */
export const FLAG_ROW = 1 << 17
export const FIELD_COUNT_MASK = 0xffff
export const UPDATE_FIELDS = 32
export const REPLICA_FIELDS = 48
export const REPLICA_IS_KNOWN = 1
export const REPLICA_IS_STALE = 2
export const NULL_FIELD = 0xffff
/** In place of a field's number: the field was refused, and whoever reads on passes over it. */
export const NO_FIELD = 0xffff
export const FIELD_HEADER = 4

// ── Edge → core, control ─────────────────────────────────────────────────────────────────────────────────────────────

/** A stream, or a poll, is to carry a session: word 0 slot, word 1 generation, then JSON BindText. OPENED or REFUSED answers. */
export const BIND = 20
/** Its connection has gone: word 0 slot, word 1 generation. */
export const CLOSE = 21
/** Its window has room again: word 0 slot, word 1 generation. */
export const WRITABLE = 22
/** A question: word 0 slot, word 1 generation, then JSON QueryText. */
export const QUERY = 23
/**
 * What a client asks of a session: word 0 slot, word 1 generation, word 2 1 = answers go into the session's stream and not
 * back by ANSWER, then JSON ControlText.
 */
export const CONTROL = 24

// ── Core → edge ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** The stream is open: word 0 slot, word 1 generation, then the session's id (ASCII). */
export const OPENED = 30
/** It is not: word 0 slot, word 1 generation, then the error code (ASCII). */
export const REFUSED = 31
/**
 * A flush for one or more connections.
 *   word 0 connections · word 1 length of the bytes · word 2 updates in them · word 3 when it was made (ms modulo
 *   CLOCK_WRAP_MS) · double 2 when the oldest update in it was received · word 6 where in the bytes the session's id goes, or -1
 *   from FLUSH_CONNECTIONS on: connections times: slot, generation (words); then the bytes
 */
export const FLUSH = 32
/** The stream ends: word 0 slot, word 1 generation, word 2 WebSocket's close code, then its last bytes. */
export const END = 33
/** An answer to a QUERY: word 0 slot, word 1 generation, word 2 HTTP status, word 3 1 = cut short, then JSON. */
export const ANSWER = 34

/** A time in ms modulo this fits a word. */
export const CLOCK_WRAP_MS = 2 ** 30
export const FLUSH_CONNECTIONS = 28
export const CONNECTION_BYTES = 8
export const CONTROL_TEXT = 8
export const ANSWER_TEXT = 16
/** Before the text of CONTROL and END. */
export const CONTROL_TEXT_3 = 12

// ── Core → lane ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** An on-demand feed is to begin or may stop with an item: word 0 slot or -1 for all, then the name (UTF-8). */
export const WANTED = 40
export const UNWANTED = 41
/** The core has forgotten an item: word 0 the lane's number of it. The lane answers UNBOUND. */
export const UNBIND = 42
/** An update was refused: word 0 slot, word 1 line, word 2 the feed's generation, then the error code (ASCII). */
export const UPDATE_REFUSED = 43
/**
 * A message for a feed: word 0 slot, word 1 the feed's generation, word 2 the core's number of it, then a JSON object with
 * `to`, `session` and `data` (UTF-8, no white space between tokens: it goes on in a line). The lane answers ANSWERED, or
 * FEED_DOWN stands for the answer.
 */
export const MESSAGE = 44

// ── Core → core, control ─────────────────────────────────────────────────────────────────────────────────────────────

/** A core wants a replica of an item, or has no more use for it: word 0 the number of the wish, then the name (UTF-8). */
export const INTEREST = 50
export const DISINTEREST = 51
/** A core follows a prefix of names, or does no more: word 0 unused, then the prefix (UTF-8). */
export const PREFIX = 52
export const UNPREFIX = 53
/** To a core that follows a prefix of it: the name (UTF-8) of an item that is at home here; word 0 unused. */
export const ANNOUNCED = 54

/** Writes `text` in UTF-8 at `offset`; returns its length in bytes. The caller has claimed 3 bytes a UTF-16 unit. */
export function writeText(memory: RecordMemory, offset: number, text: string): number {
  return memory.bytes.write(text, offset, 'utf8')
}

export function readText(memory: RecordMemory, offset: number, length: number): string {
  return memory.bytes.toString('utf8', offset, offset + length)
}

/** The most bytes that writeText can need. */
export function textBytesMax(text: string): number {
  return text.length * 3
}

/** Marks the field of a record whose header stands at `offset` as refused. */
export function refuseField(bytes: Buffer, offset: number): void {
  bytes[offset] = NO_FIELD & 0xff
  bytes[offset + 1] = NO_FIELD >> 8
}

/**
 * The lines that the server says to a feed. Pure functions; each text is one whole line of JSON with its newline.
 *
 *   {"millrace":1,"window":65536}   the welcome, first: the protocol's version; lines that may be sent and not acknowledged
 *   {"ack":1200}                    the first 1,200 lines of this connection are done with: taken, or refused by an error
 *   {"wanted":"quote.A"}            somebody reads the item; to feeds that greeted with "onDemand":true
 *   {"unwanted":"quote.A"}          nobody does any more
 *   {"message":17,"to":"orders","session":"kR3…","data":…}   from a client to a target that the feed handles: answer it, once
 *   {"error":{"line":7,"code":"FEED_LINE_NOT_JSON","message":"…"}}   line 7 was refused
 *   {"closing":{"code":"SERVER_CLOSING","message":"…"}}              the last line: why the server ends the connection
 *
 * Lines are counted from 1 on each connection, every newline that the feed sent: greeting and heartbeats included. When you
 * change this, also change src/feed/feed-client.ts, which counts the same. Messages are numbered from 1 on each connection.
 */

import type { FeedErrorCode } from '#src/errors.ts'

export const FEED_PROTOCOL_VERSION = 1
/** Targets in one greeting. */
export const FEED_HANDLES_MAX = 64
/** Messages that a feed has not answered yet, on one connection; the server hands it no more. */
export const FEED_MESSAGES_MAX = 1_024

/** The welcome: `windowLines` may be sent ahead of the acknowledgement. */
export function welcomeLine(windowLines: number): string {
  return `{"millrace":${FEED_PROTOCOL_VERSION},"window":${windowLines}}\n`
}

/** Acknowledges the first `lineCount` lines of the connection. */
export function ackLine(lineCount: number): string {
  return `{"ack":${lineCount}}\n`
}

export function wantedLine(item: string): string {
  return `{"wanted":${JSON.stringify(item)}}\n`
}

export function unwantedLine(item: string): string {
  return `{"unwanted":${JSON.stringify(item)}}\n`
}

/** Message `number` of the connection; `text` is the JSON object of a MESSAGE (record.ts). */
export function messageLine(number: number, text: string): string {
  return `{"message":${number},${text.slice(1)}\n`
}

/** Line number `line`, counted from 1, was refused. */
export function errorLine(line: number, code: FeedErrorCode, message: string): string {
  return `{"error":{"line":${line},"code":"${code}","message":${JSON.stringify(message)}}}\n`
}

/** The last line before the server ends the connection. */
export function closingLine(code: FeedErrorCode, message: string): string {
  return `{"closing":{"code":"${code}","message":${JSON.stringify(message)}}}\n`
}

/**
 * Messages of clients as the feed client deals with them: each is handed to the program, and what it returns or throws goes
 * back as the answer. Part of feed-client.ts, which has the connection.
 *
 * Invariants (test/rules.md, F):
 *  - A message is answered once, on the connection that brought it. When that has ended the server has answered for the
 *    feed, and what the program comes to later is dropped.
 *  - Answers leave in the order in which they are there. One that finds no room waits, and goes before what is published.
 *  - At most FEED_MESSAGES_MAX messages of a connection are open, and as many at work in the program over all connections:
 *    one more is answered with an error, and not handed over.
 */

import { FEED_MESSAGES_MAX } from '#src/codec/feed-reply.ts'

/** The longest line: the most that a server can be set to read. */
export const LINE_BYTES_MAX = 16_777_216
/** Of a text that tells why a message was refused. */
const REASON_LENGTH_MAX = 1_000

/** What a client has sent to a target that this feed handles. */
export interface FeedMessage {
  /** The target, by its whole name. */
  readonly to: string
  /** Tells the client's session from others: the same in all its messages. */
  readonly session: string
  /** What the client sent, as JSON.parse reads it. */
  readonly data: unknown
}

/**
 * Returns what the client is answered, as JSON.stringify prints it (nothing is null), or a promise of it. What it throws is
 * an error to the client, which is shown the message of an Error and a text that was thrown, and of all else nothing.
 */
export type MessageHandler = (message: FeedMessage) => unknown

export class FeedMessages {
  readonly #handle: MessageHandler | undefined
  /** Takes an answer on its way; false when there is no room for it. */
  readonly #send: (line: string) => boolean
  /** Which connection, of all that there were. */
  #connection = 0
  /** Of this connection: at work, or with an answer that waits. */
  #openCount = 0
  /** Of this connection and those before. */
  #atWorkCount = 0
  readonly #waiting: string[] = []

  constructor(handle: MessageHandler | undefined, send: (line: string) => boolean) {
    this.#handle = handle
    this.#send = send
  }

  /** True when every message of the connection is answered, and the answers are on their way. */
  get isDone(): boolean {
    return this.#openCount === 0
  }

  /** The server has brought a message. False when that is none, or more than it may bring. */
  take({ message: number, to, session, data }: Readonly<Record<string, unknown>>): boolean {
    const handle = this.#handle
    if (handle === undefined || this.#openCount === FEED_MESSAGES_MAX) return false
    if (typeof number !== 'number' || typeof to !== 'string' || typeof session !== 'string') return false
    this.#openCount++
    if (this.#atWorkCount === FEED_MESSAGES_MAX) this.#answer(refusalLine(number, 'the feed is busy'))
    else this.#work(handle, number, { to, session, data })
    return true
  }

  /** There may be room again. */
  sendWaiting(): void {
    let sentCount = 0
    while (sentCount < this.#waiting.length && this.#send(this.#waiting[sentCount]!)) sentCount++
    this.#waiting.splice(0, sentCount)
    this.#openCount -= sentCount
  }

  /** The connection has ended. */
  drop(): void {
    this.#connection++
    this.#openCount = 0
    this.#waiting.length = 0
  }

  async #work(handle: MessageHandler, number: number, message: FeedMessage): Promise<void> {
    const connection = this.#connection
    this.#atWorkCount++
    const line = await lineOf(handle, number, message)
    this.#atWorkCount--
    if (connection === this.#connection) this.#answer(line)
  }

  #answer(line: string): void {
    this.#waiting.push(line)
    this.sendWaiting()
  }
}

/** The answer's line. Never rejects. */
async function lineOf(handle: MessageHandler, number: number, message: FeedMessage): Promise<string> {
  try {
    const result: unknown = await handle(message)
    const line = `{"answer":${number},"result":${JSON.stringify(result) ?? 'null'}}`
    return Buffer.byteLength(line) <= LINE_BYTES_MAX ? line : refusalLine(number, 'the answer is too long')
  } catch (thrown) {
    return refusalLine(number, thrown instanceof Error ? thrown.message : thrown)
  }
}

function refusalLine(number: number, reason: unknown): string {
  const text = typeof reason === 'string' && reason !== '' ? reason : 'the feed could not handle the message'
  // A pair of surrogates that is cut in two would make the line a bad one.
  return `{"answer":${number},"error":${JSON.stringify(text.slice(0, REASON_LENGTH_MAX).toWellFormed())}}`
}

/**
 * Watches what reaches the wire: a session has one stream, so when the first byte of a new one is written nothing of the
 * one before is under way in the server but its last words, and nothing of it is written any more.
 *
 * Two things are not fenced, and of no consequence to a client that counts on its newest request only: the answer to a poll
 * that was on its way when the client asked anew, and what a stream had not taken that was ended for NO_PROGRESS, or as its client
 * took none of the session's events (SERVER_BUSY).
 */

import assert from 'node:assert/strict'
import type { ClientConnection } from '#stages/client-connection.ts'
import type { Connection } from './connection.ts'

const HEAD = 'HTTP/1.1 200 '

export class Fence {
  /** The connection's stream or poll is the session's so-manieth. */
  readonly #numberOf: (connection: Connection) => number
  /** By session: whose stream or answer has begun last. */
  readonly #newest = new Map<string, { connection: Connection; number: number }>()

  constructor(numberOf: (connection: Connection) => number) {
    this.#numberOf = numberOf
  }

  watch(connection: Connection): void {
    connection.onWrite = bytes => this.#onWrite(connection, bytes)
  }

  #onWrite(connection: Connection, bytes: Buffer): void {
    const { session, transport } = connection.socket.owner as ClientConnection
    if (session === '' || bytes.length === 0) return
    const number = this.#numberOf(connection)
    const newest = this.#newest.get(session)
    if (newest !== undefined && number < newest.number) {
      assert.equal(
        transport,
        'poll',
        `${connection.key}: a byte of a stream that ${newest.connection.key} has replaced`,
      )
      return
    }
    if (bytes.toString('latin1', 0, HEAD.length) !== HEAD) return
    if (newest !== undefined && newest.connection !== connection) assertQuiet(newest.connection, connection)
    this.#newest.set(session, { connection, number })
  }
}

function assertQuiet({ key, socket, lastWritten }: Connection, next: Connection): void {
  const { destroyed, writableLength } = socket
  if (destroyed || /"(NO_PROGRESS|SERVER_BUSY)"/.test(lastWritten.toString('latin1'))) return
  assert.ok(
    writableLength <= lastWritten.length,
    `${key}: ${writableLength} bytes of a stream when another one begins on ${next.key}`,
  )
}

/**
 * The lines of a feed's connection that are on their way: how many may still be sent, and what became of the others.
 *
 * Every line counts for the server, from 1 on each connection. Those that carry nothing (greeting, heartbeats) are strays:
 * they take room in the window, and are left out of the counters that the publisher sees.
 *
 * Invariants (test/rules.md, F):
 *  - sent - acked <= windowLines, and 0 before the connection is open.
 *  - linesSent = linesAcked + lost + unacked(): nothing is told twice, nothing is forgotten.
 */

import { assert } from '#src/assert.ts'

export class LineWindow {
  /** Over all connections. */
  linesSent = 0
  linesAcked = 0
  /** On their way when a connection ended: whether they were taken is not known. */
  lost = 0
  #windowLines = 0
  #sent = 0
  #acked = 0
  /** The numbers of the strays on their way, in order; a few at most. */
  readonly #strays: number[] = []

  /** A connection begins: so many lines may be on their way at once. */
  open(windowLines: number): void {
    assert(this.#sent === 0, 'a window opens once a connection')
    this.#windowLines = windowLines
  }

  /** The connection has ended; what was on its way is lost. Returns how many lines that is. */
  close(): number {
    const lostNow = this.unacked()
    this.lost += lostNow
    this.#windowLines = 0
    this.#sent = 0
    this.#acked = 0
    this.#strays.length = 0
    return lostNow
  }

  /** How many lines may be sent now. */
  room(): number {
    return this.#windowLines - (this.#sent - this.#acked)
  }

  /** A line goes out. */
  take(): void {
    assert(this.room() > 0, 'a line goes out while the window has room')
    this.#sent++
    this.linesSent++
  }

  /** A line that carries nothing goes out. */
  takeStray(): void {
    assert(this.room() > 0, 'a line goes out while the window has room')
    this.#sent++
    this.#strays.push(this.#sent)
  }

  /** The server is done with the first `lineCount` lines of the connection. False when that cannot be. */
  acknowledge(lineCount: number): boolean {
    if (!Number.isInteger(lineCount) || lineCount < this.#acked || lineCount > this.#sent) return false
    let strayCount = 0
    while (strayCount < this.#strays.length && this.#strays[strayCount]! <= lineCount) strayCount++
    this.#strays.splice(0, strayCount)
    this.linesAcked += lineCount - this.#acked - strayCount
    this.#acked = lineCount
    return true
  }

  /** Lines of the publisher that are on their way. */
  unacked(): number {
    return this.#sent - this.#acked - this.#strays.length
  }
}

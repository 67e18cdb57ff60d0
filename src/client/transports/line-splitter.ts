/**
 * Cuts text that comes in pieces into lines as Server-Sent Events have them: ended by \n, \r\n or \r, wherever the pieces
 * were cut.
 *
 * Invariants (test/rules.md, CL):
 *  - Lines come out whole, once, in order.
 *  - What is held of an unfinished line never exceeds LINE_LENGTH_MAX by more than a piece: push returns false then.
 */

/** In UTF-16 code units; far beyond what a server sends. */
export const LINE_LENGTH_MAX = 16 * 1024 * 1024

const LINE_END_EXP = /\r\n|\n|\r/g

export class LineSplitter {
  readonly #onLine: (line: string) => void
  #partial = ''
  /** The piece before ended in \r: a \n that begins the next one belongs to it. */
  #isAfterReturn = false

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine
  }

  /** False when a line is too long: there is no going on then. */
  push(piece: string): boolean {
    if (piece === '') return true
    let start = this.#isAfterReturn && piece.startsWith('\n') ? 1 : 0
    this.#isAfterReturn = piece.endsWith('\r')
    LINE_END_EXP.lastIndex = start
    for (let end = LINE_END_EXP.exec(piece); end !== null; end = LINE_END_EXP.exec(piece)) {
      const line = this.#partial + piece.slice(start, end.index)
      start = LINE_END_EXP.lastIndex
      this.#partial = ''
      this.#onLine(line)
      // What is called may push into another splitter, which uses the same expression.
      LINE_END_EXP.lastIndex = start
    }
    this.#partial += piece.slice(start)
    return this.#partial.length <= LINE_LENGTH_MAX
  }
}

/**
 * Counts a word in what a socket brought, without parsing it, however it is cut: the deletions of rows, whose records have no
 * stamp to be counted by. One for each connection, as it keeps the end of a read.
 */

export class WordCount {
  readonly #word: Buffer
  /** The end of the last read, and the beginning of this one: a word that is cut stands here whole. */
  readonly #seam: Buffer
  #kept = 0

  /** `word`: in ASCII; it does not overlap itself. */
  constructor(word: string) {
    this.#word = Buffer.from(word)
    this.#seam = Buffer.alloc(2 * (this.#word.length - 1))
  }

  /** How many end in these bytes. */
  count(bytes: Buffer): number {
    const word = this.#word
    const seam = this.#seam
    const edge = word.length - 1
    const length = this.#kept + bytes.copy(seam, this.#kept, 0, Math.min(edge, bytes.length))
    let found = seam.subarray(0, length).indexOf(word) >= 0 ? 1 : 0
    for (let at = bytes.indexOf(word); at >= 0; at = bytes.indexOf(word, at + word.length)) found++
    this.#keep(bytes, length)
    return found
  }

  #keep(bytes: Buffer, length: number): void {
    const seam = this.#seam
    const edge = this.#word.length - 1
    if (bytes.length >= edge) bytes.copy(seam, 0, bytes.length - edge)
    else if (length > edge) seam.copy(seam, 0, length - edge, length)
    this.#kept = Math.min(edge, bytes.length >= edge ? edge : length)
  }
}

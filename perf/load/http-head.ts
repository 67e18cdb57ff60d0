/** The head of an HTTP answer, put together from what a socket brings, however that is cut. */

const HEAD_END = '\r\n\r\n'
/** What servers send here is some 200. */
const HEAD_BYTES_MAX = 1_024

export class HttpHead {
  #text = ''

  /** The head, behind its end and before `clear`. */
  get text(): string {
    return this.#text
  }

  /** No end was found where one must have been. */
  get isTooLong(): boolean {
    return this.#text.length >= HEAD_BYTES_MAX
  }

  /** Takes what came, from `at` to `end`; returns the offset behind the head, or -1 while it is not whole. */
  take(bytes: Buffer, at: number, end: number): number {
    const before = this.#text.length
    const text = this.#text + bytes.toString('latin1', at, Math.min(end, at + HEAD_BYTES_MAX - before))
    const found = text.indexOf(HEAD_END)
    this.#text = found < 0 ? text : text.slice(0, found + HEAD_END.length)
    return found < 0 ? -1 : at + this.#text.length - before
  }

  clear(): void {
    this.#text = ''
  }
}

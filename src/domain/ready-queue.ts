/** First in, first out; what was taken may be put back in front. Bounded by the number of sessions: each is in it once. */

import type { Session } from './session.ts'

const COMPACT_AT = 1024

export class ReadyQueue {
  #entries: Session[] = []
  #head = 0

  get length(): number {
    return this.#entries.length - this.#head
  }

  push(session: Session): void {
    this.#entries.push(session)
  }

  take(): Session | null {
    if (this.#head === this.#entries.length) return null
    const session = this.#entries[this.#head++]!
    if (this.#head >= COMPACT_AT && this.#head * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head)
      this.#head = 0
    }
    return session
  }

  putBack(session: Session): void {
    if (this.#head > 0) this.#entries[--this.#head] = session
    else this.#entries.unshift(session)
  }
}

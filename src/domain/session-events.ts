/**
 * What a session is told beside its data: answers, subscriptions that begin and end, outcomes of messages. Events are kept
 * whole until the client has confirmed them, so that a session that is set back gets them again, in their order.
 *
 * Bound: what is kept takes at most `bytesMax` bytes and one text. Beyond it the oldest that were sent go, and `horizon` tells
 * the position that can be set back to at least. A client that asks for more than that is refused first (hasRoom); where
 * what waits is more all the same, all of it is given up, and the session has to begin anew (restart).
 */

export class SessionEvents {
  readonly #bytesMax: number
  /** Begun with what comes first: an array that grows keeps room for 16 more, and most sessions have one event. */
  #texts: string[] = []
  /** Of those that were sent: the position of their flush. */
  #sentAt: number[] = []
  #bytes = 0
  #waitingBytes = 0
  horizon = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get waitingCount(): number {
    return this.#texts.length - this.#sentAt.length
  }

  /** Whether a client that asks for more may cause another event. */
  get hasRoom(): boolean {
    return this.#waitingBytes < this.#bytesMax
  }

  /** Events were lost: nothing can be gone on from. */
  get isGivenUp(): boolean {
    return this.horizon === Number.POSITIVE_INFINITY
  }

  add(text: string): void {
    if (this.isGivenUp) return
    if (!this.hasRoom) {
      this.#giveUp()
      return
    }
    if (this.#texts.length === 0) this.#texts = [text]
    else this.#texts.push(text)
    this.#bytes += text.length
    this.#waitingBytes += text.length
    while (this.#bytes > this.#bytesMax && this.#sentAt.length > 0) this.horizon = this.#dropFirst()
  }

  /** The first ones that wait, as many as fit `lettersMax`; one at least. */
  waiting(lettersMax: number): string[] {
    const first = this.#sentAt.length
    let end = first
    let letters = 0
    while (end < this.#texts.length) {
      letters += this.#texts[end]!.length
      if (end > first && letters > lettersMax) break
      end++
    }
    return this.#texts.slice(first, end)
  }

  /** The first `count` that wait stand in the flush of `position`. */
  sent(count: number, position: number): void {
    for (let i = 0; i < count; i++) {
      this.#waitingBytes -= this.#texts[this.#sentAt.length]!.length
      if (this.#sentAt.length === 0) this.#sentAt = [position]
      else this.#sentAt.push(position)
    }
  }

  /** The client has everything up to `position`. */
  confirm(position: number): void {
    while (this.#sentAt.length > 0 && this.#sentAt[0]! <= position) this.#dropFirst()
  }

  /** What was sent behind `position` waits again. */
  rewind(position: number): void {
    while (this.#sentAt.length > 0 && this.#sentAt.at(-1)! > position) {
      this.#sentAt.pop()
      this.#waitingBytes += this.#texts[this.#sentAt.length]!.length
    }
  }

  #giveUp(): void {
    this.#texts.length = 0
    this.#sentAt.length = 0
    this.#bytes = 0
    this.#waitingBytes = 0
    this.horizon = Number.POSITIVE_INFINITY
  }

  /** The session begins anew at `position`. */
  restart(position: number): void {
    this.horizon = Math.min(this.horizon, position)
  }

  #dropFirst(): number {
    this.#bytes -= this.#texts.shift()!.length
    return this.#sentAt.shift()!
  }
}

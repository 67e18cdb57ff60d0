/**
 * Counts what the connection brings: updates, what was conflated on the way, bytes, and how old values were when they came.
 * Asked once a second, it gives the rates since it was last asked.
 *
 * Ages are the difference of two clocks, the feed's and this machine's; below zero it shows none.
 */

export interface Reading {
  readonly receivedPerSecond: number
  readonly conflatedPerSecond: number
  readonly bytesPerSecond: number
  readonly ageMedianMs: number | null
  readonly ageLastMs: number | null
}

/** Of each second so many ages are kept for the median. */
const AGES_MAX = 512

export class Meter {
  received = 0
  conflated = 0
  #bytes = 0
  #ages: number[] = []
  #ageLast: number | null = null
  #readMs: number
  #readReceived = 0
  #readConflated = 0

  constructor(nowMs: number) {
    this.#readMs = nowMs
  }

  /** `ageMs`: null where the update does not say its time. */
  update(conflated: number, ageMs: number | null): void {
    this.received++
    this.conflated += conflated
    if (ageMs === null) return
    this.#ageLast = Math.max(0, ageMs)
    if (this.#ages.length < AGES_MAX) this.#ages.push(this.#ageLast)
  }

  bytes(count: number): void {
    this.#bytes += count
  }

  /** What came since the last reading. */
  read(nowMs: number): Reading {
    const seconds = Math.max(0.001, (nowMs - this.#readMs) / 1_000)
    const ages = this.#ages.sort((a, b) => a - b)
    const reading = {
      receivedPerSecond: (this.received - this.#readReceived) / seconds,
      conflatedPerSecond: (this.conflated - this.#readConflated) / seconds,
      bytesPerSecond: this.#bytes / seconds,
      ageMedianMs: ages[ages.length >> 1] ?? null,
      ageLastMs: ages.length === 0 ? null : this.#ageLast,
    }
    this.#readMs = nowMs
    this.#readReceived = this.received
    this.#readConflated = this.conflated
    this.#bytes = 0
    this.#ages = []
    return reading
  }
}

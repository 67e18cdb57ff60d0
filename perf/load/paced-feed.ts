/**
 * Publishes a source's updates at the times that they are due, each stamped with its own due time, whatever the server
 * does (no coordinated omission: one that is sent late is late). Its clock and its output are handed in.
 *
 * Invariant: the stamps of an item's updates grow, also where several are due at once, by 1 µs. A stamp that repeats would be
 * a value that has not changed, which no delta holds: nobody could count that update.
 */

import type { Frame, Source } from './source.ts'
import { writeStamp } from './stamp.ts'

/** Updates that are made at once before the loop has its turn. */
const BURST_MAX = 2_000
const US_PER_MS = 1_000

export interface FeedOutput {
  /** False: it is full, and `isWritable` says when it has room. */
  write(bytes: Buffer): boolean
}

export class PacedFeed {
  readonly #source: Source
  readonly #output: FeedOutput
  readonly #nowUs: () => number
  /** False while the output is full; its owner sets it when there is room. */
  isWritable = true
  #rate = 0
  #startUs = 0
  /** Of this rate: what is to be sent next, and counted next as due. */
  #next = 0
  #dueNext = 0
  #sent = 0
  #lateUsMax = 0
  /** By item, in µs. */
  readonly #stamps: number[]

  constructor(source: Source, output: FeedOutput, nowUs: () => number) {
    this.#source = source
    this.#output = output
    this.#nowUs = nowUs
    this.#stamps = new Array<number>(source.items).fill(-1)
  }

  /** What was due and has not been sent is let go. 0: nothing is due any more. */
  setRate(rate: number): void {
    this.#rate = rate
    this.#startUs = this.#nowUs()
    this.#next = 0
    this.#dueNext = 0
  }

  /** Sends what is due, as far as there is room. */
  send(): void {
    if (!this.isWritable || this.#rate === 0) return
    const source = this.#source
    const now = this.#nowUs()
    const out: Buffer[] = []
    while (out.length < BURST_MAX) {
      const dueUs = this.#startUs + source.dueUs(this.#next, this.#rate)
      if (dueUs > now) break
      if (out.length === 0) this.#lateUsMax = Math.max(this.#lateUsMax, now - dueUs)
      out.push(bytesOf(source.frameOf(this.#next), this.#stampOf(source.itemOf(this.#next), dueUs)))
      source.noteSent(this.#next)
      this.#next++
    }
    if (out.length === 0) return
    this.#sent += out.length
    this.isWritable = this.#output.write(Buffer.concat(out))
  }

  #stampOf(item: number, dueUs: number): number {
    const stamp = Math.max(Math.floor(dueUs), this.#stamps[item]! + 1)
    this.#stamps[item] = stamp
    return stamp
  }

  /** By item: what was due since the last count; how many were sent, and how late the latest was. */
  count(): { due: number[]; sent: number; lateMsMax: number } {
    const source = this.#source
    const due = new Array<number>(source.items).fill(0)
    const elapsedUs = this.#nowUs() - this.#startUs
    while (this.#rate > 0 && source.dueUs(this.#dueNext, this.#rate) <= elapsedUs) {
      due[source.itemOf(this.#dueNext++)]!++
    }
    const counted = { due, sent: this.#sent, lateMsMax: this.#lateUsMax / US_PER_MS }
    this.#sent = 0
    this.#lateUsMax = 0
    return counted
  }

  /** A last update of every item. Returns a line of each with all its fields. */
  close(stamp: number): string[] {
    const source = this.#source
    const items = Array.from({ length: source.items }, (_, item) => item)
    this.#output.write(
      Buffer.concat(items.flatMap(item => source.lastFramesOf(item).map(frame => bytesOf(frame, stamp)))),
    )
    return items.map(item => source.truthOf(item, stamp))
  }
}

function bytesOf(frame: Frame, stamp: number): Buffer {
  const bytes = Buffer.from(frame.bytes)
  writeStamp(bytes, frame.stampAt, stamp)
  return bytes
}

/**
 * What the commands write for people: lines on stderr, a line of progress, text without control characters.
 *
 * Invariant (test/rules.md, N): nothing that a peer or a file says reaches a terminal with a control character in it.
 */

import { printable } from '#src/printable.ts'
import type { Clock } from '#src/time/clock.ts'

/** How often a line of progress is written anew. */
const TERMINAL_INTERVAL_MS = 200
const PLAIN_INTERVAL_MS = 5_000

/** The part of a stream that is needed here; process.stderr is one. */
export interface TextOutput {
  write(text: string): unknown
  readonly isTTY?: boolean
}

/** Writes each line of a message with the program's name before it. */
export function tell(output: TextOutput, message: string): void {
  for (const line of message.split('\n')) output.write(`millrace: ${printable(line, 2_000)}\n`)
}

/** One line that is rewritten on a terminal, and written every few seconds elsewhere. */
export class ProgressLine {
  readonly #output: TextOutput
  readonly #clock: Clock
  readonly #intervalMs: number
  #dueMs: number
  #isShown = false

  constructor(output: TextOutput, clock: Clock) {
    this.#output = output
    this.#clock = clock
    this.#intervalMs = output.isTTY === true ? TERMINAL_INTERVAL_MS : PLAIN_INTERVAL_MS
    this.#dueMs = clock.nowMs() + this.#intervalMs
  }

  /** Shows the text that `textOf` makes, when it is time to. */
  show(textOf: () => string): void {
    const nowMs = this.#clock.nowMs()
    if (nowMs < this.#dueMs) return
    this.#dueMs = nowMs + this.#intervalMs
    if (this.#output.isTTY === true) {
      this.#output.write(`\r${printable(textOf())}\u001b[K`)
      this.#isShown = true
    } else {
      tell(this.#output, textOf())
    }
  }

  /** Writes a message that stays; the line of progress goes on below it. */
  tell(message: string): void {
    if (this.#isShown) this.#output.write('\r\u001b[K')
    this.#isShown = false
    tell(this.#output, message)
  }
}

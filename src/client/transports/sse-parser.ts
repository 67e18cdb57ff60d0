/**
 * Reads Server-Sent Events out of the lines of a stream. Of an event only its data and the id that it brought itself are
 * told: names of events and waits for reconnecting are not of this protocol.
 */

import { LineSplitter } from './line-splitter.ts'

export interface ServerSentEvent {
  /** The lines of `data`, joined by newlines. */
  readonly data: string
  /** Null when the event has no id of its own. */
  readonly id: string | null
}

const BYTE_ORDER_MARK = '\uFEFF'

export class SseParser {
  readonly #onEvent: (event: ServerSentEvent) => void
  readonly #lines = new LineSplitter(line => this.#onLine(line))
  #isFirst = true
  /** Null: the event has no data yet. */
  #data: string | null = null
  #id: string | null = null

  constructor(onEvent: (event: ServerSentEvent) => void) {
    this.#onEvent = onEvent
  }

  /** False when a line is too long. */
  push(piece: string): boolean {
    if (piece === '') return true
    const text = this.#isFirst && piece.startsWith(BYTE_ORDER_MARK) ? piece.slice(1) : piece
    this.#isFirst = false
    return this.#lines.push(text)
  }

  #onLine(line: string): void {
    if (line === '') {
      this.#dispatch()
      return
    }
    const colon = line.indexOf(':')
    const name = colon < 0 ? line : line.slice(0, colon)
    const start = line[colon + 1] === ' ' ? colon + 2 : colon + 1
    const value = colon < 0 ? '' : line.slice(start)
    if (name === 'data') this.#data = this.#data === null ? value : `${this.#data}\n${value}`
    else if (name === 'id') this.#id = value
  }

  #dispatch(): void {
    const data = this.#data
    const id = this.#id
    this.#data = null
    this.#id = null
    if (data !== null) this.#onEvent({ data, id })
  }
}

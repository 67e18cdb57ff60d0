/**
 * Connections that are not let in: told why, then closed. One that does not close its own side is cut off after a while, and
 * only so many are waited for, so that refusing costs no more than admitting.
 */

import type { Clock } from '#src/time/clock.ts'
import type { Timed, TimingWheel } from '#src/time/timing-wheel.ts'
import type { StreamSocket } from '#stages/socket.ts'

/** Refused connections that may linger at a time; further ones are cut off at once. */
const LINGERING_MAX = 256

class Refused implements Timed {
  timerDueMs = 0
  timerNext: Timed | null = null
  timerPrev: Timed | null = null
  readonly #socket: StreamSocket

  constructor(socket: StreamSocket) {
    this.#socket = socket
  }

  onTimer(): void {
    this.#socket.destroy()
  }
}

export class Refusals {
  readonly #wheel: TimingWheel
  readonly #clock: Clock
  readonly #lingerMs: number
  #lingering = 0

  constructor(wheel: TimingWheel, clock: Clock, lingerMs: number) {
    this.#wheel = wheel
    this.#clock = clock
    this.#lingerMs = lingerMs
  }

  refuse(socket: StreamSocket, last: Buffer | string): void {
    socket.on('error', () => {})
    if (this.#lingering >= LINGERING_MAX) {
      socket.destroy()
      return
    }
    this.#lingering++
    const refused = new Refused(socket)
    socket.on('close', () => {
      this.#lingering--
      this.#wheel.cancel(refused)
    })
    this.#wheel.schedule(refused, this.#clock.nowMs() + this.#lingerMs)
    socket.end(last)
    socket.resume()
  }
}

/**
 * accept: admits or refuses a connection and gives it an id: slot and generation.
 *
 * Inbound: the sockets that the system hands over (bounded by the listen backlog; when full the system refuses).
 * Outcomes: admitted; refused, when the slots are taken or the server is closing: told why, then closed.
 *
 * Invariants: a slot belongs to one connection at a time; its generation grows with each, so that whatever is addressed
 * to an earlier one can be told apart. The slot that has been free longest is used next.
 */

import type { StreamSocket } from '#stages/socket.ts'
import type { Stage } from '#stages/stage.ts'

export interface AcceptDeps {
  readonly slotsMax: number
  /** Slots below are never given out. */
  readonly slotMin: number
  readonly admit: (socket: StreamSocket, slot: number, generation: number) => void
  /** Tells a connection that it cannot stay. */
  readonly refuse: (socket: StreamSocket, isClosing: boolean) => void
}

export class Accept implements Stage {
  readonly name = 'accept'
  readonly queueUnit = 'records'
  readonly #deps: AcceptDeps
  readonly #generations: number[] = []
  readonly #free: number[] = []
  #freeHead = 0
  #nextNew: number
  #open = 0
  #handled = 0
  refused = 0
  isClosing = false

  constructor(deps: AcceptDeps) {
    this.#deps = deps
    this.#nextNew = deps.slotMin
  }

  get openCount(): number {
    return this.#open
  }

  offer(socket: StreamSocket): boolean {
    this.#handled++
    if (this.isClosing || this.#open >= this.#deps.slotsMax - this.#deps.slotMin) {
      this.refused++
      this.#deps.refuse(socket, this.isClosing)
      return false
    }
    const slot = this.#freeHead < this.#free.length ? this.#takeFree() : this.#nextNew++
    const generation = (this.#generations[slot] ?? 0) + 1
    this.#generations[slot] = generation
    this.#open++
    this.#deps.admit(socket, slot, generation)
    return true
  }

  /** The connection has gone. */
  release(slot: number): void {
    this.#free.push(slot)
    this.#open--
  }

  /** Sockets are admitted as they come: nothing waits here. */
  work(): number {
    const handled = this.#handled
    this.#handled = 0
    return handled
  }

  queueDepth(): number {
    return 0
  }

  queueCapacity(): number {
    return LISTEN_BACKLOG
  }

  #takeFree(): number {
    const slot = this.#free[this.#freeHead++]!
    if (this.#freeHead * 2 > this.#free.length && this.#freeHead > 64) {
      this.#free.splice(0, this.#freeHead)
      this.#freeHead = 0
    }
    return slot
  }
}

/** Connections that the system holds before they are accepted. */
export const LISTEN_BACKLOG = 1_024

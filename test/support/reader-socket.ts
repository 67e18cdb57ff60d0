/**
 * A socket whose system takes bytes when the test says so: what the stages see of net.Socket, no more. Like the real one it keeps the
 * very buffers that it was given until they are taken.
 */

import type { StreamSocket } from '#stages/socket.ts'

interface Written {
  readonly bytes: Buffer
  readonly onTaken: (() => void) | undefined
}

export class ReaderSocket implements StreamSocket {
  readonly remoteAddress = '127.0.0.1'
  owner?: unknown
  destroyed = false
  isEnded = false
  isPaused = false
  /** Bytes that the system takes at once; beyond them they wait in the socket. */
  room: number
  /** What the peer has got. */
  received = ''
  readonly #waiting: Written[] = []

  constructor(room = Number.POSITIVE_INFINITY) {
    this.room = room
  }

  get writableLength(): number {
    return this.#waiting.reduce((sum, { bytes }) => sum + bytes.length, 0)
  }

  write(bytes: Buffer | string, onTaken?: () => void): boolean {
    if (this.isEnded) throw new Error('write after end')
    this.#waiting.push({ bytes: typeof bytes === 'string' ? Buffer.from(bytes) : bytes, onTaken })
    this.#move()
    return this.#waiting.length === 0
  }

  /** The system takes `bytes` more. */
  take(bytes: number): void {
    this.room += bytes
    this.#move()
  }

  end(bytes?: Buffer | string): void {
    if (bytes !== undefined) this.write(bytes)
    if (this.isEnded) throw new Error('end after end')
    this.isEnded = true
  }

  destroy(): void {
    this.destroyed = true
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
  }

  on(): void {}

  /** A write is taken whole, in its turn, as the system reports it. */
  #move(): void {
    while (this.#waiting.length > 0 && this.#waiting[0]!.bytes.length <= this.room) {
      const { bytes, onTaken } = this.#waiting.shift()!
      this.room -= bytes.length
      this.received += bytes.toString('latin1')
      onTaken?.()
    }
  }
}

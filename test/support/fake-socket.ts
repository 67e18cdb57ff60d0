/**
 * A socket for simulations: the stages hold one end (StreamSocket), the simulation plays the kernel and the peer.
 *
 *     stage ── write ──▶ queue (counts in writableLength) ──▶ kernel (kernelBytesMax) ──▶ peerRead
 *     stage ◀── 'data' ── inbox ◀── peerSend
 *
 * Invariants, as Node and Linux have them:
 *  - A write is taken at once as far as the kernel has room; a chunk counts in writableLength, whole, until its last byte
 *    is taken. What is not taken is kept by reference, so whoever overwrites it too early is found out.
 *  - Callbacks and events come from `pump` only, never within a call of the stage; 'close' is the last event.
 *  - A paused socket emits no 'data' and no 'end'. Both sides may end on their own (allowHalfOpen).
 *  - After destroy what the kernel has taken still reaches the peer; after a reset nothing does.
 */

import type { StreamSocket } from '#stages/socket.ts'

interface Queued {
  readonly bytes: Buffer
  taken: number
  readonly onTaken: (() => void) | undefined
}

export class FakeSocket implements StreamSocket {
  readonly remoteAddress = '127.0.0.1'
  owner?: unknown
  destroyed = false
  /** What the kernel holds at most; it takes a part of a chunk as well. */
  kernelBytesMax: number
  /** The most that writableLength has ever been. */
  writableLengthMax = 0
  isClosed = false
  readonly #queue: Queued[] = []
  readonly #callbacks: (() => void)[] = []
  readonly #inbox: Buffer[] = []
  readonly #dataListeners: ((this: StreamSocket, chunk: Buffer) => void)[] = []
  readonly #endListeners: ((this: StreamSocket) => void)[] = []
  readonly #closeListeners: ((this: StreamSocket) => void)[] = []
  #kernel: Buffer[] = []
  #kernelBytes = 0
  #inboxBytes = 0
  #queuedBytes = 0
  #isPaused = false
  #isEnding = false
  #hasPeerEnded = false
  #isEndTold = false
  #isReset = false

  constructor(kernelBytesMax: number) {
    this.kernelBytesMax = kernelBytesMax
  }

  // ── The stage's end ────────────────────────────────────────────────────────────────────────────────────────────────

  get writableLength(): number {
    return this.#queuedBytes
  }

  write(bytes: Buffer | string, onTaken?: () => void): boolean {
    if (this.destroyed || this.#isEnding) {
      if (onTaken !== undefined) this.#callbacks.push(onTaken)
      return false
    }
    const chunk = typeof bytes === 'string' ? Buffer.from(bytes) : bytes
    this.#queue.push({ bytes: chunk, taken: 0, onTaken })
    this.#queuedBytes += chunk.length
    this.#take()
    this.writableLengthMax = Math.max(this.writableLengthMax, this.#queuedBytes)
    return this.#queuedBytes === 0
  }

  end(bytes?: Buffer | string): void {
    if (bytes !== undefined) this.write(bytes)
    this.#isEnding = true
  }

  destroy(): void {
    if (this.destroyed) return
    this.destroyed = true
    this.#queuedBytes = 0
    for (const { onTaken } of this.#queue.splice(0)) if (onTaken !== undefined) this.#callbacks.push(onTaken)
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
  }

  on(event: 'data' | 'end' | 'close' | 'error', listener: unknown): void {
    if (event === 'data') this.#dataListeners.push(listener as (chunk: Buffer) => void)
    else if (event === 'end') this.#endListeners.push(listener as () => void)
    else if (event === 'close') this.#closeListeners.push(listener as () => void)
  }

  // ── The peer's end ─────────────────────────────────────────────────────────────────────────────────────────────────

  get inboxBytes(): number {
    return this.#inboxBytes
  }

  /** The peer has read everything that will ever come. */
  get isPeerAtEnd(): boolean {
    const isOver = this.destroyed || (this.#isEnding && this.#queue.length === 0)
    return this.#isReset || (isOver && this.#kernelBytes === 0)
  }

  peerSend(bytes: Buffer): void {
    if (this.#hasPeerEnded || this.destroyed || bytes.length === 0) return
    this.#inbox.push(bytes)
    this.#inboxBytes += bytes.length
  }

  peerEnd(): void {
    this.#hasPeerEnded = true
  }

  /** The peer is gone without a word: what is under way in either direction is lost. */
  peerReset(): void {
    this.#isReset = true
    this.#kernel = []
    this.#kernelBytes = 0
    this.#inbox.length = 0
    this.#inboxBytes = 0
    this.destroy()
  }

  /** Reads up to `bytesMax` bytes; the kernel then takes more of what waits. */
  peerRead(bytesMax: number): Buffer {
    const parts: Buffer[] = []
    let left = bytesMax
    while (left > 0 && this.#kernel.length > 0) {
      const first = this.#kernel[0]!
      const part = first.subarray(0, left)
      parts.push(part)
      left -= part.length
      if (part.length === first.length) this.#kernel.shift()
      else this.#kernel[0] = first.subarray(part.length)
    }
    this.#kernelBytes -= bytesMax - left
    this.#take()
    return Buffer.concat(parts)
  }

  // ── The event loop ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** Fires what is due: callbacks, up to `bytesMax` bytes of data, 'end', 'close'. Returns whether anything was. */
  pump(bytesMax: number): boolean {
    if (this.isClosed) return false
    let isActive = this.#callbacks.length > 0
    for (const callback of this.#callbacks.splice(0)) callback()
    if (!this.destroyed && !this.#isPaused) isActive = this.#emitInput(bytesMax) || isActive
    const isDone = this.#isEnding && this.#queue.length === 0 && this.#isEndTold
    if ((this.destroyed || isDone) && this.#callbacks.length === 0) {
      this.destroyed = true
      this.isClosed = true
      isActive = true
      for (const listener of this.#closeListeners) listener.call(this)
    }
    return isActive
  }

  #emitInput(bytesMax: number): boolean {
    if (this.#inbox.length > 0) {
      const first = this.#inbox[0]!
      const chunk = Buffer.from(first.subarray(0, bytesMax))
      if (chunk.length === first.length) this.#inbox.shift()
      else this.#inbox[0] = first.subarray(chunk.length)
      this.#inboxBytes -= chunk.length
      for (const listener of this.#dataListeners) listener.call(this, chunk)
      return true
    }
    if (!this.#hasPeerEnded || this.#isEndTold) return false
    this.#isEndTold = true
    for (const listener of this.#endListeners) listener.call(this)
    return true
  }

  #take(): void {
    if (this.destroyed) return
    while (this.#queue.length > 0) {
      const first = this.#queue[0]!
      const room = this.kernelBytesMax - this.#kernelBytes
      const part = first.bytes.subarray(first.taken, first.taken + Math.max(0, room))
      if (part.length > 0) {
        this.#kernel.push(Buffer.from(part))
        this.#kernelBytes += part.length
        first.taken += part.length
      }
      if (first.taken < first.bytes.length) return
      this.#queue.shift()
      this.#queuedBytes -= first.bytes.length
      if (first.onTaken !== undefined) this.#callbacks.push(first.onTaken)
    }
  }
}

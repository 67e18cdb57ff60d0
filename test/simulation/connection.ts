/**
 * A client's end of one connection: it sends what it has to say in parts, reads real bytes at its own speed, stalls, and
 * goes away. One request at a time.
 */

import { FakeSocket } from '../support/fake-socket.ts'
import type { Random } from '../support/random.ts'
import type { StreamReader } from './stream-reader.ts'

/** Tells what the server writes, when it does. */
class WatchedSocket extends FakeSocket {
  readonly #onWrite: (bytes: Buffer) => void

  constructor(kernelBytesMax: number, onWrite: (bytes: Buffer) => void) {
    super(kernelBytesMax)
    this.#onWrite = onWrite
  }

  override write(bytes: Buffer | string, onTaken?: () => void): boolean {
    this.#onWrite(Buffer.from(bytes))
    return super.write(bytes, onTaken)
  }
}

export class Connection {
  readonly socket: FakeSocket
  /** What the server knows it by, as long as it is there: edge, slot and generation. '' for one that was not let in. */
  key = ''
  /** Reads the answer to the request under way. */
  reader: StreamReader | null = null
  /** The client has closed it. */
  isLeft = false
  /** Since the simulation looked last. */
  hasRead = false
  /** Since when bytes have waited for it and it has read none; NaN while it reads, or nothing waits. */
  stuckSinceMs = Number.NaN
  stallSteps = 0
  /** Flushes that were read from it. */
  flushesRead = 0
  /** What the server wrote last. */
  lastWritten: Buffer = Buffer.alloc(0)
  /** Told what the server writes. */
  onWrite: (bytes: Buffer) => void = () => {}
  #unsent: Buffer = Buffer.alloc(0)

  constructor(kernelBytesMax: number) {
    this.socket = new WatchedSocket(kernelBytesMax, bytes => this.#onWritten(bytes))
  }

  /** The server's side is over, and everything that it sent has been read. */
  get isAtEnd(): boolean {
    return this.socket.isPeerAtEnd
  }

  get isOpen(): boolean {
    return !this.isLeft && !this.isAtEnd
  }

  /** The socket has fallen behind at some time: then the server may cut it without a word. */
  get hasStalled(): boolean {
    return this.socket.writableLengthMax > 0
  }

  send(request: string, reader: StreamReader): void {
    this.#unsent = Buffer.from(request)
    this.reader = reader
  }

  sendSome(random: Random): void {
    if (this.#unsent.length > 0) this.#sendPart(1 + random.int(200))
  }

  sendAll(): void {
    if (this.#unsent.length > 0) this.#sendPart(this.#unsent.length)
  }

  read(bytesMax: number): void {
    if (this.isLeft) return
    const bytes = this.socket.peerRead(bytesMax)
    if (bytes.length > 0) this.hasRead = true
    this.reader?.read(bytes)
  }

  reset(): void {
    this.isLeft = true
    this.socket.peerReset()
  }

  end(): void {
    this.isLeft = true
    this.socket.peerEnd()
  }

  #onWritten(bytes: Buffer): void {
    this.onWrite(bytes)
    if (bytes.length > 0) this.lastWritten = bytes
  }

  #sendPart(length: number): void {
    const part = this.#unsent.subarray(0, length)
    this.#unsent = this.#unsent.subarray(part.length)
    this.socket.peerSend(part)
  }
}

/**
 * A TCP proxy that can cut: what lies between a client and the server. While it is cut, connections that come wait, so
 * that a client is back exactly when the test lets it be.
 */

import { connect, createServer, type Server, type Socket } from 'node:net'

export class Cutter {
  readonly port: number
  #targetPort: number
  #isHolding = false
  readonly #server: Server
  readonly #open = new Set<Socket>()
  readonly #waiting = new Set<Socket>()

  private constructor(server: Server, port: number, targetPort: number) {
    this.#server = server
    this.port = port
    this.#targetPort = targetPort
    server.on('connection', socket => {
      this.#watch(socket)
      if (this.#isHolding) this.#waiting.add(socket)
      else this.#join(socket)
    })
  }

  static async to(targetPort: number): Promise<Cutter> {
    const server = createServer({ allowHalfOpen: true, noDelay: true })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    return new Cutter(server, port, targetPort)
  }

  /** New connections wait; those there are go on. */
  hold(): void {
    this.#isHolding = true
  }

  /** Every connection is gone without a word; new ones wait. */
  cut(): void {
    this.hold()
    for (const socket of this.#open) socket.destroy()
  }

  /** Those that wait, and new ones, are let through, to another port where one is given. */
  mend(targetPort = this.#targetPort): void {
    this.#isHolding = false
    this.#targetPort = targetPort
    for (const socket of this.#waiting) this.#join(socket)
    this.#waiting.clear()
  }

  async close(): Promise<void> {
    for (const socket of this.#open) socket.destroy()
    await new Promise<void>(resolve => this.#server.close(() => resolve()))
  }

  #watch(socket: Socket): void {
    this.#open.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#open.delete(socket)
      this.#waiting.delete(socket)
    })
  }

  #join(near: Socket): void {
    const far = connect({ port: this.#targetPort, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    this.#watch(far)
    near.pipe(far)
    far.pipe(near)
    near.on('close', () => far.destroy())
    far.on('close', () => near.destroy())
  }
}

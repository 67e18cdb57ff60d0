/** The server's side of the feed protocol, small: it keeps the lines and answers as it is told to. */

import { createServer, type Server, type Socket } from 'node:net'
import { ackLine, errorLine, welcomeLine } from '#src/codec/feed-reply.ts'
import type { FeedErrorCode } from '#src/errors.ts'

interface Behaviour {
  readonly windowLines?: number
  /** The error that the server has for a line, or null. */
  readonly refuse?: (line: string) => FeedErrorCode | null
  /** The connection is cut after so many lines, each time but the last. */
  readonly cutAfter?: readonly number[]
}

export class FakeFeedServer {
  readonly port: number
  /** The lines of each connection, greetings and heartbeats left out. */
  readonly connections: string[][] = []
  /** The most lines that were ever on their way without acknowledgement. */
  unackedMax = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #behaviour: Behaviour
  readonly #waiting: { count: number; resolve: () => void }[] = []

  private constructor(server: Server, port: number, behaviour: Behaviour) {
    this.#server = server
    this.#behaviour = behaviour
    this.port = port
    server.on('connection', socket => this.#serve(socket))
  }

  static async listen(behaviour: Behaviour = {}): Promise<FakeFeedServer> {
    const server = createServer()
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    return new FakeFeedServer(server, typeof address === 'object' && address !== null ? address.port : 0, behaviour)
  }

  get lines(): string[] {
    return this.connections.flat()
  }

  /** Resolves when so many lines have come over all connections. */
  received(count: number): Promise<void> {
    return new Promise(resolve => {
      this.#waiting.push({ count, resolve })
      this.#look()
    })
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise(resolve => this.#server.close(resolve))
  }

  #look(): void {
    for (const { count, resolve } of this.#waiting) if (this.lines.length >= count) resolve()
  }

  #serve(socket: Socket): void {
    const { windowLines = 64, refuse = () => null, cutAfter = [] } = this.#behaviour
    const lines: string[] = []
    const cutCount = cutAfter[this.connections.length] ?? Number.POSITIVE_INFINITY
    this.connections.push(lines)
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('error', () => {})
    socket.write(welcomeLine(windowLines))
    let partial = ''
    let lineNumber = 0
    socket.setEncoding('utf8').on('data', (text: unknown) => {
      const parts = (partial + String(text)).split('\n')
      partial = parts.pop() ?? ''
      this.unackedMax = Math.max(this.unackedMax, parts.length)
      for (const line of parts) {
        lineNumber++
        if (line === '' || line.startsWith('{"feed"')) continue
        lines.push(line)
        const code = refuse(line)
        if (code !== null) socket.write(errorLine(lineNumber, code, 'refused by the test'))
        if (lines.length >= cutCount) {
          socket.destroy()
          break
        }
      }
      if (!socket.destroyed) socket.write(ackLine(lineNumber))
      this.#look()
    })
  }
}

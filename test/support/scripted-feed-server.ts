/** The server's side of the feed protocol, played by the test: it says nothing but what the test says. */

import { createServer, type Server, type Socket } from 'node:net'

/** One connection as the server sees it. */
export class ScriptedConnection {
  /** All lines, greeting and heartbeats too. */
  readonly lines: string[] = []
  readonly ended: Promise<void>
  readonly socket: Socket
  readonly #waiting: { isMet: (lines: string[]) => boolean; resolve: () => void }[] = []

  constructor(socket: Socket) {
    this.socket = socket
    let partial = ''
    socket.setEncoding('utf8').on('data', (text: unknown) => {
      const parts = (partial + String(text)).split('\n')
      partial = parts.pop() ?? ''
      this.lines.push(...parts)
      this.#look()
    })
    socket.on('error', () => {})
    this.ended = new Promise(resolve => socket.on('close', () => resolve()))
  }

  say(...replies: object[]): void {
    this.socket.write(replies.map(reply => `${JSON.stringify(reply)}\n`).join(''))
  }

  welcome(windowLines: number): void {
    this.say({ millrace: 1, window: windowLines })
  }

  /** Resolves when that many lines have come. */
  received(count: number): Promise<void> {
    return this.until(lines => lines.length >= count)
  }

  until(isMet: (lines: string[]) => boolean): Promise<void> {
    return new Promise(resolve => {
      this.#waiting.push({ isMet, resolve })
      this.#look()
    })
  }

  #look(): void {
    for (const { isMet, resolve } of this.#waiting) if (isMet(this.lines)) resolve()
  }
}

export class ScriptedFeedServer {
  readonly port: number
  readonly #server: Server
  readonly #connections: ScriptedConnection[] = []
  readonly #waiting: ((connection: ScriptedConnection) => void)[] = []
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server, port: number) {
    this.#server = server
    this.port = port
    server.on('connection', socket => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
      const connection = new ScriptedConnection(socket)
      const waiting = this.#waiting.shift()
      if (waiting === undefined) this.#connections.push(connection)
      else waiting(connection)
    })
  }

  static async listen(port = 0): Promise<ScriptedFeedServer> {
    const server = createServer()
    await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
    const address = server.address()
    return new ScriptedFeedServer(server, typeof address === 'object' && address !== null ? address.port : 0)
  }

  /** The next connection. */
  accept(): Promise<ScriptedConnection> {
    const connection = this.#connections.shift()
    return connection === undefined ? new Promise(resolve => this.#waiting.push(resolve)) : Promise.resolve(connection)
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise(resolve => this.#server.close(resolve))
  }
}

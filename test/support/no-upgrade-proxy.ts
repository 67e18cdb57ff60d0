/** A proxy that does not know WebSocket, as there are some: it refuses every upgrade and hands all else through. */

import { connect, createServer, type Server, type Socket } from 'node:net'

export class NoUpgradeProxy {
  readonly port: number
  refused = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server, targetPort: number) {
    this.#server = server
    this.port = (server.address() as { port: number }).port
    server.on('connection', socket => this.#serve(socket, targetPort))
  }

  static async listen(targetPort: number): Promise<NoUpgradeProxy> {
    const server = createServer()
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    return new NoUpgradeProxy(server, targetPort)
  }

  close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    return new Promise(resolve => this.#server.close(() => resolve()))
  }

  #serve(socket: Socket, targetPort: number): void {
    this.#sockets.add(socket)
    const target = connect(targetPort, '127.0.0.1')
    this.#sockets.add(target)
    for (const one of [socket, target]) one.on('error', () => {})
    socket.on('close', () => target.destroy())
    target.on('close', () => socket.destroy())
    target.pipe(socket)
    socket.on('data', (chunk: Buffer) => {
      if (/^upgrade: websocket/im.test(chunk.toString('latin1'))) {
        this.refused++
        socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
      } else target.write(chunk)
    })
  }
}

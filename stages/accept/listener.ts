/**
 * Listens on a TCP port and hands each socket to accept. With several threads each listens for itself on the same port
 * (`reusePort`, Linux); main has made sure before that the port is free, because reusePort would hide it.
 */

import { lookup } from 'node:dns/promises'
import { BoundSocket, createServer, isIP, type Server } from 'node:net'
import { ProgramError } from '#src/errors.ts'
import type { StreamSocket } from '#stages/socket.ts'
import { LISTEN_BACKLOG } from './accept.ts'

/** TCP looks after a peer that says nothing, so that a host that vanished does not keep its place for ever. */
const KEEPALIVE_DELAY_MS = 60_000

export interface ListenOptions {
  readonly host: string
  readonly port: number
  readonly isShared: boolean
  /** True keeps the way out open when the peer has closed its own. */
  readonly allowHalfOpen: boolean
}

export interface Listener {
  readonly port: number
  close(): Promise<void>
}

export function listen(options: ListenOptions, onSocket: (socket: StreamSocket) => void): Promise<Listener> {
  const { host, port, isShared, allowHalfOpen } = options
  const server = createServer(
    { allowHalfOpen, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEPALIVE_DELAY_MS },
    onSocket,
  )
  return new Promise((resolve, reject) => {
    server.once('error', error => reject(listenError(error, host, port)))
    server.listen({ host, port, backlog: LISTEN_BACKLOG, exclusive: true, reusePort: isShared }, () => {
      server.removeAllListeners('error')
      // An accept that fails (no file descriptor left) costs that connection only.
      server.on('error', () => {})
      const address = server.address()
      resolve({
        port: typeof address === 'object' && address !== null ? address.port : port,
        close: () => close(server),
      })
    })
  })
}

export interface ReservedPort {
  readonly port: number
  /** The threads have to share the port with the reservation. */
  readonly isShared: boolean
  release(): void
}

/**
 * Makes sure that nobody has the port, and chooses one where it is 0. A chosen port is held until `release`, where the
 * system lets sockets share it, or somebody else might be given it before the threads listen. What holds it is bound and
 * does not listen: the system hands it no connection, not even while a child that is being started has a copy of it.
 */
export async function reservePort(host: string, port: number): Promise<ReservedPort> {
  const isHeld = port === 0 && process.platform === 'linux'
  const bound = bind(await addressOf(host, port), host, port, isHeld)
  const chosen = bound.address().port
  if (!isHeld) bound.close()
  return { port: chosen, isShared: isHeld, release: () => bound[Symbol.dispose]() }
}

async function addressOf(host: string, port: number): Promise<string> {
  if (isIP(host) !== 0) return host
  try {
    return (await lookup(host)).address
  } catch (error) {
    throw listenError(error as NodeJS.ErrnoException, host, port)
  }
}

function bind(address: string, host: string, port: number, reusePort: boolean): BoundSocket {
  try {
    return new BoundSocket({ host: address, port, reusePort })
  } catch (error) {
    throw listenError(error as NodeJS.ErrnoException, host, port)
  }
}

function close(server: Server): Promise<void> {
  return new Promise(resolve => server.close(() => resolve()))
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): ProgramError {
  if (error.code === 'EADDRINUSE') return new ProgramError('PORT_IN_USE', `port ${port} of ${host} is in use`)
  return new ProgramError('LISTEN_FAILED', `cannot listen on ${host}:${port}: ${error.message}`)
}

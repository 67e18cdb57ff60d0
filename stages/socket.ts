/**
 * What the stages see of a connection's socket: the part of net.Socket that they use, so that the simulator can hand in
 * its own. Bytes in, bytes out, and how many have not been taken yet.
 */

export interface StreamSocket {
  readonly remoteAddress?: string | undefined
  /** Bytes written that the system has not taken. */
  readonly writableLength: number
  readonly destroyed: boolean
  /** Whose socket it is: listeners are shared by all connections and find theirs here. */
  owner?: unknown
  write(bytes: Buffer | string, onTaken?: () => void): boolean
  end(): unknown
  end(bytes: Buffer | string): unknown
  destroy(): unknown
  pause(): unknown
  resume(): unknown
  on(event: 'data', listener: (this: StreamSocket, chunk: Buffer) => void): unknown
  on(event: 'end' | 'close', listener: (this: StreamSocket) => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
}

/**
 * What the stages see of a connection's socket: the part of net.Socket that they use, so that the simulator can hand in
 * its own. Bytes in, bytes out, and how many have not been taken yet.
 */

export interface StreamSocket {
  readonly remoteAddress?: string | undefined
  /** Bytes written that the system has not taken. */
  readonly writableLength: number
  readonly destroyed: boolean
  /** Node's own handle: its idle timeout looks at the same number to see progress within a long write. */
  readonly _handle?: { readonly writeQueueSize?: number } | null
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

/** Bytes that the system has not taken, also of a write that is under way. */
export function unsentBytesOf(socket: StreamSocket): number {
  return socket.writableLength === 0 ? 0 : (socket._handle?.writeQueueSize ?? 0) + socket.writableLength
}

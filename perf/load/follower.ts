/**
 * What a load client has to follow of its stream, where the server waits for a word of it: pongs over WebSocket, the next
 * poll over long polling. Only heads are read; what they enclose is stepped over, and counted by its marker (scan.ts).
 */

export interface StreamFollower {
  /** What came cannot be followed: the connection is of no use any more. */
  readonly isOver: boolean
  /** Takes what one read has brought, from `start` to `end`; returns what is to be sent back, if anything. */
  follow(bytes: Buffer, start: number, end: number): Buffer | null
  /**
   * What goes on with the stream on another connection, when this one has ended; null where it ends with its connection, and
   * where the last one brought nothing.
   */
  goOn(): Buffer | null
}

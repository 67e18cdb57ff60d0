/** What `ws` exports and its types leave out; see https://github.com/websockets/ws/blob/master/lib/sender.js. */

import 'ws'

declare module 'ws' {
  interface FrameOptions {
    readonly fin: boolean
    readonly opcode: number
    readonly mask: boolean
    readonly readOnly: boolean
    readonly rsv1: boolean
  }

  export const Sender: { frame(data: Buffer, options: FrameOptions): Buffer[] }
}

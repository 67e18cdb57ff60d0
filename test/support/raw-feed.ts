/** A feed as `nc` is one: a bare socket that writes what it is told and keeps what the server says. */

import { connect, type Socket } from 'node:net'
import { Arrivals } from './arrivals.ts'

export interface FeedReply {
  readonly millrace?: number
  readonly window?: number
  readonly ack?: number
  readonly wanted?: string
  readonly unwanted?: string
  /** A message of a client, with its number on this connection. */
  readonly message?: number
  readonly to?: string
  readonly session?: string
  readonly data?: unknown
  readonly error?: { readonly line: number; readonly code: string; readonly message: string }
  readonly closing?: { readonly code: string; readonly message: string }
}

export class RawFeed {
  readonly replies = new Arrivals<FeedReply>()
  readonly socket: Socket
  /** Lines written so far. */
  lines = 0
  #partial = ''

  private constructor(socket: Socket) {
    this.socket = socket
    socket.setEncoding('utf8').on('data', (text: unknown) => {
      const parts = (this.#partial + String(text)).split('\n')
      this.#partial = parts.pop() ?? ''
      for (const line of parts) this.replies.push(JSON.parse(line) as FeedReply)
    })
    socket.on('error', () => {})
    socket.on('end', () => {
      socket.end()
      this.replies.end()
    })
    socket.on('close', () => this.replies.end())
  }

  /** Connects and waits for the welcome. */
  static async connect(port: number): Promise<RawFeed> {
    const feed = new RawFeed(connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true }))
    await feed.replies.find(reply => reply.millrace !== undefined)
    return feed
  }

  /** The last acknowledgement. */
  get acked(): number {
    return this.replies.all.findLast(({ ack }) => ack !== undefined)?.ack ?? 0
  }

  /** Writes text as it is, with its newlines or without. */
  write(text: string): void {
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.lines++
    this.socket.write(text)
  }

  send(...lines: readonly object[]): void {
    this.write(lines.map(line => `${JSON.stringify(line)}\n`).join(''))
  }

  /** Writes lines, never more of them ahead of the acknowledgement than the window; resolves when all are acknowledged. */
  async play(lines: readonly string[], windowLines: number): Promise<void> {
    for (let at = 0; at < lines.length; ) {
      const room = windowLines - (this.lines - this.acked)
      if (room > 0) {
        const part = lines.slice(at, at + room)
        at += part.length
        this.write(`${part.join('\n')}\n`)
      } else {
        const before = this.acked
        await this.replies.find(({ ack = 0 }) => ack > before)
      }
    }
    await this.acknowledged()
  }

  /** Resolves when every line written is acknowledged. */
  async acknowledged(): Promise<void> {
    const { lines } = this
    await this.replies.find(({ ack = 0 }) => ack >= lines)
  }

  /** Closes the way out, as a program does that has come to its end, and waits for the server to close its own. */
  async end(): Promise<void> {
    this.socket.end()
    await this.replies.ended()
  }

  destroy(): void {
    this.socket.destroy()
  }
}

/** An HTTP/1.1 connection as bytes: sends what it is given, whole or in parts, and reads the answers one after another. */

import { connect, type Socket } from 'node:net'
import { Arrivals } from './arrivals.ts'

export interface HttpAnswer {
  readonly status: number
  /** By name in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export class HttpConnection {
  readonly socket: Socket
  readonly answers = new Arrivals<HttpAnswer>()
  /** The methods of the requests that are not answered yet: a HEAD's answer has no body. */
  readonly #methods: string[] = []
  #unread: Buffer = Buffer.alloc(0)
  #taken = 0
  readonly #port: number

  constructor(port: number) {
    this.#port = port
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
    this.socket.on('error', () => {})
    this.socket.on('data', (chunk: Buffer) => {
      this.#unread = Buffer.concat([this.#unread, chunk])
      while (this.#read());
    })
    this.socket.on('end', () => this.socket.end())
    this.socket.on('close', () => this.answers.end())
  }

  /** Sends bytes that are not, or not yet, a request; `method` when they begin one. */
  write(text: string, method: string | null = null): void {
    if (method !== null) this.#methods.push(method)
    this.socket.write(text)
  }

  send(method: string, target: string, headers: readonly string[] = [], body: string | null = null): void {
    const length = body === null ? [] : [`Content-Length: ${Buffer.byteLength(body)}`]
    const head = [`${method} ${target} HTTP/1.1`, `Host: 127.0.0.1:${this.#port}`, ...headers, ...length]
    this.write(`${head.join('\r\n')}\r\n\r\n${body ?? ''}`, method)
  }

  /** The next answer. */
  next(): Promise<HttpAnswer> {
    return this.answers.find(() => true, this.#taken++)
  }

  async ask(
    method: string,
    target: string,
    headers: readonly string[] = [],
    body: string | null = null,
  ): Promise<HttpAnswer> {
    this.send(method, target, headers, body)
    return this.next()
  }

  destroy(): void {
    this.socket.destroy()
  }

  /** Takes one answer off what has come; false when none is whole. */
  #read(): boolean {
    const end = this.#unread.indexOf('\r\n\r\n')
    if (end < 0) return false
    const [first = '', ...lines] = this.#unread.toString('latin1', 0, end).split('\r\n')
    const headers: Record<string, string> = {}
    for (const line of lines) {
      const colon = line.indexOf(':')
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim()
    }
    const length = this.#methods[0] === 'HEAD' ? 0 : Number(headers['content-length'] ?? 0)
    if (this.#unread.length < end + 4 + length) return false
    const body = this.#unread.toString('utf8', end + 4, end + 4 + length)
    this.#unread = this.#unread.subarray(end + 4 + length)
    const status = Number(first.slice(9, 12))
    if (status >= 200) this.#methods.shift()
    this.answers.push({ status, headers, body })
    return true
  }
}

/** One request on a connection of its own. */
export async function ask(
  port: number,
  method: string,
  target: string,
  headers: readonly string[] = [],
  body: string | null = null,
): Promise<HttpAnswer> {
  const connection = new HttpConnection(port)
  try {
    return await connection.ask(method, target, headers, body)
  } finally {
    connection.destroy()
  }
}

/** A client of any protocol of the load: raw bytes out, raw bytes in, of which only the lines are looked for. */

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { ClientProtocol } from '#perf/load/client-protocols.ts'
import type { FeedProtocol } from '#perf/load/feed-protocols.ts'
import { MARKER } from '#perf/load/stamp.ts'
import type { Workload } from '#perf/workload.ts'

/** The end of a test that would hang. */
const PATIENCE_MS = 20_000

export class RawClient {
  readonly #socket: Socket
  #text = ''
  #look: () => void = () => {}

  private constructor(socket: Socket) {
    this.#socket = socket
    // What a test has not asked for need not arrive.
    socket.on('error', () => {})
    socket.on('data', bytes => {
      this.#text += bytes.toString('latin1')
      this.#look()
    })
  }

  /** Resolves when the server has said that the client has its items. */
  static async open(
    port: number,
    protocol: ClientProtocol,
    items: readonly string[],
    workload: Workload,
  ): Promise<RawClient> {
    const socket = connect(port, '127.0.0.1')
    const client = new RawClient(socket)
    socket.write(protocol.greeting(items, workload, 0))
    await client.#until(() => client.#text !== '')
    if (protocol.reply !== null) socket.write(protocol.reply(items, workload))
    await client.#until(() => client.#text.includes(protocol.readyText))
    return client
  }

  /** All that came. */
  get text(): string {
    return this.#text
  }

  /** How often the marker came. */
  get markers(): number {
    return this.#text.split(MARKER).length - 1
  }

  /** The lines that came, as they are, once there are so many markers. */
  async lines(count: number): Promise<string[]> {
    await this.#until(() => this.markers >= count)
    return this.#text.match(/\{"item":"[^}]*\}\}/g) ?? []
  }

  close(): void {
    this.#socket.destroy()
  }

  #until(isIt: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`it waited for more than: ${this.#text}`)), PATIENCE_MS)
      this.#look = () => {
        if (!isIt()) return
        clearTimeout(timer)
        resolve()
      }
      this.#look()
    })
  }
}

/** A feed that publishes lines as they are given to it. */
export async function openFeed(port: number, protocol: FeedProtocol) {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {}).resume()
  await once(socket, 'connect')
  if (protocol.greeting !== null) socket.write(protocol.greeting)
  return {
    publish(item: string, line: Buffer): void {
      socket.write(Buffer.concat([protocol.before(item, line.length), line, protocol.after]))
    },
    close: () => socket.destroy(),
  }
}

/**
 * A server for end-to-end tests, in this thread and its pools, on free ports; and everything that talks to it, all of
 * which goes when the test ends.
 */

import type { ExecutionContext } from 'ava'
import { makeConfig } from '#src/config/check.ts'
import type { Config } from '#src/config/config.ts'
import { silentLog } from '#src/log.ts'
import { type Server, startServer } from '#src/server.ts'
import { Arrivals } from './arrivals.ts'
import { ask, HttpConnection } from './http-connection.ts'
import { RawFeed } from './raw-feed.ts'
import { StreamClient, type StreamClientOptions, type StreamRecord } from './stream-client.ts'

/** Whatever is open when a test ends need not be waited for. */
const CLOSE_TIMEOUT_MS = 300

/** The records of a stream, with the client that reads them. */
export class TestStream extends Arrivals<StreamRecord> {
  readonly client: StreamClient
  readonly head: Promise<{ status: number; head: string }>
  /** The state that a client has which applies all records: by item, its fields. */
  readonly state = new Map<string, Record<string, string | null>>()

  constructor(options: Omit<StreamClientOptions, 'onRecord' | 'onHead' | 'onClose'>) {
    super()
    const heads = new Arrivals<{ status: number; head: string }>()
    this.head = heads.find(() => true)
    // Whoever awaits it hears of a failure; a test that does not is not to end by it.
    this.head.catch(() => {})
    this.client = new StreamClient({
      ...options,
      onHead: (status, head) => heads.push({ status, head }),
      onRecord: record => {
        apply(this.state, record)
        this.push(record)
      },
      onClose: () => {
        heads.end()
        this.end()
      },
    })
  }

  /** The records of one item. */
  of(item: string): StreamRecord[] {
    return this.all.filter(record => record.item === item)
  }
}

/** What a record does to a client's state. */
export function apply(state: Map<string, Record<string, string | null>>, record: StreamRecord): void {
  const { item, fields } = record
  if (item === undefined) return
  if (record.deleted === true) state.delete(item)
  else if (fields !== undefined) state.set(item, record.snapshot ? { ...fields } : { ...state.get(item), ...fields })
}

export class TestServer {
  readonly httpPort: number
  readonly feedPort: number
  readonly server: Server
  readonly #open: { destroy(): void }[] = []

  private constructor(server: Server) {
    this.server = server
    this.httpPort = server.httpPort
    this.feedPort = server.feedPort
  }

  static async start(
    t: Pick<ExecutionContext, 'log' | 'teardown'>,
    settings: Partial<Config> = {},
  ): Promise<TestServer> {
    const config = makeConfig({
      httpPort: 0,
      feedPort: 0,
      logLevel: 'silent',
      closeTimeoutMs: CLOSE_TIMEOUT_MS,
      ...settings,
    })
    const server = new TestServer(await startServer(config, silentLog))
    // Nobody answers for a dead thread: whoever waits for one is told at once instead.
    server.server.failed.then(({ message }) => {
      t.log(message)
      server.destroyOpen()
    })
    t.teardown(() => server.close())
    return server
  }

  async feed(): Promise<RawFeed> {
    const feed = await RawFeed.connect(this.feedPort)
    this.#open.push(feed)
    return feed
  }

  /** A stream whose head has come. */
  async stream(query: string, options: Partial<StreamClientOptions> = {}): Promise<TestStream> {
    const stream = new TestStream({ port: this.httpPort, target: `/stream?${query}`, ...options })
    this.#open.push(stream.client)
    await stream.head
    return stream
  }

  connection(): HttpConnection {
    const connection = new HttpConnection(this.httpPort)
    this.#open.push(connection)
    return connection
  }

  get(target: string, headers: readonly string[] = []) {
    return ask(this.httpPort, 'GET', target, headers)
  }

  /** The sum of a metric over all threads. */
  async metric(name: string): Promise<number> {
    return sumOf((await this.get('/metrics')).body, name)
  }

  /** Asks until the answer meets the condition: for what the server does in its own time. */
  async poll<T>(look: () => Promise<T>, isMet: (found: T) => boolean): Promise<T> {
    for (let tries = 0; tries < POLLS_MAX; tries++) {
      const found = await look()
      if (isMet(found)) return found
      await new Promise(resolve => setTimeout(resolve, POLL_MS))
    }
    return look()
  }

  destroyOpen(): void {
    for (const one of this.#open) one.destroy()
  }

  async close(): Promise<void> {
    this.destroyOpen()
    await this.server.close()
  }
}

const POLLS_MAX = 400
const POLL_MS = 25

/** The sum of a metric's samples in Prometheus' text. */
export function sumOf(text: string, name: string): number {
  let sum = 0
  for (const line of text.split('\n')) {
    if (line.startsWith(`${name}{`)) sum += Number(line.slice(line.lastIndexOf(' ') + 1))
  }
  return sum
}

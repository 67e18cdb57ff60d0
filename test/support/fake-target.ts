/**
 * A server for tests of the harness: relays a feed's lines to whoever asked for the item, as Millrace would, and can be
 * told to do it wrongly. In this thread.
 */

import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { CLIENT_PROTOCOLS } from '#perf/load/client-protocols.ts'
import { FEED_PROTOCOLS } from '#perf/load/feed-protocols.ts'
import type { Ledger } from '#perf/result.ts'
import type { RunningTarget, Target } from '#perf/targets/target.ts'

export interface FakeRecord {
  readonly item: string
  readonly seq: number
  readonly fields: Readonly<Record<string, string>>
}

export interface FakeFaults {
  /** What is written to a reader instead of a record; readers are numbered as they came. */
  readonly change?: (record: FakeRecord, reader: number) => readonly (FakeRecord | string)[]
  /** What its ledger tells instead. */
  readonly ledger?: (ledger: Ledger) => Ledger
  /** Fails when it is asked what it counted. */
  readonly isMute?: boolean
  /** Ends each connection of a client after so many records. */
  readonly recordsMax?: number
}

interface Reader {
  readonly number: number
  readonly socket: Socket
  readonly items: readonly string[]
  readonly seqs: Map<string, number>
  records: number
}

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n\r\n'

export class FakeTarget implements Target {
  readonly name = 'fake'
  readonly about = 'a relay in this thread'
  readonly client = CLIENT_PROTOCOLS.millrace!
  readonly feed = FEED_PROTOCOLS.lines!
  readonly #faults: FakeFaults
  readonly #readers = new Set<Reader>()
  readonly #sockets = new Set<Socket>()
  #published = 0
  #delivered = 0
  #came = 0
  isStopped = false

  constructor(faults: FakeFaults = {}) {
    this.#faults = faults
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#sockets.size
  }

  whyMissing(): null {
    return null
  }

  async start(): Promise<RunningTarget> {
    const clients = await this.#listen(socket => this.#acceptClient(socket))
    const feeds = await this.#listen(socket => this.#acceptFeed(socket))
    return {
      pids: [process.pid],
      clientPort: portOf(clients),
      feedPort: portOf(feeds),
      insight: async () => {
        if (this.#faults.isMute === true) throw new Error('it does not tell')
        return { ledger: this.#ledger(), flushes: this.#delivered, threads: [], queues: [] }
      },
      stop: async () => {
        this.isStopped = true
        for (const socket of this.#sockets) socket.destroy()
        await Promise.all([clients, feeds].map(server => new Promise(resolve => server.close(resolve))))
      },
    }
  }

  #listen(accept: (socket: Socket) => void): Promise<Server> {
    const server = createServer(socket => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket)).on('error', () => {})
      accept(socket)
    })
    return new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(server)))
  }

  #acceptClient(socket: Socket): void {
    socket.once('data', request => {
      const query = /^GET \/stream\?(\S+)/.exec(String(request))![1]
      const items = new URLSearchParams(query).get('items')!.split(',')
      const reader = { number: this.#came++, socket, items, seqs: new Map(), records: 0 }
      this.#readers.add(reader)
      socket.on('close', () => this.#readers.delete(reader))
      socket.write(HEAD)
    })
  }

  #acceptFeed(socket: Socket): void {
    let rest = ''
    socket.on('data', bytes => {
      const lines = (rest + bytes).split('\n')
      rest = lines.pop()!
      for (const line of lines) this.#publish(JSON.parse(line))
    })
  }

  #publish({ item, fields }: Pick<FakeRecord, 'item' | 'fields'>): void {
    for (const reader of this.#readers) {
      if (!reader.items.includes(item)) continue
      const seq = (reader.seqs.get(item) ?? 0) + 1
      reader.seqs.set(item, seq)
      this.#published++
      const record = { item, seq, fields }
      for (const out of this.#faults.change?.(record, reader.number) ?? [record]) this.#write(reader, out)
    }
  }

  #write(reader: Reader, out: FakeRecord | string): void {
    reader.socket.write(`${typeof out === 'string' ? out : JSON.stringify(out)}\n`)
    this.#delivered++
    if (++reader.records === this.#faults.recordsMax) reader.socket.end()
  }

  #ledger(): Ledger {
    const ledger = {
      published: this.#published,
      delivered: this.#delivered,
      conflated: 0,
      dropped: 0,
      lost: 0,
      waiting: 0,
    }
    return this.#faults.ledger?.(ledger) ?? ledger
  }
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

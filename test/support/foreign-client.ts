/**
 * Clients that nobody here wrote, and the story that each of them lives through: it receives, its connection is cut and it
 * resumes without a gap or a repeat, its server goes down and says so, and it begins anew at the next one.
 */

import type { ExecutionContext } from 'ava'
import { Arrivals } from './arrivals.ts'
import { Cutter } from './cutter.ts'
import { TestServer } from './server.ts'
import type { Resume, SessionRecord } from './session-stream.ts'

export interface ForeignClient {
  readonly name: string
  /** What it has handled, over all its streams. */
  readonly arrivals: Arrivals<SessionRecord>
  close(): void
}

/** Starts a client that reads `target` of 127.0.0.1:PORT, and comes back by itself. */
export type StartClient = (port: number, target: string) => ForeignClient

/** Longer than what is compressed at least, where that was agreed on. */
const PADDING = 'padding '.repeat(200)
const TARGET = '/stream?items=story&mode=raw'

function isValue(n: number): (record: SessionRecord) => boolean {
  return ({ fields }) => fields?.n === String(n)
}

function valuesOf({ arrivals }: ForeignClient): readonly number[] {
  return arrivals.all.flatMap(({ fields }) => (fields === undefined ? [] : [Number(fields.n)]))
}

function welcomesOf({ arrivals }: ForeignClient): readonly SessionRecord[] {
  return arrivals.all.filter(({ session }) => session !== undefined)
}

/** Lets all clients live through the story at once, each behind a proxy of its own. */
export async function liveThrough(t: ExecutionContext, starts: readonly StartClient[]): Promise<void> {
  const settings = { placement: 'single', websocketDeflate: true, closeTimeoutMs: 1_000 } as const
  const server = await TestServer.start(t, settings)
  const feed = await server.feed()
  const publish = (n: number) => feed.send({ item: 'story', fields: { n: String(n), PADDING } })
  const cutters = await Promise.all(starts.map(() => Cutter.to(server.httpPort)))
  const clients = starts.map((start, index) => start(cutters[index]!.port, TARGET))
  t.teardown(async () => {
    for (const client of clients) client.close()
    for (const cutter of cutters) await cutter.close()
  })
  const all = (isIt: (record: SessionRecord) => boolean) =>
    Promise.all(clients.map(({ arrivals }) => arrivals.find(isIt)))
  publish(0)
  await all(isValue(0))
  for (const n of [1, 2]) publish(n)
  await all(isValue(2))
  // Cut off, they miss some.
  for (const cutter of cutters) cutter.cut()
  for (const n of [3, 4, 5]) publish(n)
  await feed.acknowledged()
  for (const cutter of cutters) cutter.mend()
  await all(isValue(5))
  for (const client of clients) {
    t.deepEqual(valuesOf(client), [0, 1, 2, 3, 4, 5], client.name)
    t.deepEqual(
      welcomesOf(client).map(({ recovered }) => recovered),
      [undefined, true],
      client.name,
    )
  }
  // The server goes down; who comes back waits for the next one.
  publish(6)
  await feed.acknowledged()
  for (const cutter of cutters) cutter.hold()
  await server.server.close()
  await all(({ closing }) => closing?.code === 'SERVER_CLOSING')
  const next = await TestServer.start(t, settings)
  const nextFeed = await next.feed()
  nextFeed.send({ item: 'story', fields: { n: '100', PADDING } })
  await nextFeed.acknowledged()
  for (const cutter of cutters) cutter.mend(next.httpPort)
  await all(isValue(100))
  for (const client of clients) {
    t.deepEqual(valuesOf(client), [0, 1, 2, 3, 4, 5, 6, 100], client.name)
    const { recovered, why, epoch } = welcomesOf(client)[2]!
    t.deepEqual([recovered, why], [false, 'SESSION_UNKNOWN'], client.name)
    t.not(epoch, welcomesOf(client)[0]!.epoch)
  }
}

/** One stream of a client that does not come back by itself. */
export interface BareStream {
  close(): void
}

export interface BareHandlers {
  /** Text, of one or more whole lines or of parts of them. */
  readonly onText: (text: string) => void
  readonly onEnd: () => void
}

/** Opens a stream; `resume` is null for the first. */
export type OpenBare = (port: number, target: string, handlers: BareHandlers, resume: Resume | null) => BareStream

/** What docs/protocol.md asks of whoever reads lines: to keep the position, to come back with it, and not too soon. */
export class ComingBack implements ForeignClient {
  readonly name: string
  readonly arrivals = new Arrivals<SessionRecord>()
  readonly #open: OpenBare
  readonly #port: number
  readonly #target: string
  #stream: BareStream | null = null
  #timer: ReturnType<typeof setTimeout> | null = null
  #isClosed = false
  #session = ''
  #position = 0
  #partial = ''
  /** Records behind the last position. */
  #pending: SessionRecord[] = []

  constructor(name: string, open: OpenBare, port: number, target: string) {
    this.name = name
    this.#open = open
    this.#port = port
    this.#target = target
    this.#connect()
  }

  close(): void {
    this.#isClosed = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#stream?.close()
  }

  #connect(): void {
    this.#partial = ''
    this.#pending = []
    const resume = this.#session === '' ? null : { session: this.#session, position: this.#position }
    const onText = (text: string): void => {
      const lines = (this.#partial + text).split('\n')
      this.#partial = lines.pop() ?? ''
      for (const line of lines) if (line.startsWith('{')) this.#record(JSON.parse(line) as SessionRecord)
    }
    this.#stream = this.#open(this.#port, this.#target, { onText, onEnd: () => this.#comeBack() }, resume)
  }

  #record(record: SessionRecord): void {
    this.#pending.push(record)
    if (record.session !== undefined) this.#session = record.session
    if (record.position === undefined && record.closing === undefined) return
    if (record.position !== undefined) this.#position = record.position
    for (const each of this.#pending.splice(0)) this.arrivals.push(each)
  }

  #comeBack(): void {
    if (this.#isClosed) return
    const retryMs = this.arrivals.all.at(-1)?.closing?.retryMs ?? 0
    this.#timer = setTimeout(() => this.#connect(), retryMs)
  }
}

/** The target that resumes a session. */
export function resuming(target: string, resume: Resume | null): string {
  return resume === null ? target : `${target}&session=${resume.session}&position=${resume.position}`
}

/**
 * Looks after a while whether a better transport has become usable, without touching the stream that there is: it opens a
 * stream of its own, with an empty session, and ends both when the welcome has come. In vain, it waits twice as long.
 */

import { lineReader } from './records.ts'
import { Alarm, type Runtime } from './runtime.ts'
import type { OpenStream, Stream, StreamSink, TransportName } from './transports/transport.ts'

/** What the wait grows to. */
const WAIT_MS_MAX = 3_600_000

export interface ScoutOptions {
  readonly runtime: Runtime
  readonly baseUrl: string
  readonly transports: Readonly<Record<TransportName, OpenStream>>
  /** The first wait, in ms. */
  readonly waitMs: number
  /** How long a welcome may take, in ms. */
  readonly timeoutMs: number
  readonly onFound: (name: TransportName) => void
}

export class Scout {
  readonly #options: ScoutOptions
  readonly #alarm: Alarm
  #waitMs: number
  #candidates: readonly TransportName[] = []
  /** The candidate that is being tried; -1 while waiting. */
  #trying = -1
  #stream: Stream | null = null

  constructor(options: ScoutOptions) {
    this.#options = options
    this.#waitMs = options.waitMs
    this.#alarm = new Alarm(options.runtime, () => this.#tryNext())
  }

  /** There are better ones, best first. */
  start(candidates: readonly TransportName[]): void {
    this.stop()
    this.#candidates = candidates
    if (candidates.length > 0) this.#alarm.set(this.#waitMs)
  }

  stop(): void {
    this.#alarm.clear()
    this.#endTry()
    this.#trying = -1
  }

  #tryNext(): void {
    this.#endTry()
    this.#trying++
    const name = this.#candidates[this.#trying]
    if (name === undefined) {
      this.#trying = -1
      this.#waitMs = Math.min(this.#waitMs * 2, WAIT_MS_MAX)
      this.#alarm.set(this.#waitMs)
    } else {
      this.#alarm.set(this.#options.timeoutMs)
      this.#open(name)
    }
  }

  #open(name: TransportName): void {
    const { transports, runtime, baseUrl } = this.#options
    const trying = this.#trying
    const isCurrent = (): boolean => this.#trying === trying
    let session = ''
    const sink: StreamSink = {
      heard: () => {},
      flushed: () => {},
      sent: () => {},
      record: line => {
        if (!isCurrent()) return
        session = sessionOf(line)
        if (session === '') this.#tryNext()
        else this.#found(name)
      },
      ended: () => {
        if (isCurrent()) this.#tryNext()
      },
    }
    const request = {
      query: '',
      lines: '',
      session: () => session,
      pollQuery: () => `session=${session}`,
      waitMs: () => 0,
    }
    const stream = transports[name](runtime, { ...request, baseUrl }, sink)
    if (isCurrent()) this.#stream = stream
    else stream.close()
  }

  #found(name: TransportName): void {
    this.#stream?.send('{"destroy":true}\n', true)
    this.stop()
    this.#waitMs = this.#options.waitMs
    this.#options.onFound(name)
  }

  #endTry(): void {
    this.#stream?.close()
    this.#stream = null
  }
}

/** The session that a line welcomes to; '' when it is no welcome. */
function sessionOf(line: string): string {
  try {
    const record = lineReader()(line)
    return record !== null && 'session' in record ? record.session : ''
  } catch {
    return ''
  }
}

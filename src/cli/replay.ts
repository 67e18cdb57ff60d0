/**
 * `millrace replay FILE`: publishes a recording to a server at the pace at which it was recorded, faster, or as fast as
 * the server's window allows.
 *
 * Invariants (test/rules.md, N):
 *  - Lines go out as they stand in the file, in its order, and only while the window has room.
 *  - Exit code 0 says that every line of the file was taken: none bad, none refused, none lost with a connection.
 */

import type { LoadedCommand } from '#src/config/load.ts'
import { ProgramError } from '#src/errors.ts'
import { connectFeed, type FeedClient } from '#src/feed/feed-client.ts'
import { type Clock, realClock } from '#src/time/clock.ts'
import { sleep } from '#src/time/real-timers.ts'
import { hostText, reachableHost } from './addresses.ts'
import { type FeedTarget, stateText } from './market.ts'
import { type BadLine, checkRecording, type RecordedLine, type RecordingHandler, readRecording } from './recording.ts'
import { listenForStop, untilStopped } from './signals.ts'
import { ProgressLine } from './terminal.ts'

/** Refusals of the server that are told one by one; the rest is counted. */
const TOLD_REFUSALS_MAX = 5
/** A lead over the recorded time below this is not waited for. */
const WAIT_MS_MIN = 1

/** Runs to the file's end, --loop times, or until it is stopped; returns the exit code. */
export async function replay({ operands, options, config }: LoadedCommand<'replay'>): Promise<number> {
  const file = operands[0] ?? ''
  await checkRecording(file)
  const stop = listenForStop()
  const progress = new ProgressLine(process.stderr, realClock)
  const tally = new Tally(progress)
  const client = await connect(
    { host: reachableHost(config.feedHost), port: config.feedPort },
    progress,
    tally,
    stop.signal,
  )
  try {
    const player = new Player(client, tally, progress, new Pace(options.speed, realClock), stop.signal)
    for (let round = 1; options.loop === 0 || round <= options.loop; round++) {
      await player.play(file)
      if (stop.signal.aborted || tally.recordsCount === 0) break
    }
    await untilStopped(client.flushed(), stop.signal)
  } finally {
    await client.close()
  }
  tally.tellSummary(client)
  if (stop.signal.aborted) return stop.exitCode()
  return tally.isWhole(client) ? 0 : 1
}

/** The feed, connected. A server that is not there at the start is an error; one that goes away later is waited for. */
async function connect(
  target: FeedTarget,
  progress: ProgressLine,
  tally: Tally,
  signal: AbortSignal,
): Promise<FeedClient> {
  const address = `${hostText(target.host)}:${target.port}`
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let wasConnected = false
  const client = connectFeed({
    ...target,
    name: 'replay',
    onError: ({ line, code, message }) => tally.refused(line, code, message),
    onStateChange: (state, detail, lost) => {
      if (state === 'connected') resolve()
      else if (!wasConnected)
        reject(new ProgramError('CONNECT_FAILED', `${address}: ${detail || 'the connection ended'}`))
      if (wasConnected && state !== 'closing' && state !== 'closed')
        progress.tell(stateText(address, state, detail, lost))
      wasConnected ||= state === 'connected'
    },
  })
  try {
    await untilStopped(promise, signal)
  } catch (error) {
    await client.close()
    throw error
  }
  return client
}

/** What became of the lines. */
class Tally {
  recordsCount = 0
  badCount = 0
  refusedCount = 0
  readonly #progress: ProgressLine

  constructor(progress: ProgressLine) {
    this.#progress = progress
  }

  bad({ lineNumber, reason }: BadLine): void {
    this.badCount++
    if (this.badCount === 1) this.#progress.tell(`bad line: line ${lineNumber} ${reason}; further ones are counted`)
  }

  refused(line: number, code: string, message: string): void {
    this.refusedCount++
    if (this.refusedCount > TOLD_REFUSALS_MAX) return
    const end = this.refusedCount === TOLD_REFUSALS_MAX ? '; further ones are counted' : ''
    this.#progress.tell(`refused: line ${line} of the connection: ${code}: ${message}${end}`)
  }

  isWhole(client: FeedClient): boolean {
    return this.badCount === 0 && this.refusedCount === 0 && client.lost === 0
  }

  tellSummary(client: FeedClient): void {
    const counts = `${this.recordsCount} records, ${client.linesAcked} lines acknowledged`
    this.#progress.tell(
      `${counts}, ${this.refusedCount} refused, ${client.lost} lost, ${this.badCount} bad in the file`,
    )
  }
}

/** When a recorded line is due. */
class Pace {
  readonly #speed: number | 'max'
  readonly #clock: Clock
  #firstAtMs: number | null = null
  #startMs = 0

  constructor(speed: number | 'max', clock: Clock) {
    this.#speed = speed
    this.#clock = clock
  }

  /** The recording begins again: its first line is due now. */
  restart(): void {
    this.#firstAtMs = null
  }

  /** How long to wait before a line recorded at `atMs`. */
  waitMs(atMs: number | null): number {
    if (this.#speed === 'max' || atMs === null) return 0
    if (this.#firstAtMs === null) {
      this.#firstAtMs = atMs
      this.#startMs = this.#clock.nowMs()
    }
    return this.#startMs + (atMs - this.#firstAtMs) / this.#speed - this.#clock.nowMs()
  }
}

class Player implements RecordingHandler {
  readonly #client: FeedClient
  readonly #tally: Tally
  readonly #progress: ProgressLine
  readonly #pace: Pace
  readonly #signal: AbortSignal
  readonly #startMs = realClock.nowMs()
  #position = ''

  constructor(client: FeedClient, tally: Tally, progress: ProgressLine, pace: Pace, signal: AbortSignal) {
    this.#client = client
    this.#tally = tally
    this.#progress = progress
    this.#pace = pace
    this.#signal = signal
  }

  async play(file: string): Promise<void> {
    this.#pace.restart()
    await readRecording(file, this)
  }

  async record(line: RecordedLine): Promise<boolean> {
    const waitMs = this.#pace.waitMs(line.atMs)
    if (waitMs >= WAIT_MS_MIN) await sleep(waitMs, this.#signal)
    while (!this.#signal.aborted && !this.#client.publishLine(line.text)) {
      await untilStopped(this.#client.ready(), this.#signal)
    }
    if (this.#signal.aborted) return false
    this.#tally.recordsCount++
    this.#progress.show(() => this.#text())
    return true
  }

  bad(line: BadLine): void {
    this.#tally.bad(line)
  }

  progress(readBytes: number, fileBytes: number): void {
    this.#position = `${Math.floor((readBytes / Math.max(1, fileBytes)) * 100)} % of the file read`
  }

  #text(): string {
    const { recordsCount } = this.#tally
    const rate = Math.round((recordsCount / Math.max(1, realClock.nowMs() - this.#startMs)) * 1_000)
    return `${recordsCount} records, ${rate}/s, ${this.#position}, ${this.#client.linesAcked} acknowledged`
  }
}

/**
 * A client of the convergence run: one session, carried by one stream after another. It reads at its pace; where it breaks,
 * its streams are cut at random moments, by the clock or behind a random byte, and after a pause it resumes behind the last
 * position that it has handled, over any transport. So does one whose stream was ended, which is noted.
 *
 * What it decides comes from its own numbers by the run's seed; when it comes about depends on the machine.
 */

import type { Random } from '#test/support/random.ts'
import { type SessionRecord, TRANSPORTS, type Transport } from '#test/support/session-stream.ts'
import { Knowledge } from './knowledge.ts'
import { type ClientPlan, queryOf } from './plan.ts'
import type { Recorded } from './recorded.ts'
import { Stream, type StreamHandler } from './stream.ts'

export interface ClientSettings {
  readonly port: number
  readonly slowBytesPerSecond: number
  /** How long a stream lives that is to be cut, at most: a slow client's so long that some flushes come whole. */
  readonly lifeMsMax: number
  readonly slowLifeMsMax: number
  /** How long its client is away, at most. */
  readonly pauseMsMax: number
}

/** `recovered`; why not, as the server says it; `refused`; or that the stream was cut before its client was told. */
export type Outcome = string

export interface Resumption {
  readonly from: Transport
  readonly to: Transport
  outcome: Outcome
}

const READ_BYTES = 65_536
/** What a slow client takes at once; it then rests for as long as that takes at its rate. */
const SLOW_READ_BYTES = 4_096
/** Of streams that are cut: those that are cut behind a byte, if their time has not come before. */
const BYTE_CUT_PART = 0.5
/** A guess, to draw a byte that comes while the stream lives. */
const FAST_BYTES_PER_SECOND = 200_000
export const RECOVERED = 'recovered'
export const REFUSED = 'refused'
export const UNTOLD = 'cut before it was told'
/** A busy server's answer; its client comes again. */
const BUSY = 503

export class ConvergenceClient {
  readonly plan: ClientPlan
  readonly knowledge: Knowledge
  readonly resumptions: Resumption[] = []
  /** It has a stream, or asks for one. */
  isOpen = false
  cuts = 0
  /** Of them, those within a flush. */
  cutsWithin = 0
  busyAnswers = 0
  /** What ended a stream that its client did not end. */
  ended: string | null = null
  /** Of the first record read after the stall: it may have lain in the kernel. */
  firstReadAgeMs: number | null = null
  /** Of the first record that was sent to the server after the reading went on. */
  firstFreshAgeMs: number | null = null
  readonly #settings: ClientSettings
  readonly #random: Random
  readonly #query: string
  readonly #buffer: Buffer
  #stream: Stream
  #transport: Transport
  /** Of the stream, while its client has not been told how it begins. */
  #resumption: Resumption | null = null
  #bytes = 0
  #timer: NodeJS.Timeout | undefined
  #isBreaking = false
  #isStalled = false
  #goneOnMs = Number.POSITIVE_INFINITY

  constructor(plan: ClientPlan, recorded: Recorded, settings: ClientSettings, random: Random) {
    this.plan = plan
    this.knowledge = new Knowledge(plan, recorded)
    this.#settings = settings
    this.#random = random
    this.#query = queryOf(plan)
    this.#buffer = Buffer.allocUnsafeSlow(plan.pace === 'slow' ? SLOW_READ_BYTES : READ_BYTES)
    this.#transport = plan.transport
    this.#stream = this.#open()
  }

  /** It has been told its session. */
  get isBegun(): boolean {
    return this.knowledge.resume !== null
  }

  get bytes(): number {
    return this.#bytes + (this.isOpen ? this.#stream.bytes : 0)
  }

  stall(): void {
    this.#isStalled = true
    this.#stream.stall()
  }

  goOn(): void {
    this.#goneOnMs = Date.now()
    this.#isStalled = false
    this.#stream.goOn()
  }

  /** From now on its streams are cut, where it is one that breaks. */
  beginBreaking(): void {
    this.#isBreaking = this.plan.isBreaking
    this.#limitLife()
  }

  /** Its streams are cut no more. */
  endBreaking(): void {
    this.#isBreaking = false
    if (!this.isOpen) return
    clearTimeout(this.#timer)
    this.#stream.liveFor(Number.POSITIVE_INFINITY)
  }

  destroy(): void {
    clearTimeout(this.#timer)
    this.isOpen = false
    this.#stream.cut()
  }

  #open(): Stream {
    const { port, slowBytesPerSecond } = this.#settings
    const { resume } = this.knowledge
    this.knowledge.open(`over ${this.#transport}, ${resume === null ? 'new' : `behind ${resume.position}`}`)
    const options = {
      port,
      transport: this.#transport,
      query: this.#query,
      resume,
      buffer: this.#buffer,
      bytesPerSecond: this.plan.pace === 'slow' ? slowBytesPerSecond : null,
      isStalled: this.#isStalled,
    }
    this.isOpen = true
    return new Stream(options, this.#handler())
  }

  #handler(): StreamHandler {
    return {
      onWelcome: record => this.#welcome(record),
      onRecord: record => {
        this.#goesOn()
        this.#noteAge(record)
        this.knowledge.take(record)
      },
      onPosition: (position, session) => {
        this.#goesOn()
        this.knowledge.commit(position, session)
      },
      onRefused: (status, text) => {
        if (status === BUSY) this.busyAnswers++
        else this.ended ??= `${this.#transport}: ${status} ${text}`
        this.#told(REFUSED)
        this.#leave()
      },
      onSpent: () => this.#onCut(),
      onEnded: () => {
        this.ended ??= `${this.#transport}: the server has closed it`
        this.#leave()
      },
    }
  }

  #welcome(record: SessionRecord): void {
    if (record.recovered === true) {
      this.knowledge.recover(record)
      this.#told(RECOVERED)
      return
    }
    this.#told(record.why ?? 'a welcome that does not say')
    this.knowledge.beginAnew(record)
  }

  /** Over long polling, and there alone, a session that goes on is not welcomed. */
  #goesOn(): void {
    if (this.#resumption === null) return
    if (this.#transport === 'poll') this.knowledge.recover(null)
    this.#told(this.#transport === 'poll' ? RECOVERED : 'no welcome')
  }

  /** How the stream begins. */
  #told(outcome: Outcome): void {
    if (this.#resumption === null) return
    this.#resumption.outcome = outcome
    this.#resumption = null
  }

  #limitLife(): void {
    if (!this.#isBreaking || !this.isOpen) return
    const { lifeMsMax, slowLifeMsMax, slowBytesPerSecond } = this.#settings
    const [lifeMs, rate] =
      this.plan.pace === 'slow' ? [slowLifeMsMax, slowBytesPerSecond] : [lifeMsMax, FAST_BYTES_PER_SECOND]
    this.#timer = setTimeout(() => {
      this.#stream.cut()
      this.#onCut()
    }, this.#random.int(lifeMs))
    if (!this.#random.chance(BYTE_CUT_PART)) return
    this.#stream.liveFor(1 + this.#random.int((rate * lifeMs) / 1_000))
  }

  #onCut(): void {
    this.cuts++
    if (this.#stream.isWithin) this.cutsWithin++
    this.#leave()
  }

  /** The stream is gone; another comes after a pause. */
  #leave(): void {
    clearTimeout(this.#timer)
    this.isOpen = false
    this.#resumption = null
    this.#bytes += this.#stream.bytes
    this.knowledge.discard()
    this.#timer = setTimeout(() => this.#comeBack(), this.#random.int(this.#settings.pauseMsMax))
  }

  #comeBack(): void {
    const from = this.#transport
    this.#transport = this.#random.pick(TRANSPORTS)
    if (this.knowledge.resume !== null) {
      this.#resumption = { from, to: this.#transport, outcome: UNTOLD }
      this.resumptions.push(this.#resumption)
    }
    this.#stream = this.#open()
    this.#limitLife()
  }

  #noteAge(record: SessionRecord): void {
    const { time } = record
    if (this.firstFreshAgeMs !== null || time === undefined || this.#goneOnMs === Number.POSITIVE_INFINITY) return
    const ageMs = Date.now() - time
    this.firstReadAgeMs ??= ageMs
    if (time > this.#goneOnMs) this.firstFreshAgeMs = ageMs
  }
}

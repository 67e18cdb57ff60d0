/**
 * What goes out on a stream: requests as far as they may go, again where their answers do not come, and acknowledgements
 * of what was handled. What is asked for in one turn of the application leaves at once.
 */

import { Backoff } from './backoff.ts'
import { errorOf } from './errors.ts'
import type { Settings } from './options.ts'
import type { RequestQueue } from './requests.ts'
import { Alarm } from './runtime.ts'
import type { Stream, StreamEnd } from './transports/transport.ts'

/** When to post again what was not taken. */
const REPOST = { minMs: 500, maxMs: 10_000 }
/** Statuses below 500 that are no verdict on what was posted. */
const PASSING = [408, 425, 429]

export class Outbox {
  readonly #settings: Settings
  readonly #requests: RequestQueue
  /** The last position that was handled. */
  readonly #position: () => number
  readonly #ackAlarm: Alarm
  /** Nothing is sent before it: what was sent last was not taken. */
  readonly #holdAlarm: Alarm
  /** What was sent is sent again then, if it is not answered. */
  readonly #answerAlarm: Alarm
  readonly #backoff: Backoff
  #stream: Stream | null = null
  #isPumpDue = false

  constructor(settings: Settings, requests: RequestQueue, position: () => number) {
    this.#settings = settings
    this.#requests = requests
    this.#position = position
    this.#ackAlarm = new Alarm(settings.runtime, () => this.#ack())
    this.#holdAlarm = new Alarm(settings.runtime, () => this.#sendAgain())
    this.#answerAlarm = new Alarm(settings.runtime, () => this.#sendAgain())
    this.#backoff = new Backoff(REPOST, settings.runtime.random)
  }

  /** The stream was welcomed. */
  open(stream: Stream): void {
    this.#stream = stream
    this.#backoff.reset()
    this.#pump()
  }

  /** The stream is gone. */
  shut(): void {
    this.#stream = null
    this.#ackAlarm.clear()
    this.#holdAlarm.clear()
    this.#answerAlarm.clear()
    this.#requests.unsend()
  }

  /** Something was asked for, or there is room again. */
  pumpSoon(): void {
    if (this.#isPumpDue) return
    this.#isPumpDue = true
    void Promise.resolve().then(() => {
      this.#isPumpDue = false
      this.#pump()
    })
  }

  /** A flush was handled. */
  handled(): void {
    if (this.#stream?.isInBand === true && !this.#ackAlarm.isSet) this.#ackAlarm.set(this.#settings.ackMs)
  }

  /** Asks the server for a sign of life, unless it owes one. */
  probe(): void {
    if (this.#requests.inFlight === 0) this.#requests.addNothing()
    this.#pump()
  }

  /** Requests that travelled apart were answered, or not taken. */
  sent(failure: StreamEnd | null): void {
    this.#answerAlarm.clear()
    if (failure === null || isVerdict(failure)) {
      this.#backoff.reset()
      if (failure !== null) this.#requests.refuseSent(errorOf(failure))
      this.#pump()
    } else {
      this.#holdAlarm.set(Math.max(this.#backoff.next(), failure.retryMs ?? 0))
    }
  }

  #pump(): void {
    const stream = this.#stream
    if (stream === null) return
    while (!stream.isBusy && !this.#holdAlarm.isSet && this.#send(stream));
    if (this.#requests.inFlight === 0) this.#answerAlarm.clear()
    else if (!stream.isInBand && !this.#answerAlarm.isSet) this.#answerAlarm.set(this.#settings.answerMs)
  }

  #send(stream: Stream): boolean {
    const lines = this.#requests.take(true)
    if (lines !== '') stream.send(lines, false)
    return lines !== ''
  }

  /** Gives up what is under way, too. */
  #sendAgain(): void {
    if (this.#stream === null) return
    this.#requests.unsend()
    this.#send(this.#stream)
    this.#pump()
  }

  #ack(): void {
    this.#stream?.send(`{"ack":${this.#position()}}\n`, false)
  }
}

/** The server has read what was posted, and will not have it. */
function isVerdict({ status }: StreamEnd): boolean {
  return status >= 400 && status < 500 && !PASSING.includes(status)
}

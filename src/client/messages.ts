/**
 * Messages to feeds, from send() to their outcome.
 *
 *              sent                  answered              outcome
 *   waiting ─────────▶ under way ───────────────▶ accepted ─────────▶ told
 *      │ timeout           │ refused; session gone    │ session gone; no outcome in time
 *      ▼                   ▼                          ▼
 *   MESSAGE_NOT_SENT   its code; OUTCOME_UNKNOWN   OUTCOME_UNKNOWN
 *
 * Invariants (test/rules.md, CL):
 *  - A message does not leave later than its timeout after send(), not on a resumed stream either: an order of a minute
 *    ago is not placed now.
 *  - Each promise settles: at the latest after the timeout and the time for which a session is kept without a stream.
 *  - OUTCOME_UNKNOWN is said only where it may have been handled. Any other error is the server's or the handler's own
 *    word, or means that it never left.
 */

import { errorOf, MillraceError } from './errors.ts'
import type { OutcomeRecord } from './records.ts'
import { outcomeUnknown, type Request, type RequestQueue } from './requests.ts'
import { Alarm, type Runtime } from './runtime.ts'

interface Message {
  readonly request: Request
  readonly alarm: Alarm
  readonly resolve: (result: unknown) => void
  readonly reject: (error: MillraceError) => void
  /** The server has taken it, and owes an outcome. */
  isAccepted: boolean
  /** Its timeout is over. */
  isLate: boolean
}

export class Messages {
  readonly #runtime: Runtime
  readonly #requests: RequestQueue
  readonly #open = new Set<Message>()

  constructor(runtime: Runtime, requests: RequestQueue) {
    this.#runtime = runtime
    this.#requests = requests
  }

  /** `resumeMs`: how long a session is kept without a stream. */
  send(to: string, data: unknown, timeoutMs: number, resumeMs: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const wish = { message: { to, data: data ?? null, timeoutMs } }
      const request = this.#requests.add('message', wish, error => this.#onAnswer(message, error))
      const alarm = new Alarm(this.#runtime, () => this.#onAlarm(message, resumeMs))
      const message: Message = { request, alarm, resolve, reject, isAccepted: false, isLate: false }
      this.#open.add(message)
      alarm.set(timeoutMs)
    })
  }

  outcome({ outcome: number, result, error }: OutcomeRecord): void {
    for (const message of this.#open) {
      if (message.request.number !== number) continue
      this.#close(message)
      if (error === undefined) message.resolve(result)
      else message.reject(errorOf(error))
    }
  }

  /** The session is gone, and with it what it owed. Those without an answer learn it from their requests. */
  sessionGone(): void {
    for (const message of this.#open) if (message.isAccepted) this.#refuse(message, outcomeUnknown())
  }

  end(error: MillraceError): void {
    for (const message of this.#open) this.#refuse(message, error)
  }

  #onAnswer(message: Message, error: MillraceError | null): void {
    if (error === null) message.isAccepted = true
    else this.#refuse(message, error)
  }

  #onAlarm(message: Message, resumeMs: number): void {
    if (message.isLate) {
      this.#refuse(message, outcomeUnknown())
    } else if (this.#requests.withdraw(message.request)) {
      this.#refuse(message, new MillraceError('MESSAGE_NOT_SENT', 'it could not leave within its timeout'))
    } else {
      message.isLate = true
      message.alarm.set(resumeMs)
    }
  }

  #refuse(message: Message, error: MillraceError): void {
    this.#close(message)
    message.reject(error)
  }

  #close(message: Message): void {
    message.alarm.clear()
    this.#open.delete(message)
  }
}

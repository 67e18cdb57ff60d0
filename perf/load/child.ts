/**
 * A load process as the harness sees it: questions with an answer each, or a failure. It dies with the harness (its
 * channel closes), and whoever asks it after it has failed or ended is told so.
 */

import { type ChildProcess, fork } from 'node:child_process'

const ANSWER_MS_MAX = 120_000

interface Failed {
  readonly is: 'failed'
  readonly why: string
}

export class Child<Question extends object, Answer extends { is: string }> {
  readonly pid: number
  readonly #process: ChildProcess
  readonly #name: string
  readonly #waiting = new Set<(why: string) => void>()
  /** Why it cannot be asked any more. */
  #failure: string | null = null

  /** `file` is a module's address. */
  constructor(name: string, file: URL) {
    this.#name = name
    this.#process = fork(file, { env: {}, execArgv: [], serialization: 'advanced' })
    this.pid = this.#process.pid!
    this.#process.setMaxListeners(0)
    this.#process.on('exit', (code, signal) => this.#fail(`ended with ${code ?? signal}`))
    this.#process.on('error', error => this.#fail(error.message))
    this.#process.on('message', (message: Answer | Failed) => {
      if (message.is === 'failed') this.#fail((message as Failed).why)
    })
  }

  /** Says something that has no answer. */
  tell(question: Question): void {
    if (this.#failure === null) this.#process.send(question)
  }

  /** Several questions may be open at a time, one of a kind. */
  ask<Is extends Answer['is']>(question: Question, is: Is): Promise<Extract<Answer, { is: Is }>> {
    return new Promise((resolve, reject) => {
      const fail = (why: string): void => {
        end()
        reject(new Error(`${this.#name}: ${why}`))
      }
      const end = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(fail)
        this.#process.off('message', onMessage)
      }
      const onMessage = (message: Answer): void => {
        if (message.is !== is) return
        end()
        resolve(message as Extract<Answer, { is: Is }>)
      }
      const timer = setTimeout(() => fail(`no answer in ${ANSWER_MS_MAX} ms`), ANSWER_MS_MAX)
      if (this.#failure !== null) return fail(this.#failure)
      this.#waiting.add(fail)
      this.#process.on('message', onMessage)
      this.#process.send(question)
    })
  }

  stop(): Promise<void> {
    return new Promise(resolve => {
      if (this.#process.exitCode !== null || this.#process.signalCode !== null) return resolve()
      this.#process.once('exit', () => resolve())
      this.#process.kill('SIGKILL')
    })
  }

  /** The first reason stays: what comes behind it follows from it. */
  #fail(why: string): void {
    this.#failure ??= why
    for (const fail of [...this.#waiting]) fail(this.#failure)
  }
}

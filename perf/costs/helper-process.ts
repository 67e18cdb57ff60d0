/**
 * A process that does what it is ordered, one order at a time, each with one answer. It ends when whoever started it
 * stops it, fails or dies. An order that is not answered in time fails; so does one to a process that ends.
 */

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'

const ANSWER_MS_MAX = 60_000

type Reply<Answer> = { readonly failure: null; readonly answer: Answer } | { readonly failure: string }

/** The other process, as whoever orders it sees it. */
export class HelperProcess<Order extends object, Answer> {
  readonly #name: string
  readonly #child: ChildProcess

  constructor(file: URL) {
    this.#name = file.pathname.slice(file.pathname.lastIndexOf('/') + 1)
    // Neither flags nor environment of whoever measures: they would change what is measured.
    this.#child = fork(file, { execArgv: [], env: {}, serialization: 'advanced' })
    // Whoever waits for an answer hears of it; without one in flight the next order tells.
    this.#child.on('error', () => {})
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  ask(order: Order, msMax = ANSWER_MS_MAX): Promise<Answer> {
    const child = this.#child
    return new Promise((resolve, reject) => {
      const done = () => {
        clearTimeout(timer)
        child.off('message', onAnswer).off('exit', onExit)
      }
      const fail = (why: string) => {
        done()
        reject(new Error(`${this.#name} ${why}: ${JSON.stringify(order)}`))
      }
      const onAnswer = (reply: Reply<Answer>) => {
        if (reply.failure !== null) return fail(reply.failure)
        done()
        resolve(reply.answer)
      }
      const onExit = () => fail('ended')
      const timer = setTimeout(() => fail(`did not answer in ${msMax} ms`), msMax)
      child.on('message', onAnswer).on('exit', onExit)
      if (this.#hasEnded() || !child.connected) fail('had ended')
      else child.send(order, error => error !== null && fail(error.message))
    })
  }

  /** Resolves when the process is gone. */
  async stop(): Promise<void> {
    const child = this.#child
    if (this.#hasEnded() || child.pid === undefined) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }

  #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }
}

/** In the process itself: `obey` is called with each order; when it throws, the order fails and the process goes on. */
export function obeyOrders<Order, Answer>(obey: (order: Order) => Promise<Answer> | Answer): void {
  process.on('message', async (order: Order) => {
    const reply = await replyTo(order, obey)
    // An error: nobody listens any more, and `disconnect` ends the process.
    process.send!(reply, () => {})
  })
  process.once('disconnect', () => process.exit())
}

async function replyTo<Order, Answer>(
  order: Order,
  obey: (order: Order) => Promise<Answer> | Answer,
): Promise<Reply<Answer>> {
  try {
    return { failure: null, answer: await obey(order) }
  } catch (error) {
    return { failure: `failed with "${(error as Error).message}"` }
  }
}

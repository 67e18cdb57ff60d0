/**
 * A fixed-size pool of threads, each with one task for life. The only door to piscina.
 *
 * Piscina keeps the number of threads, gives each its task and its name, and tells when one fails; a throw, an exit or a
 * rejected task fails only its own promise. It does not notice a hang: the supervisor does (supervisor.ts).
 */

import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { Piscina } from 'piscina'
import { ProgramError, type ProgramErrorCode } from '#src/errors.ts'
import type { ThreadTask } from './thread.ts'
import type { OrderMessage, OrderReply, ThreadOrder } from './worker.ts'

/**
 * What a thread allocates lives for a turn or for a connection's life. A small young generation keeps resident memory level
 * (V8 lets it grow to tens of MB a thread under load, and gives it back late).
 */
const YOUNG_GENERATION_MB = 8

/** One thread, as main sees it. */
export interface Crew {
  readonly name: string
  /** Settles when the thread's task ends; rejects when it died. */
  readonly ended: Promise<void>
  order(order: ThreadOrder): Promise<void>
}

export class Pool {
  readonly #piscina: Piscina

  constructor(threads: number) {
    this.#piscina = new Piscina({
      filename: new URL('./worker.ts', import.meta.url).href,
      minThreads: threads,
      maxThreads: threads,
      concurrentTasksPerWorker: 1,
      idleTimeout: Number.POSITIVE_INFINITY,
      atomics: 'disabled',
      recordTiming: false,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
    })
  }

  start(name: string, task: ThreadTask): Crew {
    const { port1: near, port2: far } = new MessageChannel()
    const transferList: MessagePort[] = [far]
    for (const knock of task.knocks) if (knock !== null) transferList.push(knock)
    const pending = new Map<number, { resolve: () => void; reject: (error: Error) => void }>()
    let nextId = 0
    let isEnded = false
    near.on('message', ({ id, error }: OrderReply) => {
      const waiting = pending.get(id)
      pending.delete(id)
      if (error === undefined) waiting?.resolve()
      else waiting?.reject(new ProgramError(error.code as ProgramErrorCode, error.message))
    })
    const ended: Promise<void> = this.#piscina.run({ task, orders: far }, { transferList }).finally(() => {
      isEnded = true
      near.close()
      for (const { reject } of pending.values()) reject(new ProgramError('THREAD_DIED', `thread ${name} ended`))
      pending.clear()
    })
    const order = (what: ThreadOrder): Promise<void> => {
      return new Promise((resolve, reject) => {
        // Nobody answers for a thread that has gone: whoever closes the server must not wait for it.
        if (isEnded) return reject(new ProgramError('THREAD_DIED', `thread ${name} has ended`))
        const id = nextId++
        pending.set(id, { resolve, reject })
        near.postMessage({ id, order: what } satisfies OrderMessage)
      })
    }
    return { name, ended, order }
  }

  destroy(): Promise<void> {
    return this.#piscina.destroy()
  }
}

/**
 * How long a sleeping thread takes to wake: by the server's doorbell (a message to its port, workers/thread.ts), and by
 * Atomics.notify beside it, which is quicker and stops the sleeper's timers and sockets.
 *
 * The ringing thread takes the time: from its ring until it sees the word that the sleeper's handler sets. It spins for
 * that, so no second clock is in the figure; a second core is. Between two rings it waits until the sleeper sleeps.
 */

import { once } from 'node:events'
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import type { Cost } from '#perf/result.ts'
import { createSleepWord, Doorbell } from '#src/ring/doorbell.ts'
import { createWords, QUIET, RUNG, type SleeperTask, STOP, WOKEN } from './doorbell-words.ts'
import { median, quantile } from './figures.ts'

/** Long enough to be back in epoll_wait or in Atomics.wait; a core that has nothing to do then may sleep too. */
const ASLEEP_MS = 0.25
/** Some seconds. */
const SPINS_MAX = 500_000_000
/** The first rings are answered by code that is not compiled yet. */
const WARM_UP = 50
const US_PER_MS = 1_000

/** Each way of waking, `rings` times a repeat. */
export async function measureDoorbellCosts(rings: number, repeats: number): Promise<Cost[]> {
  const ways = [
    { name: 'doorbell to a sleeping thread', measure: ringPort },
    { name: 'Atomics.notify to a sleeping thread', measure: ringAtomics },
  ]
  const costs: Cost[] = []
  for (const { name, measure } of ways) {
    const runs: Float64Array[] = []
    for (let repeat = 0; repeat < repeats; repeat++) runs.push(await measure(rings))
    for (const [label, share] of [
      ['median', 0.5],
      ['p99', 0.99],
    ] as const) {
      costs.push({ name: `${name}, ${label}`, value: median(runs.map(us => quantile(us, share))), unit: 'µs' })
    }
  }
  return costs
}

async function ringPort(rings: number): Promise<Float64Array> {
  const sleepWord = createSleepWord()
  const words = createWords()
  const { port1, port2 } = new MessageChannel()
  const worker = startSleeper({ port: port2, sleepWord, words }, [port2])
  let isRung = false
  const bell = new Doorbell(sleepWord, () => {
    isRung = true
    port1.postMessage(null)
  })
  try {
    await once(worker, 'message')
    return timeRings(rings, words, () => {
      isRung = false
      bell.ring()
      return isRung
    })
  } finally {
    port1.close()
    await worker.terminate()
  }
}

async function ringAtomics(rings: number): Promise<Float64Array> {
  const words = createWords()
  const worker = startSleeper({ port: null, sleepWord: createSleepWord(), words }, [])
  try {
    await once(worker, 'message')
    let ring = 0
    return timeRings(rings, words, () => {
      Atomics.store(words, RUNG, ++ring)
      return Atomics.notify(words, RUNG) > 0
    })
  } finally {
    Atomics.store(words, RUNG, STOP)
    Atomics.notify(words, RUNG)
    await worker.terminate()
  }
}

function startSleeper(task: SleeperTask, transferList: MessagePort[]): Worker {
  const file = new URL('./doorbell-sleeper.ts', import.meta.url)
  return new Worker(file, { workerData: task, transferList, execArgv: [] })
}

/** µs of each ring. `ring` is false when the other thread was found awake: that one is made again. */
function timeRings(rings: number, words: Int32Array<SharedArrayBuffer>, ring: () => boolean): Float64Array {
  const us = new Float64Array(rings)
  for (let made = -WARM_UP, tries = 0; made < rings; tries++) {
    if (tries > 2 * (rings + WARM_UP)) throw new Error('the thread that is to be woken does not sleep')
    Atomics.wait(words, QUIET, 0, ASLEEP_MS)
    const before = Atomics.load(words, WOKEN)
    const startMs = performance.now()
    if (!ring()) continue
    spinUntilWoken(words, before)
    if (made >= 0) us[made] = (performance.now() - startMs) * US_PER_MS
    made++
  }
  return us
}

function spinUntilWoken(words: Int32Array<SharedArrayBuffer>, before: number): void {
  for (let spins = 0; spins < SPINS_MAX; spins++) if (Atomics.load(words, WOKEN) !== before) return
  throw new Error('the thread that was rung does not wake')
}

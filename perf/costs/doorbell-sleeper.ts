/**
 * The thread that doorbell-costs.ts wakes. With a port it sleeps in its event loop and answers as a thread of the server
 * does: awake, a turn, asleep again. Without one it sleeps in Atomics.wait.
 */

import { parentPort, workerData } from 'node:worker_threads'
import { Sleeper } from '#src/ring/doorbell.ts'
import { RUNG, type SleeperTask, STOP, WOKEN } from './doorbell-words.ts'

const { port, sleepWord, words } = workerData as SleeperTask

if (port === null) sleepInAtomics()
else sleepInEventLoop(new Sleeper(sleepWord))

function sleepInEventLoop(sleeper: Sleeper): void {
  port!.on('message', () => {
    sleeper.endSleep()
    setImmediate(() => sleeper.beginSleep())
    Atomics.add(words, WOKEN, 1)
  })
  sleeper.beginSleep()
  parentPort!.postMessage('ready')
}

function sleepInAtomics(): void {
  parentPort!.postMessage('ready')
  for (let seen = 0; seen !== STOP; ) {
    Atomics.wait(words, RUNG, seen)
    seen = Atomics.load(words, RUNG)
    Atomics.store(words, WOKEN, seen)
  }
}

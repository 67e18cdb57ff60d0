/**
 * Loaded into every thread of a child process by `NODE_OPTIONS=--import`: ends the threads whose number is named in
 * TEST_KILL_THREAD when the file named in TEST_KILL_FILE appears, by an error that nobody catches.
 */

import { existsSync } from 'node:fs'
import { isMainThread, threadId } from 'node:worker_threads'

const LOOK_MS = 20

if (!isMainThread && String(threadId) === process.env.TEST_KILL_THREAD) {
  const file = process.env.TEST_KILL_FILE ?? ''
  setInterval(() => {
    if (existsSync(file)) throw new Error('killed by the test')
  }, LOOK_MS).unref()
}

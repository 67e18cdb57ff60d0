/**
 * How the program is told to stop: the first SIGTERM or SIGINT asks for an orderly end, the second ends it at once.
 */

import { constants } from 'node:os'

/** Exit code of a process that a signal ended, as shells tell it. */
const SIGNAL_EXIT_BASE = 128

export interface StopRequest {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal
  /** Resolves at the first signal. */
  readonly asked: Promise<void>
  /** 130 after SIGINT, 143 after SIGTERM; 0 before either. */
  exitCode(): number
}

/** Takes over SIGTERM and SIGINT. Called once, before anything is started. */
export function listenForStop(): StopRequest {
  const controller = new AbortController()
  const { promise, resolve } = Promise.withResolvers<void>()
  let exitCode = 0
  const take = (name: 'SIGTERM' | 'SIGINT'): void => {
    const code = SIGNAL_EXIT_BASE + constants.signals[name]
    if (exitCode !== 0) process.exit(code)
    exitCode = code
    controller.abort()
    resolve()
  }
  process.on('SIGTERM', () => take('SIGTERM'))
  process.on('SIGINT', () => take('SIGINT'))
  return { signal: controller.signal, asked: promise, exitCode: () => exitCode }
}

/**
 * Resolves with the promise or when `signal` is aborted, whichever is first. Unlike a race against a promise that lives as
 * long as the program, it leaves nothing behind: it may be awaited once a line.
 */
export function untilStopped(promise: Promise<unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      // Nobody waits for it any more, also not for its failure.
      promise.catch(() => {})
      return resolve()
    }
    const end = (): void => {
      signal.removeEventListener('abort', end)
      resolve()
    }
    signal.addEventListener('abort', end)
    promise.then(end, error => {
      signal.removeEventListener('abort', end)
      reject(error)
    })
  })
}

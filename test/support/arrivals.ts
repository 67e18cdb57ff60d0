/**
 * Things that come one after another from a socket, kept, with those who wait for one of them.
 *
 * A wait that nothing meets ends with an error that shows what did come: PATIENCE_MS is no assertion on time, only the
 * end of a test that would hang.
 */

const PATIENCE_MS = 30_000
const SHOWN_COUNT = 8

interface Waiter {
  readonly look: () => boolean
  readonly fail: (reason: string) => void
}

export class Arrivals<T> {
  readonly all: T[] = []
  #isEnded = false
  readonly #waiters = new Set<Waiter>()

  push(arrival: T): void {
    this.all.push(arrival)
    this.#look()
  }

  /** Nothing more comes. */
  end(): void {
    this.#isEnded = true
    this.#look()
    for (const waiter of this.#waiters) waiter.fail('it has ended')
  }

  /** The first one, come or to come, at or behind `from`, that meets the condition. */
  find(isIt: (arrival: T) => boolean, from = 0): Promise<T> {
    let next = from
    let found: T | null = null
    return this.#wait(() => {
      while (next < this.all.length && found === null) {
        const arrival = this.all[next++]!
        if (isIt(arrival)) found = arrival
      }
      return found !== null
    }).then(() => found!)
  }

  /** Resolves when a condition over all that came holds. */
  until(isMet: (all: readonly T[]) => boolean): Promise<void> {
    return this.#wait(() => isMet(this.all))
  }

  /** Resolves when nothing more can come. */
  ended(): Promise<void> {
    return this.#wait(() => this.#isEnded)
  }

  #look(): void {
    for (const waiter of this.#waiters) waiter.look()
  }

  #wait(isMet: () => boolean): Promise<void> {
    if (isMet()) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer)
        this.#waiters.delete(waiter)
      }
      const waiter: Waiter = {
        look: () => {
          if (!isMet()) return false
          settle()
          resolve()
          return true
        },
        fail: reason => {
          settle()
          const shown = this.all.slice(-SHOWN_COUNT).map(each => JSON.stringify(each))
          reject(new Error(`${reason} after ${this.all.length} arrivals, the last: ${shown.join(' ')}`))
        },
      }
      this.#waiters.add(waiter)
      const timer = setTimeout(() => waiter.fail('waited in vain'), PATIENCE_MS)
      if (this.#isEnded) waiter.fail('it had ended')
    })
  }
}

/**
 * Which transport to try. A round goes through them from the one to begin with, and over all others, best first; then it
 * is time to wait, and the next round begins.
 *
 * A transport that has carried a stream is proven: when it cannot be opened it is given PROVEN_TRIES rounds of its own, as
 * the server is more likely to be down than the way to be closed. One that opens and stays silent is passed over at once.
 */

import type { TransportName } from './transports/transport.ts'

/** Where what worked is kept beyond the life of a page, e.g. `localStorage`. */
export interface TransportStorage {
  getItem(key: string): string | null
  setItem(key: string, value: string): void
}

const PROVEN_TRIES = 2

export class TransportOrder {
  /** Best first. */
  #names: readonly TransportName[]
  readonly #storage: TransportStorage | null
  readonly #key: string
  /** Of the round: not tried yet, the next one first. */
  #round: TransportName[]
  #proven: TransportName | null = null
  /** Rounds of its own that the proven one has had since it worked. */
  #tries = 0

  constructor(names: readonly TransportName[], storage: TransportStorage | null, key: string) {
    this.#names = names
    this.#storage = storage
    this.#key = key
    this.#round = this.#roundFrom(this.#remembered())
  }

  get current(): TransportName {
    return this.#round[0]!
  }

  /** Those that would be better than the current one, best first. */
  get better(): readonly TransportName[] {
    return this.#names.slice(0, this.#names.indexOf(this.current))
  }

  /** The current one carries a stream. */
  worked(): void {
    this.#tries = 0
    if (this.#proven === this.current) return
    this.#proven = this.current
    this.#round = this.#roundFrom(this.#proven)
    this.#remember(this.#proven)
  }

  /** The current one does not. `isSilent`: it could be opened. True: the next one may be tried at once. */
  failed(isSilent: boolean): boolean {
    if (!isSilent && this.current === this.#proven && ++this.#tries < PROVEN_TRIES) return false
    this.#proven = null
    this.#round.shift()
    if (this.#round.length > 0) return true
    this.#round = this.#roundFrom(null)
    return false
  }

  /** Others are to be used, best first, from the best one on. */
  choose(names: readonly TransportName[]): void {
    this.#names = names
    this.#proven = null
    this.#tries = 0
    this.#round = this.#roundFrom(null)
  }

  /** Another one was found to work. */
  prefer(name: TransportName): void {
    this.#round = this.#roundFrom(name)
  }

  #roundFrom(first: TransportName | null): TransportName[] {
    return first === null ? [...this.#names] : [first, ...this.#names.filter(name => name !== first)]
  }

  /** A storage may refuse (private windows do): then nothing is remembered. */
  #remembered(): TransportName | null {
    try {
      const name = this.#storage?.getItem(this.#key) ?? null
      return this.#names.find(one => one === name) ?? null
    } catch {
      return null
    }
  }

  #remember(name: TransportName): void {
    try {
      this.#storage?.setItem(this.#key, name)
    } catch {
      // The order of the next page is then the given one.
    }
  }
}

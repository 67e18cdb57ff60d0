/**
 * Asks the server now and then which items there are (`GET /items`): the page relies on no names of its own. A server with
 * many items is asked less often, and for no more than NAMES_MAX.
 */

import type { Platform } from './platform.ts'

const NAMES_MAX = 20_000
const PAGE_LENGTH = 10_000
const AGAIN_MS = 5_000
/** Of a server that has more than MANY. */
const AGAIN_MANY_MS = 30_000
const MANY = 2_000

interface Answer {
  readonly items?: readonly string[]
  readonly next?: string | null
  readonly error?: { readonly message?: string }
}

export interface CatalogueEvents {
  /** All names, in order, each time they were asked for. */
  readonly onNames: (names: readonly string[]) => void
  /** Null: the server answers again. */
  readonly onProblem: (message: string | null) => void
}

export class Catalogue {
  readonly #baseUrl: URL
  readonly #platform: Platform
  readonly #events: CatalogueEvents

  constructor(baseUrl: URL, platform: Platform, events: CatalogueEvents) {
    this.#baseUrl = baseUrl
    this.#platform = platform
    this.#events = events
    void this.#look()
  }

  async #look(): Promise<void> {
    let waitMs = AGAIN_MS
    try {
      const names = await this.#names()
      if (names.length > MANY) waitMs = AGAIN_MANY_MS
      this.#events.onProblem(null)
      this.#events.onNames(names)
    } catch (error) {
      this.#events.onProblem(error instanceof TypeError ? 'The server does not answer.' : String(error))
    }
    this.#platform.after(waitMs, () => this.#look())
  }

  async #names(): Promise<string[]> {
    const names: string[] = []
    let after = ''
    while (names.length < NAMES_MAX) {
      const url = new URL('items', this.#baseUrl)
      url.searchParams.set('limit', String(PAGE_LENGTH))
      if (after !== '') url.searchParams.set('after', after)
      const response = await fetch(url, { cache: 'no-store' })
      const { items = [], next, error }: Answer = await response.json()
      if (!response.ok) throw new Error(error?.message ?? `HTTP ${response.status}`)
      names.push(...items)
      if (typeof next !== 'string' || items.length === 0) break
      after = next
    }
    return names
  }
}

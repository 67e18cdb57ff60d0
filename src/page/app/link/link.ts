/**
 * The page's end of the hub: says what the panels want, and hands them what comes. The hub is looked for in a shared worker;
 * where there is none, or it does not answer, the page gets one of its own.
 *
 * Invariants (test/rules.md, PG):
 *  - Whatever the hub is and however often it changes or forgets the page, it is told all that is wanted, and each sink hears
 *    `reset` before it hears anything again.
 */

import type { Platform } from '#src/page/app/platform.ts'
import { BEAT_MS, type Port } from './hub.ts'
import type { Change, ConnectionView, FromHub, ToHub, TransportChoice, Wish } from './messages.ts'

export type Sink = (changes: readonly Change[]) => void

export interface LinkOptions {
  /** A port to the hub that all tabs share; null: there can be none. `failed` may be called at any time. */
  readonly openShared: (failed: () => void) => Port | null
  /** A port to a hub of this page's own. */
  readonly openOwn: () => Port
  readonly platform: Platform
  readonly onConnection: (connection: ConnectionView) => void
}

/** How long a shared worker may take to answer. */
export const WELCOME_MS = 4_000

interface Want {
  readonly wish: Wish
  readonly sink: Sink
}

export class Link {
  readonly #options: LinkOptions
  readonly #wants = new Map<number, Want>()
  #port: Port
  #lastId = 0
  #isWelcome = false
  /** What the user has set in this page; a hub of its own has to be told. */
  #rate: number | null | undefined
  #choice: TransportChoice | undefined

  constructor(options: LinkOptions) {
    this.#options = options
    const shared = options.openShared(() => this.#fallBack(shared))
    this.#port = shared ?? options.openOwn()
    this.#greet()
    if (shared !== null) options.platform.after(WELCOME_MS, () => this.#isWelcome || this.#fallBack(shared))
    options.platform.every(BEAT_MS, () => this.#say({ kind: 'beat' }))
  }

  /** `sink` is called with all that comes of the wish, until the function that comes back is called. */
  want(wish: Wish, sink: Sink): () => void {
    const id = ++this.#lastId
    this.#wants.set(id, { wish, sink })
    if (this.#isWelcome) this.#say({ kind: 'want', id, wish })
    return () => {
      if (this.#wants.delete(id)) this.#say({ kind: 'drop', id })
    }
  }

  setRate(rate: number | null): void {
    this.#rate = rate
    this.#say({ kind: 'rate', rate })
  }

  setTransport(choice: TransportChoice): void {
    this.#choice = choice
    this.#say({ kind: 'transport', choice })
  }

  /** The page goes. */
  leave(): void {
    this.#say({ kind: 'bye' })
  }

  /** The page is back, though it had left. */
  comeBack(): void {
    this.#greet()
  }

  #fallBack(from: Port | null): void {
    if (this.#port !== from) return
    from.onmessage = null
    this.#port = this.#options.openOwn()
    this.#greet()
    if (this.#choice !== undefined) this.setTransport(this.#choice)
    if (this.#rate !== undefined) this.setRate(this.#rate)
  }

  #greet(): void {
    this.#isWelcome = false
    this.#port.onmessage = ({ data }) => this.#hear(data as FromHub)
    this.#say({ kind: 'hello' })
  }

  #hear(message: FromHub): void {
    switch (message.kind) {
      case 'welcome':
        this.#isWelcome = true
        for (const [id, { wish, sink }] of this.#wants) {
          sink([{ type: 'reset' }])
          this.#say({ kind: 'want', id, wish })
        }
        return
      case 'changes':
        this.#wants.get(message.id)?.sink(message.changes)
        return
      case 'connection':
        this.#options.onConnection(message.connection)
        return
      case 'forgotten':
        // Once, however many words were not understood.
        if (this.#isWelcome) this.#greet()
    }
  }

  #say(message: ToHub): void {
    this.#port.postMessage(message)
  }
}

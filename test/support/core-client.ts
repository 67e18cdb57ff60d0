/** One client of one session at a core alone, which is taken up again: its flushes lie on the wire until it handles them. */

import type { SubscriptionRequest } from '#src/domain/session-request.ts'
import { sessionIdOf, subscriptionOf } from './bind.ts'
import { CoreBench } from './core-bench.ts'

export interface Line {
  readonly sub?: number
  readonly item?: string
  readonly seq?: number
  readonly snapshot?: true
  readonly fields?: Readonly<Record<string, string | null>>
  readonly stale?: boolean
  readonly deleted?: true
  readonly lost?: number
  readonly snapshotEnd?: true
  readonly cleared?: true
  readonly out?: true
  readonly key?: string
  readonly command?: 'ADD' | 'UPDATE' | 'DELETE'
  readonly position?: number
  readonly session?: string
  readonly recovered?: boolean
  readonly why?: string
  readonly answer?: number
  readonly subscribed?: number
}

export const ID = sessionIdOf(0, 1)

export class Client {
  readonly bench: CoreBench
  generation = 1
  handled = 0
  readonly wire: Line[][] = []

  constructor(bench: CoreBench) {
    this.bench = bench
  }

  receive(): void {
    this.bench.settle()
    for (const flush of this.bench.takeAll()) {
      if (flush.type === 'flush' && flush.generations[0] === this.generation) {
        this.wire.push(
          flush.text
            .trim()
            .split('\n')
            .map(line => JSON.parse(line) as Line),
        )
      }
    }
  }

  /** Handles the first flush on the wire. */
  handle(): Line[] {
    const lines = this.wire.shift() ?? []
    const { position, session } = lines.at(-1) ?? {}
    if (position !== undefined && session === undefined) this.handled = position
    return lines.filter(({ position: at, session: id }) => at === undefined || id !== undefined)
  }

  handleAll(): Line[] {
    this.receive()
    const lines: Line[] = []
    while (this.wire.length > 0) lines.push(...this.handle())
    this.bench.took(0, this.generation)
    return lines
  }

  breakOff(): void {
    this.bench.close(0, this.generation)
    this.bench.settle()
    this.bench.takeAll()
    this.bench.took(0, this.generation)
    this.wire.length = 0
  }

  resume(position = this.handled): void {
    this.generation++
    this.bench.open(0, this.generation, { resume: { session: ID, position } })
    this.bench.settle()
  }
}

export function setUp(settings: ConstructorParameters<typeof CoreBench>[0] = {}) {
  const bench = new CoreBench({ resumeMs: 60_000, ...settings })
  return { bench, client: new Client(bench) }
}

export function data(lines: readonly Line[]): Line[] {
  return lines.filter(({ item }) => item !== undefined)
}

export function subscribe(bench: CoreBench, number: number, wish: Partial<SubscriptionRequest>): void {
  bench.control(ID, { kind: 'subscribe', number, subscription: subscriptionOf(wish) })
}

/** The processes of load clients of one bench, as one: told, asked and counted together. */

import type { Quantiles } from '#perf/result.ts'
import { Child } from './child.ts'
import { addEncoded, newHistogram, quantilesOf } from './histogram.ts'
import type { ClientJob, FromClients, ToClients, Waits } from './messages.ts'

const CLIENT_FILE = new URL('./client-process.ts', import.meta.url)

type ClientsChild = Child<ToClients, FromClients>
export type ClientsCount = Pick<Extract<FromClients, { is: 'count' }>, 'groups' | 'utilisation'>

/** How long clients waited that came together. */
export interface Arrivals {
  readonly clients: number
  /** Until all were served. */
  readonly seconds: number
  /** Attempts that failed and were made again. */
  readonly failures: number
  readonly firstByteMs: Quantiles
  readonly servedMs: Quantiles
}

/** Processes that were started together; a part of a crew. */
export interface Squad {
  readonly children: readonly ClientsChild[]
  /** Number of its first process. */
  readonly first: number
}

export class Crew {
  readonly #children: ClientsChild[] = []
  #receivedEver = 0
  #closed = 0
  #renewed = 0

  get pids(): number[] {
    return this.#children.map(({ pid }) => pid)
  }

  /** Updates that clients have read since they were opened, as of the last count. */
  get receivedEver(): number {
    return this.#receivedEver
  }

  /** Connections that the server has ended, as of the last count. */
  get closed(): number {
    return this.#closed
  }

  /** Connections that clients have ended to make another, as of the last count. */
  get renewed(): number {
    return this.#renewed
  }

  start(count: number): Squad {
    const first = this.#children.length
    const children = Array.from({ length: count }, (_, index): ClientsChild => {
      return new Child(`clients ${first + index}`, CLIENT_FILE)
    })
    this.#children.push(...children)
    return { children, first }
  }

  /** Each process opens its clients when the one before has its own. */
  async open(squad: Squad, jobs: readonly ClientJob[], onOpen: (processes: number) => void): Promise<Arrivals> {
    const waits: Waits[] = []
    for (const [index, child] of squad.children.entries()) {
      waits.push((await child.ask({ do: 'open', job: jobs[index]! }, 'open')).waits)
      onOpen(index + 1)
    }
    return arrivalsOf(waits, (all, seconds) => all + seconds)
  }

  /** Every connection of these processes is closed and made again, all at once. */
  async reconnect({ children }: Squad): Promise<Arrivals> {
    const answers = await Promise.all(children.map(child => child.ask({ do: 'reconnect' }, 'reconnected')))
    const waits = answers.map(answer => answer.waits)
    return arrivalsOf(waits, (all, seconds) => Math.max(all, seconds))
  }

  /** One client of `every` takes the latency of its updates. */
  time(every: number): void {
    for (const child of this.#children) child.tell({ do: 'time', every })
  }

  /** What came since the last count. */
  async count(): Promise<ClientsCount[]> {
    const counts = await Promise.all(this.#children.map(child => child.ask({ do: 'count' }, 'count')))
    const groups = counts.flatMap(count => count.groups)
    this.#receivedEver += groups.reduce((sum, { received }) => sum + received, 0)
    this.#closed = groups.reduce((sum, { closed }) => sum + closed, 0)
    this.#renewed = groups.reduce((sum, { renewed }) => sum + renewed, 0)
    return counts
  }

  /** Stalled clients read again: how old the first update of each was that became due after that; null: none came. */
  async resume(): Promise<(number | null)[]> {
    const answers = await Promise.all(this.#children.map(child => child.ask({ do: 'resume' }, 'resumed')))
    return answers.flatMap(({ freshAgesMs }) => freshAgesMs)
  }

  /** Updates with this stamp are the last ones. */
  async end(stamp: number): Promise<void> {
    await Promise.all(this.#children.map(child => child.ask({ do: 'ending', stamp }, 'ending')))
  }

  /** Clients that read all they get, and have not exactly the last updates. */
  async wrongEnds(): Promise<number> {
    const answers = await Promise.all(this.#children.map(child => child.ask({ do: 'ends' }, 'ends')))
    return answers.reduce((sum, { wrong }) => sum + wrong, 0)
  }

  async stop(): Promise<void> {
    await Promise.all(this.#children.map(child => child.stop()))
  }
}

const NO_TIME: Quantiles = { count: 0, mean: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 }

/** Of several processes; `together`: how long they took in all. */
function arrivalsOf(waits: readonly Waits[], together: (all: number, seconds: number) => number): Arrivals {
  const [firstByte, served] = [newHistogram(), newHistogram()]
  for (const one of waits) {
    addEncoded(firstByte, one.firstByte)
    addEncoded(served, one.served)
  }
  return {
    clients: waits.reduce((sum, one) => sum + one.clients, 0),
    seconds: waits.map(({ seconds }) => seconds).reduce(together, 0),
    failures: waits.reduce((sum, one) => sum + one.failures, 0),
    firstByteMs: quantilesOf(firstByte) ?? NO_TIME,
    servedMs: quantilesOf(served) ?? NO_TIME,
  }
}

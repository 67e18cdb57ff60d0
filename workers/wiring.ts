/**
 * The shared memory between the threads of a placement: made once by main, sent to every thread, which takes its ends of
 * it. One thread uses the same rings: between its own stages they cost a few nanoseconds a batch, and one code path.
 */

import type { Config } from '#src/config/config.ts'
import { BLOCK_SLOTS } from '#src/metrics/names.ts'
import { createSleepWord } from '#src/ring/doorbell.ts'
import { createRing, type RingMemory } from '#src/ring/ring.ts'
import { createCounters, InFlightWords } from '#src/ring/shared-words.ts'
import type { Placement } from './placement.ts'

export interface Wiring {
  /** By lane, then core. */
  readonly data: readonly (readonly RingMemory[])[]
  readonly down: readonly (readonly RingMemory[])[]
  /** By edge, then core. */
  readonly control: readonly (readonly RingMemory[])[]
  readonly out: readonly (readonly RingMemory[])[]
  /** By edge. */
  readonly inFlight: readonly SharedArrayBuffer[]
  /** By core that tells, then core that is told; null on the diagonal. */
  readonly peerData: readonly (readonly (RingMemory | null)[])[]
  readonly peerControl: readonly (readonly (RingMemory | null)[])[]
  /** By thread. */
  readonly sleepWords: readonly SharedArrayBuffer[]
  readonly counters: readonly SharedArrayBuffer[]
}

export function createWiring(config: Config, placement: Placement): Wiring {
  const { threads, lanes, cores, edges } = placement
  const grid = (rows: number, columns: number, capacity: number) =>
    times(rows, () => times(columns, () => createRing(capacity)))
  const peers = (capacity: number) =>
    times(cores, from => times(cores, to => (from === to ? null : createRing(capacity))))
  return {
    data: grid(lanes, cores, config.feedRingBytes),
    down: grid(lanes, cores, config.controlRingBytes),
    control: grid(edges, cores, config.controlRingBytes),
    out: grid(edges, cores, config.edgeRingBytes),
    inFlight: times(edges, () => InFlightWords.create(config.connectionsMax)),
    peerData: peers(config.peerRingBytes),
    peerControl: peers(config.controlRingBytes),
    sleepWords: times(threads.length, () => createSleepWord()),
    counters: times(threads.length, () => createCounters(BLOCK_SLOTS)),
  }
}

function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index))
}

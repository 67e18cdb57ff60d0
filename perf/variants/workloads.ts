/** The variants that put one workload through Millrace, in each placement, and through the peers. */

import type { Workload } from '#perf/workload.ts'
import { BASE, BOTH, type OwnRow, ownRows, peerRows, runRows, type Variant, workloadOf } from './variant.ts'

interface Plan {
  readonly name: string
  readonly about: string
  readonly base: Workload
  readonly small?: Partial<Workload>
  readonly rows: readonly OwnRow[]
}

function variantOf({ name, about, base, small, rows }: Plan): Variant {
  return {
    name,
    about,
    run: context => {
      const workload = workloadOf(base, context, small)
      return runRows([...ownRows(workload, rows, context), ...peerRows(workload, context.peers)], context)
    },
  }
}

export const BROADCAST: Workload = { ...BASE, fields: 2 }

export const LIBERATOR: Workload = {
  ...BASE,
  clients: 10_000,
  items: 100,
  itemsPerClient: 10,
  ratePerItem: 10,
  maxDelayMs: 100,
}

const KEYED: Workload = { ...BASE, clients: 1_000, items: 40, itemsPerClient: 1, ratePerItem: 2.5, lineBytes: 1_024 }

export const WORKLOADS: readonly Variant[] = [
  variantOf({
    name: 'liberator',
    about:
      '10,000 clients, each on 10 of 100 items that differ from everybody else’s, 10 updates/s an item, 5 short fields, maxDelay=100',
    base: LIBERATOR,
    small: { items: 20 },
    rows: [...BOTH, { label: 'pools, merge', placement: 'pools', change: { mode: 'merge' } }],
  }),
  variantOf({
    name: 'broadcast',
    about: '1,000 clients on one item, 100 updates/s, each its own flush',
    base: BROADCAST,
    rows: BOTH,
  }),
  variantOf({
    name: 'keyed',
    about: '1,024 B messages, 100/s in, each of 1,000 clients on one of 40 items',
    base: KEYED,
    small: { ratePerItem: 10 },
    rows: BOTH,
  }),
]

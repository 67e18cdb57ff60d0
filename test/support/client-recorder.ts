/**
 * An application of the client library that believes nothing: it keeps the items of a subscription by its own merging, and
 * says what it was told wrongly.
 */

import type { Item, SubscriptionHandlers, Update } from '#src/client/index.ts'

interface Seen {
  seq: number
  fields: Map<string, string | null>
  isStale: boolean
}

export class ClientRecorder {
  readonly items = new Map<string, Seen>()
  /** What must not be: an update twice, out of order, a gap in raw mode, a merge that differs. */
  readonly faults: string[] = []
  updates = 0
  resets = 0
  conflated = 0
  readonly #isRaw: boolean
  #batch: Update[] = []

  constructor(isRaw: boolean) {
    this.#isRaw = isRaw
  }

  readonly handlers: SubscriptionHandlers = {
    onUpdate: update => this.#update(update),
    onItem: item => this.#compare(item),
    onBatch: updates => {
      if (updates.length !== this.#batch.length || updates.some((update, index) => update !== this.#batch[index])) {
        this.faults.push(`a batch of ${updates.length} for ${this.#batch.length} updates`)
      }
      this.#batch = []
    },
    onStale: item => {
      const seen = this.#seen(item.name)
      if (seen.isStale === item.isStale) this.faults.push(`${item.name} is told twice to be ${item.isStale}`)
      seen.isStale = item.isStale
    },
    onDeleted: item => {
      if (!this.items.delete(item.name)) this.faults.push(`${item.name} is deleted and was not there`)
    },
    onOut: item => {
      if (!this.items.delete(item.name)) this.faults.push(`${item.name} is out and was not there`)
    },
    onReset: () => {
      this.resets++
      this.items.clear()
    },
  }

  /** The items as text, in order of their names. */
  get state(): string {
    return textOf([...this.items].map(([name, { fields, isStale }]) => [name, [...fields], isStale]))
  }

  #update(update: Update): void {
    const { item, seq, isSnapshot, fields } = update
    const isNew = !this.items.has(item)
    const seen = this.#seen(item)
    if (seq <= seen.seq) this.faults.push(`${item} ${seq} behind ${seen.seq}`)
    if (this.#isRaw && !isNew && !isSnapshot && seen.seq > 0 && seq !== seen.seq + 1) {
      this.faults.push(`${item} ${seq} behind ${seen.seq} in raw mode`)
    }
    if (seen.seq > 0 && update.conflated !== seq - seen.seq - 1)
      this.faults.push(`${item} ${seq}: ${update.conflated} conflated`)
    seen.seq = seq
    if (isSnapshot) seen.fields = new Map()
    for (const [name, value] of Object.entries(fields)) seen.fields.set(name, value)
    this.updates++
    this.conflated += update.conflated
    this.#batch.push(update)
  }

  #compare(item: Item): void {
    const seen = this.items.get(item.name)
    const own = textOf([...(seen?.fields ?? [])])
    if (own !== textOf(Object.entries(item.fields))) this.faults.push(`${item.name} ${item.seq} is merged otherwise`)
  }

  #seen(name: string): Seen {
    let seen = this.items.get(name)
    if (seen === undefined) {
      seen = { seq: 0, fields: new Map(), isStale: false }
      this.items.set(name, seen)
    }
    return seen
  }
}

/** What a client of these items should have arrived at, as `state` has it. */
export function stateOf(
  items: Iterable<{
    readonly name: string
    readonly fields: Readonly<Record<string, string | null>>
    readonly isStale: boolean
  }>,
  beginning: string,
): string {
  const own = [...items].filter(({ name }) => name.startsWith(beginning))
  return textOf(own.map(({ name, fields, isStale }) => [name, Object.entries(fields), isStale]))
}

function textOf(entries: readonly (readonly unknown[])[]): string {
  const sorted = entries.map(entry => entry.map(part => (Array.isArray(part) ? part.toSorted() : part)))
  return JSON.stringify(sorted.toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1)))
}

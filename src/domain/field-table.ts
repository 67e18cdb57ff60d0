/**
 * The names of fields of one core thread: name to a dense number, and the bytes that a body writes before the value.
 * Names are never removed: a market has hundreds, and the table is bounded by `namesMax`. Feeds alone fill it: a view
 * that asks for a name without a number waits until an update brings one.
 */

/** Who asked for a field that does not exist yet. */
export interface FieldAwaiter {
  addField(fieldId: number): void
}

export class FieldTable {
  readonly #namesMax: number
  readonly #ids = new Map<string, number>()
  readonly #names: string[] = []
  readonly #prefixes: Buffer[] = []
  readonly #awaiters = new Map<string, Set<FieldAwaiter>>()

  constructor(namesMax: number) {
    this.#namesMax = namesMax
  }

  /** The number of `name`, or -1 when no item has such a field yet. */
  find(name: string): number {
    return this.#ids.get(name) ?? -1
  }

  /** The number of `name`, made when it is new; -1 when the table is full. */
  idOf(name: string): number {
    const known = this.#ids.get(name)
    if (known !== undefined) return known
    if (this.#names.length >= this.#namesMax) return -1
    const id = this.#names.length
    this.#ids.set(name, id)
    this.#names.push(name)
    this.#prefixes.push(Buffer.from(`${JSON.stringify(name)}:"`))
    const awaiters = this.#awaiters.get(name)
    if (awaiters !== undefined) for (const awaiter of awaiters) awaiter.addField(id)
    this.#awaiters.delete(name)
    return id
  }

  /** Tells `awaiter` the number of `name` when it gets one. */
  await(name: string, awaiter: FieldAwaiter): void {
    const awaiters = this.#awaiters.get(name)
    if (awaiters === undefined) this.#awaiters.set(name, new Set([awaiter]))
    else awaiters.add(awaiter)
  }

  stopAwaiting(name: string, awaiter: FieldAwaiter): void {
    const awaiters = this.#awaiters.get(name)
    awaiters?.delete(awaiter)
    if (awaiters?.size === 0) this.#awaiters.delete(name)
  }

  /** Names that somebody waits for. */
  get awaitedCount(): number {
    return this.#awaiters.size
  }

  nameOf(id: number): string {
    return this.#names[id]!
  }

  /** `"name":"` in UTF-8. */
  prefixOf(id: number): Buffer {
    return this.#prefixes[id]!
  }

  get size(): number {
    return this.#names.length
  }
}

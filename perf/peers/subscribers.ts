/** Who reads which item, for peers that have no topics of their own. */

export class Subscribers<Reader> {
  readonly #byItem = new Map<string, Set<Reader>>()

  add(items: readonly string[], reader: Reader): void {
    for (const item of items) {
      const readers = this.#byItem.get(item)
      if (readers === undefined) this.#byItem.set(item, new Set([reader]))
      else readers.add(reader)
    }
  }

  remove(items: readonly string[], reader: Reader): void {
    for (const item of items) this.#byItem.get(item)?.delete(reader)
  }

  /** Undefined where nobody ever asked for the item. */
  of(item: string): ReadonlySet<Reader> | undefined {
    return this.#byItem.get(item)
  }
}

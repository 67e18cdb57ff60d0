/**
 * What a session of the fake server still has to be sent, in order: events whole, and data of merge subscriptions with the
 * newest values in the place of older ones.
 */

export interface FakeData {
  readonly sub: number
  readonly item: string
  readonly seq?: number
  readonly snapshot?: true
  readonly fields?: Readonly<Record<string, string | null>>
  readonly stale?: boolean
  readonly deleted?: true
}

export interface Lacking {
  readonly record: object
  /** The data of a merge subscription: newer ones may take its place. */
  readonly merges: FakeData | null
}

export class FakeLack {
  readonly #entries: Lacking[] = []
  /** Where the update stands that the next one of this subscription's item goes into. */
  readonly #open = new Map<string, number>()

  get isEmpty(): boolean {
    return this.#entries.length === 0
  }

  pushAll(entries: readonly Lacking[]): void {
    for (const entry of entries) this.push(entry)
  }

  push({ record, merges }: Lacking): void {
    const key = merges === null ? '' : `${merges.sub} ${merges.item}`
    const at = this.#open.get(key)
    if (merges?.fields === undefined) {
      // A mark ends its item's life or stands between its updates; an event may end all.
      if (merges === null) this.#open.clear()
      else this.#open.delete(key)
      this.#entries.push({ record, merges })
    } else if (at === undefined || merges.snapshot === true) {
      this.#open.set(key, this.#entries.length)
      this.#entries.push({ record: merges, merges })
    } else {
      const before = this.#entries[at]!.merges!
      const merged: FakeData = { ...before, ...merges, fields: { ...before.fields, ...merges.fields } }
      this.#entries[at] = { record: merged, merges: merged }
    }
  }

  /** All there is; nothing is left. */
  take(): Lacking[] {
    this.#open.clear()
    return this.#entries.splice(0)
  }
}

/** Filters of the fake server: `FIELD > NUMBER`, and no others. */

export type FakeFields = Readonly<Record<string, string | null>>

export interface FakeFilter {
  readonly field: string
  readonly above: number
}

/** Null when it is no such expression. */
export function filterOf(text: string): FakeFilter | null {
  const parts = /^(\w+) > (\d+)$/.exec(text)
  return parts === null ? null : { field: parts[1]!, above: Number(parts[2]) }
}

/** What has no value, or is no number, does not pass. */
export function passes(filter: FakeFilter | null, fields: FakeFields): boolean {
  return filter === null || Number(fields[filter.field] ?? Number.NaN) > filter.above
}

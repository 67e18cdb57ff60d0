/** Values of fields that live on: of an item, or of a row. Objects without a prototype, so that a field may have any name. */

import type { FieldValues } from './records.ts'

export type FieldsDraft = Record<string, string | null>

export function copyOf(fields: FieldValues): FieldsDraft {
  return Object.assign(Object.create(null) as FieldsDraft, fields)
}

/** Takes changes in; their names. */
export function assign(target: FieldsDraft, changes: FieldValues): readonly string[] {
  const names = Object.keys(changes)
  for (const name of names) target[name] = changes[name]!
  return names
}

/** Names of those that are new or have another value, then of those that are no more. */
export function differences(before: FieldsDraft, after: FieldsDraft): readonly string[] {
  const gone = Object.keys(before).filter(name => !(name in after))
  return [...Object.keys(after).filter(name => before[name] !== after[name]), ...gone]
}

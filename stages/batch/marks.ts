/** What is told of an interest beside its updates: whether its item is stale, and what a view's number stands for. */

import { TERSE } from '#src/codec/json-stream.ts'
import { DEFINED, type Interests, STALE_TOLD, UNSURE } from '#src/domain/interests.ts'
import type { Item } from '#src/domain/item.ts'
import type { View } from '#src/domain/view.ts'
import type { Draft } from './draft.ts'

/** Whether a session that has the item is to be told that it is stale, or is not. */
export function isMarkUntold(flag: number, { isStale }: Item): boolean {
  return (flag & UNSURE) !== 0 || isStale !== ((flag & STALE_TOLD) !== 0)
}

/** Terse: a session is told once what a view's number stands for, before anything of it. */
export function takeDefinition(draft: Draft, { flags, ids }: Interests, view: View, interest: number): void {
  if (draft.codec !== TERSE || (flags[interest]! & DEFINED) !== 0) return
  draft.take(draft.bodies.definition(view, ids[interest]!))
}

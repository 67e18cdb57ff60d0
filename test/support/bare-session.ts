/** A session by itself, with interests that belong to no view yet. */

import type { DelayBucket } from '#src/domain/delay-buckets.ts'
import type { Interests } from '#src/domain/interests.ts'
import { Session, type SessionOwner } from '#src/domain/session.ts'
import { Subscription } from '#src/domain/subscription.ts'
import { subscriptionOf } from './bind.ts'

const NOBODY: SessionOwner = { onReady: () => {}, onTimer: () => {} }

export function bareSession(
  table: Interests,
  count: number,
  options: { readonly slot?: number; readonly bucket?: DelayBucket | null; readonly owner?: SessionOwner } = {},
): Session {
  const { slot = 0, bucket = null, owner = NOBODY } = options
  const binding = { edge: 0, slot, generation: 1, address: '', transport: 'ndjson', encoding: 'json' } as const
  const session = new Session(`s${slot}`, binding, 0, 0, table, owner)
  session.slot = slot
  session.generation = 1
  session.codec = 1
  session.bucket = bucket
  const subscription = new Subscription(subscriptionOf({}), 0, 0)
  session.subscriptions = [...session.subscriptions, subscription]
  table.reserve(session, count)
  for (let i = 0; i < count; i++) table.add(session, subscription)
  return session
}

/** Gives up what a session has and its number; nothing of it is in any view. */
export function closeBare(table: Interests, session: Session): void {
  while (session.end > session.first) table.remove(session, session.end - 1)
  table.close(session)
}

/** Whether a record that a client read is what an event of the truth would be told as; and how the truth looks to who fails. */

import { type ItemEvent, isSameState, type ModelItem, projected, type Value } from './model.ts'
import type { StreamRecord } from './stream-reader.ts'

const EVENTS_SHOWN = 8

/** A record of each update that an event is, as a view with this choice of fields is told it. */
export function isRecordOf(
  event: ItemEvent,
  record: StreamRecord,
  told: readonly (readonly [string, Value])[],
  fields: readonly string[] | null,
): boolean {
  if (event.kind !== 'update') return false
  if ((record.snapshot === true) !== (event.isSnapshot || !event.wasKnown)) return false
  if (!isSameTime(record.time, event.timeMs)) return false
  return isSameState(projected(new Map(event.fields), fields), new Map(told))
}

export function isSameTime(told: number | undefined, timeMs: number): boolean {
  return told === undefined ? Number.isNaN(timeMs) : told === timeMs
}

/** The newest events of an item, a line each. */
export function eventsText({ events }: ModelItem): string {
  const first = Math.max(0, events.length - EVENTS_SHOWN)
  return events
    .slice(first)
    .map((event, i) => `${first + i}:${event.kind}${event.isSnapshot ? '!' : ''}${JSON.stringify(event.fields)}`)
    .join('\n    ')
}

import test from 'ava'
import { FIELD_HEADER, REPLICA_FIELDS, REPLICA_IS_KNOWN } from '#src/codec/record.ts'
import { makeConfig } from '#src/config/check.ts'
import { FieldTable } from '#src/domain/field-table.ts'
import { Interests, NEEDS_SNAPSHOT } from '#src/domain/interests.ts'
import type { Session } from '#src/domain/session.ts'
import { ValueStore } from '#src/domain/value-store.ts'
import { View } from '#src/domain/view.ts'
import { BLOCK_SLOTS, M, ThreadMetrics } from '#src/metrics/names.ts'
import { createLocalQueue } from '#src/ring/local-queue.ts'
import { countersOf, createCounters } from '#src/ring/shared-words.ts'
import { TimingWheel } from '#src/time/timing-wheel.ts'
import { LaneLink } from '#stages/conflate/links.ts'
import { Logs } from '#stages/conflate/logs.ts'
import { Merger } from '#stages/conflate/merge.ts'
import { ReplicaIntake } from '#stages/conflate/replica-intake.ts'
import { Tables } from '#stages/conflate/tables.ts'
import { bareSession } from '#test/support/bare-session.ts'
import { newItem } from '#test/support/items.ts'

test('[I11] a replica that comes gives its snapshot to everybody who waits for it (found: not to the second)', t => {
  const metrics = new ThreadMetrics(countersOf(createCounters(BLOCK_SLOTS)))
  const store = new ValueStore(1 << 16)
  const table = new Interests()
  const logs = new Logs(1 << 16, store)
  const tables = new Tables(makeConfig(), new FieldTable(8), store, () => 1)
  const merger = new Merger({
    interests: table,
    fields: new FieldTable(8),
    store,
    logs,
    tables,
    wheel: new TimingWheel(0),
    metrics,
    fieldsMax: 8,
    onKnown: () => {},
    onDeleted: () => {},
    refuse: () => t.fail('refused'),
  })
  const { producer, consumer } = createLocalQueue(1 << 12)
  const lane = new LaneLink(-1, consumer, null)
  lane.fields[4] = 7

  const item = newItem('A', 1)
  const view = new View(item, 'merge', null, 'merge')
  item.views.push(view)
  const ready: number[] = []
  const interests = [0, 1, 2, 3, 4].map(slot => {
    const owner = { onReady: (one: Session) => ready.push(one.slot), onTimer: () => {} }
    const { first, number } = bareSession(table, 1, { slot, owner })
    view.add(table, first, number)
    merger.begin(view, first, number, 0)
    return first
  })
  t.deepEqual(ready, [], 'the item is not known yet')

  const length = REPLICA_FIELDS + FIELD_HEADER + 3
  const claim = producer.claim(length)
  const { bytes, words, doubles } = producer.memory
  words.set([0, REPLICA_IS_KNOWN, 0, 1], claim >> 2)
  doubles.set([Number.NaN, 5, 12, 20], (claim >> 3) + 2)
  bytes.set([4, 0, 3, 0, 0x31, 0x2e, 0x35], claim + REPLICA_FIELDS)
  const intake = new ReplicaIntake({ interests: table, store, logs, tables, metrics, merger, onKnown: () => {} }, lane)
  intake.take(item, producer.memory, claim)

  t.deepEqual([item.isKnown, item.seq, item.rawSeq, item.fieldIds[0], view.seq], [true, 12, 20, 7, 12])
  t.is(store.bytes.toString('latin1', item.blockOffsets[0], item.blockOffsets[0]! + item.lengths[0]!), '1.5')
  t.deepEqual([...ready].sort(), [0, 1, 2, 3, 4])
  t.is(metrics.get(M.updatesPublished), 5, 'one update a session')
  for (const one of interests) {
    t.deepEqual([table.isWaiting(one), table.positions[one], table.sentSeqs[one]], [true, NEEDS_SNAPSHOT, 11])
  }
})
